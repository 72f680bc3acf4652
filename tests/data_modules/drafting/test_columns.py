"""What columns are read as, worked out by hand."""

from __future__ import annotations

import pytest

from data_modules.drafting.columns import MOST_LEVELS, MOST_SITES, column_facts, in_order
from data_modules.drafting.endpoints import classes_of
from data_modules.drafting.words import baseline_word, is_id, is_site, smell, unit_of


def test_numbers_with_missing_ones_and_their_histogram() -> None:
    facts = column_facts("age", ["30", "40", "NA", "", "35", "?"])
    assert (facts.kind, facts.low, facts.high, facts.distinct) == ("number", 30, 40, 3)
    assert facts.missing == pytest.approx(0.5)
    assert facts.bars == (1, 0, 0, 0, 0, 1, 0, 0, 0, 1)


def test_decimal_commas_are_numbers() -> None:
    assert column_facts("x", ["3,5", "4,25", "1"]).kind == "number"


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["45%", "3.5%", "NA"], ("number", "%", 0)), (["<0.5", "7", "8.5", ""], ("number", "", 1)),
        (["<0.5 U/L", "7 U/L", "9 U/L"], ("number", "U/L", 1)), (["1 200", "900"], ("number", "", 0)),
        (["<65", ">=65", "<65"], ("category", "", 0)), (["1A", "1B", "2A"], ("category", "", 0)),
        (["5 mg", "7"], ("category", "", 0)), (["5 mg", "5 mg", "x"], ("category", "", 0)),
    ],
)  # fmt: skip
def test_numbers_with_a_unit_or_beyond_a_limit(cells: list[str], found: tuple[str, str, int]) -> None:
    facts = column_facts("x", cells)
    assert (facts.kind, facts.unit, facts.beyond) == found


def test_a_word_for_nothing_known_is_proposed_as_missing_and_none_stays_a_level() -> None:
    assert column_facts("subtype", ["LumA", "Unk", "LumB"]).words == ("Unk",)
    facts = column_facts("prior", ["None", "Chemo", "None"])
    assert (facts.kind, facts.words, facts.levels) == ("category", (), ("Chemo", "None"))


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["a"] * 4, "the same value"),
        (["7"] * 4, "the same value"),
        (["", "NA"], "nothing is known"),
        (["2020-01-02", "2021-03-04"], "dates"),
        ([f"text {at}" for at in range(40)], "40 different words"),
        (["Pos", "pos", "neg"], "several spellings (Pos, pos)"),
    ],
)
def test_what_is_left_out(cells: list[str], why: str) -> None:
    facts = column_facts("x", cells)
    assert facts.kind is None
    assert why in facts.reason


def test_hospitals_may_be_many() -> None:
    cells = [f"H{at}" for at in range(40)] * 2
    assert column_facts("tissue_source_site", cells).kind == "category"
    assert column_facts("note", cells).kind is None


@pytest.mark.parametrize(
    ("levels", "order"),
    [
        (["G3", "G1", "G2"], ("G1", "G2", "G3")),
        (["Stage IIB", "Stage I", "Stage IIA", "Stage IV"], ("Stage I", "Stage IIA", "Stage IIB", "Stage IV")),
        (["high", "low", "medium"], ("low", "medium", "high")),
        (["IDC", "ILC", "other"], None),
        (["T1", "T2"], None),  # two levels need no order
    ],
)
def test_levels_in_order(levels: list[str], order: tuple[str, ...] | None) -> None:
    assert in_order(levels) == order


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("pCR", "outcome"),
        ("RCB.score", "outcome"),
        ("vitalStatus", "outcome"),
        ("days_to_last_follow_up", "outcome"),
        ("OS_months", "outcome"),
        ("best_response", "outcome"),
        ("Surgery.type", "post_baseline"),
        ("number_of_cycles", "post_baseline"),
        ("planned_cycles", None),
        ("pharmaceutical_tx_adjuvant", "post_baseline"),
        ("neo-adjuvant_regimen", None),
        ("history_neoadjuvant_treatment", None),
        ("age", None),
        ("HER2", None),
        ("cost", None),  # ends with os, and is no survival
    ],
)
def test_what_a_name_smells_of(name: str, time: str | None) -> None:
    found = smell(name)
    assert (found and found.time) == time


