"""Endpoints as they are declared, by hand: which value is which class, and which declarations are refused."""

from __future__ import annotations

from typing import Any

import pytest

from data_modules.cohort.endpoint import COMPETING, Endpoint, outcome_columns, read_endpoint
from data_modules.errors import CohortError

PLACE = {"table": "clinical", "column": "pCR"}
CLASSES = {**PLACE, "positive": ["yes"], "negative": ["no"]}
TIMES = {"kind": "survival", "table": "clinical", "time": "days", "event": "died"}


def read(facts: dict[str, Any], name: str | None = None) -> Endpoint:
    return read_endpoint("mine", name, {"response": facts})


def refused(facts: dict[str, Any]) -> str:
    with pytest.raises(CohortError) as told:
        read(facts)
    return str(told.value)


def test_two_classes() -> None:
    found = read({**CLASSES, "ignore": ["NE"], "note": "a proxy"})
    assert (found.name, found.table, found.column, found.kind) == ("response", "clinical", "pCR", "binary")
    assert (found.classes, found.values, found.note) == (("no response", "response"), (("no",), ("yes",)), "a proxy")
    assert [found.label(one) for one in ("no", "yes", "NE", "x")] == [0, 1, -1, -1]
    assert found.known == {"no", "yes", "NE"} and found.columns == ("pCR",)
    assert read({**CLASSES, "classes": ["RD", "pCR"]}).classes == ("RD", "pCR")
    assert read({**CLASSES, "kind": "binary"}).kind == "binary"
    spec = found.spec
    assert (spec.name, spec.kind, spec.classes, spec.note) == (
        "response",
        "binary",
        ("no response", "response"),
        "a proxy",
    )


def test_whole_numbers_as_spreadsheets_write_them() -> None:
    found = read({**CLASSES, "positive": [1], "negative": ["0", "2.0"], "ignore": [9]})
    values = ("1.0", "1.00", "0", "2.0", "2", "9.0", "1.5", "x.0", "-1.0")
    assert [found.spelt(one) for one in values] == ["1", "1", "0", "2.0", "2", "9", "1.5", "x.0", "-1"]


def test_classes_by_a_mapping_and_the_rest() -> None:
    classes = {"low": ["1", "2"], "high": ["3"], "other": "*"}
    found = read({**PLACE, "classes": classes, "ignore": ["NE"]})
    assert found.kind == "multiclass" and found.classes == ("low", "high", "other")
    assert [found.label(one) for one in ("1", "2", "3", "x", "NE")] == [0, 0, 1, 2, -1]
    assert read({**PLACE, "classes": classes, "kind": "ordinal"}).kind == "ordinal"
    assert read({**PLACE, "classes": {"no": ["0"], "yes": ["1"]}}).kind == "binary"


