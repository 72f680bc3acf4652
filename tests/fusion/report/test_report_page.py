from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from fusion.contract import Quality
from fusion.evaluation.evaluate import evaluate
from fusion.report import sections
from fusion.report.console import print_summary
from fusion.report.figures import calibration, decision, gains
from fusion.report.page import breakable, write_report
from fusion.report.quality import quality
from fusion.run.folder import RunFolder
from tests.helpers.recorded import assert_page

HOSTILE = "<script>alert('gene')</script>$x_1$&\"'"
SITE = '"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., RunFolder]) -> RunFolder:
    run = make_run(tmp_path_factory.mktemp("hostile") / "run", gene=HOSTILE, site=SITE, repeats=2)
    write_report(run)
    return run


@pytest.fixture(scope="module")
def html(hostile_run: RunFolder) -> str:
    return hostile_run.report_path.read_text(encoding="utf-8")


def test_names_from_data_are_escaped(html: str) -> None:
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(&#39;gene&#39;)&lt;/script&gt;" in html
    assert "no outcome at site &#34;&gt;&lt;img" in html


def test_the_page_word_by_word_and_line_by_line(html: str) -> None:
    assert_page(html, Path(__file__).parent / "examples" / "binary.json")


def test_nothing_is_fetched_from_elsewhere(html: str) -> None:
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)[^"']*""", html)
    assert "@import" not in html
    assert not re.findall(r"url\((?!#)", html)


def test_no_patient_is_named(html: str) -> None:
    assert "SIM-BR-" not in html


