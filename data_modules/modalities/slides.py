"""Whole slides as bags of tiles; several slides of a patient make one bag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from data_modules.errors import some
from data_modules.ingest.slide_set import SlideSet, ingest_slides, load_set
from data_modules.ingest.slides import IngestSettings, SlideError, SlideRequest, open_slide, read_thumbnail
from data_modules.ingest.tiles import TileSettings
from data_modules.ingest.tissue import settings_from
from data_modules.modalities.base import BaseFitted, BaseModality, PatientIds, listed_files
from fusion.contract import FittedModality, FusionError, Item, ModalitySpec, Progress, State

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from data_modules.cohort import CohortSource
    from data_modules.ingest.embeddings import EmbeddingSettings

_NOT_INGESTED = "the slides have not been ingested, or the cache was emptied since: run prepare first"


class Slides(BaseModality):
    """The slides of a cohort.

    Args:
        name: the modality's key.
        source: the cohort it belongs to; relative files start at its root.
        files: paths or globs.
        patient_pattern: regular expression that finds the patient id in a file name; group ``patient`` or the first.
        sample_sheet: ``{file, key, patient}`` instead: columns with file names and patient ids.
        mpp: microns per pixel of slides that do not say theirs, or a mapping of file name to microns per pixel, which
            overrules the slide.
        tile: fields of `TileSettings`.
        tissue: fields of `TissueSettings`.
        stain: ``none``, or ``macenko`` to a fixed reference.
        embed: None for pixels, or fields of `EmbeddingSettings`.
        workers: processes that read slides.
        max_failed: share of slides that may fail.
    """

    def __init__(
        self,
        *,
        name: str,
        source: CohortSource,
        files: str | Sequence[str],
        patient_pattern: str | None = None,
        sample_sheet: Mapping[str, str] | None = None,
        mpp: float | Mapping[str, float] | None = None,
        tile: Mapping[str, Any] | None = None,
        tissue: Mapping[str, Any] | None = None,
        stain: Literal["none", "macenko"] = "none",
        embed: Mapping[str, Any] | None = None,
        workers: int = 2,
        max_failed: float = 0.05,
    ) -> None:
        super().__init__(name=name, source=source)
        self._files = files
        self._ids = PatientIds(pattern=patient_pattern, sheet=sample_sheet, root=Path(source.root))
        self._mpp = dict(mpp) if isinstance(mpp, Mapping) else mpp
        self.settings = IngestSettings(tile=TileSettings(**dict(tile or {})), tissue=settings_from(tissue), stain=stain)
        self._embed = embed
        self._workers = workers
        self._max_failed = max_failed

    @property
    def key(self) -> str:
        """Where this modality stands in the configuration."""
        return f"modality.{self.name}"

    @cached_property
    def embedding(self) -> EmbeddingSettings | None:
        if self._embed is None:
            return None
        from data_modules.ingest.embeddings import EmbeddingSettings

        return EmbeddingSettings(**dict(self._embed))

    @cached_property
    def paths(self) -> list[Path]:
        """The slide files, sorted."""
        found, _ = listed_files(self.source, self._files, key=self.key)
        return found

    @cached_property
    def by_patient(self) -> dict[str, list[Path]]:
        """Patient id → slides."""
        matched, _ = self._ids.map([path.name for path in self.paths])
        bags: dict[str, list[Path]] = {}
        for path in self.paths:
            if path.name in matched:
                bags.setdefault(matched[path.name], []).append(path)
        return bags

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self.by_patient)

    @cached_property
    def requests(self) -> list[SlideRequest]:
        """What to ingest: the slides that belong to somebody."""
        return [self._request(path) for bag in self.by_patient.values() for path in bag]

    def _request(self, path: Path) -> SlideRequest:
        if isinstance(self._mpp, Mapping):
            told = self._mpp.get(path.name)
            return SlideRequest(path=path, mpp=None if told is None else float(told))
        return SlideRequest(path=path, default_mpp=None if self._mpp is None else float(self._mpp))

    def check(self) -> list[str]:
        _, problems = listed_files(self.source, self._files, key=self.key)
        wrong = self._ids.check(key=self.key)
        problems += wrong + [f"{self.key}.{problem}." for problem in self.settings.tile.problems()]
        if self.settings.stain not in ("none", "macenko"):
            problems.append(f"{self.key}.stain={self.settings.stain!r}: set it to none or macenko.")
        if self.embedding is not None:
            problems += [f"{self.key}.embed.{problem}" for problem in self.embedding.problems()]
        if problems or wrong:
            return problems
        return self._check_names() + self._check_slides()

    def _check_names(self) -> list[str]:
        problems = []
        names = [path.name for path in self.paths]
        _, stray = self._ids.map(names)
        if stray:
            problems.append(
                f"{self.key}: {len(stray)} of {len(names)} slides belong to no patient ({some(stray)}). Mend "
                f"{self.key}.patient_pattern or {self.key}.sample_sheet, or narrow {self.key}.files."
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            problems.append(
                f"{self.key}.files: the same file name lies in several folders ({some(twice)}), so patients and "
                f"results could be mixed up. Rename them or narrow {self.key}.files."
            )
        if isinstance(self._mpp, Mapping):
            unknown = sorted(set(self._mpp) - set(names))
            if unknown:
                problems.append(f"{self.key}.mpp names slides that are not there ({some(unknown)}). Correct the names.")
        return problems

    def _check_slides(self) -> list[str]:
        with ThreadPoolExecutor(8) as pool:
            errors = [error for error in pool.map(_opening_error, self.requests) if error]
        lacking = [error for error in errors if "microns" in error]
        broken = [error for error in errors if "microns" not in error]
        problems = []
        if lacking:
            problems.append(
                f"{self.key}: {len(lacking)} of {len(self.requests)} slides have no usable resolution: {some(lacking)}."
                f" Set {self.key}.mpp to a number, or to a mapping of file name to microns per pixel."
            )
        if broken:
            problems.append(
                f"{self.key}: {len(broken)} of {len(self.requests)} slides cannot be read: {some(broken)}. "
                f"Copy them again, or leave them out of {self.key}.files."
            )
        return problems

    def prepare(self, progress: Progress) -> None:
        found = ingest_slides(
            self.requests,
            self.settings,
            cache=Path(self.source.cache),
            progress=progress,
            workers=self._workers,
            max_failed=self._max_failed,
            name=self.name,
            simulated=self.source.simulated,
        )
        if self.embedding is not None:
            from data_modules.ingest.embeddings import embed_slides

            embed_slides(found, self.embedding, cache=Path(self.source.cache), progress=progress, name=self.name)

    @cached_property
    def ingested(self) -> SlideSet:
        """The ingested slides.

        Raises:
            FusionError: `prepare` has not run.
        """
        cache, simulated = Path(self.source.cache), self.source.simulated
        found = load_set(self.requests, self.settings, cache=cache, simulated=simulated)
        if found is None:
            raise FusionError(f"{self.key}: {_NOT_INGESTED}.")
        return found

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedModality:
        """Nothing is learned of patients: masks, tiles and stains are each slide's own, or the caller's choice."""
        return FittedSlides(self)

    def restore(self, state: State) -> FittedModality:
        """Read this cohort's slides as a run's were.

        Raises:
            FusionError: tiles here are of another size, resolution, stain or encoder than the weights were trained on.
        """
        mine = self.identity()
        for key, trained in state.config.items():
            if mine.get(key) != trained:
                raise FusionError(
                    f"{self.key}.{key} is {mine.get(key)!r} here, but the run was trained with {trained!r}. "
                    f"Set {self.key}.{key} to that."
                )
        return FittedSlides(self)

    def identity(self) -> dict[str, Any]:
        """What must agree between the slides a model was trained on and those it is applied to."""
        tile = self.settings.tile
        facts: dict[str, Any] = {"tile.size": tile.size, "tile.mpp": float(tile.mpp), "stain": self.settings.stain}
        return facts | ({} if self.embedding is None else self.embedding.identity())


def _opening_error(request: SlideRequest) -> str | None:
    try:
        slide, _ = open_slide(request)
    except SlideError as error:
        return str(error)
    slide.close()
    return None


@dataclass(frozen=True, kw_only=True)
class SlideOverview:
    """A slide to draw on: `image` RGB ``(row, column, 3)``, `mpp` of level 0, `size` width and height of level 0."""

    image: NDArray[np.uint8]
    mpp: float
    size: tuple[int, int]


class FittedSlides(BaseFitted):
    """Bags of tiles, or of their embeddings, of any patient of the cohort."""

    def __init__(self, slides: Slides) -> None:
        self._slides = slides
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
        return tuple(path for path in bag if path.name in self._slides.ingested.entries)

    def load(self, patient_id: str) -> Item | None:
        files = self.files(patient_id)
        if not files:
            return None
        entries = [self._slides.ingested.entries[path.name] for path in files]
        coords = [entry.coords() for entry in entries]
        if self._slides.embedding is None:
            values = np.concatenate([entry.tiles() for entry in entries])
        else:
            from data_modules.ingest.embeddings import load_embeddings

            cache = Path(self._slides.source.cache)
            parts = [load_embeddings(entry, self._slides.embedding, cache=cache) for entry in entries]
            values = np.concatenate(parts)
        return Item(
            values=values,
            mask=np.ones(len(values), dtype=np.bool_),
            coords=np.concatenate(coords),
            source=np.repeat(np.arange(len(files)), [len(part) for part in coords]),
            files=tuple(path.name for path in files),
        )

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """Hand-crafted features pooled over the patient's tiles (`data_modules.ingest.handcrafted`)."""
        import pandas as pd

        from data_modules.ingest.handcrafted import pool, pooled_names

        names = pooled_names()
        rows = np.full((len(patient_ids), len(names)), np.nan)
        for row, patient in zip(rows, patient_ids, strict=True):
            entries = [self._slides.ingested.entries[path.name] for path in self.files(patient)]
            if entries:
                row[:] = pool(np.concatenate([entry.features() for entry in entries]))
        return pd.DataFrame(rows, index=pd.Index(list(patient_ids), name="patient_id"), columns=names)

    def state(self) -> State:
        return State(config=self._slides.identity(), arrays={})

    def overview(self, file: str, *, max_px: int = 1024) -> SlideOverview:
        """A slide reduced to at most `max_px` on its longer side, to draw attribution on."""
        request = next(request for request in self._slides.requests if request.path.name == file)
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
