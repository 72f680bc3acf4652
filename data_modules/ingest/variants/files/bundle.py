"""Many VCFs of other patients each, put one after the other, so that Hail reads them in one query instead of thousands.

The lines keep their genotypes; the number of their file takes the place of their ID. Merging them side by side, as
`bcftools merge` does, would lose which file lists a site at all.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from data_modules.ingest.variants.files.mended import RESERVED, mended_lines, needs_mending
from data_modules.ingest.variants.files.vcf import VcfFacts, open_vcf

_SMALL = 30_000_000
"""Genotypes of all files together that are small."""

_FEW = 4
"""Files of other samples each that are read one by one where they are large; small ones never are: a query costs
seconds, a line microseconds."""

_READ = ("GT", "GQ", "DP", "AD", "AF", "RD")


def groups(files: Sequence[Mapping[str, Any]], *, bundled: bool) -> list[list[Mapping[str, Any]]]:
    """Files that one query can read: of the same columns (one a chromosome), or many of one patient each.

    Args:
        files: of a job, of one origin.
        bundled: whether files of other samples may be put together, see `bundle`; those that declare FORMAT keys in
            other ways never are.
    """
    same: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for file in files:
        key = (*file["samples"], *map(str, file["columns"]), file["compression"], file["build"])
        same.setdefault(key, []).append(file)
    if not bundled:
        return list(same.values())
    alike: dict[tuple[Any, ...], list[list[Mapping[str, Any]]]] = {}
    for group in same.values():
        declared = {tuple(_declared(file).get(key) for key in _READ) for file in group}
        alike.setdefault((len(group[0]["samples"]), group[0]["build"], *sorted(map(str, declared))), []).append(group)
    found = []
    for members in alike.values():
        every = [file for group in members for file in group]
        small = sum(file["records"] * len(file["samples"]) for file in every) < _SMALL
        found += [every] if len(members) > (1 if small else _FEW) else members
    return found


def _declared(file: Mapping[str, Any]) -> dict[str, str]:
    """FORMAT keys of a file → number and type, as they are after mending."""
    facts = VcfFacts(**file["facts"])
    added = {key: ",".join(RESERVED[key][:2]) for key in facts.undeclared}
    if facts.without_genotypes:
        added |= {key: ",".join(RESERVED[key][:2]) for key in ("GT", "AD")}
    return facts.fields | added


def bundle(files: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write files with the same number of sample columns as one block-gzipped VCF.

    Args:
        files: each with ``path``, ``facts`` and ``samples``.
        path: where to; the columns are named by number.
    """
    import pysam

    def lines_of(file: Mapping[str, Any]) -> Generator[bytes]:
        place, facts = Path(file["path"]), VcfFacts(**file["facts"])
        if needs_mending(facts):
            yield from mended_lines(place, facts)
            return
        with open_vcf(place) as lines:
            yield from lines

    declared: dict[bytes, bytes] = {}
    path.parent.mkdir(parents=True, exist_ok=True)  # in a folder that is not there, pysam ends the process
    with pysam.BGZFile(str(path), "wb", index=None) as out:
        for file in files:
            with closing(lines_of(file)) as lines:
                for line in lines:
                    if line[:2] != b"##":
                        break
                    if line.startswith((b"##FORMAT=<", b"##INFO=<", b"##FILTER=<")):
                        declared.setdefault(line.split(b",", 1)[0], line.rstrip(b"\r\n"))
        names = "\t".join(f"column{number}" for number in range(len(files[0]["samples"])))
        head = b"\n".join([b"##fileformat=VCFv4.2", *declared.values()]) + b"\n"
        out.write(head + f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n".encode())
        for number, file in enumerate(files):
            mark = str(number).encode()
            with closing(lines_of(file)) as lines:
                for line in lines:
                    if line[:1] == b"#" or not line.strip():
                        continue
                    contig, position, _, rest = line.rstrip(b"\r\n").split(b"\t", 3)
                    out.write(b"\t".join((contig, position, mark, rest)) + b"\n")
