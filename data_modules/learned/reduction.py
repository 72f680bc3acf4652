"""A wide table reduced by training patients alone: imputed, scaled, cut, screened, projected, read by gene sets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modules.learned.elsewhere import elsewhere
from data_modules.learned.pathways import Pathways, fit_pathways
from data_modules.learned.scaling import varies
from data_modules.learned.settings import ReductionSettings
from fusion.contract import FeatureSpec, State

Floats = NDArray[np.float64]
_NAMED = 2
"""Columns named in the label of a principal component."""


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """What training patients taught of a wide table.

    Attributes:
        columns: kept columns, in the order of the file.
        fill: (column,) median that replaces a missing value,
        center: (column,) subtracted from,
        scale: (column,) then divided into it.
        clip: beyond which scaled values are cut; infinite for never.
        loadings: (component, column), each divided by its component's standard deviation; None without projection.
        ranking: feature, gene, rank, selected over all columns of the file.
        pathways: scores of gene sets, which come after; None without any.
    """

    columns: tuple[str, ...]
    fill: Floats
    center: Floats
    scale: Floats
    clip: float
    loadings: Floats | None
    ranking: pd.DataFrame
    pathways: Pathways | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that are read."""
        of_sets = () if self.pathways is None else self.pathways.columns
        return tuple(dict.fromkeys((*self.columns, *of_sets)))

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """(patient, feature), nothing missing."""
        raw = frame[list(self.columns)].to_numpy(dtype=np.float64)
        scaled = (np.where(np.isnan(raw), self.fill, raw) - self.center) / self.scale
        scaled = np.clip(scaled, -self.clip, self.clip)
        reduced = scaled if self.loadings is None else scaled @ self.loadings.T
        if self.pathways is not None:
            reduced = np.hstack([reduced, self.pathways.transform(frame)])
        return reduced.astype(np.float32)

    def elsewhere(self, frame: pd.DataFrame) -> float:
        """Share of the columns that are on another scale in `frame` than in training."""
        have = [at for at, name in enumerate(self.columns) if name in frame]
        if not have or frame.empty:
            return 0.0
        raw = frame[[self.columns[at] for at in have]].to_numpy(dtype=np.float64)
        return float(elsewhere((raw - self.center[have]) / self.scale[have]).mean())

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        """One a number that comes out."""
        return (*self._own, *(() if self.pathways is None else self.pathways.features))

    @property
    def _own(self) -> tuple[FeatureSpec, ...]:
        if self.loadings is None:
            return tuple(
                FeatureSpec(name=name, kind="column", label=readable(name), center=float(center), scale=float(scale))
                for name, center, scale in zip(self.columns, self.center, self.scale, strict=True)
            )
        return tuple(
            FeatureSpec(name=f"component {number}", kind="column", label=f"component {number}: {self._main(weights)}")
            for number, weights in enumerate(self.loadings, start=1)
        )

    def _main(self, weights: Floats) -> str:
        """The columns that weigh most, with their sign."""
        heaviest = np.argsort(-np.abs(weights))[:_NAMED]
        return ", ".join(f"{'+' if weights[at] > 0 else '−'} {readable(self.columns[at])}" for at in heaviest)

    def state(self) -> State:
        """Everything it learned."""
        arrays: dict[str, NDArray[Any]] = {"fill": self.fill, "center": self.center, "scale": self.scale}
        if self.loadings is not None:
            arrays["loadings"] = self.loadings
        ranking = {name: self.ranking[name].tolist() for name in ("feature", "rank", "selected")}
        config: dict[str, Any] = {"columns": list(self.columns), "clip": str(self.clip), "ranking": ranking}
        if self.pathways is not None:
            of_sets = self.pathways.state()
            config["pathways"], arrays = of_sets.config, {**arrays, **of_sets.arrays}
        return State(config=config, arrays=arrays)

    @classmethod
    def restore(cls, state: State) -> Reduction:
        """The inverse of `state`."""
        ranking = pd.DataFrame(state.config["ranking"]).assign(gene=None)
        return cls(
            columns=tuple(state.config["columns"]),
            clip=float(state.config["clip"]),
            loadings=state.arrays.get("loadings"),
            ranking=ranking[["feature", "gene", "rank", "selected"]],
            pathways=Pathways.restore(State(config=state.config["pathways"], arrays=state.arrays))
            if "pathways" in state.config
            else None,
            **{name: np.asarray(state.arrays[name], dtype=np.float64) for name in ("fill", "center", "scale")},
        )


