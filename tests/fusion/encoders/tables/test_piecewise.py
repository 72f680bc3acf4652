from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from fusion.contract import FeatureSpec, ModalityBatch, ModalitySpec
from fusion.encoders.tables.piecewise import PiecewiseLinearEncoder

TABLE = ModalitySpec(
    name="clinical", kind="table", features=tuple(FeatureSpec(name=n, kind="column", label=n) for n in ("age", "sex"))
)


def batch(values: list[list[float]], mask: list[list[bool]] | None = None) -> ModalityBatch:
    tensor = torch.tensor(values)
    return ModalityBatch(
        values=tensor, mask=torch.ones_like(tensor, dtype=torch.bool) if mask is None else torch.tensor(mask)
    )


def started(*, pieces: int = 2) -> PiecewiseLinearEncoder:
    encoder = PiecewiseLinearEncoder(TABLE, width=3, pieces=pieces).eval()
    encoder.start([batch([[0.0, 1.0], [1.0, 1.0]]), batch([[2.0, 1.0], [6.0, 1.0], [10.0, 1.0]])])
    return encoder


def test_pieces_by_hand() -> None:
    encoder = started()
    assert encoder.edges[0].tolist() == [0, 2, 10]  # quantiles 0, 0.5 and 1 of 0, 1, 2, 6, 10
    pieces = encoder._pieces(torch.tensor([[1.0, 1.0], [6.0, 1.0], [-5.0, 1.0], [99.0, 1.0]]))[:, 0]
    assert pieces.tolist() == [[0.5, 0], [1, 0.5], [0, 0], [1, 1]]
    # Means over 0, 1, 2, 6, 10: (0 + 0.5 + 1 + 1 + 1) / 5 and (0 + 0 + 0 + 0.5 + 1) / 5.
    assert encoder.center[0].tolist() == pytest.approx([0.7, 0.3])
    assert encoder.scale[0].tolist() == pytest.approx([np.std([0, 0.5, 1, 1, 1]), np.std([0, 0, 0, 0.5, 1])])


def test_the_summary_is_the_sum_of_the_tokens_and_a_constant_column_says_nothing() -> None:
    tokens = started()(batch([[1.5, 1.0], [7.0, 3.0]]))
    torch.testing.assert_close(tokens.summary, tokens.values.sum(dim=1))
    assert tokens.values[:, 0].abs().sum() > 0
    assert tokens.values[:, 1].abs().sum() == 0
    assert bool(torch.isfinite(tokens.values).all())


def test_missing_values_are_never_read_and_teach_nothing() -> None:
    mask = [[True, False], [True, True], [False, False]]
    one, two = ([[1.0, hole], [2.0, 0.5], [hole, hole]] for hole in (0.0, 77.0))
    encoders = []
    for values in (one, two):
        torch.manual_seed(0)
        encoder = PiecewiseLinearEncoder(TABLE, width=3, pieces=3).eval()
        encoder.start([batch(values, mask)])
        encoders.append(encoder(batch(values, mask)))
    assert torch.equal(encoders[0].values, encoders[1].values)
    assert torch.equal(encoders[0].summary, encoders[1].summary)
    assert encoders[0].values[0, 1].abs().sum() == 0
    assert encoders[0].summary[2].abs().sum() == 0


def test_who_else_is_in_the_batch_changes_nothing() -> None:
    encoder = started()
    together = encoder(batch([[1.5, 1.0], [7.0, 3.0]])).summary
    torch.testing.assert_close(together[1], encoder(batch([[7.0, 3.0]])).summary[0])


def test_gradients_reach_inputs_and_weights() -> None:
    encoder = started()
    values = torch.tensor([[1.5, 1.0]], requires_grad=True)
    encoder(ModalityBatch(values=values, mask=torch.ones(1, 2, dtype=torch.bool))).summary.sum().backward()
    assert values.grad is not None
    assert float(values.grad[0, 0].abs()) > 0
    assert encoder.weight.grad is not None
    assert float(encoder.weight.grad[0].abs().sum()) > 0


def test_state_holds_what_was_learned() -> None:
    encoder = started()
    fresh = PiecewiseLinearEncoder(TABLE, width=3, pieces=2).eval()
    fresh.load_state_dict(encoder.state_dict())
    same = batch([[3.0, 1.0]])
    assert torch.equal(fresh(same).summary, encoder(same).summary)


def test_a_threshold_is_learnable_where_a_line_sees_nothing() -> None:
    """A U-shaped effect: linear regression on the pieces separates what no line does."""
    spec = ModalitySpec(name="t", kind="table", features=(FeatureSpec(name="x", kind="column", label="x"),))
    x = np.random.default_rng(0).normal(size=(400, 1)).astype(np.float32)
    y = (np.abs(x[:, 0]) > 0.7).astype(int)
    encoder = PiecewiseLinearEncoder(spec, width=2, pieces=4)
    encoder.start([ModalityBatch(values=torch.from_numpy(x), mask=torch.ones(400, 1, dtype=torch.bool))])
    pieces = encoder._pieces(torch.from_numpy(x))[:, 0].numpy()
    assert LogisticRegression().fit(x, y).score(x, y) < 0.65
    assert LogisticRegression(C=100, max_iter=1000).fit(pieces, y).score(pieces, y) > 0.9
