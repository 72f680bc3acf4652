"""Weights learned elsewhere: a file of tensors, or a run folder whose tile encoder was trained on labelled tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fusion.layers import ModelError

_HEAD = ("fc.", "_fc.", "classifier.")
"""Classifiers of networks trained on other classes; not needed."""


def read_weights(path: Path, *, where: str) -> dict[str, Tensor]:
    """Tensors by name, from a safetensors file or a torch state dict; nothing but tensors is read.

    Raises:
        ModelError: naming the config key `where`, when the file is missing or unreadable.
    """
    from pickle import UnpicklingError

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights: Any
        if path.suffix == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{where}.weights: {path} does not exist.") from error
    except (SafetensorError, UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise ModelError(f"{where}.weights: {path} holds no weights that can be read safely ({error}).") from error
    weights = weights.get("state_dict", weights) if isinstance(weights, dict) else weights
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ModelError(f"{where}.weights: {path} holds no state dict of tensors.")
    return weights


def load_backbone(backbone: nn.Module, path: Path, *, where: str) -> None:
    """Load a file's weights; a classifier in it is not needed.

    Raises:
        ModelError: naming the config key `where`, when the file is missing, unreadable or of another network.
    """
    _load(backbone, {k: v for k, v in read_weights(path, where=where).items() if not k.startswith(_HEAD)}, path, where)


def is_run(weights: str) -> bool:
    """Whether `weights` names a run folder."""
    return (Path(weights).expanduser() / "run.json").is_file()


def load_pretrained(encoder: nn.Module, weights: str, *, where: str) -> None:
    """Load what a run's image encoder learned from its tiles (domain pretraining), all but projection and pooling.

    Of the run's networks it is the first fold's first: one network, which saw part of the run's images. Patients of the
    run must not be among those that the new model is tested on.

    Raises:
        ModelError: the run has no image encoder of the same kind.
    """
    run = Path(weights).expanduser()
    if not is_run(weights):
        raise ModelError(f"{where}.weights: {run} is no run folder (no run.json).")
    found = sorted(run.glob("models/*/fusion/member0.safetensors"))
    if not found:
        raise ModelError(f"{where}.weights: {run} keeps no network of the arm fusion. Set it to a finished run.")
    state = read_weights(found[0], where=where)
    wanted = {name for name in encoder.state_dict() if not name.startswith(("project.", "pool."))}
    names = {name.split(".")[1] for name in state if name.startswith("encoders.")}
    fits = {
        name: {key: state[f"encoders.{name}.{key}"] for key in wanted if f"encoders.{name}.{key}" in state}
        for name in sorted(names)
    }
    best = max(fits, key=lambda name: len(fits[name]), default=None)
    if best is None or not fits[best]:
        raise ModelError(
            f"{where}.weights: the encoders of {run} ({', '.join(sorted(names)) or 'none'}) are of another kind than "
            f"{type(encoder).__name__}. Choose the encoder that the run was trained with."
        )
    missing = sorted(wanted - set(fits[best]))
    other = [key for key, value in fits[best].items() if value.shape != encoder.state_dict()[key].shape]
    if missing or other:
        raise ModelError(
            f"{where}.weights: {found[0]} holds another network: {len(missing)} keys are missing and {len(other)} of "
            f"another shape, e.g. {(missing or other)[0]}. Give the encoder the settings it had in that run."
        )
    encoder.load_state_dict(fits[best], strict=False)


def _load(backbone: nn.Module, state: dict[str, Tensor], path: Path, where: str) -> None:
    # Batch-norm counters serve training alone, and old files lack them.
    own = backbone.state_dict()
    state = {k: v for k, v in own.items() if k.endswith("num_batches_tracked")} | state
    try:
        backbone.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"{where}.weights: {path} holds weights of another network. {error}") from error
