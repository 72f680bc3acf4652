"""Variants out of stores: filtered and selected on training patients, whatever format they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from data_modules.cohort.known import known_ids
from data_modules.ingest.variants.ingest import ORIGINS, Origin
from data_modules.ingest.variants.store import VariantStore
from data_modules.modalities.base import BaseModality
from data_modules.modalities.quality import store_quality
from data_modules.modalities.selected import choose, features_of, ranking_of
from data_modules.modalities.variants.called import uncalled
from data_modules.modalities.variants.concordance import same_genomes
from data_modules.modalities.variants.features import VariantTable
from data_modules.modalities.variants.fitted import STATE_VERSION, FittedVariants
from data_modules.modalities.variants.match import match_variants
from data_modules.modalities.variants.origin import OriginVariants
from data_modules.modalities.variants.samples import left_out, owners, several_problem, strangers_problem
from data_modules.modalities.variants.settings import KINDS, FeatureSettings, Rules
from data_modules.modalities.variants.store_ingest import StoreIngest
from data_modules.patient_ids import PatientIds
from fusion.contract import FeatureSpec, FusionError, Match, ModalitySpec, Progress, Quality, State, some

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_modules.cohort.source import CohortSource
    from data_modules.learned.selection import Selector


class StoredVariants(BaseModality):
    """Variants out of stores, whatever format they came from.

    Args:
        name: key in `modality`.
        source: the cohort.
        ingest: makes the stores.
        patient_ids: sample name → patient id.
        settings: which features to make and the filters across patients.
        keep: patterns of features that selection does not touch.
        selector: chooses among the others.
        absent_is: what a site means that none of a patient's files lists: ``reference`` or ``unknown``.
        problems: found while building, for `check`.
        absent: why there is nothing to read, where no file is configured that exists.
        several_samples: of one patient and origin: ``refuse``, or ``merge``.
    """

    _read_beside: Sequence[Path] = ()

    def __init__(
        self,
        *,
        name: str,
        source: CohortSource,
        ingest: StoreIngest,
        patient_ids: PatientIds,
        settings: FeatureSettings,
        keep: Sequence[str],
        selector: Selector,
        absent_is: str | None,
        problems: Sequence[str] = (),
        absent: str | None = None,
        several_samples: str = "refuse",
    ) -> None:
        super().__init__(name=name, source=source)
        self.ingest = ingest
        self.patient_ids = patient_ids
        self.settings = settings
        self.keep = tuple(keep)
        self.selector = selector
        self.absent_is = absent_is
        self.several_samples = several_samples
        self._problems = tuple(problems)
        self._absent = absent

    @property
    def absent(self) -> str | None:
        return self._absent

    @property
    def key(self) -> str:
        return f"modality.{self.name}"

    @cached_property
    def patients(self) -> frozenset[str]:
        """Who has calls of the primary origin: somatic ones where files of that origin are configured."""
        if self._problems or not self.ingest.origins:
            return frozenset()
        return frozenset(self._owners(self.ingest.origins[0]).values())

    def _owners(self, origin: Origin) -> dict[str, str]:
        """Sample → patient id, of the samples of an origin that are somebody's."""
        return owners(
            self.ingest.samples(origin),
            self.patient_ids,
            labels=set(getattr(self.ingest, "labels", {}).values()),
            known=known_ids(self.source),
        )

    @property
    def input_files(self) -> Sequence[Path]:
        """Variant files, genome, chain, places and sets of genes, and the sample sheet."""
        return [*self.ingest.input_files, *self._read_beside, *self.patient_ids.files]

    def check(self) -> list[str]:
        if self._problems:
            return list(self._problems)
        problems = self.patient_ids.check(key=self.key)
        if self.absent_is not in ("reference", "unknown"):
            problems.append(
                f"{self.key}.absent_is={self.absent_is!r}: say what a site means that a patient's files do not list. "
                f"Set cohort.absent_is (or {self.key}.absent_is) to reference or unknown."
            )
        problems += self.ingest.check()
        return problems or self._sample_problems()

    def _sample_problems(self) -> list[str]:
        problems = []
        known = known_ids(self.source)
        for origin in self.ingest.origins:
            samples = self.ingest.samples(origin)
            matched = self._owners(origin)
            if not matched:
                problems.append(
                    f"{self.key}: no {origin} sample ({some(samples)}) yields a patient id. "
                    f"Set {self.key}.patient_pattern or sample_sheet."
                )
            elif known and not known & set(matched.values()):
                problems.append(strangers_problem(samples, matched, known, origin, key=self.key))
            elif origin == "somatic" and self.several_samples != "merge":  # germline is the same at any time
                problems += several_problem(matched, origin, key=self.key)
        return problems

    def prepare(self, progress: Progress) -> None:
        self.ingest.run(progress)

    @property
    def failed(self) -> Mapping[str, str]:
        """Patient → why, of patients in none of whose samples a genotype was called and passed the filters."""
        if self._problems or not self.ingest.origins:
            return {}
        return uncalled(self.ingest.folders[self.ingest.origins[0]], self.patient_ids)

    def quality(self) -> Sequence[Quality]:
        """Sites, genotypes and samples that ingest read, kept and dropped, by reason, for each origin."""
        found = []
        for origin, folder in self.ingest.folders.items():
            part = store_quality(folder, origin)
            said = left_out(self.ingest.samples(origin), self._owners(origin), known_ids(self.source), key=self.key)
            said += same_genomes(VariantStore.open(folder), self._owners(origin), key=self.key)
            found.append(replace(part, said=(*part.said, *self.ingest.said(origin), *said)))
        return found

    @cached_property
    def variants(self) -> VariantTable:
        """All patients' variants, read from the stores once."""
        self.ingest.run(lambda step, done, total: None)
        origins: dict[str, OriginVariants] = {}
        failed = self.failed
        for origin, store in self.ingest.stores().items():
            matched = self._owners(origin)
            origins[origin] = OriginVariants.of_store(
                store,
                {sample: patient for sample, patient in matched.items() if patient not in failed},
                absent_is=self.absent_is or "unknown",
                damaging=self.settings.damaging.get(origin, ()),
            )
        return VariantTable(origins=origins, settings=self.settings, absent_is=self.absent_is or "unknown")

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedVariants:
        """Filter, select and scale on the training patients who have variants.

        Raises:
            FusionError: none of them has, or nothing passes the filters.
        """
        table = self.variants
        have = set(table.patients)
        rows = [at for at, patient in enumerate(train_ids) if patient in have]
        if not rows:
            raise FusionError(f"{self.key}: none of {len(train_ids)} training patients has variants.")
        train = [train_ids[at] for at in rows]
        rules = table.fit_rules(train)
        measured = table.features(rules).loc[train]
        features, ranking = choose(
            measured,
            np.asarray(labels)[rows],
            key=self.key,
            keep=self.keep,
            selector=self.selector,
            describe=table.describe,
        )
        spec = ModalitySpec(name=self.name, kind="variants", features=features)
        names = [feature.name for feature in features]
        return FittedVariants(spec, table=table, rules=_needed(rules, names), ranking=ranking, build=self.source.build)

    def restore(self, state: State) -> FittedVariants:
        """Features by gene and minimal representation, out of this cohort's stores.

        Raises:
            FusionError: the state is of a newer version, or its single variants are of another build.
        """
        config = state.config
        if config["version"] > STATE_VERSION:
            raise FusionError(f"{self.key}: the fitted state is of a newer version of this package. Update it.")
        features = features_of(state)
        single = [feature.name for feature in features if feature.kind == "dosage"]
        if single and config["build"] != self.source.build:
            raise FusionError(
                f"{self.key}: the model's single variants ({some(single, 3)}) are of build {config['build']} and "
                f"cohort.build is {self.source.build}. Lift the files over, or train with "
                f"{self.key}.features=[burden,count,fraction]."
            )
        self._check_inputs(features)
        rules, ranking = _rules_of(state), ranking_of(state)
        damaging = {origin: tuple(classes) for origin, classes in config["damaging"].items()}
        settings = replace(
            self.settings,
            features=tuple(kind for kind in KINDS if kind != "context" or self.settings.fasta is not None),
            gene_sets={name: tuple(genes) for name, genes in config["gene_sets"].items()},
            damaging=damaging,
            log_counts=bool(config["log_counts"]),
            weights=dict(config.get("weights", {})),
            germline_frequency=config.get("germline_frequency", "none"),
        )
        table = self.variants
        origins = {
            # The same object where nothing differs: what it has worked out of its variants is kept.
            origin: part
            if part.damaging == frozenset(damaging.get(origin, ()))
            else replace(part, damaging=frozenset(damaging.get(origin, ())))
            for origin, part in table.origins.items()
        }
        spec = ModalitySpec(name=self.name, kind="variants", features=features)
        return FittedVariants(
            spec,
            table=replace(table, settings=settings, origins=origins),
            rules=rules,
            ranking=ranking,
            build=config["build"],
        )

    def _check_inputs(self, features: Sequence[FeatureSpec]) -> None:
        """What the features of a model need beside variants.

        Raises:
            FusionError: a reference genome or the callable megabases are not configured.
        """
        names = {feature.name for feature in features}
        for prefix, value, setting in (
            ("context:", self.settings.fasta, "fasta"),
            ("tmb:per_megabase", self.settings.callable_mb, "callable_mb"),
        ):
            if value is None and any(name.startswith(prefix) for name in names):
                raise FusionError(
                    f"{self.key}.{setting} is not set, but the model was trained with features {prefix}… "
                    f"Set {self.key}.{setting}."
                )

    def match(self, state: State) -> Match:
        """Which genes and variants of a fitted state this cohort's files name; see `variant_match`."""
        return match_variants(self.variants, state)


def _rules_of(state: State) -> Rules:
    """What a fitted state says of filters across patients."""
    arrays = state.arrays
    weighted = arrays.get("weighted", np.array([], dtype=np.str_))
    return Rules(
        excluded={origin: tuple(map(str, arrays[f"excluded_{origin}"])) for origin in ORIGINS},
        recurrent={origin: tuple(map(str, arrays[f"recurrent_{origin}"])) for origin in ORIGINS},
        genes=tuple(state.config["genes"]),
        frequencies=dict(zip(map(str, weighted), map(float, arrays.get("frequency", ())), strict=True)),
    )


def _needed(rules: Rules, names: Sequence[str]) -> Rules:
    """Without what no selected feature uses."""
    chosen = set(names)
    recurrent = {
        origin: tuple(one for one in variants if one in chosen or f"{origin}:{one}" in chosen)
        for origin, variants in rules.recurrent.items()
    }
    named = {name.partition(":")[2] for name in chosen if name.startswith(("burden:", "vaf:"))}
    return replace(rules, recurrent=recurrent, genes=tuple(gene for gene in rules.genes if gene in named))
