"""Residual networks from MONAI, with weights learned elsewhere where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec
from fusion.encoders.frozen import PartlyFrozen, check_stages, first_stages
from fusion.encoders.images.tiles import TileEncoder
from fusion.encoders.images.weights import is_run, load_backbone, load_pretrained
from fusion.layers import ModelError, never_one_wide

CHANNELS = {18: 512, 34: 512, 50: 2048}


class TileResNet(PartlyFrozen, TileEncoder):
    """ResNet (He et al. 2016) as MONAI builds it, over tiles. See `TileEncoder` for the shared parameters.

    Built with the same keys and strides as torchvision's, so that weights of either load.

    Args:
        spec: a modality of kind ``tiles``.
        width: of a token.
        depth: 18, 34 or 50.
        weights: a safetensors file, or a torch state dict (read with ``weights_only=True``); the folder of a run whose
            tile encoder this was; None starts at random.
        trainable_from: first stage that learns: 0 everything, 1 from layer1 on … 4 only layer4, 5 nothing. Stages
            before it keep their weights and their batch statistics.
    """

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        depth: int = 18,
        weights: str | None = None,
        trainable_from: int = 0,
        pooling: str = "attention",
        dropout: float = 0.1,
        match_colours: bool = True,
        augment: bool = True,
        jitter: float = 0.1,
        stain_jitter: float = 0.0,
        chunk: int = 32,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
    ) -> None:
        where = f"model.encoders.{spec.name}"
        if depth not in CHANNELS:
            raise ModelError(f"{where}.depth is {depth}; choose {' or '.join(map(str, CHANNELS))}.")
        check_stages(trainable_from, where=where)
        super().__init__(
            spec,
            width=width,
            channels=CHANNELS[depth],
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
        self.backbone = _backbone(depth)
        never_one_wide(self.backbone)
        if weights is not None and is_run(weights):
            load_pretrained(self, weights, where=where)
        elif weights is not None:
            load_backbone(self.backbone, Path(weights), where=where)
        self.freeze(first_stages(self.backbone, trainable_from))

    def features(self, images: Tensor) -> Tensor:
        """``(tile, 3, H, W)`` → ``(tile, 512)`` for ResNet-18 and 34, ``(tile, 2048)`` for ResNet-50."""
        features: Tensor = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return features


def _backbone(depth: int) -> nn.Module:
    """MONAI's 2D ResNet as torchvision has it: MONAI's own default stride of 1 costs four times as much."""
    from monai.networks.nets.resnet import resnet18, resnet34, resnet50

    make: Any = {18: resnet18, 34: resnet34, 50: resnet50}[depth]
    options = {"shortcut_type": "B"} if depth < 50 else {}
    backbone: nn.Module = make(
        spatial_dims=2, n_input_channels=3, conv1_t_stride=2, feed_forward=False, bias_downsample=False, **options
    )
    return backbone
