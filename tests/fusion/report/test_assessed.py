"""Who the patients are, whether they suffice, and subgroups: in metrics.json and on the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from data_modules.cohort.source import CohortSource
from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.outcome import outcome_of
from fusion.protocol.assessment import _large, _usual, assessed, check_subgroups, described, parted
from fusion.report.page import environment, write_report
from fusion.report.parts.subgroups import said
from fusion.report.parts.uncertainty import said as covered
from fusion.run.folder import RunFolder
from tests.helpers.recorded import assert_page


def setup_of(folder: Path, patients: list[str], labels: pd.Series[int]) -> Any:
    """A real source over a table of these patients, and what else a setup has."""
    rows = [
        f"{one},{40 + number % 30},{'<b>odd</b>' if number % 3 else 'even'},{'CR' if labels[one] else 'PD'},late"
        for number, one in enumerate(patients)
    ]
    (folder / "clinical.csv").write_text("\n".join(["id,age,arm,best,after", *rows]) + "\n")
    columns = {
        "age": {"time": "baseline", "kind": "number", "label": "Age"}, "arm": {"time": "baseline"},
        "best": {"time": "outcome"}, "after": {"time": "post_baseline"},
    }  # fmt: skip
    source = CohortSource(
        name="invented",
        root=folder,
        cache=folder / "cache",
        tables={"clinical": {"file": "clinical.csv", "id": "id", "columns": columns}},
        endpoints={"response": {"table": "clinical", "column": "best", "positive": ["CR"], "negative": ["PD"]}},
    )
    cohort = SimpleNamespace(
        spec=SimpleNamespace(endpoint=EndpointSpec(name="response", kind="binary", classes=("no", "yes"))),
        patient_ids=tuple(patients),
        labels=labels,
        causes=None,
        sites=pd.Series(["here", "there"] * (len(patients) // 2), index=patients),
        reconciliation=pd.DataFrame({"patient_id": patients, "slides": [True, False] * (len(patients) // 2)}),
    )
    return SimpleNamespace(cohort=cohort, source=source, modalities={"slides": None, "clinical": None})


def config(*columns: str) -> Any:
    points = {"sensitivity": [0.8, 0.95], "specificity": None, "net_benefit": 0.3}
    return OmegaConf.create({"seed": 7, "evaluation": {"draws": 50, "subgroups": list(columns), "operating": points}})


def test_a_run_tells_who_its_patients_are_and_how_it_does_in_subgroups(
    tmp_path: Path, make_run: Callable[..., RunFolder], browser: Any
) -> None:
    run = make_run(tmp_path / "run")
    predictions = run.predictions()
    labels = predictions.drop_duplicates("patient_id").set_index("patient_id")["label"].sort_index()
    setup = setup_of(tmp_path, list(labels.index), labels)
    outcome = outcome_of(run.cohort_spec().endpoint)
    wanted = config("clinical.age", "clinical.arm", "site", "has.slides")
    check_subgroups(wanted, setup)
    parts = assessed(wanted, setup, run, predictions, outcome)
    assert list(described(setup).table) == ["clinical.age", "clinical.arm", "site", "has.slides"]
    assert {row["column"] for row in parts["subgroups"]["rows"]} == set(described(setup).table)
    assert {row["column"] for row in parts["uncertainty"]["by"]} == {"class", *described(setup).table}
    assert run.described().set_index("patient_id").loc[labels.index, "clinical.age"].iloc[3] == 43
    assert parts["sample_size"]["parameters"] == 0  # these folds keep no model
    run.write_metrics(run.metrics() | parts)
    html = write_report(run).read_text()
    assert_page(html, Path(__file__).parent / "examples" / "assessed.json")
    assert 'id="subgroups"' in html and 'id="uncertainty"' in html
    assert 'id="operating"' in html and "sensitivity of 0.95" in html and "most net benefit at 0.3" in html
    assert {(row["rule"], row["target"]) for row in parts["operating"]["rows"] if row["arm"] == "fusion"} == {
        ("sensitivity", 0.8), ("sensitivity", 0.95), ("net_benefit", 0.3)
    }  # fmt: skip
    assert parts["not_assessed"] == [] and "not-assessed" not in html
    assert 'id="gaps"' in html and "Patients with every modality" in html  # every second one lacks slides
    assert 'id="sites"' in html and "Folds divide sites" in html
    assert [(row["what"], row["patients"]) for row in parts["gaps"]["lacking"]] == [("slides", len(labels) // 2)]
    assert [row["site"] for row in parts["sites"]["rows"]] == ["here", "there"]
    assert set(run.uncertainty()["patient_id"]) == set(labels.index)
    assert "At baseline, by outcome" in html
    assert "&lt;b&gt;odd" in html
    assert "<b>odd" not in html
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(run.report_path.as_uri())
    table = page.get_by_role("region", name="Patients at baseline by outcome")
    assert table.locator("tbody th.level").count() >= 4
    first = [one.bounding_box() for one in table.locator("tbody tr > td:nth-child(2)").all()]
    assert max(box["x"] + box["width"] for box in first) < 300, "a phone shows the names of columns and no number"
    points = page.get_by_role("region", name="Operating points")
    points.evaluate("one => one.scrollTo(one.scrollWidth, 0)")
    arm, aim = (points.locator(one).first.bounding_box() for one in ("tr.lead th", "th.group span"))
    assert abs(arm["x"] - aim["x"]) < 4 and 0 < arm["x"] < 40, "whose figures they are stays in sight"
    assert "clinical.<wbr>" in html
    page.close()


def test_where_no_site_can_be_judged_there_is_no_table_of_them() -> None:
    rows = [{"site": "A", "patients": 9, "classes": [4, 5], "value": None, "calibration": None, "why": "too few"}]
    part = {"held_out": "seen", "metric": "auroc", "rows": rows, "elsewhere": None, "smallest": 20, "fewest": 5}
    judged = {"site": "B", "patients": 30, "classes": [9, 21], "value": 0.7, "calibration": None, "why": ""}

    def page(rows: list[dict[str, Any]]) -> str:
        endpoint = EndpointSpec(name="r", kind="binary", classes=("no", "yes"))
        return environment().get_template("sites.html.j2").render(
            metrics={"sites": part | {"rows": rows}}, metric_labels={"auroc": "AUROC"}, endpoint=endpoint,
            verdict={"reference": "fusion"}, interval=str,
        )  # fmt: skip

    assert "<table" not in page(rows) and "Not judged, too few: 1 site (A: 9)" in page(rows)
    assert page([*rows, judged]).count('<th scope="row">') == 1


def test_a_model_that_abstains_for_nobody_is_not_told_to_abstain() -> None:
    share = {"value": 0.5, "low": 0.4, "high": 0.6}

    def told(decided: float) -> str:
        part = {"level": 0.9, "coverage": share, "decided": share | {"value": decided}, "right_where_decided": share}
        page = environment().get_template("uncertainty.html.j2")
        return page.render(metrics={"uncertainty": part | {"by": []}}, drawn="patients")

    assert "it abstains for nobody." in told(1.0) and "for the others the model abstains" not in told(1.0)
    assert "for the others the model abstains." in told(0.9)


@pytest.mark.parametrize("wrong", ["clinical.best", "clinical.after", "clinical.shoe"])
def test_what_is_no_baseline_column_is_refused_as_a_subgroup(tmp_path: Path, wrong: str) -> None:
    """An outcome, something after baseline, and what is not there."""
    patients = ["A", "B"]
    setup = setup_of(tmp_path, patients, pd.Series([0, 1], index=patients))
    with pytest.raises(FusionError, match=rf"{wrong} is no column known at baseline.*clinical.age, clinical.arm, site"):
        check_subgroups(config("site", wrong), setup)


KINDS = {
    "ordinal": EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II")),
    "survival": EndpointSpec(name="death", kind="survival", classes=("censored", "event"), horizons=(2.0,)),
    "multiclass": EndpointSpec(name="subtype", kind="multiclass", classes=("a", "b", "c")),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_endpoint_has_values_or_a_sentence(
    tmp_path: Path, make_run: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Table 1, complete cases and sites of all; sets of those with classes; of the rest a sentence says why not."""
    endpoint = KINDS[kind]
    outcome = outcome_of(endpoint)
    run = make_run(tmp_path / "run", patients=90)
    patients = sorted(run.predictions()["patient_id"].unique())
    rng = np.random.default_rng(1)
    labels = pd.Series(
        rng.integers(0, len(endpoint.classes), len(patients)), index=pd.Index(patients, name="patient_id")
    )
    setup = setup_of(tmp_path, patients, labels)
    setup.cohort.spec.endpoint = endpoint
    chance = rng.dirichlet(np.ones(3), len(patients))
    scores = outcome.columns(chance if kind != "survival" else chance[:, :2])
    folds, times = np.arange(len(patients)) % 5, rng.exponential(size=len(patients))
    parts = [
        pd.DataFrame(
            {"patient_id": patients, "arm": arm, "repeat": 0, "fold": folds, "label": labels.to_numpy(),
             "time": times, "threshold": np.nan, **scores}
        )
        for arm in ("fusion", "late")
    ]  # fmt: skip
    whole_table = pd.concat(parts, ignore_index=True)
    inner = pd.concat([whole_table[whole_table["fold"] != one].assign(fold=one) for one in range(5)])
    monkeypatch.setattr(RunFolder, "inner_predictions", lambda self: inner)
    found = assessed(config("site"), setup, run, whole_table, outcome)
    assert [group["name"] for group in found["described"]["groups"]] == ["all", *endpoint.classes]
    (whole,) = [row for row in found["gaps"]["complete"] if row["name"] == "every modality"]
    assert whole["patients"] == 45
    assert whole["complete"]["low"] <= whole["complete"]["value"] <= whole["complete"]["high"]
    assert whole["gains"][0]["complete"]["value"] == pytest.approx(0.0)  # both arms say the same
    assert [row["site"] for row in found["sites"]["rows"]] == ["here", "there"]
    assert ("coverage" in found.get("uncertainty", {})) == (kind != "survival")
    asked = {"ordinal": ["I", "II"], "survival": ["2"], "multiclass": []}[kind]
    assert [row["at"] for row in found.get("decision", {"rows": ()})["rows"]] == asked
    points = found.get("operating", {"rows": ()})["rows"]
    assert {(row["at"], row["rule"], row["target"]) for row in points if row["arm"] == "fusion"} == {
        (at, *point) for at in asked for point in (("sensitivity", 0.8), ("sensitivity", 0.95), ("net_benefit", 0.3))
    }
    told = " ".join(found["not_assessed"])
    assert ("Operating points and decision curves are of two classes" in told) == (kind == "multiclass")
    assert f"not for {kind} ones" in told
    assert found["sample_size"]["events"] == min((labels == one).sum() for one in endpoint.needed)
    assert ("Conformal sets" in told) == (kind == "survival")
    assert [(row["group"], row["patients"]) for row in found["subgroups"]["rows"]] == [("here", 45), ("there", 45)]
    for row in found["subgroups"]["rows"]:
        assert row["gap"]["low"] < row["gap"]["value"] < row["gap"]["high"]
        assert row["calibration"]["value"] is not None and row["p"] > 0.01


