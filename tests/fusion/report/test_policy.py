"""Which therapy for whom, on the page: sentences, table, limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.contract import Agent
from fusion.evaluation.policy.evaluate import policy, unsaid
from fusion.evaluation.policy.left_out import arms_left_out
from fusion.report.page import write_report
from fusion.report.parts.policy import label, said, said_of_left_out
from fusion.report.parts.policy_figure import values
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
    told = f"{100 * (low + high) / 2:+.1f} percentage points ({100 * low:+.1f} to {100 * high:+.1f}): {claim}."
    assert told.replace("-", "−") in text.replace("-", "−") and "(-" not in text


def test_nothing_is_said_without_the_part_or_without_overlap() -> None:
    assert said({}) == ""
    told = said({"policy": unsaid("no stratum has two regimens with enough patients", by=[], least=10)})
    assert told.endswith("which therapy for whom: no stratum has two regimens with enough patients.")
    assert label("base") == "Plain model"


def unseen() -> dict[str, Any]:
    """60 patients of two regimens left out, one of them given to four."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {"patient_id": [f"Q{one:02}" for one in range(60)], "repeat": 0, "given": ["A"] * 56 + ["<b>"] * 4,
         "label": np.tile([0, 1, 0], 20), **{way: rng.random(60) for way in ("seen", "unseen", "untold")}}
    )  # fmt: skip
    agents = {"A": (Agent(name="red<i>", group="warm"),), "<b>": (Agent(name="orange", group="warm"),)}
    return arms_left_out(table, table, agents, draws=20, seed=0)


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
    plain = run.metrics()
    run.write_metrics(plain | {"policy": found})
    assert "never saw" not in write_report(run).read_text(), "as usual, no regimen was left out"
    run.write_metrics(plain | {"policy": found | {"arms_left_out": unseen()}})
    html = write_report(run).read_text()
    assert 'id="policy"' in html
    svg = (run.figures_path / "policy.svg").read_text()
    assert [words in svg for words in ("As given", "Best arm of each stratum", "What fusion prefers")] == [True] * 3
    assert "SIMULATED" in svg or not run.record()["simulated"]
    assert "Association in these patients, not a promise" in html
    assert "time drift of adaptive randomisation not adjusted for" in html
    assert "what Regression with interactions prefers" in html
    assert "1 patient, the stratum is not known" in html
    assert "C-for-benefit" in html
    assert "A&lt;b&gt;" in html and "A<b>" not in html
    assert "A regimen that the model never saw" in html and "Over all 2 regimens" in html
    assert "its class in 1" in html and "red&lt;i&gt;" in html
    assert "too few who did, or did not, respond" in html


def test_the_figure_has_a_row_a_rule_and_colours_what_gains() -> None:
    metrics = part(0.01, 0.11)
    value = {"value": 0.4, "low": 0.35, "high": 0.45}
    metrics["policy"]["best"] = {"robust": value}
    metrics["policy"]["arms"]["base"] = part(-0.1, 0.1)["policy"]["arms"]["t_learner"]
    metrics["policy"]["arms"]["fusion"] = {"robust": {**value, "value": None}, "against_best": {"robust": value}}
    figure = values(metrics)
    assert figure is not None
    axes = figure.axes[0]
    told = [text.get_text() for text in axes.texts]
    assert told == [
        "As given", "30 (25 to 35)", "Best arm of each stratum", "40 (35 to 45)", "What the T-learner prefers",
        "50 (40 to 60)", "What the plain model prefers", "50 (40 to 60)",
    ]  # fmt: skip
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(line.get_xdata()[0]) for line in dots] == pytest.approx([30, 40, 50, 50])
    assert [line.get_color() for line in dots][2:] == ["#0072b2", "#7f8792"]
    spans = [line for line in axes.lines if line.get_marker() == "None" and line.get_linestyle() == "-"]
    assert next(list(line.get_xdata()) for line in spans) == pytest.approx([25, 35])
    assert values({}) is None
    assert values({"policy": unsaid("nothing", by=[], least=10)}) is None


def left_out(low: float | None, high: float | None) -> dict[str, Any]:
    entry = {"value": 0.7, "low": 0.65, "high": 0.75}
    middle = None if low is None or high is None else (low + high) / 2
    gain = {"value": middle, "low": low, "high": high}
    found = {"auroc": {"seen": entry, "unseen": entry, "untold": entry}, "unseen_against_untold": gain}
    return {"policy": {"arms_left_out": {"regimens": [1, 2, 3], "all": found}}}


def test_what_agents_tell_of_a_regimen_never_seen_is_a_sentence() -> None:
    text = said_of_left_out(left_out(0.01, 0.05))
    assert text.startswith("Over all 3 regimens, each left out in turn, a regression that is told the regimen by its")
    assert "an AUROC of 0.70 (0.65 to 0.75), against 0.70 (0.65 to 0.75) with the regimen in training" in text
    assert text.endswith("+0.030 (+0.010 to +0.050): here they tell something of a regimen that was never given.")
    assert said_of_left_out(left_out(-0.02, 0.05)).endswith("of a regimen never given is not shown.")
    assert said_of_left_out(left_out(-0.2, -0.1)).endswith("they mislead here.")
    assert said_of_left_out(left_out(None, None)).endswith("nothing is claimed.")
    assert said_of_left_out({}) == said_of_left_out({"policy": {}}) == ""
