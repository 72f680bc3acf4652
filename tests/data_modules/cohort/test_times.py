"""Endpoints in time: declared, read, refused."""

from __future__ import annotations

import numpy as np
import pytest

from data_modules.errors import CohortError
from data_modules.folds.draw import make_folds
from data_modules.modalities.tables.table import Table

ALL = [f"P{number:02d}" for number in range(1, 11)]
OS = {
    "table": "treatment",
    "kind": "survival",
    "time": "months",
    "event": "died",
    "event_values": ["dead"],
    "censored_values": ["alive"],
    "horizons": [3, 6],
}


@pytest.fixture
def survival(cohort):
    """P01 to P10, followed for as many months; the odd ones died."""
    cohort.treatment[0] += "\tmonths\tdied"
    for number in range(1, 11):
        cohort.treatment[number] += f"\t{number}\t{'dead' if number % 2 else 'alive'}"
    columns = cohort.settings["tables"]["treatment"]["columns"]
    columns["months"] = {"time": "outcome", "kind": "number", "unit": "months"}
    columns["died"] = {"time": "outcome"}
    cohort.settings["endpoints"] = {"os": dict(OS)}
    return cohort


def put(cohort, patient: int, months: str, died: str) -> None:
    *head, _, _ = cohort.treatment[patient].split("\t")
    cohort.treatment[patient] = "\t".join([*head, months, died])


def refused(cohort, named) -> str:
    with pytest.raises(CohortError) as caught:
        source = cohort.source()
        source.reconcile({"slides": named(source, ALL)})
    return str(caught.value)


def test_times_and_events(survival, named):
    put(survival, 4, "", "alive")  # censored, nobody knows when: nothing can be said of them
    source = survival.source()
    kept = source.reconcile({"slides": named(source, ALL)})
    assert kept.labels.to_dict() == {one: int(one[1:]) % 2 for one in ALL if one != "P04"}
    assert kept.times.to_dict() == {one: float(one[1:]) for one in ALL if one != "P04"}
    endpoint = kept.spec.endpoint
    assert (endpoint.kind, endpoint.unit, endpoint.horizons) == ("survival", "months", (3.0, 6.0))
    assert endpoint.needed == (1,)
    reasons = kept.reconciliation.set_index("patient_id")["reason"]
    assert reasons["P04"] == "months is missing in treatment.tsv"
    dealt = kept.permuted(3)
    pairs = set(zip(kept.times, kept.labels, strict=True))
    assert set(zip(dealt.times, dealt.labels, strict=True)) == pairs
    assert dealt.times.to_dict() != kept.times.to_dict()
    new = source.reconcile({"slides": named(source, ["P01", "P04", "P99"])}, require_labels=False)
    assert new.labels.to_dict() == {"P01": 1, "P04": -1, "P99": -1}
    assert np.isnan(new.times["P99"])


@pytest.mark.parametrize(
    ("months", "died", "said"),
    [
        ("-2", "dead", "times below 0"),
        ("0", "alive", "times of 0"),
        ("", "dead", "no time for patients whose event was seen"),
        ("5", "lost", "values that are no label of endpoint 'os'"),
    ],
)
def test_what_cannot_be(survival, named, months, died, said):
    put(survival, 3, months, died)
    text = refused(survival, named)
    assert said in text
    assert "P03, row 4" in text
    assert "cohort.endpoints.os" in text


def test_times_of_zero_may_be_left_out(survival, named):
    put(survival, 3, "0", "dead")
    survival.settings["endpoints"]["os"]["zero"] = "drop"
    source = survival.source()
    kept = source.reconcile({"slides": named(source, ALL)})
    assert "P03" not in kept.patient_ids
    assert "zero is drop" in kept.reconciliation.set_index("patient_id").loc["P03", "reason"]


def test_nobody_had_the_event_and_horizons_beyond_all_times(survival, named):
    survival.settings["endpoints"]["os"]["horizons"] = [3, 60]
    assert "beyond the longest time, 10" in refused(survival, named)
    survival.settings["endpoints"]["os"]["horizons"] = []
    for number in range(1, 11):
        put(survival, number, str(number), "alive")
    assert "all 10 labelled patients are censored" in refused(survival, named)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"horizons": [12, 6]}, "horizons is [12, 6]"),
        ({"horizons": [0]}, "horizons is [0]"),
        ({"zero": "keep"}, "zero is 'keep'"),
        ({"time": "died"}, "time and event are one column"),
        ({"time": "weeks"}, "cohort.endpoints.os.time 'weeks' is not declared"),
        ({"time": "agent"}, "is of kind category"),
        ({"positive": ["dead"]}, "needs table, time and event"),
        ({"censored_values": ["dead"]}, "stands in two places"),
        ({"kind": "hazard"}, "kind is 'hazard'"),
    ],
)
def test_declarations_that_cannot_be(survival, named, change, said):
    survival.settings["endpoints"]["os"] |= change
    assert said in refused(survival, named)


