"""Single images, each a bag of one tile: what tile classification learns from."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from data_modules.ingest.common.cache import CacheEntry
from data_modules.ingest.slides.image_features import PIXEL_FEATURES, SCALED_FEATURES, image_features
from data_modules.ingest.slides.image_files import ImageError, image_facts, read_image
from data_modules.modalities.account import Account
from data_modules.modalities.base import BaseFitted, BaseModality, require_same
from data_modules.modalities.slides.settings import ImageSettings
from data_modules.sources.image_folder import ImageFolder
from fusion.contract import FittedModality, FusionError, Item, ModalitySpec, Progress, Quality, State, read_settings
from fusion.contract.errors import some

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings

_BATCH = 64


class Images(BaseModality):
    """The images of an `ImageFolder`.

    Args:
        name: the modality's key.
        source: the cohort, an `ImageFolder`.
        given: fields of `ImageSettings`.

    Raises:
        SettingsError: settings that cannot be.
    """

    settings_class: ClassVar = ImageSettings

    def __init__(self, *, name: str, source: ImageFolder, **given: Any) -> None:
        super().__init__(name=name, source=source)
        self.settings = read_settings(ImageSettings, given, at=self.key)
        self._folder = source
        self.handcrafted = self.settings.embed is None

    @cached_property
    def embedding(self) -> EmbeddingSettings | None:
        """The frozen network; None for pixels."""
        if self.settings.embed is None:
            return None
        from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings

        return EmbeddingSettings(**asdict(self.settings.embed))

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self._folder.images)

    @property
    def account(self) -> Account:
        left_out = self._folder.left_out
        found = len(self._folder.images) + sum(len(them) for them in left_out.values())
        return Account(key=self.key, noun="files", found=found, left_out=left_out, made="images")

    def quality(self) -> Sequence[Quality]:
        """Files found, used and left out."""
        return [Quality(title="images", counts={"files": self.account.counts}, folder=self._place.folder)]

    @cached_property
    def facts(self) -> dict[str, tuple[int, int] | ImageError]:
        """Path → width and height, or why it is no image."""
        return {name: image_facts(self._folder.root / name) for name in self._folder.images}

    @property
    def input_files(self) -> Sequence[Path]:
        return [self._folder.root / name for name in self._folder.images]

    def check(self) -> list[str]:
        if self.embedding is not None and (problems := self.embedding.problems()):
            return [f"{self.key}.embed.{problem}" for problem in problems]
        broken = [str(fact) for fact in self.facts.values() if isinstance(fact, ImageError)]
        if broken:
            return [self._unreadable(broken)]
        sizes: dict[Any, str] = {}
        for name, fact in self.facts.items():
            sizes.setdefault(fact, name)
        if self.settings.size is None and len(sizes) > 1:
            named = some([f"{name} {size[0]}×{size[1]}" for size, name in sizes.items()])
            return [f"{self.key}: images are of {len(sizes)} sizes ({named}). Set {self.key}.size to one side for all."]
        return []

    def _unreadable(self, errors: Sequence[str]) -> str:
        return (
            f"{self.key}: {len(errors)} of {len(self._folder.images)} images cannot be read: {some(list(errors))}. "
            "Copy them again, or take them out of cohort.root."
        )

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """``(3, H, W)`` of every image as encoders see it."""
        if self.settings.size is not None:
            return (3, self.settings.size, self.settings.size)
        width, height = next(fact for fact in self.facts.values() if not isinstance(fact, ImageError))
        return (3, height, width)

    def pixels(self, name: str) -> NDArray[np.uint8]:
        """An image, RGB ``(3, H, W)``.

        Raises:
            FusionError: it cannot be read.
        """
        try:
            return read_image(self._folder.root / name, size=self.settings.size)
        except ImageError as error:
            raise FusionError(f"{self.key}: {error}.") from error

    @cached_property
    def _place(self) -> CacheEntry:
        settings = f"1:{self.settings.size}:{self.settings.mpp}:".encode()
        kind, key = "image_features", self._folder.hashes()["images"]
        if self.embedding is not None:
            settings = json.dumps([1, self.settings.size, self.embedding.key()], sort_keys=True).encode()
            kind = "image_embeddings"
        return CacheEntry(root=self._folder.cache, kind=kind, key=hashlib.sha256(settings + key.encode()).hexdigest())

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Of the hand-crafted features, or the embedding's."""
        if self.embedding is not None:
            return tuple(f"embedding{at:04d}" for at in range(self.embedding.width))
        return PIXEL_FEATURES if self.settings.mpp is None else SCALED_FEATURES

    def prepare(self, progress: Progress) -> None:
        """Compute the hand-crafted features, or the embedding, of every image, once."""
        names = self._folder.images
        step = f"{self.name}: {'hand-crafted features' if self.embedding is None else 'embeddings'}"
        if self._place.complete:
            progress(step, len(names), len(names))
            return

        if self.embedding is not None:
            self._place.build(self._embed(self.embedding, lambda done, total: progress(step, done, total)))
            return

        def write(folder: Path) -> None:
            rows: list[NDArray[np.float32]] = []
            broken: list[str] = []
            batches = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
            work = [(self._folder.root, batch, self.settings.size, self.settings.mpp) for batch in batches]
            if self.settings.workers > 1 and len(batches) > 4:
                with ProcessPoolExecutor(self.settings.workers, mp_context=get_context("spawn")) as pool:
                    for part, errors in pool.map(image_features, *zip(*work, strict=True)):
                        rows.append(part)
                        broken += errors
                        progress(step, min(len(names), len(rows) * _BATCH), len(names))
            else:
                for one in work:
                    part, errors = image_features(*one)
                    rows.append(part)
                    broken += errors
                    progress(step, min(len(names), len(rows) * _BATCH), len(names))
            if broken:
                raise FusionError(self._unreadable(broken))
            np.save(folder / "features.npy", np.concatenate(rows))

        self._place.build(write)

    def _embed(self, embedding: EmbeddingSettings, told: Callable[[int, int], None]) -> Callable[[Path], None]:
        from data_modules.ingest.slides.embed.images import embed_images

        def write(folder: Path) -> None:
            np.save(folder / "features.npy", embed_images(self._folder.images, self.pixels, embedding, told=told))

        return write

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """Hand-crafted features, or embeddings, ``(image, feature)`` in the order of the cohort's images.

        Raises:
            FusionError: `prepare` has not run.
        """
        if not self._place.complete:
            what = "hand-crafted features" if self.embedding is None else "embeddings"
            raise FusionError(f"{self.key}: {what} have not been computed: run prepare first.")
        return np.load(self._place.folder / "features.npy", allow_pickle=False)  # type: ignore[no-any-return]

    @cached_property
    def rows(self) -> dict[str, int]:
        """Path → row of `features`."""
        return {name: row for row, name in enumerate(self._folder.images)}

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedModality:
        """Of pixels nothing is learned; of embeddings mean and spread of each number, over the training images."""
        if self.embedding is None:
            return FittedImages(self)
        rows = self.features[[self.rows[name] for name in train_ids]].astype(np.float64)
        spread = rows.std(axis=0)
        return FittedImages(self, centre=rows.mean(axis=0), spread=np.where(spread > 1e-6, spread, 1.0))

    def restore(self, state: State) -> FittedModality:
        """Read this cohort's images as a run's were.

        Raises:
            FusionError: images here are of another size or embedding than the weights were trained on.
        """
        if self.embedding is not None or "embed" in state.config:
            require_same(self.identity(), state.config, key=self.key)
            return FittedImages(self, centre=state.arrays["centre"], spread=state.arrays["spread"])
        trained = tuple(state.config["shape"])
        if trained != self.shape:
            raise FusionError(
                f"{self.key}: images are {self.shape[2]}×{self.shape[1]} here, but the run was trained on "
                f"{trained[2]}×{trained[1]}. Set {self.key}.size when training, so that all images are resized."
            )
        return FittedImages(self)

    def identity(self) -> dict[str, Any]:
        """What must agree between the images a model was trained on and those it is applied to."""
        if self.embedding is None:
            return {"shape": list(self.shape)}
        return {"embed": True, "size": self.settings.size, **self.embedding.identity()}

    def named_files(self, patient_ids: Sequence[str]) -> list[str]:
        """The file of each case, relative to the cohort's root."""
        return list(patient_ids)

    def picture(self, name: str) -> str:
        """An image as a data URI, at most 160 pixels wide, for reports."""
        from PIL import Image

        image = Image.fromarray(np.moveaxis(self.pixels(name), 0, -1))
        image.thumbnail((160, 160))
        buffer = io.BytesIO()
        image.save(buffer, format="jpeg", quality=85)
        return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


