"""What a training report shows of each kind of endpoint; the page asks here, and nowhere else, which kind it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fusion.evaluation import classes, metrics
from fusion.evaluation.outcomes import ordinal
from fusion.evaluation.survival import draws as survival
from fusion.report import class_sections, sections
from fusion.report.survival import sections as survival_sections

Content = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind of endpoint is reported.

    Attributes:
        template: of the page.
        labels: metric → name.
        shown: metrics of the first table; all others stand in the one below it.
        console: metrics of the console's table beside the deciding one.
        patients: metrics.json → how many patients of which class, in a few words.
        tables: run folder, metrics.json and predictions → more for the template.
        figures: metrics.json and predictions → name → figure, beside those every report has.
        output: what predictions are.
    """

    template: str
    labels: Mapping[str, str]
    shown: tuple[str, ...]
    console: tuple[str, ...]
    patients: Callable[[Content], str]
    tables: Callable[[Any, Content, Any], dict[str, Any]]
    figures: Callable[[Content, Any], dict[str, Callable[[], Any]]]
    output: str

    @property
    def more(self) -> dict[str, str]:
        """Metrics that the first table leaves out."""
        return {name: label for name, label in self.labels.items() if name not in self.shown}


def _binary_figures(content: Content, predictions: Any) -> dict[str, Callable[[], Any]]:
    from fusion.report import figures as draw

    reference, bands = content["verdict"]["reference"], content.get("curves", {})
    return {
        "roc": lambda: draw.roc(predictions),
        "calibration": lambda: draw.calibration(predictions, reference=reference, band=bands.get("calibration")),
        "decision": lambda: draw.decision(predictions, reference=reference, band=bands.get("decision")),
    }


def _class_figures(content: Content, predictions: Any) -> dict[str, Callable[[], Any]]:
    from fusion.report import class_figures as draw

    reference = content["verdict"]["reference"]
    return {
        "confusion": lambda: draw.confusion(content["confusion"][reference], content["classes"]),
        "roc": lambda: draw.one_against_rest(predictions, content["classes"], arm=reference),
        "calibration": lambda: draw.confidence(predictions, content["classes"], arm=reference),
    }


def _survival_figures(content: Content, predictions: Any) -> dict[str, Callable[[], Any]]:
    from fusion.report.survival import figures as draw
    from fusion.report.survival.competing import incidence

    return {
        "kaplan_meier": lambda: draw.kaplan_meier(content),
        "calibration": lambda: draw.calibration(content),
        "auc": lambda: draw.auc(content),
        "incidence": lambda: incidence(content),
    }


KINDS: Mapping[str, Kind] = {
    "binary": Kind(
        template="report.html.j2",
        labels=metrics.METRICS,
        shown=sections.SHOWN,
        console=("auprc", "balanced_accuracy", "f1", "brier", "calibration_slope"),
        patients=lambda content: f"{content['patients']} patients, {content['positives']} positive",
        tables=lambda run, content, predictions: {
            "confusion": sections.confusion(predictions, content["verdict"]["reference"])
        },
        figures=_binary_figures,
        output="calibrated probabilities; thresholds by fold",
    ),
    "multiclass": Kind(
        template="classes.html.j2",
        labels={**classes.METRICS, **classes.CALIBRATION},
        shown=("balanced_accuracy", "accuracy", "auroc", "f1", "log_loss", "brier", *classes.CALIBRATION),
        console=("accuracy", "auroc", "f1", "log_loss", "brier"),
        patients=lambda content: f"{content['patients']} cases of {len(content['classes'])} classes",
        tables=lambda run, content, predictions: class_sections.tables(run, content),
        figures=_class_figures,
        output="calibrated probabilities of classes; the likeliest is called",
    ),
    "ordinal": Kind(
        template="classes.html.j2",
        labels={**ordinal.METRICS, **classes.METRICS, **classes.CALIBRATION},
        shown=(*ordinal.METRICS, "balanced_accuracy", "accuracy", "log_loss", "brier", *classes.CALIBRATION),
        console=("auroc_cuts", "balanced_accuracy", "accuracy", "log_loss"),
        patients=lambda content: f"{content['patients']} patients of {len(content['classes'])} grades",
        tables=lambda run, content, predictions: class_sections.tables(run, content),
        figures=_class_figures,
        output="probabilities of grades; the grade nearest to the expected one is called",
    ),
    "survival": Kind(
        template="survival.html.j2",
        labels=survival.METRICS,
        shown=tuple(survival.METRICS),
        console=("auc_t", "ibs", "c_harrell", "c_uno", "ibs_skill"),
        patients=survival_sections.patients,
        tables=lambda run, content, predictions: survival_sections.tables(content),
        figures=_survival_figures,
        output="log hazard ratios and, at horizons, probabilities to be without the event; no threshold",
    ),
}


def kind_of(record: Content) -> Kind:
    """Of a run's record (run.json)."""
    return KINDS[record["cohort"]["endpoint"]["kind"]]
