"""Regimens as numbers, by hand."""

from __future__ import annotations

from data_modules.cohort.regimens.fields import encode
from fusion.contract import Agent

ALL = ("agents", "class", "dose", "order")
REGIMENS = {
    "A": (Agent(name="blue", group="cold", order=2), Agent(name="red", group="warm", dose=80, unit="mg/m2", order=1)),
    "B": (Agent(name="green", group="cold"), Agent(name="red", group="warm", dose=160, unit="mg/m2", order=3)),
    "C": (Agent(name="red", group="warm", dose=100, unit="mg/m2"),),
    "none": (),
}


def test_regimens_share_the_columns_of_their_agents_and_classes() -> None:
    frame, columns = encode(REGIMENS, ALL)
    assert list(frame.columns) == [column.name for column in columns]
    assert frame.to_dict("list") == {
        "agent:blue": [1, 0, 0, 0],
        "agent:green": [0, 1, 0, 0],
        "agent:red": [1, 1, 1, 0],
        "class:cold": [1, 1, 0, 0],  # of two agents; the class of red would say what red says
        "dose:red": [80 / 100 - 1, 160 / 100 - 1, 0, 0],  # against the median of 80, 100 and 160
        "order:red": [-1, 1, 0, 0],  # places 1 and 3, where a place is given
    }
    assert list(frame.index) == ["A", "B", "C", "none"]
    assert {column.label for column in columns} >= {"red: dose against 100 mg/m2", "Class cold"}


def test_fields_that_are_not_asked_for_are_left_out() -> None:
    assert list(encode(REGIMENS, ("class",))[0].columns) == ["class:cold", "class:warm"]
    assert list(encode(REGIMENS, ("dose",))[0].columns) == ["dose:red"]
    assert encode({}, ALL)[0].empty
