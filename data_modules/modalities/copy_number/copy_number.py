"""Copy number as a modality: instability scores of the genome, and copies at genes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from data_modules.cohort.known import known_ids
from data_modules.genes.places import Place, first_of_each_symbol, read_gene_places
from data_modules.modalities.base import BaseModality
from data_modules.modalities.copy_number.segments import SCORES, at_genes, instability, read_segments
from data_modules.modalities.copy_number.settings import CopyNumberSettings
from data_modules.modalities.copy_number.sex_chromosomes import FEMALE, MALE, against_normal, kept_places
from data_modules.modalities.selected import FittedSelected, choose, features_of, ranking_of
from fusion.contract import FeatureSpec, FusionError, ModalitySpec, Quality, State, read_settings, some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.cohort.source import CohortSource
    from data_modules.learned.selection import Selector


class CopyNumber(BaseModality):
    """Copy-number segments of ASCAT or SEG files.

    Args:
        name: the modality's key.
        source: the cohort; relative files start at its root.
        selector: chooses among features.
        given: fields of `CopyNumberSettings`.

    Raises:
        SettingsError: settings that cannot be.
    """

    settings_class: ClassVar = CopyNumberSettings

    def __init__(self, *, name: str, source: CohortSource, selector: Selector, **given: Any) -> None:
        super().__init__(name=name, source=source)
        self.settings = read_settings(CopyNumberSettings, given, at=self.key)
        root, genes = Path(source.root), self.settings.genes
        self.path = root / Path(self.settings.file).expanduser()
        self.columns = self.settings.columns.named
        self.patient_ids = self.settings.patient_ids(root)
        self.genes = None if genes is None else root / Path(genes).expanduser()
        self.selector = selector

    @cached_property
    def _table(self) -> pd.DataFrame:
        return read_segments(self.path, self.columns, key=self.key, build=self.source.build)

    @cached_property
    def segments(self) -> pd.DataFrame:
        """Of all samples that belong to a patient; `sample` is the patient.

        Raises:
            FusionError: the file cannot be read, or a patient has two samples.
        """
        table = self._table
        samples = list(table["sample"].unique())
        matched, _ = self.patient_ids.map(samples)
        owners = pd.Series(matched)
        twice = sorted(set(owners[owners.duplicated()]))
        if twice:
            raise FusionError(
                f"{self.key}.file: {self.path.name} has patients with two samples ({some(twice)}). Keep one of each."
            )
        if not matched:
            raise FusionError(
                f"{self.key}: no sample of {self.path.name} ({some(samples)}) yields a patient id. "
                f"Set {self.key}.patient_pattern or sample_sheet."
            )
        known = table[table["sample"].isin(list(matched))]
        return known.assign(sample=known["sample"].map(matched)).sort_values(["sample", "contig", "start"])

    @cached_property
    def frame(self) -> pd.DataFrame:
        """(patient, feature) raw values."""
        scores = instability(self.segments)
        if self.genes is None:
            return scores
        copies = at_genes(self.segments, self._places[0]).reindex(scores.index)
        ploidy = scores.get("cna:ploidy")
        copies = against_normal(copies, self._places[0], sex=self._sex, ploidy=ploidy)
        return pd.concat([scores, copies], axis=1)

    @cached_property
    def _places(self) -> tuple[list[Place], list[str]]:
        """Genes, and what is to be said of those that are left out."""
        if self.genes is None:
            return [], []
        places = first_of_each_symbol(read_gene_places(self.genes, key=f"{self.key}.genes"))
        return kept_places(places, sex_known=self.settings.sex is not None, key=self.key)

    @property
    def _sex(self) -> dict[str, str]:
        """Patient → male or female, where known."""
        sex = self.settings.sex
        if sex is None:
            return {}
        words = dict.fromkeys(sex.male, MALE) | dict.fromkeys(sex.female, FEMALE)
        values = self.source.table(sex.table)[sex.column].dropna()
        return {str(patient): words[value] for patient, value in values.items() if value in words}

    def _sex_problems(self) -> list[str]:
        """A column that is not declared, or words that are neither."""
        sex = self.settings.sex
        if sex is None:
            return []
        declared = self.source.specs.get(sex.table)
        if declared is None or sex.column not in declared.columns:
            return [
                f"{self.key}.sex names column {sex.column!r} of table {sex.table!r}, which cohort.tables does not "
                f"declare. Declare it with its time point, or mend {self.key}.sex."
            ]
        try:
            found = self.source.table(sex.table)[sex.column].dropna()
        except FusionError:
            return []  # which the cohort itself says
        strange = found[~found.isin([*sex.male, *sex.female])]
        if strange.empty:
            return []
        words = some([repr(word) for word in strange.unique()])
        return [f"{self.key}.sex: {sex.column!r} has {words}. Add each to {self.key}.sex.male or female, or mend it."]

    @property
    def patients(self) -> frozenset[str]:
        try:
            return frozenset(map(str, self.segments["sample"].unique()))
        except FusionError:
            return frozenset()

    def quality(self) -> Sequence[Quality]:
        """Samples and segments that were read and left out, with why."""
        samples = list(dict.fromkeys(self._table["sample"]))
        matched, stray = self.patient_ids.map(samples)
        known = known_ids(self.source)
        others = sorted(name for name, patient in matched.items() if known and patient not in known)
        said = [
            f"{self.path.name}: found {len(samples)} samples, used {len(matched) - len(others)}, left out {len(names)} "
            f"because {why} ({some(names)})."
            for names, why in (
                (stray, f"{self.key}.patient_pattern or sample_sheet gives them to nobody"),
                (others, "the cohort's tables name no such patient"),
            )
            if names
        ]
        unknown = int(self._table["minor"].isna().sum()) if "minor" in self._table else 0
        counts = {
            "samples": {"read": len(samples), "kept": len(matched) - len(others), "of nobody": len(stray)},
            "segments": {"read": len(self._table), "minor copies not known": unknown},
        }
        counts["samples"]["of no patient of the tables"] = len(others)
        said += [f"{self.path.name}: {note}" for note in (*self._places[1], *self._table.attrs["notes"])]
        return [Quality(title="copy-number segments", counts=counts, folder=self.path.parent, said=tuple(said))]

    @property
    def absent(self) -> str | None:
        return None if self.path.is_file() else f"there is no file {self.path}"

    @property
    def input_files(self) -> Sequence[Path]:
        return [self.path, *([] if self.genes is None else [self.genes]), *self.patient_ids.files]

    def check(self) -> list[str]:
        problems = self.patient_ids.check(key=self.key)
        if not self.path.is_file():
            problems.append(f"{self.key}.file: there is no file {self.path}. Mend {self.key}.file or cohort.root.")
        if self.genes is not None and not self.genes.is_file():
            problems.append(f"{self.key}.genes: there is no file {self.genes}. Mend it, or set it to null.")
        problems += self._sex_problems()
        if problems:
            return problems
        try:
            _ = self.frame
        except FusionError as error:
            return [str(error)]
        return []

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedSelected:
        """Select and scale on the training patients who have segments.

        Raises:
            FusionError: none of them has, or nothing passes the filters.
        """
        rows = [at for at, patient in enumerate(train_ids) if patient in self.frame.index]
        if not rows:
            raise FusionError(f"{self.key}: none of {len(train_ids)} training patients has copy-number segments.")
        measured = self.frame.loc[[train_ids[at] for at in rows]]
        features, ranking = choose(
            measured,
            np.asarray(labels)[rows],
            key=self.key,
            keep=self.settings.keep,
            selector=self.selector,
            describe=self._describe,
        )
        return self._fitted(features, ranking)

    def restore(self, state: State) -> FittedSelected:
        features = features_of(state)
        lacking = [feature.name for feature in features if feature.name not in self.frame]
        if lacking:
            raise FusionError(
                f"{self.key}: the model was trained with {some(lacking)}, which this cohort's segments do not give. "
                f"Set {self.key}.genes and columns as in training."
            )
        return self._fitted(features, ranking_of(state))

    def _fitted(self, features: tuple[FeatureSpec, ...], ranking: pd.DataFrame) -> FittedSelected:
        spec = ModalitySpec(name=self.name, kind="variants", features=features)
        return FittedSelected(spec, raw=self.frame, ranking=ranking)

    def _describe(self, feature: str) -> FeatureSpec:
        if feature in SCORES:
            unit = {"cna:ploidy": "copies", "cna:segments": "n"}.get(feature, "share")
            kind = "count" if feature == "cna:segments" else "copy_number"
            return FeatureSpec(name=feature, kind=kind, label=SCORES[feature], unit=unit)  # type: ignore[arg-type]
        gene = feature.removeprefix("cn:")
        unit = "log2 ratio" if "log2" in self.columns else "copies less ploidy"
        return FeatureSpec(name=feature, kind="copy_number", label=f"{gene}: copy number", gene=gene, unit=unit)
