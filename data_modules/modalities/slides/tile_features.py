"""Tile features that another tool extracted (CLAM, TRIDENT, STAMP), read from its HDF5 files; nothing is converted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from data_modules.batches.bags import Bag
from data_modules.hashes import content_hash
from data_modules.ingest.common.cache import CacheEntry
from data_modules.ingest.slides.embed.known_encoders import known, same_encoder
from data_modules.ingest.slides.feature_files import (
    FEATURE_ENDINGS,
    FeatureFile,
    FeatureFileError,
    is_feature_file,
    read_header,
    same_size,
    summarise,
)
from data_modules.modalities.base import BaseFitted
from data_modules.modalities.files import FileModality
from data_modules.modalities.outliers import unlike
from data_modules.modalities.slides.settings import TileFeatureSettings
from fusion.contract import FittedModality, FusionError, Item, ModalitySpec, Progress, Quality, State, read_settings
from fusion.contract.errors import some

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from data_modules.cohort.source import CohortSource

_FORMAT = 3


class TileFeatures(FileModality):
    """Bags of tile features, one HDF5 file a slide; several slides of a patient make one bag.

    Args:
        name: the modality's key.
        source: the cohort it belongs to; relative files start at its root.
        given: fields of `TileFeatureSettings`.

    Raises:
        SettingsError: settings that cannot be.
    """

    settings_class: ClassVar = TileFeatureSettings
    noun = "feature files"
    same_name = "features of two encoders or magnifications?"

    def __init__(self, *, name: str, source: CohortSource, **given: Any) -> None:
        settings = read_settings(TileFeatureSettings, given, at=f"modality.{name}")
        super().__init__(name=name, source=source, settings=settings)
        self.settings = settings

    def sort_out(self, found: list[Path]) -> tuple[list[Path], dict[str, list[Path]]]:
        """HDF5 files alone: CLAM and TRIDENT leave pickles, pictures and tables beside them."""
        kept = [path for path in found if is_feature_file(path)]
        rest = [path for path in found if path not in set(kept)]
        return kept, {"that are no HDF5": rest} if rest else {}

    def is_wanted(self, name: str) -> bool:
        return Path(name).suffix.lower() in FEATURE_ENDINGS

    def quality(self) -> Sequence[Quality]:
        """Files found, used and left out, and those whose features are unlike the others'."""
        counts = {"files": self.account.counts}
        return [Quality(title="tile features", counts=counts, folder=Path(self.source.cache), said=self._unlike())]

    def _unlike(self) -> tuple[str, ...]:
        """One line on files whose features are ten times as large or small as is usual: another model's, or none."""
        headers = list(self._headers[0].values())
        sizes = np.array([float(np.sqrt(np.mean(np.square(self._summary(one), dtype=np.float64)))) for one in headers])
        usual, far = unlike(sizes)
        if not far.any():
            return ()
        pairs = zip(headers, sizes, far, strict=True)
        told = some([f"{self.names[one.path]} ({size:.3g})" for one, size, odd in pairs if odd])
        return (f"{self.key}: features of a size unlike the rest's, {usual:.3g} in the median: {told}",)

    @cached_property
    def _headers(self) -> tuple[dict[Path, FeatureFile], list[str]]:
        """Headers of the files of patients, and what is wrong with those that have none."""
        headers: dict[Path, FeatureFile] = {}
        errors: list[str] = []
        every = (path for bag in self.by_patient.values() for path in bag)
        for path in self.telling.each(f"Reading headers of {self.key}", every, len(self.paths)):
            try:
                headers[path] = read_header(path)
            except FeatureFileError as error:
                errors.append(str(error))
        return headers, errors

    def header(self, path: Path) -> FeatureFile:
        """What a file's header says."""
        return self._headers[0][path]

    @cached_property
    def width(self) -> int:
        """Features of a tile.

        Raises:
            FusionError: there are no files.
        """
        widths = Counter(header.width for header in self._headers[0].values())
        if not widths:
            raise FusionError(f"{self.key}.files: there are no features to read.")
        return self._expected_width or widths.most_common(1)[0][0]

    @cached_property
    def microns(self) -> float | None:
        """Side of most files' tiles in the tissue; None where no file says it."""
        said = Counter(one.microns for one in self._headers[0].values() if one.microns is not None)
        return said.most_common(1)[0][0] if said else None

    @property
    def _expected_width(self) -> int | None:
        """What the configuration demands."""
        encoder = None if self.settings.encoder is None else known(self.settings.encoder)
        return self.settings.width or (None if encoder is None else encoder.width)

    def check(self) -> list[str]:
        problems = self.check_mapping()
        if problems:
            return problems
        problems, (headers, errors) = self.check_names(), self._headers
        if errors:
            problems.append(
                f"{self.key}: {len(errors)} of {len(self.paths)} feature files cannot be used: {some(errors)}. "
                f"Extract them again, or leave them out of {self.key}.files."
            )
        return problems + self._check_alike(list(headers.values()))

    def _check_alike(self, headers: Sequence[FeatureFile]) -> list[str]:
        """Widths and encoders agree with one another and with the configuration."""
        problems = []
        odd = [f"{self.names[one.path]} has {one.width}" for one in headers if one.width != self.width]
        if odd:
            wanted = (
                f"{self.key}.{'width' if self.settings.width else 'encoder'} wants"
                if self._expected_width
                else f"{len(headers) - len(odd)} of {len(headers)} files have"
            )
            problems.append(
                f"{self.key}: {wanted} {self.width} features a tile, but {some(odd)}. They are another encoder's: "
                f"leave them out of {self.key}.files, or set {self.key}.encoder or {self.key}.width."
            )
        said = Counter(one.encoder for one in headers if one.encoder is not None)
        allowed = self.settings.encoder or (said.most_common(1)[0][0] if said else None)
        others = [
            f"{self.names[one.path]} says {one.encoder}"
            for one in headers
            if one.encoder is not None and allowed is not None and not same_encoder(one.encoder, allowed)
        ]
        if others:
            problems.append(
                f"{self.key}: the features are to be {allowed}'s, but {some(others)}. Set {self.key}.encoder to what "
                f"made them, and leave the others out of {self.key}.files."
            )
        sizes, usual = [one for one in headers if one.microns is not None], self.microns
        other = [
            f"{self.names[one.path]} has {one.microns:g} µm"
            for one in sizes
            if one.microns is not None and usual is not None and not same_size(one.microns, usual)
        ]
        if other:
            problems.append(
                f"{self.key}: tiles of {len(sizes) - len(other)} of {len(sizes)} files are {usual:g} µm wide, but "
                f"{some(other)}: features of two magnifications. Extract all at one, or leave the others out of "
                f"{self.key}.files."
            )
        units = Counter(one.unit for one in headers if one.has_coords)
        if len(units) > 1:
            rare = units.most_common()[-1][0]
            odd = [self.names[one.path] for one in headers if one.has_coords and one.unit == rare]
            words = {"um": "microns", "px": "pixels"}
            problems.append(
                f"{self.key}: coordinates are in {words[rare]} in {len(odd)} of {len(headers)} files ({some(odd)}) and "
                f"in {words['px' if rare == 'um' else 'um']} in the others. Extract all with one tool, or leave them "
                f"out of {self.key}.files."
            )
        return problems

    def prepare(self, progress: Progress) -> None:
        """Read every file once: values that are not finite are refused, means and spreads kept for classical arms.

        Raises:
            FusionError: naming the file and the row.
        """
        headers, errors = list(self._headers[0].values()), []
        for done, header in enumerate(headers, start=1):
            try:
                self._summary(header)
            except FeatureFileError as error:
                errors.append(str(error))
            progress(f"{self.name}: checking features", done, len(headers))
        if errors:
            raise FusionError(
                f"{self.key}: {len(errors)} of {len(headers)} feature files hold no features that can be used: "
                f"{some(errors)}. Extract them again, or leave them out of {self.key}.files."
            )

    def _summary(self, header: FeatureFile) -> NDArray[np.float32]:
        """Mean and standard deviation over the file's tiles, ``(2, feature)``; cached."""
        cache = Path(self.source.cache)
        key = content_hash([header.path], {"format": _FORMAT}, memo=cache)
        folder = CacheEntry(root=cache, kind="tile_features", key=key).build(
            lambda folder: np.save(folder / "summary.npy", summarise(header))
        )
        return np.load(folder / "summary.npy", allow_pickle=False)  # type: ignore[no-any-return]

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedModality:
        """Nothing is learned of patients."""
        return FittedTileFeatures(self)

    def restore(self, state: State) -> FittedModality:
        """Read this cohort's features as a run's were.

        Raises:
            FusionError: they are of another width or encoder than the weights were trained on.
        """
        mine = self.identity()
        for key, trained in state.config.items():
            here = mine.get(key)
            same = here == trained or (key == "encoder" and None not in (here, trained) and same_encoder(here, trained))
            if key == "microns":  # what one of them does not say cannot be compared
                same = here is None or trained is None or same_size(here, trained)
            if not same:
                raise FusionError(
                    f"{self.key}: the {key} of the features is {here!r} here, but the run was trained with {trained!r}."
                    f" Point {self.key}.files to features of the same kind."
                )
        return FittedTileFeatures(self)

    def identity(self) -> dict[str, Any]:
        """What must agree between the features a model was trained on and those it is applied to."""
        said = sorted({one.encoder for one in self._headers[0].values() if one.encoder is not None})
        encoder = self.settings.encoder or (said[0] if said else None)
        return {"width": self.width, "encoder": encoder, "microns": self.microns}

    def summaries(self, patient_id: str) -> NDArray[np.float64] | None:
        """Mean, then standard deviation over the patient's tiles, ``(2 · feature,)``."""
        headers = [self.header(path) for path in self.by_patient.get(patient_id, [])]
        if not headers:
            return None
        share = np.array([header.rows for header in headers]) / sum(header.rows for header in headers)
        parts = np.stack([self._summary(header) for header in headers]).astype(np.float64)
        mean = share @ parts[:, 0]  # and the spread of a mixture: the mean of the squares less the square of the mean
        square = share @ (parts[:, 1] ** 2 + parts[:, 0] ** 2)
        return np.concatenate([mean, np.sqrt(np.maximum(square - mean**2, 0))])


