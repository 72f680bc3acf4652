"""Variants from VCF files as a modality: its settings, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data_modules.errors import some
from data_modules.files import find_files
from data_modules.genes.sets import read_gene_sets
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.consequences import CLASSES
from data_modules.ingest.variants.ingest import (
    ORIGINS,
    GenotypeFilters,
    InputSettings,
    SparkSettings,
    VariantIngest,
    VcfFile,
    parse_files,
)
from data_modules.modalities.variants.settings import DEFAULT_KINDS, KINDS, FeatureSettings
from data_modules.modalities.variants.stored import StoredVariants
from data_modules.patient_ids import PatientIds
from fusion.contract import FusionError

if TYPE_CHECKING:
    from data_modules.cohort.source import CohortSource
    from data_modules.learned.selection import Selector


class Variants(StoredVariants):
    """Variants from VCF files; every argument is explained in conf/modality/variants.yaml.

    Raises:
        FusionError: an argument that cannot be right, by `check`.
    """

    def __init__(
        self,
        *,
        name: str,
        source: CohortSource,
        files: Sequence[Any],
        selector: Selector,
        patient_pattern: str | None = None,
        sample_sheet: Mapping[str, str] | None = None,
        absent_is: str | None = None,
        filters: Mapping[str, Mapping[str, Any]] | None = None,
        annotation: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        features: Sequence[str] = DEFAULT_KINDS,
        damaging: Mapping[str, Sequence[str]] | None = None,
        gene_sets: Mapping[str, Sequence[str]] | None = None,
        gene_sets_file: Mapping[str, str] | None = None,
        weights: Mapping[str, float] | None = None,
        germline_frequency: Literal["none", "beta"] = "none",
        callable_mb: float | None = None,
        fasta: str | None = None,
        log_counts: bool = True,
        keep: Sequence[str] = (),
        min_call_rate: float = 0.8,
        max_germline_frequency: float = 0.02,
        dosage_origins: Sequence[str] = ("somatic",),
        min_carriers: int = 5,
        spark: Mapping[str, Any] | None = None,
    ) -> None:
        key = f"modality.{name}"
        classes = {origin: tuple(one) for origin, one in (damaging or {}).items()}
        problems = _setting_problems(key, features=features, damaging=classes, dosage_origins=dosage_origins)
        vcfs: list[VcfFile] = []
        nothing: list[str] = []
        try:
            for pattern, origin in parse_files(files):
                found, empty = find_files(source.root, pattern)
                vcfs += [VcfFile(path=path, origin=origin) for path in found]
                nothing += empty
                if empty:
                    problems.append(
                        f"{key}.files: no file matches {some(empty)}. Point {key}.files or cohort.root to them."
                    )
        except FusionError as error:
            problems.append(f"{key}.{error}")
        sets = {label: tuple(genes) for label, genes in (gene_sets or {}).items()}
        try:
            if gene_sets_file:
                sets |= read_gene_sets(gene_sets_file, key=f"{key}.gene_sets_file", root=source.root)
        except FusionError as error:
            problems.append(str(error))
        genome = None if fasta is None else source.root / Path(fasta).expanduser()
        problems += _number_problems(key, weights=weights or {}, callable_mb=callable_mb)
        problems += _genome_problems(key, genome, features)
        given = {origin: _filters((filters or {}).get(origin, {})) for origin in ORIGINS}
        ingest = VariantIngest(
            key=key,
            files=tuple(vcfs),
            filters=given,
            annotation=AnnotationSettings(**_plain(annotation or {})),
            build=source.build,
            spark=SparkSettings(**_plain(spark or {})),
            cache=source.cache,
            inputs=InputSettings.parse({**(inputs or {}), "fasta": fasta}, source.root),
            simulated=source.simulated,
        )
        settings = FeatureSettings(
            kinds=tuple(features),
            damaging=classes,
            gene_sets=sets,
            weights={str(name): float(value) for name, value in (weights or {}).items()},
            germline_frequency=germline_frequency,
            callable_mb=callable_mb,
            fasta=genome,
            log_counts=log_counts,
            min_call_rate=min_call_rate,
            max_germline_frequency=max_germline_frequency,
            dosage_origins=tuple(dosage_origins),
            min_carriers=min_carriers,
        )
        super().__init__(
            name=name,
            source=source,
            ingest=ingest,
            patient_ids=PatientIds(pattern=patient_pattern, sheet=sample_sheet, root=source.root),
            settings=settings,
            keep=keep,
            selector=selector,
            absent_is=absent_is or source.absent_is,
            problems=problems,
            absent=f"no file matches {some(nothing)} under {source.root}" if nothing and not vcfs else None,
        )


def _filters(given: Mapping[str, Any]) -> GenotypeFilters:
    return GenotypeFilters(**{**_plain(given), "accept": tuple(map(str, given.get("accept", ("PASS",))))})


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without Hydra's containers, which are no JSON."""
    return {str(key): dict(value) if isinstance(value, Mapping) else value for key, value in given.items()}


def _setting_problems(
    key: str, *, features: Sequence[str], damaging: Mapping[str, Sequence[str]], dosage_origins: Sequence[str]
) -> list[str]:
    problems = []
    for setting, given, known in (
        ("features", features, KINDS),
        ("damaging", damaging, ORIGINS),
        ("damaging", [term for terms in damaging.values() for term in terms], CLASSES),
        ("dosage_origins", dosage_origins, ORIGINS),
    ):
        wrong = [one for one in given if one not in known]
        if wrong:
            problems.append(f"{key}.{setting}: {some(wrong)} is none of {some(known, len(known))}. Mend it.")
    return problems


def _number_problems(key: str, *, weights: Mapping[str, float], callable_mb: float | None) -> list[str]:
    problems = []
    strangers = [name for name in weights if name not in CLASSES]
    if strangers:
        problems.append(f"{key}.weights: {some(strangers)} is none of {some(CLASSES, len(CLASSES))}. Mend it.")
    negative = [name for name, weight in weights.items() if not weight >= 0]
    if negative:
        problems.append(f"{key}.weights: the weight of {some(negative)} is not 0 or more. Mend it.")
    if callable_mb is not None and not callable_mb > 0:
        problems.append(f"{key}.callable_mb={callable_mb} is not above 0. Give megabases, or null where unknown.")
    return problems


def _genome_problems(key: str, genome: Path | None, features: Sequence[str]) -> list[str]:
    if "context" in features and genome is None:
        return [f"{key}.features lists context, which needs the reference genome. Set {key}.fasta."]
    if genome is not None and not genome.is_file():
        return [f"{key}.fasta: there is no file {genome}. Mend it, or set it to null."]
    return []
