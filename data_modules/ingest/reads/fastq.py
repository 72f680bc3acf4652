"""FASTQ, looked at before anything runs (first records) and from end to end (a step of the workflow)."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import IO

from fusion.contract import FusionError

FIRST = 1000
"""Records that are looked at ahead of the work."""

_GZIP = b"\x1f\x8b"
_BASES = frozenset(b"ACGTNacgtnRYSWKMBDHVryswkmbdhv.")

Record = tuple[str, bytes, bytes]
"""Name without mate, bases, qualities."""


class FastqError(FusionError):
    """A file that is no FASTQ, or a damaged one."""


@dataclass(frozen=True, kw_only=True)
class FastqFacts:
    """What was seen of a file.

    Attributes:
        records: how many.
        bases: of them all.
        lowest: quality character, as a code; 127 where there was none.
        highest: the same; 0 where there was none.
        digest: of bases and qualities of the first `FIRST` records, whatever their names: files that hold the same
            reads have the same.
    """

    records: int
    bases: int
    lowest: int
    highest: int
    digest: str

    @property
    def offset(self) -> int | None:
        """33 (Sanger, Illumina 1.8 and later) or 64 (Illumina 1.3 to 1.7); None where qualities fit both."""
        if self.lowest < 59:
            return 33
        return 64 if self.highest > 80 else None


def records(path: Path) -> Iterator[Record]:
    """Record after record.

    Raises:
        FastqError: not four lines of a record, lengths that differ, a file that ends in the middle, or one that is
            compressed and not named so, or the other way.
    """
    number = 0
    try:
        with _opened(path) as stream:
            while True:
                lines = [line.rstrip(b"\r\n") for line in islice(stream, 4)]
                if not lines or lines == [b""]:
                    return
                number += 1
                where = f"{path}, record {number}"
                if len(lines) < 4:
                    raise FastqError(f"{where}: the file ends in the middle of it (truncated). Fetch it again.")
                head, bases, plus, qualities = lines
                if not head.startswith(b"@") or not plus.startswith(b"+"):
                    raise FastqError(
                        f"{where}: is no FASTQ (begins {head[:20]!r}). Fetch it again, or name another file."
                    )
                if len(bases) != len(qualities):
                    raise FastqError(
                        f"{where}: {len(bases)} bases, {len(qualities)} qualities: truncated. Fetch it again."
                    )
                if not _BASES.issuperset(bases):
                    raise FastqError(f"{where}: bases that are none ({bases[:20]!r}). Fetch it again.")
                yield _name(head), bases, qualities
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FastqError(f"{path}: truncated or damaged after record {number} ({error}). Fetch it again.") from error


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        begins = stream.read(2)
    packed, named = begins == _GZIP, path.name.lower().endswith(".gz")
    if begins and packed != named:
        what = (
            "is compressed, and its name does not end in .gz"
            if packed
            else "is not compressed, and its name ends in .gz"
        )
        raise FastqError(f"{path}: {what}, by which fastp goes. Rename it.")
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def _name(head: bytes) -> str:
    name = head[1:].split(maxsplit=1)[0].decode("ascii", "replace") if len(head) > 1 else ""
    return name[:-2] if name.endswith(("/1", "/2")) else name


def look(files: list[Path], *, first: int | None = FIRST) -> list[FastqFacts]:
    """Read a unit's file, or its two in step.

    Args:
        files: one or two.
        first: records to look at; None reads to the end.

    Returns:
        Facts of each file.

    Raises:
        FastqError: a damaged file, an empty one, mates out of step or one after the other in a single file, or two
            encodings of qualities.
    """
    counts, bases = [0] * len(files), [0] * len(files)
    lowest, highest = [127] * len(files), [0] * len(files)
    digests = [hashlib.blake2b(digest_size=16) for _ in files]
    streams = [islice(records(path), first) for path in files]
    before = None
    for number, together in enumerate(zip_longest(*streams), start=1):
        if None in together:
            short = files[together.index(None)]
            other = next(path for path in files if path != short)
            raise FastqError(
                f"{short} has {number - 1} records, {other.name} has more: mates out of step. Fetch both again."
            )
        if len({name for name, _, _ in together}) > 1:
            names = " and ".join(name for name, _, _ in together)
            raise FastqError(
                f"{files[0]} and {files[1].name}, record {number}: {names} are mates of different reads (mates out of "
                "step). Fetch both again; both must be filtered and sorted alike."
            )
        name = together[0][0]
        if len(files) == 1 and name and name == before:
            raise FastqError(
                f"{files[0]}, record {number}: {name} is there twice: mates one after the other (interleaved). Write "
                "two files of it, e.g. by seqtk seq -1 and seqtk seq -2."
            )
        before = name
        for at, (_, sequence, qualities) in enumerate(together):
            if number <= FIRST:
                digests[at].update(sequence + b" " + qualities + b"\n")
            counts[at] += 1
            bases[at] += len(sequence)
            if qualities:
                lowest[at], highest[at] = min(lowest[at], *qualities), max(highest[at], *qualities)
    facts = [
        FastqFacts(
            records=counts[at], bases=bases[at], lowest=lowest[at], highest=highest[at], digest=digests[at].hexdigest()
        )
        for at in range(len(files))
    ]
    for path, fact in zip(files, facts, strict=True):
        _refuse(path, fact)
    refuse_mixed(dict(zip(files, facts, strict=True)))
    return facts


def _refuse(path: Path, fact: FastqFacts) -> None:
    if not fact.records:
        raise FastqError(f"{path}: holds no read. Fetch it again, or take it out of the sheet.")
    if fact.lowest < 33 or fact.highest > 126:
        raise FastqError(f"{path}: quality characters outside ! to ~. Fetch it again.")
    if fact.lowest < 59 and fact.highest > 80:
        raise FastqError(
            f"{path}: qualities from {chr(fact.lowest)!r} to {chr(fact.highest)!r} are of no one encoding of short "
            "reads (mixed Phred+33 and Phred+64). Take the files apart that were joined."
        )


def refuse_mixed(facts: dict[Path, FastqFacts]) -> None:
    """Files of one sample whose qualities are encoded differently, or as aligners do not read them.

    Raises:
        FastqError: there are such.
    """
    old = [path for path, fact in facts.items() if fact.offset == 64]
    new = [path for path, fact in facts.items() if fact.offset == 33]
    if old and new:
        raise FastqError(
            f"mixed quality encodings: {old[0]} is in Phred+64, {new[0].name} in Phred+33. Convert the first."
        )
    if old:
        raise FastqError(
            f"{old[0]}: qualities in Phred+64 (Illumina 1.3 to 1.7), which bwa takes for better ones. Convert it, e.g. "
            "by seqtk seq -Q64 -V."
        )
