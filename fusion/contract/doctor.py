"""What `fusion.doctor` says of one part of a machine; `data_modules` and `fusion` each look at their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Health = Literal["ok", "mend", "optional"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a machine.

    Attributes:
        name: e.g. ``Java``.
        health: ``ok``; ``mend``, where something that the package needs does not work; ``optional``, where something
            is not there that some use alone needs.
        told: what was found, in words.
        mend: what to do; empty where it is ok.
    """

    name: str
    health: Health
    told: str
    mend: str = ""
