"""What is right of an odd input: how its command must end, and what it must say or leave behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Check = Callable[[Path], "str | None"]
"""Looks at the folder the command ran in; says what is wrong, None where nothing is."""


@dataclass(frozen=True, kw_only=True)
class Right:
    """One command of a case.

    Attributes:
        read: patterns that the output must hold where the input is read (exit 0); None where it must not be read.
        refused: the same where it is refused (exit 2); None where it must not be refused.
        check: of what was read.
        command: None takes the one of case.yaml, up to its first remark. ``<out>`` stands for the folder of what
            make.py wrote.
        before: commands that run first and must end well.
        shared: files of other cases that those need: place in the case's folder → place in the cases.
    """

    read: tuple[str, ...] | None = None
    refused: tuple[str, ...] | None = None
    check: Check | None = None
    command: str | None = None
    before: tuple[str, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()

    def judge(self, code: int, output: str, folder: Path) -> str | None:
        """What is wrong with how the command ended; None where nothing is."""
        if "Traceback (most recent call last)" in output:
            return "traceback: " + next((line for line in reversed(output.splitlines()) if line.strip()), "")
        if code not in (0, 2):
            return f"exit {code}"
        patterns = self.read if code == 0 else self.refused
        if patterns is None:
            return "read, and must not be" if code == 0 else f"refused, and must not be: {tail(output)}"
        # Rich and the commands wrap lines at the width of the terminal.
        flat = " ".join(output.split())
        lacking = [pattern for pattern in patterns if not re.search(pattern, flat)]
        if lacking:
            return f"exit {code}, but does not say {', '.join(map(repr, lacking))}: {tail(output)}"
        return self.check(folder) if code == 0 and self.check is not None else None


def tail(output: str, width: int = 600) -> str:
    """The last of what was printed, on one line."""
    return " ".join(output.split())[-width:]
