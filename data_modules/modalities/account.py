"""What a modality makes of the files or samples it finds: how many it uses, and what it leaves out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data_modules.errors import some


@dataclass(frozen=True, kw_only=True)
class Account:
    """Found, used and left out; nothing shrinks unseen.

    Attributes:
        key: of the modality in the configuration, e.g. ``modality.slides``.
        noun: what is counted, e.g. ``files``.
        found: how many there are.
        left_out: why → names of what was left out for it; reasons are clauses that follow a number (``hidden``).
        made: what the used ones are, where that is another number: ``4 slides``.
        remarks: what else is no error and yet to be known, each a clause.
    """

    key: str
    noun: str
    found: int
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    made: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def used(self) -> int:
        return self.found - sum(len(names) for names in self.left_out.values())

    @property
    def counts(self) -> dict[str, int]:
        """For the report: no name is among them."""
        return {"found": self.found, "used": self.used, **{why: len(them) for why, them in self.left_out.items()}}

    def __str__(self) -> str:
        made = f" as {self.made}" if self.made else ""
        reasons = "; ".join(f"{len(them)} {why} ({some(list(them), 3)})" for why, them in self.left_out.items() if them)
        left = f", left out {self.found - self.used}: {reasons}" if reasons else ""
        told = f"{self.key}: found {self.found} {self.noun}, used {self.used}{made}{left}"
        return ". ".join([told, *self.remarks])
