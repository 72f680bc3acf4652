"""Repeated, stratified, site-aware, nested folds of patients; saved with a hash, and refused when they do not hold.

Folds are drawn from the set of patients: the order of rows in any file changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from data_modules.errors import CohortError, Problem, some
from data_modules.files import replace_file
from fusion.contract import Cohort, Fold, FusionError, InnerFold

FORMAT = 1
Site = Literal["stratify", "group", "ignore"]


def make_folds(
    cohort: Cohort,
    *,
    outer: int = 5,
    inner: int = 3,
    repeats: int = 1,
    seed: int,
    site: Site = "stratify",
    group: Mapping[str, str] | None = None,
) -> list[Fold]:
    """Draw `repeats` × `outer` folds, each with `inner` splits of its training part.

    Labels are spread so that the folds' numbers of patients of a class differ by at most one; within a class, so do
    those of a site. With whole groups in one fold both hold as well as the groups' sizes allow.

    Args:
        cohort: labelled patients.
        outer: folds that score.
        inner: splits of each training part.
        repeats: of the whole, with other draws.
        seed: of the draws.
        site: ``stratify`` spreads each site over the folds; ``group`` keeps sites whole, so that a model is scored at
            hospitals it has not seen; ``ignore``.
        group: patient → group that stays whole, e.g. a family; patients it does not name stand alone.

    Raises:
        CohortError: too few patients, classes or groups for so many folds.
    """
    _check_numbers(cohort, outer=outer, inner=inner, repeats=repeats, site=site)
    labels = {str(patient): int(label) for patient, label in cohort.labels.items()}
    patients = sorted(labels)
    sites = {} if cohort.sites is None else {str(patient): str(one) for patient, one in cohort.sites.items()}
    groups = sites if site == "group" else dict(group or {})
    if site == "group" and not sites:
        raise CohortError(
            cohort.spec.name,
            [
                Problem(
                    what="folds.site is group, but no patient has a site",
                    remedy="Set cohort.site, or folds.site=stratify",
                )
            ],
        )

    def parts(who: Sequence[str], number: int, key: str, *draw: int) -> list[tuple[str, ...]]:
        generator = np.random.default_rng([seed, *draw])
        strata = {patient: sites.get(patient, "") if site == "stratify" else "" for patient in who}
        split = _split(who, labels, strata, groups, number, generator)
        _check_parts(cohort, split, labels, key)
        return split

    folds = []
    for repeat in range(repeats):
        for index, test in enumerate(parts(patients, outer, "outer", repeat)):
            held = set(test)
            train = tuple(patient for patient in patients if patient not in held)
            inner_folds = []
            for val in parts(train, inner, "inner", repeat, index + 1):
                unseen = set(val)
                rest = tuple(patient for patient in train if patient not in unseen)
                inner_folds.append(InnerFold(train=rest, val=val))
            folds.append(Fold(repeat=repeat, index=index, train=train, test=test, inner=tuple(inner_folds)))
    return folds


def _check_numbers(cohort: Cohort, *, outer: int, inner: int, repeats: int, site: str) -> None:
    problems = [
        Problem(what=f"folds.{key} is {value}", remedy=f"Set it to {least} or more")
        for key, value, least in (("outer", outer, 2), ("inner", inner, 2), ("repeats", repeats, 1))
        if value < least
    ]
    if site not in get_args(Site):
        problems.append(Problem(what=f"folds.site is {site!r}", remedy=f"Set it to one of {', '.join(get_args(Site))}"))
    unlabelled = tuple(str(patient) for patient in cohort.labels.index[cohort.labels < 0])
    if unlabelled:
        problems.append(
            Problem(what="patients without a label cannot be in folds", remedy="Leave them out", examples=unlabelled)
        )
    if problems:
        raise CohortError(cohort.spec.name, problems)
    for value, name in enumerate(cohort.spec.endpoint.classes):
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


def _split(
    who: Sequence[str],
    labels: Mapping[str, int],
    strata: Mapping[str, str],
    groups: Mapping[str, str],
    number: int,
    generator: np.random.Generator,
) -> list[tuple[str, ...]]:
    """Divide `who` into `number` parts, each sorted."""
    shuffled = [who[position] for position in generator.permutation(len(who))]
    parts: list[list[str]] = [[] for _ in range(number)]
    if groups:
        _deal_groups(shuffled, labels, groups, parts)
    else:
        # Dealing cards in the order class, stratum: each class, and within it each stratum, goes round the table.
        # The first card after a class goes on where the last stopped, so that sizes too differ by at most one.
        names = sorted(set(strata.values()))
        rank = dict(zip(names, generator.permutation(len(names)), strict=True))
        start = int(generator.integers(number))
        for turn, patient in enumerate(sorted(shuffled, key=lambda one: (labels[one], rank[strata[one]]))):
            parts[(start + turn) % number].append(patient)
    return [tuple(sorted(part)) for part in parts]


def _deal_groups(
    shuffled: Sequence[str], labels: Mapping[str, int], groups: Mapping[str, str], parts: list[list[str]]
) -> None:
    """Whole groups, largest first, each to the part that leaves its classes the most even over the parts."""
    members: dict[str, list[str]] = {}
    for patient in shuffled:
        members.setdefault(groups.get(patient, f"\0{patient}"), []).append(patient)
    totals = Counter(labels[patient] for patient in shuffled)
    filled = [Counter[int]() for _ in parts]
    for group in sorted(members.values(), key=len, reverse=True):
        added = Counter(labels[patient] for patient in group)

        def unevenness(part: int, added: Counter[int] = added) -> float:
            # The sum of squared shares of each class is least where they are equal.
            after = filled[part] + added
            return sum((after[label] ** 2 - filled[part][label] ** 2) / totals[label] ** 2 for label in totals)

        best = min(range(len(parts)), key=unevenness)
        parts[best].extend(group)
        filled[best] += added


def _check_parts(cohort: Cohort, parts: Sequence[tuple[str, ...]], labels: Mapping[str, int], key: str) -> None:
    """Every part holds every class; only whole groups can spoil that."""
    classes = set(labels.values())
    poor = [part for part in parts if {labels[patient] for patient in part} != classes]
    if poor:
        what = f"{len(poor)} of {len(parts)} {key} folds lack patients of a class, because groups stay whole"
        remedy = f"Lower folds.{key}, or set folds.site=stratify"
        raise CohortError(cohort.spec.name, [Problem(what=what, remedy=remedy)])


def folds_hash(folds: Sequence[Fold]) -> str:
    """SHA-256 over who is where."""
    return _hash([asdict(fold) for fold in folds])


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_folds(path: Path, folds: Sequence[Fold]) -> None:
    """Write folds as JSON with their hash, atomically."""
    content = {"format": FORMAT, "sha256": folds_hash(folds), "folds": [asdict(fold) for fold in folds]}
    text = json.dumps(content, indent=1) + "\n"
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def read_folds(path: Path, cohort: Cohort) -> list[Fold]:
    """Read folds and make sure that they are folds of this cohort.

    Raises:
        FusionError: no such file, no folds file, another hash, unknown patients, or parts that overlap or leave
            someone out.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] > FORMAT:
            raise FusionError(
                f"folds.file={path} has format {content['format']}, newer than {FORMAT}. Update this package."
            )
        folds = [_fold(facts) for facts in content["folds"]]
        stored = content["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FusionError(
            f"folds.file={path} cannot be read ({error!r}). Point it to the folds.json of a run."
        ) from error
    if stored != _hash(content["folds"]):
        raise FusionError(
            f"folds.file={path} was altered: its content does not have the SHA-256 it states. Restore it."
        )
    problems = _fold_problems(folds, cohort)
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise FusionError(f"folds.file={path} does not fit cohort {cohort.spec.name!r}:\n{lines}")
    return folds


