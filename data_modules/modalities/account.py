"""What a modality makes of the files or samples it finds: how many it uses, and what it leaves out and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from fusion.contract import some

Thing = TypeVar("Thing")


def by_owner(
    same: Sequence[Sequence[Thing]], owners: Mapping[Thing, str], *, name: Callable[[Thing], str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Clauses on things of one content: those of several patients, and those of one.

    Args:
        same: groups of one content.
        owners: thing → patient.
        name: how a thing is called.
    """
    told: tuple[list[str], list[str]] = ([], [])
    for group in same:
        clause = " = ".join(f"{name(one)} of {owners[one]}" for one in group)
        told[len({owners[one] for one in group}) == 1].append(clause)
    return tuple(told[0]), tuple(told[1])


@dataclass(frozen=True, kw_only=True)
class Account:
    """Found, used and left out; nothing shrinks unseen.

    Attributes:
        key: of the modality in the configuration, e.g. ``modality.slides``.
        noun: what is counted, e.g. ``files``.
        found: how many there are.
        left_out: why → names of what was left out for it; reasons are clauses that follow a number (``hidden``).
        made: what the used ones are, where that is another number: ``4 slides``.
        doubles: what several patients have byte for byte, each a clause: one of them has another's.
        twice: what one patient has twice, byte for byte, each a clause.
        remarks: what else is no error and yet to be known, each a clause.
    """

    key: str
    noun: str
    found: int
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    made: str = ""
    doubles: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def notable(self) -> bool:
        """Whether there is more to say than how many there are."""
        return bool(self.used < self.found or self.doubles or self.twice or self.remarks)

    @property
    def used(self) -> int:
        """Found less left out."""
        return self.found - sum(len(names) for names in self.left_out.values())

    @property
    def counts(self) -> dict[str, int]:
        """For the report: no name is among them."""
        doubles = {"the same under several patients": len(self.doubles)} if self.doubles else {}
        left_out = {why: len(them) for why, them in self.left_out.items()}
        return {"found": self.found, "used": self.used, **left_out, **doubles}

    def __str__(self) -> str:
        made = f" as {self.made}" if self.made else ""
        reasons = "; ".join(f"{len(them)} {why} ({some(list(them), 3)})" for why, them in self.left_out.items() if them)
        left = f", left out {self.found - self.used}: {reasons}" if reasons else ""
        told = f"{self.key}: found {self.found} {self.noun}, used {self.used}{made}{left}"
        remarks = list(self.remarks)
        if self.twice:
            remarks.insert(
                0,
                f"{len(self.twice)} are there twice for one patient, byte for byte ({some(self.twice, 3)}): leave the "
                f"copies out of {self.key}.files, or put the right files in their place",
            )
        if self.doubles:
            remarks.insert(
                0,
                f"{len(self.doubles)} are the same, byte for byte, under several patients ({some(self.doubles, 3)}): "
                f"one of them has another's, which leaks from training to test; mend the files, or leave them out of "
                f"{self.key}.files",
            )
        return ". ".join([told, *remarks])