def test_the_sentence_names_who_differs_and_in_what() -> None:
    row = {"column": "site", "group": "S1", "p": 0.2, "calibration_p": 0.01}
    part = {"tests": 4, "rows": [row, row | {"group": "S2", "p": None, "calibration_p": None}]}
    assert said({"subgroups": part}) == "The model is calibrated otherwise in site S1 (4 looks, corrected)."
    assert said({"subgroups": part | {"rows": [row | {"calibration_p": 0.3}]}}).startswith("Nothing here shows")
    assert said({}) == ""


def test_coverage_is_told_by_site_and_modality_where_nobody_asked_and_groups_below_twenty_are_not() -> None:
    few = ["here"] * 21 + ["there"] * 20 + ["elsewhere"] * 19
    table = pd.DataFrame({"site": few, "has.slides": ["yes"] * 60, "clinical.age": range(60)})
    assert _usual(table) == ["site", "has.slides"]
    groups = _large(parted(table[_usual(table)], {}))
    assert groups["site"].value_counts().to_dict() == {"here": 21, "there": 20}
    assert groups["has.slides"].isna().all()  # a group of everybody tells nothing new


def test_the_sentence_on_coverage_names_groups_whose_interval_lies_below_the_level() -> None:
    rows = [{"column": "site", "group": name, "high": high} for name, high in (("S1", 0.89), ("S2", 0.9))]
    told = covered({"uncertainty": {"level": 0.9, "by": rows}})
    assert told.startswith("Held less often than in 90 %") and "below it: site S1 (2 groups" in told
    assert covered({"uncertainty": {"level": 0.9, "by": rows[1:]}}).startswith("No group is shown to be")
    assert covered({"uncertainty": {"level": 0.9, "by": [{"column": "site"}]}}) == covered({}) == ""


