"""An arm that was interrupted goes on after the last network that was trained, with the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from data_modules.batches.datamodule import FusionDataModule
from fusion.arms.base import ArmScores, FoldData
from fusion.arms.chosen import ChosenArm
from fusion.arms.network import NetworkArm

ROOT = Path(__file__).parents[3]
MODEL = OmegaConf.create(
    {
        "width": 8,
        "modality_dropout": 0.2,
        "auxiliary": 0.3,
        "encoders": {name: {"_target_": "fusion.encoders.tables.table.TableEncoder"} for name in ("clinical", "blood")},
        "fuser": {"_target_": "fusion.fusers.cross_attention.CrossAttentionFuser"},
        "head": {"_target_": "fusion.heads.response.BinaryResponse"},
    }
)


class Counted(FusionDataModule):
    """Counts how many networks are trained."""

    trained = 0

    def val_dataloader(self) -> Any:
        """Once before training, and by Lightning."""
        if not getattr(self, "seen", False):
            self.seen = True
            Counted.trained += 1
        return super().val_dataloader()


def arm(**changed: Any) -> NetworkArm:
    trainer: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/trainer/default.yaml"))
    trainer |= {
        "auxiliary": 0.3,
        "device": "cpu",
        "precision": 32,
        "max_epochs": 2,
        "min_epochs": 1,
        "learning_rate": 0.02,
        **changed,
    }
    make_data = partial(Counted, batch_size=16)
    return NetworkArm("fusion", modalities=["clinical", "blood"], model=MODEL, trainer=trainer, make_data=make_data)


@pytest.fixture
def data(fold_of: Callable[..., FoldData], raw: dict[str, pd.DataFrame], labels: pd.Series[int]) -> FoldData:
    torch.set_num_threads(1)
    return fold_of(raw, labels, inner=2)


class Interrupt:
    """Ends the process's work at a step, as a kill does."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def trained(
    one: NetworkArm | ChosenArm, data: FoldData, folder: Path, step: Callable[[], None]
) -> tuple[ArmScores, int]:
    Counted.trained = 0
    return one.fit(data, folder, step), Counted.trained


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def same(one: ArmScores, other: ArmScores) -> None:
    pd.testing.assert_series_equal(one.test, other.test, check_exact=True)
    pd.testing.assert_series_equal(one.inner, other.inner, check_exact=True)
    assert one.curves == other.curves and one.choices == other.choices
    assert one.again is not None and other.again is not None
    pd.testing.assert_series_equal(one.again(lambda name, part: part), other.again(lambda name, part: part))


def test_members_that_were_trained_are_not_trained_again(data: FoldData, tmp_path: Path) -> None:
    whole, number = trained(arm(), data, tmp_path / "whole", lambda: None)
    assert number == 2
    rows: list[tuple[str, int, dict[str, float]]] = []
    kept = replace(data, unfinished=tmp_path / "kept", epoch=lambda *row: rows.append(row))
    with pytest.raises(KeyboardInterrupt):
        arm().fit(kept, tmp_path / "run", Interrupt(1))
    assert [row[:2] for row in rows] == [("fusion", 0), ("fusion", 0)]
    rows.clear()
    resumed, number = trained(arm(), kept, tmp_path / "run", lambda: None)
    assert number == 1
    same(resumed, whole)
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    # Whoever follows the curves sees all of them again.
    assert [{"member": member, **row} for _, member, row in rows] == whole.curves


def test_what_is_half_written_or_of_other_settings_is_trained_again(data: FoldData, tmp_path: Path) -> None:
    kept = replace(data, unfinished=tmp_path / "kept")
    first, _ = trained(arm(), kept, tmp_path / "first", lambda: None)
    files = sorted((tmp_path / "kept").iterdir())
    assert {file.suffix for file in files} == {".json", ".npz", ".safetensors"} and len(files) == 6
    weights, arrays, record = (
        next(one for one in files if one.suffix == end) for end in (".safetensors", ".npz", ".json")
    )
    for file in {weights, arrays, record}:
        file.write_bytes(file.read_bytes()[:-40])
    again, number = trained(arm(), kept, tmp_path / "again", lambda: None)
    assert number == 1
    same(again, first)
    _, number = trained(arm(learning_rate=0.01), kept, tmp_path / "other", lambda: None)
    assert number == 2
    _, number = trained(arm(), replace(kept, seed=4), tmp_path / "other", lambda: None)
    assert number == 2


def test_candidates_that_were_trained_are_not_trained_again(data: FoldData, tmp_path: Path) -> None:
    def chosen() -> ChosenArm:
        return ChosenArm("fusion", {"1": arm(), "2": arm(learning_rate=0.001)})

    told: list[str] = []
    whole, number = trained(chosen(), data, tmp_path / "whole", lambda: None)
    assert number == 4
    kept = replace(data, unfinished=tmp_path / "kept", epoch=lambda name, member, row: told.append(name))
    with pytest.raises(KeyboardInterrupt):
        chosen().fit(kept, tmp_path / "run", Interrupt(3))
    assert set(told) == {"fusion/tried1", "fusion/tried2"}
    resumed, number = trained(chosen(), kept, tmp_path / "run", lambda: None)
    assert number == 1
    same(resumed, whole)
    assert content(tmp_path / "run") == content(tmp_path / "whole")
