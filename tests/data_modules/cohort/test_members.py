from __future__ import annotations

from data_modules.cohort.members import Members, strangers, unmatched


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
