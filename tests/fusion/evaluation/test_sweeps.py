"""The winner's figure, plain and corrected: against a plain loop over scikit-learn, and on noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from fusion.contract import EndpointSpec, FusionError, Truth
from fusion.evaluation.outcome import Outcome, outcome_of
from fusion.evaluation.sweeps import JobScores, _draw, corrected
from fusion.evaluation.units import units_of

BINARY = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))
CLASSES = outcome_of(EndpointSpec(name="kind", kind="multiclass", classes=("a", "b", "c")))
PATIENTS, FOLDS = 60, 3


def made(seed: int, *, outcome: Outcome = BINARY, repeats: int = 1, shift: float = 0.0) -> JobScores:
    """A job of noise; `shift` is what its scores know of the labels."""
    rng, number = np.random.default_rng(seed), len(outcome.endpoint.classes)
    labels = np.arange(PATIENTS) % number
    inner, outer = [], []
    for repeat in range(repeats):
        fold_of = np.random.default_rng(repeat).permutation(PATIENTS) % FOLDS
        for fold in range(FOLDS):
            for parts, inside in ((outer, fold_of == fold), (inner, fold_of != fold)):
                truth = np.eye(number)[labels[inside]]
                raw = rng.normal(size=(inside.sum(), number)) + shift * truth
                scores = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
                parts.append(
                    pd.DataFrame(
                        {
                            "patient_id": [f"P{at:02}" for at in np.flatnonzero(inside)],
                            "repeat": repeat,
                            "fold": fold,
                            "label": labels[inside],
                            **outcome.columns(scores[:, 1] if number == 2 else scores),
                        }
                    )
                )
    return JobScores(inner=pd.concat(inner), outer=pd.concat(outer).sample(frac=1, random_state=seed))


def by_hand(jobs: dict[str, JobScores], draws: int, seed: int) -> tuple[list[str], list[float]]:
    """Winner and undrawn AUROC of each draw, patients repeated as rows, scikit-learn's AUROC."""
    ids = sorted(set(jobs["0"].outer["patient_id"]))
    times = np.random.default_rng(seed).multinomial(PATIENTS, np.full(PATIENTS, 1 / PATIENTS), size=draws)
    winners, values = [], []
    for draw in times:
        counts = dict(zip(ids, draw, strict=True))

        def area(rows: pd.DataFrame, weight: dict[str, int]) -> float:
            again = rows.loc[rows.index.repeat(rows["patient_id"].map(weight))]
            return float(roc_auc_score(again["label"], again["score"]))

        rule = {
            name: np.mean([area(rows.reset_index(), counts) for _, rows in job.inner.groupby(["repeat", "fold"])])
            for name, job in jobs.items()
        }
        winners.append(max(jobs, key=lambda name: rule[name]))
        undrawn = {name: int(count == 0) for name, count in counts.items()}
        of_winner = jobs[winners[-1]].outer.groupby("repeat")
        values.append(np.mean([area(rows.reset_index(), undrawn) for _, rows in of_winner]))
    return winners, values


@pytest.mark.parametrize("repeats", [1, 2])
def test_as_a_loop_over_repeated_rows_has_it(repeats: int) -> None:
    jobs = {str(job): made(job, repeats=repeats, shift=0.2) for job in range(4)}
    found = corrected(jobs, BINARY, draws=40, seed=3)
    winners, values = by_hand(jobs, 40, 3)
    assert len(set(winners)) > 1
    assert found["corrected"]["value"] == pytest.approx(np.mean(values), abs=1e-12)
    assert found["corrected"]["low"] == pytest.approx(np.quantile(values, 0.025), abs=1e-12)
    assert found["corrected"]["high"] == pytest.approx(np.quantile(values, 0.975), abs=1e-12)
    assert found["corrected"]["same"] == np.mean([one == found["winner"] for one in winners])
    assert found["corrected"]["undefined"] == 0
    for name, job in jobs.items():
        inner = [roc_auc_score(part["label"], part["score"]) for _, part in job.inner.groupby(["repeat", "fold"])]
        outer = [roc_auc_score(part["label"], part["score"]) for _, part in job.outer.groupby("repeat")]
        assert found["jobs"][name]["inner"] == pytest.approx(np.mean(inner), abs=1e-12)
        assert found["jobs"][name]["outer"] == pytest.approx(np.mean(outer), abs=1e-12)
    assert found["winner"] == max(jobs, key=lambda name: found["jobs"][name]["inner"])
    assert found["plain"] == found["jobs"][found["winner"]]["outer"]


