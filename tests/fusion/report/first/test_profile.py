"""The page beside a draft: what it shows, and that names of columns are texts in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusion.report.first.overlap import combinations, told
from fusion.report.first.profile import write_profile

HELD = {"clinical": ["a", "b", "c"], "rna": ["b", "c", "d"], "slides": ["c"]}
PROFILE = {
    "name": "mine", "root": "files", "files": 3, "patients": HELD, "kept": 2, "dropped": {"pCR is missing": 1},
    "endpoint": "pCR", "notes": ["grade differs"],
    "candidates": [{"table": "clinical", "column": "pCR", "counts": (("0", 2), ("1", 1)), "reason": "its name"}],
    "tables": [
        {
            "key": "clinical", "file": "clinical.csv", "rows": 3, "id": "patient", "reason": "3 of 3",
            "form": "columns",
            "columns": [
                {
                    "name": "<script>alert(1)</script>", "kind": "number", "missing": 0.25, "distinct": 9, "counts": (),
                    "bars": (1, 0, 2, 0, 0, 0, 0, 0, 0, 4), "low": 1.5, "high": 9.0, "left_out": "", "time": "outcome",
                    "reason": "its name has 'pcr'",
                },
                {
                    "name": "note", "kind": None, "missing": 0.0, "distinct": 40, "counts": (), "bars": (),
                    "low": None, "high": None, "left_out": "40 different words", "time": None, "reason": "",
                },
            ],
        }
    ],
    "sources": [
        {
            "key": "slides", "kind": "slides", "files": 1, "patterns": ("slides/*.svs",), "patients": 1,
            "reason": "by name", "notes": ("0.5 microns per pixel",),
        }
    ],
    "left": {"x.pdf": "a text"},
}  # fmt: skip


def test_combinations_are_exclusive_and_count_everybody_once() -> None:
    assert combinations(HELD) == [
        (("clinical",), 1),
        (("clinical", "rna"), 1),
        (("clinical", "rna", "slides"), 1),
        (("rna",), 1),
    ]
    assert combinations({"a": ["1"], "b": ["2", "3"]}) == [(("b",), 2), (("a",), 1)], "the most first"
    assert told({"a": ["1", "2"], "b": ["2"]}) == "1 patients have a; 1 patients have a, b."


def test_the_page_shows_columns_files_and_what_was_left_out(tmp_path: Path) -> None:
    page = write_profile(PROFILE, tmp_path / "cohort" / "mine.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/<wbr>script&gt;" in page
    assert "Histogram: 1, 0, 2, 0, 0, 0, 0, 0, 0, 4" in page
    for words in ("25 %", "1.5 to 9", "outcome?", "40 different words", "slides/*.svs", "x.pdf", "grade differs"):
        assert words in page, words
    assert "2 patients would be kept, dropped: 1 pCR is missing." in page
    assert 'aria-label="1 patients have clinical;' in page


def test_on_a_phone_long_names_break_and_rows_stay_low(tmp_path: Path, browser: Any) -> None:
    (table,) = PROFILE["tables"]  # type: ignore[misc]
    long = table["columns"][1] | {"name": "er_positivity_scale_used_and_more", "left_out": "text or ids, for " * 8}
    file = f"clinical/{'nationwidechildrens.org_clinical_patient_brca' * 2}.txt"
    page = write_profile(PROFILE | {"tables": [table | {"file": file, "columns": [long]}]}, tmp_path / "mine.html")
    shown = browser.new_page(viewport={"width": 390, "height": 900})
    shown.goto(page.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    heights = shown.evaluate("[...document.querySelectorAll('tr')].map(one => one.getBoundingClientRect().height)")
    widths = shown.evaluate("[...document.querySelectorAll('#tables td')].map(one => one.scrollWidth)")
    name = shown.evaluate("document.querySelector('#tables tbody th').clientWidth")
    shown.close()
    assert name >= 120 and max(heights) < 260, "no column is a letter wide"
    assert max(widths) < 400, "no reason stands on one line"
