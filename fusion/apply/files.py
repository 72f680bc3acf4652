"""What `fusion.predict` leaves: predictions.csv and its key, matches.json, cohort.csv, metrics.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.apply.answer import answer, of_secondary
from fusion.apply.judging import decided, evaluated, points_of
from fusion.apply.recalibration import recalibrate
from fusion.apply.secondary import judged_beside, labelled_beside, meanings_beside
from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.outcome import Outcome, outcome_of
from fusion.evaluation.units import held_together
from fusion.evaluation.verdict import check_margin
from fusion.run.files import replace_file
from fusion.run.state import save_json

if TYPE_CHECKING:
    import pandas as pd

    from fusion.apply.application import Application
    from fusion.apply.secondary import AppliedSecondary
    from fusion.protocol.setup import Setup
    from fusion.run.folder import RunFolder

    Beside = tuple[tuple[AppliedSecondary, pd.DataFrame | None, dict[str, Any] | None], ...]
    """A secondary endpoint, its labelled patients' rows and its part of metrics.json."""

_STALE = (
    "predictions.csv",
    "metrics.json",
    "arms.csv",
    "treatments.csv",
    "secondary.csv",
    "secondary_arms.csv",
)
"""What an earlier call may have left and this one may not write."""

COLUMNS = {
    "file": "the image file",
    "class": "the likeliest class by the mean of the fold models",
    "patient_id": "as the cohort's files name the patient",
    "score": "mean of the fold models' calibrated probabilities of {positive}",
    "low": "lowest score of a fold model: a range over models, no confidence interval",
    "high": "highest score of a fold model: a range over models, no confidence interval",
    "modalities": "which of the run's modalities the patient has, joined by +; the score is made of these",
    "out_of_distribution": "true where distance is above 1: unlike the patients that the run trained on",
    "distance": "Mahalanobis distance to the training patients over the limit of their own fold; above 1 is unusual",
    "endpoint": "the secondary endpoint that the row is of",
    "fold_models": "how many folds' models scored the patient: all, or those that did not train on them",
    "in_training": "true where some fold trained on the patient; the score is then out of fold",
    "recalibrated": "score updated on this cohort's labels, see metrics.json; of a labelled patient, on the others'",
    "simulated": "true: run or cohort is simulated, and the score says nothing of a real patient",
}
"""Column of predictions.csv → what it means, for predictions.json and the report."""


