"""Which therapy for whom, on the page: sentences, table, limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.evaluation.policy.evaluate import policy, unsaid
from fusion.report.page import write_report
from fusion.report.parts.policy import label, said
from fusion.run.folder import RunFolder


def part(low: float, high: float) -> dict[str, Any]:
    gain = {"value": (low + high) / 2, "low": low, "high": high}
    value = {"value": 0.5, "low": 0.4, "high": 0.6}
    return {
        "policy": {
            "why": "",
            "given": {"value": 0.3, "low": 0.25, "high": 0.35},
            "arms": {"t_learner": {"robust": value, "against_best": {"robust": gain}}},
        }
    }


@pytest.mark.parametrize(
    ("low", "high", "claim"),
    [(0.01, 0.11, "choosing by the patient is supported here"), (-0.02, 0.1, "no gain from choosing is shown"),
     (-0.2, -0.1, "choosing by the patient does worse here")],
)  # fmt: skip
def test_a_claim_needs_an_interval_on_one_side_of_0(low: float, high: float, claim: str) -> None:
    text = said(part(low, high))
    assert "what the T-learner prefers for them, 50.0 % (40.0 to 60.0) would have responded" in text
    assert "against 30.0 % (25.0 to 35.0) as given" in text
    assert f"{100 * (low + high) / 2:+.1f} percentage points ({100 * low:+.1f} to {100 * high:+.1f}): {claim}." in text


def test_nothing_is_said_without_the_part_or_without_overlap() -> None:
    assert said({}) == ""
    told = said({"policy": unsaid("no stratum has two regimens with enough patients", by=[], least=10)})
    assert told.endswith("which therapy for whom: no stratum has two regimens with enough patients.")
    assert label("base") == "Plain model"


def test_the_page_has_values_limits_and_who_is_left_out(tmp_path: Path, make_run: Callable[..., RunFolder]) -> None:
    run = make_run(tmp_path / "run")
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = [
        {"patient_id": f"Q{one:02}", "arm": arm, "repeat": 0, "fold": 0, "stratum": "HER2=0",
         "given": ("A", "A<b>")[one % 2], "regimen": regimen, "score": rng.random(), "propensity": 0.5,
         "best": regimen == "A", "label": one % 3 == 0, "why": ""}
        for arm in ("fusion", "interactions") for one in range(48) for regimen in ("A", "A<b>")
    ]  # fmt: skip
    rows.append({"patient_id": "Q99", "arm": "", "repeat": 0, "fold": 0, "why": "the stratum is not known"})
    table = pd.DataFrame(rows)
    units = table[["patient_id"]].drop_duplicates()
    found = policy(table, units, by=["clinical.HER2"], least=10, control=["A"], draws=20)
    run.write_metrics(run.metrics() | {"policy": found})
    html = write_report(run).read_text()
    assert 'id="policy"' in html
    assert "Association in these patients, not a promise" in html
    assert "time drift of adaptive randomisation not adjusted for" in html
    assert "what Regression with interactions prefers" in html
    assert "1 patient, the stratum is not known" in html
    assert "C-for-benefit" in html
    assert "A&lt;b&gt;" in html and "A<b>" not in html
