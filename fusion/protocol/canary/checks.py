"""The canaries themselves: the real folds, the real fitting of modalities, and a plain arm in place of networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from numpy.typing import NDArray

from fusion.arms.classical import ClassicalArm, features
from fusion.contract import EndpointSpec, Fold, FusionError
from fusion.evaluation.outcome import kinds_that, outcome_of
from fusion.evaluation.subgroups.evaluate import SMALLEST
from fusion.protocol.assessment import HAS, described
from fusion.protocol.canary.judged import (
    ALL,
    COLUMN,
    LEVEL,
    SEEN,
    Check,
    Status,
    above,
    area,
    by_chance,
    judged,
    within,
)
from fusion.protocol.canary.planted import NAME, PlantedLeak
from fusion.protocol.canary.twins import TELLING, twins
from fusion.protocol.crossval import fold_data

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup

Floats = NDArray[np.float64]
Say = Callable[[str], None]
ARM = "classical_lr"
DEALS = 2000
"""Times that labels are dealt to sites."""
WRONG = 0.15
"""Share of patients of whom the planted leak tells the wrong outcome."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Out-of-fold scores of everybody.

    Attributes:
        labels: index patient_id.
        scores: in that order.
        folds: in which they were scored.
        rows: the tabulated features as the first fold fitted them, of everybody.
        strata: of each, whom labels were dealt out with as far as folds go, see `within`.
    """

    labels: pd.Series[int]
    scores: Floats
    folds: list[Fold]
    rows: pd.DataFrame
    strata: list[str]

    @property
    def within(self) -> tuple[float, float]:
        """AUROC within strata and its variance by chance."""
        return within(np.asarray(self.labels, dtype=np.float64), self.scores, self.strata)

    @property
    def area(self) -> tuple[float, float]:
        """AUROC and its error."""
        return area(np.asarray(self.labels, dtype=np.float64), self.scores)


def canaries(config: Any, setup: Setup, *, permutations: int, seed: int, say: Say = lambda text: None) -> list[Check]:
    """Every canary of the primary endpoint, judged together.

    Args:
        config: with `folds` and `seed`.
        setup: after ingest.
        permutations: times that labels are dealt out anew.
        seed: of those.
        say: is told what is being done.

    Raises:
        FusionError: canaries cannot look at its kind.
    """
    return judged(looked(config, setup, permutations=permutations, seed=seed, say=say))


def looked(config: Any, setup: Setup, *, permutations: int, seed: int, say: Say = lambda text: None) -> list[Check]:
    """The same, not judged yet. Grades and times are looked at as two groups, see `Outcome.two_groups`."""
    endpoint = setup.cohort.spec.endpoint
    if not outcome_of(endpoint).can("canaries"):
        raise FusionError(
            f"endpoint={endpoint.name} is {endpoint.kind}: canaries judge {kinds_that('canaries')} ones. Choose "
            "another (endpoint=…)."
        )
    setup = in_two(setup)
    say("labels as they are")
    real = cross_validated(config, setup)
    say(f"labels permuted, {permutations} times")
    cohorts = [setup.cohort.permuted(seed + number) for number in range(permutations)]
    dealt = [cross_validated(config, replace(setup, cohort=one)) for one in cohorts]
    say("a leak planted")
    leak = PlantedLeak(setup.cohort.labels, wrong=WRONG, seed=seed)
    planted = cross_validated(config, replace(setup, modalities={**setup.modalities, NAME: leak}))
    say("patients under two ids, sites, missing values")
    return [
        _permuted([one.within for one in dealt]),
        _planted(planted),
        _telling(real),
        _twins(real.rows, seed),
        site_alone(setup, real, seed),
        alone("missingness alone", _missing(setup, real.rows), real, dealt),
    ]


def in_two(setup: Setup) -> Setup:
    """The cohort with its primary endpoint as two groups; the same where it has two classes."""
    cohort: Any = setup.cohort
    endpoint = cohort.spec.endpoint
    labels, groups = outcome_of(endpoint).two_groups(cohort.labels)
    if groups == tuple(endpoint.classes):
        return setup
    told = EndpointSpec(name=endpoint.name, kind="binary", classes=groups, note=endpoint.note)
    made = replace(cohort, spec=replace(cohort.spec, endpoint=told), labels=labels, times=None, entry=None, causes=None)
    return replace(setup, cohort=made)


def cross_validated(config: Any, setup: Setup) -> Scores:
    """Everybody scored by models that never saw them, as `fusion.train` would, by one plain arm."""
    cohort = setup.cohort
    folds = [one for one in instantiate(config.folds, cohort, path=None, seed=config.seed) if one.repeat == 0]
    parts, rows = [], None
    for fold in folds:
        data = fold_data(config, setup, fold)
        parts.append(ClassicalArm(ARM).fit(data, None, lambda: None).test)
        rows = features(data.whole, cohort.patient_ids) if rows is None else rows
    scores = pd.concat(parts).loc[list(cohort.patient_ids)]
    labels = cohort.labels.loc[list(cohort.patient_ids)]
    assert rows is not None, "there are folds"
    return Scores(
        labels=labels,
        scores=scores.to_numpy(np.float64),
        folds=folds,
        rows=rows,
        strata=strata_of(config, setup, folds),
    )


def strata_of(config: Any, setup: Setup, folds: Sequence[Fold]) -> list[str]:
    """Of every patient the fold that tests them and, where folds spread sites, their site."""
    cohort = setup.cohort
    tested = {patient: str(fold.index) for fold in folds for patient in fold.test}
    sites: Any = cohort.sites if config.folds.site == "stratify" and cohort.sites is not None else {}
    return [f"{tested[one]} {sites.get(one, '')}".strip() for one in cohort.patient_ids]


def _permuted(found: list[tuple[float, float]]) -> Check:
    name, areas = "labels permuted", [value for value, _ in found]
    if np.isnan(areas).any():
        said = "Not looked at: no fold, or site in it, has test patients of both groups."
        return Check(name=name, decides=True, said=said, p=None, figures={}, status="not looked at")
    said = (
        f"AUROC {np.mean(areas):.3f} within folds and sites in the mean of {len(areas)} where labels are dealt out "
        "anew; 0.5 is nothing found."
    )
    return Check(name=name, decides=True, said=said, p=by_chance(found), figures={"auroc": areas})


def _planted(planted: Scores) -> Check:
    value, error = planted.area
    p = above(value, error, SEEN)
    said = (
        f"AUROC {value:.3f} with the outcome itself planted, wrong in {WRONG:.0%}; must be above {SEEN} beyond chance."
    )
    status: Status = "pass" if p <= LEVEL else "fail"
    if status == "fail":
        said += f" It is not (p {p:.3f}): the protocol sees nothing, or the cohort is too small to tell."
    figures = {"auroc": value, "p_of_not_seen": p}
    return Check(name="a leak planted", decides=True, said=said, p=None, figures=figures, status=status)


def _telling(real: Scores) -> Check:
    """Columns, or all of them together, that tell the outcome better than anything measured before therapy does."""
    labels = np.asarray(real.labels, dtype=np.float64)
    found: list[tuple[float, str, float]] = []
    for name in real.rows:
        known = real.rows[name].notna().to_numpy()
        inside = labels[known]
        if 0 < inside.sum() < len(inside):
            value, error = area(inside, real.rows[name].to_numpy(np.float64)[known])
            found.append((above(max(value, 1 - value), error, COLUMN), str(name), max(value, 1 - value)))
    value, error = real.area
    together = above(value, error, ALL)
    best = min(found, default=(1.0, "none", 0.5))
    p = min(1.0, (len(found) + 1) * min(best[0], together))
    said = (
        f"AUROC {value:.3f} out of fold by all columns; {best[1]} alone {best[2]:.3f}. A column above {COLUMN} or all "
        f"above {ALL} would be known only after the outcome, or be made of it."
    )
    figures = {"auroc": value, "column": best[1], "column_auroc": best[2], "columns": len(found)}
    return Check(name="columns that tell the outcome", decides=True, said=said, p=p, figures=figures)


def _twins(rows: pd.DataFrame, seed: int) -> Check:
    """Equal patients; and whether one who is doubled on purpose is noticed at all."""
    name = "patients under two ids"
    pairs, chance = twins(rows)
    doubled = rows.iloc[[int(np.random.default_rng([seed, 3]).integers(len(rows)))]]
    again, _ = twins(pd.concat([rows, doubled.set_axis(["a second id"])]))
    seen = any("a second id" in pair for pair in again)
    figures: dict[str, Any] = {"pairs": [list(pair) for pair in pairs[:10]], "number": len(pairs), "chance": chance}
    if chance > TELLING or not seen:
        said = (
            f"Not looked at: two patients may agree in all {rows.shape[1]} columns by chance (expected {chance:.2g})."
            if chance > TELLING
            else "Not looked at: the patient who was doubled on purpose lacks most columns."
        )
        return Check(name=name, decides=True, said=said, p=None, figures=figures, status="not looked at")
    told = "1 pair agrees" if len(pairs) == 1 else f"{len(pairs)} pairs agree"
    said = f"{told} in everything; one who was doubled on purpose was noticed."
    return Check(name=name, decides=True, said=said, p=chance if pairs else 1.0, figures=figures)


def alone(name: str, rows: pd.DataFrame, real: Scores, dealt: Sequence[Scores]) -> Check:
    """What a ridge regression on these indicators says of the outcome, on the same folds, beside dealt out labels."""
    rows = rows.loc[:, [len(rows[one].unique()) > 1 for one in rows]].astype(np.float64)
    if rows.empty or not rows.shape[1]:
        said = "Not looked at: it is the same for everybody."
        return Check(name=name, decides=False, said=said, p=None, figures={}, status="not looked at")
    value, error = _by_indicators(rows, real)
    chance = float(np.mean([_by_indicators(rows, one)[0] for one in dealt]))
    said = (
        f"AUROC {value:.3f} by this alone ({rows.shape[1]} indicators), {chance:.3f} of labels dealt out anew. "
        "Where the first is above the second, and 0.5, by more than chance, a model may learn from what is missing."
    )
    p = above(value, error * float(np.sqrt(1 + 1 / len(dealt))), max(chance, 0.5))
    return Check(name=name, decides=False, said=said, p=p, figures={"auroc": value, "of_dealt_labels": chance})


def site_alone(setup: Setup, real: Scores, seed: int) -> Check:
    """Whether sites differ in how many are positive: χ² beside 2,000 deals of the labels.

    No regression out of fold: where folds spread sites, a site that has many positives by chance has them in every
    fold, so that it tells 0.54 of nothing (three sites, 150 patients).
    """
    name, sites = "site alone", _sites(setup).loc[real.labels.index].to_numpy(np.float64)
    if sites.shape[1] < 2:
        said = "Not looked at: it is the same for everybody."
        return Check(name=name, decides=False, said=said, p=None, figures={}, status="not looked at")
    labels, rng = real.labels.to_numpy(np.float64), np.random.default_rng([seed, 6])
    every = np.stack([labels, *(rng.permutation(labels) for _ in range(DEALS))])
    sizes = sites.sum(axis=0)
    apart = ((every @ sites - sizes * labels.mean()) ** 2 / sizes).sum(axis=1)
    p = float((apart[1:] >= apart[0] - 1e-9).sum() + 1) / (DEALS + 1)
    shares = (labels @ sites) / sizes
    large = shares[sizes >= SMALLEST] if (sizes >= SMALLEST).any() else shares
    lowest, highest = float(large.min()), float(large.max())
    which = f" (of {SMALLEST} patients and more)" if len(large) < len(sizes) else ""
    said = (
        f"{lowest:.0%} to {highest:.0%} are positive in {len(large)} of {len(sizes)} sites{which}; p {p:.3f} by "
        f"{DEALS:,} deals of the labels. Where they differ, a model may learn where from."
    )
    return Check(name=name, decides=False, said=said, p=p, figures={"lowest": lowest, "highest": highest})


def _by_indicators(rows: pd.DataFrame, of: Scores) -> tuple[float, float]:
    """AUROC and its error."""
    from sklearn.linear_model import LogisticRegression

    scores = pd.Series(0.0, index=rows.index)
    for fold in of.folds:
        train, test = list(fold.train), list(fold.test)
        model = LogisticRegression(C=0.1, max_iter=1000).fit(rows.loc[train].to_numpy(), of.labels.loc[train])
        # Ranks within the fold: intercepts of folds say who else was tested, not who the patient is.
        logits = model.decision_function(rows.loc[test].to_numpy())
        scores.loc[test] = logits - logits.mean()
    truth, told = (np.asarray(one, dtype=np.float64) for one in (of.labels, scores.loc[of.labels.index]))
    return area(truth, told)


def _sites(setup: Setup) -> pd.DataFrame:
    index = pd.Index(list(setup.cohort.patient_ids))
    sites = setup.cohort.sites
    return pd.DataFrame(index=index) if sites is None else pd.get_dummies(sites.reindex(index).astype(str))


def _missing(setup: Setup, rows: pd.DataFrame) -> pd.DataFrame:
    told = described(setup).table
    has = [name for name in told if str(name).startswith(HAS)]
    parts = [told.drop(columns=has).isna(), told[has] == "no", rows.isna()]
    every = pd.concat(parts, axis=1)
    return every.loc[:, ~every.T.duplicated()] if every.shape[1] else every
