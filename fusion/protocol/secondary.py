"""Secondary endpoints in the protocol: who trains them, what arms say of them out of fold, and how that is judged.

They share folds, modalities and networks with the primary endpoint, and decide nothing. A patient who lacks the primary
label trains in every fold and is tested in none; one who lacks a secondary label is not judged by that endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import ROLE, Cohort, CohortSpec, Fold, FusionError

if TYPE_CHECKING:
    import pandas as pd

    from fusion.arms.base import Arm, ArmScores, FoldData

GATE = "gate_"
"""Before columns of secondary.parquet that tell of a fold's gate, as inner.parquet has them of the primary endpoint."""

KEYS = ("patient_id", "arm", "repeat", "fold", "endpoint", "label", "threshold", "group")
"""Columns of secondary.parquet that every endpoint has; those of scores are its own."""


def trained_alone(cohort: Cohort, fold: Fold, groups: pd.Series[Any]) -> list[tuple[str, ...]]:
    """Of each inner fold, patients without the primary label whom its networks train on.

    Args:
        cohort: reconciled.
        fold: the outer fold.
        groups: index patient_id, of them too: whom folds keep together. Who is held together with a patient of the
            test or the validation part is left out.
    """

    def of(held: Sequence[str]) -> tuple[str, ...]:
        names = set(groups.loc[list(held)].dropna())
        return tuple(patient for patient in cohort.alone if groups.loc[patient] not in names)

    return [of([*fold.test, *inner.val]) for inner in fold.inner]


def check_folds(cohort: Cohort, folds: Sequence[Fold]) -> None:
    """Refuse folds of which some part cannot train or judge a secondary endpoint.

    Raises:
        FusionError: naming the endpoint, the fold and the class.
    """
    for name, one in cohort.secondary.items():
        classes, labels = one.endpoint.classes, one.labels

        def lacking(patients: Sequence[str], labels: Any = labels, needed: Any = one.endpoint.needed) -> list[int]:
            there = set(labels.loc[list(patients)].tolist())
            return [label for label in needed if label not in there]

        for fold in folds:
            parts = {f"inner fold {number}, training": part.train for number, part in enumerate(fold.inner)}
            for where, patients in {**parts, "test": fold.test}.items():
                absent = [classes[label] for label in lacking(patients)]
                if where == "test":  # of a rare class one fold may have none, but of none it can say nothing
                    absent = absent if len(absent) == len(one.endpoint.needed) else []
                if absent:
                    raise FusionError(
                        f"endpoint {name} (secondary): {fold.name}, {where}, has no patient who is "
                        f"{', '.join(map(repr, absent))}. Lower folds.outer or folds.inner, collapse classes of "
                        f"cohort.endpoints.{name}, or take {name} out of endpoint."
                    )


def plain_arms(config: Any, data: FoldData) -> list[Arm]:
    """Classical arms for a secondary endpoint: what `arms` lists, and what stands in for it by its kind."""
    from fusion.arms.plan import OF_KIND
    from fusion.arms.plan import plain_arms as listed_arms

    kind = data.endpoint.kind
    listed = [name for name in data.outcome.arms(list(config.arms)) if OF_KIND.get(name, kind) == kind]
    return listed_arms(config, listed, list(data.whole))


def predicted(
    config: Any,
    cohort: Cohort,
    data: FoldData,
    scores: Mapping[str, ArmScores],
    groups: pd.Series[Any],
    *,
    entering: Callable[[str], None],
    folder: Path | None,
) -> pd.DataFrame:
    """Out-of-fold scores of every secondary endpoint, one below the other; empty where there is none.

    Args:
        config: of the run.
        cohort: whose labels are joined.
        data: the fold.
        scores: arm → what it says of the primary endpoint and, where it is a network, of the others.
        groups: index patient_id: whom folds keep together.
        entering: told of each part of the work before it begins.
        folder: of the fold, where arms that are fitted for such an endpoint alone are kept; None keeps nothing.
    """
    import pandas as pd

    from fusion.arms.base import BASE, FUSION, secondary_place
    from fusion.arms.combined import combined
    from fusion.protocol.tables import out_of_fold

    parts = []
    for number, (name, one) in enumerate(cohort.secondary.items()):
        entering(f"secondary endpoint {name}")
        place = None if folder is None else folder / secondary_place(number)
        seen = data.beside(name)
        arms = {arm: found.secondary[name] for arm, found in scores.items() if name in found.secondary}
        fused = arms.get(FUSION)
        if fused is not None and fused.base is not None:
            arms[BASE] = fused.base
        for arm in plain_arms(config, seen):
            arms[arm.name] = arm.fit(seen, None if place is None else place / arm.name, lambda: None)
        arms |= combined(config.arms, seen, arms, list(seen.whole), place)
        table = out_of_fold(seen, arms, labels=one.labels, times=one.times, groups=groups, entry=one.entry)
        if fused is not None and fused.gate is not None:
            for key, value in asdict(fused.gate).items():
                table.loc[table["arm"] == FUSION, f"{GATE}{key}"] = value
        parts.append(table)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def judged(
    config: Any, spec: CohortSpec, table: pd.DataFrame, *, modalities: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """The part ``secondary`` of metrics.json: by endpoint what metrics.json is for the primary one, and its role.

    Args:
        config: of the run; a margin of non-inferiority is the primary endpoint's alone.
        spec: of the cohort.
        table: what `predicted` gave for all folds.
        modalities: how many there are.
    """
    from fusion.evaluation.outcome import outcome_of
    from fusion.evaluation.start import with_start

    found = {}
    for endpoint in spec.secondary:
        outcome = outcome_of(endpoint)
        rows = table[table["endpoint"] == endpoint.name]
        # Columns of the other endpoints' scores and times are empty here.
        own = [*KEYS, *outcome.names, *(one for one in ("time", "entry") if one in rows and rows[one].notna().all())]
        rows = rows[own].reset_index(drop=True)
        content = outcome.evaluate(
            rows, draws=config.evaluation.draws, seed=config.seed, simulated=spec.simulated, modalities=modalities
        )
        gates = [column for column in table if str(column).startswith(GATE)]
        start = table.loc[table["endpoint"] == endpoint.name, ["arm", "repeat", "fold", *gates]].drop_duplicates()
        found[endpoint.name] = {"role": ROLE, "kind": endpoint.kind, **with_start(content, start)}
    return {"secondary": found} if found else {}
