"""Variants of patients → features before selection: gene burdens, single-variant dosages, counts and fractions.

What a patient's own variants say (counts, substitution fractions, which classes damage) needs no other patient.
What is computed across patients (call rate, germline frequency, who recurs) is a `Rules`, fitted on training ids alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data_modules.modalities.variants.names import describe, dosage_name
from data_modules.modalities.variants.origin import OriginVariants
from data_modules.modalities.variants.settings import FeatureSettings, Rules
from fusion.contract import FeatureSpec


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
        """The first origin that files have."""
        return next(iter(self.origins.values()))

    @property
    def patients(self) -> tuple[str, ...]:
        """In the order of rows."""
        return self.primary.patients

    def fit_rules(self, train_ids: Sequence[str]) -> Rules:
        """Filters across patients, from training patients alone.

        Germline frequency is that of alternate alleles among called ones; a call is taken as diploid.
        """
        excluded: dict[str, tuple[str, ...]] = {}
        recurrent: dict[str, tuple[str, ...]] = {}
        genes: set[str] = set()
        frequencies: dict[str, float] = {}
        for origin, part in self.origins.items():
            rows = part.rows(train_ids)
            dosage = part.dosage[rows]
            called = (dosage >= 0).sum(axis=0)
            rare_call = called < self.settings.min_call_rate * max(len(rows), 1)
            out = rare_call.copy()
            alleles = np.where(dosage > 0, dosage, 0).sum(axis=0)
            if origin == "germline":
                out |= alleles > self.settings.max_germline_frequency * 2 * np.maximum(called, 1)
            symbols, hits = part.genes
            damaging = np.asarray(hits.sum(axis=1)).ravel() > 0
            if origin == "germline" and self.settings.germline_frequency == "beta":
                weighed = np.flatnonzero(~out & damaging & (alleles > 0))
                shares = alleles[weighed] / (2 * called[weighed])
                frequencies = dict(zip(part.names[weighed], map(float, shares), strict=True))
            excluded[origin] = tuple(part.names[out & damaging])
            carriers = (dosage > 0).sum(axis=0)
            common = (carriers >= self.settings.min_carriers) & ~rare_call
            chosen = "dosage" in self.settings.features and origin in self.settings.dosage_origins
            recurrent[origin] = tuple(part.names[common]) if chosen else ()
            hit = np.asarray(hits[np.flatnonzero(~out & (carriers > 0))].sum(axis=0)).ravel() > 0
            genes |= {symbol for symbol, is_hit in zip(symbols, hit, strict=True) if is_hit}
        return Rules(excluded=excluded, recurrent=recurrent, genes=tuple(sorted(genes)), frequencies=frequencies)

    def features(self, rules: Rules) -> pd.DataFrame:
        """(patient, feature) raw values of every patient, NaN where unknown."""
        parts: list[pd.DataFrame] = []
        if "burden" in self.settings.features:
            parts.append(self._burdens(rules))
        primary = self.primary
        if primary.origin == "somatic":
            parts += self._profiles(primary)
            if "vaf" in self.settings.features:
                parts.append(primary.allele_fractions(rules.genes))
        if "dosage" in self.settings.features:
            parts += [self._dosages(origin, names) for origin, names in rules.recurrent.items() if names]
        index = list(self.patients)
        return pd.concat([part.reindex(index) for part in parts], axis=1) if parts else pd.DataFrame(index=index)

    def _profiles(self, primary: OriginVariants) -> list[pd.DataFrame]:
        """Of what a patient's somatic variants say together, the kinds that are asked for."""
        kinds, parts = self.settings.features, []
        for kind in ("count", "length", "fraction"):
            if kind in kinds:
                named = [name for name in primary.profile.columns if name.startswith(kind)]
                values = primary.profile[named]
                parts.append(values.apply(np.log1p) if kind != "fraction" and self.settings.log_counts else values)
        if "tmb" in kinds:
            size = self.settings.callable_mb
            burden = primary.profile["count:mutations"] / (size or 1.0)
            burden = np.log1p(burden) if self.settings.log_counts else burden
            parts.append(burden.rename("tmb:per_megabase" if size else "tmb:count").to_frame())
        if "context" in kinds and self.settings.fasta is not None:
            parts.append(primary.contexts(Path(self.settings.fasta)))
        return parts

    def _burdens(self, rules: Rules) -> pd.DataFrame:
        wanted = list(dict.fromkeys([*rules.genes, *(g for genes in self.settings.gene_sets.values() for g in genes)]))
        frame = self.gene_burdens(rules, wanted)
        named = frame[list(rules.genes)].add_prefix("burden:")
        sets = {
            f"burden:SET:{name}": frame[list(dict.fromkeys(genes))].sum(axis=1)
            for name, genes in self.settings.gene_sets.items()
        }
        return pd.concat([named, pd.DataFrame(sets, index=frame.index)], axis=1)

    def gene_burdens(self, rules: Rules, wanted: Sequence[str]) -> pd.DataFrame:
        """(patient, gene): damaging variants in each of `wanted`, over origins; NaN for genes that nobody looked at."""
        patients = list(self.patients)
        row = pd.Index(patients)
        total = np.zeros((len(patients), len(wanted)))
        for origin, part in self.origins.items():
            at = row.get_indexer(pd.Index(part.patients))
            # A patient without germline calls keeps the somatic burden.
            weighted = part.burden(
                rules.excluded.get(origin, ()),
                wanted,
                weights=self.settings.weights,
                frequencies=rules.frequencies if origin == "germline" else None,
            )
            total[at[at >= 0]] += weighted[at >= 0]
        if self.absent_is == "unknown":
            seen = {symbol for part in self.origins.values() for symbol in part.symbols}
            total[:, [gene not in seen for gene in wanted]] = np.nan
        return pd.DataFrame(total, index=patients, columns=list(wanted))

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
        if (kind == "vaf" and rest != "median") or (kind == "burden" and not rest.startswith("SET:")):
            return any(rest in part.symbols for part in self.origins.values())
        if kind in ("burden", "count", "length", "fraction", "context", "tmb", "vaf"):
            return True
        origin = "germline" if kind == "germline" else "somatic"
        name = rest if kind == "germline" else feature
        return origin in self.origins and name in self.origins[origin].names

    def describe(self, feature: str) -> FeatureSpec:
        """Name, kind, gene and label of a feature."""
        return describe(feature, self.origins, self.settings)