def test_no_outcome_of_any_endpoint_is_an_input(survival):
    """Months and death are refused, and not taken unasked, while another endpoint is predicted."""
    columns = survival.settings["tables"]["treatment"]["columns"]
    columns["months"]["time"] = columns["died"]["time"] = "baseline"
    survival.settings["endpoints"] = {
        "response": {"table": "treatment", "column": "outcome", "positive": ["CR"], "negative": ["PD"]},
        "os": dict(OS),
    }
    source = survival.source()
    assert [column.name for column in Table(name="treatment", source=source, table="treatment").columns] == ["agent"]
    _, problems = source.inputs("treatment", ["agent", "months"], key="modality.treatment")
    assert "is the endpoint 'os'" in problems[0].remedy


def test_grades_are_ordinal_only_where_declared(survival):
    grades = {"table": "treatment", "column": "outcome", "classes": {"a": ["CR"], "b": ["PR"], "c": ["PD"]}}
    survival.settings["endpoints"] = {"rcb": {**grades, "kind": "ordinal"}, "best": grades}
    assert survival.source().endpoint.spec.kind == "ordinal"
    assert survival.source(endpoint="best").endpoint.spec.kind == "multiclass"
    survival.settings["endpoints"] = {"rcb": {**grades, "kind": "binary"}}
    with pytest.raises(CohortError, match="kind is binary, and it has 3 classes"):
        survival.source()


def test_folds_spread_events_and_need_no_censored(survival, named):
    for number in range(2, 11):
        put(survival, number, str(number), "dead")
    put(survival, 2, "2", "alive")
    source = survival.source()
    kept = source.reconcile({"slides": named(source, ALL)})
    folds = make_folds(kept, outer=3, inner=2, seed=1)
    assert all(3 <= sum(kept.labels[list(fold.test)]) <= 4 for fold in folds)
    few = dict.fromkeys(range(3, 11), "alive")
    for number, died in few.items():
        put(survival, number, str(number), died)
    source = survival.source()
    with pytest.raises(CohortError, match=r"1 patients are .event., fewer than folds\.outer=3"):
        make_folds(source.reconcile({"slides": named(source, ALL)}), outer=3, inner=2, seed=1)


def test_what_competes_is_censored_and_known(survival, named):
    """P04 died of something else, P06 moved away for a therapy elsewhere; P08 is of neither."""
    put(survival, 4, "4", "other")
    put(survival, 6, "6", "moved")
    survival.settings["endpoints"]["os"]["competing_values"] = {"other death": ["other"], "lost": ["moved", "gone"]}
    source = survival.source()
    kept = source.reconcile({"slides": named(source, ALL)})
    assert kept.labels.to_dict() == {one: int(one[1:]) % 2 for one in ALL}
    assert kept.causes.to_dict() == {one: {"P04": 2, "P06": 3}.get(one, int(one[1:]) % 2) for one in ALL}
    assert kept.spec.endpoint.competing == ("other death", "lost")
    assert kept.spec.endpoint.classes == ("censored", "event")
    assert "1 patients had lost, which competes with os: models are of os alone and censor them then." in kept.notes
    assert kept.permuted(3).causes is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["dead"], ("cohort.endpoints.os", "dead stands in two places")),
        ({"event": ["other"]}, ("cohort.endpoints.os.competing_values names event", "a name of its own")),
        ({"lost": []}, ("cohort.endpoints.os: lost has no values",)),
        (["moved"], ("P04, row 5: 'other'", "cohort.endpoints.os")),
    ],
)
def test_competing_events_that_cannot_be_are_refused(survival, named, given, words):
    put(survival, 4, "4", "other")
    survival.settings["endpoints"]["os"]["competing_values"] = given
    told = refused(survival, named)
    for word in words:
        assert word in told


def test_a_list_competes_under_one_name_and_nobody_may_have_it(survival, named):
    survival.settings["endpoints"]["os"]["competing_values"] = ["other"]
    source = survival.source()
    kept = source.reconcile({"slides": named(source, ALL)})
    assert kept.spec.endpoint.competing == ("another event",)
    assert (kept.causes == kept.labels).all()
    assert any(
        "cohort.endpoints.os.competing_values: no patient has another event (other in died)" in one
        for one in kept.notes
    )


