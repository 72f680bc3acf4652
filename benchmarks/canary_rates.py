"""How often canaries are right: ``python benchmarks/canary_rates.py [cohorts]``, through the real command's function.

Cohorts of 150 patients with eight noisy columns, two of which bear on the outcome, values missing at random and three
sites: *clean*, with a *leak* (a column that is the outcome, 2 % of it wrong), or with one patient *twice*. Measured
with 20 cohorts of each, folds.outer=3 and folds.inner=2, 3 s of processor time each: of *clean* none fails, of *leak*
all 20 (both again at c71a886, the same seeds) and of *twice* all 20 (an earlier version alone).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import yaml

KINDS = ("clean", "leak", "twice")


def write_cohort(folder: Path, seed: int, kind: str, *, patients: int = 150) -> Path:
    """A cohort's table and YAML; the folder for ``--config-dir``."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(patients, 8)).round(3)
    chance = 1 / (1 + np.exp(-(1.2 * values[:, 0] - 0.9 * values[:, 1] - 0.3)))
    outcome = rng.random(patients) < chance
    values[rng.random(values.shape) < 0.05] = np.nan
    table = pd.DataFrame(values, columns=[f"m{one}" for one in range(8)])
    table.insert(0, "patient_id", [f"P{one:03}" for one in range(patients)])
    table["site"] = rng.choice(["north", "south", "west"], patients)
    table["best"] = np.where(outcome, "CR", "PD")
    columns: dict[str, Any] = {f"m{one}": {"time": "baseline", "kind": "number"} for one in range(8)}
    if kind == "leak":
        table["late"] = np.where(rng.random(patients) < 0.02, ~outcome, outcome).astype(int)
        columns["late"] = {"time": "baseline", "kind": "number"}
    if kind == "twice":
        table = pd.concat([table, table.iloc[[3]].assign(patient_id="P999")])
    columns |= {"site": {"time": "baseline"}, "best": {"time": "outcome"}}
    (folder / "cohort").mkdir(parents=True)
    table.to_csv(folder / "clinical.csv", index=False)
    content = {
        "defaults": [{"/modality@modality.clinical": "table"}],
        "cohort": {
            "_target_": "data_modules.cohort.source.CohortSource",
            "name": "planted",
            "root": str(folder),
            "build": None,
            "tables": {"clinical": {"file": "clinical.csv", "id": "patient_id", "columns": columns}},
            "endpoints": {"response": {"table": "clinical", "column": "best", "positive": ["CR"], "negative": ["PD"]}},
            "site": {"table": "clinical", "column": "site"},
        },
        "modality": {"clinical": {"table": "clinical"}},
    }
    text = "# @package _global_\n" + yaml.safe_dump(content, sort_keys=False)
    (folder / "cohort" / "planted.yaml").write_text(text, encoding="utf-8")
    return folder


def look_at(folder: Path, *more: str) -> dict[str, Any]:
    """What the command finds in a cohort of `write_cohort`."""
    from fusion.canary import look
    from fusion.config.compose import composed

    given = ["cohort=planted", f"output={folder / 'out'}", f"cache={folder / 'cache'}", *more]
    return look(composed("canary", given, folder))


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for what in KINDS:
        begun, failed = time.time(), 0
        for one in range(number):
            with TemporaryDirectory() as place:
                found = look_at(write_cohort(Path(place) / "c", one, what), "folds.outer=3", "folds.inner=2")
                failed += found["verdict"] == "fail"
        print(f"{what}: {failed} of {number} fail, {(time.time() - begun) / number:.1f} s each", flush=True)
