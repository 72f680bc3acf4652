"""Weights of frozen encoders: read as tensors and nothing else, and fitted to a network key by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.contract import FusionError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_CLASSIFIERS = ("_fc.", "fc.", "classifier.", "head.", "project.", "pool.")
_SIGNS = (
    ("blocks.0.", "a vision transformer (timm)"),
    ("transformer.", "a transformer"),
    ("_conv_stem.", "EfficientNet-Lite (efficientnet_lite_pytorch)"),
    ("conv_stem.", "an EfficientNet of timm"),
    ("denseblock", "a DenseNet"),
    ("layer1.0.conv3.", "a ResNet with bottlenecks (50 layers and more)"),
    ("layer1.0.conv2.", "a ResNet of 18 or 34 layers"),
    ("convolutions.0.", "this package's CNN"),
)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a state dict written by torch.

    Raises:
        FusionError: it is missing, damaged, or holds what could run code.
    """
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise FusionError(
            f"{path}: a pickle that holds more than tensors, which could run code, so it was not loaded. Save its "
            "state_dict() as safetensors where you trust it."
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise FusionError(
            f"{path}: cannot be read as plain weights ({type(error).__name__}): damaged, cut short, or no weights."
        ) from error
    for key in ("state_dict", "model", "teacher"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise FusionError(f"{path}: holds no state dict of tensors.")
    return state


def fit_weights(network: Module, state: Mapping[str, Tensor], *, path: Path, encoder: str) -> None:
    """Load `state` into `network`; a classifier and a wrapper's prefix (``module.`` …) in the file are no matter.

    Raises:
        FusionError: keys or shapes are another network's; the first few are named, and what they look like.
    """
    wanted = network.state_dict()
    body = _unwrapped(state, wanted)
    # Batch-norm counters serve training alone, and old files lack them.
    missing = [key for key in wanted if key not in body and not key.endswith("num_batches_tracked")]
    unknown = [key for key in body if key not in wanted]
    shapes = [
        f"{key} is {tuple(body[key].shape)} in the file, {tuple(wanted[key].shape)} in the network"
        for key in wanted
        if key in body and body[key].shape != wanted[key].shape
    ]
    if missing or unknown or shapes:
        parts = [f"{len(missing)} keys are missing ({_few(missing)})"] if missing else []
        parts += [f"{len(unknown)} are unknown ({_few(unknown)})"] if unknown else []
        parts += [f"{len(shapes)} have another shape ({_few(shapes)})"] if shapes else []
        raise FusionError(
            f"{path}: not the weights of {encoder}: {'; '.join(parts)}. {_likely(body, encoder)} Set embed.encoder to "
            "the network they belong to, or embed.weights to its file."
        )
    network.load_state_dict(dict(body), strict=False)


def _unwrapped(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the classifier that `wanted` lacks, and without the wrapper's prefix under which most of `wanted` is."""
    plain = {key: value for key, value in state.items() if key in wanted or not key.startswith(_CLASSIFIERS)}
    best, hits = "", sum(key in plain for key in wanted)
    first = next(iter(wanted), "")
    for prefix in (key.removesuffix(first) for key in state if key.endswith(f".{first}")):
        found = sum(prefix + key in state for key in wanted)
        if found > hits:
            best, hits = prefix, found
    if not best:
        return plain
    return {key.removeprefix(best): value for key, value in state.items() if key.removeprefix(best) in wanted}


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _likely(body: Mapping[str, Tensor], encoder: str) -> str:
    """What the file's keys look like."""
    if any(value.ndim == 5 for value in body.values()):
        return "They look like a 3D network's, made for volumes."
    for sign, name in _SIGNS:
        if any(sign in key for key in body):
            return f"They look like those of {name}."
    return f"They look like nothing that {encoder} is made of: perhaps a whole model, a head, or an optimiser."
