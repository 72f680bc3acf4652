"""What a column of a table holds: numbers, categories, levels in order, ids, dates, or nothing to learn from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from data_modules.columns import MISSING
from data_modules.drafting.words import is_site
from data_modules.readers.measured import measured, units_of
from data_modules.readers.numbers import is_unknown, to_number

Kind = Literal["number", "category", "ordered"]

MOST_LEVELS = 30
"""Different words above which a column is text or ids, and no category."""

MOST_SITES = 200
"""The same of a column whose name says that it holds hospitals."""

ALMOST_EMPTY = 0.95
"""Share of missing values from which a column is left out."""

_CODES = 8
_FEW_WORDS = 3
_SENTENCE = 3
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([ T].*)?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5}
_SIZES = {
    "none": 0, "negative": 0, "absent": 0, "very low": 1, "low": 2, "mild": 2, "intermediate": 3, "medium": 3,
    "moderate": 3, "high": 4, "severe": 4, "very high": 5,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """A column as it is.

    Attributes:
        name: in the header.
        rows: how many.
        missing: share of rows where nothing is known.
        distinct: different known values.
        counts: value → how often, the most frequent first; of columns with few values.
        kind: what it is best read as; None where it is nothing to read.
        levels: of ``ordered``, lowest first.
        words: that say that nothing is known, beside the usual ones.
        reason: for `kind`, or for leaving it out.
        low: of numbers, the lowest and
        high: the highest value.
        bars: of numbers, a histogram of ten bars.
        unit: of numbers, what stands after each of them, or nothing.
        beyond: of numbers, how many lie beyond a limit of their assay (``<0.5``).
    """

    name: str
    rows: int
    missing: float
    distinct: int
    counts: tuple[tuple[str, int], ...] = ()
    kind: Kind | None = None
    levels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    reason: str = ""
    low: float | None = None
    high: float | None = None
    bars: tuple[int, ...] = ()
    unit: str = ""
    beyond: int = 0


def column_facts(name: str, cells: Sequence[str]) -> ColumnFacts:
    """Look at a column.

    Args:
        name: in the header.
        cells: as text, stripped.
    """
    usual = [cell for cell in cells if cell not in MISSING]
    unknown = {cell for cell in usual if is_unknown(cell)}
    known = [cell for cell in usual if cell not in unknown]
    counted = Counter(known)
    facts: dict[str, Any] = {
        "name": name, "rows": len(cells), "distinct": len(counted),
        "missing": 1 - len(known) / len(cells) if cells else 1.0,
        "counts": tuple(counted.most_common()) if len(counted) <= MOST_LEVELS else (),
    }  # fmt: skip
    if not known:
        return ColumnFacts(**facts, reason="nothing is known in any row")
    comma = any(re.fullmatch(r"[+-]?\d+,\d+", one) for one in counted) and not any("." in one for one in counted)
    numbers = [to_number(one, "," if comma else ".") for one in known]
    if all(number == number for number in numbers):  # no NaN
        facts |= _spread(numbers)
        reason = "all values are numbers"
        if len(counted) == 1:
            return ColumnFacts(**facts, reason=f"the same value in all rows: {known[0]}")
        if 2 < len(counted) <= _CODES and all(number.is_integer() for number in numbers):
            reason = f"{len(counted)} different whole numbers; if they are codes of categories, kind: category"
        return ColumnFacts(**facts, kind="number", reason=reason)
    besides = _besides(known, "," if comma else ".") or _with_words(known, unknown)
    if besides is not None:
        facts["missing"] = 1 - besides.pop("measured", len(known)) / len(cells)
        return ColumnFacts(**{**facts, **besides}, kind="number")
    # Words such as None may be a level: they are kept as such, which loses nothing.
    may_be_levels = {word for word in unknown if word.lower() in ("none", "missing")}
    return _words(facts, known + [cell for cell in usual if cell in may_be_levels], unknown - may_be_levels)


def _besides(known: Sequence[str], decimal: str) -> dict[str, Any] | None:
    """Facts of numbers with one unit after each, or most of them within their assay's limits; None of anything else."""
    cells = [measured(one, decimal=decimal, declared=False) for one in known]
    found = [one for one in cells if one is not None]
    units, beyond = units_of(found), sum(1 for one in found if one.limit)
    if len(found) < len(cells) or len(units) != 1 or 2 * beyond >= len(cells) or len({one.number for one in found}) < 2:
        return None
    (unit,) = units
    told = f"numbers followed by {unit!r}" if unit else "numbers"
    if beyond:
        told += f", {beyond} of them beyond a limit: limits says what these count as"
    return {**_spread([one.number for one in found]), "unit": unit, "beyond": beyond, "reason": told}


