"""One fold of a run and some patients: what the fold's arms read of them, and what its networks say.

What several arms and endpoints need is restored once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray

from fusion.apply.states import as_read, restored
from fusion.apply.trained import Member, as_chosen, endpoint_logits, load_members
from fusion.arms.base import BASE, FUSION
from fusion.arms.classical import features
from fusion.contract import EndpointSpec, FittedModality, FusionError, Modality
from fusion.contract.devices import device_of
from fusion.contract.modality import has as has_modality
from fusion.run.bounded import plain_name, read_json

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


class FoldReading:
    """What one fold's arms read and its networks say of some patients.

    Args:
        models: ``models/<fold>`` of the run.
        config: the run's configuration.
        endpoint: the run's.
        modalities: bound to the cohort that is read.
        patients: whom to score.
        make_data: builds loaders (the run's `datamodule`).
        secondary: endpoints trained beside it.
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
        self.models = models
        self.endpoint = endpoint
        self.secondary = tuple(secondary)
        self.modalities = modalities
        self.patients = list(patients)
        self._config = config
        self._make_data = make_data
        self._readings = readings or {}
        self._networks: dict[str, tuple[list[Member], dict[str, Floats]]] = {}
        self._tables: dict[str, pd.DataFrame] = {}

    @cached_property
    def whole(self) -> dict[str, FittedModality]:
        """Modalities as the run itself reads them, fitted on all training patients of the fold."""
        return restored(self.models, "", "whole", self.modalities, self.modalities)

    def has(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """``(modality, patient)``: who has what."""
        return np.array([[has_modality(self.whole[name], one) for one in self.patients] for name in names])

    def table(self, arm: str, kept: Mapping[str, Any]) -> pd.DataFrame:
        """``(patient, feature)`` of all modalities, as an arm reads them.

        Args:
            arm: its folder below that of the fold.
            kept: its arm.json.
        """
        key = arm if str(kept.get("candidate")) in self._readings else ""
        if key not in self._tables:
            modalities = as_read(self.modalities, self._readings, kept)
            whole = restored(self.models, arm, "whole", modalities, modalities) if key else self.whole
            self._tables[key] = features(whole, self.patients)
        return self._tables[key]

    def network(self, arm: str) -> tuple[list[Member], Mapping[str, Floats]]:
        """The members of a network arm, and endpoint → their logits of the patients, ``(member, patient[, class])``."""
        if arm not in self._networks:
            members = list(
                load_members(
                    self.models,
                    self.models.name,
                    arm=arm,
                    config=self._config,
                    endpoint=self.endpoint,
                    modalities=self.modalities,
                    secondary=self.secondary,
                    readings=self._readings,
                )
            )
            chosen = as_chosen(self._config, kept_of(self.models, arm))
            make_data = self._make_data if chosen is self._config else instantiate(chosen.datamodule)
            logits = endpoint_logits(members, self.patients, make_data, device=device_of(self._config))
            self._networks[arm] = members, logits
        return self._networks[arm]


def kept_of(folder: Path, arm: str) -> dict[str, Any]:
    """An arm's own record; of the plain model that fusion starts from, its part of that of fusion.

    Args:
        folder: where the fold keeps its arms.
        arm: its name.

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


def is_network(models: Path, arm: str) -> bool:
    """Whether the arm of a fold is an ensemble of networks."""
    return (models / arm / "member0.safetensors").is_file()
