"""A therapy in a run: what reads it, what is refused before the long work, and what metrics.json is given."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from data_modules.cohort.source import CohortSource
from data_modules.modalities.tables.table import Table
from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.outcome import outcome_of
from fusion.protocol.therapy import (
    check_therapy,
    keep_draws,
    keep_support,
    of_regimen,
    therapy_of,
    treatments,
    under_regimens,
    valued,
    without_regimens,
)

BINARY = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))


def setup_of(root: Path, therapy: Any, endpoint: EndpointSpec = BINARY, **modalities: list[str]) -> Any:
    rows = [f"P{one:02},{'AB'[one % 2]},{'xy'[one % 2]},{one % 3},{'CR' if one % 5 else 'PD'}" for one in range(20)]
    (root / "clinical.csv").write_text("\n".join(["id,arm,drug,dose,best", *rows]) + "\n")
    columns = {name: {"time": "baseline"} for name in ("arm", "drug", "dose")} | {"best": {"time": "outcome"}}
    source = CohortSource(
        name="invented", root=root, cache=root / "cache", therapy=therapy,
        tables={"clinical": {"file": "clinical.csv", "id": "id", "columns": columns}},
        endpoints={"response": {"table": "clinical", "column": "best", "positive": ["CR"], "negative": ["PD"]}},
    )  # fmt: skip
    tables = {
        name: Table(name=name, source=source, table="clinical", columns=columns) for name, columns in modalities.items()
    }
    cohort = SimpleNamespace(
        patient_ids=tuple(f"P{one:02}" for one in range(20)), spec=SimpleNamespace(endpoint=endpoint)
    )
    return SimpleNamespace(source=source, cohort=cohort, modalities=tables, readings={})


ARM = {"table": "clinical", "columns": ["arm"]}


def test_the_modality_of_the_regimen_is_found_by_its_columns(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, ARM, treatment=["arm", "drug"], other=["dose"])
    therapy = therapy_of(setup)
    assert therapy is not None
    assert treatments(setup, therapy) == ["treatment"] and of_regimen(setup) == ("treatment",)
    check_therapy(setup)


def test_a_modality_that_mixes_regimen_and_patient_is_refused(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, ARM, clinical=["arm", "dose"])
    with pytest.raises(FusionError, match=r"modality.clinical reads clinical.dose, in which patients given A differ"):
        check_therapy(setup)
    check_therapy(setup_of(tmp_path, ARM | {"columns": ["arm", "dose"]}, clinical=["arm", "dose"]))


def test_a_cohort_without_a_therapy_is_given_nothing(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, None, clinical=["arm", "dose"])
    check_therapy(setup)
    assert of_regimen(setup) == ()
    data: Any = SimpleNamespace(endpoint=BINARY)
    assert under_regimens(setup, {}, data).empty
    assert valued(setup, *[pd.DataFrame()] * 3, outcome_of(BINARY), draws=5, seed=0) == {}


def test_other_endpoints_are_said_not_to_be_judged(tmp_path: Path) -> None:
    kind = EndpointSpec(name="grade", kind="multiclass", classes=("a", "b", "c"))
    setup = setup_of(tmp_path, ARM, kind, treatment=["arm"])
    data: Any = SimpleNamespace(endpoint=kind)
    assert under_regimens(setup, {}, data).empty
    found = valued(setup, *[pd.DataFrame()] * 3, outcome_of(kind), draws=5, seed=0)["policy"]
    assert found["why"] == "not for multiclass endpoints, only for binary ones"
    assert found["promise"] == "association in these patients, not a promise"
    early = valued(setup_of(tmp_path, ARM), *[pd.DataFrame()] * 3, outcome_of(BINARY), draws=5, seed=0)
    assert early["policy"]["why"] == "the run's folds were not scored under regimens"


def test_a_candidate_reads_of_a_regimen_what_all_do(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, ARM, treatment=["arm"], other=["dose"])
    again = setup_of(tmp_path, ARM, treatment=["arm"], other=["dose"]).modalities
    setup.readings = {"2": setup.modalities | {"other": again["other"]}}
    check_therapy(setup)
    setup.readings = {"2": setup.modalities | {"treatment": again["treatment"]}}
    with pytest.raises(FusionError, match=r"candidate 2: changes modality\.treatment, which reads the regimen"):
        check_therapy(setup)


@pytest.mark.parametrize(
    ("therapy", "kind", "asked"), [(None, "binary", True), (ARM, "multiclass", True), (ARM, "binary", False)]
)
def test_nothing_is_kept_or_refitted_where_nothing_is_judged(
    tmp_path: Path, therapy: Any, kind: Any, asked: bool
) -> None:
    classes = ("no", "yes") if kind == "binary" else ("a", "b", "c")
    endpoint = EndpointSpec(name="response", kind=kind, classes=classes)
    setup = setup_of(tmp_path, therapy, endpoint, treatment=["arm"])
    data: Any = SimpleNamespace(endpoint=endpoint)
    folder = tmp_path / "fold"
    folder.mkdir()
    assert without_regimens({"evaluation": {"left_out": asked}}, setup, data).empty
    assert without_regimens({}, setup, data).empty
    if therapy is None or kind != "binary":
        keep_support(setup, data, folder)
        keep_draws(SimpleNamespace(), setup, data, folder)
    assert list(folder.iterdir()) == []
