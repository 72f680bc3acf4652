"""What a cluster will not give is told before any long work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.contract import FusionError
from fusion.protocol.execution.extras import check_execution


def conf(place: str, settings: dict[str, Any], **keys: Any) -> Any:
    return OmegaConf.create({"execution": place, "device": "auto", "precision": 32, place: settings, **keys})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (conf("ray", {"gpus": 0}, device="cuda"), r"device=cuda needs a GPU, and ray\.gpus=0 .*0\.25"),
        (
            conf("slurm", {"gpus": 0, "cluster": "slurm"}, device="cuda"),
            r"slurm\.gpus=0 gives a task none.*slurm\.gpus=1;",
        ),
        (conf("ray", {"gpus": 0}, precision=16), r"precision=16 needs a GPU"),
        (conf("ray", {"gpus": 1}, device="cuda:1"), r"device=cuda:1: .*Set device=cuda, and ray\.gpus"),
        (
            conf("ray", {"gpus": 0}, modality={"slides": {"embed": {"device": "cuda"}}, "clinical": {}}),
            r"modality\.slides\.embed\.device=cuda needs a GPU, .*or modality\.slides\.embed\.device=cpu",
        ),
        (conf("ray", {"gpus": 0, "address": "127.0.0.1:1"}), r"ray\.address=127\.0\.0\.1:1 does not answer"),
        (conf("ray", {"gpus": 0, "address": "127.0.0.1:port"}), r"ray\.address=127\.0\.0\.1:port does not answer"),
        (conf("slurm", {"gpus": 0, "cluster": "slurm"}), "execution=slurm: this machine has no sbatch"),
        (conf("ray", {"gpus": -1}), r"ray\.gpus=-1: give at least 0"),
    ],
)
def test_what_no_task_would_be_given_is_told_at_once(
    config: Any, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # a machine without sbatch
    with pytest.raises(FusionError, match=said):
        check_execution(config)


@pytest.mark.parametrize(
    "config",
    [
        conf("ray", {"gpus": 0}),
        conf("ray", {"gpus": 0}, device="cpu", precision="bf16"),
        conf("ray", {"gpus": 0.25}, device="cuda", precision=16),
        conf("slurm", {"gpus": 0, "cluster": "local"}, device="cuda"),
    ],
)
def test_what_can_be_is_let_through(config: Any) -> None:
    check_execution(config)
