"""Two processes train one network, over gloo, and it comes out as one process trains it."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from data_modules.batches.datamodule import FusionDataModule
from fusion.arms.plan import check_shares, check_together
from fusion.contract import Batch, EndpointSpec, FusionError, ModalityBatch
from fusion.contract.devices import Machine, spread_over
from fusion.network import together
from fusion.network.fitting import predict_scores
from fusion.network.model import FusionModel, build_model
from fusion.network.share import Share
from fusion.network.together import fit_on_devices
from tests.helpers.tiny_tiles import LABELS, PATIENTS, TinyTiles

ROOT = Path(__file__).parents[3]
TOLERANCE = 1e-4
"""Of logits: sums in another order, over three epochs."""


def trained(devices: int, **changes: Any) -> tuple[FusionModel, list[dict[str, float]], np.ndarray]:
    fitted = {"slides": TinyTiles()}
    encoder = {
        "_target_": "fusion.encoders.images.cnn.TileCNN", "augment": False, "dropout": 0.0, "norm": "none",
        "match_colours": False, "channels": [4, 4, 8, 8, 8],
    }  # fmt: skip
    node = {
        "width": 8, "modality_dropout": 0.0, "auxiliary": 0.0,
        "encoders": {"slides": encoder},
        "fuser": {"_target_": "fusion.fusers.concat.ConcatFuser", "dropout": 0.0},
        "head": {"_target_": "fusion.heads.response.BinaryResponse"},
    }  # fmt: skip
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    model = build_model(OmegaConf.create(node), {"slides": fitted["slides"].spec}, endpoint, seed=0)
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0  # each process has random numbers of its own
    # Eleven patients in batches of four, four and three, so that shares differ; the last is unlabelled.
    labels = LABELS.where(LABELS.index != PATIENTS[10], -1)
    data = FusionDataModule(
        fitted=fitted, train_ids=PATIENTS[:11], val_ids=PATIENTS[11:], labels=labels, batch_size=4, seed=1,
        tiles_per_patient=3,
    )  # fmt: skip
    settings = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/trainer/default.yaml"))
    assert isinstance(settings, dict)
    settings |= {"device": "cpu", "precision": 32, "auxiliary": 0.0, "max_epochs": 3, "min_epochs": 1, **changes}
    rows: list[dict[str, float]] = []
    fit = fit_on_devices(
        model, data, settings | {"devices": devices}, seed=5, on_epoch=lambda row: rows.append(dict(row))
    )
    assert [row["epoch"] for row in rows] == [row["epoch"] for row in fit.curves] == [0, 1, 2]
    return model, rows, predict_scores(model, data.predict_loader(PATIENTS))


def test_two_processes_train_as_one() -> None:
    torch.set_num_threads(1)
    _, alone, expected = trained(1)
    model, rows, scores = trained(2)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)
    assert np.ptp(expected) > 100 * TOLERANCE, "they tell patients apart by more than that"
    assert [row["val_loss"] for row in rows] == pytest.approx([row["val_loss"] for row in alone], abs=TOLERANCE)
    assert all(parameter.device.type == "cpu" for parameter in model.parameters())


def test_what_a_process_refuses_is_told_and_one_that_is_lost_too() -> None:
    """No process is started for it: what they would send, in pipes."""
    here, there = multiprocessing.Pipe(duplex=False)
    other, end = multiprocessing.Pipe(duplex=False)
    there.send(("epoch", {"epoch": 0}))
    there.send(("failed", FusionError("trainer.optimiser is 'sgd'")))
    seen: list[Any] = []
    with pytest.raises(FusionError, match=r"trainer\.optimiser is 'sgd'"):
        together._heard([here, other], seen.append)
    assert seen == [{"epoch": 0}]
    end.close()
    with pytest.raises(FusionError, match=r"one of the processes .* ended.*trainer\.devices=1"):
        together._heard([here, other], None)


def conf(**changes: Any) -> Any:
    return OmegaConf.create({"execution": "local", "workers": 1, "trainer": {"device": "cpu", "devices": 2}, **changes})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (conf(workers=None), "workers=None"),
        (conf(workers=2), "Set workers=1"),
        (conf(execution="ray"), "execution=ray"),
        (conf(trainer={"devices": True}), "devices=True"),
    ],
)
def test_a_network_on_several_devices_has_them_to_itself(config: Any, said: str) -> None:
    with pytest.raises(FusionError, match=said) as told:
        check_together(config, config.trainer)
    assert "trainer.devices" in str(told.value)
    check_together(conf(), conf().trainer)
    check_together(conf(workers=None, execution="ray"), {"devices": 1})


def test_a_loss_that_is_no_mean_over_patients_is_not_shared_out() -> None:
    times = EndpointSpec(name="os", kind="survival", classes=())
    with pytest.raises(FusionError, match=r"trainer\.devices=2: 'os' is a survival endpoint"):
        check_shares({"devices": 2}, [times])
    check_shares({"devices": 1}, [times])
    response = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    check_shares({"devices": 2}, [response])
    with pytest.raises(FusionError, match=r"trainer\.devices=2: 2 endpoints are trained together"):
        check_shares({"devices": 2}, [response, response])


def batch(labels: list[int]) -> Batch:
    count = len(labels)
    part = ModalityBatch(
        values=torch.arange(count)[:, None].float(),
        mask=torch.ones(count, 1, dtype=torch.bool),
        coords=torch.arange(count)[:, None, None].expand(count, 1, 3),
    )
    return Batch(
        modalities={"a": part}, label=torch.tensor(labels), index=torch.arange(count), offset=torch.arange(count) / 10,
        time=torch.arange(count) * 2.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "rank", "rows", "counts"),
    [
        ([0, 1, 0, 1], 0, [0, 2], 1.0),
        ([0, 1, 0], 0, [0, 2], 4 / 3),  # two of three patients: the mean over them is two thirds of the whole, twice
        ([0, 1, 0], 1, [1], 2 / 3),
        ([0, -1, 0], 1, [1], 0.0),  # an unknown label counts for nothing, here
        ([0, -1, 0], 0, [0, 2], 2.0),
        ([0, -1], 0, [0], 2.0),  # one alone is known: all of the mean, twice
        ([1], 1, [0], 0.0),  # nobody is left
        ([-1, -1], 0, [0], 0.0),
    ],
)
def test_shares_of_a_batch_by_hand(labels: list[int], rank: int, rows: list[int], counts: float) -> None:
    mine, weight = Share(rank=rank, of=2).part(batch(labels))
    assert mine.index.tolist() == rows
    assert mine.label.tolist() == [labels[row] for row in rows]
    assert mine.modalities["a"].values[:, 0].tolist() == rows
    assert mine.modalities["a"].coords is not None
    assert mine.modalities["a"].coords[:, 0, 2].tolist() == rows
    assert mine.offset is not None and mine.offset.tolist() == pytest.approx([row / 10 for row in rows])
    assert mine.time is not None and mine.time.tolist() == [row * 2 for row in rows]
    assert weight == pytest.approx(counts)


class Here(Machine):
    def __init__(self, gpus: int, *, mps: bool = False) -> None:
        self.__dict__ |= {"gpus": gpus, "mps": mps}


@pytest.mark.parametrize(
    ("settings", "machine", "said"),
    [
        ({"devices": 0}, Here(0), "devices=0"),
        ({"devices": True}, Here(0), "devices=True"),
        ({"devices": "2"}, Here(0), "devices=2: how many"),
        ({"devices": 3, "device": "cuda"}, Here(2), "at most 2"),
        ({"devices": 2, "device": "cuda:1"}, Here(2), "device=cuda:1"),
        ({"devices": 2, "device": "auto"}, Here(0, mps=True), "Apple"),
    ],
)
def test_devices_that_are_not_there_are_refused(settings: dict[str, Any], machine: Machine, said: str) -> None:
    with pytest.raises(FusionError, match=said) as told:
        spread_over(settings, at="trainer.", machine=machine)
    assert "trainer.devices" in str(told.value)


def test_devices_that_are_there() -> None:
    assert spread_over({}, machine=Here(0)) == 1
    assert spread_over({"devices": 2, "device": "cuda"}, machine=Here(2)) == 2
    assert spread_over({"devices": 2, "device": "cpu"}, machine=Here(0)) == 2
