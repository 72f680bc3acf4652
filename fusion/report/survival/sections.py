"""Tables of the report of a time to an event, each from metrics.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion.report.sections import arms

Row = dict[str, Any]
Content = Mapping[str, Any]


def tables(content: Content) -> Row:
    """For the template: concordance by fold, the horizons' table and the risk groups'."""
    return {
        "by_fold": by_fold(content),
        "horizons": horizons(content),
        "risk_groups": content.get("risk_groups"),
        "unit": content.get("unit") or "",
        "late": late(content),
    }


def late(content: Content) -> str:
    """What it means that patients came under observation late; empty where nobody did."""
    entry, groups = content.get("entry"), (content.get("risk_groups") or {}).get("groups", ())
    if not entry or not entry["late"]:
        return ""
    unit = f" {content['unit']}" if content.get("unit") else ""
    gone = [f"{one['name']} (at {one['emptied']:g}{unit})" for one in groups if one.get("emptied") is not None]
    told = (
        f"Times are left-truncated: {entry['late']} of {content['patients']} patients came under observation after "
        f"time zero, half of these by {entry['median']:g}{unit}, the last at {entry['last']:g}. Nobody is at risk "
        "before their entry: not in a likelihood, a curve or the numbers at risk; and a pair is compared only if the "
        "one who outlived the event was under observation then. Weights are inverse to the chance to be under "
        "observation, and mean predicted risks are of all who were there at time zero. Probabilities rest on the "
        "assumption that when a patient came under observation says nothing of their risk."
    )
    if gone:
        told += f" The curve of {' and '.join(gone)} falls to 0 where few were under observation, all of whom had the "
        told += "event; it says nothing of later times."
    return told


def patients(content: Content) -> str:
    """How many patients and events, in a few words."""
    events, entry = content["events"], content.get("entry")
    late = f", {entry['late']} under observation late" if entry else ""
    return f"{content['patients']} patients, {events} {'event' if events == 1 else 'events'}{late}"


def by_fold(content: Content) -> list[Row]:
    """Each arm's concordances as papers on published folds give them: mean and deviation over folds, and the range."""
    rows = []
    for row in arms(content, content["verdict"]["against"]):
        found = content["by_fold"][row["arm"]]
        known = [value for values in found["c_harrell"]["values"] for value in values if value is not None]
        ends = {"lowest": min(known, default=None), "highest": max(known, default=None)}
        rows.append({**row, **{name: found[name] for name in ("c_harrell", "c_uno")}, **ends})
    return rows


def horizons(content: Content) -> list[Row]:
    """One entry a horizon with a row an arm, the judged one first."""
    order = arms(content, content["verdict"]["against"])
    return [
        {
            **{name: one[name] for name in ("name", "events", "followed")},
            "observed": next(iter(one["arms"].values()))["observed"],
            "rows": [{**row, **one["arms"][row["arm"]]} for row in order],
        }
        for one in content.get("horizons", ())
    ]
