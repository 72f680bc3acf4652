"""Every arm that a run kept, applied to new patients: so that another cohort says whether fusion is worth its trouble.

Networks score as ever. A classical model is read from its skops file; late fusion is made of the single modalities'
members, and the chosen classical arm is the one that the fold's inner folds chose: all as in training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray

from fusion.apply.states import as_read, restored
from fusion.apply.trained import Member, as_chosen, endpoint_logits, load_members, score
from fusion.arms.base import BASE, FUSION
from fusion.arms.boosting import PLAIN
from fusion.arms.classical import features, model_logits
from fusion.arms.combined import average
from fusion.arms.stacked import STACKED, mean_score, single_logits
from fusion.contract import EndpointSpec, FittedModality, FusionError, Modality
from fusion.contract.devices import device_of
from fusion.contract.modality import has as has_modality
from fusion.evaluation.outcome import outcome_of
from fusion.network.fitting import PRIMARY
from fusion.plain.base import load_base
from fusion.plain.redrawn import Redrawn
from fusion.run.bounded import plain_name, read_json
from fusion.run.state import load_estimator, load_state

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

REFITS = "therapy_draws"
"""In a fold's folder: the changes of its plain model from draw to draw (`fusion.arms.policy.redrawn`)."""


def kept_arms(models: Sequence[Path], have: Sequence[str]) -> list[str]:
    """Arms that every fold kept and that can be scored by the modalities there are, in the order of reports.

    Args:
        models: ``models/<fold>`` of each fold.
        have: modalities of which the cohort has files.
    """
    found: list[set[str]] = []
    for folder in models:
        names = {path.parent.name for path in folder.glob("*/arm.json")}
        if FUSION in names and BASE in _kept(folder, FUSION):
            names.add(BASE)
        reads = {name: _kept(folder, name).get("modalities") for name in names}
        found.append({name for name, seen in reads.items() if seen is None or set(seen) & set(have)})
    every = set.intersection(*found) if found else set()
    first = (FUSION, BASE, *sorted(name for name in every if name.startswith("only_")))
    last = (
        "classical_lr",
        "classical_elastic",
        "classical_forest",
        *PLAIN,
        "handcrafted",
        "late",
        STACKED,
        "classical",
    )
    return [name for name in (*first, *last) if name in every]


