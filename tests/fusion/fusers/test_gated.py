"""Gated multimodal units: one element by hand, shut gates, and what a missing modality leaves."""

from __future__ import annotations

import math

import torch
from torch import nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.gated import GatedFuser

SPECS = {name: ModalitySpec(name=name, kind="table") for name in ("a", "b")}


def tokens(values: list[float], *, there: bool = True) -> Tokens:
    summary = torch.tensor([values]) * there
    return Tokens(values=summary.unsqueeze(1), mask=torch.tensor([[there]]), summary=summary)


def unit() -> GatedFuser:
    """One element wide: reads a and b as they are; the gate of a is σ(2 a − b), that of b σ(1) where a is there."""
    fuser = GatedFuser(SPECS, width=1).eval()
    for read in fuser.read:
        nn.init.ones_(read.weight)
        nn.init.zeros_(read.bias)
    # Columns: a, b, whether a is there, whether b is there.
    fuser.gates.weight.data = torch.tensor([[2.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    nn.init.zeros_(fuser.gates.bias)
    return fuser


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_by_hand() -> None:
    fused = unit()({"a": tokens([0.5]), "b": tokens([-2.0])})
    gates = [sigmoid(2 * 0.5 + 2.0), sigmoid(1.0)]
    expected = gates[0] * math.tanh(0.5) + gates[1] * math.tanh(-2.0)
    torch.testing.assert_close(fused.values, torch.tensor([[expected]]))
    assert fused.attention is not None
    torch.testing.assert_close(fused.attention["modalities"], torch.tensor([[gates]]))


def test_a_missing_modality_adds_nothing_and_the_others_are_told() -> None:
    fused = unit()({"a": tokens([9.0], there=False), "b": tokens([-2.0])})
    torch.testing.assert_close(fused.values, torch.tensor([[sigmoid(0.0) * math.tanh(-2.0)]]))
    assert fused.attention is not None
    assert fused.attention["modalities"][0, 0, 0] == 0
