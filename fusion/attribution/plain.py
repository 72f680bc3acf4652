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
from fusion.attribution.baselines import Baseline, numbers_baseline
from fusion.attribution.genes import GeneSum, gene_sums
from fusion.attribution.members import NUMBERS, Inputs
from fusion.contract import ModalitySpec
from fusion.plain.contrast import contrasted

if TYPE_CHECKING:
    from fusion.apply.trained import Member
    from fusion.attribution.scales.base import Scale
    from fusion.plain.base import Plain


class ExplainedPlain:
    """The plain model of a fold; what `fusion.attribution.rows` asks of a member, it answers too.

    `specs`, `sums`, `baselines` and `load` are of modalities of named numbers; of tiles and volumes it reads what their
    table holds, pooled over the patient's tokens.

    Args:
        member: any of the fold, which knows it.
        train_ids: all training patients of the fold.
        scale: on which it is explained; None: logits are as they are.
    """

    def __init__(self, member: Member, train_ids: Sequence[str], *, scale: Scale | None = None) -> None:
        assert member.base is not None, "the arm starts from a plain model"
        contrast = None if scale is None else scale.contrast
        self.model: Plain = member.base if contrast is None else contrasted(member.base, contrast)
        self.fitted = member.base_fitted
        self._train_ids = train_ids

    @cached_property
    def specs(self) -> dict[str, ModalitySpec]:
        """Modality of named numbers → its columns."""
        return {name: part.spec for name, part in self.fitted.items() if part.spec.kind in NUMBERS}

    @cached_property
    def sums(self) -> dict[str, dict[int, GeneSum]]:
        """Modality → position of a column that is a sum over genes → its summands."""
        return {name: gene_sums(self.fitted[name]) for name in self.specs}

    @cached_property
    def baselines(self) -> dict[str, Baseline]:
        """Modality → training means."""
        return {name: numbers_baseline(self.fitted[name], self.sums[name], self._train_ids) for name in self.specs}

    @cached_property
    def pooled(self) -> pd.Series[float]:
        """``modality:column`` → training mean, of what is pooled over tokens and has names."""
        parts = {name: part for name, part in self.fitted.items() if part.spec.kind not in (*NUMBERS, "embeddings")}
        return features(parts, self._train_ids).mean()

    def load(self, patient: str) -> Inputs:
        """The patient's numbers as the plain model reads them."""
        items = {name: self.fitted[name].load(patient) for name in self.specs}
        tokens, masks = {}, {}
        for name, item in items.items():
            shape = (1, len(self.specs[name].features))
            tokens[name], masks[name] = torch.zeros(shape), torch.zeros(shape, dtype=torch.bool)
            if item is not None:
                tokens[name][0] = torch.from_numpy(np.where(item.mask, item.values, 0))
                masks[name][0] = torch.from_numpy(item.mask)
        return Inputs(tokens=tokens, masks=masks, items=items, patient=patient)

    def terms(self, patient: str) -> pd.DataFrame:
        """One row a column that the plain model may read, in their order; with `reference` the terms add up to it.

        Returns:
            Columns `modality`, `column`, `value`, as the table has it, NaN where missing, and `term`, its part
            of the log-odds before calibration.
        """
        rows = features(self.fitted, [patient])
        named = rows.columns.str.split(":", n=1)
        found = self.model.terms(rows).iloc[0].reindex(rows.columns).fillna(0.0)
        values, terms = (part.to_numpy(dtype=np.float64) for part in (rows.iloc[0], found))
        return pd.DataFrame({"modality": named.str[0], "column": named.str[1], "value": values, "term": terms})

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
