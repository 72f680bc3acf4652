"""Networks of an unfinished fold: each is kept once it is trained, so that an interrupted fold goes on after it.

What is kept is found by a hash of all that training depends on beside the data, which an interrupted run may not change
(`fusion.run.integrity`). The run folder removes it when the fold is finished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.contract import FusionError
from fusion.network.fitting import load_weights, save_weights
from fusion.network.model import FusionModel
from fusion.run.bounded import read_arrays, read_json
from fusion.run.files import replace_file
from fusion.run.state import save_json


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What an arm needs of a trained member beside its weights.

    Attributes:
        best_epoch: see `fusion.network.fitting.NetworkFit`.
        curves: one row an epoch.
        train: logits of `fold.train`, ``(patient,)`` or ``(patient, class)``.
        test: the same of `fold.test`.
        secondary: secondary endpoint → both of it.
    """

    best_epoch: int
    curves: Sequence[Mapping[str, float]]
    train: NDArray[np.float64]
    test: NDArray[np.float64]
    secondary: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)


class Finished:
    """Trained members on disk.

    Args:
        folder: of the fold; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def load(self, key: str, model: FusionModel, secondary: Sequence[str] = ()) -> Trained | None:
        """What was kept under `key`, its weights in `model`; None, and `model` as it was, where nothing whole is.

        Args:
            key: see `key_of`.
            model: as it was built.
            secondary: endpoints that it predicts beside the primary one.
        """
        if self._folder is None:
            return None
        # The JSON is written last. What cannot be read is trained again.
        with suppress(FusionError, OSError, ValueError, KeyError):
            found = read_json(self._folder / f"{key}.json")
            names = ["train", "test", *(f"{part} of {name}" for name in secondary for part in ("train", "test"))]
            arrays = read_arrays(self._folder / f"{key}.npz", names)
            load_weights(model, self._folder / f"{key}.safetensors")
            return Trained(
                best_epoch=int(found["best_epoch"]),
                curves=found["curves"],
                train=arrays["train"],
                test=arrays["test"],
                secondary={name: (arrays[f"train of {name}"], arrays[f"test of {name}"]) for name in secondary},
            )
        return None

    def save(self, key: str, model: FusionModel, trained: Trained) -> None:
        """Keep a member."""
        if self._folder is None:
            return

        arrays = {"train": trained.train, "test": trained.test}
        for name, (train, test) in trained.secondary.items():
            arrays |= {f"train of {name}": train, f"test of {name}": test}

        def write(partial: Path) -> None:
            with partial.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)

        save_weights(model, self._folder / f"{key}.safetensors")
        replace_file(self._folder / f"{key}.npz", write)
        curves = [{name: _plain(value) for name, value in row.items()} for row in trained.curves]
        save_json(self._folder / f"{key}.json", {"best_epoch": trained.best_epoch, "curves": curves})


def key_of(**depends: Any) -> str:
    """A name for a network, of all that it depends on: configuration nodes, ids, numbers."""
    from omegaconf import OmegaConf

    def plain(value: Any) -> Any:
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else str(value)

    text = json.dumps(depends, sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: float) -> float:
    return int(value) if isinstance(value, int | np.integer) else float(value)