def test_ids_are_unique_so_that_figures_do_not_borrow_from_each_other(html: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_simulated_data_are_stamped_in_page_and_every_figure(
    hostile_run: RunFolder, html: str, tmp_path: Path, make_run: Callable[..., RunFolder]
) -> None:
    assert html.count("SIMULATED") >= 3 + len(list(hostile_run.figures_path.glob("*.svg")))
    for figure in hostile_run.figures_path.glob("*.svg"):
        assert "SIMULATED" in figure.read_text(encoding="utf-8"), figure.name
    real = write_report(make_run(tmp_path / "run", simulated=False)).read_text(encoding="utf-8")
    # The style sheet knows the class, and the configuration this test's folder.
    assert "simulated" not in re.sub(r"<(style|pre).*?</\1>", "", real, flags=re.DOTALL).lower()


def test_every_figure_is_kept_as_svg_and_png(hostile_run: RunFolder) -> None:
    names = {"gains", "roc", "calibration", "decision", "training", "selection"}
    assert {path.name for path in hostile_run.figures_path.iterdir()} == {
        f"{n}.{kind}" for n in names for kind in ("svg", "png")
    }


def test_the_same_run_gives_the_same_page_byte_for_byte(hostile_run: RunFolder, html: str) -> None:
    assert write_report(hostile_run).read_text(encoding="utf-8") == html


def test_writing_the_report_does_not_alter_the_run(hostile_run: RunFolder) -> None:
    assert RunFolder.open(hostile_run.path) == hostile_run


def test_the_page_in_a_browser(hostile_run: RunFolder, browser: Any) -> None:
    problems: list[str] = []
    requests: list[str] = []
    page = browser.new_page(viewport={"width": 1180, "height": 900})
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(hostile_run.report_path.as_uri())
    verdict = page.locator(".verdict .sentence")
    assert verdict.is_visible()
    assert verdict.inner_text().startswith("Fusion is supported by these data")
    assert verdict.bounding_box()["y"] < 400
    assert page.get_by_text("SIMULATED").first.is_visible()
    assert requests == [hostile_run.report_path.as_uri()]
    assert page.locator("figure[role=img][aria-label] svg").count() == 6
    assert page.locator("table th[scope]").count() > 20
    for width in (1180, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    middles = "one => one.getBoundingClientRect().left + one.getBoundingClientRect().width / 2"
    heads = page.evaluate(f"[...document.querySelectorAll('.dots thead th:not(.num)')].slice(0, 3).map({middles})")
    marks = page.evaluate(f"[...document.querySelectorAll('.dots tbody tr:first-child td')].slice(0, 3).map({middles})")
    assert heads == marks
    aligned = "[...document.querySelectorAll('.dots thead th:not(.num)')].map(one => getComputedStyle(one).textAlign)"
    assert set(page.evaluate(aligned)) == {"center"}, "a name stands over its dots"
    for these in ("caption", "figcaption"):
        right = f"Math.max(...[...document.querySelectorAll('{these}')].map(one => one.getBoundingClientRect().right))"
        assert page.evaluate(right) <= 390, "words beside a table that scrolls do not scroll"
    size = "one.getBoundingClientRect().width / one.viewBox.baseVal.width"
    drawn = f"[...document.querySelectorAll('figure svg')].map(one => {size})"
    assert min(page.evaluate(drawn)) > 0.94, "a figure's words of 9 points cannot be read"
    page.set_viewport_size({"width": 1180, "height": 900})
    assert 1.3 < max(page.evaluate(drawn)) < 1.43, "a small figure stretched over the page"
    assert page.get_by_text("alert('gene')").first.is_visible()
    page.close()
    assert problems == []


def test_the_page_by_keyboard(hostile_run: RunFolder, browser: Any) -> None:
    page = browser.new_page()
    page.goto(hostile_run.report_path.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.locator("summary").last.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").last.get_attribute("open") is not None
    page.close()


def test_print_keeps_the_stamp(hostile_run: RunFolder, browser: Any) -> None:
    page = browser.new_page()
    page.goto(hostile_run.report_path.as_uri())
    page.emulate_media(media="print")
    assert page.locator(".simulated").is_visible()
    assert not page.locator("nav.contents").is_visible()
    page.close()


def test_the_page_says_what_is_compared_over_what_and_in_how_many_repeats(hostile_run: RunFolder, html: str) -> None:
    verdict = hostile_run.metrics()["verdict"]
    assert (
        "Compared: Fusion with slides alone, variants alone, clinical alone, classical (chosen) and late fusion."
        in html
    )
    assert f"the verdict holds in {verdict['holds']} of 2 (" in html
    assert "Intervals are conditional on the trained models." in html
    assert "bootstrap draws of patients" in html
    assert "no margin was declared before the run" in html
    assert "pointwise 95 % band over patients" in html
    content = hostile_run.metrics()
    larger = max(content["positives"], content["patients"] - content["positives"])
    assert f"by the larger class has accuracy {larger / content['patients']:.3f}, balanced accuracy 0.5" in html


def test_groups_and_undefined_draws_are_told(tmp_path: Path, make_run: Callable[..., RunFolder]) -> None:
    run = make_run(tmp_path / "run", patients=60)
    predictions = run.predictions()
    place = predictions["patient_id"].str[-4:].astype(int)
    for size, told in ((2, "30 groups that folds keep whole"), (10, "cases, conditional on these 6 groups")):
        metrics = evaluate(predictions.assign(group=(place // size).astype(str)), draws=100, margin=0.04)
        metrics["arms"]["late"]["auroc"]["undefined"] = 7
        start = {"gate": 0.25, "gates": [0.0, 0.5], "members": 6, "plain": 4, "share": 2 / 3}
        metrics["start"] = {**start, "products": {f"arm × {HOSTILE}": 2, "age × grade": 1}}
        run.write_metrics(metrics)
        write_report(run)
        html = run.report_path.read_text(encoding="utf-8")
        assert f"bootstrap draws of {told}" in html
        assert "AUROC of late fusion in 7" in html
        assert "all lie above −0.04, declared before the run" in html
        assert "There is one repeat, so nothing tells" in html
        stream = io.StringIO()
        print_summary(run, Console(file=stream, width=160))
        assert f"95 % intervals over {told}" in " ".join(stream.getvalue().split())
    assert "4 of 6 networks add nothing. Products of two columns that held-out patients support" in html
    assert "2 outer folds: arm × &lt;script&gt;" in html and " (2), age × grade (1).</p>" in html
    assert "too few to be drawn" in html
    assert metrics["verdict"]["status"] == "not shown"


def test_metrics_of_an_older_version_still_read(tmp_path: Path, make_run: Callable[..., RunFolder]) -> None:
    run = make_run(tmp_path / "run", patients=60)
    metrics = run.metrics()
    for key in ("units", "curves"):
        metrics.pop(key)
    for key in ("by_repeat", "holds", "compares", "margin"):
        metrics["verdict"].pop(key)
    for values in metrics["arms"].values():
        values.pop("brier_skill")
        for part in values.values():
            part.pop("undefined")
    for row in metrics["comparisons"]:
        for key in ("undefined", "corrected_low", "corrected_high"):
            row.pop(key, None)
    run.write_metrics(metrics)
    write_report(run)
    html = run.report_path.read_text(encoding="utf-8")
    assert "Brier skill</th>" not in html
    assert "Wilson" in html
    print_summary(run, Console(file=io.StringIO(), width=160))


def test_bands_are_drawn(hostile_run: RunFolder) -> None:
    bands, predictions = hostile_run.metrics()["curves"], hostile_run.predictions()
    for plot, name in ((calibration, "calibration"), (decision, "decision")):
        (band,) = plot(predictions, reference="fusion", band=bands[name]).axes[0].collections  # type: ignore[operator]
        drawn = band.get_paths()[0].vertices
        assert drawn[:, 1].min() == pytest.approx(min(bands[name]["low"]), abs=1e-6)
        assert drawn[:, 1].max() == pytest.approx(max(bands[name]["high"]), abs=1e-6)


def test_a_gain_is_red_only_where_the_corrected_interval_lies_below_0() -> None:
    row = {"arm": "late", "metric": "auroc", "gain": -0.1, "low": -0.19, "high": -0.01}
    for most, colour in ((0.01, "#7f8792"), (-0.001, "#d55e00")):
        corrected = {"corrected_low": -0.21, "corrected_high": most}
        lines = gains([row | corrected], reference="fusion", deciding=("late",)).axes[0].lines
        ends = [np.asarray(line.get_xdata())[-1] for line in lines[1:3]]
        assert ends == [most, -0.01]
        assert {line.get_color() for line in lines[1:]} == {colour}


@pytest.mark.parametrize(
    ("width", "name", "columns"),
    [(80, "slides", 3), (80, "slide_features_hif607", 2), (120, "slide_features_hif607", 3), (160, "slides", 7)],
)
def test_the_console_shows_arms_verdict_and_report_whole(
    hostile_run: RunFolder, width: int, name: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures beside names of modalities of any length, and none of them cut."""
    metrics = json.loads(json.dumps(hostile_run.metrics()).replace('"only_slides"', f'"only_{name}"'))
    monkeypatch.setattr(RunFolder, "metrics", lambda run: metrics)
    stream = io.StringIO()
    print_summary(hostile_run, Console(file=stream, width=width))
    text = stream.getvalue()
    for part in (
        "SIMULATED",
        "Fusion",
        f"{name} alone",
        "Late fusion",
        "Verdict: supported",
        str(hostile_run.report_path),
    ):
        assert part in text
    assert "…" not in text
    assert next(line for line in text.split("\n") if "Late fusion" in line).count("│") == columns + 2
    fusion = hostile_run.metrics()["arms"]["fusion"]["auroc"]
    assert f"{fusion['value']:.3f} ({fusion['low']:.2f}–{fusion['high']:.2f})" in text


def test_cohort_flow_and_overlap_by_hand() -> None:
    cohort = pd.DataFrame(
        {
            "patient_id": ["a", "b", "c", "d", "e"],
            "kept": [True, True, True, False, False],
            "dropped_at": [None, None, None, "treatment.tsv", "treatment.tsv"],
            "reason": [None, None, None, "no outcome", "no outcome"],
            "slides": [True, True, False, True, False],
            "clinical": [True, True, True, True, True],
        }
    )
    flow = sections.cohort_flow(cohort)
    assert (flow["seen"], flow["kept"]) == (5, 3)
    assert flow["dropped"] == [{"at": "treatment.tsv", "reason": "no outcome", "patients": 2}]
    table = sections.overlap(cohort, ["slides", "clinical", "absent"], pd.Series({"a": 1, "b": 0, "c": 1}))
    assert [(row["has"], row["patients"], row["positives"]) for row in table["patterns"]] == [
        ({"slides": True, "clinical": True}, 2, 1),
        ({"slides": False, "clinical": True}, 1, 1),
    ]
    assert table["totals"] == {"slides": 2, "clinical": 3}


def test_confusion_by_hand_calls_a_score_on_the_threshold() -> None:
    rows = {"arm": "fusion", "repeat": 0, "score": [0.5, 0.5, 0.4, 0.6], "label": [1, 0, 1, 0], "threshold": 0.5}
    found = sections.confusion(pd.DataFrame(rows), "fusion")
    assert [found[name] for name in ("tp", "fp", "fn", "tn")] == [1, 2, 1, 0]


def test_what_ingest_read_and_dropped(tmp_path: Path, make_run: Callable[..., RunFolder]) -> None:
    run = make_run(tmp_path / "run")
    figure = tmp_path / "samples.png"
    figure.write_bytes(b"\x89PNG of samples")
    sites = {"filter": 3, "kept_variants": 1200, "read": 1300, "multi_allelic_split": 0, "<b>": 97}
    run.write_quality(
        {
            "variants": [Quality(title="somatic variants", counts={"sites": sites}, folder=tmp_path, figure=figure)],
            "slides": [
                Quality(title="slides", counts={"tiles": {"kept": 5}}, folder=tmp_path, notes={"tissue": "2 mm²"})
            ],
            "clinical": [],
        }
    )
    variants, slides = quality(run)
    assert variants["tables"] == {"sites": [("read", 1300), ("kept variants", 1200), ("<b>", 97), ("filter", 3)]}
    assert variants["picture"] == "data:image/png;base64," + base64.b64encode(b"\x89PNG of samples").decode()
    assert slides["picture"] is None
    write_report(run)
    html = run.report_path.read_text(encoding="utf-8")
    assert "variants: somatic variants" in html
    assert variants["picture"] in html
    assert "&lt;b&gt;</th><td>97</td>" in html
    assert "Tissue: 2 mm²." in html
    parts = run.quality()
    parts[1] |= {"notes": {"tissue": "2 mm²", "note 1": "No code."}, "said": ["No code."]}
    (run.path / "quality.json").write_text(json.dumps({"parts": parts}))
    assert quality(run)[1]["notes"] == {"tissue": "2 mm²"}
    assert write_report(run).read_text(encoding="utf-8").count("No code.") == 1, "a sentence stands once"
    for path in run.figures_path.glob("*"):
        path.unlink()
    assert [one["picture"] for one in quality(run)] == [None, None], "a figure that was taken away"


def test_many_reasons_end_in_a_sum(tmp_path: Path, make_run: Callable[..., RunFolder]) -> None:
    run = make_run(tmp_path / "run")
    counts = {f"reason_{number}": 100 - number for number in range(14)}
    run.write_quality({"variants": [Quality(title="germline variants", counts={"sites": counts}, folder=tmp_path)]})
    rows = quality(run)[0]["tables"]["sites"]
    assert len(rows) == 13
    assert rows[-1] == ("2 others", 88 + 87)


def test_overlapping_folds_fail_the_pages_own_check() -> None:
    fold = {"repeat": 0, "index": 0, "train": ["a", "b"], "test": ["b"], "inner": [{"train": ["a"], "val": ["c"]}]}
    problems = sections.overlap_problems({"folds": [fold]})
    assert problems == [
        "repeat 0, fold 0: 1 patients are in training and test",
        "repeat 0, fold 0: inner fold 0 overlaps or leaves the training part",
    ]
    predictions = pd.DataFrame({"repeat": [0, 0], "patient_id": ["b", "a"], "fold": [0, 0]})
    assert sections.fold_disagreement({"folds": [fold]}, predictions) == 1


def test_selected_features_by_hand() -> None:
    rows = pd.DataFrame(
        [
            {
                "modality": "variants",
                "repeat": 0,
                "fold": fold,
                "member": member,
                "feature": name,
                "gene": name,
                "rank": 0 if name == "always" else 1,
                "selected": name in kept or name == "always",
            }
            for fold, kept in enumerate((("x", "y"), ("x", "z")))
            for member in (-1, 0)
            for name in ("x", "y", "z", "always")  # the last by configuration: in no stability
        ]
    )
    (part,) = sections.selected(rows)
    assert [(row["feature"], row["times"]) for row in part["features"]] == [("x", 2), ("y", 1), ("z", 1)]
    assert (part["sets"], part["candidates"], part["sizes"], part["ever"], part["kept"]) == (2, 3, (2, 2), 3, 1)
    # p = (1, ½, ½), s² = (0, ½, ½): mean ⅓; k̄/d (1 - k̄/d) = ⅔ · ⅓ → 1 - 1.5.
    assert part["stability"]["value"] == pytest.approx(-0.5)
    assert sections.selected(pd.DataFrame()) == []


def test_a_name_breaks_after_its_parts_alone_and_stays_escaped() -> None:
    assert breakable("model.fuser._target_") == "model.<wbr>fuser._<wbr>target_"
    assert breakable("Carboplatin;Paclitaxel") == "Carboplatin;<wbr>Paclitaxel"
    assert breakable("burden:long_deletions") == "burden:<wbr>long_<wbr>deletions"
    assert breakable("<b>a/b</b>") == "&lt;b&gt;a/<wbr>b&lt;/<wbr>b&gt;"


def test_whatever_scrolls_can_be_reached_by_keyboard_and_says_what_it_is() -> None:
    pages = sorted((Path(sections.__file__).parent / "templates").glob("*.j2"))
    regions = [one for page in pages for one in re.findall(r'<div class="scroll"[^>]*>', page.read_text())]
    assert len(regions) > 30
    assert all('tabindex="0" role="region" aria-label="' in one for one in regions)


def test_of_a_few_sets_stability_has_no_interval_and_a_slope_has_one(
    tmp_path: Path, make_run: Callable[..., RunFolder]
) -> None:
    run = make_run(tmp_path / "run")
    table = run.selected()
    before = write_report(run).read_text()
    (told,) = re.findall(r"Stability [^.]*\.\d\d[^(]*\(([^)]*)\)", before)
    assert told.startswith("95 % interval")
    table[table["fold"] < 4].to_parquet(run.path / "selected.parquet", index=False)
    metrics = run.metrics()
    metrics["arms"]["fusion"]["calibration_slope"] = {"value": -1.0, "low": -2.5, "high": 0.25}
    run.write_metrics(metrics)
    after = write_report(run).read_text()
    (told,) = re.findall(r"Stability [^.]*\.\d\d[^(]*\(([^)]*)\)", after)
    assert told.startswith("Nogueira 2018")
    slope = (
        "Slope −1.00 (95 % interval −2.50 to 0.25; 1 is perfect, lower means too extreme, below 0 the wrong way round)"
    )
    assert slope in after and "wrong way round" not in before
    metrics["arms"]["fusion"]["calibration_slope"] = dict.fromkeys(("value", "low", "high"))  # of scores all alike
    run.write_metrics(metrics)
    assert "Slope — (1 is perfect, lower means too extreme), intercept" in write_report(run).read_text()


def test_a_wide_picture_is_read_on_a_phone_and_the_page_keeps_its_width(browser: Any) -> None:
    style = (Path(sections.__file__).parent / "templates" / "style.css").read_text()
    wide = "<svg xmlns='http://www.w3.org/2000/svg' width='1100' height='600'></svg>"
    page = browser.new_page(viewport={"width": 390, "height": 900})
    figure = f'<figure class="wide"><img src="data:image/svg+xml,{wide}"></figure>'
    page.set_content(f'<style>{style}</style><div class="page">{figure}</div>')
    assert page.locator("img").bounding_box()["width"] > 600, "words of 8 points of 1100 are 3 points of 390"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_on_a_phone_a_caption_within_what_opens_is_not_cut(browser: Any) -> None:
    style = (Path(sections.__file__).parent / "templates" / "style.css").read_text()
    table = f"<table><caption>{'words of it ' * 20}</caption><tr>{'<td>0.123 of 0.456</td>' * 9}</tr></table>"
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.set_content(
        f'<style>{style}</style><div class="page"><details open><div class="scroll">{table}</div></details></div>'
    )
    words, shown = (page.locator(one).bounding_box() for one in ("caption", ".scroll"))
    assert words["x"] + words["width"] <= shown["x"] + shown["width"] and words["width"] > 300
    page.close()


def test_words_for_time_and_numbers() -> None:
    assert [sections.duration(value) for value in (None, 0.4, 48, 312, 7380, 3600)] == [
        "—",
        "0.4 s",
        "48 s",
        "5 min 12 s",
        "2 h 3 min",
        "1 h",
    ]
    assert (sections.number(-0.1234), sections.number(None), sections.number(float("nan"))) == ("−0.123", "—", "—")
    assert (sections.number(-0.0004), sections.number(-0.0006)) == ("0.000", "−0.001")


def test_a_run_of_one_arm_draws_its_empty_comparison_without_a_warning() -> None:
    axes = gains([], reference="fusion", deciding=()).axes[0]
    assert axes.get_ylim() == (0.5, -0.5)
