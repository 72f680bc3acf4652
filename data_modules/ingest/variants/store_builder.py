"""Exported lines of Hail → one matrix of dosages, with everything that is dropped counted by its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_modules.genes.contigs import CONTIGS, plain_contig
from data_modules.ingest.variants.annotation.records import UNANNOTATED, Annotation
from data_modules.ingest.variants.files.reference import Reference
from data_modules.ingest.variants.store import COLUMNS, MISSING, NOT_LISTED, OPTIONAL, Shares

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

UNCALLED, LOW_GQ, LOW_DP, LOW_BALANCE = 3, 4, 5, 6
"""Digits of a genotype that is no dosage: not called; dropped by min_gq, by min_dp, by min_balance."""

REASONS = {"uncalled": UNCALLED, "low_gq": LOW_GQ, "low_dp": LOW_DP, "low_balance": LOW_BALANCE}

Key = tuple[str, int, str, str]
"""Contig, position, ref, alt: of a variant in minimal representation, or of a line with its alts joined by commas."""

_BATCH = 50_000
"""Alleles after which digits become a matrix: strings take ten times the memory."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file among those that were exported together.

    Attributes:
        name: of the file.
        samples: names of its columns; None for one that is not kept (a normal of a pair).
    """

    name: str
    samples: tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class _Block:
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    dosage: NDArray[np.int8]


class StoreBuilder:
    """Collects the exported lines of an origin's files.

    Args:
        sources: all files of the origin.
        reference: aligns indels to the left, and drops lifted variants whose reference base differs; None does neither.
    """

    def __init__(self, *, sources: Sequence[Source], reference: Reference | None = None) -> None:
        names = [name for source in sources for name in source.samples if name is not None]
        self.sources = tuple(sources)
        self.samples = list(dict.fromkeys(names))
        self.reference = reference
        self.rows: dict[Key, int] = {}
        self.notes: list[Annotation] = []
        self.files: list[str] = []
        self.sites: Counter[str] = Counter()
        self.genotypes: Counter[str] = Counter()
        self.reasons = {name: np.zeros(len(self.samples), dtype=np.int64) for name in REASONS}
        self.depth = np.zeros((2, len(self.samples)), dtype=np.int64)
        self._column = {name: at for at, name in enumerate(self.samples)}
        self._blocks: list[_Block] = []
        self._shares: list[tuple[int, int, float]] = []

    def add(
        self,
        lines: Iterable[Sequence[str]],
        sources: Sequence[Source],
        notes: Mapping[Key, Sequence[Annotation]],
        *,
        lifted: bool = False,
    ) -> None:
        """Take the sites of files that were exported together in.

        Args:
            lines: see `data_modules.ingest.variants.hail.export.export`.
            sources: the files; a line names its own by number.
            notes: annotations of a line.
            lifted: whether places were lifted over.
        """
        columns = np.array(
            [[-1 if name is None else self._column[name] for name in source.samples] for source in sources]
        )
        digits: list[str] = []
        rows: list[int] = []
        origins: list[int] = []
        for contig, position, ref, alts, number, passes, least, calls, depths, shares in lines:
            self.sites["listed"] += 1
            name = plain_contig(contig)
            if name not in CONTIGS:
                self.sites["other_contig"] += 1
                continue
            if passes != "true":
                self.sites["filter"] += 1
                continue
            if not least:  # ALT is ".": a site where nobody differs from the reference
                self.sites["no_alternate_allele"] += 1
                continue
            source = int(number)
            annotations = notes.get((name, int(position), ref, alts), ())
            self.sites["multi_allelic_split"] += "," in alts
            if depths:
                self._add_depths(depths, columns[source])
            carried = shares.split(",") if shares else ()
            for index, (kept, call) in enumerate(zip(least.split(","), calls.split(","), strict=True)):
                key = self._key(kept, lifted=lifted)
                if key is None:
                    continue
                row = self.rows.setdefault(key, len(self.rows))
                if row == len(self.notes):
                    note = annotations[index] if annotations else UNANNOTATED
                    self.notes.append(note)
                    self.files.append(sources[source].name)
                    self.sites["unresolved_annotation"] += not note.resolved
                else:
                    self.sites["duplicate"] += len(sources) == 1
                rows.append(row)
                digits.append(call)
                origins.append(source)
                if carried:
                    self._add_shares(carried[index], row, columns[source])
            if len(rows) >= _BATCH:
                self._flush(rows, digits, columns, origins)
        self._flush(rows, digits, columns, origins)

    def _key(self, kept: str, *, lifted: bool) -> Key | None:
        """The variant of ``contig:position:ref:alt``, aligned; None, and counted, where it is not to be kept."""
        if kept[0] == "?":  # a reason instead of a place
            self.sites[kept[1:]] += 1
            return None
        contig, place, ref, alt = kept.split(":", 3)
        if alt == "*" or not alt.isalpha():
            self.sites["star_allele" if alt == "*" else "symbolic_allele"] += 1
            return None
        if ref == alt or ref.strip("ACGT") or alt.strip("ACGT"):  # N, R and such say that the base is not known
            self.sites["no_alternate_allele" if ref == alt else "ambiguous_base"] += 1
            return None
        name, position = plain_contig(contig) if lifted else contig.removeprefix("chr"), int(place)
        if name == "M":
            name = "MT"
        if name not in CONTIGS:
            self.sites["lift_other_contig"] += 1
            return None
        if self.reference is not None:
            if lifted and self.reference.differs(name, position, ref) is not None:
                self.sites["lift_reference_differs"] += 1
                return None
            if len(ref) != len(alt):
                before = position
                position, ref, alt = self.reference.left_align(name, position, ref, alt)
                self.sites["left_aligned"] += position != before
        return name, position, ref, alt

    def _add_depths(self, depths: str, columns: NDArray[np.intp]) -> None:
        values = np.array(depths.split(","), dtype=np.int64)
        use = (values >= 0) & (columns >= 0)
        np.add.at(self.depth[0], columns[use], values[use])
        np.add.at(self.depth[1], columns[use], 1)

    def _add_shares(self, carriers: str, row: int, columns: NDArray[np.intp]) -> None:
        for carrier in carriers.split():
            at, _, share = carrier.partition("=")
            if columns[int(at)] >= 0:
                self._shares.append((row, int(columns[int(at)]), int(share) / 10_000))

    def _flush(self, rows: list[int], digits: list[str], columns: NDArray[np.intp], sources: list[int]) -> None:
        """Turn what has come together into blocks, and count."""
        if not rows:
            return
        width = columns.shape[1]
        codes = np.frombuffer("".join(digits).encode("ascii"), dtype=np.uint8).reshape(len(rows), width) - 48
        at, of_row = np.array(rows, dtype=np.intp), np.array(sources, dtype=np.intp)
        for source in np.unique(of_row):
            mine = slice(None) if len(columns) == 1 else of_row == source
            kept = columns[source] >= 0
            own, targets = codes[mine], columns[source][kept]
            own = own if kept.all() else own[:, kept]
            for reason, code in REASONS.items():
                number = (own == code).sum(axis=0)
                np.add.at(self.reasons[reason], targets, number)
                self.genotypes[reason] += int(number.sum())
            self.genotypes["read"] += own.size
            good = own < UNCALLED
            self.genotypes["kept"] += int(good.sum())
            values = np.where(good, own, MISSING).astype(np.int8)
            self._blocks.append(_Block(rows=at[mine], columns=targets, dosage=values))
        rows.clear()
        digits.clear()
        sources.clear()

    def dosage(self) -> NDArray[np.int8]:
        """(variant, sample); where lines or files say different things of a cell, the larger number stands."""
        matrix = np.full((len(self.rows), len(self.samples)), NOT_LISTED, dtype=np.int8)
        while self._blocks:  # each is let go as soon as it is in
            block = self._blocks.pop(0)
            # Each row's first line at once, later ones (a site that is listed twice) one by one.
            _, first = np.unique(block.rows, return_index=True)
            cells = np.ix_(block.rows[first], block.columns)
            matrix[cells] = np.maximum(matrix[cells], block.dosage[first])
            for again in np.setdiff1d(np.arange(len(block.rows)), first, assume_unique=True):
                row = block.rows[again]
                matrix[row, block.columns] = np.maximum(matrix[row, block.columns], block.dosage[again])
        return matrix

    def vaf(self) -> Shares | None:
        """Allele fractions of carriers; of a cell that is listed twice, the larger."""
        if not self._shares:
            return None
        largest: dict[tuple[int, int], float] = {}
        for row, column, value in self._shares:
            largest[row, column] = max(value, largest.get((row, column), 0.0))
        places = np.array(list(largest), dtype=np.int32)
        return Shares(row=places[:, 0], column=places[:, 1], value=np.array(list(largest.values()), dtype=np.float32))

    def variants(self, origin: str) -> pd.DataFrame:
        """A row a variant, in the order of the matrix."""
        import pandas as pd

        table = pd.DataFrame(list(self.rows), columns=["contig", "position", "ref", "alt"])
        for column in ("gene", "consequence", "aachange", *OPTIONAL):
            kind = OPTIONAL.get(column, "string")
            values = [getattr(note, column) for note in self.notes]
            table[column] = pd.array(values, dtype="string") if kind == "string" else np.array(values, dtype=np.float32)
        table["origin"] = origin
        table["file"] = self.files
        return table[[*COLUMNS, *OPTIONAL]]


def source_of(file: Mapping[str, object]) -> Source:
    """A job's file as a source."""
    return Source(name=str(file["name"]), samples=tuple(file["columns"]))  # type: ignore[arg-type]
