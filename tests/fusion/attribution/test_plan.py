"""Who is explained, by which fold, and what is refused before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fusion.attribution.plan import _refuse_missing, plan_patients, plan_tasks
from fusion.contract import FusionError
from fusion.run.folder import RunFolder


def config(**more: Any) -> Any:
    asked = {"endpoint": None, "horizon": None, "class": None, "arm": "fusion", "steps": 8, "tiles": 4, "repeat": 0}
    return SimpleNamespace(**{**asked, "patients": None, "anonymise": False, **more})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., RunFolder]) -> RunFolder:
    made = make_run(tmp_path_factory.mktemp("plan") / "run", patients=24, repeats=2)
    for arm in ("fusion", "only_slides"):
        weights = made.path / "models" / "repeat0_fold0" / arm / "member0.safetensors"
        weights.parent.mkdir(parents=True)
        weights.touch()
    return made


@pytest.mark.parametrize("repeat", [0, 1])
def test_everybody_is_explained_by_the_fold_that_left_them_out(run: RunFolder, repeat: int) -> None:
    found = plan_patients(run, config(repeat=repeat))
    rows = run.predictions().query("arm == 'fusion' and repeat == @repeat").set_index("patient_id")
    assert [one.id for one in found] == [one.name for one in found] == list(rows.index)
    folds = run.folds()["folds"]
    for one in found:
        assert one.id in folds[one.fold]["test"] and folds[one.fold]["repeat"] == repeat
        assert (one.label, one.score, one.time) == (rows.loc[one.id, "label"], rows.loc[one.id, "score"], None)


def test_some_are_asked_for_in_their_order_and_may_be_hashed(run: RunFolder) -> None:
    asked = ["SIM-BR-0007", "SIM-BR-0002"]
    assert [one.id for one in plan_patients(run, config(patients=asked, tiles=0, steps=1))] == asked
    hashed = plan_patients(run, config(patients=asked, anonymise=True))
    assert [one.id for one in hashed] == asked
    assert not {one.name for one in hashed} & set(asked)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"arm": "late"}, r"no network arm 'late'; there are fusion, only_slides\. 'late' is an arm of this run"),
        ({"arm": "other"}, r"no network arm 'other'; there are fusion, only_slides\.$"),
        ({"steps": 0}, "steps=0 and tiles=4"),
        ({"tiles": -1}, "steps=8 and tiles=-1"),
        ({"repeat": 2}, "repeat=2: the run has repeats 0 to 1"),
        ({"patients": ["SIM-BR-0001", "x"]}, r"patients: 1 were never scored out of fold by this run \(x\).*response"),
        ({"endpoint": "relapse"}, "endpoint=relapse: the run was trained for response; choose"),
    ],
)
def test_what_is_not_there_is_refused(run: RunFolder, more: dict[str, Any], said: str) -> None:
    with pytest.raises(FusionError, match=said):
        plan_patients(run, config(**more))


def test_a_run_without_weights_is_refused(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    with pytest.raises(FusionError, match="kept no network weights"):
        plan_patients(run, config())


def test_tasks_of_two_folds_take_turns(run: RunFolder) -> None:
    patients = plan_patients(run, config())
    tasks = plan_tasks(run, patients)
    told = sorted(patient for task in tasks for patient, _ in task.patients)
    assert told == sorted(one.id for one in patients), "everybody once"
    folds = run.folds()["folds"]
    for task in tasks:
        (fold,) = (one for one in folds if f"repeat{one['repeat']}_fold{one['index']}" == task.fold)
        assert {patient for patient, _ in task.patients} <= set(fold["test"])
        assert [list(one) for one in task.train] == [inner["train"] for inner in fold["inner"]]
        assert task.models == run.models(task.fold)
    order = [task.fold for task in tasks]
    assert order[:2] == ["repeat0_fold0", "repeat0_fold1"]


def test_who_has_no_longer_what_the_run_saw_is_named(run: RunFolder) -> None:
    patients = plan_patients(run, config())
    then = run.cohort().set_index("patient_id")
    had = [one.id for one in patients if then.loc[one.id, "slides"]]
    never = next(one for one in patients if one.id not in had)

    def setup(having: list[str]) -> Any:
        other = SimpleNamespace(patients=frozenset())
        return SimpleNamespace(modalities={"slides": SimpleNamespace(patients=frozenset(having)), "new": other})

    _refuse_missing(run, setup(had), patients)
    with pytest.raises(
        FusionError, match=rf"^modality\.slides: 4 patients had it .* \({', '.join(had[:3])}\); restore"
    ):
        _refuse_missing(run, setup(had[4:]), patients)
    _refuse_missing(run, setup([]), [never])
