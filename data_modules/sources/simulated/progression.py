"""Time to progression in the simulated cohort, in a table of its own. Invented, as all of it.

What makes a tumour respond also keeps it from growing again, by the equation of `design` without its constant:

    hazard(t) = SHAPE / SCALE · (t / SCALE)^(SHAPE - 1) · exp(risk),      risk = -EFFECT · (k · CELL[T, D] + clinical)

Patients enter over ACCRUAL days of a study that ends after STUDY days, and some leave before. Drawn from a stream of
its own, so that every other file stays as it was. `clinical.tsv` draws its course from the response alone and knows
nothing of this table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_modules.files import replace_file
from data_modules.sources.simulated.design import CELL

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE, SCALE, EFFECT = 1.3, 800.0, 0.9
ACCRUAL, STUDY, LEAVING = 900, 1800, 4000.0
"""Days; the last is the mean time until a patient leaves."""


@dataclass(frozen=True, kw_only=True)
class Progression:
    """Per patient: the true log-risk, days until progression or the last visit, and whether progression was seen."""

    risk: NDArray[np.float64]
    days: NDArray[np.int64]
    seen: NDArray[np.bool_]


def draw_progression(
    rng: np.random.Generator,
    *,
    rich: NDArray[np.bool_],
    deficient: NDArray[np.bool_],
    clinical: NDArray[np.float64],
    interaction: float,
) -> Progression:
    """The equation above; within each of the four cells times lie at even quantiles, in random order.

    So each patient's time has exactly its distribution, and a cohort of 240 shows the design at any seed.
    """
    cells = np.array([CELL[bool(t), bool(d)] for t, d in zip(rich, deficient, strict=True)])
    risk = -EFFECT * (interaction * cells + clinical)
    risk = risk - risk.mean()
    even = np.empty(len(risk))
    for t in (False, True):
        for d in (False, True):
            members = rng.permutation(np.flatnonzero((rich == t) & (deficient == d)))
            even[members] = (np.arange(len(members)) + rng.random()) / max(len(members), 1)
    time = SCALE * (-np.log1p(-np.clip(even, 1e-9, 1 - 1e-9)) / np.exp(risk)) ** (1 / SHAPE)
    end = np.minimum(STUDY - ACCRUAL * rng.random(len(risk)), rng.exponential(LEAVING, len(risk)))
    days = np.maximum(1, np.ceil(np.minimum(time, end))).astype(np.int64)
    return Progression(risk=risk, days=days, seen=time <= end)


def write_progression(ids: list[str], progression: Progression, path: Path, truth: Path) -> None:
    """The cohort's table at `path`, one row a patient; into `truth` the log-risks and what they score."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "case_submitter_id": ids,
            "days_to_progression_or_last_visit": progression.days,
            "progression_seen": np.where(progression.seen, "yes", "no"),
        }
    )
    risks = pd.DataFrame({"patient_id": ids, "log_risk": progression.risk})
    oracle = {
        "c_harrell": concordance(progression),
        "events": int(progression.seen.sum()),
        "patients": len(ids),
    }
    replace_file(truth / "progression.parquet", lambda partial: risks.to_parquet(partial, index=False))
    replace_file(
        truth / "oracle_progression.json",
        lambda partial: partial.write_text(json.dumps(oracle, indent=1) + "\n", encoding="utf-8"),
    )
    # The table goes last: where it stands, its truth does.
    replace_file(path, lambda partial: table.to_csv(partial, sep="\t", index=False, lineterminator="\n"))


def concordance(progression: Progression) -> float:
    """Harrell's C of the true risk, the oracle's; NaN where no pair is comparable."""
    days, seen, risk = progression.days, progression.seen, progression.risk
    later = (days > days[:, None]) | ((days == days[:, None]) & ~seen)
    pairs = later & seen[:, None]
    right = (risk[:, None] > risk) + 0.5 * (risk[:, None] == risk)
    return float(right[pairs].mean()) if pairs.any() else float("nan")
