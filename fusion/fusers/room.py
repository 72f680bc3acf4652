"""Whether attention among columns fits into memory: asked before anything is trained, and of every batch."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fusion.layers import ModelError

_KEPT = 4
"""Matrices of attention weights that training holds at once: before and after softmax and dropout, and a gradient."""


def needed(*, pairs: int, patients: int, heads: int, size: int) -> int:
    """Bytes of the attention weights of a batch in training.

    Args:
        pairs: of a patient's tokens.
        patients: of the batch.
        heads: of attention.
        size: of a number, in bytes.
    """
    return _KEPT * patients * heads * pairs * size


def memory() -> int:
    """Bytes of memory that the machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def require_room(*, columns: Mapping[str, int], pairs: int, patients: int, heads: int, size: int) -> None:
    """Refuse attention that needs more memory than the machine has.

    Args:
        columns: modality → its columns, each a token.
        pairs: of a patient's tokens.
        patients: of the batch.
        heads: of attention.
        size: of a number, in bytes.

    Raises:
        ModelError: naming the widest modality, and what mends it.
    """
    need, there = needed(pairs=pairs, patients=patients, heads=heads, size=size), memory()
    if need <= there:
        return
    widest = max(columns, key=lambda name: columns[name])
    raise ModelError(
        f"attention among {sum(columns.values()):,} columns of each of {patients:,} patients takes {need / 1e9:.0f} "
        f"GB; this machine has {there / 1e9:.0f}. Each column is a token, and {widest} has {columns[widest]:,}: set "
        f"modality.{widest}.components=50 or modality.{widest}.screen=200 (of a file of features), name fewer "
        "columns, or take model/fuser=concat."
    )
