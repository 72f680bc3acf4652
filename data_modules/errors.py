"""What is wrong with a cohort, told once and whole: every problem with its count, its first examples and its remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fusion.contract import FusionError, some


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing a user can mend.

    Attributes:
        what: file, column and value; a clause without a full stop.
        remedy: what to do, naming the config key.
        examples: all the patients, rows or values concerned; the message shows the first few and counts them.
        column: of a table, where only that column is concerned.
        absent: nothing is there to read, rather than something wrong: new patients may come without it.
        whole: it concerns all of a file, so that no patient of it can be trusted.
    """

    what: str
    remedy: str
    examples: tuple[object, ...] = ()
    column: str | None = None
    absent: bool = False
    whole: bool = False

    def __str__(self) -> str:
        named = f" ({len(self.examples)}: {some(self.examples)})" if self.examples else ""
        return f"{self.what}{named}. {self.remedy}"


class AbsentFileError(FusionError):
    """A file is not there; base of what readers of tables raise, so that new patients may come without outcomes."""


class CohortError(FusionError):
    """All problems of a cohort in one message.

    Attributes:
        problems: as given; those that modalities report are plain sentences.
    """

    def __init__(self, cohort: str, problems: Sequence[Problem | str]) -> None:
        self.problems = tuple(problems)
        noun = "problem" if len(self.problems) == 1 else "problems"
        lines = [f"cohort {cohort!r} has {len(self.problems)} {noun}:"]
        lines += [f"  {number}. {problem}" for number, problem in enumerate(self.problems, start=1)]
        super().__init__("\n".join(lines))
