"""prediction_report.html: what a run says of a cohort, and how well where labels exist; names no patient."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from fusion.evaluation.metrics import METRICS
from fusion.report.page import environment
from fusion.report.sections import drawn
from fusion.report.theme import save_figure, stamp, style
from fusion.run.files import replace_file

if TYPE_CHECKING:
    from fusion.apply.files import Applied
    from fusion.apply.matching import Matching
    from fusion.run.folder import RunFolder

FILE = "prediction_report.html"


def write_applied_report(output: Path, applied: Applied, matches: Mapping[str, Matching], folder: RunFolder) -> Path:
    """Write the page and figures/; the page's path.

    Args:
        output: where predictions go.
        applied: what was written of them.
        matches: by modality.
        folder: the run.
    """
    facts, table, rows, metrics = applied.facts, applied.table, applied.rows, applied.metrics
    values = None if metrics is None else metrics["arms"][facts["arm"]]
    html = (
        environment()
        .get_template("prediction_report.html.j2")
        .render(
            title=f"{facts['cohort']}: {facts['endpoint']}, predicted",
            facts=facts,
            simulated=facts["simulated"],
            run=folder.record(),
            endpoint=folder.cohort_spec().endpoint,
            summary=summary(table),
            metrics=metrics,
            drawn=None if metrics is None else drawn(metrics),
            values=values,
            metric_labels=METRICS,
            verdict=None if values is None else calibration_verdict(values),
            judged=(metrics or {}).get("verdict"),
            comparisons=(metrics or {}).get("comparisons", []),
            update=(metrics or {}).get("recalibration"),
            matches=matches,
            figures=_figures(output, facts, table, rows, bands=(metrics or {}).get("curves", {})),
        )
    )
    replace_file(output / FILE, lambda partial: partial.write_text(html, encoding="utf-8"))
    return output / FILE


def summary(table: pd.DataFrame) -> dict[str, Any]:
    """Counts and spread of the scores."""
    has = table["modalities"].value_counts()
    return {
        "patients": len(table),
        "unlike": int(table["out_of_distribution"].sum()),
        "trained": int(table["in_training"].sum()),
        "models": int(table["fold_models"].max()),
        "median": float(table["score"].median()),
        "quartiles": [float(table["score"].quantile(share)) for share in (0.25, 0.75)],
        "spread": float((table["high"] - table["low"]).median()),
        "patterns": [{"modalities": str(name).replace("+", ", "), "patients": int(n)} for name, n in has.items()],
    }


def calibration_verdict(values: Mapping[str, Mapping[str, float | None]]) -> str:
    """What slope and intercept say in words; only what their intervals support."""
    told = []
    intercept, slope = values["calibration_intercept"], values["calibration_slope"]
    if _within(intercept, above=0.0):
        told.append("probabilities are too low on average")
    elif _within(intercept, below=0.0):
        told.append("probabilities are too high on average")
    if _within(slope, below=1.0):
        told.append("they are too extreme")
    elif _within(slope, above=1.0):
        told.append("they are too timid")
    return " and ".join(told) or "no miscalibration can be told from these patients"


def _within(entry: Mapping[str, float | None], *, above: float | None = None, below: float | None = None) -> bool:
    """Whether the whole interval lies above or below a number."""
    low, high = entry["low"], entry["high"]
    if low is None or high is None:
        return False
    return (above is not None and low > above) or (below is not None and high < below)


def _figures(
    output: Path, facts: Mapping[str, Any], table: pd.DataFrame, rows: pd.DataFrame | None, *, bands: Mapping[str, Any]
) -> dict[str, Any]:
    """SVG of each figure as safe markup."""
    from markupsafe import Markup

    from fusion.report import figures as draw
    from fusion.report.applied_figures import scores

    labels = pd.Series(dtype="int64") if rows is None else rows.set_index("patient_id")["label"]
    made: dict[str, Any] = {}
    with style():
        plots = {"scores": scores(table, labels, classes=tuple(facts["classes"]))}
        if rows is not None:
            plots["roc"] = draw.roc(rows, title="ROC, mean of the fold models")
            plots["calibration"] = draw.calibration(rows, reference=facts["arm"], band=bands.get("calibration"))
        for name, figure in plots.items():
            if facts["simulated"]:
                stamp(figure)
            # Markup: this SVG is matplotlib's, which escapes the texts in it.
            made[name] = Markup(save_figure(figure, output / "figures", name))  # noqa: S704
    return made
