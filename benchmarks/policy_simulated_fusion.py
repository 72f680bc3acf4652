"""The package on cohorts of `policy_simulated`; goes on where it was interrupted.

    python benchmarks/policy_simulated_fusion.py --seeds 0-19            # benefit that differs between patients
    python benchmarks/policy_simulated_fusion.py --seeds 0-19 --null     # nobody benefits
    python benchmarks/policy_simulated_fusion.py --table                 # what was measured, both kinds

Each cohort is written as two tables (covariates with the response; the arm) and trained as anybody would:
`fusion.train` with the preset that a cohort without one gets, arm fusion alone, nothing tuned. Its metrics.json and
policy.parquet give the lines that `policy_simulated` prints, here of the rules ``fusion`` and ``base`` (the plain model
that it starts from, with products of columns), and of the plain learners on the run's folds. Two minutes and more a
cohort and core.

A line of JSON a cohort goes to ``results/policy_simulated_fusion_<commit>.jsonl``, the commit that last changed what a
run computes, with ``+`` behind it where files differ from it; a cohort that stands there is not run again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from policy_simulated import ARMS, DEVIATION, simulate, summary

from fusion.evaluation.policy.evaluate import by_repeat

RESULTS = Path(__file__).parent / "results"
COMPUTES = ("fusion", "data_modules", "conf")
"""Folders of the repository that a run's figures depend on."""

COHORT = """\
# @package _global_
defaults:
  - /modality@modality.covariates: table
  - /modality@modality.treatment: table
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: dealt
  root: {root}
  simulated: true
  tables:
    covariates:
      file: covariates.csv
      columns:
{columns}
        response: {{time: outcome}}
    treatment: {{file: treatment.csv, columns: {{arm: {{time: baseline}}}}}}
  endpoints:
    response: {{table: covariates, column: response, positive: ["1"], negative: ["0"]}}
  therapy: {{table: treatment, columns: [arm]}}
modality:
  covariates: {{table: covariates}}
  treatment: {{table: treatment}}
"""


def version() -> str:
    """The commit that last changed `COMPUTES`, short; ``+`` behind it where the working tree differs."""
    root = RESULTS.parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words, "--", *COMPUTES], cwd=root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return git("log", "-1", "--format=%h") + ("+" if git("status", "--porcelain") else "")


