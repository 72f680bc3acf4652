"""What is right of the odd images: slides, tiles, features of tiles, volumes."""

from __future__ import annotations

from case_right import Right

IMAGES: dict[str, tuple[Right, ...]] = {}
