"""The report of a time to an event: what decides, by fold, risk groups, horizons; and the console's table."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from fusion.evaluation.operating.curves import decision_curves
from fusion.evaluation.operating.points import operating
from fusion.evaluation.operating.questions import By
from fusion.evaluation.survival.evaluate import evaluate_survival
from fusion.report.console import print_summary
from fusion.report.page import write_report
from fusion.report.sections import number
from fusion.report.survival.competing import incidence
from fusion.report.survival.figures import kaplan_meier
from fusion.run.folder import RunFolder
from tests.helpers.recorded import assert_page
from tests.helpers.survival import survival_predictions


@pytest.fixture
def run(tmp_path: Path, make_run: Callable[..., RunFolder]) -> RunFolder:
    """A run of the fixture, with times instead of classes."""
    run = make_run(tmp_path / "run", patients=100)
    old = run.predictions()
    fold = old[old["arm"] == "fusion"].set_index("patient_id")["fold"]
    table = survival_predictions(100, arms=list(old["arm"].unique()), horizons=(12, 36))
    ids = {f"P-{index:04d}": name for index, name in enumerate(sorted(fold.index))}
    table["patient_id"] = table["patient_id"].map(ids)
    table["fold"] = table["patient_id"].map(fold)
    table.assign(threshold=float("nan")).to_parquet(run.path / "predictions.parquet", index=False)
    pd.DataFrame({"arm": ["fusion"], "c_harrell": [0.6543]}).to_parquet(run.path / "inner.parquet")
    record = run.record()
    record["cohort"]["endpoint"] |= {
        "name": "pfs", "kind": "survival", "classes": ["censored", "event"], "unit": "months", "horizons": [12, 36],
        "time_zero": "the <biopsy>",
    }  # fmt: skip
    (run.path / "run.json").write_text(json.dumps(record))
    inner = pd.concat([table[table["fold"] != one].assign(fold=one) for one in range(5)], ignore_index=True)
    asked = [By(12.0), By(36.0)]
    decided = {
        "operating": operating(table, inner, [("net_benefit", 0.3)], draws=20, seed=1, questions=asked)
        | {"untold": ["60"]},
        "decision": decision_curves(table, asked, reference="fusion", draws=20, seed=1),
    }
    run.write_metrics(evaluate_survival(table, draws=50, simulated=True, unit="months") | decided)
    return run


def test_the_page_tells_what_decides_and_each_section_has_its_numbers(run: RunFolder) -> None:
    html = write_report(run).read_text(encoding="utf-8")
    assert_page(html, Path(__file__).parent / "examples" / "survival.json")
    metrics = run.metrics()
    assert metrics["events"] < 100
    assert "Harrell&#39;s C of fusion" in html
    assert f"{metrics['events']} had the event" in html
    by_fold = metrics["by_fold"]["late"]["c_harrell"]
    assert f"{number(by_fold['mean'])} ± {number(by_fold['deviation'])}" in html
    for group in metrics["risk_groups"]["groups"]:
        assert number(group["restricted_mean"]["value"], 2) in html
    for horizon in metrics["horizons"]:
        assert f"By {horizon['name']} months: {horizon['events']} events seen, {horizon['followed']} still" in html
        for arm in horizon["arms"].values():
            assert number(arm["auc"]["value"]) in html
            assert number(arm["observed_expected"]["value"]) in html
    assert "ranked against one another" in html
    assert "pfs, counted from the &lt;biopsy&gt;: the log-risk" in html
    assert "prevalence" not in html and "threshold, chosen" not in html  # said of classes alone
    for row in metrics["operating"]["rows"]:
        assert f"<span>event by {row['at']} months: most net benefit at 0.3</span>" in html
        assert number(row["specificity"]["value"]) in html and number(row["over_all"]["value"]) in html
    assert "Nothing is told of event by 60 months" in html and "have event as here" not in html
    for row in metrics["decision"]["rows"]:
        at = row["x"].index(0.2)
        mine = row["arms"]["fusion"]
        told = (
            f"{number(mine['value'][at])}<small>{number(mine['low'][at], 2)} to {number(mine['high'][at], 2)}</small>"
        )
        assert told in html.replace("\n", "") and f"<td>{number(row['all'][at])}</td>" in html
    for name in ("kaplan_meier", "calibration", "auc", "decisions"):
        assert (run.figures_path / f"{name}.svg").is_file()
    svg = (run.figures_path / "kaplan_meier.svg").read_text(encoding="utf-8")
    for group in metrics["risk_groups"]["groups"]:
        assert f"{group['name'].capitalize()} of risk" in svg
        for count in group["at_risk"]:
            assert f">{count}</text>" in svg


def test_without_horizons_or_comparable_pairs_the_page_says_so(run: RunFolder) -> None:
    table = run.predictions()
    table = table.drop(columns=[name for name in table if name.startswith("survival@")])
    table.loc[table["fold"] == 1, "label"] = 0
    table.to_parquet(run.path / "predictions.parquet", index=False)
    run.write_metrics(evaluate_survival(table, draws=50, simulated=True))
    html = write_report(run).read_text(encoding="utf-8")
    assert "1 of 5 test folds have no comparable pair" in html
    assert "At the horizons" not in html


def test_where_unos_c_decides_inner_folds_still_have_harrells(run: RunFolder) -> None:
    """Choices look at Harrell's C whatever the number of events."""
    metrics = run.metrics()
    metrics["verdict"]["metric"] = "c_uno"
    run.write_metrics(metrics)
    html = write_report(run).read_text(encoding="utf-8")
    assert "Uno&#39;s C of fusion" in html
    assert "Inner Harrell&#39;s C is the only figure" in html
    assert "<td>0.654</td>" in html


@pytest.mark.parametrize(("width", "shown"), [(160, "Uno's Time-dependent Integrated"), (80, "Uno's")])
def test_the_console_has_the_deciding_metric_once(run: RunFolder, width: int, shown: str) -> None:
    out = io.StringIO()
    print_summary(run, Console(file=out, width=width))
    head = out.getvalue().split("┡")[0]
    assert head.count("Harrell's") == 1
    assert all(name in head for name in shown.split())
    assert f"100 patients, {run.metrics()['events']} events" in out.getvalue()


def test_no_legend_lies_over_curves(run: RunFolder) -> None:
    """A group that falls fast, or an incidence that rises fast, crosses every corner of its panel."""
    metrics = run.metrics()
    curve = {"x": [0, 1, 9], "value": [0, 1, 1], "low": [0, 1, 1], "high": [0, 1, 1]}
    one = [{"name": name, "curve": curve} for name in ("lowest third", "middle third", "highest third")]
    groups, both = kaplan_meier(metrics), incidence({"competing": {"causes": one[:2], "groups": one}, "unit": "months"})
    assert groups is not None and both is not None
    for figure in (groups, both):
        figure.draw_without_rendering()
        inside = [axes.get_window_extent() for axes in figure.axes]
        legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
        assert legends and not any(one.get_window_extent().overlaps(axes) for one in legends for axes in inside)
        assert all(figure.bbox.containsx(edge) for one in legends for edge in one.get_window_extent().intervalx)
        assert all(figure.bbox.containsy(edge) for one in legends for edge in one.get_window_extent().intervaly)
