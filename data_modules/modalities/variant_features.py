"""Variants of patients → features before selection: gene burdens, single-variant dosages, counts and fractions.

What a patient's own variants say (counts, substitution fractions, which classes damage) needs no other patient.
What is computed across patients (call rate, germline frequency, who recurs) is a `Rules`, fitted on training ids alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_modules.ingest.variant_store import MISSING, NOT_LISTED, VariantStore, variant_names
from fusion.contract import FeatureSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SUBSTITUTIONS = ("C>A", "C>G", "C>T", "T>A", "T>C", "T>G")
"""Of the pyrimidine of the base pair (Alexandrov et al., Nature 500:415, 2013)."""

KINDS = ("burden", "dosage", "count", "length", "fraction")
_PAIR = {"A": "T", "C": "G", "G": "C", "T": "A"}
_LONG_DELETION = 5
"""Bases: deletions this long or longer, with microhomology, mark deficient homologous repair (Nik-Zainal 2016)."""


@dataclass(frozen=True, kw_only=True)
class FeatureSettings:
    """What features are made; see conf/modality/variants.yaml.

    Attributes:
        kinds: of `KINDS`.
        damaging: origin → consequence classes that burdens count.
        gene_sets: name → genes, for ``burden:SET:name``.
        log_counts: counts as ln(1 + n).
        min_call_rate: of a variant in the training patients.
        max_germline_frequency: allele frequency in the training patients up to which a germline variant is rare.
        dosage_origins: whose single variants are candidates.
        min_carriers: training patients who carry a single variant.
    """

    kinds: tuple[str, ...] = ("burden", "dosage", "count", "fraction")
    damaging: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gene_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    log_counts: bool = True
    min_call_rate: float = 0.8
    max_germline_frequency: float = 0.02
    dosage_origins: tuple[str, ...] = ("somatic",)
    min_carriers: int = 5


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is fitted across training patients before selection.

    Attributes:
        excluded: origin → variants that no burden counts: called too rarely, or germline and not rare.
        recurrent: origin → single variants that are candidates.
        genes: genes with a damaging variant in a training patient.
    """

    excluded: Mapping[str, tuple[str, ...]]
    recurrent: Mapping[str, tuple[str, ...]]
    genes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OriginVariants:
    """The variants of one origin, a row a patient.

    Attributes:
        origin: ``somatic`` or ``germline``.
        patients: rows of `dosage`.
        variants: rows are columns of `dosage`; see `data_modules.ingest.variant_store`.
        dosage: (patient, variant) int8; a patient's samples are merged, the larger dosage stands.
        damaging: consequence classes that count.
    """

    origin: str
    patients: tuple[str, ...]
    variants: pd.DataFrame
    dosage: NDArray[np.int8]
    damaging: frozenset[str]

    @classmethod
    def of_store(
        cls, store: VariantStore, patient_of: Mapping[str, str], *, absent_is: str, damaging: Sequence[str]
    ) -> OriginVariants:
        """Patients of a store.

        Args:
            store: its samples may be more than are mapped.
            patient_of: sample → patient id.
            absent_is: ``reference`` or ``unknown``, for sites that none of a sample's files lists.
            damaging: consequence classes.
        """
        patients = sorted({patient_of[name] for name in store.samples if name in patient_of})
        row = {patient: at for at, patient in enumerate(patients)}
        dosage = np.full((len(patients), len(store.variants)), NOT_LISTED, dtype=np.int8)
        columns = np.asarray(store.dosage).T
        for at, sample in enumerate(store.samples):
            if sample in patient_of:
                mine = dosage[row[patient_of[sample]]]
                np.maximum(mine, columns[at], out=mine)
        dosage[dosage == NOT_LISTED] = 0 if absent_is == "reference" else MISSING
        return cls(
            origin=store.origin,
            patients=tuple(patients),
            variants=store.variants,
            dosage=dosage,
            damaging=frozenset(damaging),
        )

    @cached_property
    def names(self) -> pd.Index:
        """Of the variants: ``17:7675088:C>T``."""
        return pd.Index(variant_names(self.variants))

    @cached_property
    def row(self) -> dict[str, int]:
        return {patient: at for at, patient in enumerate(self.patients)}

    @cached_property
    def carried(self) -> Any:
        """(patient, variant) sparse 0/1: who carries what."""
        from scipy.sparse import csr_matrix

        return csr_matrix(self.dosage > 0, dtype=np.float64)

    @cached_property
    def genes(self) -> tuple[tuple[str, ...], Any]:
        """Genes with a damaging variant, and (variant, gene) sparse 0/1: which damaging variant hits which."""
        from scipy.sparse import csr_matrix

        hits = self.variants["consequence"].isin(list(self.damaging)) & self.variants["gene"].notna()
        pairs = self.variants.loc[hits, "gene"].str.split(";").explode()
        codes, symbols = pd.factorize(pairs, sort=True)
        shape = (len(self.variants), len(symbols))
        return tuple(symbols), csr_matrix((np.ones(len(pairs)), (pairs.index.to_numpy(), codes)), shape=shape)

    def rows(self, patients: Sequence[str]) -> NDArray[np.intp]:
        """Their rows, those who have any."""
        return np.array([self.row[patient] for patient in patients if patient in self.row], dtype=np.intp)

    def burden(self, excluded: Sequence[str], genes: Sequence[str]) -> NDArray[np.float64]:
        """(patient, gene): number of damaging variants carried in each of `genes`; missing calls count as none."""
        symbols, hits = self.genes
        at = pd.Index(symbols).get_indexer(pd.Index(list(genes)))
        weight = np.ones(len(self.variants))
        if excluded:
            weight[self.names.isin(list(excluded))] = 0.0
        values = np.zeros((len(self.patients), len(genes)))
        values[:, at >= 0] = (self.carried @ hits[:, at[at >= 0]].multiply(weight[:, None]).tocsr()).toarray()
        return values

    @cached_property
    def profile(self) -> pd.DataFrame:
        """(patient, feature): mutation and indel counts and fractions; NaN for fractions of nothing."""
        ref, alt = (self.variants[key].str.replace("-", "").astype(object) for key in ("ref", "alt"))
        change = (alt.str.len() - ref.str.len()).to_numpy(dtype=np.int64)
        single = (ref.str.len() == 1).to_numpy(dtype=bool) & (change == 0)
        kinds = {
            "count:mutations": np.ones(len(ref), dtype=bool),
            "count:indels": change != 0,
            "count:insertions": change > 0,
            "count:deletions": change < 0,
            "count:long_deletions": change <= -_LONG_DELETION,
        }
        kinds |= length_classes(change)
        pyrimidine = [_substitution(r, a) if is_one else None for r, a, is_one in zip(ref, alt, single, strict=True)]
        kinds |= {name: np.array([one == name for one in pyrimidine], dtype=bool) for name in SUBSTITUTIONS}
        sums = self.carried @ np.stack(list(kinds.values()), axis=1).astype(np.float64)
        counts = pd.DataFrame(sums, index=list(self.patients), columns=list(kinds))
        fractions = {"fraction:indels": counts["count:indels"] / counts["count:mutations"].where(lambda n: n > 0)}
        snvs = counts[list(SUBSTITUTIONS)].sum(axis=1)
        fractions |= {f"fraction:{name}": counts[name] / snvs.where(snvs > 0) for name in SUBSTITUTIONS}
        return counts.drop(columns=list(SUBSTITUTIONS)).assign(**fractions)


