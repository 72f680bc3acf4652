"""Outer and inner folds, and what an arm says of patients out of fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, kw_only=True)
class InnerFold:
    """A split of one outer fold's training patients: `train` fits, `val` stops early, calibrates and chooses."""

    train: tuple[str, ...]
    val: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One outer fold. `test` is scored once, by models that saw only `train`."""

    repeat: int
    index: int
    train: tuple[str, ...]
    test: tuple[str, ...]
    inner: tuple[InnerFold, ...]

    @property
    def name(self) -> str:
        """How files and messages call it, e.g. ``repeat0_fold3``."""
        return f"repeat{self.repeat}_fold{self.index}"
