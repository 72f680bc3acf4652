"""The choice within a fold, by real arms: which wins, ties, what is kept, and who has no part in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion.arms.base import Fitted, FoldData
from fusion.arms.choice import best, inner_quality
from fusion.arms.chosen import ChosenArm
from fusion.arms.classical import ClassicalArm
from fusion.arms.combined import chosen_classical
from fusion.run.bounded import read_json
from fusion.run.state import load_state


def regression(*modalities: str) -> ClassicalArm:
    return ClassicalArm("fusion", grid="classical_lr", modalities=modalities)


@pytest.fixture
def data(fold_of: Callable[..., FoldData], raw: dict[str, pd.DataFrame], labels: pd.Series[int]) -> FoldData:
    """Clinical columns tell the label twice as well as blood does."""
    return fold_of(raw, labels)


def test_the_best_on_inner_folds_scores_the_test_patients(data: FoldData, tmp_path: Path) -> None:
    both = {"1": regression("blood"), "2": regression("clinical")}
    found = ChosenArm("fusion", both).fit(data, tmp_path / "fusion", lambda: None)
    alone = {number: arm.fit(data, tmp_path / number, lambda: None) for number, arm in both.items()}
    pd.testing.assert_series_equal(found.test, alone["2"].test)
    pd.testing.assert_series_equal(found.inner, alone["2"].inner)
    assert found.threshold == alone["2"].threshold
    quality = [inner_quality(alone[number].inner, data) for number in both]
    assert quality[0] < quality[1]
    # Every combination with the candidate's own grid; one of them was chosen.
    grids = {number: arm.choices for number, arm in alone.items()}
    assert [row["candidate"] for row in found.choices] == [
        f"{number}, C={value}" for number in both for value in ("0.001", "0.01", "0.1", "1")
    ]
    assert [row["auroc"] for row in found.choices] == [row["auroc"] for rows in grids.values() for row in rows]
    assert [row["candidate"] for row in found.choices if row["chosen"]] == [
        f"2, {row['candidate']}" for row in grids["2"] if row["chosen"]
    ]
    assert found.candidate == "2"
    kept = read_json(tmp_path / "fusion" / "arm.json")
    assert kept == {**read_json(tmp_path / "2" / "arm.json"), "candidate": "2"}
    assert sorted(path.name for path in (tmp_path / "fusion").rglob("*")) == ["arm.json", "model.skops"]


def test_of_equal_ones_the_first_counts(data: FoldData) -> None:
    same = {"7": regression("blood"), "3": regression("clinical"), "2": regression("clinical")}
    found = ChosenArm("fusion", same).fit(data, None, lambda: None)
    assert [row["candidate"].partition(",")[0] for row in found.choices if row["chosen"]] == ["3"]


def test_an_undefined_quality_is_below_every_other() -> None:
    assert best({"1": float("nan"), "2": 0.1, "3": float("nan"), "4": 0.1}) == "2"
    assert best({"1": float("nan"), "2": float("nan")}) == "1"


def test_classical_models_say_what_they_chose(data: FoldData, tmp_path: Path) -> None:
    """Each hyperparameter's inner quality; and of the classical arms, which one."""
    arms = [
        ClassicalArm(name).fit(data, tmp_path / name, lambda: None) for name in ("classical_lr", "classical_forest")
    ]
    for arm, names in zip(arms, (["C=0.001", "C=0.01", "C=0.1", "C=1"], ["leaf=1", "leaf=5", "leaf=15"]), strict=True):
        assert [row["candidate"] for row in arm.choices] == names
        (chosen,) = [row for row in arm.choices if row["chosen"]]
        assert chosen["auroc"] == max(row["auroc"] for row in arm.choices)
        value = read_json(tmp_path / arm.arm / "arm.json")["hyperparameter"]
        assert chosen["candidate"].endswith(f"={value:g}")
    together = chosen_classical(arms, data)
    qualities = {arm.arm: inner_quality(arm.inner, data) for arm in arms}
    assert {row["candidate"]: row["auroc"] for row in together.choices} == qualities
    assert [row["candidate"] for row in together.choices if row["chosen"]] == [
        max(qualities, key=qualities.__getitem__)
    ]
    assert chosen_classical(arms[:1], data).choices == []


