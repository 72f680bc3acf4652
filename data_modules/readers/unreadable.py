"""What is wrong with a file that cannot be read with certainty, and what mends it."""

from __future__ import annotations

from fusion.contract import FusionError


class UnreadableError(FusionError):
    """A file that cannot be read with certainty.

    Attributes:
        what: file, line and value; a clause without a full stop.
        remedy: what mends it; ``{key}`` stands for the configuration key of whoever reads.
        empty: there is nothing in it.
    """

    def __init__(self, what: str, remedy: str, *, empty: bool = False) -> None:
        self.what, self.remedy, self.empty = what, remedy, empty
        super().__init__(f"{what}. {remedy}.")

    def sentence(self, key: str) -> str:
        """For a message of the configuration key `key`."""
        return f"{self.what}. {self.mended(key)}."

    def mended(self, key: str) -> str:
        """The remedy by the configuration key `key`; names out of a file may hold braces of their own."""
        return self.remedy.replace("{key}", key)
