"""What a user may set about slides, single images and extracted tile features; explained in conf/modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from data_modules.ingest.slides.settings import EmbedSettings, Stain, TileSettings, TissueSettings
from data_modules.modalities.settings import FileSettings
from fusion.contract import Count, Positive, Range, Settings, Share


@dataclass(frozen=True, kw_only=True)
class SlideSettings(FileSettings):
    """Of `modality.slides`; see conf/modality/slides.yaml.

    Attributes:
        mpp: microns per pixel of slides that do not say theirs, or a mapping of file name to microns per pixel, which
            overrules the slide.
        objective_power: whether a slide that says its objective's power alone has 10 / power microns per pixel.
        tile: size, resolution, overlap and number of tiles.
        tissue: how tissue is told from glass.
        stain: ``none``; ``macenko`` to a fixed published reference; or ``fold`` to the average of the training
            patients' slides, for pixels.
        embed: None for pixels, or the frozen network whose embeddings are kept.
        workers: processes that read slides; threads, where they are embedded.
        max_failed: share of slides that may fail.
    """

    mpp: Positive | Mapping[str, Positive] | None = None
    objective_power: bool = False
    tile: TileSettings = field(default_factory=TileSettings)
    tissue: TissueSettings = field(default_factory=TissueSettings)
    stain: Stain = "none"
    embed: EmbedSettings | None = None
    workers: Count = 2
    max_failed: Share = 0.05

    def conflicts(self) -> list[str]:
        """A stain of the fold on what is made once for all folds."""
        problems = super().conflicts()
        if self.stain == "fold" and self.embed is not None:
            problems.append(
                "stain is fold, which needs pixels, but embed keeps embeddings, which are made once for all folds. "
                "Set embed to null, or stain to macenko or none."
            )
        return problems


@dataclass(frozen=True, kw_only=True)
class ImageSettings(Settings):
    """Of single images; see conf/modality/images.yaml.

    Attributes:
        size: side in pixels to which images are resized, 16 at least for the encoders; None takes them as they are, all
            of one size.
        mpp: microns per pixel of the resized images, for the hand-crafted features of nuclei; None leaves those out.
        workers: processes that compute hand-crafted features.
        embed: None for pixels and hand-crafted features, or the frozen network whose embeddings stand for both.
    """

    size: Annotated[int, Range(low=16)] | None = None
    mpp: Positive | None = None
    workers: Count = 2
    embed: EmbedSettings | None = None


@dataclass(frozen=True, kw_only=True)
class TileFeatureSettings(FileSettings):
    """Of tile features that another tool extracted; see conf/modality/tile_features.yaml.

    Attributes:
        encoder: what made the features, a name of `data_modules.ingest.slides.embed.known_encoders` or any other; files
            that say something else are refused. None takes what the files say, if they agree.
        width: features of a tile; None takes the encoder's, or what the files agree on.
    """

    encoder: str | None = None
    width: Count | None = None
