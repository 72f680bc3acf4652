"""The page of a sweep at the width of a phone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fusion.report.sweeps.page import _content, page_of

RECORD = {"cohort": {"name": "mine", "endpoint": {"name": "pcr"}}}
SHARED = "cohort=mine evaluation.draws=50 trainer.max_epochs=5 "
NONE = {"parallel": None, "importances": None}
LONG = "{trainer.learning_rate:[0.001,0.003,0.01],model.dropout:[0.1,0.2,0.3]}"


def content(apart: dict[str, str]) -> dict[str, Any]:
    jobs = {name: {"inner": 0.6, "outer": 0.6} for name in apart}
    sweep: Any = SimpleNamespace(
        sweeper="optuna", adaptive=False, unfinished=(), pruned=(),
        settings={name: SHARED + text for name, text in apart.items()},
    )  # fmt: skip
    right = {"value": 0.58, "low": 0.5, "high": 0.66, "undefined": 0, "same": 1.0}
    found = {"jobs": jobs, "winner": "0", "plain": 0.6, "corrected": right, "patients": 90, "units": None, "draws": 20}
    return _content(sweep, found, arm="fusion", simulated=False)


def test_the_table_has_what_differs_in_whole_words_and_the_figures_are_in_sight(tmp_path: Path, browser: Any) -> None:
    apart = {"0": f"trainer.encoder_learning_rate=0.000123456 choose={LONG}", "1": "model/fuser=gated"}
    file = tmp_path / "sweep.html"
    file.write_text(page_of(content(apart), RECORD, label="AUROC", figures=NONE))
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#jobs tbody code").all_inner_texts() == [
        "trainer.encoder_learning_rate=0.000123456",
        f"choose={LONG}",
        "model/fuser=gated",
    ]
    boxes = [one.bounding_box() for one in page.locator("#jobs tbody code:not(.long)").all()]
    assert max(box["height"] for box in boxes) < 30, "a word is broken"
    assert page.locator("#jobs tbody code.long").bounding_box()["height"] < 80
    figures = [one.bounding_box() for one in page.locator("#jobs tbody tr > td:nth-child(3)").all()]
    assert max(box["x"] + box["width"] for box in figures) < 270, "a job's number takes the room of its figures"
    page.locator("#jobs summary").click()
    assert page.locator("#jobs details code").all_inner_texts() == SHARED.split()
    page.close()


def test_jobs_that_set_nothing_differently() -> None:
    html = page_of(content({"0": "", "1": ""}), RECORD, label="AUROC", figures=NONE)
    assert "these jobs set nothing differently" in html
    assert html.count("<li>—</li>") == 2
