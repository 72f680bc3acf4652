"""Many VCFs of other patients each, put one after the other, so that Hail reads them in one query instead of thousands.

The lines keep their genotypes; the number of their file takes the place of their ID. Merging them side by side, as
`bcftools merge` does, would lose which file lists a site at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_modules.ingest.vcf import open_vcf


def bundle(files: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write files with the same number of sample columns as one block-gzipped VCF.

    Args:
        files: each with ``path`` and ``samples``.
        path: where to; the columns are named by number.
    """
    import pysam

    declared: dict[bytes, bytes] = {}
    with pysam.BGZFile(str(path), "wb", index=None) as out:
        for file in files:
            with open_vcf(Path(file["path"])) as lines:
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
            with open_vcf(Path(file["path"])) as lines:
                for line in lines:
                    if line[:1] == b"#" or not line.strip():
                        continue
                    contig, position, _, rest = line.rstrip(b"\r\n").split(b"\t", 3)
                    out.write(b"\t".join((contig, position, mark, rest)) + b"\n")
