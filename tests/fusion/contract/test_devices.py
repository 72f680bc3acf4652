from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from fusion.contract import FusionError
from fusion.contract.devices import CPU, Device, Machine, be_worker, check_device, cores, device_of


class There(Machine):
    """A machine of so many GPUs, which this one is not."""

    def __init__(self, gpus: int = 0, *, mps: bool = False, bf16: bool = True) -> None:
        self.__dict__.update(gpus=gpus, mps=mps)
        self._bf16 = bf16

    def bf16(self, gpu: int) -> bool:
        return self._bf16


@pytest.fixture(autouse=True)
def _first_worker() -> Iterator[None]:
    yield
    be_worker(0)


def asked(device: str, precision: Any = 32, *, machine: Machine, **more: Any) -> Device:
    return device_of({"device": device, "precision": precision, **more}, machine=machine)


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    assert asked("auto", machine=There(2)).name == "cuda:0"
    assert asked("auto", machine=There(mps=True)).name == "mps"
    assert asked("auto", machine=There(2, mps=True)).name == "cuda:0"
    assert asked("auto", machine=There()) == CPU
    assert asked("cpu", machine=There(2)) == CPU
    assert asked("cuda:1", "bf16", machine=There(2)) == Device(name="cuda:1", precision="bf16")
    assert device_of({}, machine=There()) == CPU, "settings of an older run say nothing"


def test_what_a_run_records_of_its_device() -> None:
    assert CPU.told == "cpu"
    assert Device(name="mps", precision="16").told == "mps, 16"
    assert Device(precision="bf16").told == "cpu, bf16"


def test_workers_take_the_gpus_in_turn() -> None:
    names = []
    for number in range(5):
        be_worker(number)
        names.append([asked(one, machine=There(2)).name for one in ("auto", "cuda", "cuda:1", "cpu")])
    assert [row[0] for row in names] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]
    assert [row[1] for row in names] == [row[0] for row in names]
    assert {row[2] for row in names} == {"cuda:1"}, "who names a GPU gets it"
    assert {row[3] for row in names} == {"cpu"}


def test_what_is_kept_and_given_back_is_the_random_state_of_the_one_gpu() -> None:
    assert Device(name="cuda:3").gpus == [3]
    assert CPU.gpus == Device(name="mps").gpus == []
    assert Device(name="cuda:3", precision="16").for_lightning() == {
        "accelerator": "gpu", "devices": [3], "precision": "16-mixed", "deterministic": "warn",
    }  # fmt: skip
    assert CPU.for_lightning() == {
        "accelerator": "cpu", "devices": 1, "precision": "32-true", "deterministic": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("device", "precision", "machine", "said"),
    [
        ("gpu", 32, There(1), r"trainer\.device=gpu: set it to auto, cpu, cuda, cuda:<number> or mps"),
        ("cuda:x", 32, There(1), "device=cuda:x: set it to"),
        ("cuda", 32, There(mps=True), "finds no CUDA GPU here"),
        ("cuda:2", 32, There(2), "has 2 CUDA GPUs, cuda:0 to cuda:1"),
        ("mps", 32, There(2), "no Apple GPU"),
        ("auto", 64, There(), r"trainer\.precision=64: set it to 32, bf16, 16"),
        ("auto", 16, There(), r"precision=16: cpu \(device=auto\) does not compute in it. Set bf16 or 32"),
        ("auto", "bf16", There(1, bf16=False), "Set 16 or 32"),
        ("auto", "bf16", There(mps=True), "Set 32"),
    ],
)
def test_what_is_not_there_is_refused(device: str, precision: Any, machine: Machine, said: str) -> None:
    with pytest.raises(FusionError, match=said):
        device_of({"device": device, "precision": precision}, at="trainer.", machine=machine)


def test_an_accelerator_of_earlier_versions_is_a_device() -> None:
    for accelerator, name in (("gpu", "cuda:0"), ("cpu", "cpu"), ("auto", "cuda:0")):
        assert asked("auto", machine=There(1), accelerator=accelerator).name == name
    assert asked("cpu", machine=There(1), accelerator="gpu").name == "cpu", "the newer key decides"
    said = check_device({"device": "auto", "precision": 32, "trainer": {"accelerator": "cpu"}})
    assert said is not None
    assert "set device=cpu" in said
    assert check_device({"device": "auto", "precision": 32, "trainer": {"accelerator": "auto"}}) is None
    with pytest.raises(FusionError, match="precision=16"):
        check_device({"device": "cpu", "precision": 16})


def test_a_gpu_out_of_memory_names_the_keys() -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has")
    with (
        pytest.raises(FusionError, match=r"cuda:1 ran out of its memory \(tried to allocate 20.00 gib\). Lower a or b"),
        Device(name="cuda:1").memory_told("a or b"),
    ):
        raise error
    with pytest.raises(torch.OutOfMemoryError), CPU.memory_told("a"):
        raise error
    with pytest.raises(RuntimeError, match="shapes"), Device(name="cuda:1").memory_told("a"):
        raise RuntimeError("shapes cannot be multiplied")


def test_cores_are_counted_where_the_system_does_not_say_which_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == os.cpu_count()
