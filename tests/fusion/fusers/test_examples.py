"""Every fuser that configuration offers proves itself by its example: what comes out, and what must not change it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import pad

from fusion.contract import Tokens
from fusion.fusers.base import Fuser
from tests.helpers.fuser_examples import COUNTS, FOLDER, PAGE, build, example, fuse, names, page, patients, rounded


@pytest.fixture(params=names())
def fuser(request: pytest.FixtureRequest) -> Fuser:
    return build(request.param)


def some(tokens: dict[str, Tokens], rows: list[int]) -> dict[str, Tokens]:
    return {
        name: Tokens(values=one.values[rows], mask=one.mask[rows], summary=one.summary[rows])
        for name, one in tokens.items()
    }


def same(left: torch.Tensor, right: torch.Tensor) -> None:
    torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-4)


def test_every_fuser_has_an_example_and_every_example_a_fuser() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == names()


@pytest.mark.parametrize("name", names())
def test_what_comes_out(name: str) -> None:
    for row, expected in zip(rounded(fuse(build(name), patients())), example(name)["out"], strict=True):
        assert row == pytest.approx(expected, abs=2e-3), "see `python -m tests.helpers.fuser_examples`"


def test_who_else_is_in_the_batch_changes_nothing(fuser: Fuser) -> None:
    whole = fuse(fuser, patients()).values
    for row in range(4):
        same(fuse(fuser, some(patients(), [row])).values[0], whole[row])


def test_padding_and_masked_values_change_nothing(fuser: Fuser) -> None:
    tokens = patients()
    padded = {
        name: replace(one, values=torch.where(mask.unsqueeze(-1), values, 77.0), mask=mask)
        for name, one in tokens.items()
        for values, mask in [(pad(one.values, (0, 0, 0, 2)), pad(one.mask, (0, 2)))]
    }
    same(fuse(fuser, padded).values, fuse(fuser, tokens).values)


def test_the_order_of_tiles_changes_nothing(fuser: Fuser) -> None:
    tokens = patients()
    slides = tokens["slides"]
    turned = replace(slides, values=slides.values.flip(1), mask=slides.mask.flip(1))
    same(fuse(fuser, {**tokens, "slides": turned}).values, fuse(fuser, tokens).values)


def test_every_modality_counts_and_missing_ones_are_finite(fuser: Fuser) -> None:
    tokens = patients()
    whole = fuse(fuser, tokens).values
    assert torch.isfinite(whole).all()
    for name, one in tokens.items():
        changed = replace(one, values=2 * one.values + one.mask.unsqueeze(-1), summary=2 * one.summary + 1)
        assert not torch.allclose(fuse(fuser, {**tokens, name: changed}).values[0], whole[0], atol=1e-4), name


def test_attention_is_of_what_is_there(fuser: Fuser) -> None:
    maps = fuse(fuser, patients()).attention or {}
    for name, map_ in maps.items():
        assert map_.shape[0] == 4
        assert map_.ndim == 3
        assert (map_ >= 0).all(), name
        assert (map_.sum(dim=2) <= len(COUNTS) + 1e-5).all(), name


def test_gradients_reach_every_parameter_that_learns(fuser: Fuser) -> None:
    fuser.train()
    fuser(patients()).values.square().sum().backward()
    untouched = {name for name, part in fuser.named_parameters() if part.requires_grad and part.grad is None}
    # The gate of products that are left out by rank: 0 stays, so that weights of earlier runs fit.
    assert untouched <= (set() if getattr(fuser, "pairs", True) else {"z"})


def test_the_page_is_made_of_the_examples() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.helpers.fuser_examples writes it"
