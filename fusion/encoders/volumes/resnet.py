"""Three-dimensional residual networks from MONAI, with weights learned elsewhere where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from fusion.contract import ModalitySpec
from fusion.encoders.frozen import PartlyFrozen, check_stages, first_stages
from fusion.encoders.images.weights import load_backbone
from fusion.encoders.volumes.patches import VolumeEncoder
from fusion.layers import ModelError, never_one_wide

CHANNELS = {10: 512, 18: 512, 34: 512, 50: 2048}
SHORTCUTS = ("A", "B")


class VolumeResNet(PartlyFrozen, VolumeEncoder):
    """3D ResNet (He et al. 2016; Chen, Ma and Zheng, "Med3D", 2019) as MONAI builds it, over patches.

    Its keys and, unless told otherwise, its shortcuts are those of MedicalNet's published weights as MONAI reads them,
    so that these load. See `VolumeEncoder` for the parameters it shares with other encoders of volumes.

    Args:
        spec: a modality of kind ``volume``.
        width: of a token.
        depth: 10, 18, 34 or 50.
        weights: a safetensors file, or a torch state dict (read with ``weights_only=True``); None starts at random.
        trainable_from: first stage that learns: 0 everything, 1 from layer1 on … 4 only layer4, 5 nothing. Stages
            before it keep their weights and their batch statistics.
        shortcut: of stages that halve: ``A`` (padded with zeros; MONAI passes no gradient through it), ``B`` (a
            convolution, which learns), or None for MedicalNet's: A at depths 18 and 34, else B.
    """

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        depth: int = 10,
        weights: str | None = None,
        trainable_from: int = 0,
        shortcut: str | None = None,
        pooling: str = "attention",
        dropout: float = 0.1,
        flip_axes: Sequence[int] = (0,),
        jitter: float = 0.1,
        chunk: int = 32,
    ) -> None:
        where = f"model.encoders.{spec.name}"
        if depth not in CHANNELS:
            raise ModelError(f"{where}.depth is {depth}; choose {' or '.join(map(str, CHANNELS))}.")
        if shortcut not in (None, *SHORTCUTS):
            raise ModelError(f"{where}.shortcut is {shortcut!r}; choose {' or '.join(SHORTCUTS)}, or null.")
        check_stages(trainable_from, where=where)
        super().__init__(
            spec,
            width=width,
            channels=CHANNELS[depth],
            pooling=pooling,
            dropout=dropout,
            flip_axes=flip_axes,
            jitter=jitter,
            chunk=chunk,
        )
        self.backbone = _backbone(depth, shortcut)
        never_one_wide(self.backbone)
        if weights is not None:
            load_backbone(self.backbone, Path(weights), where=where)
        self.freeze(first_stages(self.backbone, trainable_from))

    def features(self, patches: Tensor) -> Tensor:
        """``(patch, 1, X, Y, Z)`` → ``(patch, 512)``; ``(patch, 2048)`` at depth 50."""
        features: Tensor = self.backbone(patches)
        return features


def _backbone(depth: int, shortcut: str | None) -> nn.Module:
    from monai.networks.nets import resnet

    bias_downsample, shortcut_type = resnet.get_medicalnet_pretrained_resnet_args(depth)
    make: Any = getattr(resnet, f"resnet{depth}")
    backbone: nn.Module = make(
        spatial_dims=3,
        n_input_channels=1,
        conv1_t_stride=2,  # MONAI's default of 1 costs eight times as much
        feed_forward=False,
        shortcut_type=shortcut or shortcut_type,
        bias_downsample=bias_downsample,
    )
    return backbone
