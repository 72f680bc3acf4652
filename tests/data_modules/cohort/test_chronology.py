"""What is measured after time zero, and times in two units, are refused."""

from __future__ import annotations

import pandas as pd
import pytest

from data_modules.cohort.chronology import _factor
from data_modules.errors import CohortError
from data_modules.modalities.tables.table import Table

ALL = [f"P{number:02d}" for number in range(1, 11)]


@pytest.fixture
def timed(cohort):
    """P01 to P10, followed for as many months; a drug, begun at month 0; and the same times in days."""
    cohort.treatment[0] += "\tmonths\tdied\tdrug\tbegun\tdays"
    for number in range(1, 11):
        cohort.treatment[number] += f"\t{number}\t{number % 2}\tyes\t0\t{number * 30.4:g}"
    columns = cohort.settings["tables"]["treatment"]["columns"]
    columns["months"] = {"time": "outcome", "kind": "number", "unit": "months"}
    columns["died"] = {"time": "outcome", "kind": "number"}
    columns["drug"] = {"time": "baseline", "measured": "begun"}
    columns["begun"] = {"time": "baseline", "kind": "number", "unit": "months"}
    columns["days"] = {"time": "outcome", "kind": "number", "unit": "days"}
    cohort.settings["endpoints"] = {
        "os": {"kind": "survival", "table": "treatment", "time": "months", "event": "died", "time_zero": "diagnosis"}
    }
    return cohort


def put(cohort, patient: int, place: int, value: str) -> None:
    cells = cohort.treatment[patient].split("\t")
    cells[place] = value
    cohort.treatment[patient] = "\t".join(cells)


def reconciled(cohort, named):
    source = cohort.source()
    return source.reconcile({"slides": named(source, ALL)})


def refused(cohort, named) -> str:
    with pytest.raises(CohortError) as caught:
        reconciled(cohort, named)
    return str(caught.value)


def test_what_is_known_by_time_zero_is_taken(timed, named):
    kept = reconciled(timed, named)
    assert len(kept.patient_ids) == 10
    assert kept.spec.endpoint.time_zero == "diagnosis"
    assert not any("time_zero" in note for note in kept.notes)
    del timed.settings["endpoints"]["os"]["time_zero"]
    assert any("time_zero does not say what times count from" in note for note in reconciled(timed, named).notes)


def test_a_treatment_begun_later_is_refused_with_its_patients(timed, named):
    put(timed, 3, -2, "2.5")
    text = refused(timed, named)
    assert "'drug' is declared baseline and was measured or begun after diagnosis (1: P03, row 4: 2.5)" in text
    assert "immortal time" in text


def test_a_treatment_without_a_start_is_taken_only_as_baseline(timed, named):
    put(timed, 3, -2, "")
    text = refused(timed, named)
    assert "'begun' does not say when 'drug' was measured or begun (1: P03, row 4)" in text
    assert "immortal time cannot be excluded" in text
    del timed.settings["tables"]["treatment"]["columns"]["drug"]["measured"]
    assert len(reconciled(timed, named).patient_ids) == 10


def test_who_has_no_value_need_not_say_when(timed, named):
    put(timed, 3, -3, "")
    put(timed, 3, -2, "9")
    assert len(reconciled(timed, named).patient_ids) == 10


def test_measured_names_a_number(timed, named):
    timed.settings["tables"]["treatment"]["columns"]["drug"]["measured"] = "died_on"
    assert "cohort.tables.treatment.columns.drug.measured is 'died_on'" in refused(timed, named)


@pytest.mark.parametrize(("unit", "factor"), [("months", "30.4"), ("years", "364.8")])
def test_times_in_two_units(timed, named, unit, factor):
    """Days that are called months, or years, beside the endpoint's months."""
    timed.settings["tables"]["treatment"]["columns"]["days"]["unit"] = unit
    text = refused(timed, named)
    assert f"'months' in months and treatment.tsv: 'days' in {unit} differ by a factor of {factor}" in text


def test_another_event_at_another_time_is_no_unit(timed, named):
    """Each patient's own factor, some of them near 30: no unit is like that."""
    for number in range(1, 11):
        put(timed, number, -1, f"{number * 30.4 / number**1.5:g}")
    assert len(reconciled(timed, named).patient_ids) == 10


def test_times_longer_than_a_life(timed, named):
    timed.settings["tables"]["treatment"]["columns"]["months"]["unit"] = "years"
    del timed.settings["tables"]["treatment"]["columns"]["days"]
    assert len(reconciled(timed, named).patient_ids) == 10
    put(timed, 4, -5, "1400")
    assert "'months' goes up to 1400 years, longer than a life" in refused(timed, named)


def test_an_input_known_later_is_refused_and_why(timed):
    timed.settings["tables"]["treatment"]["columns"]["drug"]["time"] = "post_baseline"
    modality = Table(name="therapy", source=timed.source(), table="treatment", columns=["drug"])
    assert "immortal time" in modality.check()[0]


@pytest.mark.parametrize(
    ("ratios", "factor"),
    [
        ([30, 30, 30, 30, 30], 30),
        ([30, 30, 30, 30], None),  # of fewer than five patients nothing is told
        ([30, 30, 30, 30, 30, 0, -1], 30),  # times of 0 and below say nothing
        ([28, 28, 30, 33.5, 33.5], 30),  # quartiles within a fifth of one another
        ([28, 28, 30, 33.7, 33.7], None),
        ([33.4] * 5, 33.4),  # within a tenth of 30.4375, and beyond it
        ([33.6] * 5, None),
        ([1 / 12] * 5, 12),
        ([365.25] * 5, 365.25),
        ([7] * 5, None),
    ],
)
def test_a_factor_between_units(ratios: list[float], factor: float | None) -> None:
    found = _factor(pd.Series(ratios, dtype=float) * 2, pd.Series([2.0] * len(ratios)))
    assert found == (None if factor is None else pytest.approx(factor))