class FittedImages(BaseFitted):
    """Images as bags of one tile, or of one embedding.

    Args:
        images: the modality.
        centre: ``(feature,)`` taken from embeddings, before they are divided by
        spread: ``(feature,)``.
    """

    def __init__(
        self, images: Images, *, centre: NDArray[np.float64] | None = None, spread: NDArray[np.float64] | None = None
    ) -> None:
        embedding = images.embedding
        super().__init__(
            ModalitySpec(name=images.name, kind="tiles", token_shape=images.shape)
            if embedding is None
            else ModalitySpec(name=images.name, kind="embeddings", token_shape=(embedding.width,))
        )
        self._images = images
        self._centre, self._spread = centre, spread

    def _scaled(self, rows: Sequence[int]) -> NDArray[np.float64]:
        """Rows of the features, in standard deviations where they are embeddings."""
        values = self._images.features[list(rows)].astype(np.float64)
        return values if self._centre is None or self._spread is None else (values - self._centre) / self._spread

    def load(self, patient_id: str) -> Item | None:
        if patient_id not in self._images.rows:
            return None
        one = np.ones(1, dtype=np.bool_)
        if self._images.embedding is not None:
            return Item(values=self._scaled([self._images.rows[patient_id]]).astype(np.float32), mask=one)
        return Item(values=self._images.pixels(patient_id)[None], mask=one)

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """Hand-crafted features, NaN where an image has no nucleus to measure; or the embedding."""
        import pandas as pd

        rows = [self._images.rows[patient] for patient in patient_ids]
        index = pd.Index(list(patient_ids), name="patient_id")
        names = list(self._images.feature_names)
        return pd.DataFrame(self._scaled(rows), index=index, columns=names)

    def state(self) -> State:
        scale = {} if self._centre is None or self._spread is None else {"centre": self._centre, "spread": self._spread}
        return State(config=self._images.identity(), arrays=scale)
