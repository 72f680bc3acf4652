"""prediction_report.html of a labelled cohort: its verdict, the other arms, and what recalibration did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.apply.files import write_results
from fusion.report.applied import write_applied_report
from fusion.report.sections import number
from fusion.run.folder import RunFolder
from tests.helpers.applied import OTHERS, applied_cohort
from tests.helpers.recorded import assert_page


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., RunFolder]) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("applied") / "run", patients=40, simulated=False)


def written(
    run: RunFolder, output: Path, update: object = None, margin: float | None = None, points: Any = None, **cohort: Any
) -> tuple[str, dict[str, Any]]:
    result, setup = applied_cohort(**cohort)
    evaluation = OmegaConf.create({"draws": 200, "seed": 0, "margin": margin, "operating": {"net_benefit": points}})
    applied = write_results(result, output, run, setup, evaluation=evaluation, update=update)
    assert applied.metrics is not None
    html = write_applied_report(output, applied, result.matches, run).read_text(encoding="utf-8")
    return html, applied.metrics


def test_the_verdict_of_this_cohort_and_every_paired_gain(run: RunFolder, tmp_path: Path) -> None:
    html, metrics = written(run, tmp_path, gap=3.0)
    assert "<strong>Supported on this cohort.</strong> Fusion is supported by these data" in html
    assert "Compared: Fusion with slides alone, variants alone, clinical alone, late fusion and classical" in html
    assert len(metrics["comparisons"]) == 3 * len(OTHERS)
    table = html.split('id="arms"')[1].split("</table>")[0]
    assert table.count('<tr><th scope="row">') == 3 * len(OTHERS)
    for row in metrics["comparisons"]:
        assert f"<td>{number(row['gain'])}</td><td>{number(row['low'])} to {number(row['high'])}</td>" in table
        if row["metric"] == "auroc":
            assert f"<td>{number(row['corrected_low'])} to {number(row['corrected_high'])}</td>" in table
    assert "margin declared" not in html
    assert "Recalibrated" not in html
    assert 'id="operating"' not in html and 'href="#decision"' in html
    assert "over patients" not in html.split('class="basis"')[1].split("</p>")[0]


def test_the_scores_are_drawn_in_the_colours_of_the_labels(run: RunFolder, tmp_path: Path) -> None:
    html, _ = written(run, tmp_path)
    for name in ("no response", "response"):
        assert f">{name}</text>" in html
    assert ">no label</text>" not in html


def test_decisions_at_the_cut_offs_that_training_chose(run: RunFolder, tmp_path: Path) -> None:
    html, metrics = written(run, tmp_path, points=[0.3])
    assert 'href="#operating"' in html
    part = html.split('id="operating"')[1].split("</section>")[0]
    assert "Cut-offs chosen in each fold of the run" in part and "where nobody had a part in choosing them" in part
    assert part.count("<span>most net benefit at 0.3</span>") == 1
    assert len(metrics["operating"]["rows"]) == part.count('<th scope="row">') == 1 + len(OTHERS)
    row = metrics["operating"]["rows"][0]
    folds = f"<small>of folds {number(row['low'], 2)} to {number(row['high'], 2)}</small>"
    assert f'<td class="nowrap">{number(row["cut"], 2)}{folds}</td>' in part


def test_a_margin_and_groups_are_told(run: RunFolder, tmp_path: Path) -> None:
    html, _ = written(run, tmp_path, margin=0.05, group_size=2)
    assert "<strong>Non-inferior on this cohort.</strong>" in html
    assert "interval reaches −0.05, the margin declared before the run" in html
    assert "over 40 groups that folds keep whole." in html.split('class="basis"')[1].split("</p>")[0]


@pytest.mark.parametrize(("update", "what"), [("slope", "Intercept and slope updated"), ("intercept", "The intercept")])
def test_recalibration_before_and_after(run: RunFolder, tmp_path: Path, update: str, what: str) -> None:
    html, metrics = written(run, tmp_path, update=update)
    if update == "slope":
        assert_page(html, Path(__file__).parent / "examples" / "applied.json")
    part = html.split('id="recalibrated"')[1].split("</section>")[0]
    record = metrics["recalibration"]
    assert what in part
    assert "80 labelled patients" in part
    assert (
        f"log-odds × {record['slope']:.3f} {'−' if record['intercept'] < 0 else '+'} {abs(record['intercept']):.3f}"
        in part
    )
    for label, name in (("Brier score", "brier"), ("Calibration slope", "calibration_slope")):
        row = part.split(f'<th scope="row">{label}</th>')[1].split("</tr>")[0]
        before, after = (record[when][name]["value"] for when in ("before", "after"))
        assert row.index(number(before)) < row.rindex(number(after))
        assert before != after


def test_of_one_arm_alone_nothing_is_compared(run: RunFolder, tmp_path: Path) -> None:
    html, metrics = written(run, tmp_path, others=())
    assert "verdict" not in metrics
    assert "on this cohort" not in html
    assert 'id="arms"' not in html
