"""Canaries over a small cohort through the real folds and modalities, and their arithmetic by hand."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import chi2_contingency, norm
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from fusion.canary import FAILED, canary, look
from fusion.config.compose import composed
from fusion.contract import EndpointSpec, Fold
from fusion.protocol.beside import digest
from fusion.protocol.canary.checks import Scores, in_two, site_alone, strata_of
from fusion.protocol.canary.judged import Check, above, area, by_chance, judged, within
from fusion.protocol.canary.planted import PlantedLeak
from fusion.protocol.canary.twins import twins
from fusion.protocol.progress import JobProgress
from fusion.protocol.setup import open_setup
from tests.helpers.applied import applied_cohort

FOLDER = Path(__file__).resolve().parents[4] / "benchmarks"
FEW = ("folds.outer=2", "folds.inner=2", "permutations=1")


@pytest.fixture(scope="module")
def rates() -> Any:
    """benchmarks/canary_rates.py, which writes cohorts of each kind."""
    sys.path.insert(0, str(FOLDER))
    import canary_rates

    return canary_rates


@pytest.mark.parametrize(
    ("kind", "culprit"),
    [("clean", None), ("leak", "columns that tell the outcome"), ("twice", "patients under two ids")],
)
def test_each_kind_of_cohort_is_judged_for_what_is_wrong_with_it(
    rates: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], make_run: Any, kind: str, culprit: str | None
) -> None:
    folder = rates.write_cohort(tmp_path / "cohort", 0, kind)
    place = f"cache={tmp_path / 'cache'}"
    training = composed("train", ["cohort=planted", f"output={tmp_path / 'run'}", place], folder)
    with JobProgress() as progress:  # training on the same data looks for it under the same digest
        data = digest(training, open_setup(training, progress).prepare(progress))
    more = []
    if kind == "twice":  # and arms of a finished run say what labels are that were dealt out anew
        run = make_run(tmp_path / "permuted", patients=60)
        (run.path / "config.yaml").write_text("canary: permuted")
        run.finish(seconds=1, steps={})
        run.note(data=data)
        more = [f"permuted=[{run.path}]"]
    config = composed("canary", ["cohort=planted", f"output={tmp_path}", place, *FEW, *more], folder)
    if culprit is None:
        canary(config)
    else:
        with pytest.raises(SystemExit) as ended:
            canary(config)
        assert ended.value.code == FAILED == 3
    found = json.loads((tmp_path / "canary.json").read_text())
    assert json.loads((tmp_path / "cache" / "canaries" / f"{found['data']}.json").read_text()) == found
    assert data == found["data"]
    failed = [one["name"] for one in found["checks"] if one["status"] == "fail"]
    assert failed == ["labels permuted, real arms"] * len(more) + ([culprit] if culprit else [])
    assert found["verdict"] == ("fail" if culprit else "pass")
    planted = next(one for one in found["checks"] if one["name"] == "a leak planted")
    assert planted["status"] == "pass"
    assert planted["figures"]["auroc"] > 0.7
    if kind == "twice":
        told = next(one for one in found["checks"] if one["name"] == culprit)
        assert told["figures"]["pairs"] == [["P003", "P999"]]
        assert "P003 = P999" in capsys.readouterr().out and "P003" not in told["said"]


def test_every_endpoint_is_looked_at_with_its_own_patients(rates: Any, tmp_path: Path) -> None:
    """A column tells the grades and not the response; grades are parted where patients are parted most evenly."""
    folder = rates.write_cohort(tmp_path / "cohort", 0, "clean")
    table = pd.read_csv(folder / "clinical.csv")
    grade = np.random.default_rng(1).choice(["0", "I", "II"], len(table), p=[0.25, 0.2, 0.55])
    table["told"] = pd.Series(grade).map({"0": 1.0, "I": 2.0, "II": 9.0}) + np.linspace(0, 0.5, len(table))
    table["grade"], table.loc[:9, "best"] = grade, ""
    table["kind"] = np.resize(["a", "b", "c"], len(table))
    table.to_csv(folder / "clinical.csv", index=False)
    file = folder / "cohort" / "planted.yaml"
    content = yaml.safe_load(file.read_text())
    cohort = content["cohort"]
    cohort["tables"]["clinical"]["columns"] |= {
        "told": {"time": "baseline", "kind": "number"}, "grade": {"time": "outcome"}, "kind": {"time": "outcome"}
    }  # fmt: skip
    own = {"table": "clinical", "column": "grade", "kind": "ordinal", "classes": {"0": ["0"], "I": ["I"], "II": ["II"]}}
    several = {"table": "clinical", "column": "kind", "classes": {"a": ["a"], "b": ["b"], "c": ["c"]}}
    cohort["endpoints"] |= {"grade": own, "kind": several}
    cohort["endpoint"] = "${endpoint}"
    file.write_text("# @package _global_\n" + yaml.safe_dump(content, sort_keys=False))
    asked = ["cohort=planted", f"output={tmp_path}", f"cache={tmp_path / 'cache'}", "endpoint=[response,grade,kind]"]
    found = look(composed("canary", [*asked, *FEW], folder))
    assert found["endpoints"] == [
        {"endpoint": "response", "groups": ["no response", "response"], "patients": 140},
        {"endpoint": "grade", "groups": ["0 or I", "II"], "patients": 150},
    ]
    told = {(one["endpoint"], one["name"]): one["status"] for one in found["checks"]}
    telling = {who: status for (who, name), status in told.items() if name == "columns that tell the outcome"}
    assert telling == {"response": "pass", "grade": "fail"} and found["verdict"] == "fail"
    assert told["kind", "all"] == "not looked at" and told["grade", "a leak planted"] == "pass" and len(told) == 13


def test_times_are_looked_at_by_whether_the_event_was_seen() -> None:
    """Without times or entries, so that a classifier takes them; two classes stay as they are."""
    _, setup = applied_cohort(patients=6)
    assert in_two(setup) is setup
    cohort: Any = setup.cohort
    pfs = EndpointSpec(name="pfs", kind="survival", classes=("censored", "event"), horizons=(6.0,), unit="months")
    times = pd.Series(np.arange(1.0, 7.0), index=cohort.labels.index)
    timed = replace(cohort, spec=replace(cohort.spec, endpoint=pfs), times=times, entry=times / 2)
    made: Any = in_two(replace(setup, cohort=timed)).cohort
    assert (made.spec.endpoint.kind, made.spec.endpoint.classes) == ("binary", ("no event seen", "event seen"))
    assert made.labels.equals(cohort.labels) and made.times is None and made.entry is None


def test_holm_holds_over_endpoints_of_one_name_each() -> None:
    checks = [check("a", 0.01, endpoint="x"), check("a", 0.5, endpoint="y")]
    assert [one.status for one in judged(checks)] == ["fail", "pass"]
    assert checks[0].record()["endpoint"] == "x" and "endpoint" not in check("a", 0.1).record()


def check(name: str, p: float | None, *, decides: bool = True, **more: Any) -> Check:
    return replace(Check(name=name, decides=decides, said="", p=p, figures={}), **more)


def test_holm_by_hand_and_warnings_apart() -> None:
    """Three deciding: 0.01 ≤ 0.05/3, 0.02 ≤ 0.05/2, 0.2 > 0.05; those that warn take no part."""
    checks = [check("a", 0.02), check("b", 0.2), check("c", 0.01), check("d", 0.001, decides=False)]
    assert {one.name: one.status for one in judged(checks)} == {"a": "fail", "b": "pass", "c": "fail", "d": "warn"}
    stopped = [check("a", 0.03), check("b", 0.04), check("c", 0.5)]
    assert {one.status for one in judged(stopped)} == {"pass"}
    kept = [check("a", None, status="fail"), check("b", None, status="not looked at")]
    assert [one.status for one in judged(kept)] == ["fail", "not looked at"]


def test_p_values_by_hand() -> None:
    assert by_chance([(0.6, 0.02), (0.7, 0.01)]) == pytest.approx(norm.sf(0.15 / np.sqrt(0.03 / 4)))
    assert above(0.8, 0.05, 0.7) == pytest.approx(norm.sf(2.0))
    labels = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    value, error = area(labels, np.array([1.0, 2.0, 4.0, 3.0, 5.0]))
    assert value == pytest.approx(5 / 6)
    a = (5 + 0.5) / 7
    one, two = a / (2 - a) - a**2, 2 * a**2 / (1 + a) - a**2
    assert error == pytest.approx(np.sqrt((a * (1 - a) + 1 * one + 2 * two) / 6))


def test_within_strata_by_hand() -> None:
    labels = np.array([1, 1, 0, 0, 1, 0, 0, 0, 0], dtype=np.float64)
    scores = np.array([0.9, 0.4, 0.5, 0.1, 0.2, 0.8, 0.7, 0.3, 0.9])
    # Stratum a: three of four pairs in order; b: none of two; c has no positives.
    value, variance = within(labels, scores, list("aaaabbbcc"))
    assert value == pytest.approx(3 / 6)
    assert variance == pytest.approx(2 * (4 * 5 / 12 + 2 * 4 / 12) / 36)
    whole = within(labels, scores, ["a"] * 9)
    assert whole == (pytest.approx(roc_auc_score(labels, scores)), pytest.approx(2 * 10 / (12 * 18)))
    assert np.isnan(within(labels, scores, list("abcdefghi"))).all()


def test_strata_are_folds_and_the_sites_that_folds_spread() -> None:
    _, setup = applied_cohort(patients=4)
    ids = list(setup.cohort.patient_ids)
    folds = [Fold(repeat=0, index=one, train=(), test=tuple(ids[one::2]), inner=()) for one in (0, 1)]
    spread, whole = (SimpleNamespace(folds=SimpleNamespace(site=one)) for one in ("stratify", "group"))
    assert strata_of(spread, setup, folds) == ["0", "1", "0", "1"]
    sites = pd.Series(["S", "S", "T", "S"], index=ids)
    setup = replace(setup, cohort=replace(setup.cohort, sites=sites))  # type: ignore[type-var]
    assert strata_of(spread, setup, folds) == ["0 S", "1 S", "0 T", "1 S"]
    assert strata_of(whole, setup, folds) == ["0", "1", "0", "1"]


def test_labels_dealt_out_by_sites_that_folds_spread_look_like_nothing_within_them_and_not_across() -> None:
    """Folds drawn by site and label: a site's share of positives, chance alone, tells who is tested; about 0.55."""
    rng, across, inside = np.random.default_rng(0), [], []
    for _ in range(40):
        site, label = rng.integers(0, 3, 150), (rng.random(150) < 0.4).astype(np.float64)
        score, place = np.zeros(150), np.zeros(150, dtype=int)
        for fold, (train, test) in enumerate(
            StratifiedKFold(3, shuffle=True, random_state=0).split(site, 2 * site + label)
        ):
            score[test] = [label[train][site[train] == one].mean() for one in site[test]]
            place[test] = fold
        score += 1e-3 * rng.normal(size=150)
        across.append(within(label, score, [f"{one}" for one in place])[0])
        inside.append(within(label, score, [f"{fold} {one}" for fold, one in zip(place, site, strict=True)])[0])
    assert np.mean(across) > 0.53
    assert np.mean(inside) == pytest.approx(0.5, abs=0.02)


