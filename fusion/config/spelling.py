"""The nearest right spelling of a key or choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any


def dotted(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a nested mapping, dots between its parts, with its value."""
    for key, value in node.items():
        yield f"{prefix}{key}", value
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{key}.")


def suggest(word: str, known: Mapping[str, str]) -> str:
    """`` Did you mean …?`` with the nearest spellings, by the whole name or by its last part."""
    # What names share in front makes them no more alike: modality.rna.selector.features is no modality.rna.sheet.
    near = [one for one in difflib.get_close_matches(word, known, n=2, cutoff=0.7) if _alike(*_apart(word, one))]
    if not near:
        last = word.rpartition(".")[2]
        parts = {key.rpartition(".")[2] for key in known}
        ends = difflib.get_close_matches(last, parts, n=2, cutoff=0.75)
        near = [key for end in ends for key in known if key.rpartition(".")[2] == end][:3]
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _apart(word: str, other: str) -> tuple[str, str]:
    """Two names less the parts that they begin with alike."""
    left, right = word.split("."), other.split(".")
    while len(left) > 1 and len(right) > 1 and left[0] == right[0]:
        left, right = left[1:], right[1:]
    return ".".join(left), ".".join(right)


def _alike(word: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, word, other).ratio() >= 0.5
