"""What a modality makes of the files or samples it finds: how many it uses, and what it leaves out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fusion.contract import some


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
        remarks: what else is no error and yet to be known, each a clause.
    """

    key: str
    noun: str
    found: int
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    made: str = ""
    doubles: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def notable(self) -> bool:
        """Whether there is more to say than how many there are."""
        return bool(self.used < self.found or self.doubles or self.remarks)

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
        if self.doubles:
            remarks.insert(
                0,
                f"{len(self.doubles)} are the same, byte for byte, under several patients ({some(self.doubles, 3)}): "
                f"one of them has another's, which leaks from training to test; mend the files, or leave them out of "
                f"{self.key}.files",
            )
        return ". ".join([told, *remarks])
