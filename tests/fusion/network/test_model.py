from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from fusion.contract import Batch, EndpointSpec, FeatureSpec, ModalityBatch, ModalitySpec
from fusion.layers import ModelError
from fusion.network.model import FusionModel, build_model, check_head, drop_modalities

ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
FEATURES = tuple(FeatureSpec(name=f"f{i}", kind="burden", label=f"f{i}", gene=f"G{i // 2}") for i in range(5))
SPECS = {
    "slides": ModalitySpec(name="slides", kind="tiles", token_shape=(3, 32, 32)),
    "variants": ModalitySpec(name="variants", kind="variants", features=FEATURES),
    "clinical": ModalitySpec(name="clinical", kind="table", features=FEATURES[:3]),
}
FUSERS = {
    "concat": {"_target_": "fusion.fusers.concat.ConcatFuser"},
    "cross_attention": {"_target_": "fusion.fusers.cross_attention.CrossAttentionFuser"},
}


def config(fuser: str = "cross_attention", /, **changes: Any) -> dict[str, Any]:
    return {
        "width": 8,
        "modality_dropout": 0.3,
        "auxiliary": 0.3,
        "encoders": {
            "slides": {"_target_": "fusion.encoders.images.cnn.TileCNN"},
            "variants": {"_target_": "fusion.encoders.variants.features.VariantEncoder"},
            "clinical": {"_target_": "fusion.encoders.tables.table.TableEncoder"},
        },
        "fuser": FUSERS[fuser],
        "head": {"_target_": "fusion.heads.response.BinaryResponse"},
        **changes,
    }


def test_a_head_of_another_kind_of_endpoint_is_refused_before_a_model_is_built() -> None:
    several = EndpointSpec(name="tissue", kind="multiclass", classes=("fat", "gland", "nerve"))
    classes = config(head={"_target_": "fusion.heads.classes.Classes"})
    state = torch.get_rng_state()
    check_head(config(), ENDPOINT)
    check_head(classes, several)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ModelError, match=r"'tissue' is multiclass\. Set model/head=by_endpoint"):
        check_head(config(), several)
    with pytest.raises(ModelError, match=r"'response' is binary\. Set model/head=by_endpoint"):
        check_head(classes, ENDPOINT)


def patients(count: int = 4) -> Batch:
    """Patient 1 has no slide, patient 2 no variants, patient 3 nothing at all."""
    generator = torch.Generator().manual_seed(0)
    tiles = torch.randint(0, 256, (count, 3, 3, 32, 32), dtype=torch.uint8, generator=generator)
    parts = {
        "slides": ModalityBatch(values=tiles, mask=torch.ones(count, 3, dtype=torch.bool)),
        "variants": ModalityBatch(
            values=torch.randn(count, 5, generator=generator), mask=torch.ones(count, 5, dtype=torch.bool)
        ),
        "clinical": ModalityBatch(
            values=torch.randn(count, 3, generator=generator), mask=torch.ones(count, 3, dtype=torch.bool)
        ),
    }
    for name, lacking in {"slides": [1, 3], "variants": [2, 3], "clinical": [3]}.items():
        parts[name].mask[lacking] = False
    return Batch(modalities=parts, label=torch.arange(count) % 2, index=torch.arange(count))


def rows(batch: Batch, which: list[int]) -> Batch:
    return Batch(
        modalities={
            name: ModalityBatch(values=part.values[which], mask=part.mask[which])
            for name, part in batch.modalities.items()
        },
        label=batch.label[which],
        index=batch.index[which],
    )


def trained(fuser: str, specs: Mapping[str, ModalitySpec] = SPECS) -> FusionModel:
    """After a step in training, so that batch statistics have moved; in evaluation."""
    model = build_model(config(fuser), specs, ENDPOINT, seed=1)
    with torch.no_grad():
        model.train()(patients())
    return model.eval()


@pytest.mark.parametrize("fuser", FUSERS)
def test_a_patients_score_depends_on_nobody_else(fuser: str) -> None:
    model = trained(fuser)
    with torch.inference_mode():
        together = model(patients()).logit
        assert torch.isfinite(together).all(), "also without any modality"
        for patient in range(4):
            torch.testing.assert_close(model(rows(patients(), [patient])).logit[0], together[patient])
        torch.testing.assert_close(model(rows(patients(), [3, 1, 0, 2])).logit, together[[3, 1, 0, 2]])


@pytest.mark.parametrize("fuser", FUSERS)
def test_what_is_masked_is_never_read(fuser: str) -> None:
    model = trained(fuser)
    batch = patients()
    other = {
        name: replace(
            part,
            values=torch.where(
                part.mask.view(*part.mask.shape, *[1] * (part.values.ndim - 2)),
                part.values,
                torch.tensor(7).to(part.values),
            ),
        )
        for name, part in batch.modalities.items()
    }
    with torch.inference_mode():
        torch.testing.assert_close(model(batch).logit, model(replace(batch, modalities=other)).logit)


