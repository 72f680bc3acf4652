"""Columns that attention would relate to one another: refused, or told, before any of them is read by a network."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fusion.contract.devices import device_of
from fusion.contract.modality import COMPONENTS, MANY_COLUMNS, known_columns
from fusion.fusers.room import needed, require_room

if TYPE_CHECKING:
    from fusion.contract import Modality


def check_room(config: Any, modalities: Mapping[str, Modality], *, patients: int) -> list[str]:
    """What is to be known of wide modalities under the configured fuser; nothing where it weighs no two columns.

    Args:
        config: of a training run: model, trainer, datamodule.
        modalities: name → modality, opened.
        patients: of the cohort; a batch has no more.

    Returns:
        A sentence for each modality of more than `MANY_COLUMNS` columns that fits into memory all the same.

    Raises:
        ModelError: attention among the columns needs more memory than the machine has.
    """
    from hydra.utils import get_class

    columns = {name: count for name, one in modalities.items() if (count := known_columns(one))}
    fuser: Any = get_class(config.model.fuser["_target_"])
    if len(modalities) < 2 or not columns or not hasattr(fuser, "weighed"):
        return []  # one modality has nothing to fuse; a fuser of someone's own may say nothing of its needs
    pairs = fuser.weighed(columns)
    device = device_of(config.trainer, at="trainer.")
    if not pairs or device.kind != "cpu":
        return []
    heads = int(config.model.fuser.get("heads", heads_of(fuser)))
    size = 4 if device.precision == "32" else 2
    batch = min(int(config.datamodule.batch_size), patients)
    require_room(columns=columns, pairs=pairs, patients=batch, heads=heads, size=size)

    def taken(count: int) -> float:
        return gigabytes(fuser, count, patients=batch, heads=heads, size=size)

    return [
        f"modality.{name}: attention relates each of its {count:,} columns to every other: {taken(count):.1f} GB a "
        f"batch, and slow. Where no single column matters, set modality.{name}.components={COMPONENTS} (of a file of "
        "features)."
        for name, count in columns.items()
        if count > MANY_COLUMNS
    ]


def heads_of(fuser: Any) -> int:
    """Heads of attention that a fuser has where none are set."""
    given = inspect.signature(fuser).parameters.get("heads")
    return 1 if given is None else int(given.default)


def gigabytes(fuser: Any, columns: int, *, patients: int, heads: int, size: int = 4) -> float:
    """Attention weights of a batch in training, among the columns of one modality alone.

    Args:
        fuser: class that says what it weighs.
        columns: of the modality, each a token.
        patients: of the batch.
        heads: of attention.
        size: of a number, in bytes.
    """
    return needed(pairs=fuser.weighed({"": columns}), patients=patients, heads=heads, size=size) / 1e9
