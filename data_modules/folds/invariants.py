"""What must hold of nested folds, however they came about: drawn here, read from another run, or published.

In each repeat every patient is tested exactly once; training and test part are disjoint and together everyone; inner
validation parts divide the training part; what stays whole is on one side at both levels; every part holds every class
that enough units have, and a training part at least `LEAST` patients of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from data_modules.errors import Problem
from data_modules.folds.units import Kind, Members, joined
from fusion.contract import Cohort, Fold, some

LEAST = 2
"""Patients of each class in every training part: of one alone nothing can be learned."""
_KEYS: dict[Kind, str] = {"groups": "cohort.group", "sites": "cohort.site"}
_REDRAW = "Draw new folds (folds.file=null)"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found.

    Attributes:
        problems: what keeps the folds from being used.
        flags: what was allowed and yet has to be said beside every result, each a sentence.
    """

    problems: tuple[Problem, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Split:
    """One division of patients: who fits and who is held out."""

    name: str
    outer: bool
    fits: tuple[str, ...]
    held: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Round:
    """Splits that together hold out everyone once: a repeat, or the inner folds of a training part."""

    name: str
    verb: str
    everyone: set[str]
    held: Mapping[str, tuple[str, ...]]


def check_folds(
    folds: Sequence[Fold], cohort: Cohort, *, whole: Mapping[Kind, Members], allow: Collection[str] = ()
) -> Checked:
    """Hold folds against everything that must be true of them.

    Args:
        folds: in any order.
        cohort: whose patients they must be.
        whole: what no split may divide.
        allow: ``groups`` and ``sites`` that may nevertheless be on both sides; each is then a flag.
    """
    problems = _numbers(folds) or _people(folds, cohort)
    if problems:  # the rest says little of folds of other people
        return Checked(problems=tuple(problems), flags=())
    problems = [*_sides(folds), *_held_once(folds)]
    flags: list[str] = []
    for kind, members in whole.items():
        both = [overlap(folds, kind, members, outer=outer) for outer in (True, False)]
        torn = [problem for problem in both if problem is not None]
        if kind in allow:
            flags += [found(problem) for problem in torn]
        else:
            problems += torn
    if not problems:
        strict = {kind: members for kind, members in whole.items() if kind not in allow}
        problems += _classes(folds, cohort, joined(cohort.patient_ids, strict))
    return Checked(problems=tuple(problems), flags=tuple(flags))


def found(problem: Problem) -> str:
    """What is so, without what could be done about it."""
    return f"{problem.what} ({len(problem.examples)}: {some(problem.examples)})"


def lacking(
    parts: Mapping[str, Sequence[str]], labels: Mapping[str, int], units: Mapping[str, str]
) -> dict[int, tuple[str, ...]]:
    """Class → the parts that lack it, for classes that at least as many units have as there are parts."""
    having: dict[int, set[str]] = {}
    for part in parts.values():
        for patient in part:
            having.setdefault(labels[patient], set()).add(units[patient])
    present = {name: {labels[patient] for patient in part} for name, part in parts.items()}
    found = {label: tuple(name for name in parts if label not in present[name]) for label in sorted(having)}
    return {label: without for label, without in found.items() if without and len(having[label]) >= len(parts)}


def _splits(folds: Sequence[Fold]) -> Iterator[_Split]:
    for fold in folds:
        yield _Split(name=fold.name, outer=True, fits=fold.train, held=fold.test)
        for number, inner in enumerate(fold.inner):
            yield _Split(name=f"{fold.name}, inner fold {number}", outer=False, fits=inner.train, held=inner.val)


def _numbers(folds: Sequence[Fold]) -> list[Problem]:
    """Two folds or more at both levels, each named once."""
    if not folds:
        return [Problem(what="it holds no fold", remedy="Point folds.file to the folds.json of a run")]
    twice = [name for name, count in Counter(fold.name for fold in folds).items() if count > 1]
    few = [f"repeat {repeat}" for repeat, count in Counter(fold.repeat for fold in folds).items() if count < 2]
    few += [fold.name for fold in folds if len(fold.inner) < 2]
    found = (("folds are named twice", twice), ("fewer than two folds in", few))
    return [Problem(what=what, remedy=_REDRAW, examples=tuple(which)) for what, which in found if which]


def _people(folds: Sequence[Fold], cohort: Cohort) -> list[Problem]:
    """The cohort's patients, all of them, and nobody else."""
    everyone = set(cohort.patient_ids)
    named = {patient for fold in folds for patient in (*fold.train, *fold.test)}
    named |= {patient for fold in folds for one in fold.inner for patient in (*one.train, *one.val)}
    found = (
        (named - everyone, "patients who are not in the cohort"),
        (everyone - named, "the cohort has patients whom the folds do not name"),
    )
    remedy = "Use the cohort the folds were drawn from, or draw new ones (folds.file=null)"
    return [Problem(what=what, remedy=remedy, examples=tuple(sorted(who))) for who, what in found if who]


def _sides(folds: Sequence[Fold]) -> list[Problem]:
    """Both sides of a split are disjoint, name nobody twice, and are together everyone whom it divides."""
    everyone = {patient for fold in folds for patient in (*fold.train, *fold.test)}
    problems = []
    for split, divided in _divided(folds, everyone):
        fits, held = set(split.fits), set(split.held)
        sides = "train and test" if split.outer else "train and val"
        twice = [one for side in (split.fits, split.held) for one, count in Counter(side).items() if count > 1]
        found = (
            (fits & held, f"patients in both {sides}"),
            (set(twice), "patients named twice"),
            ((fits | held) - divided, "patients outside the outer training part"),
            (divided - fits - held, f"patients in neither {sides}"),
        )
        problems += [
            Problem(what=f"{split.name}: {what}", remedy=_REDRAW, examples=tuple(sorted(who)))
            for who, what in found
            if who
        ]
    return problems


def _divided(folds: Sequence[Fold], everyone: set[str]) -> Iterator[tuple[_Split, set[str]]]:
    """Each split with those whom it has to divide."""
    divided = everyone
    for split in _splits(folds):
        yield split, everyone if split.outer else divided
        if split.outer:
            divided = set(split.fits)


def _rounds(folds: Sequence[Fold]) -> Iterator[_Round]:
    for repeat in sorted({fold.repeat for fold in folds}):
        part = [fold for fold in folds if fold.repeat == repeat]
        held = {fold.name: fold.test for fold in part}
        yield _Round(name=f"repeat {repeat}", verb="test", everyone={*part[0].train, *part[0].test}, held=held)
    for fold in folds:
        held = {f"inner fold {number}": inner.val for number, inner in enumerate(fold.inner)}
        yield _Round(name=f"{fold.name}, inner folds", verb="validate", everyone=set(fold.train), held=held)


def _held_once(folds: Sequence[Fold]) -> list[Problem]:
    """Everyone is tested once a repeat, and validated once in the inner folds of each outer training part."""
    problems = []
    for one in _rounds(folds):
        held = Counter(patient for part in one.held.values() for patient in part)
        wrong = tuple(sorted(patient for patient in one.everyone if held[patient] != 1))
        if wrong:
            what = f"{one.name}: not every patient is held out exactly once to {one.verb}"
            problems.append(Problem(what=what, remedy=_REDRAW, examples=wrong))
    return problems


def overlap(folds: Sequence[Fold], kind: Kind, members: Members, *, outer: bool) -> Problem | None:
    """Groups or sites with patients on both sides of outer, or of inner, folds."""
    names: set[str] = set()
    torn = total = 0
    for split in _splits(folds):
        if split.outer == outer:
            both = _named(split.fits, members) & _named(split.held, members)
            names |= both
            torn += bool(both)
            total += 1
    if not names:
        return None
    level, sides = ("outer", "train and test") if outer else ("inner", "train and val")
    what = f"{kind} ({_KEYS[kind]}) are on both sides, {sides}, of {torn} of {total} {level} folds"
    remedy = f"{_REDRAW}, or accept it with folds.allow=[{kind}], which the report then says"
    return Problem(what=what, remedy=remedy, examples=tuple(sorted(names)))


def _named(patients: Sequence[str], members: Members) -> set[str]:
    return {members[patient] for patient in patients if patient in members}


def _classes(folds: Sequence[Fold], cohort: Cohort, units: Mapping[str, str]) -> list[Problem]:
    """Classes where they can be, and enough patients of each to learn from."""
    labels = {str(patient): int(label) for patient, label in cohort.labels.items()}
    names, needed = cohort.spec.endpoint.classes, set(cohort.spec.endpoint.needed)
    problems = []
    for split in _splits(folds):
        fits = Counter(labels[patient] for patient in split.fits)
        for label in sorted(needed & set(labels.values())):
            if fits[label] < LEAST:
                what = f"{split.name}: {fits[label]} training patients are {names[label]!r}, fewer than {LEAST}"
                remedy = "Lower folds.outer or folds.inner, or add patients"
                problems.append(Problem(what=what, remedy=remedy))
    for one in _rounds(folds):
        for label, missing in lacking(one.held, labels, units).items():
            if label not in needed:
                continue
            what = f"{one.name}: parts held out to {one.verb} lack patients who are {names[label]!r}"
            problems.append(Problem(what=what, remedy=_REDRAW, examples=missing))
    return problems
