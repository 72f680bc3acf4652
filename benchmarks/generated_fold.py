"""A generated cohort through the package's own protocol, in memory: what `fit_fold` would do of its files.

Configuration, modalities, arms and scores are the package's; only files and their reading are left out. Every arm that
`arms` names is fitted on the cohort's patients and scores the fresh ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from generated_cohorts import Bags, Columns, Generated
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype
from sklearn.metrics import roc_auc_score

from data_modules.batches.datamodule import FusionDataModule
from data_modules.columns import Column
from data_modules.folds.draw import make_folds
from data_modules.modalities.base import BaseFitted, BaseModality
from data_modules.modalities.tables.features import Features
from data_modules.modalities.tables.table import Table
from fusion.contract import EndpointSpec, Fold, Item, ModalitySpec, State, Therapy
from fusion.protocol.crossval import fit_fold

ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
_READERS = {
    "table": "data_modules.modalities.tables.table.Table",
    "features": "data_modules.modalities.tables.features.Features",
    "tile_features": "data_modules.modalities.slides.tile_features.TileFeatures",
}


class HeldTable(Table):
    """A table of declared columns that is there already."""

    def __init__(self, name: str, frame: pd.DataFrame, source: Any) -> None:
        super().__init__(name=name, source=source, table=name)
        text = {column for column in frame if not is_numeric_dtype(frame[column])}
        self.__dict__["frame"] = frame[frame.notna().any(axis=1)]
        self.__dict__["columns"] = [
            Column(name=column, time="baseline", kind="category" if column in text else "number", label=column)
            for column in frame
        ]


class HeldFeatures(Features):
    """A wide file of numbers that is read already."""

    def __init__(self, name: str, frame: pd.DataFrame, source: Any, **settings: Any) -> None:
        super().__init__(name=name, source=source, file=f"{name}.csv", time="baseline", **settings)
        self.__dict__["frame"] = frame


class HeldBags(BaseModality):
    """Tiles' features in memory."""

    def __init__(self, name: str, bags: Bags, patients: Sequence[str], source: Any) -> None:
        super().__init__(name=name, source=source)
        self.bags = bags
        self.rows = {patient: row for row, patient in enumerate(patients) if bags.present[row]}

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self.rows)

    def check(self) -> list[str]:
        return []

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedBags:
        return FittedBags(self)

    def restore(self, state: State) -> FittedBags:
        return FittedBags(self)


class FittedBags(BaseFitted):
    """Nothing is learned; classical arms get each number's mean and spread over tiles, as of features on disk."""

    def __init__(self, modality: HeldBags) -> None:
        super().__init__(ModalitySpec(name=modality.name, kind="embeddings", token_shape=modality.bags.tiles.shape[2:]))
        self._modality = modality

    def load(self, patient_id: str) -> Item | None:
        row = self._modality.rows.get(patient_id)
        if row is None:
            return None
        tiles = self._modality.bags.tiles[row]
        return Item(values=tiles, mask=np.ones(len(tiles), dtype=np.bool_))

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        tiles = self._modality.bags.tiles
        both = np.concatenate([tiles.mean(axis=1), tiles.std(axis=1)], axis=1).astype(np.float64)
        names = [f"{part}_{number}" for part in ("mean", "std") for number in range(tiles.shape[2])]
        rows = [self._modality.rows.get(patient, -1) for patient in patient_ids]
        values = np.where(np.array(rows)[:, None] < 0, np.nan, both[rows])
        return pd.DataFrame(values, index=pd.Index(list(patient_ids), name="patient_id"), columns=names)

    def state(self) -> State:
        return State(config={}, arrays={})


class Loaders(FusionDataModule):
    """The package's loaders; thousands of patients are predicted in larger batches, which changes no score."""

    def predict_loader(self, patient_ids: Sequence[str]) -> Any:
        if len(patient_ids) < 2000:
            return super().predict_loader(patient_ids)
        size, self._batch_size = self._batch_size, 250
        try:
            return super().predict_loader(patient_ids)
        finally:
            self._batch_size = size


def configuration(cohort: Generated, *overrides: str) -> Any:
    """What ``python -m fusion.train cohort=<it>`` would be configured with, by the preset ``general``."""
    from omegaconf import open_dict

    from fusion.config.compose import composed

    lines = ["# @package _global_", "defaults:"]
    kinds = {name: _reader(part) for name, part in cohort.modalities.items()}
    lines += [f"  - /modality@modality.{name}: {kind}" for name, kind in kinds.items()]
    lines += [
        "cohort:",
        "  _target_: data_modules.cohort.source.CohortSource",
        f"  name: {cohort.name}",
        "  root: none",
    ]
    lines += ["  tables: {}", "  endpoints: {}", ""]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cohort").mkdir()
        (Path(folder) / "cohort" / f"{cohort.name}.yaml").write_text("\n".join(lines))
        given = [
            f"cohort={cohort.name}",
            f"seed={cohort.seed}",
            "device=cpu",
            "evaluation.audit=false",
            *overrides,
        ]
        config = composed("train", given, Path(folder))
    with open_dict(config):
        config.datamodule["_target_"] = f"{__name__}.Loaders"
    return config


