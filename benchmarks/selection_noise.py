"""Selection on noise: 20,000 variants that say nothing, labels permuted 20 times, AUROC of patients held out.

Run: ``python benchmarks/selection_noise.py``. In each of five folds the features are chosen on training patients and
a logistic regression on these scores the others. The mean AUROC over permutations must lie within 0.05 of 0.5 (exit
code 1 where it does not). Beside it stands the same with features chosen on all patients, the mistake that this looks
for.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from data_modules.learned.selection import Selector

PATIENTS, VARIANTS, PERMUTATIONS, FOLDS, KEPT, MARGIN = 200, 20_000, 20, 5, 32, 0.05


def held_out_auroc(X: pd.DataFrame, y: NDArray[np.int64], *, leak: bool) -> float:
    """Of pooled scores over folds; with `leak`, features are chosen on everybody."""
    scores = np.zeros(len(y))
    everybody = np.arange(len(y))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y):
        seen = everybody if leak else train
        selector = Selector(min_prevalence=0.02, univariate=2000, features=KEPT)
        names = list(selector.fit(X.iloc[seen], y[seen]).names)
        model = LogisticRegression(C=0.1, max_iter=1000).fit(X.iloc[train][names], y[train])
        scores[test] = model.decision_function(X.iloc[test][names])
    return float(roc_auc_score(y, scores))


def main() -> int:
    rng = np.random.default_rng(0)
    frequency = rng.uniform(0.02, 0.4, VARIANTS)
    dosage = rng.binomial(2, frequency, (PATIENTS, VARIANTS)).astype(np.float64)
    X = pd.DataFrame(dosage, index=[f"P{at:03d}" for at in range(PATIENTS)])
    begin = time.perf_counter()
    found, leaked = [], []
    for number in range(PERMUTATIONS):
        y = rng.permutation(np.arange(PATIENTS) % 2)
        found.append(held_out_auroc(X, y, leak=False))
        leaked += [held_out_auroc(X, y, leak=True)] if number < 2 else []
    mean, spread = float(np.mean(found)), float(np.std(found, ddof=1))
    print(f"chosen in the fold: mean AUROC {mean:.3f}, standard deviation {spread:.3f}, {PERMUTATIONS} permutations")
    print(f"chosen on all patients (wrong, for comparison): {np.mean(leaked):.3f}")
    print(f"{time.perf_counter() - begin:.0f} s")
    return int(abs(mean - 0.5) > MARGIN)


if __name__ == "__main__":
    sys.exit(main())
