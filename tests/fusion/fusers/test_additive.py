"""The additive fuser and the linear encoder: sums by hand, a missing modality, and a regression recovered."""

from __future__ import annotations

import torch

from fusion.contract import FeatureSpec, ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.tables.linear import LinearEncoder
from fusion.fusers.additive import AdditiveFuser


def spec(name: str, columns: int) -> ModalitySpec:
    features = tuple(FeatureSpec(name=f"{name}{i}", kind="column", label=f"{name} {i}") for i in range(columns))
    return ModalitySpec(name=name, kind="table", features=features)


def batch(values: torch.Tensor, *, absent: tuple[int, ...] = ()) -> ModalityBatch:
    mask = torch.ones_like(values, dtype=torch.bool)
    mask[list(absent)] = False
    return ModalityBatch(values=values, mask=mask)


def tokens(summary: torch.Tensor, *, absent: tuple[int, ...] = ()) -> Tokens:
    mask = torch.ones(len(summary), 1, dtype=torch.bool)
    mask[list(absent)] = False
    summary = summary * mask
    return Tokens(values=summary.unsqueeze(1), mask=mask, summary=summary)


def test_summary_is_the_sum_of_tokens_and_values_are_cut() -> None:
    encoder = LinearEncoder(spec("t", 3), width=4, clip=2.0).eval()
    out = encoder(batch(torch.tensor([[1.0, -9.0, 0.5]])))
    expected = torch.tensor([1.0, -2.0, 0.5]) @ encoder.weight
    torch.testing.assert_close(out.summary[0], expected)
    torch.testing.assert_close(out.values.sum(dim=1), out.summary)


def test_a_missing_cell_and_a_missing_patient_add_nothing() -> None:
    encoder = LinearEncoder(spec("t", 2), width=4).eval()
    one = batch(torch.tensor([[1.0, 5.0], [1.0, 1.0]]), absent=(1,))
    one.mask[0, 1] = False
    out = encoder(one)
    torch.testing.assert_close(out.summary[0], encoder.weight[0])
    assert not out.summary[1].any() and not out.present[1]


def plain(**settings: object) -> AdditiveFuser:
    """Two modalities, the small networks silenced, so that only the linear paths speak."""
    fuser = AdditiveFuser({"a": spec("a", 1), "b": spec("b", 1)}, width=4, **settings).eval()  # type: ignore[arg-type]
    for path in fuser.paths.values():
        for parameter in path.parameters():
            torch.nn.init.zeros_(parameter)
    return fuser


def test_fused_is_the_weighted_sum_before_training() -> None:
    fuser = plain(trust={"b": 0.25, "elsewhere": 9.0})
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    # The gate of the products starts at nothing.
    torch.testing.assert_close(fuser({"a": tokens(a), "b": tokens(b)}).values, a + 0.25 * b)
    torch.testing.assert_close(fuser({"a": tokens(a), "b": tokens(b, absent=(0,))}).values[0], a[0])


def test_trust_is_not_learned() -> None:
    fuser = plain(trust={"b": 0.25})
    assert "trust" not in dict(fuser.named_parameters())


def test_products_need_both_modalities() -> None:
    fuser = plain()
    torch.nn.init.constant_(fuser.z, 1.0)
    a, b = torch.randn(2, 4), torch.randn(2, 4)
    out = fuser({"a": tokens(a), "b": tokens(b, absent=(0,))}).values
    torch.testing.assert_close(out[0], a[0])
    assert not torch.allclose(out[1], a[1] + b[1])


def test_the_gate_learns_although_it_starts_at_nothing() -> None:
    fuser = AdditiveFuser({"a": spec("a", 1), "b": spec("b", 1)}, width=4)
    fuser({"a": tokens(torch.randn(2, 4)), "b": tokens(torch.randn(2, 4))}).values.sum().backward()
    assert fuser.z.grad is not None and fuser.z.grad.abs() > 0


def test_with_a_linear_head_it_fits_a_linear_outcome() -> None:
    """Trained long enough, a linear outcome is fitted."""
    torch.manual_seed(0)
    x = torch.randn(200, 3)
    y = x @ torch.tensor([1.0, -2.0, 0.5])
    encoders = {"a": LinearEncoder(spec("a", 2), width=4, clip=None, dropout=0.0)}
    encoders["b"] = LinearEncoder(spec("b", 1), width=4, clip=None, dropout=0.0)
    fuser = AdditiveFuser({name: one.spec for name, one in encoders.items()}, width=4, rank=0, dropout=0.0)
    head = torch.nn.Linear(4, 1)
    parts = torch.nn.ModuleList([*encoders.values(), fuser, head])
    optimiser = torch.optim.Adam(parts.parameters(), lr=0.05)
    for _ in range(300):
        made = {"a": encoders["a"](batch(x[:, :2])), "b": encoders["b"](batch(x[:, 2:]))}
        loss = (head(fuser(made).values).squeeze(-1) - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 1e-2