def test_a_time_with_its_event() -> None:
    found = read(
        {**TIMES, "competing_values": ["3"], "horizons": [12, 36.5], "unit": "months", "time_zero": "diagnosis"}
    )
    assert (found.kind, found.column, found.time, found.columns) == ("survival", "died", "days", ("died", "days"))
    assert (found.classes, found.values) == (("censored", "event"), (("0",), ("1",)))
    assert (found.horizons, found.unit, found.zero) == ((12.0, 36.5), "months", "refuse")
    assert found.competing == ((COMPETING, ("3",)),) and found.known == {"0", "1", "3"}
    assert [found.label(one) for one in ("0", "1", "3", "x")] == [0, 1, 0, -1]
    spec = found.spec
    assert (spec.competing, spec.time_zero, spec.horizons, spec.unit) == (
        (COMPETING,),
        "diagnosis",
        (12.0, 36.5),
        "months",
    )
    own = {"event_values": ["dead"], "censored_values": ["alive"], "competing_values": {"other death": ["other"]}}
    found = read({**TIMES, **own, "horizons": 12, "zero": "drop", "ignore": ["?"]})
    assert found.values == (("alive",), ("dead",)) and found.competing == (("other death", ("other",)),)
    assert found.horizons == (12.0,) and found.zero == "drop" and found.ignore == ("?",)
    assert read(TIMES).horizons == () and read(TIMES).competing == ()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({**CLASSES, "kind": "many"}, "cohort.endpoints.response.kind is 'many'"),
        ({**CLASSES, "kind": "ordinal"}, "kind is ordinal, and it has 2 classes"),
        (
            {**PLACE, "classes": {"a": ["1"], "b": ["2"], "c": ["3"]}, "kind": "binary"},
            "kind is binary, and it has 3 classes",
        ),
        ({**CLASSES, "unit": "months"}, "has the keys column, negative, positive, table, unit"),
        ({"table": "clinical", "positive": ["1"], "negative": ["0"]}, "has the keys negative, positive, table"),
        ({**PLACE, "positive": ["1"]}, "lacks positive or negative values"),
        ({**PLACE, "positive": ["1", "2"], "negative": ["2"]}, "2 is both positive and negative"),
        ({**CLASSES, "classes": ["a", "b", "c"]}, r"classes is ['a', 'b', 'c']"),
        ({**CLASSES, "classes": {"a": ["1"], "b": ["2"]}}, "has positive or negative beside a mapping of classes"),
        ({**PLACE, "classes": {"a": ["1"]}}, "has 1 class"),
        ({**PLACE, "classes": {"a": ["1"], "b": []}}, "b has no values"),
        ({**PLACE, "classes": {"a": ["1"], "b": ["1"]}}, "1 stands in two places"),
        ({**PLACE, "classes": {True: ["x"], "b": ["1"]}}, "a class is called True, as YAML takes yes"),
        ({**TIMES, "column": "x"}, "has the keys column, event, table, time"),
        ({"kind": "survival", "table": "clinical", "time": "days"}, "kind: survival needs table, time and event"),
        ({**TIMES, "event": "days"}, "time and event are one column, 'days'"),
        ({**TIMES, "zero": "keep"}, "zero is 'keep'"),
        ({**TIMES, "horizons": [36, 12]}, "horizons is [36, 12]"),
        ({**TIMES, "horizons": [12, 12]}, "horizons is [12, 12]"),
        ({**TIMES, "horizons": [-1]}, "horizons is [-1]"),
        ({**TIMES, "horizons": "12"}, "horizons is '12'"),
        ({**TIMES, "horizons": [True]}, "horizons is [True]"),
        ({**TIMES, "competing_values": {"event": ["3"]}}, "competing_values names event"),
        ({**TIMES, "competing_values": ["1"]}, "1 stands in two places"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)  # fmt: skip
def test_declarations_that_cannot_be_right(facts: dict[str, Any], words: str) -> None:
    assert words in refused(facts)


def test_a_class_may_be_called_true_where_its_values_are_so() -> None:
    assert read({**PLACE, "classes": {"True": ["True"], "False": ["False"]}}).classes == ("True", "False")


def test_which_endpoint_is_predicted() -> None:
    both = {"response": CLASSES, "relapse": TIMES}
    assert read_endpoint("mine", None, both).name == "response"
    assert read_endpoint("mine", "relapse", both).kind == "survival"
    with pytest.raises(CohortError, match="endpoint 'grade' is not declared"):
        read_endpoint("mine", "grade", both)
    with pytest.raises(CohortError, match="no endpoint is declared"):
        read_endpoint("mine", None, {})
    assert both["response"] == CLASSES, "what was declared is left as it was"


def test_columns_of_outcomes_of_every_endpoint() -> None:
    every: dict[str, Any] = {
        "response": CLASSES,
        "relapse": TIMES,
        "again": {**CLASSES},
        "broken": None,
        "other": {"table": "x"},
    }
    assert outcome_columns(every, "clinical") == {"pCR": "response", "died": "relapse", "days": "relapse"}
    assert outcome_columns(every, "x") == {} and outcome_columns({}, "clinical") == {}