def test_on_noise_the_correction_takes_the_winners_luck_away() -> None:
    """Inner and outer scores are the same noise, so the plain figure of the best of 20 is luck alone."""
    plain, right = [], []
    for cohort in range(12):
        jobs = {}
        for job in range(20):
            score = np.random.default_rng([cohort, job]).random(PATIENTS)
            table = pd.DataFrame({"patient_id": [f"P{at}" for at in range(PATIENTS)], "score": score, "repeat": 0})
            table = table.assign(fold=np.arange(PATIENTS) // 2 % FOLDS, label=np.arange(PATIENTS) % 2)
            jobs[str(job)] = JobScores(inner=pd.concat([table, table.assign(fold=9)]), outer=table)
        found = corrected(jobs, BINARY, draws=200, seed=cohort)
        plain.append(found["plain"])
        right.append(found["corrected"]["value"])
    assert np.mean(plain) > 0.58
    assert abs(np.mean(right) - 0.5) < 0.03


def test_several_classes_by_balanced_accuracy() -> None:
    jobs = {str(job): made(job, outcome=CLASSES, shift=job / 2) for job in range(3)}
    found = corrected(jobs, CLASSES, draws=50, seed=0)
    assert found["metric"] == "balanced_accuracy"
    rows = jobs["2"].outer
    called = rows[["score_a", "score_b", "score_c"]].to_numpy().argmax(axis=1)
    assert found["winner"] == "2"
    assert found["plain"] == pytest.approx(balanced_accuracy_score(rows["label"], called), abs=1e-12)


def test_drawn_metrics_are_those_of_repeated_rows_and_undefined_where_nobody_is() -> None:
    rng = np.random.default_rng(0)
    labels, scores = np.array([0, 0, 1, 1, 2, 2]), rng.dirichlet([1, 1, 1], size=6)
    counts = np.array([[1, 1, 1, 1, 1, 1], [3, 0, 1, 2, 0, 0], [0, 0, 0, 0, 0, 0]], dtype=float)
    found = CLASSES.drawn(Truth(label=labels), scores, counts)
    for row, value in zip(counts[:2].astype(int), found[:2], strict=True):
        again = np.repeat(np.arange(6), row)
        called = scores[again].argmax(axis=1)
        recalls = [(called[labels[again] == one] == one).mean() for one in np.unique(labels[again])]
        assert value == pytest.approx(np.mean(recalls), abs=1e-12)
    assert np.isnan(found[2])
    assert found[0] == pytest.approx(CLASSES.inner(Truth(label=labels), scores)["balanced_accuracy"], abs=1e-12)
    one_class = BINARY.drawn(Truth(label=np.array([0, 1])), np.array([0.2, 0.7]), np.array([[1.0, 1.0], [1.0, 0.0]]))
    assert one_class[0] == 1
    assert np.isnan(one_class[1])


def test_groups_are_drawn_whole() -> None:
    """Thirty pairs, named in another order than their patients: both are drawn equally often, 30 pairs in all."""
    jobs = {}
    for job in range(3):
        one = made(job)
        group = "G" + (one.outer["patient_id"].str[1:].astype(int) // 2).astype(str)
        jobs[str(job)] = JobScores(inner=one.inner, outer=one.outer.assign(group=group))
    found = corrected(jobs, BINARY, draws=30, seed=1)
    assert (found["units"]["drawn"], found["units"]["number"]) == ("groups", 30)
    units = units_of(jobs["0"].outer, [f"P{at:02}" for at in range(PATIENTS)])
    times = _draw(units, 50, seed=1)
    assert (times[:, ::2] == times[:, 1::2]).all()
    assert (times.sum(axis=1) == PATIENTS).all()
    assert len(np.unique(times[:, ::2])) > 2
    alone = {name: JobScores(inner=job.inner, outer=job.outer.drop(columns="group")) for name, job in jobs.items()}
    assert corrected(alone, BINARY, draws=30, seed=1)["corrected"]["value"] != found["corrected"]["value"]


def test_of_equal_jobs_the_first_wins_and_draws_without_a_figure_are_counted() -> None:
    one = made(0)
    positives = sorted(one.outer.loc[one.outer["label"] == 1, "patient_id"])[1:]
    rare = JobScores(
        inner=one.inner[~one.inner["patient_id"].isin(positives)],
        outer=one.outer[~one.outer["patient_id"].isin(positives)],
    )
    found = corrected({"b": rare, "a": rare}, BINARY, draws=100, seed=0)
    assert found["winner"] == "b"
    assert found["corrected"]["same"] == 1
    # The one positive is drawn in some 63 % of the draws; then nobody undrawn is positive.
    assert 45 <= found["corrected"]["undefined"] <= 80


def test_what_cannot_be_compared_is_refused() -> None:
    one = made(0)
    with pytest.raises(FusionError, match="1 finished job"):
        corrected({"0": one}, BINARY)
    gone = one.outer["patient_id"].iloc[0]
    fewer = JobScores(
        inner=one.inner[one.inner["patient_id"] != gone], outer=one.outer[one.outer["patient_id"] != gone]
    )
    with pytest.raises(FusionError, match=r"Jobs 0 and 1 are of other patients or labels \(60 and 59 patients\)"):
        corrected({"0": one, "1": fewer}, BINARY)
    other = JobScores(inner=one.inner, outer=one.outer.assign(label=1 - one.outer["label"]))
    with pytest.raises(FusionError, match="two labels in one job"):
        corrected({"0": one, "1": other}, BINARY)
