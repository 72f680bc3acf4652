"""Columns that may be the outcome, the likeliest first, with the values of the classes where these are clear."""

from __future__ import annotations

import re
from collections.abc import Sequence

from data_modules.drafting.findings import Candidate, DraftTable
from data_modules.drafting.words import tokens

MOST_CLASSES = 6
_OF_EVENTS = frozenset({"event", "status", "indicator", "censor", "censored", "observed"})
_UNITS = ("days", "weeks", "months", "years")
_OF_TIMES = frozenset({*_UNITS, "time", "day", "month", "year", "to", "t"})
_SURVIVALS = frozenset({"os", "pfs", "dfs", "dss", "pfi", "dfi", "rfs", "efs", "dmfs", "ttp"})
_OF_RESPONSE = frozenset({"response", "responder", "responders", "recist", "benefit", "remission", "bor", "ansprechen"})
_FIRST = (
    "pcr",
    "response",
    "responder",
    "recist",
    "bor",
    "benefit",
    "remission",
    "outcome",
    "endpoint",
    "label",
    "target",
    "rcb",
)
_POSITIVE = frozenset(
    [
        "1",
        "yes",
        "true",
        "y",
        "pcr",
        "cr",
        "pr",
        "complete",
        "partial",
        "responder",
        "response",
        "responded",
        "benefit",
        "high",
        "pos",
        "positive",
        "positiv",
        "ja",
    ]
)
_NEGATIVE = frozenset(
    [
        "0",
        "no",
        "false",
        "n",
        "rd",
        "sd",
        "pd",
        "stable",
        "progressive",
        "nonresponder",
        "none",
        "low",
        "neg",
        "negative",
        "negativ",
        "nein",
        "no_response",
    ]
)


_FIRST_NEGATIVE = frozenset(["stable", "progressive", "no", "non", "sd", "pd"])
_FIRST_POSITIVE = frozenset(["complete", "partial", "cr", "pr"])
_EVENT = frozenset(["deceased", "dead", "died", "recurred", "progressed", "relapsed", "event"])
_NO_EVENT = frozenset(["living", "alive", "censored", "diseasefree", "disease"])


def candidates_of(tables: Sequence[DraftTable]) -> list[Candidate]:
    """Columns that are proposed as outcomes and have two to six values."""
    found = []
    for table in tables:
        for column in table.declared:
            counts = column.facts.counts
            if column.facts.kind == "number":  # as labels have them: 1.0 is 1
                counts = tuple((value.removesuffix(".0"), count) for value, count in counts)
            if column.hint is None or column.hint.time != "outcome" or not 2 <= len(counts) <= MOST_CLASSES:
                continue
            times = time_of(column.facts.name, table)
            positive, negative = classes_of([value for value, _ in counts], event=bool(times))
            found.append(
                Candidate(
                    table=table.table.key,
                    column=column.facts.name,
                    counts=counts,
                    positive=positive,
                    negative=negative,
                    reason=column.hint.reason,
                    **times,
                )
            )
    return sorted(found, key=_rank)


def time_of(event: str, table: DraftTable) -> dict[str, str | None]:
    """The column of times that belongs to one of events, by what their names share: ``os_event``, ``OS.months``."""
    shared = set(tokens(event)) - _OF_EVENTS
    # OS beside OS.time, as UCSC's Xena has them; a bare word of another outcome is no event.
    if not shared or (shared == set(tokens(event)) and shared.isdisjoint(_SURVIVALS)):
        return {}
    for column in table.declared:
        name = column.facts.name
        words = set(tokens(name))
        if column.facts.kind == "number" and name != event and words & _OF_TIMES and words - _OF_TIMES == shared:
            return {"time": name, "unit": next((word for word in tokens(name) if word in _UNITS), None)}
    return {}


def _rank(one: Candidate) -> tuple[int, int, int]:
    # The table's name counts too: 0 and 1 in labels.csv come before what may be follow-up.
    words = [*tokens(one.column), *tokens(one.table)]
    place = min(
        (_FIRST.index(word.removesuffix("s")) for word in words if word.removesuffix("s") in _FIRST), default=99
    )
    return (place, len(one.counts), -sum(count for _, count in one.counts))


def is_of_response(one: Candidate) -> bool:
    """Whether names say that it is response, which is what a run calls its classes where nothing is said."""
    return not _OF_RESPONSE.isdisjoint([*tokens(one.column), *tokens(one.table)])


def classes_of(values: Sequence[str], *, event: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Positive and negative values, where each of them is clear; else none.

    A code before a word tells: ``1:DECEASED``, ``0:LIVING``.

    Args:
        values: of the column.
        event: whether the column tells an event, so that who died counts as positive.
    """
    coded = [re.fullmatch(r"([01])\s*[:=-]\s*\D.*", value) for value in values]
    positive: list[str] = []
    negative: list[str] = []
    for value, code in zip(values, coded, strict=True):
        words = tokens(value)
        word, first = "_".join(words), words[0] if words else ""
        if code is not None and all(coded):
            (positive if code[1] == "1" else negative).append(value)
        elif event and first in _NO_EVENT:
            negative.append(value)
        elif event and first in _EVENT:
            positive.append(value)
        elif word in _NEGATIVE or first in _FIRST_NEGATIVE or "progressive" in words:
            negative.append(value)
        elif word in _POSITIVE or first in _FIRST_POSITIVE:
            positive.append(value)
    whole = len(positive) + len(negative) == len(values) and positive and negative
    return (tuple(positive), tuple(negative)) if whole else ((), ())
