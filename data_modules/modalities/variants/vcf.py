"""Variants from VCF files as a modality: what its settings name, looked up before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from data_modules.files import find_files
from data_modules.genes.sets import read_gene_sets
from data_modules.ingest.variants.ingest import VariantIngest, VcfFile
from data_modules.modalities.variants.settings import VariantSettings
from data_modules.modalities.variants.stored import StoredVariants
from fusion.contract import FusionError, Quality, read_settings, some

if TYPE_CHECKING:
    from data_modules.cohort.source import CohortSource
    from data_modules.learned.selection import Selector


class Variants(StoredVariants):
    """Variants from VCF files.

    Args:
        name: the modality's key.
        source: the cohort it belongs to; relative files start at its root.
        selector: chooses among features.
        given: fields of `VariantSettings`.

    Raises:
        SettingsError: settings that cannot be; files that are not there are told by `check`.
    """

    settings_class: ClassVar = VariantSettings
    reader: ClassVar[type[VariantIngest]] = VariantIngest

    def __init__(self, *, name: str, source: CohortSource, selector: Selector, **given: Any) -> None:
        key, root = f"modality.{name}", Path(source.root)
        settings = read_settings(VariantSettings, given, at=key)
        files, nothing = _find(settings, root)
        problems = [
            f"{key}.files: no file matches {some([pattern])}. Point {key}.files or cohort.root to them."
            for pattern in nothing
        ]
        genome = None if settings.fasta is None else root / Path(settings.fasta).expanduser()
        if genome is not None and not genome.is_file():
            problems.append(f"{key}.fasta: there is no file {genome}. Mend it, or set it to null.")
        sets = dict(settings.gene_sets)
        try:
            if settings.gene_sets_file is not None:
                sets |= read_gene_sets(asdict(settings.gene_sets_file), key=f"{key}.gene_sets_file", root=root)
        except FusionError as error:
            problems.append(str(error))
        ingest = self.reader(
            key=key,
            files=tuple(files),
            filters=settings.all_filters,
            annotation=settings.annotation,
            build=source.build,
            spark=settings.spark,
            cache=source.cache,
            inputs=settings.inputs.within(root, fasta=genome),
            simulated=source.simulated,
        )
        super().__init__(
            name=name,
            source=source,
            ingest=ingest,
            patient_ids=settings.patient_ids(root),
            settings=replace(settings, gene_sets=sets, fasta=None if genome is None else str(genome)),
            keep=settings.keep,
            selector=selector,
            absent_is=settings.absent_is or source.absent_is,
            problems=problems,
            several_samples=settings.several_samples,
            absent=f"no file matches {some(nothing)} under {root}" if nothing and not files else None,
        )
        self.reads = settings.reads
        if settings.gene_sets_file is not None:
            self._read_beside = [root / Path(settings.gene_sets_file.file).expanduser()]

    def quality(self) -> Sequence[Quality]:
        found = [*super().quality()]
        return [
            replace(part, said=(*part.said, *self._unknown_genes())) if not at else part
            for at, part in enumerate(found)
        ]

    def _unknown_genes(self) -> list[str]:
        """That burdens are asked for, and no file says what its variants hit: nobody has any."""
        ingest = self.ingest
        if (
            "burden" not in self.settings.features
            or type(ingest) is not VariantIngest
            or ingest.inputs.genes is not None
        ):
            return []
        if ingest.annotation.format != "auto" or not ingest.files:
            return []
        facts = [ingest.facts[file.path] for file in ingest.files]
        if any(ingest.annotation.resolved(one) != "none" for one in facts):
            return []
        return [
            f"{self.key}.features lists burden, and no gene is known, so that nobody has any: no file has an "
            "annotation of ANNOVAR, VEP, SnpEff, Funcotator or bcftools csq (INFO has "
            f"{some(list(facts[0].info)) or 'nothing'}). Annotate them, name the tags ({self.key}.annotation: "
            f"{{format: info, gene: …, consequence: …}}), or set {self.key}.features without burden."
        ]


def _find(settings: VariantSettings, root: Path) -> tuple[list[VcfFile], list[str]]:
    """The files that the settings name, with their origin, and the patterns that name none."""
    files: list[VcfFile] = []
    nothing: list[str] = []
    for entry in settings.patterns:
        found, empty = find_files(root, entry.path)
        files += [VcfFile(path=path, origin=entry.origin) for path in found]
        nothing += empty
    return files, nothing
