"""One thing that was found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Weight = Literal["identifies", "look"]
"""``identifies``: tells who a patient is, or names a day of theirs. ``look``: may; a person has to see."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Where something is, and what kind of thing; never the thing itself.

    Attributes:
        place: file below the folder that was looked at, identifiers hidden.
        where: within it: a tag, a property, a picture, the name, the text.
        what: in a few words.
        weight: of it.
    """

    place: str
    where: str
    what: str
    weight: Weight

    def record(self) -> dict[str, str]:
        """JSON."""
        return asdict(self)