def test_one_candidate_is_kept_with_its_number_and_nothing_was_chosen(data: FoldData, tmp_path: Path) -> None:
    found = ChosenArm("only_blood", {"4": regression("blood")}).fit(data, tmp_path / "only_blood", lambda: None)
    assert found.choices == []
    assert read_json(tmp_path / "only_blood" / "arm.json")["candidate"] == "4"


def test_work_is_counted_as_it_is_reported(data: FoldData) -> None:
    steps: list[int] = []
    arm = ChosenArm("fusion", {"1": regression("blood"), "2": regression("clinical"), "3": regression("blood")})
    arm.fit(data, None, lambda: steps.append(1))
    assert len(steps) == arm.units(len(data.fold.inner)) == 3


def test_what_an_interrupted_fold_left_is_replaced(data: FoldData, tmp_path: Path) -> None:
    left = tmp_path / "fusion" / "tried" / "9" / "arm.json"
    left.parent.mkdir(parents=True)
    left.write_text("{")
    ChosenArm("fusion", {"1": regression("blood"), "2": regression("clinical")}).fit(
        data, tmp_path / "fusion", lambda: None
    )
    assert not (tmp_path / "fusion" / "tried").exists()


def test_test_patients_have_no_part_in_the_choice(
    fold_of: Callable[..., FoldData], raw: dict[str, pd.DataFrame], labels: pd.Series[int], tmp_path: Path
) -> None:
    """Their blood made to tell their labels without fail, which blood of training patients does not."""
    clean = fold_of(raw, labels)
    test = list(clean.fold.test)
    blood = raw["blood"].copy()
    blood.loc[test] = np.where(labels.loc[test] == 1, 50.0, -50.0)[:, None]
    poisoned = fold_of({**raw, "blood": blood}, labels)
    made = [
        ChosenArm("fusion", {"1": regression("blood"), "2": regression("clinical")}).fit(one, None, lambda: None)
        for one in (clean, poisoned)
    ]
    assert made[0].choices == made[1].choices
    assert made[1].candidate == "2"


def test_a_candidate_that_reads_otherwise_is_given_the_fold_as_it_reads_it(
    fold_of: Callable[..., FoldData], raw: dict[str, pd.DataFrame], labels: pd.Series[int], tmp_path: Path
) -> None:
    """Its modalities are kept with the arm, those alone that it sees and that are others."""
    other = fold_of({**raw, "clinical": raw["clinical"][["size"]], "blood": raw["blood"][["ldh"]]}, labels)
    asked: list[str] = []

    def readings(number: str) -> tuple[Sequence[Fitted], Fitted] | None:
        asked.append(number)
        same = {"blood": data.whole["blood"]}
        if number != "2":
            return None
        members = [{**one, "blood": own["blood"]} for one, own in zip(other.members, data.members, strict=True)]
        return members, {**other.whole, **same}

    data = replace(fold_of(raw, labels), readings=readings, unfinished=tmp_path / "unfinished")
    arms = {"2": regression("clinical"), "1": regression("clinical")}
    found = ChosenArm("fusion", arms).fit(data, tmp_path / "1", lambda: None)
    assert set(asked) == {"1", "2"} and found.candidate == "1", "of age, size and grade age tells the label"
    assert not (tmp_path / "1" / "modalities").exists()
    found = ChosenArm("fusion", {"2": regression("clinical")}).fit(data, tmp_path / "2", lambda: None)
    alone = regression("clinical").fit(other, None, lambda: None)
    pd.testing.assert_series_equal(found.test, alone.test)
    kept = sorted(str(path.relative_to(tmp_path / "2" / "modalities")) for path in (tmp_path / "2").rglob("clin*.json"))
    assert kept == [f"{part}/clinical.json" for part in ("member0", "member1", "member2", "whole")]
    assert not list((tmp_path / "2").rglob("blood*"))
    state = load_state(tmp_path / "2" / "modalities" / "whole", "clinical")
    assert state.arrays["center"] == pytest.approx([raw["clinical"].loc[list(data.fold.train), "size"].mean()])
    assert data.read_by("2").unfinished == tmp_path / "unfinished" / "candidate2"
    assert data.read_by("1") is data
