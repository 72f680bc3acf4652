from __future__ import annotations

import re

from data_modules.cohort.members import Members, one_as_two, strangers, unmatched, written_twice
from data_modules.patient_ids import PatientIds


def named(name, patients, **options):
    return Members(name=name, key=f"modality.{name}", patients=frozenset(patients), **options)


def test_who_failed_is_named_and_not_present():
    part = named("slides", ["P1", "P2"], failed={"P2": "breaks off"})
    assert part.present == {"P1"}
    assert str(part.note()) == (
        "modality.slides: nothing of 1 patients could be used, who count as lacking it (P2: breaks off)"
    )


def test_ids_are_looked_at_whoever_failed():
    """A slide that breaks off still has the name it has."""
    part = named("slides", ["P1", "Q2"], failed={"Q2": "breaks off"})
    (problem,) = strangers([part], r"P\d")
    assert problem.examples == ("Q2",)
    assert strangers([part], None) == []
    other = named("variants", ["P1", "Q2"])
    assert unmatched([part, other], 0.0) == []
    (alone,) = unmatched([part, named("variants", ["P1"])], 0.4)
    assert (alone.examples, alone.whole) == (("Q2",), False)
    assert unmatched([part, named("variants", ["P1"])], 0.5) == []


def test_a_patient_in_two_spellings_is_told_once_with_both_files():
    parts = [named("slides", ["p1", "P2", "P3"]), named("labs", ["P1", "P2", "P04"])]
    (problem,) = written_twice(parts)
    assert problem.examples == ("'P1' (labs) and 'p1' (slides)",)
    assert "cohort.ids_alike=distinct" in problem.remedy
    assert written_twice([named("slides", ["P1"]), named("labs", ["P1", "P2"])]) == []
    # Who is told here is no stranger besides.
    first, second = unmatched(parts, 0.0)
    assert (first.examples, second.examples) == (("P3",), ("P04",))
    assert "max_unmatched=0.0 to 0.34" in first.remedy
    parts = [named("slides", ["p1", "p2"]), named("labs", ["P1", "P2"])]
    assert unmatched(parts, 0.0) == []
    assert len(written_twice(parts)[0].examples) == 2


def test_samples_of_one_patient_are_no_patients():
    ids = ["TCGA-A1-A0SB-01", "TCGA-A1-A0SB-11", "TCGA-A1-A0SC-01"]
    table = Members(name="clinical.tsv", key="cohort.tables.clinical", patients=frozenset(ids))
    (problem,) = one_as_two([table], grouped=False)
    assert problem.examples == ("TCGA-A1-A0SB-01 and TCGA-A1-A0SB-11",)
    assert "cohort.tables.clinical.rows: {<column>: [<values>]}" in problem.remedy
    pattern = re.search(r"id_pattern to '(.*?)',", problem.remedy)[1].replace("\\\\", "\\")
    assert set(PatientIds(pattern=pattern).map(ids)[0].values()) == {"TCGA-A1-A0SB", "TCGA-A1-A0SC"}
    assert one_as_two([table], grouped=True) == [], "cases of their own, which folds keep together"
    rna = named("rna", ["P7_pre", "P7_post", "P8_pre", "P9"])
    (problem,) = one_as_two([rna], grouped=False)
    assert problem.examples == ("P7_post and P7_pre",)
    one = re.search(r"e\.g\. '(.*?)';", problem.remedy)[1]
    assert PatientIds(pattern=one).map(["P7_pre", "P7_post"])[0] == {"P7_post": "P7"}
    assert one_as_two([named("rna", ["P7_pre", "P8_post", "SITE-1", "SITE-2", "A-01", "A-11"])], grouped=False) == []
    assert one_as_two([named("a", ["P7_pre"]), named("b", ["P7_post"])], grouped=False) == [], "which no file shares"
