"""Copy-number segments of samples (ASCAT, or SEG of log2 ratios), their genome-wide scores and copies at genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_modules.genes.contigs import CONTIGS, plain_contig
from data_modules.ingest.variants.files.vcf import LENGTHS
from data_modules.readers.numbers import decimal_of, is_unknown, to_numbers
from data_modules.readers.tables import read_text_table
from data_modules.readers.unreadable import UnreadableError
from fusion.contract import FusionError, some

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEEDED = ("sample", "chromosome", "start", "end")
AUTOSOMES = frozenset(CONTIGS[:22])
SCORES = {
    "cna:fraction_altered": "Share of the genome with altered copy number",
    "cna:loh_fraction": "Share of the genome with loss of heterozygosity",
    "cna:segments": "Copy-number segments (number)",
    "cna:ploidy": "Ploidy",
}
ALTERED_LOG2 = 0.2
"""Absolute log2 ratio above which a segment counts as altered, as cBioPortal's fraction of genome altered has it."""


def read_segments(path: Path, columns: Mapping[str, str], *, key: str, build: str | None = None) -> pd.DataFrame:
    """sample, contig, start, end (1-based, inclusive), and major and minor copies or log2; ``attrs`` holds ``notes``.

    Args:
        path: tab- or comma-separated, with a header; may be gzipped.
        columns: sample, chromosome, start, end, and major and minor, or log2 → the file's column.
        key: config key of the modality, for messages.
        build: genome build of the cohort, whose chromosomes no segment leaves.

    Raises:
        FusionError: a column lacks, most segments are on no chromosome, one ends far beyond its chromosome, a cell is
            no number, or a segment ends before it starts or overlaps the next; one shared base is no overlap.
    """
    alleles, ratio = {"major", "minor"} <= set(columns), "log2" in columns
    lacking = [name for name in NEEDED if name not in columns]
    if lacking or alleles == ratio:
        raise FusionError(f"{key}.columns: name sample, chromosome, start, end, and major and minor, or log2.")
    try:
        table = read_text_table(path, expected=list(columns.values())).frame
    except UnreadableError as error:
        raise FusionError(f"{key}.file: {error.sentence(key)}") from error
    absent = [name for name in columns.values() if name not in table]
    if absent:
        raise FusionError(f"{key}.columns: {path.name} has no column {some(absent)}; it has {some(list(table), 8)}.")
    made = pd.DataFrame({"sample": table[columns["sample"]]})
    made["contig"] = [plain_contig(str(one).removesuffix(".0")) for one in table[columns["chromosome"]]]
    for name in ("start", "end", *(("major", "minor") if alleles else ("log2",))):
        made[name] = _numbers(table[columns[name]], made, path, key, unknown=name == "minor")
    elsewhere = made.loc[~made["contig"].isin(CONTIGS), "contig"]
    if len(elsewhere) > len(made) / 2:
        raise FusionError(
            f"{key}.file: {len(elsewhere)} of {len(made)} segments of {path.name} are on no chromosome 1 to 22, X, Y "
            f"or MT ({some(list(elsewhere.unique()))}). Mend {key}.columns.chromosome, or name chromosomes 1 or chr1."
        )
    _refuse_beyond(made, path, key, build)
    made = made[made["contig"].isin(CONTIGS)].sort_values(["sample", "contig", "start"], kind="stable")
    made = _apart(made.reset_index(drop=True))
    _refuse_overlaps(made, path, key)
    names = some(list(elsewhere.unique()))
    made.attrs["notes"] = [f"{len(elsewhere)} segments on other contigs are left out ({names})."] * bool(len(elsewhere))
    return made


def _refuse_beyond(segments: pd.DataFrame, path: Path, key: str, build: str | None) -> None:
    """Segments of another genome, by a hundredth and more beyond a chromosome: last bins may end a little beyond."""
    if build not in LENGTHS:
        return
    length = segments["contig"].map(dict(zip(CONTIGS, LENGTHS[build], strict=False)))
    far = segments[segments["end"] > length * 1.01]
    if len(far):
        one = far.iloc[0]
        raise FusionError(
            f"{key}.file: {path.name}, sample {one['sample']}: a segment ends at {one['contig']}:{one['end']:.0f}, "
            f"beyond the chromosome's {length[far.index[0]]:.0f} bases in {build} ({len(far)} such segments). Set "
            "cohort.build, or take segments of this genome."
        )


def _numbers(cells: pd.Series[Any], segments: pd.DataFrame, path: Path, key: str, *, unknown: bool) -> pd.Series[float]:
    """A column as numbers; NaN where minor copies are not known (`unknown`), as callers write for X."""
    decimal = decimal_of([cells.tolist()])
    numbers = to_numbers(cells, decimal or ".")
    bad = numbers.isna() & ~(cells.map(is_unknown) & unknown)
    if bad.any() or decimal is None:
        line = cells.index[int(bad.to_numpy().argmax())]
        raise FusionError(
            f"{key}.file: {path.name}, sample {segments['sample'].get(line)}, line {line}: {cells.get(line)!r} in "
            f"column {cells.name!r} is no number ({int(bad.sum())} such lines). Mend it, or leave the segment out."
        )
    return numbers


