from __future__ import annotations

from data_modules.cohort.members import Members, strangers, unmatched, written_twice


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