def test_sites_are_compared_by_chi_square_and_its_deals() -> None:
    rng = np.random.default_rng(1)
    ids = [f"P{one}" for one in range(120)]
    site = pd.Series(["A"] * 60 + ["B"] * 50 + ["C"] * 10, index=ids)
    _, setup = applied_cohort(patients=4)

    def looked_at(labels: Any) -> Check:
        cohort = replace(setup.cohort, sites=site, patient_ids=tuple(ids))  # type: ignore[type-var]
        known = Scores(
            labels=pd.Series(labels, index=ids), scores=np.zeros(0), folds=[], rows=pd.DataFrame(), strata=[]
        )
        return site_alone(replace(setup, cohort=cohort), known, 0)

    labels = np.concatenate([rng.permutation([1] * 36 + [0] * 24), rng.permutation([1] * 20 + [0] * 35 + [1] * 5)])
    check = looked_at(labels)
    assert check.p == pytest.approx(chi2_contingency(pd.crosstab(site, labels)).pvalue, abs=0.012)
    assert (check.figures["lowest"], check.figures["highest"]) == (pytest.approx(labels[60:110].mean()), 0.6)
    assert "in 2 of 3 sites (of 20 patients and more)" in check.said and not check.decides
    even = looked_at(np.tile([1, 0], 60))
    assert even.p is not None and even.p > 0.9