def trained(patients: int, *, seed: int, deviation: float, place: Path, asked: Sequence[str] = ()) -> dict[str, Any]:
    """One cohort's line: who it is, what the truth allows, and under ``rules`` each rule as of `policy_simulated`."""
    begun = _seconds()
    cohort = simulate(patients, seed=seed, deviation=deviation)
    root, conf, out = place / "data", place / "conf" / "cohort", place / "run"
    root.mkdir(parents=True)
    conf.mkdir(parents=True)
    cohort.covariates.assign(response=cohort.label).to_csv(root / "covariates.csv")
    cohort.arm.rename("arm").to_frame().to_csv(root / "treatment.csv")
    names = "\n".join(f"        {name}: {{time: baseline, kind: number}}" for name in cohort.covariates)
    (conf / "dealt.yaml").write_text(COHORT.format(root=root, columns=names))
    own = ("arms=[fusion]", "evaluation.audit=false", "workers=1", "logger=none", "device=cpu", f"seed={seed}")
    command = [sys.executable, "-m", "fusion.train", "--config-dir", str(conf.parent), "cohort=dealt", f"output={out}"]
    done = subprocess.run([*command, *own, *asked], cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    table, found = pd.read_parquet(out / "policy.parquet"), json.loads((out / "metrics.json").read_text())
    truth, everybody = cohort.truth.to_numpy(), sorted(cohort.truth.index)
    rules = {}
    for name, row in found["policy"]["arms"].items():
        chosen = by_repeat(table[table["arm"] == name], everybody)[0]
        places = [ARMS.index(chosen.names[place]) for place in chosen.preferred]
        rules[name] = {
            **{
                f"{way}_{end}": round(row["against_best"][way][end], 5)
                for way in ("robust", "weighted")
                for end in ("value", "low", "high")
            },
            "value": round(row["robust"]["value"], 5),
            "effective": round(row["effective"], 1),
            "true_value": round(truth[np.arange(patients), places].mean(), 5),
            "auroc": round(found["arms"][name]["auroc"]["value"], 5) if name in found["arms"] else None,
        }
    return {
        "patients": patients,
        "deviation": deviation,
        "seed": seed,
        "asked": list(asked),
        "true_single": round(truth.mean(axis=0).max(), 5),
        "true_oracle": round(truth.max(axis=1).mean(), 5),
        "gates": [round(one, 3) for one in found.get("start", {}).get("gates", ())],
        "seconds": round(_seconds() - begun, 1),
        "rules": rules,
    }


def read(path: Path) -> list[dict[str, Any]]:
    """Lines so far; one that an interruption cut short is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            print(f"left out, for it is cut short: {line[:60]}", file=sys.stderr)
    return found


def lacking(seeds: Sequence[int], lines: Sequence[dict[str, Any]], **alike: object) -> list[int]:
    """Seeds of which no line has all that is given in `alike`."""
    done = {line["seed"] for line in lines if all(line[key] == value for key, value in alike.items())}
    return [seed for seed in seeds if seed not in done]


def told(lines: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The table of `policy_simulated.summary`, with the share of the oracle's gain by cohort and its interval.

    The share of all cohorts is the ratio of means; ``low`` and ``high`` are its 95 % interval by draws of cohorts.
    """
    flat = [
        {**{key: value for key, value in line.items() if key != "rules"}, "rule": rule, **row}
        for line in lines
        for rule, row in line["rules"].items()
    ]
    found = summary(flat)
    table = pd.DataFrame(flat)
    rng = np.random.default_rng(19)
    for key, rows in table.groupby(["patients", "deviation", "rule"], sort=False):
        gain, most = (
            (rows[of] - rows["true_single"]).to_numpy()[rng.integers(0, len(rows), (2000, len(rows)))].mean(axis=1)
            for of in ("true_value", "true_oracle")
        )
        if (most > 0).all():
            found.loc[key, ["low", "high"]] = np.quantile(gain / most, [0.025, 0.975]).round(4)
    return found


def _seconds() -> float:
    """Of the processor, of this process's children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _numbers(text: str) -> list[int]:
    """``0-4,7`` → 0, 1, 2, 3, 4, 7."""
    parts = [part.split("-") for part in text.split(",")]
    return [number for part in parts for number in range(int(part[0]), int(part[-1]) + 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--seeds", type=_numbers, default=_numbers("0-19"), help="e.g. 0-4,7")
    parser.add_argument("--null", action="store_true", help="cohorts in which nobody is helped by a choice")
    parser.add_argument("--ask", nargs="+", default=[], metavar="KEY=VALUE", help="further words of fusion.train")
    parser.add_argument("--out", type=Path, help="another file of results")
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    out = given.out or RESULTS / f"policy_simulated_fusion_{version()}.jsonl"
    cohort = {"patients": given.patients, "deviation": 0.0 if given.null else DEVIATION, "asked": given.ask}
    todo = [] if given.table else lacking(given.seeds, read(out), **cohort)
    if not given.table:
        print(f"{len(given.seeds) - len(todo)} of {len(given.seeds)} cohorts are in {out}", flush=True)
    for seed in todo:
        with tempfile.TemporaryDirectory() as folder:
            line = trained(seed=seed, place=Path(folder), **cohort)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(f"seed {seed}: {line['seconds']} s", flush=True)
    if not (lines := [line for line in read(out) if line["asked"] == given.ask]):
        print(f"nothing of this kind in {out}")
        return 2
    print(told(lines).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
