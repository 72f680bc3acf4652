"""Permuted labels through real arms: figures against scikit-learn, and which runs are refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.outcome import outcome_of
from fusion.protocol.canary.trained import through_arms, within_folds
from fusion.run.folder import RunFolder

MakeRun = Callable[..., RunFolder]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun) -> RunFolder:
    """Of arms that predict their labels well: a protocol that leaks."""
    made = make_run(tmp_path_factory.mktemp("permuted") / "run", patients=60, simulated=False)
    told = yaml.safe_dump({**made.config(), "canary": "permuted"})
    (made.path / "config.yaml").write_text(told)
    made.note(data="abc")
    return made


def test_an_arm_that_predicts_permuted_labels_fails_and_its_figure_is_the_mean_of_folds(
    run: RunFolder, tmp_path: Path
) -> None:
    check = through_arms([run], "abc")
    rows = run.predictions()
    areas, variances = {}, []
    for arm, mine in rows.groupby("arm"):
        folds = [part for _, part in mine.groupby("fold") if part["label"].nunique() == 2]
        areas[arm] = np.mean([roc_auc_score(part["label"], part["score"]) for part in folds])
        sizes = [(part["label"].sum(), (1 - part["label"]).sum()) for part in folds]
        variances.append(sum((m + n + 1) / (12 * m * n) for m, n in sizes) / len(sizes) ** 2)
    assert check.figures["auroc"] == pytest.approx(areas)
    assert (check.decides, check.figures["highest"]) == (True, "fusion")
    best = norm.sf((areas["fusion"] - 0.5) / np.sqrt(variances[0]))
    assert check.p == pytest.approx(len(areas) * best) and check.p < 1e-3
    more = tmp_path / "more"
    shutil.copytree(run.path, more)
    RunFolder(more).note(seed=8)
    twice = through_arms([run, RunFolder(more)], "abc")  # the same figures, twice the evidence
    assert twice.p == pytest.approx(len(areas) * norm.sf((areas["fusion"] - 0.5) / np.sqrt(variances[0] / 2)))
    assert "Fusion" in check.said and f"of {len(areas)} arms that were trained once" in check.said


def test_within_folds_by_hand() -> None:
    outcome = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))
    rows = pd.DataFrame({"fold": [0] * 4 + [1] * 3 + [2] * 2, "label": [1, 1, 0, 0, 1, 0, 0, 0, 0]})
    # Fold 0: three of four pairs in order; fold 1: none of two; fold 2 has no positives.
    rows["score"] = [0.9, 0.4, 0.5, 0.1, 0.2, 0.8, 0.7, 0.3, 0.9]
    value, variance = within_folds(rows, outcome)
    assert value == pytest.approx((3 / 4 + 0) / 2)
    assert variance == pytest.approx((5 / (12 * 4) + 4 / (12 * 2)) / 4)
    doubled = pd.concat([part for _, part in rows.reset_index(drop=True).groupby("fold")])
    assert within_folds(doubled.set_axis([0] * len(rows)), outcome) == (value, variance)  # whatever rows are called
    with pytest.raises(FusionError, match="no fold has test patients of both"):
        within_folds(rows[rows["fold"] == 2], outcome)


def test_grades_are_told_apart_as_two_groups_by_the_expected_one() -> None:
    outcome = outcome_of(EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II")))
    rows = pd.DataFrame(
        {"fold": 0, "label": [0, 0, 1, 2], "score_0": [0.8, 0.1, 0.3, 0.2], "score_I": [0.1, 0.8, 0.3, 0.1],
         "score_II": [0.1, 0.1, 0.4, 0.7]}
    )  # fmt: skip
    # Expected grades 0.3, 1.0, 1.1 and 1.5: grade 0 lies below I or II.
    assert within_folds(rows, outcome)[0] == 1.0
    assert within_folds(rows.assign(label=[0, 1, 1, 0]), outcome)[0] == pytest.approx(2 / 4)


def test_runs_that_say_nothing_of_these_data_are_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="is of other data than these"):
        through_arms([run], "abd")
    with pytest.raises(FusionError, match=r"dealt out by the seed, and .* has 7 too"):
        through_arms([run, run], "abc")
    (tmp_path / "config.yaml").write_text("canary: null")
    with pytest.raises(FusionError, match=r"labels were not permuted\. Train with canary=permuted"):
        through_arms([RunFolder(tmp_path)], "abc")
