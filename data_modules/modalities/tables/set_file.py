"""Gene sets beside a wide table: read once, and what of them the table can fill."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from data_modules.genes.sets import read_gene_sets
from data_modules.learned.pathways import usable
from data_modules.learned.settings import PathwaySettings
from fusion.contract import FusionError, some


class SetFile:
    """A GMT file that ``pathways`` names.

    Args:
        settings: of it.
        key: in the configuration, for messages.
        root: where a relative file starts.
    """

    def __init__(self, settings: PathwaySettings, *, key: str, root: Path) -> None:
        self._settings = settings
        self._key = key
        self._root = root
        self.path = root / Path(settings.file).expanduser()

    @cached_property
    def genes(self) -> dict[str, tuple[str, ...]]:
        """Name → genes.

        Raises:
            FusionError: the file cannot be read, or a line of it is no set.
        """
        return read_gene_sets(asdict(self._settings), key=self._key, root=self._root)

    def problems(self, columns: Iterable[object], table: str) -> list[str]:
        """What is wrong with it, for a table of these columns; each a sentence that names the remedy."""
        names, least = [str(name) for name in columns], self._settings.least
        try:
            sets = self.genes
        except FusionError as error:
            return [str(error)]
        if usable(sets, names, least):
            return []
        genes = list(dict.fromkeys(gene for one in sets.values() for gene in one))
        return [
            f"{self._key}: no set of {self.path} has {least} genes among the {len(names)} columns of {table}, and "
            f"others beside them. Its genes are named like {some(genes, 3)}, the columns like {some(names, 3)}. Take "
            f"sets of the same names, or lower {self._key}.least."
        ]

    def usable(self, columns: Iterable[object]) -> int:
        """How many sets have columns enough."""
        return len(usable(self.genes, [str(name) for name in columns], self._settings.least))

    def counts(self, columns: Iterable[object]) -> dict[str, int]:
        """For the report: sets of the file, those used, and columns in them."""
        found = usable(self.genes, [str(name) for name in columns], self._settings.least)
        inside = {gene for one in found.values() for gene in one}
        return {"in the file": len(self.genes), "used": len(found), "columns in them": len(inside)}
