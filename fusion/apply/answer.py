"""What `fusion.predict` answers on the console."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import ROLE
from fusion.evaluation.outcome import Outcome

if TYPE_CHECKING:
    from fusion.apply.secondary import AppliedSecondary


def answer(facts: dict[str, Any], metrics: dict[str, Any] | None, outcome: Outcome, output: Path) -> list[str]:
    """The lines of the primary endpoint.

    Args:
        facts: the content of predictions.json.
        metrics: that of metrics.json; None without labels.
        outcome: of the endpoint.
        output: where files lie.
    """
    stamp = "SIMULATED · " if facts["simulated"] else ""
    lines = [f"{stamp}{facts['patients']} patients scored by {facts['arm']}: {output / 'predictions.csv'}"]
    lines += [f"Note: {note}" for note in facts["notes"]]
    if metrics is not None:
        values = metrics["arms"][facts["arm"]]

        def interval(name: str) -> str:
            return _interval(values[name])

        label = outcome.label[0].upper() + outcome.label[1:]
        told = f"{stamp}{label} {interval(outcome.chosen)} on {metrics['patients']} labelled patients"
        if "calibration_intercept" in values:  # of two classes; several have a slope alone
            told += (
                f", {metrics['positives']} {facts['classes'][1]}; calibration slope {interval('calibration_slope')}, "
                f"intercept {interval('calibration_intercept')}"
            )
        lines.append(f"{told}: {output / 'metrics.json'}")
        if "recalibration" in metrics:
            lines.append(f"{stamp}{_update(metrics['recalibration'])}")
        if "verdict" in metrics:
            lines.append(f"{stamp}On this cohort, {metrics['verdict']['status']}: {metrics['verdict']['text']}")
    return lines


def _update(record: dict[str, Any]) -> str:
    """What recalibration did, in a line."""

    def change(name: str) -> str:
        then, now = (record[when][name]["value"] for when in ("before", "after"))
        return " → ".join("undefined" if value is None else f"{value:.3f}" for value in (then, now))

    return (
        f"Recalibrated ({record['updated']}, cross-fitted on {record['patients']} patients): calibration slope "
        f"{change('calibration_slope')}, intercept {change('calibration_intercept')}, Brier score {change('brier')}"
    )


def of_secondary(said: AppliedSecondary, judged: dict[str, Any] | None, facts: dict[str, Any]) -> str:
    """The line of a secondary endpoint.

    Args:
        said: of it.
        judged: its part of metrics.json; None without labels.
        facts: the content of predictions.json.
    """
    stamp = "SIMULATED · " if facts["simulated"] else ""
    told = "no labels to judge it by"
    if judged is not None:
        told = f"{said.outcome.label} {_interval(judged['arms'][facts['arm']][said.outcome.chosen])}"
        told += f" on {judged['patients']} labelled patients"
        told += f"; {judged['verdict']['status']} beside the run's other arms" if "verdict" in judged else ""
    return f"{stamp}{said.name} ({ROLE}): {told}"


def _interval(entry: dict[str, Any]) -> str:
    if entry["value"] is None:
        return "undefined"
    return f"{entry['value']:.3f} ({entry['low']:.3f} to {entry['high']:.3f})"
