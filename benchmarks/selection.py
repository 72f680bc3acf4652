"""Time of recursive feature elimination in one fold: 20,000 variants × 600 patients down to 64.

Run: ``python benchmarks/selection.py``. Prints seconds of wall time by method and estimator; the
aim for recursive elimination is ≤ 10 s.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from data_modules.learned.selection import Selector

PATIENTS, FEATURES, KEPT = 600, 20_000, 64


def main() -> None:
    rng = np.random.default_rng(0)
    frequency = rng.uniform(0.02, 0.4, FEATURES)
    dosage = rng.binomial(2, frequency, (PATIENTS, FEATURES)).astype(np.float64)
    table = pd.DataFrame(dosage, columns=[f"variant{number}" for number in range(FEATURES)])
    response = (dosage[:, :5].sum(axis=1) + rng.normal(0, 1, PATIENTS) > dosage[:, :5].sum(axis=1).mean()).astype(int)
    genes = {name: f"GENE{number // 4}" for number, name in enumerate(table.columns)}
    runs: tuple[dict[str, Any], ...] = (
        {},
        {"univariate": 2000},
        {"estimator": "svm"},
        {"estimator": "forest"},
        {"by_gene": True},
        {"method": "l1"},
        {"method": "mutual_information"},
        {"method": "rfecv", "univariate": 2000},
    )
    for settings in runs:
        begin = time.perf_counter()
        Selector(features=KEPT, **settings).fit(table, response, genes)
        print(f"{settings or 'defaults'!s:<44} {time.perf_counter() - begin:6.1f} s")


if __name__ == "__main__":
    main()
