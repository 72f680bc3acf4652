"""The plain model that a fold's members add to, explained beside them: its terms are exact, so nothing is integrated.

A linear model's part of a column is the coefficient times the distance from the training mean, which is the Shapley
value of independent columns and what integrated gradients give as well. It reads the columns as fitted on all training
patients of the fold, while each member reads its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from fusion.arms.classical import features
from fusion.attribution.genes import GeneSum, gene_sums
from fusion.attribution.members import Baseline, Inputs, numbers_baseline
from fusion.contract import ModalitySpec

if TYPE_CHECKING:
    from fusion.apply.trained import Member
    from fusion.plain.base import Plain


class ExplainedPlain:
    """The plain model of a fold; what `fusion.attribution.rows` asks of a member, it answers too.

    Args:
        member: any of the fold, which knows it.
        train_ids: all training patients of the fold.
    """

    def __init__(self, member: Member, train_ids: Sequence[str]) -> None:
        assert member.base is not None, "the arm starts from a plain model"
        self.model: Plain = member.base
        self.fitted = member.base_fitted
        self._train_ids = train_ids

    @cached_property
    def specs(self) -> dict[str, ModalitySpec]:
        """Modality → its columns."""
        return {name: part.spec for name, part in self.fitted.items()}

    @cached_property
    def sums(self) -> dict[str, dict[int, GeneSum]]:
        """Modality → position of a column that is a sum over genes → its summands."""
        return {name: gene_sums(part) for name, part in self.fitted.items()}

    @cached_property
    def baselines(self) -> dict[str, Baseline]:
        """Modality → training means."""
        return {name: numbers_baseline(part, self.sums[name], self._train_ids) for name, part in self.fitted.items()}

    def load(self, patient: str) -> Inputs:
        """The patient's numbers as the plain model reads them."""
        items = {name: part.load(patient) for name, part in self.fitted.items()}
        tokens, masks = {}, {}
        for name, item in items.items():
            shape = (1, len(self.specs[name].features))
            tokens[name], masks[name] = torch.zeros(shape), torch.zeros(shape, dtype=torch.bool)
            if item is not None:
                tokens[name][0] = torch.from_numpy(np.where(item.mask, item.values, 0))
                masks[name][0] = torch.from_numpy(item.mask)
        return Inputs(tokens=tokens, masks=masks, items=items, patient=patient)

    def terms(self, patient: str) -> dict[str, NDArray[np.float64]]:
        """Modality → ``(feature,)`` parts of the log-odds before calibration; with `reference` they add up to it."""
        found = self.model.terms(features(self.fitted, [patient])).iloc[0]
        return {
            name: found.reindex([f"{name}:{one.name}" for one in spec.features]).fillna(0.0).to_numpy(dtype=np.float64)
            for name, spec in self.specs.items()
        }

    def without(self, patient: str, subsets: Iterable[frozenset[str]]) -> NDArray[np.float64]:
        """``(subset,)`` log-odds before calibration of the patient with the modalities of each subset alone."""
        row = features(self.fitted, [patient])
        modality = row.columns.str.split(":", n=1).str[0]
        return self._logits([row.where(modality.isin(list(subset))[None]) for subset in subsets])

    def moved(self, patient: str, name: str, taken: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(version,)`` log-odds before calibration, after ``(version, feature)`` is taken from a modality."""
        row = features(self.fitted, [patient])
        columns = [f"{name}:{feature.name}" for feature in self.specs[name].features]
        rows = pd.concat([row] * len(taken), ignore_index=True)
        rows[columns] = rows[columns].to_numpy() - taken
        return self._logits([rows])

    def _logits(self, rows: Sequence[pd.DataFrame]) -> NDArray[np.float64]:
        return self.model.logits(pd.concat(rows, ignore_index=True)) if rows else np.zeros(0)
