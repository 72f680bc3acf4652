"""The audit in metrics.json and in the report: falls against an independent computation, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusion.contract import EndpointSpec
from fusion.evaluation.outcome import outcome_of
from fusion.protocol.audit import audited
from fusion.report.page import write_report
from fusion.report.parts.audit import WAYS, audit, falls
from fusion.run.folder import RunFolder
from tests.helpers.recorded import assert_page

ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))


def altered_of(predictions: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Slides: the score loses all it had; blood: it moves by next to nothing."""
    rng = np.random.default_rng(seed)
    fused = predictions[predictions["arm"] == "fusion"]
    parts = []
    for way in WAYS:
        parts.append(fused.assign(arm=f"slides: {way}", score=rng.permutation(fused["score"].to_numpy())))
        parts.append(fused.assign(arm=f"blood: {way}", score=(fused["score"] * 0.999).clip(0, 1)))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def run(tmp_path: Path, make_run: Callable[..., RunFolder]) -> RunFolder:
    return make_run(tmp_path / "run", patients=120)


def test_falls_are_paired_differences_out_of_fold(run: RunFolder) -> None:
    predictions = run.predictions()
    altered = altered_of(predictions)
    found = audited(predictions, altered, outcome_of(ENDPOINT), draws=200, seed=3)["audit"]
    assert found["metric"] == "auroc"
    fused = predictions[predictions["arm"] == "fusion"]
    whole = roc_auc_score(fused["label"], fused["score"])
    assert found["value"] == pytest.approx(whole)
    rows = altered[altered["arm"] == "slides: permuted"]
    fall = found["modalities"]["slides"]["permuted"]["fall"]
    assert fall["value"] == pytest.approx(whole - roc_auc_score(rows["label"], rows["score"]))
    assert fall["low"] < fall["value"] < fall["high"]
    moved = np.abs(fused["score"].to_numpy() - rows["score"].to_numpy()).mean()
    assert found["modalities"]["slides"]["permuted"]["moved"] == pytest.approx(moved)
    # Scores times a constant keep their order: no fall at all.
    assert found["modalities"]["blood"]["mean"]["fall"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert audited(predictions, pd.DataFrame(), outcome_of(ENDPOINT), draws=200, seed=3) == {}


def test_the_report_says_what_is_used(run: RunFolder) -> None:
    predictions = run.predictions()
    found = audited(predictions, altered_of(predictions), outcome_of(ENDPOINT), draws=200, seed=3)
    run.write_metrics({**run.metrics(), **found})
    html = write_report(run).read_text(encoding="utf-8")
    assert_page(html, Path(__file__).parent / "examples" / "audit.json")
    assert "The fused score uses slides; nothing here shows that it uses blood." in html
    assert html.count('<section id="audit">') == 1
    assert (run.figures_path / "audit.svg").exists()


def test_older_runs_have_no_audit(run: RunFolder) -> None:
    html = write_report(run).read_text(encoding="utf-8")
    assert 'id="audit"' not in html
    assert 'href="#audit"' not in html
    assert audit(run.metrics()) is None
    assert falls(run.metrics(), label="AUROC") is None


def test_sentences() -> None:
    def told(**lows: float | None) -> str:
        fall = {name: {"value": 0.1, "low": low, "high": 0.2} for name, low in lows.items()}
        ways = {name: {way: {"fall": one, "moved": 0.1} for way in WAYS} for name, one in fall.items()}
        found = audit({"audit": {"metric": "auroc", "modalities": ways}})
        assert found is not None
        return str(found["said"])

    assert told(a=0.01, b=0.02) == "The fused score uses every modality."
    assert told(a=-0.01, b=0.0) == "Nothing here shows that it uses a or b."
    assert told(a=0.1, b=0.2, c=None) == "The fused score uses a and b; nothing here shows that it uses c."
