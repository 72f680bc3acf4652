"""Tables of a report of times, by hand."""

from __future__ import annotations

from typing import Any

from fusion.report.survival.sections import by_fold, horizons, late, patients


def content(**more: Any) -> dict[str, Any]:
    def concordance(*values: list[float | None]) -> dict[str, Any]:
        return {"c_harrell": {"values": list(values), "mean": 0.6}, "c_uno": {"mean": 0.5}}

    return {
        "patients": 40,
        "events": 9,
        "unit": "months",
        "verdict": {"reference": "fusion", "against": ["late"]},
        "arms": {"classical": {}, "late": {}, "fusion": {}},
        "by_fold": {
            "fusion": concordance([0.7, None], [0.5, 0.6]),
            "late": concordance([0.4], [0.9]),
            "classical": concordance([None]),
        },
        **more,
    }


def test_the_range_over_folds_and_the_judged_arm_first() -> None:
    rows = by_fold(content())
    assert [(row["arm"], row["lowest"], row["highest"]) for row in rows] == [
        ("fusion", 0.5, 0.7),
        ("late", 0.4, 0.9),
        ("classical", None, None),
    ]
    assert rows[0]["c_harrell"]["mean"] == 0.6 and rows[0]["c_uno"]["mean"] == 0.5


def test_who_came_late_is_told() -> None:
    assert patients(content()) == "40 patients, 9 events"
    assert patients(content(events=1)) == "40 patients, 1 event"
    entry = {"late": 3, "median": 2.5, "last": 10.0}
    assert patients(content(entry=entry)) == "40 patients, 9 events, 3 under observation late"
    assert late(content()) == "" and late(content(entry={"late": 0})) == ""
    groups = [{"name": "low", "emptied": None}, {"name": "middle", "emptied": 4.0}, {"name": "high", "emptied": 0.5}]
    told = late(content(entry=entry, risk_groups={"groups": groups}))
    assert (
        "3 of 40 patients came under observation after time zero, half of these by 2.5 months, the last at 10" in told
    )
    assert "The curve of middle (at 4 months) and high (at 0.5 months) falls to 0" in told
    assert "falls to 0" not in late(content(entry=entry, risk_groups={"groups": groups[:1]}, unit=None))
    assert "half of these by 2.5, the last" in late(content(entry=entry, unit=None))


def test_a_horizon_has_a_row_an_arm() -> None:
    arms = {arm: {"observed": 0.25, "auc": number} for number, arm in enumerate(("classical", "fusion", "late"))}
    one = {"name": "12", "at": 12.0, "events": 5, "followed": 30, "arms": arms}
    (found,) = horizons(content(horizons=[one]))
    assert (found["name"], found["events"], found["followed"], found["observed"]) == ("12", 5, 30, 0.25)
    assert [(row["arm"], row["auc"]) for row in found["rows"]] == [("fusion", 1), ("late", 2), ("classical", 0)]
    assert horizons(content()) == []
