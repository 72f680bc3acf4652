"""Numbers that a key cannot hold are told when the configuration is composed, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fusion.config.check import check_command
from fusion.config.files import ConfigError
from fusion.config.ranges import OF_PARTS, RANGES, WORDS, out_of_range

CONF = Path(__file__).parents[3] / "conf"
ENDS = [(key, end, value) for key, mark in RANGES.items() for end, value in vars(mark).items() if value is not None]


def config(key: str, value: Any) -> Any:
    return nested(key.split("."), value)


def nested(parts: list[str], value: Any) -> dict[str, Any]:
    return {parts[0]: nested(parts[1:], value) if len(parts) > 1 else value}


@pytest.mark.parametrize(("key", "end", "value"), ENDS)
def test_ends_of_ranges(key: str, end: str, value: float) -> None:
    """A number at `low` or `high` is inside, one at `above` or `below` outside; a step further out all are."""
    outwards = value - 1 if end in ("low", "above") else value + 1
    assert out_of_range(config(key, outwards))[0].startswith(f"{key} must be ")
    assert bool(out_of_range(config(key, value))) == (end in ("above", "below"))


def test_what_is_refused_and_what_is_not_by_hand() -> None:
    """The ends of the most used keys, apart from the table that is tested above."""
    refused = {
        "seed": [-1, 2**32], "workers": [0], "permutations": [0], "min_match": [-0.1, 1.1], "port": [-1, 65536],
        "evaluation.seed": [-1], "evaluation.draws": [0], "evaluation.margin": [1], "ray.cpus": [0], "ray.gpus": [-1],
        "slurm.minutes": [0], "slurm.memory_gb": [0], "trainer.max_epochs": [0], "trainer.min_epochs": [-1],
        "trainer.patience": [-1], "trainer.smoothing": [1], "trainer.learning_rate": [0],
        "trainer.encoder_learning_rate": [0], "trainer.weight_decay": [-0.1], "trainer.warmup": [1],
        "trainer.gradient_clip": [-1], "trainer.seeds": [0], "trainer.accumulate": [0], "datamodule.batch_size": [0],
        "datamodule.tiles_per_patient": [0], "datamodule.validation_tiles": [0], "model.width": [0],
        "model.modality_dropout": [1, -0.1], "model.auxiliary": [-1], "model.fuser.layers": [0],
        "model.head.label_smoothing": [1],
        "model.encoders.a.clip": [0], "model.encoders.a.jitter": [-1], "model.fuser.rank": [-1],
    }  # fmt: skip
    taken = {
        "seed": [0, 2**32 - 1], "ray.cpus": [0.5], "ray.gpus": [0, 0.25], "trainer.patience": [0],
        "trainer.gradient_clip": [0], "trainer.smoothing": [0, 0.99], "model.modality_dropout": [0],
        "evaluation.margin": [0.02], "min_match": [0, 1], "model.fuser.rank": [0], "model.width": [1],
    }  # fmt: skip
    assert [(key, one) for key, values in refused.items() for one in values if not out_of_range(config(key, one))] == []
    assert [(key, one) for key, values in taken.items() for one in values if out_of_range(config(key, one))] == []


def test_what_is_no_number_is_no_matter_of_ranges() -> None:
    told = {"workers": None, "datamodule": {"tiles_per_patient": "auto"}, "seed": True, "permutations": False}
    assert out_of_range(told) == []


def test_parts_of_the_model_by_their_last_name_there_alone() -> None:
    found = out_of_range({"model": {"encoders": {"a": {"dropout": 1.5, "heads": 0}}}, "modality": {"dropout": 7}})
    assert found == [
        "model.encoders.a.dropout must be at least 0 and below 1, not 1.5.",
        "model.encoders.a.heads must be at least 1, not 0.",
    ]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed=-1", "seed must be at least 0 and at most 4294967295, not -1"),
        ("trainer.learning_rate=-0.1", "trainer.learning_rate must be above 0, not -0.1"),
        ("trainer.optimiser=sgd", "trainer.optimiser is 'sgd'; choose adam or adamw"),
        ("trainer.seeds=1.5", "trainer.seeds must be a whole number, not 1.5"),
        ("model.modality_dropout=1.5", "model.modality_dropout must be at least 0 and below 1, not 1.5"),
        ("model.fuser.dropout=2", "model.fuser.dropout must be at least 0 and below 1, not 2"),
        ("model.width=30", "model.fuser.heads is 4; model.width=30 must be a multiple of it"),
        ("workers=0", "workers must be at least 1, not 0"),
    ],
)
def test_a_command_refuses_them(override: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_command(["+experiment=breast_tcga", override], "train", None, multirun=False)
    assert words in str(error.value)


def test_heads_that_nothing_reads_may_be_any_number() -> None:
    graph = {"heads": 4, "conv": "sage"}
    assert out_of_range({"model": {"width": 30, "encoders": {"variants": graph}}}) == []
    found = out_of_range({"model": {"width": 30, "encoders": {"variants": {**graph, "conv": "gatv2"}}}})
    assert found == ["model.encoders.variants.heads is 4; model.width=30 must be a multiple of it."]


def test_every_key_is_one_that_a_command_has() -> None:
    known: set[str] = set()
    for file in CONF.rglob("*.yaml"):
        content = yaml.safe_load(file.read_text()) or {}
        group = "" if file.parent == CONF else f"{file.relative_to(CONF).parts[0]}."
        known |= {f"{group}{key}" for key in keys(content)}
    assert set(RANGES) <= known and set(WORDS) <= known
    assert set(OF_PARTS) <= {key.rpartition(".")[2] for key in known}


def keys(content: Any, at: str = "") -> set[str]:
    if not isinstance(content, dict):
        return set()
    return {f"{at}{key}" for key in content} | {
        one for key, value in content.items() for one in keys(value, f"{at}{key}.")
    }
