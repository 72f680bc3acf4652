"""``python -m fusion.explain`` on the small run: table, pages in a browser, resuming, hashed ids, refusals."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

if TYPE_CHECKING:
    from integration.conftest import Check, Workplace

FEW = ("patients=[SIM-BR-0001,SIM-BR-0002,SIM-BR-0003,SIM-BR-0004]", "steps=8", "tiles=2", "evaluation.draws=50")
COLUMNS = {"patient", "arm", "endpoint", "modality", "feature", "value", "baseline", "attribution", "method", "delta"}


@pytest.fixture(scope="module")
def explained(trained: Path, workplace: Workplace) -> Path:
    match = {"variant": "TP53 R1K", "civic": "TP53 R1K", "gene": "TP53", "line": 2}
    found = {"profile": "TP53 R1K", "url": "", "nearness": "gene", "matches": [match], "evidence": [], "folded": 1}
    evidence = {
        "source": {"name": "Invented", "date": "no day", "licence": "none"}, "said": "Invented.",
        "settings": {"level": "B"}, "patients": {"SIM-BR-0001": {"profiles": [found], "no_match": []}},
    }  # fmt: skip
    (workplace.folder / "evidence.json").write_text(json.dumps(evidence))
    done = workplace("explain", "run=run", "output=explained", "actionability=evidence.json", *FEW)
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout
    return workplace.folder / "explained"


def test_the_table_is_complete(explained: Path, trained: Path) -> None:
    table = pd.read_parquet(explained / "attributions.parquet")
    assert set(table) >= COLUMNS
    assert table["simulated"].all()
    assert table["patient"].nunique() == 4
    assert table["attribution"].notna().all()
    checks = json.loads((explained / "faithfulness.json").read_text())
    assert checks["score_difference"] < 1e-6
    assert checks["simulated"] is True
    assert checks["truth"] is not None
    assert json.loads((explained / "explain.json").read_text())["status"] == "complete"
    told = json.loads((explained / "evidence.json").read_text())["patients"]
    (gene,) = told["SIM-BR-0001"]["profiles"][0]["genes"]
    mine = table[(table["patient"] == "SIM-BR-0001") & (table["gene"] == "TP53")]
    assert gene == {"gene": "TP53", "attribution": pytest.approx(mine["attribution"].sum()), "features": len(mine)}
    assert "TP53 R1K" in (explained / "patients" / "SIM-BR-0001.html").read_text()
    assert told["SIM-BR-0002"]["listed"] is False


def test_the_run_stays_valid(explained: Path, trained: Path) -> None:
    from fusion.run.folder import RunFolder

    RunFolder.open(trained)


def test_finished_patients_are_not_explained_again(explained: Path, workplace: Workplace) -> None:
    """What a kill in the midst leaves: no finished state, one patient missing."""
    state = json.loads((explained / "explain.json").read_text())
    (explained / "explain.json").write_text(json.dumps({"status": "running", "key": state["key"]}))
    parts = {path.name: path.stat().st_mtime_ns for path in (explained / "parts").iterdir()}
    (explained / "parts" / "SIM-BR-0002.json").unlink()
    before = pd.read_parquet(explained / "attributions.parquet")
    done = workplace("explain", "run=run", "output=explained", *FEW)
    assert done.returncode == 0, done.stderr
    for name, time in parts.items():
        again = (explained / "parts" / name).stat().st_mtime_ns
        assert (again == time) is not name.startswith("SIM-BR-0002"), name
    pd.testing.assert_frame_equal(before, pd.read_parquet(explained / "attributions.parquet"))


def test_pages_in_a_browser(explained: Path, browser: Any) -> None:
    problems: list[str] = []
    requests: list[str] = []
    page = browser.new_page(viewport={"width": 1180, "height": 900})
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto((explained / "attribution_report.html").as_uri())
    assert page.get_by_text("SIMULATED").first.is_visible()
    link = page.locator("table.patients a").first
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/patients/*.html")
    assert page.get_by_text("SIMULATED").first.is_visible()
    assert page.locator("table").count() >= 3
    if page.locator("g.heat").count():
        assert page.locator("g.heat rect").first.is_visible()
        page.get_by_label("attention").first.check()
        assert not page.locator("g.heat rect").first.is_visible()
        assert page.locator(".tiles img").count() == 4
    for width in (1180, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    sums = page.locator("section[aria-label=clinical] td.sum")
    assert max(one["x"] + one["width"] for one in (cell.bounding_box() for cell in sums.all())) < 390
    page.get_by_role("link", name="All patients").click()
    page.wait_for_url("**/attribution_report.html")
    cells = [one.bounding_box() for one in page.locator("#trust tbody td").all()]
    assert max(one["x"] + one["width"] for one in cells) <= 390 and max(one["height"] for one in cells) < 150
    page.close()
    assert problems == []
    assert all(url.startswith(("file:", "data:")) for url in requests)


def test_anonymised_output_names_nobody(trained: Path, workplace: Workplace) -> None:
    done = workplace("explain", "run=run", "output=hashed", "anonymise=true", "workers=1", *FEW)
    assert done.returncode == 0, done.stderr
    for path in (workplace.folder / "hashed").rglob("*"):
        assert "SIM-BR" not in path.name
        if path.is_file():
            assert b"SIM-BR" not in path.read_bytes(), path.name
    table = pd.read_parquet(workplace.folder / "hashed" / "attributions.parquet")
    assert table["patient"].map(lambda name: bool(re.fullmatch(r"id-[0-9a-f]{12}", name))).all()
    assert not table.apply(lambda column: column.astype(str).str.contains("SIM-BR")).any().any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run=nowhere",), ("nowhere", "run=")),
        (("run=run", "patients=[SIM-BR-9999]"), ("SIM-BR-9999", "never scored out of fold")),
        (("run=run", "method=magic"), ("magic", "integrated_gradients")),
        (("run=run", "arm=late"), ("late", "no network")),
        (("run=run", "output=explained"), ("explained", "overwrite=true")),
        (("run=run", "truth=data"), ("truth=data", "no truth")),
    ],
)
def test_bad_input_is_refused(
    explained: Path, workplace: Workplace, refused: Check, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    output = () if any(one.startswith("output=") for one in arguments) else ("output=refused",)
    refused("explain", *arguments, *output, words=words)
    shutil.rmtree(workplace.folder / "refused", ignore_errors=True)


def test_a_slide_that_is_gone_is_named(trained: Path, workplace: Workplace, refused: Check) -> None:
    slide = next(workplace.folder.glob("data/*/slides/SIM-BR-0001.tif"))
    away = slide.with_suffix(".away")
    slide.rename(away)
    try:
        refused("explain", "run=run", "output=refused", *FEW, words=("modality.slides", "SIM-BR-0001"))
    finally:
        away.rename(slide)


def test_a_run_without_weights_is_refused(trained: Path, workplace: Workplace, refused: Check) -> None:
    copy = workplace.folder / "weightless"
    shutil.copytree(trained, copy)
    for weights in copy.glob("models/*/*/member*.safetensors"):
        weights.unlink()
    try:
        refused("explain", "run=weightless", "output=refused", words=("weightless", "missing"))
    finally:
        shutil.rmtree(copy)
