"""Whole slides as bags of tiles; several slides of a patient make one bag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from data_modules.ingest.common.pieces import asked_for
from data_modules.ingest.slides.dicom_slide import header, is_dicom
from data_modules.ingest.slides.ingest import IngestSettings, entry_for, has_entry
from data_modules.ingest.slides.slide_facts import SlideError, SlideRequest, refuse_enlarging
from data_modules.ingest.slides.slide_files import SLIDE_ENDINGS, open_slide, sort_out_slides
from data_modules.ingest.slides.slide_set import SlideSet, attempt_slides, ingest_slides, load_set
from data_modules.ingest.slides.stain import StainFit, average_stains
from data_modules.modalities.base import require_same
from data_modules.modalities.files import FileModality
from data_modules.modalities.quality import slide_quality
from data_modules.modalities.slides.fitted import FittedSlides
from data_modules.modalities.slides.opening import opening_problems
from data_modules.modalities.slides.settings import SlideSettings
from fusion.contract import FittedModality, FusionError, Progress, Quality, State, read_settings, some

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from data_modules.cohort.source import CohortSource
    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings
    from data_modules.ingest.slides.settings import TileSettings
    from fusion.contract.pieces import Elsewhere, Piece

_NOT_INGESTED = "the slides have not been ingested, or the cache was emptied since: run prepare first"


class Slides(FileModality):
    """The slides of a cohort.

    Args:
        name: the modality's key.
        source: the cohort it belongs to; relative files start at its root.
        given: fields of `SlideSettings`.

    Raises:
        SettingsError: settings that cannot be.
    """

    settings_class: ClassVar = SlideSettings
    handcrafted = True
    noun = "slides"
    elsewhere: Elsewhere | None = None

    def __init__(self, *, name: str, source: CohortSource, **given: Any) -> None:
        settings = read_settings(SlideSettings, given, at=f"modality.{name}")
        super().__init__(name=name, source=source, settings=settings)
        self.settings = settings

    @cached_property
    def embedding(self) -> EmbeddingSettings | None:
        """How tiles are embedded; None for pixels."""
        if self.settings.embed is None:
            return None
        from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings

        return EmbeddingSettings(**asdict(self.settings.embed))

    @cached_property
    def rules(self) -> IngestSettings:
        """What decides an entry; with an encoder, its weights' hash among it."""
        chosen, embedding = self.settings, self.embedding
        return IngestSettings(
            tile=chosen.tile,
            tissue=chosen.tissue,
            stain=chosen.stain,
            embed=None if embedding is None else embedding.key(),
        )

    def sort_out(self, found: list[Path]) -> tuple[list[Path], dict[str, list[Path]]]:
        """Of a slide of many files, one; no file that is no slide."""
        return sort_out_slides(found)

    def is_wanted(self, name: str) -> bool:
        return Path(name).suffix.lower() in SLIDE_ENDINGS

    def parts(self, path: Path) -> list[Path]:
        return SlideRequest(path=path).files

    def told_patients(self) -> dict[Path, str]:
        """PatientID of DICOM slides, whose files' names are the converter's."""
        said = {path: header(path).patient for path in self.paths if is_dicom(path)}
        return {path: patient for path, patient in said.items() if patient}

    @property
    def _weights(self) -> list[Path]:
        """The file or run folder of a frozen encoder's weights, where it is on this machine."""
        embed = self.settings.embed
        path = Path((embed.weights if embed is not None else None) or "").expanduser()
        return [path] if path.name and path.exists() else []

    @property
    def input_files(self) -> Sequence[Path]:
        """Slides with all their files, the sample sheet, and an encoder's weights."""
        slides = [file for path in self.paths for file in SlideRequest(path=path).files]
        return [*slides, *self._ids.files, *self._weights]

    @cached_property
    def requests(self) -> list[SlideRequest]:
        """What to ingest: the slides that belong to somebody."""
        return [self._request(path) for bag in self.by_patient.values() for path in bag]

    def _request(self, path: Path) -> SlideRequest:
        mpp = self.settings.mpp
        made = SlideRequest(path=path, name=self.names[path], by_objective=self.settings.objective_power)
        if isinstance(mpp, Mapping):
            told = mpp.get(self.names[path], mpp.get(path.name))
            return replace(made, mpp=None if told is None else float(told))
        return replace(made, default_mpp=None if mpp is None else float(mpp))

    def check(self) -> list[str]:
        problems = self.check_mapping()
        if self.embedding is not None:
            found = self.embedding.problems(device=self.elsewhere is None)
            problems += [f"{self.key}.embed.{problem}" for problem in found]
        return problems or self.check_names() + self._check_slides()

    def check_names(self) -> list[str]:
        problems = super().check_names()
        if isinstance(self.settings.mpp, Mapping):
            unknown = sorted(set(self.settings.mpp) - {path.name for path in self.paths} - set(self.names.values()))
            if unknown:
                problems.append(f"{self.key}.mpp names slides that are not there ({some(unknown)}). Correct the names.")
        return problems

    def _check_slides(self) -> list[str]:
        cache = Path(self.source.cache)
        # An ingested slide has been opened before, and is needed no more: a cached cohort starts at once.
        new = [request for request in self.requests if not has_entry(request, self.rules, cache=cache)]
        with ThreadPoolExecutor(8) as pool:
            opened = pool.map(partial(_opening_error, tile=self.settings.tile), new)
            told = self.telling.each(f"Opening slides of {self.key}", opened, len(new))
            errors = [error for error in told if error]
        return opening_problems(errors, total=len(self.requests), key=self.key)

    def prepare(self, progress: Progress) -> None:
        ingest_slides(
            self.requests,
            self.rules,
            cache=Path(self.source.cache),
            progress=progress,
            embedding=self.embedding,
            workers=self.settings.workers,
            max_failed=self.settings.max_failed,
            name=self.name,
            simulated=self.source.simulated,
            elsewhere=self.elsewhere,
        )
        self.__dict__.pop("ingested", None)

    def make(self, pieces: Sequence[Piece]) -> list[str | None]:
        """Make the entries of these slides, asked for by another machine; of each its error, where it failed.

        Raises:
            FusionError: other slides lie here; an encoder that cannot be loaded, a device that is not there.
        """
        cache, embedding = Path(self.source.cache), self.embedding
        wrong = [] if embedding is None else embedding.problems()
        if wrong:
            raise FusionError(f"{self.key}.embed.{wrong[0]}")
        requests = asked_for(
            pieces, self.requests, lambda one: entry_for(one, self.rules, cache=cache).key, key=self.key,
            label=lambda one: one.label,
        )  # fmt: skip
        workers = 1 if embedding is None else self.settings.workers
        missing = [one for one in requests if not entry_for(one, self.rules, cache=cache).complete]
        made = attempt_slides(missing, self.rules, embedding, cache=cache, workers=workers)
        errors = {request.label: error for request, error in made}
        return [errors.get(request.label) for request in requests]

    def quality(self) -> Sequence[Quality]:
        """Slides read and failed, tiles kept, and on how many slides there was pen, a fold, blur or a bubble."""
        return [slide_quality(self.ingested.folder, self.account)]

    @property
    def failed(self) -> Mapping[str, str]:
        """Patient → the errors of their slides, of patients none of whose slides could be used."""
        try:
            found = self.ingested
        except FusionError:  # not ingested yet
            return {}
        lost = {patient: [self.names[path] for path in bag] for patient, bag in self.by_patient.items()}
        return {
            patient: "; ".join(found.errors.get(name, f"{name}: not in the cache") for name in names)
            for patient, names in lost.items()
            if not any(name in found.entries for name in names)
        }

    @cached_property
    def ingested(self) -> SlideSet:
        """The ingested slides.

        Raises:
            FusionError: `prepare` has not run.
        """
        cache, simulated = Path(self.source.cache), self.source.simulated
        found = load_set(self.requests, self.rules, cache=cache, simulated=simulated)
        if found is None:
            raise FusionError(f"{self.key}: {_NOT_INGESTED}.")
        return found

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedModality:
        """Learn what the stains of the training patients' slides look like on average, where `stain` is ``fold``.

        Else nothing is learned of patients: masks, tiles and stains are each slide's own, or the caller's choice.

        Raises:
            FusionError: no training slide shows its stains.
        """
        if self.settings.stain != "fold":
            return FittedSlides(self)
        mine = [self.names[path] for patient in sorted(set(train_ids)) for path in self.by_patient.get(patient, [])]
        found = [entry.stains() for name in mine if (entry := self.ingested.entries.get(name)) is not None]
        reference = average_stains([stains for stains in found if stains is not None])
        if reference is None:
            raise FusionError(
                f"{self.key}.stain=fold: none of the {len(found)} slides of training patients shows its stains. Set "
                f"{self.key}.stain to macenko or none."
            )
        return FittedSlides(self, reference=reference)

    def restore(self, state: State) -> FittedModality:
        """Read this cohort's slides as a run's were.

        Raises:
            FusionError: tiles here are of another size, resolution, stain or encoder than the weights were trained on.
        """
        require_same(self.identity(), state.config, key=self.key)
        reference = None
        if "stain_matrix" in state.arrays:
            reference = StainFit(matrix=state.arrays["stain_matrix"], most=state.arrays["stain_most"])
        return FittedSlides(self, reference=reference)

    def identity(self) -> dict[str, Any]:
        """What must agree between the slides a model was trained on and those it is applied to."""
        tile = self.settings.tile
        facts: dict[str, Any] = {"tile.size": tile.size, "tile.mpp": float(tile.mpp), "stain": self.settings.stain}
        return facts | ({} if self.embedding is None else self.embedding.identity())


def _opening_error(request: SlideRequest, *, tile: TileSettings) -> SlideError | None:
    try:
        slide, facts = open_slide(request)
        slide.close()
        refuse_enlarging(facts, tile)
    except SlideError as error:
        return error
    return None
