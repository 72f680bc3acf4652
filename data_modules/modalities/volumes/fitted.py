"""A patient's volumes as patches of one grid, read where they lie in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from data_modules.ingest.volumes.grid import Scalar, from_patches
from data_modules.ingest.volumes.panel import grey, planes
from data_modules.modalities.base import BaseFitted
from fusion.contract import FeatureSpec, Item, ModalitySpec, State

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from data_modules.ingest.volumes.ingest import VolumeRules
    from data_modules.ingest.volumes.volume_set import VolumeSet


class IngestedVolumes(Protocol):
    """What is read of the modality: its volumes as ingested, and how."""

    @property
    def name(self) -> str:
        """The modality's key."""
        ...

    @property
    def rules(self) -> VolumeRules:
        """What decides an entry, the grid among it."""
        ...

    @property
    def sequences(self) -> tuple[str, ...]:
        """In the order of tokens."""
        ...

    @property
    def ingested(self) -> VolumeSet:
        """What ingest made of them."""
        ...

    def identity(self) -> dict[str, Any]:
        """What must agree between the files a model was trained on and those it is applied to."""
        ...


class FittedVolumes(BaseFitted):
    """Patches of any patient of the cohort."""

    def __init__(self, volumes: IngestedVolumes) -> None:
        self._volumes = volumes
        grid, names = volumes.rules.grid, volumes.sequences
        super().__init__(
            ModalitySpec(
                name=volumes.name,
                kind="volume",
                token_shape=grid.patch,
                features=tuple(
                    FeatureSpec(name=f"{sequence}:{x},{y},{z}", kind="patch", label=f"{sequence}, patch {x}, {y}, {z}")
                    for sequence in names
                    for x, y, z in np.ndindex(*grid.patches)
                ),
                sequences=names,
                grid=grid.patches,
            )
        )

    def load(self, patient_id: str) -> Item | None:
        entry = self._volumes.ingested.entries.get(patient_id)
        if entry is None:
            return None
        values, mask = entry.tokens(self._volumes.rules.grid)
        return Item(values=values, mask=mask)

    def planes(self, patches: NDArray[Scalar], *, through: int) -> list[NDArray[Scalar]]:
        """Axial, coronal and sagittal plane ``(row, column)`` of one sequence, as radiologists look at them.

        Args:
            patches: ``(patch, px, py, pz)`` of the whole grid.
            through: the patch through whose middle they go.
        """
        grid = self._volumes.rules.grid
        corner = np.array(np.unravel_index(through, grid.patches)) * grid.patch
        return planes(from_patches(patches, grid.patches), [int(x) for x in corner + np.array(grid.patch) // 2])

    def grey(self, patches: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Patches of one sequence as grey levels, as on contact sheets."""
        return grey(patches)

    @property
    def plane_mm(self) -> list[tuple[float, float]]:
        """Height and width of those planes in millimetres."""
        grid = self._volumes.rules.grid
        x, y, z = (length * step for length, step in zip(grid.size, grid.spacing, strict=True))
        return [(y, x), (z, x), (z, y)]

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """Hand-crafted features (`data_modules.ingest.volumes.features`)."""
        import pandas as pd

        from data_modules.ingest.volumes.features import feature_names

        names = feature_names(self._volumes.sequences)
        rows = np.full((len(patient_ids), len(names)), np.nan)
        for row, patient in zip(rows, patient_ids, strict=True):
            entry = self._volumes.ingested.entries.get(patient)
            if entry is not None:
                row[:] = entry.features()
        return pd.DataFrame(rows, index=pd.Index(list(patient_ids), name="patient_id"), columns=names)

    def state(self) -> State:
        return State(config=self._volumes.identity(), arrays={})
