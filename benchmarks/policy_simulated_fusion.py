"""The package on cohorts of `policy_simulated`: ``python benchmarks/policy_simulated_fusion.py [patients] [seeds]``.

Each cohort is written as two tables (covariates with the response; the arm) and trained as anybody would:
`fusion.train` with the preset that a cohort without one gets, arm fusion alone, nothing tuned. Its metrics.json and
policy.parquet give the lines that `policy_simulated` prints, here of the rules ``fusion`` and ``base`` (the plain model
that it starts from, with products of columns), and of the plain learners on the run's folds. Two minutes and more a
cohort and core.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from policy_simulated import ARMS, DEVIATION, simulate, summary

from fusion.evaluation.policy.evaluate import by_repeat

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


def trained(patients: int, *, seed: int, deviation: float, place: Path) -> list[dict[str, object]]:
    """One cohort: lines as of `policy_simulated.measured`."""
    cohort = simulate(patients, seed=seed, deviation=deviation)
    root, conf, out = place / "data", place / "conf" / "cohort", place / "run"
    root.mkdir(parents=True)
    conf.mkdir(parents=True)
    cohort.covariates.assign(response=cohort.label).to_csv(root / "covariates.csv")
    cohort.arm.rename("arm").to_frame().to_csv(root / "treatment.csv")
    names = "\n".join(f"        {name}: {{time: baseline, kind: number}}" for name in cohort.covariates)
    (conf / "dealt.yaml").write_text(COHORT.format(root=root, columns=names))
    asked = ("arms=[fusion]", "evaluation.audit=false", "workers=1", "logger=none", "device=cpu", f"seed={seed}")
    command = [sys.executable, "-m", "fusion.train", "--config-dir", str(conf.parent), "cohort=dealt", f"output={out}"]
    done = subprocess.run([*command, *asked], cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    table, found = pd.read_parquet(out / "policy.parquet"), json.loads((out / "metrics.json").read_text())
    truth, everybody = cohort.truth.to_numpy(), sorted(cohort.truth.index)
    single, most = truth.mean(axis=0).max(), truth.max(axis=1).mean()
    start = found.get("start", {})
    lines: list[dict[str, object]] = []
    for name, row in found["policy"]["arms"].items():
        chosen = by_repeat(table[table["arm"] == name], everybody)[0]
        places = [ARMS.index(chosen.names[place]) for place in chosen.preferred]
        lines.append(
            {
                "patients": patients, "deviation": deviation, "seed": seed, "rule": name, "by": "fusion.train",
                **{f"{way}_{end}": round(row["against_best"][way][end], 5)
                   for way in ("robust", "weighted") for end in ("value", "low", "high")},
                "value": round(row["robust"]["value"], 5), "effective": round(row["effective"], 1),
                "true_value": round(truth[np.arange(patients), places].mean(), 5),
                "true_single": round(single, 5), "true_oracle": round(most, 5),
                "auroc": round(found["arms"][name]["auroc"]["value"], 5) if name in found["arms"] else None,
                "gates": [round(one, 3) for one in start.get("gates", ())],
            }
        )  # fmt: skip
    return lines


if __name__ == "__main__":
    asked = [int(one) for one in sys.argv[1:]]
    number, seeds = (asked + [1000, 20][len(asked) :])[:2]
    made: list[dict[str, object]] = []
    for one in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            for line in trained(number, seed=one, deviation=DEVIATION, place=Path(folder)):
                made.append(line)
                print(json.dumps(line), flush=True)
    print(summary(made).to_string(), file=sys.stderr)
