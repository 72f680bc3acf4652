"""Attribution on small networks with real parts: sums, signs, missing modalities, flat steps, and figures by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from fusion.apply.trained import Member
from fusion.attribution.faithfulness import delete_genes, delete_tiles, interval
from fusion.attribution.gradients import METHODS, attribute, attribute_pixels, check_method
from fusion.attribution.members import ExplainedMember
from fusion.attribution.patient import WHOLE, Settings, explain_patient
from fusion.attribution.shapley import average, play, shapley
from fusion.attribution.truth import auroc, find_truth, score_tiles, score_variants
from fusion.contract import EndpointSpec, FeatureSpec, FusionError, Item, ModalitySpec, State
from fusion.evaluation.calibration import Platt
from fusion.network.model import build_model

GENES = ("TP53", "BRCA1", "ATM")
MODEL: dict[str, Any] = {
    "width": 8,
    "modality_dropout": 0.0,
    "encoders": {
        "slides": {"_target_": "fusion.encoders.images.cnn.TileCNN", "channels": [4, 4, 4, 4, 4]},
        "variants": {"_target_": "fusion.encoders.tables.linear.LinearEncoder", "clip": None},
        "clinical": {"_target_": "fusion.encoders.tables.linear.LinearEncoder", "clip": None},
    },
    "fuser": {"_target_": "fusion.fusers.cross_attention.CrossAttentionFuser", "heads": 2, "rank": 4},
    "head": {"_target_": "fusion.heads.response.BinaryResponse"},
}
SPECS = {
    "slides": ModalitySpec(name="slides", kind="tiles", token_shape=(3, 16, 16)),
    "variants": ModalitySpec(
        name="variants",
        kind="variants",
        features=tuple(
            FeatureSpec(name=f"burden:{gene}", kind="burden", label=gene, gene=gene, center=0.5, scale=0.25)
            for gene in GENES
        ),
    ),
    "clinical": ModalitySpec(
        name="clinical",
        kind="table",
        features=(FeatureSpec(name="age", kind="column", label="Age", unit="years", center=60.0, scale=10.0),),
    ),
}


@dataclass
class Fitted:
    """A fitted modality that holds its items."""

    spec: ModalitySpec
    items: Mapping[str, Item]
    selection: None = None
    loaded: list[str] = field(default_factory=list)

    def load(self, patient_id: str) -> Item | None:
        self.loaded.append(patient_id)
        return self.items.get(patient_id)

    def table(self, patient_ids: Any) -> pd.DataFrame:
        return pd.DataFrame(index=list(patient_ids))

    def state(self) -> State:
        return State(config={}, arrays={})


def bag(rng: np.random.Generator, tiles: int) -> Item:
    return Item(
        values=rng.integers(0, 255, (tiles, 3, 16, 16), dtype=np.uint8),
        mask=np.ones(tiles, dtype=np.bool_),
        coords=np.stack([np.arange(tiles) * 16, np.zeros(tiles, dtype=np.int64)], axis=1),
        source=np.zeros(tiles, dtype=np.int64),
        files=("a.tif",),
    )


def numbers(rng: np.random.Generator, count: int) -> Item:
    return Item(values=rng.normal(size=count).astype(np.float32), mask=np.ones(count, dtype=np.bool_))


TRAIN = ("t1", "t2", "t3")


def make_member(seed: int, *, slope: float = 2.0) -> ExplainedMember:
    rng = np.random.default_rng(5)
    people = (*TRAIN, "x", "no_slide")
    items = {
        "slides": {one: bag(rng, 6) for one in people if one != "no_slide"},
        "variants": {one: numbers(rng, 3) for one in people},
        "clinical": {one: numbers(rng, 1) for one in people},
    }
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    model = build_model(MODEL, SPECS, endpoint, seed=seed)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.mul_(5)
    member = Member(
        fold="f",
        index=0,
        model=model.eval(),
        fitted={name: Fitted(spec, items[name]) for name, spec in SPECS.items()},
        calibrator=Platt(slope=slope, intercept=-0.5),
    )
    return ExplainedMember(member, TRAIN)


@pytest.fixture(scope="module")
def members() -> list[ExplainedMember]:
    return [make_member(0), make_member(1)]


def test_tokens_give_the_score_of_the_whole_model(members: list[ExplainedMember]) -> None:
    from data_modules.batches.datamodule import FusionDataModule
    from fusion.network.fitting import predict_scores

    member = members[0]
    inputs = member.load("x")
    data = FusionDataModule(
        fitted=member.member.fitted, train_ids=[], val_ids=[], labels=pd.Series(-1, index=["x", "no_slide"])
    )
    logits = predict_scores(member.model, data.predict_loader(["x", "no_slide"]))
    found = [float(member.log_odds(one.tokens, one.masks)) for one in (inputs, member.load("no_slide"))]
    assert found == pytest.approx(2.0 * logits - 0.5, abs=1e-5)


def test_the_baseline_is_the_mean_of_the_training_patients(members: list[ExplainedMember]) -> None:
    member = members[0]
    rows = [member.member.fitted["variants"].load(one).values for one in TRAIN]  # type: ignore[union-attr]
    assert member.baselines["variants"].mean.numpy() == pytest.approx(np.mean(rows, axis=0), abs=1e-6)
    # Colours are matched, so that every training patient's mean colour is the origin.
    assert member.baselines["slides"].colour is not None
    assert member.baselines["slides"].colour.numpy() == pytest.approx(np.zeros(3), abs=1e-5)


def test_some_tiles_are_encoded_as_among_all_of_their_patient(members: list[ExplainedMember]) -> None:
    member = members[0]
    inputs = member.load("x")
    assert inputs.items["slides"] is not None
    whole = torch.from_numpy(inputs.items["slides"].values)
    moments = member.moments("slides", whole)
    # By hand: channel means over all pixels of all six tiles.
    assert moments[0].flatten().numpy() == pytest.approx(whole.double().mean(dim=(0, 2, 3)).numpy() / 255, abs=1e-6)
    some = member.encode_some("slides", whole[[4, 1]].float()[None] / 255, moments)
    torch.testing.assert_close(some[0], inputs.tokens["slides"][0, [4, 1]], rtol=0, atol=1e-5)
    alone = member.encode("slides", whole[[4, 1]][None])
    assert not torch.allclose(alone[0], some[0], atol=1e-3), "two tiles alone have other colours"


def test_integrated_gradients_are_complete_over_all_modalities(members: list[ExplainedMember]) -> None:
    inputs = members[0].load("x")
    found = attribute(members[0], inputs, method="integrated_gradients", steps=64)
    total = sum(float(part.sum()) for part in found.scores.values())
    change = found.output - found.reference
    assert total - change == pytest.approx(found.delta, abs=1e-5)
    assert abs(found.delta) < 0.01 * abs(change) + 1e-4
    assert abs(found.output - found.reference) > 1e-2
    assert {name: tuple(part.shape) for name, part in found.scores.items()} == {
        "slides": (6,),
        "variants": (3,),
        "clinical": (1,),
    }


def test_steps_in_pieces_change_nothing(members: list[ExplainedMember], monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = members[0].load("x")
    monkeypatch.setattr("fusion.attribution.gradients.DOUBLINGS", 0)
    whole = attribute(members[0], inputs, method="integrated_gradients", steps=20)
    monkeypatch.setattr("fusion.attribution.members._TOKENS", 12)  # two steps at once
    pieces = attribute(members[0], inputs, method="integrated_gradients", steps=20)
    for name, part in whole.scores.items():
        torch.testing.assert_close(part, pieces.scores[name], atol=1e-5, rtol=1e-4)


def test_ablation_of_one_number_is_its_change_of_score(members: list[ExplainedMember]) -> None:
    member = members[0]
    inputs = member.load("x")
    found = attribute(member, inputs, method="feature_ablation", steps=1)
    values = {**inputs.tokens, "clinical": member.baselines["clinical"].mean[None]}
    change = found.output - float(member.log_odds(values, inputs.masks))
    assert float(found.scores["clinical"]) == pytest.approx(change, abs=1e-5)
    tiles = inputs.tokens["slides"].clone()
    tiles[0, 2] = member.baselines["slides"].mean
    change = found.output - float(member.log_odds({**inputs.tokens, "slides": tiles}, inputs.masks))
    assert float(found.scores["slides"][2]) == pytest.approx(change, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_signed_values(members: list[ExplainedMember], method: str) -> None:
    found = attribute(members[0], members[0].load("x"), method=method, steps=8)
    assert all(torch.isfinite(part).all() for part in found.scores.values())


def test_input_x_gradient_is_the_slope_towards_the_baseline(members: list[ExplainedMember]) -> None:
    """Their sum is the derivative of the score as all inputs move on from the baseline: by finite differences."""
    member = members[0]
    inputs = member.load("x")
    found = attribute(member, inputs, method="input_x_gradient", steps=1)

    def moved(share: float) -> float:
        values = {}
        for name, tokens in inputs.tokens.items():
            start = member.baselines[name].mean.expand_as(tokens)
            values[name] = start + share * (tokens - start)
        return float(member.log_odds(values, inputs.masks))

    slope = (moved(1.005) - moved(0.995)) / 0.01
    total = sum(float(part.sum()) for part in found.scores.values())
    assert abs(slope) > 0.02
    assert total == pytest.approx(slope, rel=0.1)


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(FusionError, match="method: there is no 'magic'; choose integrated_gradients"):
        check_method("magic")


def test_pixels_are_complete_and_leave_the_weights_alone(members: list[ExplainedMember]) -> None:
    member = members[0]
    before = {name: value.clone() for name, value in member.model.state_dict().items()}
    inputs = member.load("x")
    found = attribute_pixels(member, inputs, "slides", [1, 4], steps=32)
    assert found.scores.shape == (2, 16, 16)
    # Independently: what the model says of the patient as they are, less what it says with both tiles blank.
    assert inputs.items["slides"] is not None
    whole = torch.from_numpy(inputs.items["slides"].values)
    center, _ = member.moments("slides", whole)
    blank = member.encode_some("slides", center.expand(1, 2, 3, 16, 16), member.moments("slides", whole))
    tokens = inputs.tokens["slides"].clone()
    tokens[:, [1, 4]] = blank
    change = member.log_odds(inputs.tokens, inputs.masks) - member.log_odds(
        {**inputs.tokens, "slides": tokens}, inputs.masks
    )
    assert float(found.scores.sum()) == pytest.approx(float(change), abs=0.05 * abs(float(change)) + 1e-3)
    assert all(torch.equal(value, before[name]) for name, value in member.model.state_dict().items())


def test_shapley_values_sum_to_all_minus_none(members: list[ExplainedMember]) -> None:
    games = [play(member, member.load("x")) for member in members]
    game = average(games)
    values = shapley(game, list(SPECS))
    assert sum(values.values()) == pytest.approx(game[frozenset(SPECS)] - game[frozenset()], abs=1e-6)
    assert len(game) == 8


def test_shapley_values_by_hand() -> None:
    """A glove game: left glove a, right gloves b and c; a pair is worth 1. Values 2/3, 1/6, 1/6."""
    game = {
        frozenset(part): float("a" in part and bool({"b", "c"} & set(part)))
        for part in ("", "a", "b", "c", "ab", "ac", "bc", "abc")
    }
    assert shapley(game, "abc") == pytest.approx({"a": 2 / 3, "b": 1 / 6, "c": 1 / 6})


def test_a_missing_modality_has_no_share(members: list[ExplainedMember]) -> None:
    game = play(members[0], members[0].load("no_slide"))
    assert len(game) == 4
    explained = explain_patient(members, "no_slide", Settings(arm="fusion", method=METHODS[0], steps=8, tiles=2))
    assert explained.facts["missing"] == ["slides"]
    assert set(explained.rows["modality"]) == {"variants", "clinical"}
    assert explained.pictures == {}


def test_a_patient_adds_up_in_original_units(members: list[ExplainedMember]) -> None:
    explained = explain_patient(members, "x", Settings(arm="fusion", method=METHODS[0], steps=64, tiles=2))
    parts = explained.rows[explained.rows["feature"] != WHOLE]
    facts = explained.facts
    missed = abs(parts["attribution"].sum() - (facts["log_odds"] - facts["reference"]))
    assert missed <= facts["delta"] + 1e-5  # of the mean over members
    each = [attribute(member, member.load("x"), method=METHODS[0], steps=64).delta for member in members]
    assert facts["delta"] == pytest.approx(np.mean(np.abs(each)), abs=1e-7)
    assert facts["delta"] > 0
    age = parts.set_index("feature").loc["age"]
    raw = members[0].member.fitted["clinical"].load("x").values[0]  # type: ignore[union-attr]
    assert age["value"] == pytest.approx(60 + 10 * raw, abs=1e-4)
    assert age["baseline"] == pytest.approx(60 + 10 * float(members[0].baselines["clinical"].mean), abs=1e-4)
    assert explained.pictures["pixels_slides_0"].shape == (16, 16)
    assert "t1" not in members[0].member.fitted["slides"].loaded[-2:]  # type: ignore[attr-defined]


def test_deletion_by_exact_effect_beats_chance(members: list[ExplainedMember]) -> None:
    member = members[0]
    inputs = member.load("x")
    whole = float(member.log_odds(inputs.tokens, inputs.masks))
    effects = []
    for tile in range(6):
        mask = inputs.masks["slides"].clone()
        mask[0, tile] = False
        effects.append(whole - float(member.log_odds(inputs.tokens, {**inputs.masks, "slides": mask})))
    curve = delete_tiles([member], [inputs], "slides", np.array(effects), seed=1)
    assert curve is not None
    assert curve.area > 0
    opposite = delete_tiles([member], [inputs], "slides", -np.array(effects), seed=1)
    assert opposite is not None
    assert opposite.area < 0
    genes = delete_genes([member], [inputs], "variants", dict.fromkeys(GENES, 1.0), seed=1)
    assert genes is not None
    assert len(genes.top) == 2


def test_interval_by_hand() -> None:
    found = interval([1.0, 1.0, 1.0], draws=50, seed=0)
    assert found == {"value": 1.0, "low": 1.0, "high": 1.0, "patients": 3}
    assert interval([], draws=5, seed=0)["value"] is None


def test_auroc_against_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    label: NDArray[np.bool_] = rng.random(50) < 0.4
    score = rng.normal(size=50).round(1)
    assert auroc(label, score) == pytest.approx(roc_auc_score(label, score))
    assert auroc(np.ones(3, dtype=np.bool_), score[:3]) is None


def test_truth_scores_by_hand(tmp_path: Any) -> None:
    from fusion.attribution.plan import Patient

    truth_folder = tmp_path / "c.truth"
    (truth_folder / "regions").mkdir(parents=True)
    (truth_folder / "variants.tsv").write_text("patient_id\tgene\np\tTP53\np\tATM\n")
    (truth_folder / "regions.json").write_text('{"microns_per_cell": 16, "driving": "D", "labels": {"D": 3}}')
    labels = np.zeros((4, 8), dtype=np.uint8)
    labels[:, :4] = 3
    np.save(truth_folder / "regions" / "p.npy", labels)
    truth = find_truth("auto", tmp_path / "c")
    assert truth is not None
    patient = Patient(id="p", name="hashed", fold=0, label=1, score=0.5)
    rows = pd.DataFrame(
        [
            # TP53 first; ATM was selected by no member and counts as 0, below BRCA1: one of two pairs is in order.
            {"feature": "burden:TP53", "gene": "TP53", "attribution": -2.0},
            {"feature": "burden:BRCA1", "gene": "BRCA1", "attribution": 0.5},
            # Two tiles of 64 microns at 0.5 microns a pixel; the slide as a whole speaks against.
            {"feature": "tile:0:0,0", "gene": None, "attribution": -3.0, "attention": 0.2, "x": 0, "y": 0},
            {"feature": "tile:0:128,0", "gene": None, "attribution": 1.0, "attention": 0.8, "x": 128, "y": 0},
        ]
    ).assign(patient="hashed")
    assert score_variants(truth, rows, [patient]) == {"p": 0.5}
    # TP53 is above all three others; ATM is below BRCA1 and tied with X and Y.
    wide = {0: frozenset({"TP53", "BRCA1", "ATM", "X", "Y"})}
    assert score_variants(truth, rows, [patient], wide) == {"p": pytest.approx((3 + 0 + 0.5 + 0.5) / 6)}
    sides = {"hashed": (64.0, 0.5)}
    assert score_tiles(truth, rows, [patient], sides) == {"p": 1.0}
    assert score_tiles(truth, rows, [patient], sides, by="attention") == {"p": 0.0}
    assert find_truth("auto", tmp_path / "other") is None
    assert find_truth(None, tmp_path / "c") is None
    with pytest.raises(FusionError, match="holds no truth"):
        find_truth(str(tmp_path), None)


@pytest.mark.parametrize("tiles", [0, 1])
def test_of_fewer_than_two_tiles_none_is_deleted(tiles: int) -> None:
    """Their only order is their order by chance, so nothing is said."""
    mask = torch.zeros(1, 3, dtype=torch.bool)
    mask[0, :tiles] = True
    inputs: Any = [SimpleNamespace(masks={"slides": mask})]
    assert delete_tiles([], inputs, "slides", np.zeros(3), seed=0) is None
