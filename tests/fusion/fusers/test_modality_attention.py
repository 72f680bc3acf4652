"""Attention over modalities: the mean at first, by hand afterwards, and late fusion with a shared head."""

from __future__ import annotations

import pytest
import torch

from fusion.contract import Batch, EndpointSpec, FeatureSpec, ModalityBatch, ModalitySpec, Tokens
from fusion.fusers.modality_attention import ModalityAttentionFuser
from fusion.layers import ModelError
from fusion.network.model import build_model

SPECS = {
    name: ModalitySpec(
        name=name,
        kind="table",
        features=tuple(FeatureSpec(name=f"{name}{i}", kind="column", label=name) for i in range(2)),
    )
    for name in ("a", "b", "c")
}
ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
CONFIG = {
    "width": 4,
    "modality_dropout": 0.0,
    "auxiliary": 1.0,
    "auxiliary_head": "shared",
    "encoders": {name: {"_target_": "fusion.encoders.tables.linear.LinearEncoder", "dropout": 0.0} for name in SPECS},
    "fuser": {"_target_": "fusion.fusers.modality_attention.ModalityAttentionFuser", "dropout": 0.0},
    "head": {"_target_": "fusion.heads.response.BinaryResponse"},
}


def tokens(summary: torch.Tensor, *, absent: tuple[int, ...] = ()) -> Tokens:
    mask = torch.ones(len(summary), 1, dtype=torch.bool)
    mask[list(absent)] = False
    return Tokens(values=(summary * mask).unsqueeze(1), mask=mask, summary=summary * mask)


def test_training_starts_from_the_mean_of_what_is_there() -> None:
    fuser = ModalityAttentionFuser(SPECS, width=4).eval()
    a, b, c = torch.randn(3, 3, 4)
    fused = fuser({"a": tokens(a, absent=(2,)), "b": tokens(b, absent=(1, 2)), "c": tokens(c, absent=(2,))})
    torch.testing.assert_close(fused.values[0], (a + b + c)[0] / 3)
    torch.testing.assert_close(fused.values[1], (a + c)[1] / 2)
    assert not fused.values[2].any()
    assert fused.attention is not None
    torch.testing.assert_close(fused.attention["modalities"].sum(dim=(1, 2)), torch.tensor([1.0, 1.0, 0.0]))


def test_weights_by_hand() -> None:
    fuser = ModalityAttentionFuser(SPECS, width=4, by_patient=False).eval()
    with torch.no_grad():
        fuser.v.copy_(torch.tensor([0.0, 1.0, 2.0]).log1p())  # softmax: 1/6, 2/6, 3/6
    a, b, c = torch.randn(3, 2, 4)
    fused = fuser({"a": tokens(a), "b": tokens(b), "c": tokens(c)})
    torch.testing.assert_close(fused.values, a / 6 + b / 3 + c / 2)


def test_weights_may_differ_by_patient_and_not_by_batch() -> None:
    torch.manual_seed(0)
    fuser = ModalityAttentionFuser(SPECS, width=4).eval()
    assert fuser.w is not None
    torch.nn.init.normal_(fuser.w)
    a, b, c = 3 * torch.randn(3, 5, 4)
    fused = fuser({"a": tokens(a), "b": tokens(b), "c": tokens(c)})
    assert fused.attention is not None
    assert fused.attention["modalities"].std(dim=0).max() > 0.01
    alone = fuser({"a": tokens(a[3:4]), "b": tokens(b[3:4]), "c": tokens(c[3:4])})
    torch.testing.assert_close(fused.values[3], alone.values[0])


def test_a_shared_head_makes_it_late_fusion() -> None:
    """The fused logit is the weighted mean of the logits that the modalities' own losses train."""
    model = build_model(CONFIG, SPECS, ENDPOINT, seed=0).train()
    parts = {name: ModalityBatch(values=torch.randn(4, 2), mask=torch.ones(4, 2, dtype=torch.bool)) for name in SPECS}
    output = model(Batch(modalities=parts, label=torch.arange(4) % 2, index=torch.arange(4)))
    assert list(output.auxiliary) == ["a", "b", "c"]
    torch.testing.assert_close(output.logit, torch.stack(list(output.auxiliary.values())).mean(dim=0))
    assert not [name for name, _ in model.named_parameters() if name.startswith("auxiliary")]


def test_a_head_of_its_own_is_another_head() -> None:
    model = build_model(CONFIG | {"auxiliary_head": "own"}, SPECS, ENDPOINT, seed=0)
    assert len([name for name, _ in model.named_parameters() if name.startswith("auxiliary")]) == 6
    with pytest.raises(ModelError, match=r"model.auxiliary_head is 'both'; choose own or shared"):
        build_model(CONFIG | {"auxiliary_head": "both"}, SPECS, ENDPOINT, seed=0)
