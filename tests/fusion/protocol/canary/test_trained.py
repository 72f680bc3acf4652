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
from fusion.protocol.canary.trained import of_arm, through_arms
from fusion.run.folder import RunFolder

MakeRun = Callable[..., RunFolder]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: MakeRun) -> RunFolder:
    """Of arms that predict their labels well: a protocol that leaks."""
    made = make_run(tmp_path_factory.mktemp("permuted") / "run", patients=60, repeats=2, simulated=False)
    told = yaml.safe_dump({**made.config(), "canary": "permuted"})
    (made.path / "config.yaml").write_text(told)
    made.note(data="abc")
    patients = sorted(made.predictions()["patient_id"].unique())
    made.write_described(pd.DataFrame({"site": ["A", "B"] * 30}, index=pd.Index(patients, name="patient_id")))
    return made


def test_an_arm_that_predicts_permuted_labels_fails_and_its_figure_is_of_pairs_within_folds_and_sites(
    run: RunFolder, tmp_path: Path
) -> None:
    check = through_arms([run], "abc")
    rows = run.predictions().query("repeat == 0").merge(run.described(), on="patient_id")
    areas, variances = {}, []
    for arm, mine in rows.groupby("arm"):
        parts = [part for _, part in mine.groupby(["fold", "site"]) if part["label"].nunique() == 2]
        sizes = np.array([(part["label"].sum(), (1 - part["label"]).sum()) for part in parts])
        pairs = sizes.prod(axis=1)
        each = [roc_auc_score(part["label"], part["score"]) for part in parts]
        areas[arm] = np.average(each, weights=pairs)
        variances.append(2 * (pairs * (sizes.sum(axis=1) + 1) / 12).sum() / pairs.sum() ** 2)
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


def test_grades_are_told_apart_as_two_groups_by_the_expected_one_within_sites_too() -> None:
    outcome = outcome_of(EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II")))
    rows = pd.DataFrame(
        {"patient_id": list("abcd"), "fold": 0, "label": [0, 0, 1, 2], "score_0": [0.8, 0.1, 0.3, 0.2],
         "score_I": [0.1, 0.8, 0.3, 0.1], "score_II": [0.1, 0.1, 0.4, 0.7]}
    ).set_axis([0] * 4)  # fmt: skip
    # Expected grades 0.3, 1.0, 1.1 and 1.5: grade 0 lies below I or II.
    assert of_arm(rows, outcome, {})[0] == 1.0
    rows = rows.assign(label=[0, 1, 1, 0])
    assert of_arm(rows, outcome, {})[0] == pytest.approx(2 / 4)
    assert of_arm(rows, outcome, {"a": "S", "b": "S", "c": "T", "d": "T"})[0] == pytest.approx(1 / 2)
    assert of_arm(rows, outcome, {"a": "S", "b": "S"})[0] == pytest.approx(1 / 2)
    assert of_arm(rows, outcome, {"a": "S", "b": "S", "c": "S"})[0] == 1.0  # the pairs of d are of no stratum


def test_runs_that_say_nothing_of_these_data_are_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="is of other data than these"):
        through_arms([run], "abd")
    with pytest.raises(FusionError, match=r"dealt out by the seed, and .* has 7 too"):
        through_arms([run, run], "abc")
    (tmp_path / "config.yaml").write_text("canary: null")
    with pytest.raises(FusionError, match=r"labels were not permuted\. Train with canary=permuted"):
        through_arms([RunFolder(tmp_path)], "abc")