class FoldArms:
    """The arms of one fold and some patients.

    Args:
        models: ``models/<fold>`` of the run.
        config: the run's configuration.
        endpoint: the run's.
        modalities: bound to the cohort that is read.
        patients: whom to score.
        make_data: builds loaders (the run's `datamodule`).
        secondary: endpoints trained beside it, of which network arms speak too; see `beside`.
        readings: number of a candidate of `choose` → modalities as it reads them, where otherwise.
    """

    def __init__(
        self,
        models: Path,
        *,
        config: Any,
        endpoint: EndpointSpec,
        modalities: Mapping[str, Modality],
        patients: Sequence[str],
        make_data: Callable[..., Any],
        secondary: Sequence[EndpointSpec] = (),
        readings: Mapping[str, Mapping[str, Modality]] | None = None,
    ) -> None:
        self._models = models
        self._config = config
        self._endpoint = endpoint
        self._modalities = modalities
        self._patients = list(patients)
        self._make_data = make_data
        self._secondary = tuple(secondary)
        self._readings = readings or {}
        self._networks: dict[str, tuple[list[Member], dict[str, Floats]]] = {}
        self._tables: dict[str, pd.DataFrame] = {}

    def threshold(self, arm: str) -> float:
        """Of the arm's decision, as the fold chose it; NaN where the likeliest class is called."""
        kept = _kept(self._models, arm)
        found = self.threshold(kept["chosen"]) if "chosen" in kept else kept["calibration"]["threshold"]
        return float("nan") if found is None else float(found)

    def score(self, arm: str) -> Floats:
        """Calibrated scores ``(patient,)`` or ``(patient, class)``, as the arm gives its test patients in training.

        Raises:
            FusionError: the run did not keep the arm, or a file of it cannot be read.
        """
        kept = _kept(self._models, arm)
        if "chosen" in kept:
            return self.score(kept["chosen"])
        if (self._models / arm / "model.skops").is_file():
            return self._classical(arm, kept)
        if self.is_network(arm):
            return score(*self.network(arm))
        plain = load_base(self._models / (FUSION if arm == BASE else arm))
        if plain is not None:
            rows = self._single_logits(kept) if arm == STACKED else self.table(arm)
            calibrator = outcome_of(self._endpoint).restore_calibrator(kept["calibration"])
            return np.asarray(calibrator(plain.logits(rows)), dtype=np.float64)
        return self._late(kept)

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
        if arm == FUSION and self.is_network(arm):
            members, logits = self.network(arm)
            calibrator, middle = members[0].calibrator, logits.mean(axis=0)
        else:
            calibrator = outcome_of(self._endpoint).restore_calibrator(_kept(self._models, arm)["calibration"])
            middle = plain.logits(self.table(arm))
        return np.stack([np.asarray(calibrator(middle + one), dtype=np.float64) for one in change])

    def beside(self, arm: str) -> dict[str, tuple[Floats, float]]:
        """Secondary endpoint → calibrated scores as in training, and the threshold; of network arms alone."""
        if not self._secondary or not self.is_network(arm):
            return {}
        members = self.network(arm)[0]
        kept, found = _kept(self._models, arm)["secondary"], {}
        for name, member in members[0].secondary.items():
            threshold = kept[name]["calibration"]["threshold"]
            scores = score([member], self._networks[arm][1][name])
            found[name] = scores, float("nan") if threshold is None else float(threshold)
        return found

    def is_network(self, arm: str) -> bool:
        """Whether the arm is an ensemble of networks."""
        return (self._models / arm / "member0.safetensors").is_file()

    @cached_property
    def whole(self) -> dict[str, FittedModality]:
        """Modalities as the run itself reads them, fitted on all training patients of the fold."""
        return restored(self._models, "", "whole", self._modalities, self._modalities)

    def table(self, arm: str) -> pd.DataFrame:
        """``(patient, feature)`` of all modalities, as the arm reads them."""
        of = FUSION if arm == BASE else arm
        kept = _kept(self._models, of)
        key = of if str(kept.get("candidate")) in self._readings else ""
        if key not in self._tables:
            modalities = as_read(self._modalities, self._readings, kept)
            whole = restored(self._models, of, "whole", modalities, modalities) if key else self.whole
            self._tables[key] = features(whole, self._patients)
        return self._tables[key]

    def network(self, arm: str) -> tuple[list[Member], Floats]:
        """The members of a network arm and their logits of the patients, ``(member, patient[, class])``."""
        if arm not in self._networks:
            members = list(
                load_members(
                    self._models,
                    self._models.name,
                    arm=arm,
                    config=self._config,
                    endpoint=self._endpoint,
                    modalities=self._modalities,
                    secondary=self._secondary,
                    readings=self._readings,
                )
            )
            chosen = as_chosen(self._config, _kept(self._models, arm))
            make_data = self._make_data if chosen is self._config else instantiate(chosen.datamodule)
            logits = endpoint_logits(members, self._patients, make_data, device=device_of(self._config))
            self._networks[arm] = members, logits
        members, logits = self._networks[arm]
        return members, logits[PRIMARY]

    def _classical(self, arm: str, kept: Mapping[str, Any]) -> Floats:
        outcome = outcome_of(self._endpoint)
        model = load_estimator(self._models / arm / "model.skops")
        # What the cohort has no file of is missing, and imputed as the model does it.
        rows = self.table(arm).reindex(columns=list(model.feature_names_in_))
        calibrator = outcome.restore_calibrator(kept["calibration"])
        return np.asarray(calibrator(model_logits(model, rows, outcome)), dtype=np.float64)

    def _single_logits(self, kept: Mapping[str, Any]) -> pd.DataFrame:
        """What stacking reads; a modality of which there is no file is missing in everybody."""
        outcome, present = outcome_of(self._endpoint), [name for name in kept["modalities"] if name in self._modalities]
        scores, has = {}, {}
        for name in present:
            members, logits = self.network(f"only_{name}")
            single = members[0].single or members[0].calibrator
            scores[name] = mean_score(np.stack([single(part) for part in logits]), outcome)
            has[name] = np.array([has_modality(self.whole[name], one) for one in self._patients])
        return single_logits(scores, has, self._patients, outcome)

    def _late(self, kept: Mapping[str, Any]) -> Floats:
        outcome = outcome_of(self._endpoint)
        present = [name for name in kept["modalities"] if name in self._modalities]
        has = np.array([[has_modality(self.whole[name], one) for one in self._patients] for name in present])
        by_modality = []
        for name in present:
            members, logits = self.network(f"only_{name}")
            single = members[0].single or members[0].calibrator
            by_modality.append(np.stack([single(part) for part in logits]))
        by_member = np.moveaxis(np.stack(by_modality), 1, 0)
        logits = np.stack([average(scores, has, outcome) for scores in by_member])
        calibrator = outcome.restore_calibrator(kept["calibration"])
        return np.asarray(calibrator(logits.mean(axis=0)), dtype=np.float64)


def _kept(folder: Path, arm: str) -> dict[str, Any]:
    """The arm's own record.

    Raises:
        FusionError: there is none, or it cannot be read.
    """
    try:
        if arm == BASE:
            return dict(read_json(folder / FUSION / "arm.json")[BASE])
        return dict(read_json(folder / plain_name(arm, where="arm") / "arm.json"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        arms = ", ".join(sorted(path.parent.name for path in folder.glob("*/arm.json"))) or "none"
        raise FusionError(f"{folder}: keeps no arm {arm!r} that can be read ({error}); there are {arms}.") from error