def length_classes(change: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.bool_]]:
    """Which variants are insertions and deletions of 1, of 2 to 4, and of 5 or more bases.

    Args:
        change: (variant,) length of the alternate allele less that of the reference.
    """
    classes = {"1": (1, 1), "2-4": (2, 4), "5+": (5, np.inf)}
    return {
        f"length:{name}_{label}": (sign * change >= low) & (sign * change <= high)
        for name, sign in (("insertions", 1), ("deletions", -1))
        for label, (low, high) in classes.items()
    }


def _substitution(ref: str, alt: str) -> str | None:
    if ref not in _PAIR or alt not in _PAIR:
        return None
    return f"{ref}>{alt}" if ref in "CT" else f"{_PAIR[ref]}>{_PAIR[alt]}"


@dataclass(frozen=True, kw_only=True)
class VariantTable:
    """All variants of a cohort, ready to make features of.

    Attributes:
        origins: by origin; the first is the primary one, and who has it has the modality.
        settings: what to make.
        absent_is: what it means that a variant or gene is nowhere in this cohort's files.
    """

    origins: Mapping[str, OriginVariants]
    settings: FeatureSettings
    absent_is: str

    @property
    def primary(self) -> OriginVariants:
        return next(iter(self.origins.values()))

    @property
    def patients(self) -> tuple[str, ...]:
        return self.primary.patients

    def fit_rules(self, train_ids: Sequence[str]) -> Rules:
        """Filters across patients, from training patients alone.

        Germline frequency is that of alternate alleles among called ones; a call is taken as diploid.
        """
        excluded: dict[str, tuple[str, ...]] = {}
        recurrent: dict[str, tuple[str, ...]] = {}
        genes: set[str] = set()
        for origin, part in self.origins.items():
            rows = part.rows(train_ids)
            dosage = part.dosage[rows]
            called = (dosage >= 0).sum(axis=0)
            rare_call = called < self.settings.min_call_rate * max(len(rows), 1)
            out = rare_call.copy()
            if origin == "germline":
                alleles = np.where(dosage > 0, dosage, 0).sum(axis=0)
                out |= alleles > self.settings.max_germline_frequency * 2 * np.maximum(called, 1)
            symbols, hits = part.genes
            damaging = np.asarray(hits.sum(axis=1)).ravel() > 0
            excluded[origin] = tuple(part.names[out & damaging])
            carriers = (dosage > 0).sum(axis=0)
            common = (carriers >= self.settings.min_carriers) & ~rare_call
            chosen = "dosage" in self.settings.kinds and origin in self.settings.dosage_origins
            recurrent[origin] = tuple(part.names[common]) if chosen else ()
            hit = np.asarray(hits[np.flatnonzero(~out & (carriers > 0))].sum(axis=0)).ravel() > 0
            genes |= {symbol for symbol, is_hit in zip(symbols, hit, strict=True) if is_hit}
        return Rules(excluded=excluded, recurrent=recurrent, genes=tuple(sorted(genes)))

    def features(self, rules: Rules) -> pd.DataFrame:
        """(patient, feature) raw values of every patient, NaN where unknown."""
        parts: list[pd.DataFrame] = []
        if "burden" in self.settings.kinds:
            parts.append(self._burdens(rules))
        primary = self.primary
        if primary.origin == "somatic":
            for kind in ("count", "length", "fraction"):
                if kind in self.settings.kinds:
                    named = [name for name in primary.profile.columns if name.startswith(kind)]
                    values = primary.profile[named]
                    parts.append(values.apply(np.log1p) if kind != "fraction" and self.settings.log_counts else values)
        if "dosage" in self.settings.kinds:
            parts += [self._dosages(origin, names) for origin, names in rules.recurrent.items() if names]
        index = list(self.patients)
        return pd.concat([part.reindex(index) for part in parts], axis=1) if parts else pd.DataFrame(index=index)

    def _burdens(self, rules: Rules) -> pd.DataFrame:
        patients = list(self.patients)
        wanted = list(dict.fromkeys([*rules.genes, *(g for genes in self.settings.gene_sets.values() for g in genes)]))
        row = pd.Index(patients)
        total = np.zeros((len(patients), len(wanted)))
        for origin, part in self.origins.items():
            at = row.get_indexer(pd.Index(part.patients))
            # A patient without germline calls keeps the somatic burden.
            total[at[at >= 0]] += part.burden(rules.excluded.get(origin, ()), wanted)[at >= 0]
        if self.absent_is == "unknown":
            seen = {symbol for part in self.origins.values() for symbol in _symbols(part)}
            total[:, [gene not in seen for gene in wanted]] = np.nan
        frame = pd.DataFrame(total, index=patients, columns=wanted)
        named = frame[list(rules.genes)].add_prefix("burden:")
        for name, genes in self.settings.gene_sets.items():
            named[f"burden:SET:{name}"] = frame[list(genes)].sum(axis=1)
        return named

    def _dosages(self, origin: str, names: Sequence[str]) -> pd.DataFrame:
        labels = [dosage_name(origin, name) for name in names]
        part = self.origins.get(origin)
        if part is None:
            absent = 0.0 if self.absent_is == "reference" else np.nan
            return pd.DataFrame(absent, index=list(self.patients), columns=labels)
        at = part.names.get_indexer(pd.Index(list(names)))
        values = part.dosage[:, at].astype(np.float64)
        values[values < 0] = np.nan
        values[:, at < 0] = 0.0 if self.absent_is == "reference" else np.nan
        return pd.DataFrame(values, index=list(part.patients), columns=labels)

    def knows(self, feature: str) -> bool:
        """Whether this cohort's files say anything of a feature's gene or variant."""
        kind, _, rest = feature.partition(":")
        if kind == "burden" and not rest.startswith("SET:"):
            return any(rest in set(_symbols(part)) for part in self.origins.values())
        if kind in ("burden", "count", "length", "fraction"):
            return True
        origin = "germline" if kind == "germline" else "somatic"
        name = rest if kind == "germline" else feature
        return origin in self.origins and name in self.origins[origin].names

    def describe(self, feature: str) -> FeatureSpec:
        """Name, kind, gene and label of a feature."""
        kind, _, rest = feature.partition(":")
        if kind == "burden":
            named = rest.removeprefix("SET:")
            is_set = rest.startswith("SET:")
            label = f"{named}: damaging variants in {len(self.settings.gene_sets[named])} genes" if is_set else None
            return FeatureSpec(
                name=feature,
                kind="burden",
                label=label or f"{rest}: damaging variants",
                gene=None if is_set else rest,
                unit="variants",
            )
        if kind in ("count", "length"):
            unit = "ln(1 + n)" if self.settings.log_counts else "n"
            what, _, length = rest.partition("_") if kind == "length" else (rest.replace("_", " "), "", "")
            label = f"{what} of {length} bases (number)" if length else f"{what} (number)"
            return FeatureSpec(name=feature, kind="count", label=label, unit=unit)
        if kind == "fraction":
            of = "mutations" if rest == "indels" else "substitutions"
            return FeatureSpec(name=feature, kind="fraction", label=f"{rest} (share of {of})", unit="share")
        origin, name = ("germline", rest) if kind == "germline" else ("somatic", feature)
        part = self.origins[origin]
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
        )


_NOTES = ("gene", "consequence", "aachange")


def _symbols(part: OriginVariants) -> list[str]:
    return list(part.variants["gene"].dropna().str.split(";").explode())


def dosage_name(origin: str, variant: str) -> str:
    """Feature name of a single variant: somatic ones bare, others with their origin in front."""
    return variant if origin == "somatic" else f"{origin}:{variant}"