def open_folds(
    cohort: Cohort,
    *,
    path: Path,
    seed: int,
    file: str | None = None,
    outer: int = 5,
    inner: int = 3,
    repeats: int = 1,
    site: Site = "stratify",
) -> list[Fold]:
    """The folds of a run: those already in `path` (resumed), those of `file`, or new ones; kept in `path`.

    Args:
        cohort: labelled patients.
        path: the run's folds.json.
        seed: of new folds.
        file: folds.json of another run, reused as it is.
        outer: of new folds, as the next three; see `make_folds`.
        inner: splits of each training part.
        repeats: of the whole.
        site: what hospital sites mean to the folds.

    Raises:
        FusionError: folds cannot be drawn, or those in a file do not fit the cohort.
    """
    if path.exists():
        return read_folds(path, cohort)
    if file is not None:
        folds = read_folds(Path(file), cohort)
    else:
        whole = getattr(cohort, "groups", None)
        group = None if whole is None else {str(patient): str(one) for patient, one in whole.items()}
        folds = make_folds(cohort, outer=outer, inner=inner, repeats=repeats, seed=seed, site=site, group=group)
    write_folds(path, folds)
    return folds


def _fold(facts: Mapping[str, Any]) -> Fold:
    return Fold(
        repeat=int(facts["repeat"]),
        index=int(facts["index"]),
        train=tuple(facts["train"]),
        test=tuple(facts["test"]),
        inner=tuple(InnerFold(train=tuple(one["train"]), val=tuple(one["val"])) for one in facts["inner"]),
    )


def _fold_problems(folds: Sequence[Fold], cohort: Cohort) -> list[Problem]:
    """What keeps folds from being used on a cohort."""
    if not folds:
        return [Problem(what="it holds no fold", remedy="Point folds.file to the folds.json of a run")]
    everyone = set(cohort.patient_ids)
    named = {patient for fold in folds for patient in (*fold.train, *fold.test)}
    problems = []
    for who, what in (
        (named - everyone, "patients who are not in the cohort"),
        (everyone - named, "the cohort has patients whom the folds do not name"),
    ):
        if who:
            remedy = "Use the cohort the folds were drawn from, or draw new ones (folds.file=null)"
            problems.append(Problem(what=what, remedy=remedy, examples=tuple(sorted(who))))
    for fold in folds:
        for left, right, where in (
            (fold.train, fold.test, "train and test"),
            *((one.train, one.val, f"train and val of inner fold {number}") for number, one in enumerate(fold.inner)),
        ):
            both = sorted(set(left) & set(right))
            if both:
                problems.append(
                    Problem(
                        what=f"{fold.name}: patients in both {where}", remedy="Draw new folds", examples=tuple(both)
                    )
                )
        outside = {patient for one in fold.inner for patient in (*one.train, *one.val)} - set(fold.train)
        if outside:
            what = f"{fold.name}: inner folds name patients outside its training part"
            problems.append(Problem(what=what, remedy="Draw new folds", examples=tuple(sorted(outside))))
    for repeat in sorted({fold.repeat for fold in folds}):
        tested = Counter(patient for fold in folds if fold.repeat == repeat for patient in fold.test)
        wrong = sorted(patient for patient in named if tested[patient] != 1)
        if wrong:
            what = f"repeat {repeat} does not test every patient exactly once, e.g. {some(wrong)}"
            problems.append(Problem(what=what, remedy="Draw new folds", examples=tuple(wrong)))
    return problems
