"""Calls of MAFs after reading: most of a file lost is refused, and what is left becomes a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modules.ingest.variants.annotation.records import SCORES, score_of
from data_modules.ingest.variants.files.maf import MafError
from data_modules.ingest.variants.store import COLUMNS, NOT_LISTED, Shares
from fusion.contract import some

KEY = ("contig", "position", "ref", "alt")

FAULTS = ("no barcode", "contig", "no position", "no alternate allele", "allele is not made of A, C, G, T")
"""Reasons that are no filter but a fault of the file."""


@dataclass(frozen=True, kw_only=True)
class MafSettings:
    """Which lines count.

    Attributes:
        origin: ``somatic`` or ``germline``.
        build: the cohort's genome build, ``GRCh37`` or ``GRCh38``; lines of another build are refused.
        filters: values of a FILTER column that pass, ``.`` for empty ones; a file without the column passes whole.
        min_depth: reads at the site in the tumour, where the file gives them; a line without passes.
        max_lost: share of a file's lines that may have a fault.
    """

    origin: str = "somatic"
    build: str = "GRCh37"
    filters: tuple[str, ...] = ("PASS",)
    min_depth: int = 0
    max_lost: float = 0.5


@dataclass(frozen=True, kw_only=True)
class MafCalls:
    """What `read_calls` found.

    Attributes:
        calls: one row a call, by variant: barcode, contig, position, ref, alt, gene, consequence, aachange, file, the
            scores, and share, the variant allele fraction.
        samples: every sample with at least one line, kept or not.
        qc: lines read, merged as duplicates and dropped by reason; the dialect of each file.
    """

    calls: pd.DataFrame
    samples: tuple[str, ...]
    qc: Mapping[str, Any]


def refuse_faults(lines: pd.DataFrame, settings: MafSettings) -> None:
    """Refuse a file most of whose lines have a fault: that is no detail of it.

    Raises:
        MafError: a file, its reasons and how many lines each concerns.
    """
    for name, part in lines.groupby("file", sort=False):
        faults = part["dropped"].isin(FAULTS)
        if faults.mean() > settings.max_lost:
            reasons = part.loc[faults, "dropped"].value_counts()
            told = some([f"{reason} ({number})" for reason, number in reasons.items()])
            one = part[faults].iloc[0]
            raise MafError(
                f"{name}: {faults.sum()} of {len(part)} lines cannot be used: {told}; e.g. of {one['barcode']}, "
                f"{one['contig']}:{one['position']} {one['ref']}>{one['alt']}. Mend the file, or set filters."
                f"{settings.origin}.max_lost above {settings.max_lost:g} to go on without them."
            )


def filter_remedy(lines: pd.DataFrame, settings: MafSettings) -> str:
    """What helps where nothing is left: mostly a FILTER column of other words."""
    words = sorted({str(word) or "." for word in lines.loc[lines["dropped"] == "FILTER", "filter"].fillna(".")})
    if words:
        return (
            f"FILTER is {some(words)}, and filters.{settings.origin}.accept takes {some(settings.filters)}: add to it "
            "what passes, '.' for an empty cell."
        )
    return "Mend the file, or the filters of modality.variants."


def said(lines: pd.DataFrame) -> list[str]:
    """Of each file, how many lines were found and used, and why others were left out."""
    told = []
    for name, part in lines.groupby("file", sort=False):
        reasons = part["dropped"].value_counts()
        if len(reasons):
            why = some([f"{reason} ({number})" for reason, number in reasons.items()], 8)
            told.append(
                f"{name}: found {len(part)} lines, used {len(part) - reasons.sum()}, left out {reasons.sum()} "
                f"because of {why}."
            )
    return told


@dataclass(frozen=True, kw_only=True)
class StoreParts:
    """The arguments of `write_store` that the calls determine."""

    variants: pd.DataFrame
    dosage: NDArray[np.int8]
    samples: tuple[str, ...]
    vaf: Shares | None


def store_parts(found: MafCalls, settings: MafSettings) -> StoreParts:
    """Calls as variants × samples: copies where listed, `NOT_LISTED` elsewhere; a MAF has no coverage.

    A variant has the worst consequence that any line gives it, and the gene of a line that knows it.
    """
    calls = found.calls
    worst = calls.assign(no_gene=calls["gene"].isna()).sort_values([*KEY, "rank", "no_gene"], kind="stable")
    first = worst.drop_duplicates(list(KEY))
    row = calls.groupby(list(KEY), sort=False).ngroup().to_numpy()
    column = pd.Index(found.samples).get_indexer(pd.Index(calls["barcode"]))
    dosage = np.full((len(first), len(found.samples)), NOT_LISTED, dtype=np.int8)
    dosage[row, column] = calls["copies"].to_numpy(dtype=np.int8)
    scores = {name: _scores(first[name], name) for name in SCORES}
    variants = first.assign(origin=settings.origin, **scores)[[*COLUMNS, *SCORES]].reset_index(drop=True)
    share = calls["share"].astype("Float64").to_numpy(dtype=np.float32, na_value=np.nan)
    known = np.isfinite(share)
    vaf = Shares(row=row[known].astype(np.int32), column=column[known].astype(np.int32), value=share[known].clip(0, 1))
    return StoreParts(variants=variants, dosage=dosage, samples=found.samples, vaf=vaf if known.any() else None)


def _scores(values: pd.Series[Any], name: str) -> NDArray[np.float32]:
    """Numbers out of ``deleterious(0.02)``; each spelling is read once."""
    try:
        number = {value: score_of(str(value), name) for value in values.dropna().unique()}
    except ValueError as error:
        raise MafError(f"a line of the MAF cannot be read: {error}. Mend or leave out its column.") from error
    return np.array([number.get(value) if value is not pd.NA else None for value in values], dtype=np.float32)
