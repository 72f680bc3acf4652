"""When an allele of a tumour is somatic: a rule on the reads of tumour and normal, and nothing else.

MuTect's two log-odds (Cibulskis et al., Nat. Biotechnol. 31:213–219, 2013) with one error rate for all reads instead of
each base's own quality, and without its filters of strand, clustering and neighbouring gaps: simpler than Mutect2, and
right as far as mapping is.
"""

from __future__ import annotations

from math import log10

from data_modules.ingest.reads.settings import SomaticRule


def log_likelihood(share: float, alt: int, rest: int, *, error: float) -> float:
    """log10 P(reads | a share of the molecules bears the allele).

    Args:
        share: of molecules.
        alt: reads that bear the allele.
        rest: all other reads.
        error: chance that a read shows another base than its molecule; a third of it shows one certain base.
    """
    seen = share * (1 - error) + (1 - share) * error / 3
    return alt * log10(seen) + rest * log10(1 - seen)


def tumour_lod(alt: int, depth: int, *, error: float) -> float:
    """log10 likelihood ratio of the allele at its observed share against none: LOD_T."""
    if not depth:
        return 0.0
    share, rest = alt / depth, depth - alt
    return log_likelihood(min(share, 1 - error), alt, rest, error=error) - log_likelihood(0.0, alt, rest, error=error)


def normal_lod(alt: int, depth: int, *, error: float) -> float:
    """log10 likelihood ratio of no allele against a heterozygous one: LOD_N."""
    rest = depth - alt
    return log_likelihood(0.0, alt, rest, error=error) - log_likelihood(0.5, alt, rest, error=error)


def reasons_against(rule: SomaticRule, *, alt: int, depth: int, normal_alt: int, normal_depth: int) -> list[str]:
    """FILTER values; none where the allele is somatic.

    Args:
        rule: the thresholds.
        alt: reads of the tumour with the allele.
        depth: all reads of the tumour there.
        normal_alt: reads of the normal with the allele.
        normal_depth: all reads of the normal there.
    """
    found = []
    if depth < rule.min_depth:
        found.append("low_depth")
    if normal_depth < rule.min_normal_depth:
        found.append("low_normal_depth")
    if alt < rule.min_reads or alt < rule.min_share * depth or tumour_lod(alt, depth, error=rule.error) < rule.min_lod:
        found.append("weak_evidence")
    if normal_depth and normal_lod(normal_alt, normal_depth, error=rule.error) < rule.min_normal_lod:
        found.append("in_normal")
    return found


MEANING = {
    "low_depth": "fewer reads of the tumour than min_depth",
    "low_normal_depth": "fewer reads of the normal than min_normal_depth",
    "weak_evidence": "LOD_T below min_lod, or fewer reads or a smaller share than asked for",
    "in_normal": "LOD_N below min_normal_lod: the normal may bear the allele",
}
"""FILTER value → what the header says of it."""