def _apart(segments: pd.DataFrame) -> pd.DataFrame:
    """Segments of half-open intervals share a base with the next: it is the earlier one's."""
    place = segments.groupby(["sample", "contig"], sort=False)["end"]
    touching = (segments["start"] == place.shift()) & (segments["end"] > segments["start"])
    return segments.assign(start=segments["start"] + touching)


def _refuse_overlaps(segments: pd.DataFrame, path: Path, key: str) -> None:
    backwards = segments["end"] < segments["start"]
    same = (segments["sample"] == segments["sample"].shift()) & (segments["contig"] == segments["contig"].shift())
    wrong = segments[backwards | (same & (segments["start"] <= segments["end"].shift()))]
    if len(wrong):
        one = wrong.iloc[0]
        raise FusionError(
            f"{key}.file: {path.name}, sample {one['sample']}, {one['contig']}:{one['start']:.0f}-{one['end']:.0f}: "
            f"the segment ends before it starts or overlaps the one before it ({len(wrong)} such segments). Keep one "
            "of the two, or cut it where the other begins; of two callers or aliquots of a sample, keep one."
        )


def instability(segments: pd.DataFrame) -> pd.DataFrame:
    """(sample, score of `SCORES`) over autosomes, by length; scores that need allele-specific copies only with these.

    - ploidy: mean total copies.
    - fraction altered: total copies other than the rounded ploidy (Burrell et al., Nature 494:492, 2013, over the
      genome as a whole), or an absolute log2 ratio above `ALTERED_LOG2`.
    - LOH fraction: no minor copy, at least one major.
    - segments: their number.

    Segments whose minor copies are not known count in none of them.
    """
    part = _known(segments[segments["contig"].isin(AUTOSOMES)]).copy()
    part["length"] = part["end"] - part["start"] + 1
    whole = part.groupby("sample")["length"].sum()
    scores = {"cna:segments": part.groupby("sample").size().astype(np.float64)}
    if "log2" in part:
        part["altered"] = part["log2"].abs() > ALTERED_LOG2
    else:
        part["total"] = part["major"] + part["minor"]
        scores["cna:ploidy"] = (part["total"] * part["length"]).groupby(part["sample"]).sum() / whole
        part["altered"] = part["total"] != np.floor(part["sample"].map(scores["cna:ploidy"]) + 0.5)
        loh = part["length"].where((part["minor"] == 0) & (part["major"] > 0), 0)
        scores["cna:loh_fraction"] = loh.groupby(part["sample"]).sum() / whole
    altered = part["length"].where(part["altered"], 0)
    scores["cna:fraction_altered"] = altered.groupby(part["sample"]).sum() / whole
    return pd.DataFrame({name: scores[name] for name in SCORES if name in scores})


def _known(segments: pd.DataFrame) -> pd.DataFrame:
    return segments if "minor" not in segments else segments[segments["minor"].notna()]


def at_genes(segments: pd.DataFrame, genes: Sequence[tuple[str, int, int, str]]) -> pd.DataFrame:
    """(sample, ``cn:GENE``): copies less the sample's ploidy, or log2 ratio; mean over the gene's segmented bases.

    NaN where no segment covers any of the gene.

    Args:
        segments: of `read_segments`.
        genes: contig, first and last base (1-based, inclusive), symbol.
    """
    segments = _known(segments)
    value = segments["log2"] if "log2" in segments else segments["major"] + segments["minor"]
    rows = segments.assign(value=value.astype(np.float64))
    places: dict[str, list[int]] = {}
    for at, gene in enumerate(genes):
        places.setdefault(gene[0], []).append(at)
    first = np.array([gene[1] for gene in genes], dtype=np.float64)
    last = np.array([gene[2] for gene in genes], dtype=np.float64)
    samples = list(map(str, rows["sample"].unique()))
    found = np.full((len(samples), len(genes)), np.nan)
    number = {name: at for at, name in enumerate(samples)}
    for (sample, contig), part in rows.groupby(["sample", "contig"], sort=False):
        here = np.array(places.get(str(contig), []), dtype=np.intp)
        if len(here):
            found[number[str(sample)], here] = _mean_over(part, first[here], last[here])
    frame = pd.DataFrame(found, index=samples, columns=[f"cn:{gene[3]}" for gene in genes])
    if "log2" not in segments:
        frame = frame.sub(instability(segments)["cna:ploidy"].reindex(samples), axis=0)
    return frame


def _mean_over(part: pd.DataFrame, first: NDArray[np.float64], last: NDArray[np.float64]) -> NDArray[np.float64]:
    """(gene,) mean value over the bases of each gene that a segment covers, by integrals up to its ends."""
    start, end = part["start"].to_numpy(np.float64) - 1, part["end"].to_numpy(np.float64)
    edges = np.column_stack([start, end]).ravel()
    length = end - start

    def between(amount: NDArray[np.float64]) -> NDArray[np.float64]:
        up = np.cumsum(amount)
        heights = np.column_stack([up - amount, up]).ravel()
        return np.asarray(np.interp(last, edges, heights) - np.interp(first - 1, edges, heights), dtype=np.float64)

    covered = between(length)
    total = between(length * part["value"].to_numpy(np.float64))
    return np.divide(total, covered, out=np.full_like(total, np.nan), where=covered > 0.5)
