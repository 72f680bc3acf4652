"""What `fusion.check` says of a cohort, of a table whose counts are known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from fusion.contract import EndpointSpec
from fusion.report.first.checked import _lines, contents


@pytest.fixture
def setup() -> Any:
    """Four kept, of whom C lacks slides; three dropped, two for one reason."""
    ids = list("ABCD")
    table = pd.DataFrame(
        {
            "patient_id": [*ids, "X", "Y", "Z"],
            "kept": [True] * 4 + [False] * 3,
            "dropped_at": [None] * 4 + ["clinical.csv", "outcome.csv", "outcome.csv"],
            "reason": [None] * 4 + ["no row", "no outcome", "no outcome"],
            "clinical.csv": [True] * 4 + [False, True, True],
            "slides": [True, True, False, True, True, True, True],
            "clinical": [True] * 7,
        }
    )
    spec = SimpleNamespace(
        name="mine", simulated=False, endpoint=EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    )
    cohort = SimpleNamespace(
        spec=spec, patient_ids=tuple(ids), labels=pd.Series([0, 1, 0, 0], index=ids), reconciliation=table,
        notes=("a note",),
    )  # fmt: skip
    account = SimpleNamespace(
        found=9, used=5, noun="slides", left_out={"macro": [f"m{number}" for number in range(6)], "none": []}
    )
    modalities = {
        "slides": SimpleNamespace(input_files=[Path("a")] * 5, account=account),
        "clinical": SimpleNamespace(input_files=[Path("t")]),
    }
    remark = SimpleNamespace(kind="missing", text="age lacks half")
    return SimpleNamespace(cohort=cohort, modalities=modalities, remarks=lambda: [remark])


def test_counts_by_hand(setup: Any) -> None:
    fold = SimpleNamespace(name="repeat0_fold0", train=("A", "B", "C"), test=("D", "B"))
    found = contents(setup, [fold], ["very wide"])
    assert (found["cohort"], found["endpoint"], found["simulated"], found["patients"]) == ("mine", "response", False, 4)
    assert found["classes"] == {"no": 3, "yes": 1}
    assert found["dropped"] == [
        {"at": "outcome.csv", "reason": "no outcome", "patients": 2},
        {"at": "clinical.csv", "reason": "no row", "patients": 1},
    ]
    assert found["tables"] == [{"file": "clinical.csv", "patients": 6}]
    assert found["inventory"] == [
        {
            "name": "slides", "files": 5, "patients": 3, "found": 9, "used": 5, "noun": "slides",
            "left_out": [{"why": "macro", "count": 6, "names": ["m0", "m1", "m2", "m3", "m4"]}],
        },
        {"name": "clinical", "files": 1, "patients": 4, "found": 1, "used": 1, "noun": "files", "left_out": []},
    ]  # fmt: skip
    assert sorted((sorted(row["having"]), row["patients"]) for row in found["combinations"]) == [
        (["clinical"], 1),
        (["clinical", "slides"], 3),
    ]
    assert found["folds"] == [{"name": "repeat0_fold0", "train": 3, "test": 2, "classes": [1, 1]}]
    assert found["remarks"] == [
        {"kind": "missing", "text": "age lacks half"},
        {"kind": "wide", "text": "very wide"},
    ]


def test_the_lines_on_the_console(setup: Any) -> None:
    content = contents(setup, [])
    lines = _lines(content, Path("check.html")).splitlines()
    assert lines[:-2] == [
        "mine → response: 4 patients would be trained on (3 no, 1 yes).",
        "  dropped: 2, no outcome",
        "  dropped: 1, no row",
        "  slides: 3 patients, 5 of 9 slides; left out 6: macro",
        "  clinical: 4 patients, 1 of 1 files",
        "  Note: a note",
        "Look at:",
        "  age lacks half",
    ]
    assert lines[-1] == "Report: check.html"
    many = content | {
        "simulated": True,
        "remarks": [{"kind": "wide", "text": f"remark {number}"} for number in range(14)],
        "dropped": [{"reason": f"reason {number}", "patients": 1} for number in range(9)],
        "inventory": [{**content["inventory"][1], "found": 0}],
    }
    lines = _lines(many, Path("check.html")).splitlines()
    assert lines[0].startswith("SIMULATED · mine")
    assert "  dropped: 1, reason 7" in lines and "  dropped: 1, reason 8" not in lines
    assert "  clinical: 4 patients" in lines
    assert lines[-4:-2] == ["  remark 11", "  and 2 more, on the page"]
    assert "Look at:" not in _lines(many | {"remarks": many["remarks"][:0]}, Path("check.html"))
    assert "more, on the page" not in _lines(many | {"remarks": many["remarks"][:12]}, Path("check.html"))
