"""Sites one by one: which report it is, values against scikit-learn, and another site by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusion.contract import EndpointSpec
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.subgroups.sites import by_site, elsewhere, how_held_out, new_site

BINARY = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))


def test_which_report_it_is() -> None:
    sites = pd.Series(list("AABBC"), index=list("vwxyz"))

    def told(*tests: str) -> str:
        parts = {(0, place): list(test) for place, test in enumerate(tests)}
        rest = {place: [one for one in "vwxyz" if one not in test] for place, test in parts.items()}
        return how_held_out(sites, parts, rest)

    assert told("vw", "xy", "z") == "each"
    assert told("vwz", "xy") == "groups"
    assert told("vx", "wyz") == "seen"


def rows(n: int = 130) -> tuple[pd.DataFrame, pd.Series[str]]:
    rng = np.random.default_rng(2)
    ids = [f"P{number:03}" for number in range(n)]
    sites = pd.Series(["A"] * 60 + ["B"] * 60 + ["<b>C"] * (n - 120), index=ids)
    label = (rng.random(n) < 0.4).astype(int)
    parts = [
        pd.DataFrame(
            {"patient_id": ids, "arm": "fusion", "repeat": repeat, "fold": 0, "label": label,
             "score": 1 / (1 + np.exp(-(label + rng.normal(size=n) - 0.5)))}
        )
        for repeat in (0, 1)
    ]  # fmt: skip
    return pd.concat(parts).sample(frac=1, random_state=1), sites


def test_each_site_by_its_own_patients() -> None:
    table, sites = rows()
    found = by_site(table, sites, outcome_of(BINARY), held_out="each", draws=100, seed=1)
    assert [row["site"] for row in found["rows"]] == ["<b>C", "A", "B"]
    small, first, _ = found["rows"]
    assert small["value"] is None and small["why"].startswith("fewer than 20 patients")
    mine = table[table["patient_id"].isin(sites.index[sites == "A"])]
    each = [roc_auc_score(part["label"], part["score"]) for _, part in mine.groupby("repeat")]
    assert first["value"]["value"] == pytest.approx(np.mean(each))
    assert first["value"]["low"] < first["value"]["value"] < first["value"]["high"]
    assert first["calibration"]["value"] == pytest.approx((mine["label"] - mine["score"]).mean())
    assert sum(first["classes"]) == first["patients"] == 60
    assert found["elsewhere"] is None  # two judged sites are too few


def test_survival_is_ranked_within_folds_and_calibrated_at_the_horizon() -> None:
    endpoint = EndpointSpec(name="death", kind="survival", classes=("censored", "event"), horizons=(2.0,))
    rng = np.random.default_rng(0)
    time, risk = rng.exponential(size=40), rng.normal(size=40)
    table = pd.DataFrame(
        {"patient_id": [f"P{number:02}" for number in range(40)], "repeat": 0, "fold": [0, 1] * 20, "label": 1,
         "time": time, "score": risk, "survival@2": 0.5}
    )  # fmt: skip
    sites = pd.Series("A", index=table["patient_id"])
    row = by_site(table, sites, outcome_of(endpoint), held_out="seen", draws=10, seed=1)["rows"][0]
    pairs = [
        (risk[i] > risk[j])
        for i in range(40) for j in range(40) if time[i] < time[j] and i % 2 == j % 2
    ]  # fmt: skip
    assert row["value"]["value"] == pytest.approx(np.mean(pairs))  # both folds have as many pairs
    assert row["calibration"]["value"] == pytest.approx(np.mean(time <= 2) - 0.5)  # nobody is censored


def test_another_site_by_hand() -> None:
    """Weights 400: Q = 8, tau² = (8 − 2)/(1200 − 400) = 0.0075; then weights 100, t of one degree 12.706."""
    found = new_site([0.6, 0.7, 0.8], [0.05, 0.05, 0.05])
    assert found is not None
    assert found["mean"] == pytest.approx(0.7)
    assert found["tau"] == pytest.approx(np.sqrt(0.0075))
    assert found["high"] - 0.7 == pytest.approx(12.7062 * np.sqrt(0.0075 + 1 / 300), rel=1e-5)
    assert found["mean_low"] == pytest.approx(0.7 - 1.959964 * np.sqrt(1 / 300))
    alike = new_site([0.7, 0.7, 0.7], [0.05, 0.04, 0.05])
    assert alike is not None and alike["tau"] == 0.0
    assert new_site([0.6, 0.7], [0.1, 0.1]) is None


def test_no_interval_leaves_what_a_metric_can_be() -> None:
    """Three sites of 0.5 ± 0.05: logit 0 with error 0.05/0.25 = 0.2 each; of kappa 0 ± 0.1 the same."""
    found = elsewhere([0.5, 0.5, 0.5], [0.05, 0.05, 0.05], bounds=(0.0, 1.0))
    assert found is not None
    half = 1.959964 * np.sqrt(0.04 / 3)
    assert found["mean_high"] == pytest.approx(1 / (1 + np.exp(-half)))
    kappa = elsewhere([0.0, 0.0, 0.0], [0.1, 0.1, 0.1], bounds=(-1.0, 1.0))
    assert kappa is not None and kappa["mean_high"] == pytest.approx(2 / (1 + np.exp(-half)) - 1)
    wide = elsewhere([0.95, 0.6, 0.8], [0.03, 0.07, 0.07], bounds=(0.0, 1.0))
    assert wide is not None and 0 <= wide["low"] < wide["mean"] < wide["high"] <= 1
    assert elsewhere([0.5, 0.5], [0.1, 0.1], bounds=(0.0, 1.0)) is None
