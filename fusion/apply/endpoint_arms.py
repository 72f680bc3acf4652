"""What one fold's arms say of one endpoint, be it the run's primary one or a secondary one.

Networks speak of all endpoints at once, by a head each. A classical model is read from its skops file; late fusion is
made of the single modalities' members, and the chosen classical arm is the one that the fold's inner folds chose: all
as in training. What was fitted for a secondary endpoint alone lies in a folder of its own, see `secondary_place`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fusion.apply.reading import FoldReading, is_network, kept_of
from fusion.apply.trained import Member, score
from fusion.arms.base import BASE, FUSION, secondary_place
from fusion.arms.classical import model_logits
from fusion.arms.combined import average
from fusion.arms.secondary import PLAIN
from fusion.arms.stacked import STACKED, mean_score, single_logits
from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.outcome import outcome_of
from fusion.network.fitting import PRIMARY
from fusion.plain.base import Plain, load_base
from fusion.run.state import load_estimator

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


class EndpointArms:
    """The arms of one fold as an endpoint has them.

    Args:
        reading: the fold and the patients.
        endpoint: which.
        beside: its place among the secondary endpoints of the run; None: it is the primary one.
    """

    def __init__(self, reading: FoldReading, endpoint: EndpointSpec, *, beside: int | None = None) -> None:
        self._reading = reading
        self._endpoint = endpoint
        self._outcome = outcome_of(endpoint)
        self._within = "" if beside is None else secondary_place(beside)
        self._name = PRIMARY if beside is None else endpoint.name

    def threshold(self, arm: str) -> float:
        """Of the arm's decision, as the fold chose it; NaN where the likeliest class is called."""
        kept = self.record(arm)
        found = self.threshold(kept["chosen"]) if "chosen" in kept else kept["calibration"]["threshold"]
        return float("nan") if found is None else float(found)

    def score(self, arm: str) -> Floats:
        """Calibrated scores ``(patient,)`` or ``(patient, class)``, as the arm gives its test patients in training.

        Raises:
            FusionError: the run did not keep the arm, or a file of it cannot be read.
        """
        kept = self.record(arm)
        if "chosen" in kept:
            return self.score(kept["chosen"])
        if is_network(self._reading.models, arm):
            return score(*self.network(arm))
        if (self._folder / arm / "model.skops").is_file():
            return self._classical(arm, kept)
        plain = self.plain(arm)
        if plain is not None:
            rows = self._single_logits(kept) if arm == STACKED else self.rows(arm)
            calibrator = self._outcome.restore_calibrator(kept["calibration"])
            return np.asarray(calibrator(plain.logits(rows)), dtype=np.float64)
        return self._late(kept)

    def network(self, arm: str) -> tuple[list[Member], Floats]:
        """The members of a network arm and their logits of the patients, ``(member, patient[, class])``."""
        members, logits = self._reading.network(arm)
        mine = members if self._name == PRIMARY else [one.secondary[self._name] for one in members]
        return mine, logits[self._name]

    def plain(self, arm: str) -> Plain | None:
        """The plain model that an arm is; None where it is none."""
        if arm != BASE:
            return load_base(self._folder / arm)
        name = "base" if self._name == PRIMARY else str(self.record(FUSION)["base"])
        return load_base(self._reading.models / FUSION, name=name)

    def rows(self, arm: str) -> pd.DataFrame:
        """``(patient, feature)`` of all modalities, as the arm reads them."""
        if arm == BASE or not self._within or is_network(self._reading.models, arm):
            of = FUSION if arm == BASE else arm
            return self._reading.table(of, kept_of(self._reading.models, of))
        return self._reading.table(f"{self._within}/{arm}", kept_of(self._folder, arm))

    def record(self, arm: str) -> dict[str, Any]:
        """What the run keeps of the arm and this endpoint.

        Raises:
            FusionError: nothing that can be read.
        """
        models = self._reading.models
        if not self._within:
            return kept_of(models, arm)
        network = FUSION if arm == BASE else arm
        if not is_network(models, network):
            return kept_of(self._folder, arm)
        try:
            mine = dict(kept_of(models, network)["secondary"][self._name])
            return dict(mine[PLAIN]) if arm == BASE else mine
        except (KeyError, TypeError) as error:
            raise FusionError(
                f"{models / network / 'arm.json'}: keeps nothing of endpoint {self._name!r}. Restore it from the run."
            ) from error

    @property
    def _folder(self) -> Path:
        """Where arms lie that are of this endpoint alone."""
        return self._reading.models / self._within

    def _classical(self, arm: str, kept: Mapping[str, Any]) -> Floats:
        model = load_estimator(self._folder / arm / "model.skops")
        # What the cohort has no file of is missing, and imputed as the model does it.
        rows = self.rows(arm).reindex(columns=list(model.feature_names_in_))
        calibrator = self._outcome.restore_calibrator(kept["calibration"])
        return np.asarray(calibrator(model_logits(model, rows, self._outcome)), dtype=np.float64)

    def _single_logits(self, kept: Mapping[str, Any]) -> pd.DataFrame:
        """What stacking reads; a modality of which there is no file is missing in everybody."""
        singles = self._singles(kept)
        scores = {name: mean_score(part, self._outcome) for name, part in singles.items()}
        has = dict(zip(singles, self._reading.has(singles), strict=True))
        return single_logits(scores, has, self._reading.patients, self._outcome)

    def _late(self, kept: Mapping[str, Any]) -> Floats:
        singles = self._singles(kept)
        has = self._reading.has(singles)
        by_member = np.moveaxis(np.stack(list(singles.values())), 1, 0)
        logits = np.stack([average(scores, has, self._outcome) for scores in by_member])
        calibrator = self._outcome.restore_calibrator(kept["calibration"])
        return np.asarray(calibrator(logits.mean(axis=0)), dtype=np.float64)

    def _singles(self, kept: Mapping[str, Any]) -> dict[str, Floats]:
        """Modality → ``(member, patient[, class])`` scores of its arm, each calibrated for a single member."""
        found = {}
        for name in kept["modalities"]:
            if name in self._reading.modalities:
                members, logits = self.network(f"only_{name}")
                single = members[0].single or members[0].calibrator
                found[name] = np.stack([single(part) for part in logits])
        return found
