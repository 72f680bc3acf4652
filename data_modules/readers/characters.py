"""Characters that nobody sees and that make two words of one: they come from web pages, PDFs and word processors."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
"""Soft hyphen, zero-width space, marks of direction, word joiner, byte order mark (within: of files put together)."""

_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " ")
"""Spaces at which no line may break."""


def plain_characters(text: str) -> tuple[str, tuple[str, ...]]:
    """A text as it looks: without invisible characters, letters composed (NFC), every space a space.

    Returns:
        The text, and what was left out, in words.
    """
    if text.isascii():
        return text, ()
    text = unicodedata.normalize("NFC", text.removeprefix("\ufeff").translate(_SPACES))
    found = sorted(set(_INVISIBLE.findall(text)))
    if not found:
        return text, ()
    names = ", ".join(f"U+{ord(one):04X}" for one in found)
    return _INVISIBLE.sub("", text), (f"invisible characters ({names}) are left out",)