def test_twins_agree_in_all_and_columns_that_tell_nothing_name_nobody() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(40, 4)).round(2), index=[f"P{one}" for one in range(40)])
    rows.columns = pd.Index(list("abcd"))
    assert twins(rows)[0] == []
    doubled = pd.concat([rows, rows.iloc[[5]].set_axis(["Q"])])
    pairs, chance = twins(doubled)
    assert pairs == [("P5", "Q")]
    assert chance < 1e-6
    coarse = pd.DataFrame({"sex": ["m", "f"] * 20, "grade": ["G1", "G2"] * 20}, index=rows.index)
    assert twins(coarse)[1] == 1.0  # 780 pairs, half of them alike
    # 780 pairs agree in age with chance 9/39, in a number of their own with 1/40² at least; months say nothing new.
    ages = pd.DataFrame({"age": np.repeat([50, 60, 70, 80], 10), "own": rng.permutation(40)}, index=rows.index)
    assert twins(ages)[1] == pytest.approx(780 * 9 / 39 / 40**2)
    assert twins(ages.assign(months=ages["age"] * 12))[1] == twins(ages)[1]
    assert twins(doubled.mask(doubled.index.to_series().isin(["Q"]), np.nan))[0] == []


def test_a_planted_leak_is_wrong_in_as_many_as_it_says() -> None:
    labels = pd.Series(np.arange(2000) % 2, index=[f"P{one}" for one in range(2000)])
    leak = PlantedLeak(labels, wrong=0.15, seed=1)
    told = leak.table(list(labels.index))["leak"]
    assert (told != labels).mean() == pytest.approx(0.15, abs=0.03)
    assert set(told) == {0.0, 1.0}
    assert leak.load("P1") is not None
    assert leak.spec.features[0].name == "leak"