def refuse_existing(output: Path, *, overwrite: bool) -> None:
    """Keep predictions that are there already.

    Raises:
        FusionError: `output` holds predictions and `overwrite` is not set.
    """
    if (output / "predictions.csv").exists() and not overwrite:
        raise FusionError(
            f"{output}: holds predictions already. Choose another folder with output=<folder> or replace them with "
            "overwrite=true."
        )


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What is written of an application.

    Attributes:
        facts: the content of predictions.json.
        table: the content of predictions.csv.
        rows: labelled patients, as `fusion.evaluation.evaluate` takes them; None where too few are labelled.
        metrics: the content of metrics.json; None likewise.
        outcome: what judges the endpoint.
        secondary: what is said of each secondary endpoint, its labelled patients and its part of metrics.json; None
            likewise.
    """

    facts: dict[str, Any]
    table: pd.DataFrame
    rows: pd.DataFrame | None
    metrics: dict[str, Any] | None
    outcome: Outcome
    secondary: Beside = ()


def write_results(
    result: Application,
    output: Path,
    folder: RunFolder,
    setup: Setup,
    *,
    evaluation: Any,
    update: object = None,
    treatments: tuple[dict[str, Any], pd.DataFrame] | None = None,
) -> Applied:
    """Write everything but predictions.csv and the report; predictions.csv of an earlier call goes first.

    Args:
        result: what the run says of the cohort.
        output: where to.
        folder: the run.
        setup: the cohort.
        evaluation: draws and seed of the bootstrap, and the margin.
        update: the key `recalibrate`, see `fusion.apply.recalibration.recalibrate`.
        treatments: what is said of the treatments asked for, and the content of treatments.csv.

    Secondary endpoints go into secondary.csv, their labelled patients' scores by every arm into secondary_arms.csv, and
    into parts ``secondary`` of predictions.json and metrics.json.
    """
    outcome = outcome_of(folder.cohort_spec().endpoint)
    simulated = setup.cohort.spec.simulated or folder.cohort_spec().simulated
    rows = labelled(result, setup, outcome)
    own = None if rows is None else rows[rows["arm"] == result.arm]
    updated = recalibrate(update, result.table, own, outcome, evaluation)
    table = _stamped(result.table, simulated)
    if updated is not None:
        table = table.assign(recalibrated=updated.scores.loc[list(table["patient_id"])].to_numpy())
    output.mkdir(parents=True, exist_ok=True)
    for stale in _STALE:
        (output / stale).unlink(missing_ok=True)
    _write_table(output / "cohort.csv", setup.cohort.reconciliation)
    save_json(output / "matches.json", {name: match.record() for name, match in result.matches.items()})
    facts = _facts(result, table, folder, setup, outcome, simulated=simulated)
    if treatments is not None:
        facts["treatments"], each = treatments
        _write_table(output / "treatments.csv", each)
    modalities = len(folder.config()["modality"])
    beside = _secondary(result, setup, evaluation, simulated=simulated, modalities=modalities)
    if beside:
        facts["secondary"] = {one.name: meanings_beside(one, _meaning) for one, _, _ in beside}
        _write_secondary(beside, output, simulated=simulated)
    save_json(output / "predictions.json", facts)
    metrics = None
    if rows is not None:
        metrics = _judged(rows, result.arm, folder, evaluation, simulated=simulated, modalities=modalities)
        if updated is not None:
            metrics["recalibration"] = updated.record
        _write_table(output / "arms.csv", _by_arm(rows, outcome))
    judged = {one.name: part for one, _, part in beside if part is not None}
    if metrics is not None or judged:
        save_json(output / "metrics.json", (metrics or {}) | ({"secondary": judged} if judged else {}))
    return Applied(facts=facts, table=table, rows=own, metrics=metrics, outcome=outcome, secondary=beside)


def _facts(
    result: Application, table: pd.DataFrame, folder: RunFolder, setup: Setup, outcome: Outcome, *, simulated: bool
) -> dict[str, Any]:
    """The content of predictions.json but for treatments and secondary endpoints."""
    spec, trained, meanings = setup.cohort.spec, folder.cohort_spec().endpoint, outcome.meanings()
    return {
        "simulated": simulated,
        "run": str(folder.path),
        "arm": result.arm,
        "cohort": spec.name,
        "endpoint": spec.endpoint.name,
        "classes": list(trained.classes),
        **({"unit": trained.unit} if trained.unit else {}),
        "patients": len(table),
        "columns": {name: meanings.get(name) or _meaning(name, trained) for name in table.columns},
        "notes": list(result.notes),
    }


def _judged(
    rows: pd.DataFrame, arm: str, folder: RunFolder, evaluation: Any, *, simulated: bool, modalities: int
) -> dict[str, Any]:
    """The content of metrics.json of the primary endpoint."""
    outcome = outcome_of(folder.cohort_spec().endpoint)
    metrics = evaluated(
        rows, arm, outcome, evaluation, simulated=simulated, modalities=modalities,
        margin=margin_of(evaluation, folder),
    )  # fmt: skip
    points, inner = points_of(evaluation, folder), folder.inner_predictions()
    return metrics | decided(rows, arm, outcome, evaluation, inner=inner, points=points)


def _write_secondary(beside: Beside, output: Path, *, simulated: bool) -> None:
    """secondary.csv, and secondary_arms.csv where patients are labelled."""
    import pandas as pd

    table = pd.concat([one.table for one, _, _ in beside], ignore_index=True)
    _write_table(output / "secondary.csv", _stamped(table, simulated))
    arms = [_by_arm(every, one.outcome).assign(endpoint=one.name) for one, every, _ in beside if every is not None]
    if arms:
        _write_table(output / "secondary_arms.csv", pd.concat(arms, ignore_index=True))


def _stamped(table: pd.DataFrame, simulated: bool) -> pd.DataFrame:
    return table.assign(simulated=True) if simulated else table


def _write_table(path: Path, table: pd.DataFrame) -> None:
    replace_file(path, lambda partial: table.to_csv(partial, index=False))


def _secondary(result: Application, setup: Setup, evaluation: Any, *, simulated: bool, modalities: int) -> Beside:
    """What is said of secondary endpoints, judged where enough patients are labelled."""
    found = []
    for one in result.secondary:
        rows = labelled_beside(one, setup, result.arm)
        judged = None
        if rows is not None:
            judged = judged_beside(rows, one, result.arm, evaluation, simulated=simulated, modalities=modalities)
        found.append((one, rows, judged))
    return tuple(found)


def margin_of(evaluation: Any, folder: RunFolder) -> float | None:
    """The margin of non-inferiority: the command's `evaluation.margin`, or else the run's, which was declared first.

    Raises:
        FusionError: it is not above 0.
    """
    margin: float | None = evaluation.get("margin")
    if margin is None:
        margin = (folder.config().get("evaluation") or {}).get("margin")
    check_margin(margin)
    return margin


def finish(applied: Applied, output: Path, report: Path) -> None:
    """Write predictions.csv, last of all, and say where everything is."""
    lines = answer(applied.facts, applied.metrics, applied.outcome, output)
    lines += [of_secondary(one, judged, applied.facts) for one, _, judged in applied.secondary]
    lines.append(f"{'SIMULATED · ' if applied.facts['simulated'] else ''}Report: {report}")
    replace_file(output / "predictions.csv", lambda path: applied.table.to_csv(path, index=False))
    print("\n".join(lines))  # noqa: T201 — the command's answer


def _meaning(column: str, endpoint: EndpointSpec) -> str:
    """Of a column of predictions.csv."""
    if column in COLUMNS:
        of = outcome_of(endpoint).scored
        return COLUMNS[column].format(positive=of)
    return f"mean of the fold models' calibrated probabilities of {column.removeprefix('score_')}"


def _by_arm(rows: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """arms.csv: the labelled patients' scores by every arm that was compared."""
    columns = [name for name in rows.columns if name in ("time", "entry", *outcome.names)]
    return rows[["patient_id", "arm", "label", *columns]]


