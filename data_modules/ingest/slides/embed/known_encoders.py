"""The one table of frozen encoders: what a tile must look like for each, what comes out, and under which licence.

Facts of the pathology foundation models were compared with public code that runs them (docs/encoders.md says which).
Their weights are gated, so that none was run where this table was written: a wrong width is refused at the first batch,
a wrong constant would not be noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Pooling = Literal["network", "cls", "cls+mean"]


@dataclass(frozen=True, kw_only=True)
class KnownEncoder:
    """What a pretrained network takes and gives.

    Attributes:
        width: features of an embedding.
        mean: per channel, of values 0–1, subtracted from, and
        std: then divided into the pixels; ImageNet's unless said otherwise.
        input_size: side in pixels to which tiles are resized unless the configuration says otherwise; None leaves them.
        crop: side of the middle that is kept after resizing; None keeps all.
        pooling: ``network``: it returns one vector; ``cls``: the class token; ``cls+mean``: the class token beside the
            mean of patch tokens.
        prefix_tokens: tokens before the patches: the class token and registers.
        source: where the code comes from: ``monai``, ``package`` (PyPI), ``ours``, ``timm``, ``conch``; ``own``: yours.
        hub: name on the Hugging Face hub.
        options: of the network's constructor, where the hub's own configuration lacks them.
        licence: of the weights.
        tested: whether it was run where this was written; MONAI's with random weights in torchvision's layout.
    """

    width: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    input_size: int | None = None
    crop: int | None = None
    pooling: Pooling = "network"
    prefix_tokens: int = 1
    source: Literal["monai", "package", "ours", "timm", "conch", "own"]
    hub: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    licence: str
    tested: bool = False


_SWIGLU = {"mlp_layer": "timm.layers.SwiGLUPacked", "act_layer": "torch.nn.SiLU"}

KNOWN_ENCODERS: Mapping[str, KnownEncoder] = {
    # TensorFlow's EfficientNet-Lite: (pixel - 127) / 128.
    "efficientnet_lite0": KnownEncoder(
        width=1280,
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        source="package",
        licence="Apache-2.0 (code and weights)",
        tested=True,
    ),
    # The same network: mean and spread over the tile after blocks 5, 11, 16 (40, 112, 320 channels) and before its
    # pooling (1280), averaged over four orientations. Four times the work, and tells tissues apart better.
    "efficientnet_lite0_layers": KnownEncoder(
        width=2 * (40 + 112 + 320 + 1280),
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        source="package",
        options={"blocks": (4, 10, 15), "orientations": 4, "image_size": 224},
        licence="Apache-2.0 (code and weights)",
        tested=True,
    ),
    # MONAI's ResNets with torchvision's strides and keys, so that weights of either load.
    "resnet18": KnownEncoder(width=512, source="monai", licence="of your file", tested=True),
    "resnet34": KnownEncoder(width=512, source="monai", licence="of your file", tested=True),
    "resnet50": KnownEncoder(width=2048, source="monai", licence="of your file", tested=True),
    # The convolutions of `model/encoder=cnn`, of a run of this package.
    "cnn": KnownEncoder(
        width=32,
        mean=(0.75, 0.6, 0.72),
        std=(0.2, 0.2, 0.2),
        source="ours",
        options={"target": "fusion.encoders.images.cnn.TileCNN"},
        licence="of your file",
        tested=True,
    ),
    "uni": KnownEncoder(
        width=1024,
        input_size=224,
        source="timm",
        hub="MahmoodLab/UNI",
        options={"init_values": 1e-5, "dynamic_img_size": True},
        licence="CC BY-NC-ND 4.0, gated",
    ),
    "uni2": KnownEncoder(
        width=1536,
        input_size=224,
        source="timm",
        hub="MahmoodLab/UNI2-h",
        options={
            "img_size": 224,
            "patch_size": 14,
            "depth": 24,
            "num_heads": 24,
            "init_values": 1e-5,
            "embed_dim": 1536,
            "mlp_ratio": 2.66667 * 2,
            "num_classes": 0,
            "no_embed_class": True,
            "reg_tokens": 8,
            "dynamic_img_size": True,
            **_SWIGLU,
        },
        licence="CC BY-NC-ND 4.0, gated",
    ),
    "virchow": KnownEncoder(
        width=2560,
        input_size=224,
        pooling="cls+mean",
        source="timm",
        hub="paige-ai/Virchow",
        options=_SWIGLU,
        licence="Apache-2.0, gated",
    ),
    "virchow2": KnownEncoder(
        width=2560,
        input_size=224,
        pooling="cls+mean",
        prefix_tokens=5,
        source="timm",
        hub="paige-ai/Virchow2",
        options=_SWIGLU,
        licence="CC BY-NC-ND 4.0, gated",
    ),
    "h_optimus_0": KnownEncoder(
        width=1536,
        mean=(0.707223, 0.578729, 0.703617),
        std=(0.211883, 0.230117, 0.177517),
        input_size=224,
        source="timm",
        hub="bioptimus/H-optimus-0",
        options={"init_values": 1e-5, "dynamic_img_size": False},
        licence="Apache-2.0",
    ),
    "prov_gigapath": KnownEncoder(
        width=1536,
        input_size=256,
        crop=224,
        source="timm",
        hub="prov-gigapath/prov-gigapath",
        licence="Apache-2.0, for research only, gated",
    ),
    "conch": KnownEncoder(
        width=512,
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        input_size=448,
        source="conch",
        hub="MahmoodLab/CONCH",
        licence="CC BY-NC-ND 4.0, gated",
    ),
}

ALIASES: Mapping[str, str] = {
    "uni_v1": "uni",
    "uni_v2": "uni2",
    "mahmood-uni": "uni",
    "mahmood-uni2": "uni2",
    "mahmood-conch": "conch",
    "conch_v1": "conch",
    "gigapath": "prov_gigapath",
    "hoptimus0": "h_optimus_0",
    "h-optimus-0": "h_optimus_0",
}
"""What CLAM, TRIDENT and STAMP call some of them in the attributes of their feature files."""


def known(name: str) -> KnownEncoder | None:
    """The encoder of this name, in our spelling or in a peer's; None for others."""
    key = name.strip().lower()
    return KNOWN_ENCODERS.get(ALIASES.get(key, key))


def same_encoder(one: str | None, other: str | None) -> bool:
    """Whether two names are one encoder's."""
    if one is None or other is None:
        return one is other
    first, second = known(one), known(other)
    return one.lower() == other.lower() or (first is not None and first is second)