def _with_words(known: Sequence[str], unknown: set[str]) -> dict[str, Any] | None:
    """Facts of numbers among which a word or two say that none was measured; None of codes and of anything else."""
    words = Counter(one for one in known if not any(sign.isdigit() for sign in one))
    rest = [one for one in known if one not in words]
    # The decimal sign is that of the numbers alone.
    comma = not any("." in one for one in rest) and any("," in one for one in rest)
    cells = [measured(one, decimal="," if comma else ".", declared=False) for one in rest]
    numbers = [one.number for one in cells if one is not None and not one.unit]
    beyond = sum(1 for one in cells if one is not None and one.limit)
    if not 1 <= len(words) <= _FEW_WORDS or len(numbers) < len(known) / 2 or len(numbers) < len(rest):
        return None
    if len(set(numbers)) <= _CODES or 2 * beyond >= len(cells):
        return None
    told = ", ".join(f"{word} ({number})" for word, number in words.most_common())
    reason = f"numbers, and words that say that nothing is known, or too little of it to be measured: {told}"
    facts = {**_spread(numbers), "beyond": beyond, "words": tuple(sorted({*words, *unknown})), "reason": reason}
    return {**facts, "counts": (), "distinct": len(set(numbers)), "measured": len(numbers)}


def _words(facts: dict[str, Any], known: list[str], unknown: set[str]) -> ColumnFacts:
    counted = Counter(known)
    facts |= {"words": tuple(sorted(unknown)), "distinct": len(counted)}
    if all(_DATE.fullmatch(one) for one in counted):
        return ColumnFacts(**facts, reason="dates: give days or years instead")
    if len(counted) == 1:
        return ColumnFacts(**facts, reason=f"the same value in all rows: {known[0]}")
    if len(counted) > (MOST_SITES if is_site(facts["name"]) else MOST_LEVELS):
        return ColumnFacts(**facts, reason=f"{len(counted)} different words: text or ids")
    if _is_prose(counted):
        return ColumnFacts(**facts, reason="free text")
    spelt = Counter(one.lower() for one in counted)
    twice = sorted(one for one in counted if spelt[one.lower()] > 1)
    if twice:
        told = f"one word in several spellings ({', '.join(twice)}): mend them in the file"
        return ColumnFacts(**facts, reason=told)
    facts["counts"] = tuple(counted.most_common())
    order = in_order(list(counted))
    if order is not None:
        reason = "its levels have an order; kind: category forgets it"
        return ColumnFacts(**facts, kind="ordered", levels=order, reason=reason)
    levels = tuple(sorted(counted)) if any(is_unknown(one) for one in counted) else ()
    reason = f"{len(counted)} different words"
    if levels:
        reason += "; a word that may say that nothing is known counts as a level: else list it in missing"
    return ColumnFacts(**facts, kind="category", levels=levels, reason=reason)


def _is_prose(counted: Counter[str]) -> bool:
    """Sentences, most of them of one patient each."""
    once = [one for one, number in counted.items() if number == 1]
    return len(once) > max(2, len(counted) / 2) and sum(len(one.split()) >= _SENTENCE for one in counted) > 2


def in_order(levels: Sequence[str]) -> tuple[str, ...] | None:
    """Levels by their order, lowest first; None where nothing tells one.

    Stages (``Stage IIA``), grades and classes (``G1``, ``T2``, ``N0``) and sizes (``low``, ``high``).
    """
    if len(levels) < 3:
        return None
    for rank in (_stage, _numbered, lambda one: _SIZES.get(one.lower())):
        ranks = {one: rank(one) for one in levels}
        if None not in ranks.values() and len(set(ranks.values())) == len(levels):
            return tuple(sorted(levels, key=lambda one: ranks[one]))  # type: ignore[arg-type, return-value]
    return None


def _stage(level: str) -> tuple[int, str] | None:
    match = re.fullmatch(r"(?:stage|grade)\s+(i{1,3}|iv|v)\s*([a-c]?\d?)", level.lower())
    return None if match is None else (_ROMAN[match[1]], match[2])


def _numbered(level: str) -> tuple[int, str] | None:
    match = re.fullmatch(r"(?:grade|g|t|n|m|p?t|p?n)\s?([0-5])([a-d]?)", level.lower())
    return None if match is None else (int(match[1]), match[2])


def _spread(numbers: Sequence[float]) -> dict[str, Any]:
    low, high = min(numbers), max(numbers)
    bars = [0] * 10
    for number in numbers if high > low else ():
        bars[min(9, int(10 * (number - low) / (high - low)))] += 1
    return {"low": low, "high": high, "bars": tuple(bars)}
