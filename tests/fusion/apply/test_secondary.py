"""Secondary endpoints on other patients: by hand, who has a value, of which folds, and whose labels judge it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.apply.secondary import SecondaryScores, judged_beside, labelled_beside, meanings_beside, trained_alone
from fusion.contract import ROLE, CohortSpec, EndpointSpec, Secondary
from fusion.protocol.setup import Setup
from tests.helpers.applied import applied_cohort

RCB = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))
PFS = EndpointSpec(name="pfs", kind="survival", classes=("censored", "event"), horizons=(6.0,), unit="months")
NAN = float("nan")


def gathered() -> dict[str, Any]:
    """B trained the first fold; C trained both endpoints alone, in every fold."""
    scores = SecondaryScores([RCB, PFS], ["A", "B", "C"], frozenset({"C"}), arm="fusion")
    grades = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    scores.add(
        {"rcb": {"fusion": (grades, NAN)}, "pfs": {"fusion": (np.array([[1.0, 0.5], [3.0, 0.1]]), NAN)}}, ["A", "C"]
    )
    grades = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3]])
    times = np.array([[2.0, 0.3], [0.0, 0.6], [5.0, 0.2]])
    scores.add({"rcb": {"fusion": (grades, NAN)}, "pfs": {"fusion": (times, NAN)}}, ["A", "B", "C"])
    return {one.name: one for one in scores.applied()}


def test_folds_that_trained_on_a_patient_are_left_out_by_hand() -> None:
    found = gathered()
    rcb = found["rcb"].table.set_index("patient_id")
    assert rcb["fold_models"].tolist() == [2, 1, 0]
    assert rcb.loc["A", ["score_0", "score_I", "score_II"]].tolist() == pytest.approx([0.4, 0.4, 0.2])
    assert (rcb.loc["A", "class"], rcb.loc["A", "low"], rcb.loc["A", "high"]) == ("0", 0.2, 0.6)
    assert rcb.loc["B", "score_II"] == 0.8 and rcb.loc["C"].drop(["endpoint", "fold_models"]).isna().all()
    pfs = found["pfs"].table.set_index("patient_id")
    assert pfs.loc["A", ["score", "low", "high", "survival@6", "low@6", "high@6"]].tolist() == pytest.approx(
        [1.5, 1.0, 2.0, 0.4, 0.3, 0.5]
    )
    assert pfs.loc["B", "survival@6"] == 0.6 and set(pfs["endpoint"]) == {"pfs"}
    told = meanings_beside(found["pfs"], lambda name, endpoint: f"{name} of {endpoint.name}")
    assert (told["role"], told["kind"], told["unit"]) == (ROLE, "survival", "months")
    assert "without the event at 6 months" in told["columns"]["survival@6"]
    assert told["columns"]["fold_models"] == "fold_models of pfs"
    assert SecondaryScores([RCB], ["A"], frozenset(), arm="fusion").applied() == ()


def cohort(secondary: dict[str, Secondary], **changes: Any) -> Setup:
    _, setup = applied_cohort(patients=3)
    made = replace(setup.cohort, groups=None, secondary=secondary, **changes)  # type: ignore[type-var]
    return replace(setup, cohort=made)


def test_labels_are_of_the_endpoint_of_that_name_and_of_who_has_a_value() -> None:
    rcb = gathered()["rcb"]
    index = pd.Index(["A", "B", "C"], name="patient_id")
    # Elsewhere grades stand in another order, and there is one more.
    other = replace(RCB, classes=("II", "0", "I", "III"))
    outcomes = Secondary(endpoint=other, labels=pd.Series([1, 0, 2], index=index))
    rows = labelled_beside(rcb, cohort({"rcb": outcomes}), "fusion")
    assert rows is None  # of C no fold may speak, so that one patient each of two grades is left
    many = SecondaryScores([RCB], list("ABCDEF"), frozenset("F"), arm="only_clinical")
    many.add({"rcb": {"only_clinical": (np.tile([[0.5, 0.3, 0.2]], (6, 1)), NAN)}}, list("ABCDEF"))
    labels = pd.Series([1, 1, 0, 0, 3, 1], index=pd.Index(list("ABCDEF"), name="patient_id"))
    (five,) = many.applied()
    setup = cohort({"rcb": Secondary(endpoint=other, labels=labels)})
    rows = labelled_beside(five, setup, "only_clinical")
    assert rows is not None and rows.set_index("patient_id")["label"].to_dict() == {"A": 0, "B": 0, "C": 2, "D": 2}
    assert set(rows["arm"]) == {"only_clinical"}
    part = judged_beside(rows, five, "only_clinical", SimpleNamespace(draws=20, seed=0), simulated=False, modalities=1)
    assert (part["role"], part["kind"], part["patients"]) == (ROLE, "ordinal", 4) and "comparisons" not in part
    assert part["arms"]["only_clinical"]["accuracy"]["value"] == 0.5
    assert labelled_beside(five, cohort({}), "fusion") is None
    # The cohort's own first endpoint may be the run's second.
    spec = CohortSpec(name="c", endpoint=other, build=None, simulated=False, patients=5)
    again = labelled_beside(five, cohort({}, spec=spec, labels=labels), "only_clinical")
    assert again is not None and again["label"].tolist() == rows["label"].tolist()


def test_who_trained_alone_is_told_by_the_runs_own_list() -> None:
    table = pd.DataFrame(
        {"patient_id": ["A", "B", "C"], "reason": [None, "no label; trains rcb and is never tested", "no label"]}
    )
    spec = CohortSpec(name="c", endpoint=PFS, build=None, simulated=False, patients=1, secondary=(RCB,))
    run: Any = SimpleNamespace(cohort_spec=lambda: spec, cohort=lambda: table)
    assert trained_alone(run) == {"B"}
    run = SimpleNamespace(cohort_spec=lambda: replace(spec, secondary=()), cohort=None)
    assert trained_alone(run) == frozenset()


def test_other_arms_are_compared_on_the_same_patients_by_hand() -> None:
    pcr = EndpointSpec(name="pcr", kind="binary", classes=("no", "yes"))
    ids = list("ABCDEF")
    scores = SecondaryScores([pcr], ids, frozenset("F"), arm="fusion")
    right, wrong = np.array([0.1, 0.2, 0.8, 0.9, 0.5, 0.9]), np.array([0.9, 0.8, 0.2, 0.1, 0.5, 0.9])
    scores.add({"pcr": {"fusion": (right, 0.5), "late": (wrong, 0.3)}}, ids)
    scores.add({"pcr": {"fusion": (right, 0.7), "late": (wrong + 0.1, 0.5)}}, ids)
    (found,) = scores.applied()
    late = found.compared["late"]
    assert found.threshold == pytest.approx(0.6) and late.threshold == pytest.approx(0.4)
    assert list(late.columns) == ["score"]
    labels = pd.Series([0, 0, 1, 1, -1, 1], index=pd.Index(ids, name="patient_id"))
    rows = labelled_beside(found, cohort({"pcr": Secondary(endpoint=pcr, labels=labels)}), "fusion")
    assert rows is not None
    # Of E nothing is known, F trained alone.
    assert rows["patient_id"].tolist() == [*"ABCD", *"ABCD"] and rows["arm"].tolist() == ["fusion"] * 4 + ["late"] * 4
    assert rows["score"].tolist() == pytest.approx([0.1, 0.2, 0.8, 0.9, 0.95, 0.85, 0.25, 0.15])
    assert rows["threshold"].tolist() == pytest.approx([0.6] * 4 + [0.4] * 4)
    part = judged_beside(rows, found, "fusion", SimpleNamespace(draws=20, seed=0), simulated=False, modalities=2)
    gain = {row["metric"]: row["gain"] for row in part["comparisons"]}["auroc"]
    assert gain == 1.0 and part["role"] == ROLE and part["verdict"]["metric"] == "auroc"