def fit_reduction(
    train: pd.DataFrame,
    y: NDArray[np.int64],
    settings: ReductionSettings,
    sets: Mapping[str, Sequence[str]] | None = None,
) -> Reduction:
    """Learn a `Reduction`; columns that are constant but for rounding, or all missing, in `train` are left out.

    Args:
        train: (patient, column), training patients only.
        y: (patient,) 0/1, for the screening.
        settings: what to do.
        sets: name → genes, where `settings` has pathways.
    """
    if settings.pathways is None:
        return _fit_columns(train, y, settings)
    of_sets, clip = settings.pathways, settings.clip
    pathways = fit_pathways(train, sets or {}, score=of_sets.score, least=of_sets.least, clip=clip)
    if settings.components is not None:
        return replace(_fit_columns(train, y, settings), pathways=pathways)
    nothing = np.zeros(0)
    ranking = pd.DataFrame({"feature": train.columns, "gene": None, "rank": 1, "selected": True})
    return Reduction(
        columns=(), fill=nothing, center=nothing, scale=nothing, clip=np.inf, loadings=None, ranking=ranking,
        pathways=pathways,
    )  # fmt: skip


def _fit_columns(train: pd.DataFrame, y: NDArray[np.int64], settings: ReductionSettings) -> Reduction:
    from sklearn.feature_selection import f_classif

    known = train.loc[:, varies(train.to_numpy(dtype=np.float64), train.std(ddof=0).fillna(0.0).to_numpy())]
    raw = known.to_numpy(dtype=np.float64)
    fill = np.nanmedian(raw, axis=0)
    whole = np.where(np.isnan(raw), fill, raw)
    center, scale = whole.mean(axis=0), whole.std(axis=0)
    clip = np.inf if settings.clip is None else settings.clip
    scaled = np.clip((whole - center) / scale, -clip, clip)
    order = np.arange(scaled.shape[1])
    if settings.screen is not None and settings.screen < len(order):
        with np.errstate(divide="ignore", invalid="ignore"):
            order = np.argsort(-np.nan_to_num(f_classif(scaled, y)[0]), kind="stable")
    kept = np.sort(order[: settings.screen])
    rank = pd.Series(2, index=train.columns)
    rank[known.columns[kept]] = 1
    return Reduction(
        columns=tuple(known.columns[kept]),
        fill=fill[kept],
        center=center[kept],
        scale=scale[kept],
        clip=clip,
        loadings=_loadings(scaled[:, kept], settings.components),
        ranking=pd.DataFrame(
            {"feature": train.columns, "gene": None, "rank": rank.to_numpy(), "selected": rank.to_numpy() == 1}
        ),
    )


def _loadings(scaled: Floats, components: int | None) -> Floats | None:
    """Principal axes over their standard deviations, the sign such that the heaviest weight is positive."""
    if components is None:
        return None
    count = min(components, *scaled.shape)
    _, spread, axes = np.linalg.svd(scaled - scaled.mean(axis=0), full_matrices=False)
    # Beyond the rank (as `numpy.linalg.matrix_rank` has it) directions are rounding, and their spread no divisor.
    rank = int((spread > spread.max(initial=0.0) * max(scaled.shape) * np.finfo(np.float64).eps).sum())
    axes, deviation = axes[: min(count, rank)], spread[: min(count, rank)] / np.sqrt(len(scaled))
    sign = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return np.asarray(axes * (sign / deviation)[:, None], dtype=np.float64)


def readable(column: str) -> str:
    """``AREA..MM2..OF..TUMOR_HE`` → ``AREA MM2 OF TUMOR HE``."""
    return re.sub(r"[._]+", " ", column).strip()
