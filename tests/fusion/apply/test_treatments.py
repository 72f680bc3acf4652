"""Treatments asked for: names, overlap, differences over models by hand, and refusals."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.apply.treatments import KeptTherapy, Treatments, _overlap, record, rows_of, strata_of, wanted
from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.policy.support import Support
from fusion.run.state import save_json

SUPPORT = Support(
    patients={"s=0": {"A": 30, "B": 10, "C": 9}, "s=1": {"A": 12}}, responders={"s=0": {"A": 3}, "s=1": {}}, least=10
)
HELD = {name: {"treatment": {"arm": name}} for name in "ABC"}


def folder_of(root: Path, *, kind: str = "binary") -> Any:
    for fold in ("repeat0_fold0", "repeat0_fold1"):
        (root / fold).mkdir(exist_ok=True)
        save_json(root / fold / "therapy.json", {"support": SUPPORT.record(), "by": ["clinical.s"], "values": HELD})
    endpoint = EndpointSpec(name="response", kind=kind, classes=("no", "yes"))  # type: ignore[arg-type]
    return SimpleNamespace(
        cohort_spec=lambda: SimpleNamespace(endpoint=endpoint),
        finished_folds=lambda: ("repeat0_fold0", "repeat0_fold1"),
        models=lambda name: root / name,
    )


def test_treatments_are_named_in_the_order_asked_for_or_all(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    assert wanted(folder, None) is None
    for asked, names in ((["B", "A", "B"], ("B", "A")), ("C", ("C",)), ("all", ("A", "B", "C"))):
        found = wanted(folder, asked)
        assert found is not None
        assert found.names == names
        assert found.folds["repeat0_fold1"] == KeptTherapy(support=SUPPORT, held=HELD, by=("clinical.s",))


@pytest.mark.parametrize("asked", [["A", "D"], "D", []])
def test_what_was_never_seen_is_refused_by_name(tmp_path: Path, asked: Any) -> None:
    what = "D was never seen in training" if asked else "none is named"
    with pytest.raises(FusionError, match=f"treatments: {what}. The run knows A, B, C"):
        wanted(folder_of(tmp_path), asked)


def test_runs_that_cannot_say_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="only for binary endpoints"):
        wanted(folder_of(tmp_path, kind="survival"), "all")
    folder = folder_of(tmp_path)
    (tmp_path / "repeat0_fold1" / "therapy.json").write_text("{}")
    with pytest.raises(FusionError, match="cannot be read"):
        wanted(folder, "all")
    (tmp_path / "repeat0_fold1" / "therapy.json").unlink()
    with pytest.raises(FusionError, match=r"kept nothing of therapies. Declare cohort.therapy"):
        wanted(folder, "all")


def test_strata_must_be_those_of_the_run() -> None:
    treatments = Treatments(names=("A",), folds={"f": KeptTherapy(support=SUPPORT, held=HELD, by=("clinical.s",))})
    strata = pd.Series(["s=0"], index=["P1"])
    setup: Any = SimpleNamespace(source=SimpleNamespace(strata=lambda patients: (("clinical.s",), strata)))
    assert strata_of(setup, treatments, ["P1"]) is strata
    for declared, said in ((None, "declares none"), ((("clinical.t",), strata), r"declares clinical\.t")):
        setup.source.strata = lambda patients, declared=declared: declared
        with pytest.raises(FusionError, match=rf"within clinical\.s, this cohort {said}"):
            strata_of(setup, treatments, ["P1"])


def test_overlap_is_of_training_patients_of_the_stratum() -> None:
    strata = pd.Series(["s=0", "s=1", None, "s=9"])
    counts, shares = _overlap(SUPPORT, "A", strata)
    assert counts == [30, 12, 0, 0]
    assert shares == pytest.approx([0.75, 1.0, np.nan, np.nan], nan_ok=True)
    counts, shares = _overlap(SUPPORT, "C", strata)
    assert counts == [9, 0, 0, 0]
    assert np.isnan(shares).all()


def test_scores_differences_and_refusals_by_hand() -> None:
    # Two treatments, three folds, three patients; the first fold trained on the first patient.
    scores = np.array([[[np.nan, 0.1, 0.5], [0.2, 0.3, 0.5], [0.4, 0.2, 0.5]],
                       [[np.nan, 0.4, 0.6], [0.5, 0.5, 0.6], [0.5, 0.9, 0.6]]])  # fmt: skip
    counts = np.array([[[np.nan, 9, 20], [12, 30, 20], [11, 30, 20]], [[np.nan, 30, 20], [10, 30, 20], [10, 30, 20]]])
    shares = np.where(counts >= 10, 0.5, np.nan)
    shares[1, 2, 0] = 0.3
    strata = pd.Series(["s=0", "s=1", None])
    rows = rows_of(["A", "B"], ["P1", "P2", "P3"], strata, scores, counts, shares, least=10)
    table = pd.DataFrame(rows).set_index(["patient_id", "regimen"])
    first = table.loc[("P1", "B")]
    assert first[["score", "low", "high"]].tolist() == pytest.approx([0.5, 0.5, 0.5])
    assert first["against"] == "A"
    assert first[["difference", "difference_low", "difference_high"]].tolist() == pytest.approx([0.2, 0.1, 0.3])
    assert (first["training_patients"], first["propensity"]) == (10, pytest.approx(0.4))
    assert table.loc[("P1", "A"), "difference"] == 0
    # In one fold nine patients like the second were given A: refused, and B is compared with itself.
    assert table.loc[("P2", "A"), "refused"].startswith("nobody like them received it: fewer than 10 training patients")
    assert np.isnan(table.loc[("P2", "A"), "score"])
    assert table.loc[("P2", "B"), "against"] == "B"
    assert set(table.loc["P3", "refused"]) == {"the stratum is not known"}
    treatments = Treatments(names=("A", "B"), folds={"f": KeptTherapy(support=SUPPORT, held=HELD, by=())})
    found = record(treatments, pd.DataFrame(rows), "fusion")
    assert found["promise"] == "association in these patients, not a promise"
    assert found["interval"] == "range over models, no confidence interval"
    assert set(table["interval"].dropna()) == {"range over models"}
    told = [(one["regimen"], one["scored"], one["refused"]) for one in found["regimens"]]
    assert told == [("A", 1, 2), ("B", 2, 1)]
    assert found["regimens"][1]["difference"] == pytest.approx(0.1)


def test_intervals_of_differences_are_of_draws_where_there_are_any() -> None:
    scores = np.array([[[0.2, 0.5]], [[0.5, 0.7]]])
    counts, strata = np.full(scores.shape, 20.0), pd.Series(["s=0", None])
    first = np.linspace(0.1, 0.3, 201)[:, None] * np.ones(2)
    drawn = np.stack([first, first + np.linspace(-1, 1, 201)[:, None]])
    rows = rows_of(["A", "B"], ["P1", "P2"], strata, scores, counts, counts / 40, least=10, drawn=drawn)
    table = pd.DataFrame(rows).set_index(["patient_id", "regimen"])
    told = table.loc[("P1", "B")]
    assert told[["difference", "difference_low", "difference_high"]].tolist() == pytest.approx([0.3, -0.95, 0.95])
    assert told["interval"] == "95 % of refits"
    assert table.loc[("P1", "A"), ["difference_low", "difference_high"]].tolist() == [0, 0]
    assert table.loc["P2", "interval"].isna().all()
    treatments = Treatments(names=("A", "B"), folds={"f": KeptTherapy(support=SUPPORT, held=HELD, by=())})
    said = record(treatments, table.reset_index(), "fusion")["interval"]
    assert said.startswith("95 % of refits (the middle of 200) of the plain model's regression to patients drawn")
    assert "No confidence interval of the true difference" in said
