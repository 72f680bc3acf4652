"""prediction_report.html: what a run says of a cohort, and how well where labels exist; names no patient."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from fusion.report.elsewhere.kinds import KINDS
from fusion.report.elsewhere.secondary import secondary
from fusion.report.kinds import kind_of
from fusion.report.page import environment
from fusion.report.parts import decisions
from fusion.report.sections import drawn
from fusion.report.theme import save_figures, style
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
    endpoint = folder.cohort_spec().endpoint
    kind = KINDS[endpoint.kind]
    with style():
        figures = _drawn(output, kind.figures(facts, table, metrics, rows), simulated=facts["simulated"])
    html = (
        environment()
        .get_template(kind.template)
        .render(
            title=f"{facts['cohort']}: {facts['endpoint']}, predicted",
            facts=facts,
            simulated=facts["simulated"],
            run=folder.record(),
            endpoint=endpoint,
            **kind.content(facts, table, metrics),
            summary=summary(table),
            metrics=metrics,
            **decisions.tables(metrics or {}),
            drawn=None if metrics is None else drawn(metrics),
            values=values,
            metric_labels=kind_of(folder.record()).labels,
            judged=(metrics or {}).get("verdict"),
            comparisons=(metrics or {}).get("comparisons", []),
            update=(metrics or {}).get("recalibration"),
            secondary=secondary(applied),
            matches=matches,
            figures=figures,
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


def _drawn(output: Path, figures: Mapping[str, Any], *, simulated: bool) -> dict[str, Any]:
    """SVG of each figure as safe markup; figures are made in their style."""
    made = save_figures(figures, output / "figures", simulated=simulated)
    return {name: drawing for name, drawing in made.items() if drawing is not None}
