r"""Genes of a wide table as scores of gene sets; what standardises them is learned of training patients alone.

``mean``: the mean of a set's genes in their training standard deviations, as Lee et al. have it (PLoS Comput Biol
4:e1000217, 2008), without their search for subsets. ``ssgsea``: single-sample enrichment (Barbie et al., Nature
462:108–112, 2009), which compares a patient's genes with one another only: with :math:`r_j` the rank of gene *j* in the
patient, 1 the lowest, :math:`\sum_{j \in S} r_j^{1 + \alpha} / \sum_{j \in S} r_j^\alpha - \sum_{j \notin S} r_j /
(N - |S|)` and :math:`\alpha = 1/4`: their sum over the ordered genes of the difference of two cumulative shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from data_modules.learned.scaling import varies
from fusion.contract import FeatureSpec, State

Floats = NDArray[np.float64]
Score = Literal["mean", "ssgsea"]
_ALPHA = 0.25
_STATE = "pathways."


@dataclass(frozen=True, kw_only=True)
class Pathways:
    """Scores of gene sets, standardised.

    Attributes:
        score: ``mean`` or ``ssgsea``.
        names: of the sets, in the order of their file.
        columns: of the table that are read.
        members: ``(set, column)`` which of them are of which set.
        fill: ``(column,)`` training median that replaces a missing value,
        center: ``(column,)`` training mean, and
        scale: ``(column,)`` training standard deviation.
        clip: beyond which scaled values and scores are cut; infinite for never.
        middle: ``(set,)`` training mean of the raw scores, and
        spread: ``(set,)`` their training standard deviation.
    """

    score: Score
    names: tuple[str, ...]
    columns: tuple[str, ...]
    members: NDArray[np.bool_]
    fill: Floats
    center: Floats
    scale: Floats
    clip: float
    middle: Floats
    spread: Floats

    def transform(self, frame: pd.DataFrame) -> Floats:
        """``(patient, set)`` standardised, nothing missing."""
        scores = (self._raw(frame) - self.middle) / self.spread
        return np.clip(scores, -self.clip, self.clip)

    def _raw(self, frame: pd.DataFrame) -> Floats:
        raw = frame[list(self.columns)].to_numpy(dtype=np.float64)
        whole = np.where(np.isnan(raw), self.fill, raw)
        inside = self.members.T.astype(np.float64)
        number = inside.sum(axis=0)
        if self.score == "mean":
            scaled = np.clip((whole - self.center) / self.scale, -self.clip, self.clip)
            return np.asarray(scaled @ inside / number, dtype=np.float64)
        ranks = rankdata(whole, axis=1)
        weight = ranks**_ALPHA
        others = ranks.sum(axis=1, keepdims=True) - ranks @ inside
        # A set of all columns has no others, and says nothing of a patient.
        beyond = others / np.maximum(len(self.columns) - number, 1)
        return np.asarray((ranks * weight) @ inside / (weight @ inside) - beyond, dtype=np.float64)

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        """One a set."""
        return tuple(
            FeatureSpec(
                name=name, kind="column", label=f"{name.replace('_', ' ')} ({number} genes)",
                center=float(middle), scale=float(spread),
            )
            for name, number, middle, spread in zip(
                self.names, self.members.sum(axis=1), self.middle, self.spread, strict=True
            )
        )  # fmt: skip

    def state(self) -> State:
        """Everything it learned, the sets included."""
        arrays = {name: getattr(self, name) for name in ("fill", "center", "scale", "middle", "spread")}
        arrays["members"] = self.members.astype(np.uint8)
        config = {"score": self.score, "names": list(self.names), "columns": list(self.columns), "clip": str(self.clip)}
        return State(config=config, arrays={f"{_STATE}{name}": part for name, part in arrays.items()})

    @classmethod
    def restore(cls, state: State) -> Pathways:
        """The inverse of `state`; other arrays are ignored."""
        arrays = {name.removeprefix(_STATE): part for name, part in state.arrays.items() if name.startswith(_STATE)}
        return cls(
            score=state.config["score"],
            names=tuple(state.config["names"]),
            columns=tuple(state.config["columns"]),
            clip=float(state.config["clip"]),
            members=arrays.pop("members").astype(np.bool_),
            **{name: np.asarray(part, dtype=np.float64) for name, part in arrays.items()},
        )


def usable(sets: Mapping[str, Sequence[str]], columns: Sequence[str], least: int) -> dict[str, tuple[str, ...]]:
    """Sets of which the table has `least` genes or more, but not only they, with these genes."""
    have = set(columns)
    found = {name: tuple(gene for gene in dict.fromkeys(genes) if gene in have) for name, genes in sets.items()}
    return {name: genes for name, genes in found.items() if least <= len(genes) < len(have)}


def fit_pathways(
    train: pd.DataFrame, sets: Mapping[str, Sequence[str]], *, score: Score, least: int, clip: float | None
) -> Pathways:
    """Learn a `Pathways`; columns that are constant or all missing in `train` are left out, and sets that lose by it.

    Args:
        train: ``(patient, column)``, training patients only; columns are genes.
        sets: name → genes.
        score: ``mean`` or ``ssgsea``.
        least: genes that a set must have among the columns.
        clip: standard deviations beyond which values are cut; None cuts none.
    """
    known = train.loc[:, varies(train.to_numpy(dtype=np.float64), train.std(ddof=0).fillna(0.0).to_numpy())]
    chosen = usable(sets, list(known.columns), least)
    # Of means only members count; ranks are among all columns.
    inside = {gene for genes in chosen.values() for gene in genes}
    columns = [name for name in known.columns if score == "ssgsea" or name in inside]
    raw = known[columns].to_numpy(dtype=np.float64)
    fill = np.nanmedian(raw, axis=0) if len(columns) else np.zeros(0)
    whole = np.where(np.isnan(raw), fill, raw)
    place = {name: at for at, name in enumerate(columns)}
    members = np.zeros((len(chosen), len(columns)), dtype=np.bool_)
    for row, genes in enumerate(chosen.values()):
        members[row, [place[gene] for gene in genes]] = True
    none = np.zeros(len(chosen))
    made = Pathways(
        score=score, names=tuple(chosen), columns=tuple(columns), members=members, fill=fill,
        center=whole.mean(axis=0), scale=whole.std(axis=0), clip=np.inf if clip is None else clip,
        middle=none, spread=none + 1,
    )  # fmt: skip
    scores = made._raw(train)
    spread = scores.std(axis=0)
    return replace(made, middle=scores.mean(axis=0), spread=np.where(spread > 1e-12, spread, 1.0))
