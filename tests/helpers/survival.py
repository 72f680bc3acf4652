"""Followed patients with risks, drawn; and predictions of several arms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def followed(
    number: int, *, seed: int = 0, censored: float = 0.5, decimals: int | None = 1
) -> tuple[Floats, Floats, Floats]:
    """Times in months with ties, events and the log-risk that made them; `censored` is about the share censored."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=number)
    time = rng.exponential(40 * np.exp(-0.7 * risk))
    end = rng.exponential(40 * (1 - censored) / censored, size=number) if censored else np.full(number, np.inf)
    end = np.minimum(end, 60.0) if censored else end  # the study ends
    times = np.minimum(time, end)
    if decimals is not None:
        times = np.round(times, decimals) + 10.0**-decimals
    return times, (time <= end).astype(np.float64), risk


def followed_late(number: int, *, seed: int = 0, late: float = 0.7) -> tuple[Floats, Floats, Floats, Floats]:
    """Times in months without ties, events, entries and risk; who had the event before their entry is not there.

    A share `late` would have come under observation up to 30 months after time zero; `number` are those who did.
    """
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=4 * number)
    time = rng.exponential(40 * np.exp(-0.7 * risk))
    entry = np.where(rng.random(len(time)) < late, rng.uniform(0, 30, len(time)), 0.0)
    end = entry + rng.exponential(40, size=len(time))
    there = np.flatnonzero(entry < time)[:number]
    return np.minimum(time, end)[there], (time <= end)[there].astype(np.float64), entry[there], risk[there]


def survival_predictions(
    number: int = 120,
    *,
    arms: Sequence[str] = ("fusion", "only_a", "late", "classical"),
    folds: int = 4,
    repeats: int = 1,
    horizons: Sequence[int] = (12, 24, 36),
    seed: int = 0,
    censored: float = 0.5,
) -> pd.DataFrame:
    """Rows of predictions.parquet; fusion knows most, and each fold's scores have a level of their own."""
    times, events, risk = followed(number, seed=seed, censored=censored)
    rng = np.random.default_rng(seed + 1)
    rows = []
    for repeat in range(repeats):
        fold = rng.permutation(number) % folds
        for place, arm in enumerate(arms):
            score = risk + rng.normal(size=number) * (0.3 + 0.4 * place)
            table = pd.DataFrame(
                {
                    "patient_id": [f"P-{index:04d}" for index in range(number)],
                    "arm": arm,
                    "repeat": repeat,
                    "fold": fold,
                    "endpoint": "pfs",
                    "label": events.astype(np.int64),
                    "time": times,
                    "score": score + 5 * fold,
                }
            )
            for horizon in horizons:
                table[f"survival@{horizon}"] = np.exp(-horizon / 40 * np.exp(0.7 * score))
            rows.append(table)
    return pd.concat(rows, ignore_index=True)
