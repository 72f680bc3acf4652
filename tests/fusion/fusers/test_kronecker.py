"""The gated Kronecker product: its elements by hand, a missing modality as ones, and how far it multiplies."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.kronecker import KroneckerFuser
from fusion.layers import ModelError


def tokens(values: list[float], *, there: bool = True) -> Tokens:
    summary = torch.tensor([values]) * there
    return Tokens(values=summary.unsqueeze(1), mask=torch.tensor([[there]]), summary=summary)


def made(names: str, *, order: int = 3) -> KroneckerFuser:
    """Reads its summaries as they are, all gates at σ(0) = ½."""
    specs = {name: ModalitySpec(name=name, kind="table") for name in names}
    fuser = KroneckerFuser(specs, width=2, rank=2, order=order).eval()
    for read, gate in zip(fuser.read, fuser.gates, strict=True):
        nn.init.eye_(read.weight)
        for part in (read.bias, gate.weight, gate.bias):
            nn.init.zeros_(part)
    return fuser


def product(fuser: KroneckerFuser, given: dict[str, Tokens]) -> torch.Tensor:
    """What the last layer is given."""
    seen: list[torch.Tensor] = []
    fuser.join.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    fuser(given)
    return seen[0][0].detach()


def test_by_hand() -> None:
    # h_a = (1, 2), h_b = (3, 0): of (−5) relu leaves 0. Then a, b, and a ⊗ b.
    found = product(made("ab"), {"a": tokens([2.0, 4.0]), "b": tokens([6.0, -5.0])})
    torch.testing.assert_close(found, torch.tensor([1.0, 2.0, 3.0, 0.0, 3.0, 0.0, 6.0, 0.0]))


def test_the_terms_are_the_whole_product_with_ones() -> None:
    given = {"a": tokens([2.0, 4.0]), "b": tokens([6.0, 1.0]), "c": tokens([1.0, 3.0])}
    found = product(made("abc"), given)
    factors = [torch.tensor([*one.summary[0].div(2), 1.0]) for one in given.values()]
    whole = torch.einsum("i,j,k->ijk", *factors).flatten()[:-1]  # the last is 1 · 1 · 1
    torch.testing.assert_close(found.sort().values, whole.sort().values)


def test_a_missing_modality_leaves_the_product_of_the_others() -> None:
    given = {"a": tokens([2.0, 4.0]), "b": tokens([6.0, 1.0])}
    both = product(made("ab"), given)
    three = product(made("abc"), {**given, "c": tokens([9.0, 9.0], there=False)})
    torch.testing.assert_close(three[three != 0].sort().values, both[both != 0].sort().values)


def test_order_bounds_the_product() -> None:
    assert made("abcd", order=2).join.in_features == 4 * 2 + 6 * 4
    assert made("abcd", order=9).join.in_features == 3**4 - 1
    with pytest.raises(ModelError, match="rank=2 and order=0 must be at least 1"):
        made("ab", order=0)
