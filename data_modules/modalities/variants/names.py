"""Names of variant features, and what they say to a reader."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from data_modules.modalities.variants.origin import OriginVariants
from data_modules.modalities.variants.settings import FeatureSettings
from fusion.contract import FeatureSpec

_NOTES = ("gene", "consequence", "aachange")


def dosage_name(origin: str, variant: str) -> str:
    """Feature name of a single variant: somatic ones bare, others with their origin in front."""
    return variant if origin == "somatic" else f"{origin}:{variant}"


def residue(protein: str) -> int | None:
    """Number of the amino acid in a protein change: 175 of ``p.R175H``, 23 of ``p.Glu23fs``; None where none is."""
    found = re.search(r"(?:^|\.)\(?[A-Z*][a-z]{0,2}(\d+)", protein)
    return int(found[1]) if found else None


def describe(feature: str, origins: Mapping[str, OriginVariants], settings: FeatureSettings) -> FeatureSpec:
    """Name, kind, gene and label of a feature."""
    kind, _, rest = feature.partition(":")
    if kind == "burden":
        named = rest.removeprefix("SET:")
        is_set = rest.startswith("SET:")
        label = f"{named}: damaging variants in {len(settings.gene_sets[named])} genes" if is_set else None
        return FeatureSpec(
            name=feature,
            kind="burden",
            label=label or f"{rest}: damaging variants",
            gene=None if is_set else rest,
            unit="variants, weighted" if settings.weights or settings.germline_frequency != "none" else "variants",
        )
    if kind in ("count", "length"):
        unit = "ln(1 + n)" if settings.log_counts else "n"
        what, _, length = rest.partition("_") if kind == "length" else (rest.replace("_", " "), "", "")
        label = f"{what} of {length} bases (number)" if length else f"{what} (number)"
        return FeatureSpec(name=feature, kind="count", label=label, unit=unit)
    if kind == "vaf":
        gene = None if rest == "median" else rest
        label = f"{rest}: largest allele fraction of a damaging variant" if gene else "Median allele fraction"
        return FeatureSpec(name=feature, kind="vaf", label=label, gene=gene, unit="share of reads")
    if kind == "tmb":
        known = rest == "per_megabase"
        what = "mutations per callable megabase" if known else "mutations; callable megabases unknown"
        unit = "n / Mb" if known else "n"
        return FeatureSpec(
            name=feature,
            kind="count",
            label=f"Mutational burden ({what})",
            unit=f"ln(1 + {unit})" if settings.log_counts else unit,
        )
    if kind == "context":
        return FeatureSpec(name=feature, kind="fraction", label=f"{rest} (share of substitutions)", unit="share")
    if kind == "fraction":
        of = "mutations" if rest == "indels" else "substitutions"
        return FeatureSpec(name=feature, kind="fraction", label=f"{rest} (share of {of})", unit="share")
    origin, name = ("germline", rest) if kind == "germline" else ("somatic", feature)
    part = origins[origin]
    row = part.variants.iloc[int(part.names.get_loc(name))]  # type: ignore[arg-type]  # names are unique
    gene, consequence, change = (None if pd.isna(row[key]) else str(row[key]) for key in _NOTES)
    protein = change.split(",")[0].split(":")[-1] if change else ""
    words = [word for word in (gene, protein, f"({name})", "germline" if origin == "germline" else "") if word]
    return FeatureSpec(
        name=feature,
        kind="dosage",
        label=" ".join(words),
        gene=gene.split(";")[0] if gene else None,
        unit="alleles",
        consequence=consequence,
        residue=residue(protein),
    )
