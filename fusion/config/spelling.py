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
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.7)
    if not near:
        last = word.rpartition(".")[2]
        parts = {key.rpartition(".")[2] for key in known}
        ends = difflib.get_close_matches(last, parts, n=2, cutoff=0.75)
        near = [key for end in ends for key in known if key.rpartition(".")[2] == end][:3]
    return f" Did you mean {' or '.join(near)}?" if near else ""
