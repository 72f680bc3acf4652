"""What acting on scores brings in another cohort: the run's cut-offs by hand, and no label of the cohort in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from lifelines import KaplanMeierFitter
from omegaconf import OmegaConf

from fusion.apply.judging import decided, points_of
from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.outcome import outcome_of
from fusion.run.folder import RunFolder
from tests.helpers.survival import survival_predictions

DRAWN = OmegaConf.create({"draws": 20, "seed": 0})
BINARY = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
GRADES = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))
DEATH = EndpointSpec(name="death", kind="survival", classes=("no", "yes"), horizons=(12.0,), unit="months")


def table(fold: int, labels: list[int], **columns: list[float]) -> pd.DataFrame:
    ids = [f"F{fold}-{number}" for number in range(len(labels))]
    return pd.DataFrame({"patient_id": ids, "arm": "fusion", "repeat": 0, "fold": fold, "label": labels, **columns})


def test_the_mean_of_the_folds_cut_offs_is_applied_to_another_cohort() -> None:
    """Half of the positives are found by 0.75 in fold 0 and by 0.35 in fold 1: 0.55 here."""
    inner = pd.concat(
        [table(0, [1, 1, 0, 0], score=[0.8, 0.6, 0.7, 0.1]), table(1, [1, 1, 0, 0], score=[0.4, 0.2, 0.3, 0.1])]
    )
    here = table(0, [1, 1, 1, 0, 0], score=[0.9, 0.56, 0.54, 0.6, 0.5]).assign(patient_id=list("abcde"))
    part = decided(here, "fusion", outcome_of(BINARY), DRAWN, inner=inner, points=[("sensitivity", 0.5)])
    (row,) = part["operating"]["rows"]
    assert (row["cut"], row["low"], row["high"]) == pytest.approx((0.55, 0.35, 0.75))
    assert [row[name]["value"] for name in ("sensitivity", "specificity", "precision", "called")] == pytest.approx(
        [2 / 3, 1 / 2, 2 / 3, 3 / 5]
    )
    other = decided(
        here.assign(label=1 - here["label"]), "fusion", outcome_of(BINARY), DRAWN, inner=inner,
        points=[("sensitivity", 0.5)],
    )  # fmt: skip
    assert other["operating"]["rows"][0]["cut"] == row["cut"]
    assert "decision" not in part  # of two classes it stands in curves
    assert decided(here, "fusion", outcome_of(BINARY), DRAWN, inner=pd.DataFrame(), points=[("sensitivity", 0.5)]) == {}


def test_grades_have_a_cut_off_and_a_curve_at_every_cut() -> None:
    chances = {"score_0": [0.1, 0.3, 0.8, 0.6], "score_I": [0.2, 0.3, 0.1, 0.3], "score_II": [0.7, 0.4, 0.1, 0.1]}
    inner = table(0, [2, 1, 0, 0], **chances)
    here = table(0, [2, 2, 1, 0], **{name: values[::-1] for name, values in chances.items()}).assign(
        patient_id=list("abcd")
    )
    part = decided(here, "fusion", outcome_of(GRADES), DRAWN, inner=inner, points=[("specificity", 0.9)])
    rows = {row["at"]: row for row in part["operating"]["rows"]}
    # I or higher: probabilities 0.9 and 0.7 of those who have it, 0.2 and 0.4 of the others: spared from 0.55 on.
    assert rows["I"]["cut"] == pytest.approx(0.55)
    # Here 0.4, 0.2, 0.7 and 0.9: of the three of grade I or II one is called, and the one of grade 0.
    assert (rows["I"]["sensitivity"]["value"], rows["I"]["specificity"]["value"]) == pytest.approx((1 / 3, 0))
    assert [row["at"] for row in part["decision"]["rows"]] == ["I", "II"]
    first = part["decision"]["rows"][0]
    place = first["x"].index(0.5)
    # At 0.5 the same two are treated: one right, one wrong.
    assert first["arms"]["fusion"]["value"][place] == pytest.approx(0.0)
    assert first["all"][place] == pytest.approx(3 / 4 - 1 / 4)


def test_times_have_them_at_every_horizon_and_treating_everybody_is_worth_kaplan_meiers_risk() -> None:
    inner, here = (survival_predictions(90, folds=3, horizons=(12,), seed=seed) for seed in (1, 2))
    here = here.assign(fold=0)
    part = decided(here, "fusion", outcome_of(DEATH), DRAWN, inner=inner, points=[("net_benefit", 0.3)])
    one = here[here["arm"] == "fusion"]
    risk = 1 - float(KaplanMeierFitter().fit(one["time"], one["label"]).predict(12))
    (curve,) = part["decision"]["rows"]
    assert curve["share"]["value"] == pytest.approx(risk)
    assert curve["all"][curve["x"].index(0.3)] == pytest.approx(risk - (1 - risk) * 3 / 7, abs=1e-6)
    row = next(row for row in part["operating"]["rows"] if row["arm"] == "fusion")
    called = 1 - one["survival@12"] >= row["cut"]
    assert (row["at"], row["called"]["value"]) == ("12", pytest.approx(called.mean()))
    assert row["low"] < row["cut"] < row["high"]
    assert {row["arm"] for row in part["operating"]["rows"]} == {"fusion", "only_a", "late", "classical"}


def test_the_runs_points_hold_unless_the_command_names_others(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    (run.path / "config.yaml").write_text("evaluation: {draws: 20}")
    nothing = OmegaConf.create({"operating": {"sensitivity": None, "specificity": None, "net_benefit": None}})
    assert points_of(nothing, run) == []  # a run of before there were any
    asked = {"evaluation": {"operating": {"sensitivity": 0.9}}}
    (run.path / "config.yaml").write_text(yaml.safe_dump(asked))
    assert points_of(nothing, run) == [("sensitivity", 0.9)]
    assert points_of(OmegaConf.create({"operating": {"net_benefit": [0.2]}}), run) == [("net_benefit", 0.2)]
    with pytest.raises(FusionError, match=r"evaluation\.operating\.sensitivity is 2"):
        points_of(OmegaConf.create({"operating": {"sensitivity": 2}}), run)


def test_who_is_not_followed_to_a_horizon_is_named_and_not_told() -> None:
    rows = survival_predictions(60, arms=("fusion",), folds=1, horizons=(12,))
    late = EndpointSpec(name="death", kind="survival", classes=("no", "yes"), horizons=(12.0, 900.0), unit="months")
    rows = rows.assign(**{"survival@900": np.float64(0.1)})
    part = decided(rows, "fusion", outcome_of(late), DRAWN, inner=rows, points=[("sensitivity", 0.9)])
    assert part["operating"]["untold"] == ["900"]
    assert [row["at"] for row in part["decision"]["rows"]] == ["12"]
