"""A stranger's run folder in the browser: whatever its texts say, a report shows them and does nothing of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.apply.files import Applied
from fusion.apply.matching import Matching
from fusion.evaluation.evaluate import evaluate
from fusion.evaluation.outcome import outcome_of
from fusion.report.applied import write_applied_report
from fusion.report.page import write_report
from fusion.run.folder import RunFolder

PAYLOADS = (
    "<script>window.owned = 1</script>",
    '"><img src=x onerror="window.owned = 2">',
    "</title></style></svg><svg onload=window.owned=3>",
    "' onmouseover='window.owned=4' x='",
    "{{ 7 * 191 }}<iframe src=javascript:parent.owned=5>",
    "</text></g></svg><script>window.owned=6</script>",
    "]]><a href='javascript:window.owned=7' autofocus onfocus=window.owned=8>",
)


def hostile(number: int) -> str:
    return f"n{number}{PAYLOADS[number % len(PAYLOADS)]}"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., RunFolder]) -> RunFolder:
    """A run in which every text that a report shows is hostile."""
    run = make_run(tmp_path_factory.mktemp("stranger") / "run", patients=60, simulated=False, gene=hostile(0))
    record = run.record()
    record["cohort"] |= {"name": hostile(1), "build": hostile(2), "hashes": {hostile(3): hostile(4)}}
    record["cohort"]["endpoint"] |= {"name": hostile(5), "classes": [hostile(6), hostile(7)], "note": hostile(8)}
    record |= {"command": [hostile(9)], "git_commit": hostile(10), "steps": {hostile(11): 1.0}, "started": hostile(12)}
    record["machine"] |= {"system": hostile(13), "processor": hostile(14)}
    record["versions"] = {hostile(15): hostile(16)}
    record["folds"] = {hostile(17 + n): {"versions": {hostile(19): hostile(20 + n)}} for n in range(2)}
    (run.path / "run.json").write_text(json.dumps(record))
    cohort = run.cohort()
    cohort["reason"] = cohort["reason"].where(cohort["reason"].isna(), hostile(23))
    cohort["dropped_at"] = cohort["dropped_at"].where(cohort["dropped_at"].isna(), hostile(24))
    cohort.rename(columns={"slides": hostile(25)}).to_csv(run.path / "cohort.csv", index=False)
    config = {"modality": {hostile(25): {}, "variants": {}}, "x": hostile(26), "preset": hostile(35)}
    (run.path / "config.yaml").write_text(json.dumps(config))
    told = {"flags": [hostile(36), hostile(37)], "source": {"file": hostile(38), "sha256": hostile(39)}}
    run.folds_path.write_text(json.dumps({**run.folds(), **told}))
    drawn = {"share": 0.5, "lowest_share": 0.5, "drawn": 1.0, "tiles": 2.0}
    (run.models("repeat0_fold0") / "fusion").mkdir()
    (run.models("repeat0_fold0") / "fusion" / "arm.json").write_text(json.dumps({"sampling": {hostile(40): drawn}}))
    part = {"modality": hostile(27), "title": hostile(28), "folder": hostile(29), "figure": None}
    part |= {"counts": {hostile(30): {hostile(31): 3, "read": 4}}, "notes": {hostile(32): hostile(33)}}
    (run.path / "quality.json").write_text(json.dumps({"parts": [part]}))
    selected = pd.read_parquet(run.path / "selected.parquet").assign(modality=hostile(34))
    selected.to_parquet(run.path / "selected.parquet")
    return run


def looked_at(browser: Any, page_file: Path, least: int) -> None:
    """Nothing ran, nothing was fetched, and the texts are there to read."""
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(page_file.as_uri())
    page.wait_for_timeout(200)
    for element in page.query_selector_all("summary")[:10]:
        element.click()
    page.keyboard.press("Tab")
    assert page.evaluate("window.owned") is None
    assert dialogs == []
    assert asked == [page_file.as_uri()]
    assert page.evaluate("document.querySelectorAll('script, iframe, object, embed, base, link').length") == 0
    attributes = page.evaluate("[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).map(a => a.name)")
    assert [name for name in attributes if name.startswith("on")] == []
    shown = page.evaluate("document.documentElement.textContent")
    assert "1337" not in re.findall(r"n4\d*(\d{4})", shown)
    assert sum(payload in shown for payload in PAYLOADS) >= least
    page.close()


def test_the_training_report(stranger: RunFolder, browser: Any) -> None:
    looked_at(browser, write_report(stranger), least=len(PAYLOADS))


def test_the_prediction_report(stranger: RunFolder, browser: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    label = np.repeat([0, 1], 20)
    score = np.clip(0.3 + 0.2 * label + 0.2 * rng.random(40), 0, 1)
    table = pd.DataFrame({"patient_id": [hostile(n) for n in range(40)], "score": score, "low": score, "high": score})
    table = table.assign(
        modalities=hostile(1), out_of_distribution=False, distance=0.5, fold_models=5, in_training=False
    )
    rows = table.assign(arm="fusion", repeat=0, fold=0, endpoint="response", label=label, threshold=0.4)
    metrics = evaluate(rows, draws=50, seed=0, reference="fusion", simulated=False)
    metrics["threshold"] = 0.4
    metrics["verdict"] |= {"text": hostile(12), "status": hostile(13), "compares": hostile(14)}
    gain = {"arm": hostile(15), "metric": "auroc", "gain": 0.1, "low": 0.0, "high": 0.2}
    metrics["comparisons"] = [gain]
    facts = {
        "simulated": False, "run": hostile(2), "arm": "fusion", "cohort": hostile(3), "endpoint": hostile(4),
        "classes": [hostile(5), hostile(6)], "patients": 40, "notes": [hostile(n) for n in range(7)],
        "columns": {hostile(8): hostile(9), "score": hostile(10)},
    }  # fmt: skip
    names = tuple(hostile(n) for n in range(7))
    matches = {
        hostile(11): Matching(matched=names, missing=names, extra=names, share=0.5, absent_is="unknown"),
    }
    outcome = outcome_of(stranger.cohort_spec().endpoint)
    applied = Applied(facts=facts, table=table, rows=rows, metrics=metrics, outcome=outcome)
    looked_at(browser, write_applied_report(tmp_path, applied, matches, stranger), least=len(PAYLOADS))


def test_everything_that_templates_print_is_escaped() -> None:
    """Markup past the escaping is of figures and of where a name may break, and says so; no page has script."""
    package = Path(__file__).resolve().parents[3] / "fusion" / "report"
    for template in package.glob("templates/*.j2"):
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe|autoescape|<script|javascript:", text), template.name
    with_markup = [
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if "Markup(" in file.read_text(encoding="utf-8")
    ]
    assert sorted(with_markup) == ["first/overlap.py", "page.py", "theme.py"]
