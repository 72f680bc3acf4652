"""Every arm that a run kept, applied to new patients: so that another cohort says whether fusion is worth its trouble.

`fusion.apply.endpoint_arms` has how each is scored, for the primary endpoint and for those trained beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fusion.apply.endpoint_arms import EndpointArms
from fusion.apply.reading import FoldReading, is_network, kept_of
from fusion.apply.trained import Member
from fusion.arms.base import BASE, FUSION, secondary_place
from fusion.arms.boosting import PLAIN as PLAIN_ARMS
from fusion.arms.secondary import PLAIN
from fusion.arms.stacked import STACKED
from fusion.contract import FusionError
from fusion.evaluation.outcome import outcome_of
from fusion.plain.base import load_base
from fusion.plain.redrawn import Redrawn
from fusion.run.state import load_state

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

REFITS = "therapy_draws"
"""In a fold's folder: the changes of its plain model from draw to draw (`fusion.arms.policy.redrawn`)."""


def kept_arms(models: Sequence[Path], have: Sequence[str], *, beside: tuple[int, str] | None = None) -> list[str]:
    """Arms that every fold kept and that can be scored by the modalities there are, in the order of reports.

    Args:
        models: ``models/<fold>`` of each fold.
        have: modalities of which the cohort has files.
        beside: place and name of a secondary endpoint, whose arms are asked for; None: the primary one's.
    """
    found = []
    for folder in models:
        reads = _reads(folder, beside)
        found.append({name for name, seen in reads.items() if seen is None or set(seen) & set(have)})
    every = set.intersection(*found) if found else set()
    first = (FUSION, BASE, *sorted(name for name in every if name.startswith("only_")))
    last = (
        "classical_lr",
        "classical_elastic",
        "classical_forest",
        *PLAIN_ARMS,
        "handcrafted",
        "late",
        STACKED,
        "classical",
    )
    return [name for name in (*first, *last) if name in every]


def _reads(folder: Path, beside: tuple[int, str] | None) -> dict[str, list[str] | None]:
    """Arm of a fold → the modalities that it reads, None where it reads all that there are."""
    kept = {path.parent.name: kept_of(folder, path.parent.name) for path in folder.glob("*/arm.json")}
    if beside is None:
        own = dict(kept.get(FUSION, {}))
    else:
        place, name = beside
        kept = {arm: one for arm, one in kept.items() if is_network(folder, arm) and name in one.get("secondary", {})}
        own = kept[FUSION]["secondary"][name] if FUSION in kept else {}
        alone = folder / secondary_place(place)
        kept |= {path.parent.name: kept_of(alone, path.parent.name) for path in alone.glob("*/arm.json")}
    plain = own.get(BASE if beside is None else PLAIN)
    if plain is not None:
        kept[BASE] = plain
    return {arm: one.get("modalities") for arm, one in kept.items()}


class FoldArms:
    """The arms of one fold and some patients, of the run's endpoint and of those trained beside it (`beside`)."""

    def __init__(self, reading: FoldReading) -> None:
        self._models = reading.models
        self._endpoint = reading.endpoint
        self._primary = EndpointArms(reading, reading.endpoint)
        self._secondary = {
            one.name: EndpointArms(reading, one, beside=place) for place, one in enumerate(reading.secondary)
        }

    def threshold(self, arm: str) -> float:
        """Of the arm's decision, as the fold chose it; NaN where the likeliest class is called."""
        return self._primary.threshold(arm)

    def score(self, arm: str) -> Floats:
        """Calibrated scores ``(patient,)`` or ``(patient, class)``, as the arm gives its test patients in training.

        Raises:
            FusionError: the run did not keep the arm, or a file of it cannot be read.
        """
        return self._primary.score(arm)

    def beside(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, dict[str, tuple[Floats, float]]]:
        """Secondary endpoint → arm → calibrated scores as in training, and the threshold.

        Args:
            wanted: endpoint → the arms that are asked for.

        Raises:
            FusionError: the run did not keep one of them, or a file of it cannot be read.
        """
        return {
            name: {arm: (self._secondary[name].score(arm), self._secondary[name].threshold(arm)) for arm in arms}
            for name, arms in wanted.items()
        }

    def table(self, arm: str) -> pd.DataFrame:
        """``(patient, feature)`` of all modalities, as the arm reads them."""
        return self._primary.rows(arm)

    def network(self, arm: str) -> tuple[list[Member], Floats]:
        """The members of a network arm and their logits of the patients, ``(member, patient[, class])``."""
        return self._primary.network(arm)

    def redrawn(self, arm: str) -> Floats | None:
        """``(draw, patient)`` scores of the fused arm or its plain model by refits to patients drawn with replacement.

        What networks and trees add stays as it is. None where the run kept no refits, or of another arm.

        Raises:
            FusionError: what it kept does not fit its plain model.
        """
        plain = load_base(self._models / FUSION) if arm in (FUSION, BASE) else None
        if plain is None or not (self._models / f"{REFITS}.json").is_file():
            return None
        try:
            change = Redrawn.restore(load_state(self._models, REFITS).arrays).change(plain, self.table(arm))
        except (KeyError, ValueError) as error:
            raise FusionError(
                f"{self._models / REFITS}: cannot be read ({error}). The run folder was altered; restore it."
            ) from error
        if arm == FUSION and is_network(self._models, arm):
            members, logits = self.network(arm)
            calibrator, middle = members[0].calibrator, logits.mean(axis=0)
        else:
            calibrator = outcome_of(self._endpoint).restore_calibrator(kept_of(self._models, arm)["calibration"])
            middle = plain.logits(self.table(arm))
        return np.stack([np.asarray(calibrator(middle + one), dtype=np.float64) for one in change])
