"""Chromosomes by one name."""

from __future__ import annotations

CONTIGS = (*map(str, range(1, 23)), "X", "Y", "MT")


def plain_contig(name: str) -> str:
    """``chr1`` → ``1``, ``chrM`` and ``M`` → ``MT``, ``x``, ``23`` → ``X``, ``24`` → ``Y``; others lose ``chr``."""
    bare = name[3:] if name[:3].lower() == "chr" else name
    bare = bare.upper() if bare in ("x", "y", "m", "mt") else bare
    return {"M": "MT", "23": "X", "24": "Y", "25": "MT"}.get(bare, bare)
