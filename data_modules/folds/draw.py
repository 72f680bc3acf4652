"""Repeated, stratified, site-aware, nested folds of patients: drawn, or opened where a run already has some.

Folds are drawn from the set of patients: the order of rows in any file changes nothing. Drawn, read and published folds
pass the same door, `data_modules.folds.invariants`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from data_modules.errors import CohortError, Problem
from data_modules.folds.deal import deal
from data_modules.folds.invariants import check_folds, found, lacking, overlap
from data_modules.folds.stored import Stored, load_folds, unfit, write_folds
from data_modules.folds.table import is_table, read_table
from data_modules.folds.units import KINDS, Kind, Members, Site, joined, kept_whole, sites_of
from fusion.contract import Cohort, Fold, FusionError, InnerFold, some

DRAWS = 20
"""Orders that are tried until every part of whole units holds every class."""


def make_folds(
    cohort: Cohort,
    *,
    outer: int | Literal["sites"] = 5,
    inner: int = 3,
    repeats: int = 1,
    seed: int,
    site: Site = "stratify",
    group: Members | None = None,
) -> list[Fold]:
    """Draw `repeats` × `outer` folds, each with `inner` splits of its training part.

    Labels are spread so that the folds' numbers of patients of a class differ by at most one; within a class, so do
    those of each class of a secondary endpoint. Sites are spread beside classes, as evenly as these allow, and never
    within them (see `deal`). With whole groups in one fold all hold as well as the groups' sizes allow.

    Args:
        cohort: labelled patients.
        outer: folds that score; ``sites``: one a site, each left out in turn (with `site` ``group``).
        inner: splits of each training part.
        repeats: of the whole, with other draws.
        seed: of the draws.
        site: ``stratify`` spreads each site over the folds; ``group`` keeps sites whole, so that a model is scored at
            hospitals it has not seen; ``ignore``.
        group: patient → group that stays whole, e.g. a family; patients it does not name stand alone. None takes the
            cohort's own. With whole sites, sites that share a group stay together.

    Raises:
        CohortError: too few patients, classes or groups for so many folds.
    """
    dealer = _Dealer(cohort=cohort, whole=kept_whole(cohort, site, group=group), site=site, seed=seed)
    patients = sorted(dealer.labels)
    alone = _site_by_site(dealer, patients) if outer == "sites" else None
    number = outer if isinstance(outer, int) else len(alone or ())
    _check_keys(cohort, outer=number, inner=inner, repeats=repeats)
    if alone is None:
        _check_counts(cohort, outer=number, inner=inner)
    folds = []
    for repeat in range(repeats):
        tests = dealer.parts(patients, number, "outer", repeat) if alone is None else alone
        folds += [dealer.fold(repeat, index, test, patients, inner) for index, test in enumerate(tests)]
    checked = check_folds(folds, cohort, whole=dealer.whole)
    if checked.problems:
        raise CohortError(cohort.spec.name, checked.problems)
    return folds


def open_folds(
    cohort: Cohort,
    *,
    path: Path | None,
    seed: int,
    file: str | None = None,
    outer: int | Literal["sites"] = 5,
    inner: int = 3,
    repeats: int = 1,
    site: Site = "stratify",
    allow: Sequence[Kind] = (),
) -> list[Fold]:
    """The folds of a run: those already in `path` (resumed), those of `file`, or new ones; kept in `path`.

    Args:
        cohort: labelled patients.
        path: the run's folds.json; its ``flags`` say what `allow` let pass. None keeps nothing, to see what is refused.
        seed: of new folds.
        file: folds.json of another run, reused as it is; or a table (.csv, .tsv) of patients and the folds that test
            them, whose inner folds are drawn.
        outer: of new folds, as the next three; see `make_folds`.
        inner: splits of each training part.
        repeats: of the whole.
        site: what hospital sites mean to the folds. A table that says nothing of sites must keep them whole, unless
            they are ignored or allowed.
        allow: ``groups`` and ``sites`` that may be on both sides of folds from a file; each is then a flag.

    Raises:
        FusionError: folds cannot be drawn, or those in a file do not fit the cohort.
    """
    unknown = [kind for kind in allow if kind not in KINDS]
    if unknown:
        raise FusionError(f"folds.allow names {some(unknown)}; what it can allow is {some(KINDS)}.")
    if path is not None and path.exists():
        return _reuse(path, cohort, site=site, allow=allow).folds
    if file is None:
        stored = Stored(folds=make_folds(cohort, outer=outer, inner=inner, repeats=repeats, seed=seed, site=site))
    elif is_table(Path(file)):
        stored = _complete(Path(file), cohort, inner=inner, seed=seed, site=site, allow=allow)
    else:
        stored = _reuse(Path(file), cohort, site=site, allow=allow)
    if path is not None:
        write_folds(path, stored.folds, flags=stored.flags, source=stored.source)
    return stored.folds


def _reuse(path: Path, cohort: Cohort, *, site: Site, allow: Sequence[Kind]) -> Stored:
    """Folds of a folds.json, with the flags it had and those that this cohort adds.

    Raises:
        FusionError: no such file, no folds file, another hash, or folds that break an invariant.
    """
    stored = load_folds(path)
    checked = check_folds(stored.folds, cohort, whole=kept_whole(cohort, site), allow=allow)
    if checked.problems:
        raise unfit(path, cohort.spec.name, checked.problems)
    flags = tuple(dict.fromkeys((*stored.flags, *checked.flags)))
    return Stored(folds=stored.folds, flags=flags, source=stored.source)


def _complete(path: Path, cohort: Cohort, *, inner: int, seed: int, site: Site, allow: Sequence[Kind]) -> Stored:
    """Folds whose held-out parts a table names and whose inner folds are drawn here."""
    _check_keys(cohort, inner=inner)
    published = read_table(path, cohort)
    dealer = _Dealer(cohort=cohort, whole=kept_whole(cohort, site), site=site, seed=seed)
    patients = sorted(dealer.labels)
    outer = [
        Fold(repeat=repeat, index=index, test=test, train=_rest(patients, test), inner=())
        for repeat, tests in enumerate(published.tests)
        for index, test in enumerate(tests)
    ]
    flags = []
    if site == "stratify" and sites_of(cohort):
        # Drawn folds spread sites evenly. Who published a table decided on them without saying how.
        torn = overlap(outer, "sites", sites_of(cohort), outer=True)
        if torn is not None and "sites" not in allow:
            raise unfit(path, cohort.spec.name, [torn])
        flags += [] if torn is None else [found(torn)]
    folds = [dealer.fold(one.repeat, one.index, one.test, patients, inner) for one in outer]
    checked = check_folds(folds, cohort, whole=dealer.whole, allow=allow)
    if checked.problems:
        raise unfit(path, cohort.spec.name, checked.problems)
    flags = [f"folds.file={path.name}: {flag}" for flag in (*flags, *checked.flags)]
    if published.others:
        flags.append(f"folds.file={path.name} names {len(published.others)} patients who are not in the cohort")
    source = {"file": path.name, "sha256": published.sha256}
    return Stored(folds=folds, flags=tuple(flags), source=source)


@dataclass(frozen=True, kw_only=True)
class _Dealer:
    """Draws the splits of one cohort, each from a generator of its own.

    Attributes:
        cohort: labelled patients.
        whole: what no split may divide.
        site: what sites mean.
        seed: of the draws.
    """

    cohort: Cohort
    whole: Mapping[Kind, Members]
    site: Site
    seed: int

    @cached_property
    def labels(self) -> dict[str, int]:
        return {str(patient): int(label) for patient, label in self.cohort.labels.items()}

    @cached_property
    def spread(self) -> dict[str, int]:
        """What is dealt evenly: labels and, within each, those of secondary endpoints, the unknown for themselves."""
        found = self.labels
        for one in (getattr(self.cohort, "secondary", None) or {}).values():
            size = len(one.endpoint.classes) + 1
            found = {patient: size * label + int(one.labels[patient]) + 1 for patient, label in found.items()}
        return found

    def fold(self, repeat: int, index: int, test: tuple[str, ...], patients: Sequence[str], inner: int) -> Fold:
        """An outer fold with inner splits of its training part."""
        train = _rest(patients, test)
        vals = self.parts(train, inner, "inner", repeat, index + 1)
        splits = tuple(InnerFold(train=_rest(train, val), val=val) for val in vals)
        return Fold(repeat=repeat, index=index, train=train, test=test, inner=splits)

    def parts(self, who: Sequence[str], number: int, key: str, *draw: int) -> list[tuple[str, ...]]:
        """Divide patients into parts that are held out in turn, each with every class.

        Raises:
            CohortError: fewer patients or units of a class than parts, or no order gives every part every class.
        """
        units = joined(who, self.whole)
        remedy = f"Lower folds.{key}"
        if self.whole:
            remedy += f", or let {' and '.join(self.whole)} be divided (cohort.group=null, folds.site=stratify)"
        for label, name in _needed(self.cohort):
            having = {units[patient] for patient in who if self.labels[patient] == label}
            if len(having) < number:
                noun = f"units of whole {' and '.join(self.whole)}" if self.whole else "patients"
                what = f"{len(having)} {noun} have patients who are {name!r}, fewer than folds.{key}={number}"
                examples = tuple(f"that of {unit}" for unit in sorted(having)) if self.whole else ()
                raise CohortError(self.cohort.spec.name, [Problem(what=what, remedy=remedy, examples=examples)])
        sites = sites_of(self.cohort) if self.site == "stratify" else {}
        strata = {patient: sites.get(patient, "") for patient in who} if sites else {}
        generator = np.random.default_rng([self.seed, *draw])
        for _ in range(DRAWS):
            parts = deal(who, self.spread, strata, units if self.whole else {}, number, generator)
            without = lacking({str(index): part for index, part in enumerate(parts)}, self.labels, units)
            if not without:
                return parts
        kept = " and ".join(self.whole)
        what = f"no draw of {DRAWS} gives all {number} {key} folds every class, because {kept} stay whole"
        raise CohortError(self.cohort.spec.name, [Problem(what=what, remedy=remedy)])


def _site_by_site(dealer: _Dealer, patients: Sequence[str]) -> list[tuple[str, ...]]:
    """Test parts of one site each (sites that share a group together); a site may lack a class."""
    if dealer.site != "group":
        what = f"folds.outer is sites, which leaves whole sites out, but folds.site is {dealer.site}"
        raise CohortError(dealer.cohort.spec.name, [Problem(what=what, remedy="Set folds.site=group too")])
    units = joined(patients, dealer.whole)
    sites = sites_of(dealer.cohort)
    named: dict[str, list[str]] = {}
    for patient in patients:
        named.setdefault(units[patient], []).append(patient)
    return sorted((tuple(part) for part in named.values()), key=lambda part: (sites.get(part[0], ""), part))


def _needed(cohort: Cohort) -> list[tuple[int, str]]:
    """Labels of which every part needs patients, and what they are called."""
    endpoint = cohort.spec.endpoint
    return [(label, endpoint.classes[label]) for label in endpoint.needed]


def _rest(patients: Sequence[str], held: Sequence[str]) -> tuple[str, ...]:
    unseen = set(held)
    return tuple(patient for patient in patients if patient not in unseen)


def _check_keys(cohort: Cohort, **numbers: int) -> None:
    """Numbers that can be, and a label of everyone."""
    problems = [
        Problem(what=f"folds.{key} is {value}", remedy=f"Set it to {least} or more")
        for key, value in numbers.items()
        if value < (least := 1 if key == "repeats" else 2)
    ]
    unlabelled = tuple(str(patient) for patient in cohort.labels.index[cohort.labels < 0])
    if unlabelled:
        problems.append(
            Problem(what="patients without a label cannot be in folds", remedy="Leave them out", examples=unlabelled)
        )
    if problems:
        raise CohortError(cohort.spec.name, problems)


def _check_counts(cohort: Cohort, *, outer: int, inner: int) -> None:
    """Enough patients of each class for so many folds."""
    problems = []
    for value, name in _needed(cohort):
        count = int((cohort.labels == value).sum())
        # What the smallest training part keeps of the class is split again.
        left = count - -(-count // outer)
        if count < outer:
            what, remedy = f"{count} patients are {name!r}, fewer than folds.outer={outer}", "Lower folds.outer"
        elif left < inner:
            what = f"{left} training patients of a fold are {name!r}, fewer than folds.inner={inner}"
            remedy = "Lower folds.inner"
        else:
            continue
        problems.append(Problem(what=what, remedy=f"{remedy} or add patients"))
    if problems:
        raise CohortError(cohort.spec.name, problems)
