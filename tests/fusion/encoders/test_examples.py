"""Every encoder that configuration offers proves itself by its example: what comes out, and what must not change it."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import pad

from fusion.contract import ModalityBatch
from fusion.encoders.base import Encoder
from tests.helpers.examples import FOLDER, PAGE, Input, build, encode, example, names, page, rounded

Built = tuple[Encoder, Input]


@pytest.fixture(params=names())
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Built:
    if request.param == "efficientnet" and importlib.util.find_spec("efficientnet_lite_pytorch") is None:
        pytest.skip("the extra `pretrained` is not installed")
    return build(request.param, tmp_path)


def some(batch: ModalityBatch, rows: list[int]) -> ModalityBatch:
    coords = None if batch.coords is None else batch.coords[rows]
    return ModalityBatch(values=batch.values[rows], mask=batch.mask[rows], coords=coords)


def test_every_encoder_has_an_example_and_every_example_an_encoder() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == names()


def test_what_comes_out(request: pytest.FixtureRequest, built: Built) -> None:
    encoder, given = built
    name = request.node.callspec.params["built"]
    made = rounded(encode(encoder, given.batch))
    for row, expected in zip(made, example(name)["out"], strict=True):
        assert row == pytest.approx(expected, abs=2e-3), "see `python -m tests.helpers.examples`"


def test_who_else_is_in_the_batch_changes_nothing(built: Built) -> None:
    encoder, given = built
    whole = encode(encoder, given.batch).summary
    for row in range(3):
        alone = encode(encoder, some(given.batch, [row])).summary[0]
        torch.testing.assert_close(alone, whole[row], atol=1e-5, rtol=1e-4)


def test_padding_changes_nothing(built: Built) -> None:
    encoder, given = built
    if given.spec.kind not in ("tiles", "embeddings"):
        pytest.skip("tokens of this kind have fixed places: nothing is padded")
    batch = given.batch
    values = torch.cat([batch.values, torch.full_like(batch.values[:, :1], 77)], dim=1)
    coords = None if batch.coords is None else pad(batch.coords, (0, 0, 0, 1))
    padded = replace(batch, values=values, mask=pad(batch.mask, (0, 1)), coords=coords)
    torch.testing.assert_close(encode(encoder, padded).summary, encode(encoder, batch).summary, atol=1e-5, rtol=1e-4)


def test_a_patient_without_the_modality_is_zeros_and_masked(built: Built) -> None:
    encoder, given = built
    tokens = encode(encoder, given.batch)
    assert tokens.present.tolist() == [True, True, False]
    assert not tokens.summary[2].any()
    assert tokens.summary[0].any(), "and the others say something"


def test_gradients_reach_every_parameter_that_learns(built: Built) -> None:
    encoder, given = built
    encoder.train()
    tokens = encoder(some(given.batch, [0, 1]))
    (tokens.summary.square().sum() + tokens.values.square().sum()).backward()
    learning = {name: part for name, part in encoder.named_parameters() if part.requires_grad}
    assert [name for name, part in learning.items() if part.grad is None] == []


def test_the_page_is_made_of_the_examples() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.helpers.examples writes it"
