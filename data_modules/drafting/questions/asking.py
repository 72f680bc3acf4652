"""The questions that a draft leaves open, asked one by one: an answer takes the place of ``'???'``."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence

from data_modules.drafting.yaml_words import FILL, scalar, sequence

_TIMES = {"b": "baseline", "p": "post_baseline", "o": "outcome"}
_VALUE = "values"
"""Of the column by which rows are chosen, whatever its name."""
_VALUES = ("positive", "negative", "event_values", "censored_values", _VALUE)
_CHOSEN = ("rows", "id_pattern", "patient_pattern")
"""Keys above which comments say what there is to choose from."""
_PLACE = re.compile(r"(\w+)'?: '\?\?\?'")
_BLOCK = re.compile(r"( *)([\w'\"]+):")


def fill(text: str, ask: Callable[[str], str]) -> str:
    """The draft with what was answered.

    Args:
        text: of the draft.
        ask: question → answer; an empty one leaves it open, ``x`` makes a comment of what is asked about: a column, a
            sequence, the columns of a table that have no time of their own, or a modality of which nothing is left.
    """
    made: list[str] = []
    gone: list[str] = []
    untimed: list[str] = []
    above = {0: "", 2: "", 4: ""}
    remarks: list[str] = []
    for line in text.split("\n"):
        block = _BLOCK.fullmatch(_body(line).rstrip())
        if block is not None and len(block[1]) in above:
            indent = len(block[1])
            above |= {deeper: block[2] if deeper == indent else "" for deeper in above if deeper >= indent}
        open_one = FILL in line and not line.lstrip().startswith("#")
        table = above[4] or above[2] or above[0]
        answered: str | None = _line(line, table, ask, remarks) if open_one else line
        remarks = [*remarks, line.strip().removeprefix("#").strip()] if line.lstrip().startswith("# ") else []
        if answered is None:
            of_table = above[0] == "cohort"
            untimed += [above[4]] if of_table else []
            gone += [] if of_table else [above[2]]
        made.append(answered or line)
    for key in untimed:
        made = _without_untimed(made, key)
    for key in [*gone, *_emptied(made)]:
        made = _without(made, key)
    return "\n".join(made)


def _line(line: str, table: str, ask: Callable[[str], str], remarks: Sequence[str] = ()) -> str | None:
    """The line with answers in it; None where the table or modality whose time it is goes."""
    body, mark, told = line.partition("  # ")
    name = body.strip().partition(":")[0]
    said = "".join(f"  {remark}\n" for remark in remarks) if name in _CHOSEN else ""
    for place, key in [(one[0], _VALUE if name == "rows" else one[1]) for one in _PLACE.finditer(body)]:
        proposed = re.search(rf"\b{key}: (\[[^\]]*\])", told) if key in _VALUES else None
        possible = f"[=] as proposed: {proposed[1]}, {_possible(key)}" if proposed else _possible(key)
        shown = name if name == "rows" else key
        question = f"{table}.{name}{f' ({told})' if told else ''}\n{said}  {shown} {possible}: "
        answer = ask(question).strip()
        while key == "time" and not _is_time(answer):
            answer = ask(f"  {answer!r} is no time: {_possible(key)}: ").strip()
        if key == "time" and answer.lower() == "x":
            return None if name == "time" else _comment(line)
        if answer:
            value = proposed[1] if proposed and answer == "=" else _value(key, answer)
            body = body.replace(place, place.replace(FILL, value), 1)
    return f"{body}{mark}{told}"


def _is_time(answer: str) -> bool:
    return answer.lower() in ("", *_TIMES, *_TIMES.values(), "x")


def _possible(key: str) -> str:
    if key == "time":
        return "[b]aseline, [p]ost_baseline, [o]utcome, [x] do not read it, Enter: leave it open"
    if key in _VALUES:
        return "values with commas between, Enter: leave it open"
    return "value, Enter: leave it open"


def _value(key: str, answer: str) -> str:
    if key == "time":
        return _TIMES.get(answer.lower(), answer.lower())
    if key in _VALUES:
        cells = next(csv.reader([answer.strip("[]").replace('"', "'")], quotechar="'", skipinitialspace=True), [])
        values = [one.strip() for one in cells if one.strip()]
        return sequence(int(one) if one.isdigit() else one for one in values)
    return scalar(answer.strip("'")) if key.endswith("_pattern") else answer


def _emptied(lines: list[str]) -> list[str]:
    """Modalities none of whose sequences is left."""
    found = []
    for at, line in enumerate(lines):
        if _body(line).rstrip() == "    sequences:":
            inner = lines[at + 1 :]
            end = next((place for place, one in enumerate(inner) if not one.startswith("      ")), len(inner))
            if all(one.lstrip().startswith("#") for one in inner[:end]):
                above = (one for one in reversed(lines[:at]) if re.match(r"  \w", one))
                found.append(next(above).strip().partition(":")[0])
    return found


def _without_untimed(lines: list[str], table: str) -> list[str]:
    """A table's columns without a time of their own as comments; all of it, and its modality, where none is left."""
    begin = lines.index(f"    {table}:")
    end = next(at for at, line in enumerate(lines) if at > begin and not line.startswith("      "))
    own = [line for line in lines[begin:end] if re.match(r" {8}[^ #]", line) and "time: " in _body(line)]
    made = list(lines)
    for at in range(begin, end):
        column, is_time = lines[at].startswith("        "), lines[at].startswith("      time:")
        if not own or is_time or (column and lines[at] not in own):
            made[at] = _comment(lines[at])
    return made if any("time: baseline" in line or FILL in line for line in own) else _without(made, table)


def _without(lines: list[str], modality: str) -> list[str]:
    """A modality's lines, and its line in the defaults list, as comments."""
    begin = lines.index("modality:")
    made, inside = [], False
    for at, line in enumerate(lines):
        if re.match(r" {0,2}\S", line):
            inside = at > begin and line.startswith(f"  {modality}:")
        goes = (inside and line.strip() != "") or line.startswith(f"  - /modality@modality.{modality}:")
        made.append(_comment(line) if goes else line)
    return made


def _comment(line: str) -> str:
    bare = line.lstrip()
    return line if bare.startswith("#") else f"{line[: len(line) - len(bare)]}# {bare}"


def _body(line: str) -> str:
    return line.partition("  #")[0]
