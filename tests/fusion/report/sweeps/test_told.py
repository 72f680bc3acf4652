"""What the console says of a sweep, word for word, and how jobs are ranked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fusion.report.sweeps.page import _content, ranked_scores, told

CONTENT: dict[str, Any] = {
    "simulated": False,
    "jobs": [
        {"job": "1", "overrides": "rate=0.1 seed=1", "differs": {"rate": "0.1", "width": ""}},
        {"job": "0", "overrides": "rate=1 seed=1", "differs": {"rate": "1", "width": ""}},
    ],
    "winner": "0",
    "arm": "fusion",
    "plain": 0.75,
    "corrected": {"value": 0.7, "low": 0.61, "high": 0.79},
    "adaptive": False,
    "pruned": [],
    "unfinished": [],
}


def test_the_winner_and_its_corrected_figure() -> None:
    assert told(CONTENT, "AUROC", Path("sweep")).splitlines() == [
        "Winner of 2 jobs: 0 (rate=1), Fusion",
        "  AUROC out of fold 0.750: optimistic, for all patients helped to choose it",
        "  corrected for that 0.700 (0.61 to 0.79)",
        "Report: sweep/sweep.html",
    ]


def test_what_was_left_out_and_what_is_approximate() -> None:
    more = {
        "simulated": True,
        "corrected": {"value": 0.7, "low": None, "high": None},
        "adaptive": True,
        "pruned": ["3", "4"],
        "unfinished": [str(number) for number in range(10)],
    }
    lines = told(CONTENT | more, "AUROC", Path("sweep")).splitlines()
    assert lines[0].startswith("SIMULATED · Winner of 2 jobs")
    assert lines[2].startswith("  corrected for that 0.700; ")
    assert lines[3:5] == [
        "  left out, given up for they were behind: 2",
        "  left out, unfinished: 10 (job 0, 1, 2, 3, 4, 5, 6, 7)",
    ]


def test_jobs_are_ranked_by_their_inner_figure_and_those_without_come_last() -> None:
    figures = {name: {"inner": inner, "outer": None} for name, inner in (("0", 0.6), ("1", None), ("2", 0.8))}
    sweep: Any = SimpleNamespace(
        sweeper=None, adaptive=True, unfinished=("7",), pruned=(), jobs=figures,
        settings={name: f"seed=1 rate={name}" for name in figures},
    )  # fmt: skip
    assert ranked_scores(figures) == {"0": 0.6, "2": 0.8}
    content = _content(sweep, {"jobs": figures}, arm="fusion", simulated=True)
    assert [row["job"] for row in content["jobs"]] == ["2", "0", "1"]
    assert (content["shared"], content["jobs"][0]["differs"]) == (["seed=1"], {"rate": "2"})
    assert (content["unfinished"], content["pruned"], content["simulated"]) == (["7"], [], True)


def test_a_winner_that_set_nothing_otherwise_is_named_alone() -> None:
    jobs = [row | {"differs": {}} for row in CONTENT["jobs"]]
    assert told(CONTENT | {"jobs": jobs}, "AUROC", Path("sweep")).startswith("Winner of 2 jobs: 0, Fusion\n")
