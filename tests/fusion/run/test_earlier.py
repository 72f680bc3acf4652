"""A run that an earlier version began goes on where today's new keys are as it did without them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.run.earlier import AS_BEFORE
from fusion.run.files import RunFolderError
from fusion.run.integrity import changed_since, flat, refuse_another_run

CONF = Path(__file__).parents[3] / "conf"
TODAY: dict[str, Any] = {
    "endpoint": "pcr", "seed": 7, "precision": 32, "datamodule": {"validation_tiles": None},
    "model": {"endpoints": {"weights": 0.3, "base": None}},
    "modality": {"slides": {"embed": {"encoder": "cnn", "precision": 32}}},
}  # fmt: skip
THEN: dict[str, Any] = {
    "endpoint": "pcr", "seed": 7, "datamodule": {}, "modality": {"slides": {"embed": {"encoder": "cnn"}}},
}  # fmt: skip


def test_keys_that_have_come_since_do_no_harm_where_they_change_nothing(tmp_path: Path) -> None:
    refuse_another_run(tmp_path, config=(THEN, TODAY), inputs=[])


@pytest.mark.parametrize(
    ("then", "today", "said"),
    [
        ({}, {"precision": "bf16"}, ["precision (then 32, now bf16)"]),
        ({"batches": 1}, {"batches": 1, "datamodule": {"validation_tiles": "auto"}},
         ["datamodule.validation_tiles (then None, now auto)"]),
        ({"modality": {}}, {"modality": {"slides": {"embed": {"precision": "bf16"}}}},
         ["modality.slides.embed.precision (then 32, now bf16)"]),
        ({"endpoint": ["a", "b"]}, {"endpoint": ["a", "b"], "model": {"endpoints": {"weights": 0.3}}},
         ["model.endpoints.weights (then unset, now 0.3)"]),
        ({}, {"folds": {"outer": 5}}, ["folds.outer (then unset, now 5)"]),
        ({"precision": 16}, {"precision": 32}, ["precision (then 16, now 32)"]),
        ({"gone": 1}, {}, ["gone (then 1, now unset)"]),
    ],
)  # fmt: skip
def test_others_are_named(then: dict[str, Any], today: dict[str, Any], said: list[str]) -> None:
    then, today = {"seed": 7, **then}, {"seed": 7, **today}
    assert changed_since(then, today) == said
    with pytest.raises(RunFolderError, match="these keys differ"):
        refuse_another_run(Path("run"), config=(then, today), inputs=[])


def test_every_key_is_one_that_there_is() -> None:
    known: set[str] = set()
    for file, place in (
        ("train", ""), ("trainer/default", "trainer."), ("model/encoder/transformer_mil", "model.encoders.slides."),
        *((f"modality/{name}", f"modality.{name}.") for name in ("slides", "slides_embedded", "features", "variants")),
    ):  # fmt: skip
        node = OmegaConf.to_container(OmegaConf.load(CONF / f"{file}.yaml"))
        known |= {place + key for key in flat(node)}
    assert [one for one in AS_BEFORE if not any(fnmatchcase(key, one) for key in known)] == []