def test_units_sites_ids_and_baseline_words() -> None:
    assert [unit_of(name) for name in ("size_mm", "ki67_percent", "mm", "arm")] == ["mm", "%", None, None]
    assert (unit_of("age_years"), unit_of("dx_year")) == ("years", None), "a year is a date, not a length"
    assert [is_site(name) for name in ("tissue_source_site", "Hospital", "icd_o_3_site")] == [True, True, False]
    assert [is_id(name) for name in ("Trial.ID", "bcr_patient_barcode", "width", "grid")] == [True, True, False, False]
    assert baseline_word("age_at_index") == "age"


def test_classes_are_proposed_only_where_every_value_is_clear() -> None:
    assert classes_of(["pCR", "RD"]) == (("pCR",), ("RD",))
    assert classes_of(["Partial Response", "Stable Disease"]) == (("Partial Response",), ("Stable Disease",))
    assert classes_of(["1", "0"]) == (("1",), ("0",))
    assert classes_of(["Alive", "Dead"]) == ((), ())


def test_facts_to_the_number() -> None:
    facts = column_facts("x", ["1", "2", "2", "NA"])
    assert (facts.rows, facts.missing, facts.distinct, facts.counts) == (4, 0.25, 2, (("2", 2), ("1", 1)))
    assert facts.reason == "all values are numbers", "two of them are no codes"
    assert column_facts("x", []).missing == 1.0
    codes = column_facts("x", list("1234567800"))
    assert codes.kind == "number" and codes.reason == "all values are numbers", "nine are many"
    codes = column_facts("x", list("12345678"))
    assert codes.reason.startswith("8 different whole numbers; if they are codes")
    assert column_facts("x", ["1", "2", "3.5"]).reason == "all values are numbers"
    assert column_facts("x", ["0", "1", "2", "3"]).bars == (1, 0, 0, 1, 0, 0, 1, 0, 0, 1)
    assert column_facts("x", ["3", "3"]).bars == (0,) * 10
    assert column_facts("x", ["3,5", "1.5"]).kind == "category", "two decimal signs"
    thirty = [f"w{number}" for number in range(MOST_LEVELS)]
    assert column_facts("x", thirty).kind == "category" and len(column_facts("x", thirty).counts) == 30
    assert (
        column_facts("x", [*thirty, "one more"]).kind is None and column_facts("x", [*thirty, "one more"]).counts == ()
    )
    assert column_facts("hospital", [f"H{number}" for number in range(MOST_SITES)]).kind == "category"
    assert column_facts("hospital", [f"H{number}" for number in range(MOST_SITES + 1)]).kind is None
    assert column_facts("x", ["2020-01-02", "soon"]).kind == "category"
    assert [column_facts("x", [one, "y", "z"]).kind for one in ("1.2.2020", "2020-1-2 10:00")] == ["category"] * 2
    assert "dates" in column_facts("x", ["1.2.20", "2020-1-2 10:00"]).reason
    ordered = column_facts("x", ["G1", "G2", "G3"])
    assert (ordered.kind, ordered.levels) == ("ordered", ("G1", "G2", "G3"))


@pytest.mark.parametrize(
    ("levels", "order"),
    [
        (["very high", "none", "mild"], ("none", "mild", "very high")), (["low", "mild", "high"], None),
        (["Stage III", "Stage IIIA", "Stage IV"], ("Stage III", "Stage IIIA", "Stage IV")),
        (["grade v", "Grade I", "grade ii"], ("Grade I", "grade ii", "grade v")),
        (["pT2", "T1", "T3b", "T3a"], ("T1", "pT2", "T3a", "T3b")), (["T1", "pT1", "T2"], None),
        (["G6", "G1", "G2"], None), (["Stage VI", "Stage I", "Stage II"], None),
    ],
)  # fmt: skip
def test_more_levels_in_order(levels: list[str], order: tuple[str, ...] | None) -> None:
    assert in_order(levels) == order
