"""A patient's slides as one bag of tiles or embeddings, read where they are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from data_modules.batches.bags import Bag, Part
from data_modules.batches.stored_rows import StoredRows
from data_modules.ingest.slides.slide_files import open_slide, read_thumbnail
from data_modules.ingest.slides.stain import StainFit, normalise
from data_modules.modalities.base import BaseFitted
from fusion.contract import Item, ModalitySpec, State

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings
    from data_modules.ingest.slides.ingest import SlideEntry
    from data_modules.ingest.slides.slide_facts import SlideRequest
    from data_modules.ingest.slides.slide_set import SlideSet
    from data_modules.modalities.slides.settings import SlideSettings


class IngestedSlides(Protocol):
    """What is read of the modality: its slides as ingested, and how."""

    @property
    def name(self) -> str:
        """The modality's key."""
        ...

    @property
    def settings(self) -> SlideSettings:
        """As the configuration has them."""
        ...

    @property
    def embedding(self) -> EmbeddingSettings | None:
        """How tiles were embedded; None for pixels."""
        ...

    @property
    def by_patient(self) -> Mapping[str, list[Path]]:
        """Patient → that patient's slides."""
        ...

    @property
    def names(self) -> Mapping[Path, str]:
        """File → how pages and tables call it."""
        ...

    @property
    def ingested(self) -> SlideSet:
        """What ingest made of them."""
        ...

    @property
    def requests(self) -> list[SlideRequest]:
        """What was asked of ingest."""
        ...

    def identity(self) -> dict[str, Any]:
        """What must agree between the files a model was trained on and those it is applied to."""
        ...


@dataclass(frozen=True, kw_only=True)
class SlideOverview:
    """A slide to draw on: `image` RGB ``(row, column, 3)``, `mpp` of level 0, `size` width and height of level 0."""

    image: NDArray[np.uint8]
    mpp: float
    size: tuple[int, int]


class FittedSlides(BaseFitted):
    """Bags of tiles, or of their embeddings, of any patient of the cohort.

    Args:
        slides: the modality.
        reference: stains to which every slide's own are brought; None leaves tiles as they were ingested.
    """

    def __init__(self, slides: IngestedSlides, *, reference: StainFit | None = None) -> None:
        self._slides = slides
        self._reference = reference
        tile, embedding = slides.settings.tile, slides.embedding
        super().__init__(
            ModalitySpec(name=slides.name, kind="tiles", token_shape=(3, tile.size, tile.size))
            if embedding is None
            else ModalitySpec(name=slides.name, kind="embeddings", token_shape=(embedding.width,))
        )

    @property
    def tile_side(self) -> float:
        """Side of a tile in microns."""
        tile = self._slides.settings.tile
        return tile.size * tile.mpp

    def files(self, patient_id: str) -> tuple[Path, ...]:
        """The patient's slides that were ingested; empty without any."""
        bag = self._slides.by_patient.get(patient_id, [])
        return tuple(path for path in bag if self._slides.names[path] in self._slides.ingested.entries)

    def has(self, patient_id: str) -> bool:
        """Whether a slide of theirs was ingested; nothing is read."""
        return bool(self.files(patient_id))

    def load(self, patient_id: str) -> Item | None:
        files = self.files(patient_id)
        if not files:
            return None
        entries = [self._slides.ingested.entries[self._slides.names[path]] for path in files]
        coords = [entry.coords() for entry in entries]
        parts = [self._part(entry, len(place)) for place, entry in zip(coords, entries, strict=True)]
        bag = Bag(parts, shape=self.spec.token_shape, dtype=np.uint8 if self.spec.kind == "tiles" else np.float32)
        return Item(
            values=cast("NDArray[Any]", bag.settled()),
            mask=np.ones(len(bag), dtype=np.bool_),
            coords=np.concatenate(coords),
            source=np.repeat(np.arange(len(files)), [len(part) for part in coords]),
            files=tuple(self._slides.names[path] for path in files),
        )

    def _part(self, entry: SlideEntry, rows: int) -> Part:
        """Rows of one slide; its file is opened for each reading."""
        reference, embedded = self._reference, self._slides.embedding is not None

        def stored() -> StoredRows:
            return StoredRows.of_map(entry.embeddings() if embedded else entry.tiles())

        def read(rows: NDArray[np.int64]) -> NDArray[Any]:
            found = stored().read(rows)
            stains = None if reference is None or embedded else entry.stains()
            return found if stains is None or reference is None else normalise(found, stains, reference=reference)

        return Part(rows=rows, read=read, will_need=lambda rows: stored().will_need(rows))

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """Hand-crafted features pooled over the patient's tiles (`data_modules.ingest.slides.handcrafted`)."""
        import pandas as pd

        from data_modules.ingest.slides.handcrafted import pool, pooled_names

        names = pooled_names()
        rows = np.full((len(patient_ids), len(names)), np.nan)
        for row, patient in zip(rows, patient_ids, strict=True):
            entries = [self._slides.ingested.entries[self._slides.names[path]] for path in self.files(patient)]
            if entries:
                row[:] = pool(np.concatenate([entry.features() for entry in entries]))
        return pd.DataFrame(rows, index=pd.Index(list(patient_ids), name="patient_id"), columns=names)

    def state(self) -> State:
        learned = self._reference
        arrays = {} if learned is None else {"stain_matrix": learned.matrix, "stain_most": learned.most}
        return State(config=self._slides.identity(), arrays=arrays)

    def overview(self, file: str, *, max_px: int = 1024) -> SlideOverview:
        """A slide reduced to at most `max_px` on its longer side, to draw attribution on."""
        request = next(request for request in self._slides.requests if request.label == file)
        slide, facts = open_slide(request)
        try:
            longest = max(facts.width, facts.height)
            image = read_thumbnail(slide, downsample=max(1.0, longest / max_px))
        finally:
            slide.close()
        return SlideOverview(image=image, mpp=facts.mpp, size=(facts.width, facts.height))

    def thumbnail(self, file: str, max_px: int = 1024) -> NDArray[np.uint8]:
        """The picture of `overview`."""
        return self.overview(file, max_px=max_px).image
