"""The questions that a draft leaves open, asked one by one: an answer takes the place of ``'???'``."""

from __future__ import annotations

import re
from collections.abc import Callable

from data_modules.drafting.yaml_words import FILL, sequence

_TIMES = {"b": "baseline", "p": "post_baseline", "o": "outcome"}
_VALUES = ("positive", "negative", "event_values", "censored_values")
_PLACE = re.compile(r"(\w+): '\?\?\?'")


def fill(text: str, ask: Callable[[str], str]) -> str:
    """The draft with what was answered.

    Args:
        text: of the draft.
        ask: question → answer; an empty one leaves it open, ``x`` makes the line a comment.
    """
    made = []
    table = ""
    for line in text.split("\n"):
        if re.fullmatch(r"(  |    )[\w'\"]+:", line.partition("  #")[0].rstrip()):
            table = line.strip().partition(":")[0]
        made.append(_line(line, table, ask) if FILL in line and not line.lstrip().startswith("#") else line)
    return "\n".join(made)


def _line(line: str, table: str, ask: Callable[[str], str]) -> str:
    body, mark, told = line.partition("  # ")
    name = body.strip().partition(":")[0]
    for key in _PLACE.findall(body):
        answer = ask(f"{table}.{name}{f' ({told})' if told else ''}\n  {key} {_possible(key)}: ").strip()
        if answer == "x":
            indent = len(line) - len(line.lstrip())
            return f"{line[:indent]}# {line[indent:]}"
        if answer:
            body = body.replace(f"{key}: {FILL}", f"{key}: {_value(key, answer)}", 1)
    return f"{body}{mark}{told}"


def _possible(key: str) -> str:
    if key == "time":
        return "[b]aseline, [p]ost_baseline, [o]utcome, [x] do not read it, Enter: leave it open"
    if key in _VALUES:
        return "values with commas between, Enter: leave it open"
    return "value, Enter: leave it open"


def _value(key: str, answer: str) -> str:
    if key == "time":
        return _TIMES.get(answer.lower(), answer)
    if key in _VALUES:
        values = [one.strip().strip("'\"") for one in answer.strip("[]").split(",") if one.strip()]
        return sequence(int(one) if one.isdigit() else one for one in values)
    return answer