@pytest.mark.parametrize("fuser", FUSERS)
def test_tile_order_and_padding_change_nothing(fuser: str) -> None:
    model = trained(fuser)
    batch = patients()
    slides = batch.modalities["slides"]
    order = torch.tensor([2, 0, 1])
    turned = ModalityBatch(values=slides.values[:, order], mask=slides.mask[:, order])
    padded = ModalityBatch(
        values=torch.cat([slides.values, torch.zeros_like(slides.values)], dim=1),
        mask=torch.cat([slides.mask, torch.zeros_like(slides.mask)], dim=1),
    )
    with torch.inference_mode():
        expected = model(batch).logit
        for changed in (turned, padded):
            result = model(replace(batch, modalities={**batch.modalities, "slides": changed})).logit
            torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("name", SPECS)
def test_a_model_of_one_modality(name: str) -> None:
    model = trained("cross_attention", {name: SPECS[name]})
    assert list(model.encoders) == [name]
    assert not model.auxiliary_heads
    assert model.modality_dropout == 0
    with torch.inference_mode():
        assert torch.isfinite(model(patients()).logit).all()


def test_attention_maps_have_the_shapes_they_say() -> None:
    model = trained("cross_attention")
    with torch.inference_mode():
        output = model(patients())
    attention = output.fused.attention
    assert attention is not None
    queries = 1 + 3 + 3  # patient, genes G0 G1 G2, columns G0 G1 … of the table are not merged
    assert attention["images"].shape == (4, queries, 1 + 3)
    assert attention["queries"].shape == (4, queries, queries)
    torch.testing.assert_close(attention["images"].sum(-1), torch.ones(4, queries))
    assert attention["images"][1, :, 1:].abs().sum() == 0, "patient 1 has no slide: all look at the null token"


def test_gradients_reach_every_parameter_and_the_pixels() -> None:
    model = build_model(config(modality_dropout=0.0), SPECS, ENDPOINT, seed=1)
    batch = rows(patients(), [0, 1, 2])
    slides = batch.modalities["slides"]
    pixels = (slides.values.float() / 255).requires_grad_()
    batch.modalities["slides"] = ModalityBatch(values=pixels, mask=slides.mask)
    output = model.train()(batch)
    torch.stack([output.logit.sum(), *[logit.sum() for logit in output.auxiliary.values()]]).sum().backward()
    assert pixels.grad is not None
    assert pixels.grad[0].abs().sum() > 0
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_modality_dropout_hides_at_its_rate_and_never_everything() -> None:
    torch.manual_seed(0)
    count, rate = 20_000, 0.3
    mask = torch.ones(count, 1, dtype=torch.bool)
    single = mask.clone()
    single[: count // 2] = False
    parts = {
        "a": ModalityBatch(values=torch.zeros(count, 1), mask=mask),
        "b": ModalityBatch(values=torch.zeros(count, 1), mask=single),
    }
    hidden = drop_modalities(parts, rate)
    assert (hidden["a"].mask | hidden["b"].mask).all()
    assert hidden["a"].mask[: count // 2].all(), "their only modality"
    both = slice(count // 2, None)
    # Hidden with probability p, unless the other one is hidden too (p²), when both stay.
    share = 1 - float(hidden["b"].mask[both].float().mean())
    assert share == pytest.approx(rate - rate**2, abs=0.02)
    assert (hidden["b"].mask <= parts["b"].mask).all()


def test_the_seed_makes_the_weights_and_touches_nothing_else() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two, other = (build_model(config(), SPECS, ENDPOINT, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
    assert not torch.equal(one.head.get_parameter("linear.weight"), other.head.get_parameter("linear.weight"))


def test_refusals() -> None:
    with pytest.raises(ModelError, match="there is no modality"):
        build_model(config(), {}, ENDPOINT)
    ct = ModalitySpec(name="ct", kind="volume")
    with pytest.raises(ModelError, match=r"add model/encoder@model\.encoders\.ct=<encoder>"):
        build_model(config(), {**SPECS, "ct": ct}, ENDPOINT)
    wrong = {"slides": replace(SPECS["slides"], kind="table")}
    with pytest.raises(ModelError, match="TileCNN reads tiles, but modality 'slides' is of kind 'table'"):
        build_model(config(), wrong, ENDPOINT)
    typo = config(fuser={"_target_": "fusion.fusers.concat.NoFuser"})
    with pytest.raises(ModelError, match="NoFuser"):
        build_model(typo, SPECS, ENDPOINT)