class FittedTileFeatures(BaseFitted):
    """Bags of any patient of the cohort, read where they are drawn."""

    def __init__(self, features: TileFeatures) -> None:
        self._features = features
        super().__init__(ModalitySpec(name=features.name, kind="embeddings", token_shape=(features.width,)))

    def has(self, patient_id: str) -> bool:
        """Whether there is a file of theirs; nothing is read."""
        return bool(self._features.by_patient.get(patient_id))

    def load(self, patient_id: str) -> Item | None:
        headers = [self._features.header(path) for path in self._features.by_patient.get(patient_id, [])]
        if not headers:
            return None
        dtype = np.result_type(*[header.dtype for header in headers])
        bag = Bag([header.part() for header in headers], shape=self.spec.token_shape, dtype=dtype)
        places = [header.coords() for header in headers]
        known_places = [place for place in places if place is not None]
        return Item(
            values=cast("NDArray[Any]", bag.settled()),
            mask=np.ones(len(bag), dtype=np.bool_),
            coords=np.concatenate(known_places) if len(known_places) == len(places) else None,
            source=np.repeat(np.arange(len(headers)), [header.rows for header in headers]),
            files=tuple(self._features.names[header.path] for header in headers),
        )

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """Mean and standard deviation of every feature over the patient's tiles."""
        import pandas as pd

        names = [f"{part}_{number}" for part in ("mean", "std") for number in range(self._features.width)]
        rows = np.full((len(patient_ids), len(names)), np.nan)
        for row, patient in zip(rows, patient_ids, strict=True):
            summary = self._features.summaries(patient)
            if summary is not None:
                row[:] = summary
        return pd.DataFrame(rows, index=pd.Index(list(patient_ids), name="patient_id"), columns=names)

    def state(self) -> State:
        return State(config=self._features.identity(), arrays={})
