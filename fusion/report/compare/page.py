"""compare.json and compare.html: runs side by side on the patients whom all of them scored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusion.contract import FusionError
from fusion.evaluation.comparison import arm_label
from fusion.evaluation.outcome import Outcome, outcome_of
from fusion.evaluation.runs.calls import calls, changed
from fusion.evaluation.runs.paired import common_patients, paired_gains
from fusion.report.kinds import kind_of
from fusion.report.page import environment
from fusion.report.sections import drawn, number
from fusion.report.theme import save_figures, style
from fusion.run.compared import as_written, differences, open_runs, surroundings
from fusion.run.files import replace_file, replace_json
from fusion.run.folder import RunFolder

FILE, PAGE = "compare.json", "compare.html"


def write_comparison(paths: list[str], output: Path, *, arm: str, draws: int, seed: int) -> str:
    """Compare finished runs; write compare.json, compare.html and figures/ into `output`.

    Args:
        paths: of the run folders; the others are compared with the first.
        output: where to write.
        arm: whose predictions are compared.
        draws: of the bootstrap.
        seed: of the draws.

    Returns:
        The same in a few lines for the console.

    Raises:
        FusionError: a folder is no finished run, or the runs cannot be compared.
    """
    runs = open_runs(paths)
    (first, run), *_ = runs.items()
    with as_written(run):
        outcome = outcome_of(run.cohort_spec().endpoint)
    predictions = {name: _of_arm(one, arm) for name, one in runs.items()}
    patients = common_patients(predictions)
    found = paired_gains(predictions, outcome, draws=draws, seed=seed)
    called = {name: calls(rows, outcome, patients) for name, rows in predictions.items()}
    classes = tuple(outcome.endpoint.classes)
    called_for = list(runs)[1:] if outcome.can("called") else []
    content = {
        "simulated": any(bool(one.record()["simulated"]) for one in runs.values()),
        "endpoint": outcome.endpoint.name,
        "arm": arm,
        "first": first,
        **found,
        "runs": [_about(name, one, predictions[name], found) for name, one in runs.items()],
        "changed": {name: changed(called[first], called[name], classes) for name in called_for},
        "differences": differences(runs),
        "surroundings": surroundings(runs),
    }
    replace_json(output / FILE, content)
    labels = kind_of(run.record()).labels
    html = (
        environment()
        .get_template("compare.html.j2")
        .render(
            title=f"{outcome.endpoint.name}: {len(runs)} runs side by side",
            simulated=content["simulated"],
            content=content,
            labels=labels,
            drawn=drawn(content),
            figures=_figures(output, content, called, classes, outcome, label=labels[content["metric"]]),
        )
    )
    replace_file(output / PAGE, lambda partial: partial.write_text(html, encoding="utf-8"))
    return _told(content, labels[content["metric"]], output)


def _of_arm(run: RunFolder, arm: str) -> pd.DataFrame:
    """One arm's rows of a run that may be a stranger's: labels and scores are what the endpoint allows."""
    outcome = outcome_of(run.cohort_spec().endpoint)
    predictions = run.predictions()
    with as_written(run):
        arms = sorted(map(str, predictions["arm"].unique()))
        if arm not in arms:
            raise FusionError(f"{run.path}: has no arm {arm!r}; set arm to one of {', '.join(arms)}.")
        rows = predictions[predictions["arm"] == arm]
        if not np.isfinite(outcome.of_columns(rows)).all():
            raise ValueError("a score is not finite")
        if not rows["label"].isin(range(len(outcome.endpoint.classes))).all():
            raise ValueError(f"a label is none of the {len(outcome.endpoint.classes)} classes")
        rows[["patient_id", "repeat", "fold"]].astype({"patient_id": str, "repeat": int, "fold": int})
        outcome.truth_of(rows)
    return rows


def _about(name: str, run: RunFolder, rows: pd.DataFrame, found: Mapping[str, Any]) -> dict[str, Any]:
    record = run.record()
    own = int(rows["patient_id"].nunique())
    return {
        "run": name,
        "path": str(run.path),
        "cohort": str(record["cohort"]["name"]),
        "started": str(record.get("started", "")),
        "seed": record.get("seed"),
        "command": " ".join(map(str, record.get("command", ()))),
        "patients": own,
        "beyond": own - int(found["patients"]),
        "repeats": int(rows["repeat"].nunique()),
        "metrics": found["runs"][name],
    }


def _figures(
    output: Path,
    content: Mapping[str, Any],
    called: Mapping[str, pd.DataFrame],
    classes: tuple[str, ...],
    outcome: Outcome,
    *,
    label: str,
) -> dict[str, Any]:
    from fusion.report.compare import figures as draw

    first = content["first"]
    decides = [row for row in content["gains"] if row["metric"] == content["metric"]]
    kinds = {"binary": f"Score of {classes[-1]}", "survival": "Log-risk", "ordinal": "Expected grade"}
    said = kinds.get(outcome.endpoint.kind, "Score")
    with style():
        plots = {"gains": draw.gains(decides, first=first, label=label)}
        for name in list(called)[1:]:
            plots[f"scores_{name}"] = draw.scores(
                called[first], called[name], names=(first, name), classes=classes, label=said
            )
        return save_figures(plots, output / "figures", simulated=content["simulated"])


def _told(content: Mapping[str, Any], label: str, output: Path) -> str:
    metric, simulated = content["metric"], "SIMULATED · " if content["simulated"] else ""
    lines = [f"{simulated}{content['endpoint']}, {arm_label(content['arm'])}: {content['patients']} common patients"]
    for run in content["runs"]:
        value = run["metrics"][metric]
        lines.append(
            f"  {run['run']}  {label} {number(value['value'])} ({number(value['low'], 2)} to "
            f"{number(value['high'], 2)})  {run['path']}"
        )
    for row in content["gains"]:
        if row["metric"] == metric:
            flips = content["changed"].get(row["run"])
            more = f"; {len(flips['patients'])} calls flip" if flips is not None else ""
            lines.append(
                f"  {row['run']} over {content['first']}: {number(row['value'])} ({number(row['low'])} to "
                f"{number(row['high'])}), {row['verdict']}{more}"
            )
    return "\n".join([*lines, f"Report: {output / PAGE}"])