def labelled(result: Application, setup: Setup, outcome: Outcome) -> pd.DataFrame | None:
    """Scored patients with a label, every arm's, as `fusion.evaluation.evaluate` takes them; None where too few are."""
    import pandas as pd

    from fusion.apply.application import labels_of

    labels = labels_of(setup, outcome, list(result.table["patient_id"]))
    if not outcome.enough(labels):
        return None
    known = (labels >= 0).to_numpy()
    own: dict[str, Any] = {
        "repeat": 0,
        "fold": 0,
        "endpoint": setup.cohort.spec.endpoint.name,
        "label": labels.to_numpy(),
        "group": held_together(list(result.table["patient_id"]), setup.cohort.groups).array,
    }
    if setup.cohort.times is not None:
        own["time"] = setup.cohort.times.loc[list(result.table["patient_id"])].to_numpy()
    if setup.cohort.entry is not None:
        own["entry"] = setup.cohort.entry.loc[list(result.table["patient_id"])].to_numpy()
    parts = [result.table.assign(arm=result.arm, threshold=result.threshold, **own)]
    parts += [
        result.table.assign(**other.columns, arm=arm, threshold=other.threshold, **own)
        for arm, other in result.compared.items()
    ]
    return pd.concat([part[known] for part in parts], ignore_index=True)