def test_how_firm_a_score_is_stands_there_also_without_sets_and_without_a_call() -> None:
    firm = {"of": "risk at 2 years", "flip": "", "spread": {"median": 0.05, "ninth_decile": 0.1}, "flips": None}
    template = environment().get_template("uncertainty.html.j2")
    html = template.render(metrics={"uncertainty": {"firmness": firm | {"unsure": None}}}, drawn="patients")
    assert "move a patient's risk at 2 years by 0.050" in html and "Conformal" not in html and "% of such" not in html
    of_grades = firm | {"of": "expected grade", "flip": "call another grade", "flips": 0.25, "unsure": 0.5}
    html = template.render(metrics={"uncertainty": {"firmness": of_grades}}, drawn="patients")
    assert "25.0 % of such models call another grade; for 50.0 % of patients" in html
    older = {"spread": firm["spread"], "flips": 0.1, "unsure": 0.2}
    html = template.render(metrics={"uncertainty": {"firmness": older}}, drawn="patients")
    assert "move a patient's probability" in html and "10.0 % of such scores lie on the other side" in html


def test_sites_too_small_to_be_judged_share_a_line() -> None:
    few = {"value": None, "calibration": None, "why": "fewer than 20 patients", "classes": [1, 0]}
    judged = {"site": "A", "patients": 90, "classes": [60, 30], "value": {"value": 0.7}, "calibration": None}
    page = environment().from_string(
        '{% macro interval(entry) %}{{ entry.value }}{% endmacro %}{% include "sites.html.j2" %}'
    )
    told = page.render(
        metrics={"sites": {
            "held_out": "seen", "metric": "auroc", "elsewhere": None, "smallest": 20, "fewest": 5,
            "rows": [{**few, "site": "B", "patients": 3}, judged, {**few, "site": "C", "patients": 4}],
        }},
        metric_labels={"auroc": "AUROC"}, verdict={"reference": "fusion"}, endpoint={"classes": ["no", "yes"]},
    )  # fmt: skip
    assert told.count("<tr><th") == 2
    assert "how many are no / yes." in told and "<small>60 / 30</small>" in told
    assert "Not judged, fewer than 20 patients: 2 sites (B: 3, C: 4)." in told
