"""The reference genome, base by base: does a file's reference allele agree with it, and where does an indel begin?"""

from __future__ import annotations

from pathlib import Path

from data_modules.genes.contigs import plain_contig
from fusion.contract import FusionError

_WINDOW = 1 << 16


class Reference:
    """A FASTA with its index, read by windows.

    Args:
        path: plain or block-gzipped; ``.fai`` beside it is made where it is missing.

    Raises:
        FusionError: the file cannot be opened or indexed.
    """

    def __init__(self, path: Path) -> None:
        import pysam

        self.path = path
        try:
            self._fasta = pysam.FastaFile(str(path))
        except (OSError, ValueError) as error:
            raise FusionError(
                f"fasta={path} cannot be opened with its index ({error}). Index it with `samtools faidx`."
            ) from error
        self._name = {plain_contig(name): name for name in reversed(self._fasta.references)}
        self._contig, self._start, self._bases = "", 0, ""

    def bases(self, contig: str, first: int, last: int) -> str:
        """Upper-case bases `first` to `last`, 1-based and inclusive; fewer where the contig ends or is not there."""
        first = max(first, 1)
        if contig != self._contig or first < self._start or last >= self._start + len(self._bases):
            name = self._name.get(contig)
            if name is None:
                return ""
            begin = max(first - 1 - 1000, 0)
            self._contig, self._start = contig, begin + 1
            self._bases = self._fasta.fetch(name, begin, max(begin + _WINDOW, last)).upper()
        return self._bases[first - self._start : last - self._start + 1]

    def differs(self, contig: str, position: int, ref: str) -> str | None:
        """The genome's bases where they are not `ref`; N and other ambiguous bases agree with everything."""
        found = self.bases(contig, position, position + len(ref) - 1)
        if found == ref.upper() or not found:
            return None
        same = len(found) == len(ref) and all(
            a == b or a not in "ACGT" for a, b in zip(found, ref.upper(), strict=True)
        )
        return None if same else found

    def left_align(self, contig: str, position: int, ref: str, alt: str) -> tuple[int, str, str]:
        """The leftmost place of a variant, in minimal representation (Tan et al., Bioinformatics 31:2202, 2015).

        Substitutions stay where they are, and so does what the genome lacks.
        """
        if len(ref) == len(alt):
            return position, ref, alt
        while True:
            if ref and alt and ref[-1] == alt[-1]:
                ref, alt = ref[:-1], alt[:-1]
            elif not ref or not alt:
                before = self.bases(contig, position - 1, position - 1) if position > 1 else ""
                if not before:
                    after = self.bases(contig, position + len(ref), position + len(ref))
                    return position, ref + after, alt + after
                position, ref, alt = position - 1, before + ref, before + alt
            else:
                break
        while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
            position, ref, alt = position + 1, ref[1:], alt[1:]
        return position, ref, alt
