"""Several endpoints on one network: what their losses weigh, whose labels count, and that the primary begins alike."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from omegaconf import OmegaConf

from fusion.contract import Batch, EndpointSpec, FeatureSpec, ModalityBatch, ModalitySpec, Target
from fusion.layers import ModelError
from fusion.network.endpoints import SecondaryHeads, secondary_heads, weights_of
from fusion.network.fitting import PRIMARY, load_weights, predict_endpoints, predict_scores, save_weights
from fusion.network.model import FusionModel, build_model, check_head
from fusion.network.seen import show_training_patients
from fusion.network.share import rows_of
from fusion.network.task import FusionTask

PCR = EndpointSpec(name="pcr", kind="binary", classes=("no", "yes"))
RCB = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))
PFS = EndpointSpec(name="pfs", kind="survival", classes=("censored", "event"))
FEATURES = tuple(FeatureSpec(name=f"f{i}", kind="column", label=f"f{i}") for i in range(3))
SPECS = {name: ModalitySpec(name=name, kind="table", features=FEATURES) for name in ("clinical", "blood")}
CONFIG = OmegaConf.create(
    {
        "width": 4,
        "modality_dropout": 0.0,
        "auxiliary": 0.5,
        "auxiliary_head": "shared",
        "encoders": {name: {"_target_": "fusion.encoders.tables.linear.LinearEncoder"} for name in SPECS},
        "fuser": {"_target_": "fusion.fusers.concat.ConcatFuser"},
        "head": {"_target_": "fusion.heads.by_endpoint.by_endpoint"},
    }
)


def batch() -> Batch:
    """Patient 4 has no label of the primary endpoint, patient 0 none of rcb."""
    generator = torch.Generator().manual_seed(0)
    parts = {
        name: ModalityBatch(values=torch.randn(6, 3, generator=generator), mask=torch.ones(6, 3, dtype=torch.bool))
        for name in SPECS
    }
    months = torch.tensor([5.0, 2.0, math.nan, 4.0, 1.0, 3.0], dtype=torch.float64)
    return Batch(
        modalities=parts,
        label=torch.tensor([0, 1, 0, 1, -1, 1]),
        index=torch.arange(6),
        targets={
            "rcb": Target(label=torch.tensor([-1, 0, 1, 2, 2, 0])),
            "pfs": Target(label=torch.tensor([1, 1, -1, 0, 1, 1]), time=months),
        },
    )


def model(*secondary: EndpointSpec, weights: object = 0.3) -> FusionModel:
    config = OmegaConf.merge(CONFIG, {"endpoints": {"weights": weights}})
    return build_model(config, SPECS, PCR, seed=1, secondary=secondary)


def test_losses_by_hand() -> None:
    heads = secondary_heads({"endpoints": {"weights": {"rcb": 0.5}}}, [RCB, PFS], width=2)
    learned = secondary_heads({"endpoints": {"weights": "learned"}}, [RCB, PFS], width=2)
    assert heads is not None and learned is not None and learned.log_variance is not None
    losses = {"rcb": torch.tensor(2.0), "pfs": torch.tensor(3.0)}
    known, nobody = torch.tensor([True, False]), torch.tensor([False, False])
    targets = {"rcb": Target(label=torch.tensor([0, -1])), "pfs": Target(label=torch.tensor([-1, -1]))}
    # pfs has no weight of its own: 0.3.
    assert heads.together(torch.tensor(1.0), known, losses, targets).item() == pytest.approx(1 + 0.5 * 2 + 0.3 * 3)
    with torch.no_grad():
        learned.log_variance.copy_(torch.tensor([0.0, math.log(4.0), 1.0]))
    # Kendall et al. 2018, equation 10: L1 + L2 / 4 + log 2; of pfs there is no label, so its uncertainty is not there.
    total = learned.together(torch.tensor(1.0), known, losses, targets)
    assert total.item() == pytest.approx(1 + 2 / 4 + math.log(2))
    total.backward()
    # By s: -exp(-s) L + 1/2.
    assert learned.log_variance.grad is not None
    assert learned.log_variance.grad.tolist() == pytest.approx([-1 + 0.5, -2 / 4 + 0.5, 0.0])
    assert learned.together(torch.tensor(0.0), nobody, losses, targets).item() == pytest.approx(2 / 4 + math.log(2))


def test_a_patient_without_a_label_counts_in_none_of_its_losses_and_in_the_others() -> None:
    """Labels that are not known might be anything; those that are move the loss."""
    task = FusionTask(model(RCB, PFS), auxiliary=0.5)
    task.train()
    whole = batch()
    torch.manual_seed(0)
    first = task.training_step(whole, 0).item()
    for name, patient in (("rcb", 0), ("pfs", 2)):
        assert whole.targets[name].known.tolist() == [one != patient for one in range(6)]
    rcb = whole.targets["rcb"].label
    turned = replace(whole, targets={**whole.targets, "rcb": Target(label=torch.where(rcb == 2, 1, rcb))})
    torch.manual_seed(0)
    assert task.training_step(turned, 0).item() != pytest.approx(first)
    torch.manual_seed(0)  # of dropout
    # Fused and modalities' own losses, by hand.
    output = task.model(whole)
    heads = task.model.secondary
    assert heads is not None
    expected = 0.0
    for name, weight, label, time in (
        (PRIMARY, 1.0, whole.label, None),
        ("rcb", 0.3, rcb, None),
        ("pfs", 0.3, whole.targets["pfs"].label, whole.targets["pfs"].time),
    ):
        head = heads.head(name) if name else task.model.head
        keep = label >= 0
        logit = output.secondary[name] if name else output.logit
        own = [output.secondary_auxiliary[part][name] if name else output.auxiliary[part] for part in SPECS]
        at = None if time is None else time[keep]
        parts = [head.loss(one[keep], label[keep], at).item() for one in (logit, *own)]
        expected += weight * (parts[0] + 0.5 * (parts[1] + parts[2]) / 2)
    assert first == pytest.approx(expected, rel=1e-5)


def test_heads_see_the_labels_of_their_endpoint_alone_before_training() -> None:
    made = model(RCB, PFS)
    show_training_patients(made, [batch()])
    # Of pcr 3 of 5 respond; of rcb 2, 1 and 2 of 5.
    assert torch.sigmoid(made.head.linear.bias).item() == pytest.approx(3 / 5)  # type: ignore[union-attr]
    assert made.secondary is not None
    assert torch.sigmoid(made.secondary.head("rcb").cuts).tolist() == pytest.approx([2 / 5, 3 / 5])  # type: ignore[operator]


def test_the_primary_begins_as_without_others_and_is_saved_apart(tmp_path) -> None:
    alone, both = model(), model(RCB, PFS)
    state = both.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in alone.state_dict().items())
    scores = predict_endpoints(both, [batch()])
    assert set(scores) == {PRIMARY, "rcb", "pfs"} and scores["rcb"].shape == (6,)
    assert (scores[PRIMARY] == predict_scores(alone, [batch()])).all()
    save_weights(both, tmp_path / "member0.safetensors", secondary=False)
    save_weights(both, tmp_path / "others.safetensors", secondary=True)
    load_weights(model(), tmp_path / "member0.safetensors")  # as a run of one endpoint is read
    with pytest.raises(ModelError, match="another model"):
        load_weights(both, tmp_path / "others.safetensors")


def test_weights_that_cannot_be() -> None:
    assert weights_of({}, ["rcb"]) == {"rcb": 0.3}
    assert weights_of({"endpoints": {"weights": 1}}, ["rcb", "pfs"]) == {"rcb": 1.0, "pfs": 1.0}
    for weights, words in (({"os": 1.0}, "names os"), (-1.0, "is -1.0"), ("auto", "is 'auto'"), (True, "is True")):
        with pytest.raises(ModelError, match=words):
            check_head(OmegaConf.merge(CONFIG, {"endpoints": {"weights": weights}}), PCR, [RCB])
    assert isinstance(model(RCB, weights="learned").secondary, SecondaryHeads)


def test_heads_that_add_say_nothing_at_first_and_get_their_offset() -> None:
    """Also after they saw how common grades are; a head that starts from nothing has no offset."""
    two = replace(PCR, name="two")
    made = build_model(CONFIG, SPECS, PCR, seed=1, secondary=[RCB, PFS, two], secondary_adds=["rcb", "two"])
    whole = batch()
    whole.targets["two"] = Target(label=torch.tensor([0, 1, 1, 1, 1, 1]))
    show_training_patients(made, [whole])
    offset = torch.tensor([0.0, 1.5, -2.0, 0.25, 3.0, 0.5])
    started = Target(label=whole.targets["rcb"].label, offset=offset)
    output = made.train()(replace(whole, targets={**whole.targets, "rcb": started}))
    assert torch.equal(output.secondary["rcb"], offset) and output.secondary["pfs"].abs().min() > 0
    assert all(torch.equal(one["rcb"], offset) for one in output.secondary_auxiliary.values())
    assert made(whole).secondary["rcb"].abs().max() == 0
    assert made(whole).secondary["two"].abs().max() == 0  # not at the log-odds of five in six, which its offset knows
    moved = started.to("cpu")
    assert moved.offset is not None and torch.equal(moved.offset, offset)
    (rows,) = rows_of(replace(whole, targets={"rcb": started}), [4, 1]).targets.values()
    assert rows.offset is not None and rows.offset.tolist() == [3.0, 1.5]
    seen = made.seen_as("rcb").eval()
    assert torch.equal(seen(whole).logit, made.eval()(whole).secondary["rcb"]) and seen.secondary is None


def test_an_endpoint_may_be_called_what_torch_calls_its_own() -> None:
    """``type`` and ``training`` are attributes of modules, and a module's name has no dot; other keys stay as named."""
    names = ("type", "type_", "training", "os.5y", "rcb")
    ends = [EndpointSpec(name=name, kind="binary", classes=("no", "yes")) for name in names]
    heads = secondary_heads({}, ends, width=4)
    assert heads is not None and len({id(heads.head(name)) for name in names}) == 5
    assert list(heads(torch.zeros(1, 4), {})) == list(names)
    assert list(heads.heads) == ["type__", "type_", "training_", "os_5y", "rcb"]