def modalities_of(cohort: Generated, config: Any) -> dict[str, BaseModality]:
    """The cohort's modalities, unfitted."""
    source: Any = SimpleNamespace(name=cohort.name, root=Path("none"), cache=Path("none"), specs={})
    patients = [*cohort.train, *cohort.fresh]
    made: dict[str, BaseModality] = {}
    for name, part in cohort.modalities.items():
        if isinstance(part, Bags):
            made[name] = HeldBags(name, part, patients, source)
        elif part.wide:
            chosen = {key: config.modality[name].get(key) for key in ("clip", "screen", "components")}
            made[name] = HeldFeatures(name, part.frame, source, **chosen)
        else:
            made[name] = HeldTable(name, part.frame, source)
    return made


def run_fresh(cohort: Generated, config: Any) -> dict[str, float]:
    """Arm → AUROC on the fresh patients, of arms fitted on all others."""
    scores, _ = _fit(cohort, config, [_whole(cohort, config)])
    labels = cohort.labels.loc[list(cohort.fresh)].to_numpy(np.float64)
    return {
        str(arm): float(roc_auc_score(labels, rows.set_index("patient_id")["score"].loc[list(cohort.fresh)].to_numpy()))
        for arm, rows in scores.groupby("arm", sort=False)
    }


def run_folds(cohort: Generated, config: Any, outer: int) -> str:
    """The verdict of a run with so many outer folds over the cohort's own patients; fresh ones take no part."""
    from fusion.evaluation.evaluate import evaluate

    own = _of_train(cohort)
    folds = make_folds(own, outer=outer, inner=int(config.folds.inner), seed=cohort.seed, site="ignore")
    scores, names = _fit(cohort, config, folds)
    record = evaluate(
        scores, draws=int(config.evaluation.draws), seed=cohort.seed, simulated=True, modalities=len(names)
    )
    return str(record["verdict"]["status"])


def _reader(part: Columns | Bags) -> str:
    if isinstance(part, Bags):
        return "tile_features"
    return "features" if part.wide else "table"


def _of_train(cohort: Generated) -> Any:
    """The cohort as the protocol knows it, without the fresh patients."""
    return SimpleNamespace(
        spec=SimpleNamespace(name=cohort.name, endpoint=ENDPOINT),
        patient_ids=cohort.train,
        labels=cohort.labels.loc[list(cohort.train)],
        times=None,
        entry=None,
        sites=None,
        groups=None,
    )


def _source(cohort: Generated) -> Any:
    """What declares the therapy of a cohort that has one."""
    arms = cohort.modalities.get("treatment")
    if not isinstance(arms, Columns):
        return None
    strata = pd.Series("all patients", index=arms.frame.index)
    therapy = Therapy(
        regimens=arms.frame["arm"], strata=strata, by=(), table="treatment", columns=("arm",), control=(),
        min_patients=10,
    )  # fmt: skip
    return SimpleNamespace(therapy=lambda patients: therapy)


def _whole(cohort: Generated, config: Any) -> Fold:
    """One fold whose training part is everybody and whose test part are the fresh patients."""
    # Inner folds as the package draws them: those of a cohort that is split in two, and the other way about.
    inner = make_folds(_of_train(cohort), outer=int(config.folds.inner), inner=2, seed=cohort.seed, site="ignore")
    from fusion.contract import InnerFold

    return Fold(
        repeat=0,
        index=0,
        train=cohort.train,
        test=cohort.fresh,
        inner=tuple(InnerFold(train=fold.train, val=fold.test) for fold in inner),
    )


def _fit(cohort: Generated, config: Any, folds: Sequence[Fold]) -> tuple[pd.DataFrame, Sequence[str]]:
    """Out-of-fold scores of every arm, and the modalities' names."""
    modalities = modalities_of(cohort, config)
    known: Mapping[str, Any] = {
        "labels": cohort.labels,
        "times": None,
        "entry": None,
        "patient_ids": tuple(cohort.labels.index),
    }
    known = {**known, "sites": None, "groups": None, "alone": (), "secondary": {}}
    whole = SimpleNamespace(spec=SimpleNamespace(name=cohort.name, endpoint=ENDPOINT), **known)
    setup: Any = SimpleNamespace(cohort=whole, modalities=modalities, readings={}, source=_source(cohort))
    torch.set_num_threads(1)
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for fold in folds:
            result = fit_fold(config, setup, fold, Path(folder) / fold.name, lambda: None)
            parts.append(result.predictions)
    return pd.concat(parts, ignore_index=True), list(modalities)
