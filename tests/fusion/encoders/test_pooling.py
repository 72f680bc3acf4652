from __future__ import annotations

import math

import torch

from fusion.encoders.pooling import GatedAttentionPooling, MeanPooling


def test_gated_attention_by_hand() -> None:
    """Ilse et al. 2018, equation 9, written out for two tokens of width 2."""
    pool = GatedAttentionPooling(2, hidden=1)
    with torch.no_grad():
        pool.V.weight.copy_(torch.tensor([[1.0, 0.0]]))
        pool.U.weight.copy_(torch.tensor([[0.0, 2.0]]))
        pool.w.weight.copy_(torch.tensor([[3.0]]))
    tokens = torch.tensor([[[0.5, 1.0], [-1.0, 0.25]]])
    logits = [3 * math.tanh(a) / (1 + math.exp(-2 * b)) for a, b in tokens[0].tolist()]
    total = sum(math.exp(logit) for logit in logits)
    weights = [math.exp(logit) / total for logit in logits]
    pooled = pool(tokens, torch.tensor([[True, True]]))
    torch.testing.assert_close(pooled.weights, torch.tensor([weights]))
    expected = [weights[0] * 0.5 - weights[1] * 1.0, weights[0] * 1.0 + weights[1] * 0.25]
    torch.testing.assert_close(pooled.values, torch.tensor([expected]))


def test_padding_counts_for_nothing() -> None:
    torch.manual_seed(0)
    tokens = torch.randn(2, 5, 4)
    mask = torch.tensor([[True, True, True, False, False], [False] * 5])
    for pool in (GatedAttentionPooling(4, hidden=4), MeanPooling()):
        pooled = pool(tokens, mask)
        alone = pool(tokens[:1, :3], mask[:1, :3])
        torch.testing.assert_close(pooled.values[0], alone.values[0])
        assert pooled.weights[0, 3:].tolist() == [0.0, 0.0]
        torch.testing.assert_close(pooled.weights[0].sum(), torch.tensor(1.0))
        assert pooled.values[1].tolist() == [0.0] * 4


def test_mean_by_hand() -> None:
    pooled = MeanPooling()(torch.tensor([[[1.0], [3.0], [100.0]]]), torch.tensor([[True, True, False]]))
    assert pooled.values.tolist() == [[2.0]]
    assert pooled.weights.tolist() == [[0.5, 0.5, 0.0]]
