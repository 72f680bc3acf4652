"""What a prediction report shows of each kind of endpoint; its page asks here, and nowhere else, which kind it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fusion.evaluation.classes import SCORE
from fusion.evaluation.survival.frame import SURVIVAL, horizons_of
from fusion.report.survival.sections import late

Content = Mapping[str, Any]
Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """How predictions of one kind of endpoint are reported.

    Attributes:
        template: of the page.
        content: facts, predictions and metrics.json (None without labels) → more for the template.
        figures: the same and the labelled patients' rows → name → figure, or None where there is nothing to draw.
        told: facts and predictions of an endpoint that stands beside another → what is said of all patients, in rows
            of a name and a few words.
    """

    template: str
    content: Callable[[Content, pd.DataFrame, Content | None], dict[str, Any]]
    figures: Callable[[Content, pd.DataFrame, Content | None, pd.DataFrame | None], Figures]
    told: Callable[[Content, pd.DataFrame], list[tuple[str, str]]]


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


def _of_two(facts: Content, table: pd.DataFrame, metrics: Content | None) -> dict[str, Any]:
    return {"verdict": None if metrics is None else calibration_verdict(metrics["arms"][facts["arm"]])}


def _two_drawn(facts: Content, table: pd.DataFrame, metrics: Content | None, rows: pd.DataFrame | None) -> Figures:
    from fusion.report import figures as draw
    from fusion.report.applied_figures import scores

    made = {"scores": scores(table, _labels(rows), classes=tuple(facts["classes"]))}
    if rows is not None:
        band = (metrics or {}).get("curves", {}).get("calibration")
        made["roc"] = draw.roc(rows, title="ROC, mean of the fold models")
        made["calibration"] = draw.calibration(rows, reference=facts["arm"], band=band)
        worth = (metrics or {}).get("curves", {}).get("decision")
        made["decision"] = draw.decision(rows, reference=facts["arm"], band=worth)
    return made


def _of_times(facts: Content, table: pd.DataFrame, metrics: Content | None) -> dict[str, Any]:
    """Survival at each horizon over all patients and, with labels, beside what was observed."""
    unit = facts.get("unit") or ""
    rows = []
    for name in horizons_of(list(table.columns)):
        free = table[f"{SURVIVAL}{name}"]
        width = (table[f"high@{name}"] - table[f"low@{name}"]).median()
        quartiles = [float(free.quantile(share)) for share in (0.25, 0.75)]
        rows.append({"name": name, "median": float(free.median()), "quartiles": quartiles, "width": float(width)})
    observed = [
        {**{key: one[key] for key in ("name", "events", "followed")}, **one["arms"][facts["arm"]]}
        for one in (metrics or {}).get("horizons", ())
    ]
    groups = (metrics or {}).get("risk_groups")
    return {"unit": unit, "horizons": rows, "observed": observed, "risk_groups": groups, "late": late(metrics or {})}


def _times_drawn(facts: Content, table: pd.DataFrame, metrics: Content | None, rows: pd.DataFrame | None) -> Figures:
    from fusion.report.elsewhere.figures import risks
    from fusion.report.parts.decisions import curves
    from fusion.report.survival import figures as draw

    horizons = list(horizons_of(list(table.columns)))
    made: Figures = {"scores": risks(table, _labels(rows), horizons=horizons, unit=facts.get("unit") or "")}
    if metrics is not None:
        # Without other arms there is no verdict to say whose figures these are.
        content = {"verdict": {"reference": facts["arm"]}, **metrics}
        groups = draw.kaplan_meier(content)
        if groups is not None:
            groups.axes[0].set_title("Thirds of predicted risk")
        made |= {"kaplan_meier": groups, "calibration": draw.calibration(content), "decisions": curves(content)}
    return made


def _of_classes(facts: Content, table: pd.DataFrame, metrics: Content | None) -> dict[str, Any]:
    """Who is called what, and how sure the models are."""
    rows = []
    for name in facts["classes"]:
        called = table[table["class"].astype(str) == name]
        sure = called["score"].median() if len(called) else None
        rows.append({"name": name, "called": len(called), "mean": float(table[f"{SCORE}{name}"].mean()), "sure": sure})
    return {"called": rows}


def _classes_drawn(facts: Content, table: pd.DataFrame, metrics: Content | None, rows: pd.DataFrame | None) -> Figures:
    from fusion.report import class_figures as draw
    from fusion.report.elsewhere.figures import shares
    from fusion.report.parts.decisions import curves

    made: Figures = {"scores": shares(table, {name: f"{SCORE}{name}" for name in facts["classes"]})}
    if metrics is not None and rows is not None:
        made["confusion"] = draw.confusion(metrics["confusion"][facts["arm"]], facts["classes"])
        made["calibration"] = draw.confidence(rows, facts["classes"], arm=facts["arm"])
        made["decisions"] = curves(metrics)
    return made


def _labels(rows: pd.DataFrame | None) -> pd.Series[int]:
    return pd.Series(dtype="int64") if rows is None else rows.set_index("patient_id")["label"]


def _spread(values: pd.Series[float]) -> str:
    low, high = (float(values.quantile(share)) for share in (0.25, 0.75))
    return f"{values.median():.2f}, quartiles {low:.2f} and {high:.2f}"


def _two_told(facts: Content, table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(f"Probability of {facts['classes'][1]}, median", _spread(table["score"]))]


def _classes_told(facts: Content, table: pd.DataFrame) -> list[tuple[str, str]]:
    return [
        (row["name"], f"likeliest in {row['called']} patients; mean probability {row['mean']:.2f}")
        for row in _of_classes(facts, table, None)["called"]
    ]


def _times_told(facts: Content, table: pd.DataFrame) -> list[tuple[str, str]]:
    unit = f" {facts['unit']}" if facts.get("unit") else ""
    free = [
        (f"Free of the event at {name}{unit}, median", _spread(table[f"{SURVIVAL}{name}"]))
        for name in horizons_of(list(table.columns))
    ]
    return [("Log-risk, median", _spread(table["score"])), *free]


_CLASSES = Elsewhere(
    template="predicted_classes.html.j2", content=_of_classes, figures=_classes_drawn, told=_classes_told
)

KINDS: Mapping[str, Elsewhere] = {
    "binary": Elsewhere(template="prediction_report.html.j2", content=_of_two, figures=_two_drawn, told=_two_told),
    "multiclass": _CLASSES,
    "ordinal": _CLASSES,
    "survival": Elsewhere(
        template="predicted_times.html.j2", content=_of_times, figures=_times_drawn, told=_times_told
    ),
}