def enter(survival, entries: dict[int, str]) -> None:
    """P01 to P10 under observation from the time that `entries` says, else from time zero on."""
    survival.treatment[0] += "\tenrolled"
    for number in range(1, 11):
        survival.treatment[number] += f"\t{entries.get(number, '0')}"
    survival.settings["tables"]["treatment"]["columns"]["enrolled"] = {"time": "outcome", "kind": "number"}
    survival.settings["endpoints"]["os"] |= {"entry": "enrolled", "time_zero": "diagnosis"}


def test_entries_are_read_and_go_with_their_times(survival, named):
    put(survival, 4, "", "alive")
    enter(survival, {5: "2.5", 8: "7", 4: ""})  # of whom nothing is known, nothing is asked
    source = survival.source()
    kept = source.reconcile({"slides": named(source, ALL)})
    assert kept.entry.to_dict() == {one: {"P05": 2.5, "P08": 7.0}.get(one, 0.0) for one in ALL if one != "P04"}
    told = "2 of 9 patients came under observation after diagnosis (enrolled) and count from then on"
    assert any(told in one for one in kept.notes)
    dealt = kept.permuted(3)
    both = set(zip(kept.times, kept.entry, strict=True))
    assert set(zip(dealt.times, dealt.entry, strict=True)) == both
    new = source.reconcile({"slides": named(source, ["P05", "P04", "P99"])}, require_labels=False)
    assert new.entry["P05"] == 2.5
    assert new.entry[["P04", "P99"]].isna().all()
    _, problems = source.inputs("treatment", ["enrolled"], key="modality.treatment")
    assert "is the endpoint 'os'" in problems[0].remedy


def test_entries_of_a_secondary_endpoint(survival, named):
    enter(survival, {5: "2.5"})
    survival.settings["endpoints"] |= {
        "response": {"table": "treatment", "column": "outcome", "positive": ["CR", "PR"], "negative": ["SD", "PD"]}
    }
    source = survival.source(endpoint=["response", "os"])
    kept = source.reconcile({"slides": named(source, ALL)})
    assert kept.entry is None
    beside = kept.secondary["os"]
    assert beside.entry["P05"] == 2.5
    assert beside.of(["P05", "P01"]).followed.to_numpy().tolist() == [[5.0, 2.5], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("entries", "said", "example"),
    [
        ({3: "3"}, "has entries at or after the end of follow-up (months)", "P03, row 4: 3, months 3"),
        ({3: "-1"}, "has entries below 0", "P03, row 4: -1, months 3"),
        ({3: ""}, "does not say from when on patients were under observation", "P03, row 4: nan, months 3"),
        (
            dict.fromkeys(range(1, 8), "30"),
            "may be in another unit or count from elsewhere",
            "P01, row 2: 30, months 1",
        ),
    ],
)
def test_entries_that_cannot_be(survival, named, entries, said, example):
    enter(survival, entries)
    text = refused(survival, named)
    for word in (said, example, "cohort.endpoints.os.entry", "treatment.tsv: column 'enrolled'"):
        assert word in text


@pytest.mark.parametrize(("late", "most"), [(5, False), (6, True)])
def test_entries_after_most_ends_may_be_in_another_unit(survival, named, late, most):
    """Of ten patients."""
    enter(survival, dict.fromkeys(range(1, late + 1), "30"))
    assert ("may be in another unit" in refused(survival, named)) is most


@pytest.mark.parametrize(
    ("entry", "column", "said"),
    [
        ("months", {}, "cohort.endpoints.os.entry is 'months', which is its time"),
        ("died", {}, "cohort.endpoints.os.entry is 'died', which is its event"),
        ("enroled", {}, "cohort.endpoints.os.entry 'enroled' is not declared"),
        (
            "enrolled",
            {"unit": "days"},
            "os.entry 'enrolled' is in days, and cohort.endpoints.os.time 'months' in months",
        ),
        ("enrolled", {"kind": "category"}, "cohort.endpoints.os.entry 'enrolled' is of kind category"),
    ],
)
def test_declarations_of_entry_that_cannot_be(survival, named, entry, column, said):
    enter(survival, {})
    survival.settings["endpoints"]["os"]["entry"] = entry
    survival.settings["tables"]["treatment"]["columns"]["enrolled"] |= column
    assert said in refused(survival, named)


def test_everyone_from_time_zero_on_is_told(survival, named):
    enter(survival, {})
    source = survival.source()
    kept = source.reconcile({"slides": named(source, ALL)})
    assert "cohort.endpoints.os.entry: every enrolled is 0, as if it were not declared." in kept.notes
