"""The bookkeeping of the package's policies on simulated cohorts, by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def suite() -> Any:
    """benchmarks/policy_simulated_fusion.py, as it is when run from its folder."""
    sys.path.insert(0, str(FOLDER))
    import policy_simulated_fusion

    return policy_simulated_fusion


def line(
    seed: int, value: float, *, low: float = -0.01, deviation: float = 0.5, oracle: float = 0.44
) -> dict[str, Any]:
    """The single arm is worth 0.40."""
    rule = {"robust_value": 0.02, "robust_low": low, "weighted_low": -0.1, "true_value": value}
    who = {"patients": 1000, "deviation": deviation, "seed": seed, "asked": []}
    return {**who, "true_single": 0.40, "true_oracle": oracle, "rules": {"fusion": rule}}


def test_a_finished_cohort_is_not_run_again(suite: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lines.jsonl"
    assert suite.read(path) == []
    path.write_text(json.dumps(line(0, 0.4)) + "\n" + json.dumps(line(1, 0.4, deviation=0.0)) + '\n{"seed": 2, "pat')
    found = suite.read(path)
    assert "cut short" in capsys.readouterr().err
    alike = {"patients": 1000, "deviation": 0.5, "asked": []}
    assert suite.lacking([0, 1, 2], found, **alike) == [1, 2]
    assert suite.lacking([0, 1, 2], found, **{**alike, "deviation": 0.0}) == [0, 2]
    assert suite.lacking([0], found, **{**alike, "asked": ["folds.outer=2"]}) == [0]


def test_claims_and_the_share_of_the_oracles_gain(suite: Any) -> None:
    # True gains 0.03 and 0.01 of 0.04 and 0.04: half. The interval's ends are cohorts drawn twice: 0.25 and 0.75.
    table = suite.told([line(0, 0.43, low=0.005), line(1, 0.41), line(0, 0.4, deviation=0.0, oracle=0.4)])
    row = table.loc[(1000, 0.5, "fusion")]
    assert (row["cohorts"], row["claims"], row["share"]) == (2, 1, 0.5)
    assert (row["low"], row["high"]) == (0.25, 0.75)
    assert table.loc[(1000, 0.0, "fusion")].isna()[["share", "low", "high"]].all()
