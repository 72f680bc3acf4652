"""Published evidence beside the model's attribution of the same gene, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fusion.attribution.evidence.beside import beside, evidence_text, read_evidence
from fusion.contract import FusionError
from fusion.report.page import environment
from fusion.report.words import signed

ROWS = pd.DataFrame(
    {
        "feature": ["burden:MADE1", "burden:SET:x/MADE1", "burden:SET:x", "burden:made2", "age"],
        "gene": ["MADE1", "MADE1", None, "MADE2;MADE1X", None],
        "attribution": [0.5, 0.25, 4.0, -0.125, 9.0],
    }
)
ROW = {
    "id": "7", "kind": "Predictive", "effect": "sensitivity", "level": "A", "regimen": "Aimab", "therapies": ["Aimab"],
    "disease": "<b>Odd</b> Cancer", "tumour": "same", "url": "https://civicdb.org/links/evidence/7", "folded": False,
}  # fmt: skip


def profile(name: str, *genes: str, url: str = "https://civicdb.org/x") -> dict[str, Any]:
    matches = [{"variant": f"{gene} V10E", "civic": f"{gene} V10E", "gene": gene, "line": 2} for gene in genes]
    rows = [ROW, ROW | {"id": "8", "level": "D", "folded": True}]
    return {"profile": name, "url": url, "nearness": "exact", "matches": matches, "evidence": rows, "folded": 1}


EVIDENCE: dict[str, Any] = {
    "source": {"name": "CIViC", "date": "02-Jan-2030", "licence": "CC0 1.0"}, "said": "Not advice.",
    "settings": {"level": "B"},
    "patients": {
        "P1": {
            "profiles": [profile("MADE1 V10E", "MADE1"), profile("MADE1 AND B", "MADE1", "OTHER", url="javascript:x")],
            "no_match": [{"line": 3, "variant": "MADE9 R1K"}],
        },
        "P2": {"profiles": [], "no_match": [{"line": 4, "variant": "MADE9 R1K"}]},
    },
}  # fmt: skip


def test_a_gene_has_the_sum_of_its_features_and_of_its_parts_of_sums() -> None:
    found = beside(EVIDENCE, "P1", ROWS)
    first, second = found["profiles"]
    assert first["genes"] == [{"gene": "MADE1", "attribution": 0.75, "features": 2}]
    assert second["genes"][1] == {"gene": "OTHER", "attribution": 0.0, "features": 0}
    assert [row["id"] for row in first["evidence"]] == ["7"] and first["folded"] == 1
    assert (first["url"], second["url"]) == ("https://civicdb.org/x", "")
    assert found["no_match"] == ["MADE9 R1K"]
    old = profile("x", "MADE2")
    del old["matches"][0]["gene"]  # files of earlier versions
    older = {**EVIDENCE, "patients": {"P1": {"profiles": [old], "no_match": []}}}
    assert beside(older, "P1", ROWS)["profiles"][0]["genes"] == [
        {"gene": "MADE2", "attribution": -0.125, "features": 1}
    ]
    assert beside(EVIDENCE, "P3", ROWS) == {"listed": False, "profiles": [], "no_match": []}


def test_the_page_says_what_the_model_makes_of_the_gene_and_escapes_what_files_say() -> None:
    templates = environment()
    templates.filters["signed"] = signed

    def page(patient: str) -> str:
        shown = beside(EVIDENCE, patient, ROWS)
        return str(templates.get_template("evidence.html.j2").render(evidence=shown, civic=EVIDENCE))

    html = page("P1")
    assert "MADE1: <strong>+0.750</strong> from 2 features" in html
    assert "OTHER: not read by the model" in html
    assert "&lt;b&gt;Odd&lt;/b&gt; Cancer" in html and "javascript:" not in html
    assert "CIViC of 02-Jan-2030" in html and "Not advice." in html
    assert "No evidence is held for this patient" in page("P2")
    assert "has no row of this patient" in page("P3")
    shown = beside(EVIDENCE, "P1", ROWS)
    assert shown["profiles"][0]["assertions"] == [] and "AID" not in html  # written before there were any
    shown["profiles"][0]["assertions"] = [
        {"id": "7", "url": "https://x.org/7", "tier": "Tier I - Level A", "effect": "sensitivity", "regimen": "<i>A",
         "disease": "Kidney"},
        {"id": "8", "url": None, "tier": None},
    ]  # fmt: skip
    told = str(templates.get_template("evidence.html.j2").render(evidence=shown, civic=EVIDENCE))
    assert "AID7</a> Tier I - Level A: sensitivity to &lt;i&gt;A, Kidney" in told and "AID8</small>" in told


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "actionability.json"
    assert read_evidence(None) is None
    with pytest.raises(FusionError, match="cannot be read"):
        read_evidence(path)
    path.write_text('{"patients": {}}')
    with pytest.raises(FusionError, match=r"is not what `python -m data_modules\.actionability` writes"):
        read_evidence(path)
    path.write_text(json.dumps(EVIDENCE))
    assert read_evidence(path) == EVIDENCE
    told = json.loads(evidence_text(EVIDENCE, {"id-1": beside(EVIDENCE, "P1", ROWS)}, scale="log-odds", arm="fusion"))
    assert told["attribution"] == {"arm": "fusion", "scale": "log-odds"}
    assert told["patients"]["id-1"]["profiles"][0]["genes"][0]["attribution"] == 0.75
