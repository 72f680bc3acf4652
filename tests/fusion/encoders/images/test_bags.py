"""Encoders of bags of embeddings: values by hand, and what must not change a patient's summary."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fusion.contract import ModalityBatch, ModalitySpec
from fusion.encoders.base import Encoder
from fusion.encoders.images.mean_mlp import MeanMLP, MeanThenMLP
from fusion.encoders.images.patch_graph import PatchGraph, batch_edges, nearest
from fusion.encoders.images.transformer_mil import TransformerMIL
from fusion.layers import ModelError

SPEC = ModalitySpec(name="slides", kind="embeddings", token_shape=(6,))
GRID = torch.tensor([[slide, 10 * x, 10 * y] for slide in range(2) for x in range(3) for y in range(3)])
MAKERS: list[Callable[[], Encoder]] = [
    lambda: MeanMLP(SPEC, width=8),
    lambda: TransformerMIL(SPEC, width=8, blocks=2),
    lambda: PatchGraph(SPEC, width=8),
]


def bags(*counts: int) -> ModalityBatch:
    """Patients with that many tiles each, on a grid of two slides."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(max(1, *counts))[None] < torch.tensor(counts)[:, None]
    values = torch.randn(*mask.shape, 6, generator=generator) * mask.unsqueeze(-1)
    coords = GRID[: mask.shape[1]].expand(len(counts), -1, -1) * mask.unsqueeze(-1)
    return ModalityBatch(values=values, mask=mask, coords=coords)


def rows(batch: ModalityBatch, patient: slice, tiles: torch.Tensor | slice) -> ModalityBatch:
    assert batch.coords is not None
    return ModalityBatch(
        values=batch.values[patient, tiles], mask=batch.mask[patient, tiles], coords=batch.coords[patient, tiles]
    )


