"""report.html: the verdict first, then what it rests on. Made from the run folder's files alone; loads nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from fusion.evaluation.comparison import arm_label
from fusion.report import asked, sections
from fusion.report.card.write import write_cards
from fusion.report.kinds import Kind, kind_of
from fusion.report.provenance import provenance
from fusion.report.quality import quality
from fusion.report.theme import save_figures, style
from fusion.run.canaries import canaries_of
from fusion.run.files import replace_file
from fusion.run.folder import RunFolder


def environment() -> Any:
    """The templates of this package with everything escaped; the attribution report builds on ``base.html.j2`` too."""
    from jinja2 import Environment, PackageLoader

    from fusion.report.parts.absent import Absent, or_dash

    made = Environment(
        loader=PackageLoader("fusion.report"),
        autoescape=True,
        undefined=Absent,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown: dict[str, Callable[..., Any]] = {"number": sections.number, "duration": sections.duration, "arm": arm_label}
    made.filters |= {name: or_dash(one) for name, one in shown.items()}
    made.filters["breakable"] = breakable
    return made


def breakable(name: object) -> Any:
    """A key, a column's name or its value that may break after ``._/:;``, and nowhere within a word."""
    from markupsafe import Markup

    return Markup("<wbr>").join(re.split(r"(?<=[._/:;])(?=[^._/:;])", str(name)))  # which escapes what it joins


def write_report(run: RunFolder) -> Any:
    """Write report.html and figures/; the report's path.

    Raises:
        FusionError: a file of the run folder is missing or cannot be read.
    """
    record = run.record()
    metrics, predictions = run.metrics(), run.predictions()
    kind = kind_of(record)
    measured = metrics["arms"][metrics["verdict"]["reference"]]  # older versions had fewer metrics
    html = (
        environment()
        .get_template(kind.template)
        .render(
            title=f"{record['cohort']['name']}: {record['cohort']['endpoint']['name']}",
            simulated=bool(record["simulated"]),
            run=record,
            metrics=metrics,
            verdict=metrics["verdict"],
            metric_labels=kind.labels,
            shown=[name for name in kind.shown if name in measured],
            more={name: label for name, label in kind.more.items() if name in measured},
            figures=figures(run, kind, metrics, predictions, simulated=bool(record["simulated"])),
            config=(run.path / "config.yaml").read_text(encoding="utf-8"),
            **_tables(run, metrics, predictions),
            **kind.tables(run, metrics, predictions),
        )
    )
    write_cards(run)
    replace_file(run.report_path, lambda partial: partial.write_text(html, encoding="utf-8"))
    return run.report_path


def figures(
    run: RunFolder, kind: Kind, metrics: Mapping[str, Any], predictions: pd.DataFrame, *, simulated: bool
) -> dict[str, str | None]:
    """Draw every figure, save it under figures/, and give the SVG of each as safe markup."""
    from fusion.report import figures as draw
    from fusion.report.parts import audit as parts
    from fusion.report.parts import decisions, missing, policy_figure

    verdict = metrics["verdict"]
    plots: dict[str, Callable[[], Any]] = {
        "gains": lambda: draw.gains(
            metrics["comparisons"],
            reference=verdict["reference"],
            deciding=verdict["against"],
            metric=verdict["metric"],
            label=kind.labels[verdict["metric"]],
        ),
        **kind.figures(metrics, predictions),
        "audit": lambda: parts.falls(metrics, label=kind.labels.get(metrics.get("audit", {}).get("metric"), "")),
        "missing": lambda: missing.curve(metrics, label=kind.labels.get(metrics.get("missing", {}).get("metric"), "")),
        "decisions": lambda: decisions.curves(metrics),
        "policy": lambda: policy_figure.values(metrics),
        "training": lambda: draw.training(run.curves()),
        "selection": lambda: draw.selection(sections.selected(run.selected())),
    }
    with style():
        return save_figures({name: plot() for name, plot in plots.items()}, run.figures_path, simulated=simulated)


def _tables(run: RunFolder, metrics: Mapping[str, Any], predictions: pd.DataFrame) -> dict[str, Any]:
    from fusion.report.parts import audit as parts
    from fusion.report.parts import decisions, missing, policy, subgroups, uncertainty
    from fusion.report.parts.secondary import secondary

    cohort, folds, config = run.cohort(), run.folds(), run.config()
    labels = predictions.drop_duplicates("patient_id").set_index("patient_id")["label"]
    named = kind_of(run.record()).labels
    inner_metric = sections.inner_metric(run.inner(), metrics["verdict"]["metric"], named)
    return {
        "arms": sections.arms(metrics, metrics["verdict"]["against"]),
        "drawn": sections.drawn(metrics),
        "repeated": sections.repeated(metrics["verdict"]),
        "undefined": sections.undefined(metrics, named),
        "flow": sections.cohort_flow(cohort),
        "overlap": sections.overlap(cohort, list(config.get("modality", {})), labels),
        "folds": sections.folds(folds, labels),
        "folds_hash": folds["sha256"],
        "flags": asked.flags(folds),
        "folds_source": asked.source(folds),
        "preset": asked.preset(run),
        "choices": asked.choices(run, metrics),
        "audit": parts.audit(metrics),
        **decisions.tables(metrics),
        "policy_said": policy.said(metrics),
        "policy_label": policy.label,
        "left_out_said": policy.said_of_left_out(metrics),
        "subgroups_said": subgroups.said(metrics),
        "coverage_said": uncertainty.said(metrics),
        "missing_said": missing.said(metrics, label=named.get(metrics.get("missing", {}).get("metric"), "")),
        "canaries": canaries_of(run),
        "secondary": secondary(run.record(), metrics),
        "sampling": asked.sampling(run),
        "quality": quality(run),
        "overlaps": sections.overlap_problems(folds),
        "provenance": provenance(run.record()),
        "inputs": len(run.inputs()),
        "strays": sections.fold_disagreement(folds, predictions),
        "selected": sections.selected(run.selected()),
        "inner": sections.inner_scores(run.inner(), inner_metric),
        "inner_label": named[inner_metric],
    }
