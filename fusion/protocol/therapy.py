"""A cohort's therapy in a run: which modalities read the regimen, and the part ``policy`` of metrics.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion.contract import FusionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from fusion.arms.base import ArmScores, FoldData
    from fusion.contract import FittedModality, Modality, Therapy
    from fusion.evaluation.outcome import Outcome
    from fusion.protocol.setup import Setup

KIND = "binary"
"""Of endpoints for which regimens are compared."""


def therapy_of(setup: Setup) -> Therapy | None:
    """What the cohort declares of its patients' therapy; None where it declares none."""
    tell = getattr(setup.source, "therapy", None)
    found: Therapy | None = None if tell is None else tell(list(setup.cohort.patient_ids))
    return found


def treatments(setup: Setup, therapy: Therapy) -> list[str]:
    """The modalities that read the regimen's columns."""
    return _reading(setup.modalities, therapy)


def of_regimen(setup: Setup) -> tuple[str, ...]:
    """The same of the therapy that the cohort declares; none where it declares none."""
    therapy = therapy_of(setup)
    return () if therapy is None else tuple(treatments(setup, therapy))


def _reading(modalities: Mapping[str, Modality], therapy: Therapy) -> list[str]:
    return [
        name
        for name, modality in modalities.items()
        if getattr(modality, "of_table", None) == therapy.table and set(modality.of_columns) & set(therapy.columns)  # type: ignore[attr-defined]
    ]


def check_therapy(setup: Setup) -> None:
    """Refuse a therapy of which it is not certain what a model reads under it, before the long work.

    Raises:
        FusionError: a modality reads, beside the regimen, columns in which patients of one regimen differ; candidates
            of `choose` read the regimen differently.
    """
    therapy = therapy_of(setup)
    if therapy is None:
        return
    for number, reading in setup.readings.items():
        for name in _reading(reading, therapy):
            if reading[name] is not setup.modalities[name]:
                raise FusionError(
                    f"choose, candidate {number}: changes modality.{name}, which reads the regimen ({therapy.table}). "
                    "Under every candidate a model must read the same of a regimen: give its columns a modality of "
                    "their own, which no candidate changes."
                )
    for name in treatments(setup, therapy):
        frame: pd.DataFrame = setup.modalities[name].frame  # type: ignore[attr-defined]
        known = frame.assign(regimen=therapy.regimens).dropna(subset=["regimen"])
        for column in frame.columns:
            kinds = known[["regimen", column]].drop_duplicates()["regimen"].value_counts()
            if not (kinds > 1).any():
                continue
            regimen = min(kinds.index[kinds > 1])
            raise FusionError(
                f"cohort.therapy: modality.{name} reads {therapy.table}.{column}, in which patients given {regimen} "
                f"differ, so that it is not certain what a model would read of someone given it. Give the columns of "
                f"the regimen a modality of their own (modality.<name>.columns), or add {column} to "
                "cohort.therapy.columns."
            )


def under_regimens(setup: Setup, scores: dict[str, ArmScores], data: FoldData) -> pd.DataFrame:
    """One fold's rows of policy.parquet; empty where the cohort declares no therapy or the endpoint is not binary."""
    import pandas as pd

    therapy = therapy_of(setup)
    if therapy is None or data.endpoint.kind != KIND:
        return pd.DataFrame()
    from fusion.arms.policy.counterfactual import counterfactual

    return counterfactual(scores, data, therapy, treatments(setup, therapy), labels=setup.cohort.labels)


def without_regimens(config: Any, setup: Setup, data: FoldData) -> pd.DataFrame:
    """One fold's rows of left_out.parquet; empty where nobody asked, or regimens are not told by agents."""
    import numpy as np
    import pandas as pd

    therapy = therapy_of(setup)
    asked = (config.get("evaluation") or {}).get("left_out", False)
    if not asked or therapy is None or not therapy.agents or data.endpoint.kind != KIND:
        return pd.DataFrame()
    from fusion.arms.policy.left_out import left_out

    labels = setup.cohort.labels

    def fit(patients: Sequence[str]) -> dict[str, FittedModality]:
        known = np.asarray(labels.loc[list(patients)], dtype=np.int64)
        return {name: modality.fit(patients, known) for name, modality in setup.modalities.items()}

    reading = [name for name in treatments(setup, therapy) if hasattr(setup.modalities[name], "unlisted")]
    return left_out(data, therapy, reading, fit, labels=labels)


def keep_support(setup: Setup, data: FoldData, folder: Path) -> None:
    """Write ``therapy.json`` into the fold's folder: what `fusion.predict treatments=…` must know of its patients."""
    therapy = therapy_of(setup)
    if therapy is None or data.endpoint.kind != KIND:
        return
    from fusion.arms.policy.counterfactual import donor, support_of
    from fusion.run.state import save_json

    support = support_of(therapy, data)
    frames: dict[str, pd.DataFrame] = {name: setup.modalities[name].frame for name in treatments(setup, therapy)}  # type: ignore[attr-defined]
    given = sorted({name for row in support.patients.values() for name in row}) if frames else []
    values = {
        name: {of: _plain(frame.loc[[donor(name, therapy, data.fold.train)]]) for of, frame in frames.items()}
        for name in given
    }
    save_json(folder / "therapy.json", {"support": support.record(), "by": list(therapy.by), "values": values})


def _plain(row: pd.DataFrame) -> dict[str, Any]:
    """A patient's columns, the only row, as JSON has them."""
    return {str(name): None if row[name].isna().iloc[0] else row[name].iloc[0] for name in row}


def keep_draws(config: Any, setup: Setup, data: FoldData, folder: Path) -> None:
    """Refit the plain model to draws of patients, for the differences of `fusion.predict treatments=…`."""
    therapy = therapy_of(setup)
    if therapy is None or data.endpoint.kind != KIND:
        return
    from fusion.arms.policy.redrawn import draws_of, keep_redrawn
    from fusion.evaluation.units import held_together

    cohort = setup.cohort
    sites = cohort.sites if config.folds.get("site") == "group" else None
    groups = held_together(list(cohort.patient_ids), cohort.groups, sites)
    keep_redrawn(data, folder, draws_of(cohort.patient_ids, groups, seed=int(config.seed)), config.model)


def valued(
    setup: Setup, table: pd.DataFrame, unseen: pd.DataFrame, fused: pd.DataFrame, outcome: Outcome, **drawn: Any
) -> dict[str, Any]:
    """The key ``policy`` of metrics.json; nothing where the cohort declares no therapy.

    Args:
        setup: of the run.
        table: policy.parquet.
        unseen: left_out.parquet.
        fused: predictions of the fused arm, which say who is held together.
        outcome: of the endpoint.
        drawn: draws and seed of the bootstrap.
    """
    therapy = therapy_of(setup)
    if therapy is None:
        return {}
    from fusion.evaluation.policy.evaluate import policy, unsaid

    told: dict[str, Any] = {"by": therapy.by, "least": therapy.min_patients}
    if outcome.endpoint.kind != KIND:
        return {"policy": unsaid(f"not for {outcome.endpoint.kind} endpoints, only for {KIND} ones", **told)}
    if table.empty:
        return {"policy": unsaid("the run's folds were not scored under regimens", **told)}
    from fusion.evaluation.policy.left_out import arms_left_out

    found = policy(table, fused, control=therapy.control, **told, **drawn)
    without = arms_left_out(unseen, fused, therapy.agents, **drawn)
    return {"policy": found | ({"arms_left_out": without} if without else {})}