@pytest.fixture(params=MAKERS, ids=["mean_mlp", "transformer_mil", "patch_graph"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    torch.manual_seed(1)
    made: Encoder = request.param()
    return made.eval()


def test_padding_company_and_order_change_nothing(encoder: Encoder) -> None:
    batch = bags(18, 11, 5)
    together = encoder(batch)
    alone = encoder(rows(batch, slice(1, 2), slice(0, 11)))
    torch.testing.assert_close(together.summary[1], alone.summary[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together.values[1, :11], alone.values[0], atol=1e-5, rtol=1e-5)
    order = torch.randperm(18, generator=torch.Generator().manual_seed(2))
    turned = encoder(rows(batch, slice(None), order))
    torch.testing.assert_close(together.summary, turned.summary, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together.values[:, order], turned.values, atol=1e-5, rtol=1e-5)


def test_whatever_stands_in_padding_is_not_read(encoder: Encoder) -> None:
    batch = bags(9, 4)
    soiled = ModalityBatch(
        values=torch.where(batch.mask.unsqueeze(-1), batch.values, 1e6), mask=batch.mask, coords=batch.coords
    )
    torch.testing.assert_close(encoder(batch).summary, encoder(soiled).summary)


def test_a_patient_without_tiles_is_absent(encoder: Encoder) -> None:
    tokens = encoder(bags(4, 0))
    assert tokens.present.tolist() == [True, False]
    assert not tokens.summary[1].any()
    assert not tokens.values[1].any()
    nobody = encoder(bags(0, 0))
    assert not nobody.summary.any()
    assert torch.isfinite(nobody.values).all()


def test_weights_sum_to_one_and_gradients_reach_every_parameter(encoder: Encoder) -> None:
    tokens = encoder.train()(bags(9, 6))
    assert tokens.weights is not None
    torch.testing.assert_close(tokens.weights.sum(dim=1), torch.ones(2))
    (tokens.summary.square().sum() + tokens.values.square().sum()).backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_mean_then_mlp_by_hand() -> None:
    pool = MeanThenMLP(1, hidden=1, dropout=0.0)
    with torch.no_grad():
        for parameter, value in zip(pool.parameters(), (2.0, 1.0, 3.0, -1.0), strict=True):
            parameter.fill_(value)
    pooled = pool(torch.tensor([[[1.0], [3.0], [50.0]]]), torch.tensor([[True, True, False]]))
    # The mean of 1 and 3 is 2; gelu(2·2 + 1) = 5 · Φ(5); times 3, minus 1.
    assert pooled.values.item() == pytest.approx(3 * 5 * 0.9999997133 - 1, rel=1e-5)


def test_neighbours_on_a_grid_by_hand() -> None:
    """The corner of a 3×3 grid has two nearest neighbours; ties are all taken."""
    points = np.array([[x, y] for x in range(3) for y in range(3)])
    edges = nearest(points, neighbours=1)
    of = {target: set(edges[0, edges[1] == target].tolist()) for target in range(9)}
    assert of[0] == {1, 3}
    assert of[4] == {1, 3, 5, 7}
    ring = nearest(points, neighbours=8)
    assert set(ring[0, ring[1] == 4].tolist()) == {0, 1, 2, 3, 5, 6, 7, 8}
    assert nearest(points[:1], neighbours=3).shape == (2, 0)


def test_tiles_of_two_slides_or_patients_are_no_neighbours() -> None:
    batch = bags(18, 12)
    assert batch.coords is not None
    edges = batch_edges(batch.coords, batch.mask, neighbours=20)
    patient = batch.mask.nonzero()[:, 0]
    slide = batch.coords[batch.mask][:, 0]
    assert (patient[edges[0]] == patient[edges[1]]).all()
    assert (slide[edges[0]] == slide[edges[1]]).all()
    assert edges.shape[1] == 9 * 8 * 3 + 3 * 2


def test_message_passing_by_hand() -> None:
    """One layer, width 1: h + relu(W₁ h + W₂ mean of neighbours)."""
    torch.manual_seed(0)
    graph = PatchGraph(SPEC, width=1, neighbours=1, layers=1, pooling="mean").eval()
    batch = bags(2)
    before = graph.project(batch.values).squeeze(-1)[0]
    layer = graph.layers[0]
    own, others, bias = layer.lin_r.weight.item(), layer.lin_l.weight.item(), layer.lin_l.bias.item()
    expected = [
        before[i] + torch.relu(own * before[i] + others * before[1 - i] + bias)
        for i in range(2)
    ]  # fmt: skip
    torch.testing.assert_close(graph(batch).values[0, :, 0], torch.stack(expected))


def test_a_tile_hears_of_its_neighbours_and_not_of_others() -> None:
    torch.manual_seed(0)
    graph = PatchGraph(SPEC, width=4, layers=1).eval()
    batch = bags(18)
    changed = batch.values.clone()
    changed[0, 0, 0] += 5.0  # of all its numbers alike, the normalisation would take it away
    after = graph(ModalityBatch(values=changed, mask=batch.mask, coords=batch.coords)).values[0]
    moved = (after - graph(batch).values[0]).abs().sum(dim=1) > 1e-6
    assert set(moved.nonzero().flatten().tolist()) <= {0, 1, 2, 3, 4, 5, 6, 7, 8}
    assert moved[0]
    assert not moved[9:].any()


def test_what_is_refused() -> None:
    batch = bags(3)
    with pytest.raises(ModelError, match=r"no coordinates\. Choose another encoder, e\.g\. mil"):
        PatchGraph(SPEC, width=4)(ModalityBatch(values=batch.values, mask=batch.mask))
    with pytest.raises(ModelError, match="neighbours=0"):
        PatchGraph(SPEC, width=4, neighbours=0)
    with pytest.raises(ModelError, match=r"model\.width=6 must be a multiple"):
        TransformerMIL(SPEC, width=6, heads=4)
    with pytest.raises(ModelError, match=r"exact_tiles is 1; it must be at least 2"):
        TransformerMIL(SPEC, width=8, exact_tiles=1)
    with pytest.raises(ModelError, match="MeanMLP reads embeddings"):
        MeanMLP(ModalitySpec(name="slides", kind="tiles", token_shape=(3, 8, 8)), width=4)
