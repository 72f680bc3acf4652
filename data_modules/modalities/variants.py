"""Variants from VCF files as a modality: its settings, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from data_modules.errors import some
from data_modules.files import find_files
from data_modules.ingest.annotation import CLASSES, AnnotationSettings
from data_modules.ingest.variants import (
    ORIGINS,
    GenotypeFilters,
    SparkSettings,
    VariantIngest,
    VcfFile,
    parse_files,
)
from data_modules.modalities.base import PatientIds
from data_modules.modalities.stored_variants import StoredVariants
from data_modules.modalities.variant_settings import KINDS, FeatureSettings
from fusion.contract import FusionError

if TYPE_CHECKING:
    from data_modules.cohort import CohortSource
    from data_modules.selection import Selector


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
        features: Sequence[str] = KINDS,
        damaging: Mapping[str, Sequence[str]] | None = None,
        gene_sets: Mapping[str, Sequence[str]] | None = None,
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
        try:
            for pattern, origin in parse_files(files):
                found, empty = find_files(source.root, pattern)
                vcfs += [VcfFile(path=path, origin=origin) for path in found]
                if empty:
                    problems.append(
                        f"{key}.files: no file matches {some(empty)}. Point {key}.files or cohort.root to them."
                    )
        except FusionError as error:
            problems.append(f"{key}.{error}")
        given = {origin: _filters((filters or {}).get(origin, {})) for origin in ORIGINS}
        ingest = VariantIngest(
            key=key,
            files=tuple(vcfs),
            filters=given,
            annotation=AnnotationSettings(**dict(annotation or {})),
            build=source.build,
            spark=SparkSettings(**_plain(spark or {})),
            cache=source.cache,
        )
        settings = FeatureSettings(
            kinds=tuple(features),
            damaging=classes,
            gene_sets={label: tuple(genes) for label, genes in (gene_sets or {}).items()},
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
