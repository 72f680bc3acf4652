"""The variants of one origin, somatic or germline, a row a patient: who carries what, and the burden of genes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_modules.ingest.variants.store import MISSING, NOT_LISTED, VariantStore, variant_names
from data_modules.modalities.variants.contexts import context_fractions
from data_modules.modalities.variants.profile import profile
from data_modules.modalities.variants.shares import gene_shares, median_share, patient_shares

if TYPE_CHECKING:
    from numpy.typing import NDArray


_BLOCK = 4096
"""Variants that are turned from rows into columns at once."""


@dataclass(frozen=True, kw_only=True)
class OriginVariants:
    """The variants of one origin, a row a patient.

    Attributes:
        origin: ``somatic`` or ``germline``.
        patients: rows of `dosage`.
        variants: rows are columns of `dosage`; see `data_modules.ingest.variants.store`.
        dosage: (patient, variant) int8; a patient's samples are merged, the larger dosage stands.
        damaging: consequence classes that count.
        shares: allele fractions, see `data_modules.modalities.variants.shares`; None where the files give no depths.
    """

    origin: str
    patients: tuple[str, ...]
    variants: pd.DataFrame
    dosage: NDArray[np.int8]
    damaging: frozenset[str]
    shares: pd.DataFrame | None = None

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
        for begin in range(0, len(store.variants), _BLOCK):  # a block of rows turns on its side within the caches
            block = np.ascontiguousarray(np.asarray(store.dosage[begin : begin + _BLOCK]).T)
            for at, sample in enumerate(store.samples):
                if sample in patient_of:
                    mine = dosage[row[patient_of[sample]], begin : begin + _BLOCK]
                    np.maximum(mine, block[at], out=mine)
        row_of = {name: row[patient_of[name]] for name in store.samples if name in patient_of}
        shares = store.vaf
        dosage[dosage == NOT_LISTED] = 0 if absent_is == "reference" else MISSING
        return cls(
            origin=store.origin,
            patients=tuple(patients),
            variants=store.variants,
            dosage=dosage,
            damaging=frozenset(damaging),
            shares=None if shares is None else patient_shares(shares, store.samples, row_of),
        )

    @cached_property
    def names(self) -> pd.Index:
        """Of the variants: ``17:7675088:C>T``."""
        return pd.Index(variant_names(self.variants))

    @cached_property
    def row(self) -> dict[str, int]:
        """Patient → row of `dosage`."""
        return {patient: at for at, patient in enumerate(self.patients)}

    @cached_property
    def carried(self) -> Any:
        """(patient, variant) sparse 0/1: who carries what."""
        from scipy.sparse import csr_matrix

        columns = [np.flatnonzero(row > 0) for row in self.dosage]
        starts = np.cumsum([0, *map(len, columns)])
        indices = np.concatenate([np.array([], dtype=np.int32), *columns]).astype(np.int32)
        return csr_matrix((np.ones(len(indices)), indices, starts), shape=self.dosage.shape)

    @cached_property
    def damages(self) -> pd.DataFrame:
        """Columns variant (its number), gene and consequence: a row for each gene that a variant damages.

        Of several genes each has the consequence that ``effects`` names for it, else all have the variant's own.
        """
        table = self.variants
        effects = table["effects"] if "effects" in table else pd.Series(pd.NA, index=table.index, dtype="string")
        plain = table["gene"].notna() & effects.isna() & table["consequence"].isin(list(self.damaging))
        genes = table.loc[plain, "gene"].str.split(";").explode()
        parts = effects.dropna().str.split(";").explode().str.split("=", n=1)
        rows = pd.DataFrame(
            {
                "variant": [*genes.index, *parts.index],
                "gene": [*genes, *parts.str[0]],
                "consequence": [*table["consequence"].reindex(genes.index), *parts.str[1]],
            }
        )
        return rows[rows["consequence"].isin(list(self.damaging))].reset_index(drop=True)

    @cached_property
    def genes(self) -> tuple[tuple[str, ...], Any]:
        """Genes with a damaging variant, and (variant, gene) sparse 0/1: which damaging variant hits which."""
        codes, symbols = self._coded
        return tuple(symbols), self._hits(np.ones(len(codes)))

    @cached_property
    def _coded(self) -> Any:
        return pd.factorize(self.damages["gene"], sort=True)

    def _hits(self, weights: NDArray[np.floating[Any]]) -> Any:
        """(variant, gene) sparse, of a weight for each row of `damages`."""
        from scipy.sparse import csr_matrix

        codes, symbols = self._coded
        shape = (len(self.variants), len(symbols))
        return csr_matrix((weights, (self.damages["variant"].to_numpy(dtype=np.int64), codes)), shape=shape)

    def rows(self, patients: Sequence[str]) -> NDArray[np.intp]:
        """Their rows, those who have any."""
        return np.array([self.row[patient] for patient in patients if patient in self.row], dtype=np.intp)

    def burden(
        self,
        excluded: Sequence[str],
        genes: Sequence[str],
        *,
        weights: Mapping[Any, float] | None = None,
        frequencies: Mapping[str, float] | None = None,
    ) -> NDArray[np.float64]:
        """(patient, gene): damaging variants carried in each of `genes`, weighted; missing calls count as none.

        Args:
            excluded: names of variants that count for nothing.
            genes: columns of the result.
            weights: consequence class → weight; 1 where not named.
            frequencies: variant → allele frequency p, which multiplies its weight by (1 − p)²⁴; 0 where not named.
        """
        symbols, hits = self.genes
        at = pd.Index(symbols).get_indexer(pd.Index(list(genes)))
        weight = np.ones(len(self.variants))
        if weights:
            hits = self._hits(self.damages["consequence"].map(dict(weights)).fillna(1.0).to_numpy(dtype=np.float64))
        if frequencies:
            # Beta(p; 1, 25) is 25(1 − p)²⁴ (Wu et al. 2011): a variant that no training patient carries weighs 1.
            weight *= (1.0 - pd.Series(self.names).map(dict(frequencies)).fillna(0.0).to_numpy()) ** 24
        if excluded:
            weight[self.names.isin(list(excluded))] = 0.0
        values = np.zeros((len(self.patients), len(genes)))
        values[:, at >= 0] = (self.carried @ hits[:, at[at >= 0]].multiply(weight[:, None]).tocsr()).toarray()
        return values

    def allele_fractions(self, genes: Sequence[str]) -> pd.DataFrame:
        """(patient, ``vaf:GENE`` and ``vaf:median``); NaN where depths are unknown."""
        symbols, hits = self.genes
        columns = pd.Index(symbols).get_indexer(pd.Index(list(genes)))
        shares = self.shares
        if shares is None:
            shares = pd.DataFrame({"patient": [], "variant": [], "value": []}).astype({"patient": int, "variant": int})
        found = pd.DataFrame(
            gene_shares(shares, self.carried, hits, columns),
            index=list(self.patients),
            columns=[f"vaf:{gene}" for gene in genes],
        )
        return found.assign(**{"vaf:median": median_share(shares, len(self.patients))})

    def damaging_of(self, patient: str, excluded: Collection[str]) -> Iterator[tuple[str, str]]:
        """Gene and text (``p.R175H nonsynonymous``) of each damaging variant that a patient carries."""
        if patient not in self.row:
            return
        places = np.flatnonzero(self.dosage[self.row[patient]] > 0)
        carried = self.variants.iloc[places]
        told = carried["consequence"].isin(self.damaging) & carried["gene"].notna()
        columns = (carried[name][told] for name in ("consequence", "gene", "aachange"))
        for name, consequence, genes, aachange in zip(self.names[places[told]], *columns, strict=True):
            if str(name) in excluded:
                continue
            change = "" if pd.isna(aachange) else str(aachange)
            for gene in str(genes).split(";"):
                yield gene, f"{change.split(',')[0].split(':')[-1] or name} {consequence}"

    @cached_property
    def symbols(self) -> frozenset[str]:
        """Every gene that an annotation names, damaged or not."""
        return frozenset(self.variants["gene"].dropna().str.split(";").explode())

    @cached_property
    def profile(self) -> pd.DataFrame:
        """(patient, feature): see `data_modules.modalities.variants.profile`."""
        return profile(self.variants, self.carried, self.patients)

    def contexts(self, fasta: Path) -> pd.DataFrame:
        """(patient, context): see `data_modules.modalities.variants.contexts`; read once."""
        if fasta not in self._contexts:
            self._contexts[fasta] = context_fractions(self.variants, self.carried, self.patients, fasta=fasta)
        return self._contexts[fasta]

    @cached_property
    def _contexts(self) -> dict[Path, pd.DataFrame]:
        return {}
