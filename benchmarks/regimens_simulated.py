"""What agents and classes tell of a regimen never seen: ``python benchmarks/regimens_simulated.py [patients] [seeds]``.

Eight regimens of five agents in three classes. Agents of one class are worth alike but for `OWN`, and add up; every
patient has six covariates, four of which tell who responds anyway. Two kinds of cohorts
are the control (`like` false): in one each regimen has an effect of its `own`, so that agents tell nothing of a regimen
left out but what effects happen to share with them; in the other (`none`) agents carry nothing, all regimens are alike,
and no gain may be claimed. Kinds named after the numbers are made alone.
The package reads the regimens (`data_modules.modalities.tables.regimen`), leaves each out in turn in five folds
(`fusion.arms.policy.left_out`) and judges (`fusion.evaluation.policy.left_out`), as `fusion.train` does. A line of JSON
a cohort goes to stdout, with the seconds of processor time that leaving out took; docs/therapies.md says what they say.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from data_modules.cohort.source import CohortSource
from data_modules.modalities.tables.regimen import Regimen
from data_modules.modalities.tables.table import Table
from fusion.arms.base import FoldData
from fusion.arms.policy.left_out import left_out
from fusion.contract import EndpointSpec, Fold
from fusion.evaluation.policy.left_out import arms_left_out

CLASS = {"red": "warm", "orange": "warm", "blue": "cold", "green": "cold", "grey": "plain"}
REGIMENS = {
    "R": ["red"], "O": ["orange"], "B": ["blue"], "G": ["green"], "RB": ["red", "blue"], "OG": ["orange", "green"],
    "RG": ["red", "grey"], "watch": [],
}  # fmt: skip
WORTH = {"warm": 1.2, "cold": 0.4, "plain": -0.2}
OWN = 0.2
"""Deviation of an agent's worth about its class's, log-odds."""


def simulate(patients: int, *, seed: int, effect: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Covariates with the response, and the regimen; index patient_id."""
    rng = np.random.default_rng([seed, 1919])
    index = pd.Index([f"P{one:05}" for one in range(patients)], name="patient_id")
    x = rng.normal(size=(patients, 6))
    worth = {name: WORTH[group] + OWN * rng.normal() for name, group in CLASS.items()}
    effects = {name: sum(worth[one] for one in agents) for name, agents in REGIMENS.items()}
    if effect == "own":
        effects = dict(zip(effects, rng.normal(0.6, 0.6, len(effects)), strict=True))
    if effect == "none":
        effects = dict.fromkeys(effects, 0.6)
    given = rng.choice(list(REGIMENS), patients)
    logits = -1.3 + x @ np.array([0.5, -0.5, 0.4, 0.3, 0, 0]) + np.array([effects[one] for one in given])
    table = pd.DataFrame(x, index=index, columns=[f"x{one}" for one in range(1, 7)])
    table["response"] = (rng.random(patients) < expit(logits)).astype(int)
    return table, pd.DataFrame({"arm": given}, index=index)


def measured(patients: int, *, seed: int, effect: str, root: Path) -> dict[str, Any]:
    """One cohort."""
    table, arms = simulate(patients, seed=seed, effect=effect)
    table.to_csv(root / "clinical.csv")
    arms.to_csv(root / "treatment.csv")
    columns = {name: {"time": "baseline", "kind": "number"} for name in table if name != "response"}
    source = CohortSource(
        name="regimens", root=root, cache=root / "cache",
        tables={"clinical": {"file": "clinical.csv", "columns": columns | {"response": {"time": "outcome"}}},
                "treatment": {"file": "treatment.csv", "columns": {"arm": {"time": "baseline"}}}},
        endpoints={"response": {"table": "clinical", "column": "response", "positive": ["1"], "negative": ["0"]}},
        therapy={"table": "treatment", "columns": ["arm"], "agents": {
            name: [{"agent": one, "class": CLASS[one]} for one in agents] for name, agents in REGIMENS.items()
        }},
    )  # fmt: skip
    modalities = {
        "clinical": Table(name="clinical", source=source, table="clinical"),
        "regimen": Regimen(name="regimen", source=source),
    }
    therapy, labels = source.therapy(list(table.index)), table["response"]
    if therapy is None:
        raise SystemExit("the cohort declares no therapy")

    def fit(who: Any) -> dict[str, Any]:
        return {name: one.fit(who, labels.loc[list(who)].to_numpy()) for name, one in modalities.items()}

    parts, began = [], time.process_time()
    for number, (train, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=seed).split(table, labels)):
        inside = tuple(table.index[train])
        data = FoldData(
            fold=Fold(repeat=0, index=number, train=inside, test=tuple(table.index[test]), inner=()),
            endpoint=EndpointSpec(name="response", kind="binary", classes=("no", "yes")),
            labels=labels.loc[list(inside)], members=[], whole=fit(inside), seed=seed,
        )  # fmt: skip
        parts.append(left_out(data, therapy, ["regimen"], fit, labels=labels))
    seconds = time.process_time() - began
    rows = pd.concat(parts, ignore_index=True)
    found = arms_left_out(rows, rows, therapy.agents, draws=2000, seed=seed)
    told = found["all"]
    inside_arms = [row for row in found["regimens"] if row["auroc"]]
    return {
        "patients": patients, "seed": seed, "effect": effect, "like": effect == "shared",
        **{way: round(told["auroc"][way]["value"], 4) for way in ("seen", "unseen", "untold")},
        **{f"worth_{end}": round(told["unseen_against_untold"][end], 4) for end in ("value", "low", "high")},
        **{f"within_{way}": round(float(np.mean([row["auroc"][way]["value"] for row in inside_arms])), 4)
           for way in ("seen", "unseen")},
        **{f"off_{way}": round(float(np.mean([abs(row["off"][way]["value"]) for row in found["regimens"]])), 4)
           for way in ("seen", "unseen", "untold")},
        "seconds": round(seconds, 1),
    }  # fmt: skip


if __name__ == "__main__":
    asked = [int(one) for one in sys.argv[1:3]]
    number, seeds = (asked + [800, 20][len(asked) :])[:2]
    made = []
    for effect in sys.argv[3:] or ("shared", "own", "none"):
        for one in range(seeds):
            with tempfile.TemporaryDirectory() as folder:
                made.append(measured(number, seed=one, effect=effect, root=Path(folder)))
            print(json.dumps(made[-1]), flush=True)
    table = pd.DataFrame(made)
    table["claims"], table["misleads"] = table["worth_low"] > 0, table["worth_high"] < 0
    numbers = ["seen", "unseen", "untold", "within_seen", "within_unseen", "off_seen", "off_unseen", "off_untold"]
    told = table.groupby("effect").agg(
        {**dict.fromkeys([*numbers, "seconds"], "mean"), "claims": "sum", "misleads": "sum"}
    )
    print(told.round(3).to_string(), file=sys.stderr)
