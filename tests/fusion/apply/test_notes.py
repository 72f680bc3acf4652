"""What is said beside the scores of a cohort, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd

from data_modules.cohort.source import CohortSource
from fusion.apply.notes import notes_of
from fusion.contract import EndpointSpec

RESPONSE = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))


def told(
    *trained: str, now: EndpointSpec = RESPONSE, kept: tuple[bool, ...] = (True,) * 3, alike: str = "refuse"
) -> list[str]:
    folder = SimpleNamespace(cohort_spec=lambda: SimpleNamespace(endpoint=RESPONSE))
    table = pd.DataFrame({"patient_id": ["A", "B-02", "C"], "kept": kept})
    cohort = SimpleNamespace(notes=("a note",), spec=SimpleNamespace(endpoint=now), reconciliation=table)
    source = SimpleNamespace(twins=lambda ids, others: CohortSource.twins(source, ids, others), ids_alike=alike)
    modalities = {"clinical": None, "variants": None}
    setup = SimpleNamespace(absent={"mri": "no file"}, cohort=cohort, source=source, modalities=modalities)
    missing = SimpleNamespace(missing=["TP53"], matched=["PTEN", "ATM"], absent_is="reference", notes=["lifted"])
    patients = table.loc[table["kept"], "patient_id"].tolist()
    return notes_of(folder, setup, {"variants": missing}, patients=patients, trained=trained)  # type: ignore[arg-type, dict-item]


ALWAYS = [
    "Scored without mri: no file.",
    "a note",
    "1 of 3 named features of variants are nowhere in the files and count as not mutated (TP53).",
    "variants: lifted",
]


def test_who_was_trained_on_is_told_and_another_endpoint_too() -> None:
    assert told() == told("D", "E") == ALWAYS
    by_fold = "2 patients have ids that the run trained on; each is scored by the folds that left this id out."
    assert told("A", "C", "D") == [*ALWAYS, by_fold]
    other = EndpointSpec(name="pcr", kind="binary", classes=("RD", "pCR"))
    assert told(now=other)[4:] == ["Trained on response (no / yes); this cohort's outcome is pcr (RD / pCR)."]


def test_who_was_trained_on_under_another_spelling_is_told() -> None:
    (said,) = told("a", "b2", "C")[5:]
    assert said.startswith("2 patients have ids that differ from ones the run trained on in letter case, separators")
    assert "(A and a, B-02 and b2). Where they are the same patients, write the ids as in training" in said
    assert len(told("a", "b2", "C", alike="distinct")) == 5
    assert len(told("C", "c")) == 5, "who was trained on under this id is told already"
    source = SimpleNamespace(ids_alike="refuse")
    assert CohortSource.twins(source, ["C", "d"], ["C", "D"]) == [("d", "D")]  # type: ignore[arg-type]


def test_who_has_nothing_is_told_by_name() -> None:
    said = told(kept=(True, False, False))
    assert said[2] == "2 patients are not scored, for they have none of clinical, variants (B-02, C)."
    assert len(said) == 5
