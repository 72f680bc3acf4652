"""A member that adds to a plain model: terms by hand, completeness, modalities taken away, genes deleted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fusion.apply.trained import Member, member_logits, score
from fusion.attribution.faithfulness import delete_genes
from fusion.attribution.members import ExplainedMember
from fusion.attribution.patient import LACKING, WHOLE, Settings, explain_patient
from fusion.attribution.plain import ExplainedPlain
from fusion.attribution.rows import POOLED
from fusion.attribution.shapley import play
from fusion.contract import EndpointSpec, Item, ModalitySpec, State
from fusion.evaluation.calibration import Platt
from fusion.network.model import build_model
from fusion.plain.columns import Columns
from fusion.plain.linear import Linear
from tests.helpers.explained import GENES, MODEL, PEOPLE, SPECS, Fitted, base


@pytest.fixture(params=[1.0, 0.0], ids=["adds", "stayed"])
def fold(request: Any) -> tuple[list[ExplainedMember], ExplainedPlain]:
    fitted = {name: Fitted(name) for name in SPECS}
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    members = [
        Member(
            fold="f", index=seed, model=build_model(MODEL, SPECS, endpoint, seed=seed).eval(), fitted=fitted,
            calibrator=Platt(slope=1.5, intercept=0.1), gate=0.6 * request.param, base=base(), base_fitted=fitted,
        )
        for seed in (0, 1)
    ]  # fmt: skip
    return [ExplainedMember(one, PEOPLE[:20]) for one in members], ExplainedPlain(members[0], PEOPLE[:20])


def explained(fold: Any, patient: str) -> Any:
    members, plain = fold
    return explain_patient(
        members, patient, Settings(arm="fusion", method="integrated_gradients", steps=32, tiles=0), plain=plain
    )


def terms(plain: ExplainedPlain, patient: str, modality: str) -> Any:
    found = plain.terms(patient)
    return found.loc[found["modality"] == modality, "term"].to_numpy()


@pytest.mark.parametrize("patient", ["x", "without"])
def test_rows_add_up_from_the_reference_to_the_score_that_predict_gives(fold: Any, patient: str) -> None:
    from functools import partial

    from data_modules.batches.datamodule import FusionDataModule

    found = explained(fold, patient)
    rows = found.rows[found.rows["feature"] != WHOLE]
    change = found.facts["log_odds"] - found.facts["reference"]
    assert rows["attribution"].sum() == pytest.approx(change, abs=1e-4)
    # The lack of variants has the coefficient 0.7 too (it stands for their first column), and 6 of 20 have it.
    lack = rows.set_index("feature")["attribution"].get(LACKING)
    assert lack == (pytest.approx(1.5 * 0.7 * 0.7 / np.sqrt(0.21)) if patient == "without" else None)
    members = [one.member for one in fold[0]]
    logits = member_logits(members, [patient], partial(FusionDataModule, batch_size=4))
    assert found.facts["score"] == pytest.approx(score(members, logits)[0], abs=1e-6)


def test_a_columns_part_is_coefficient_times_distance_from_the_mean(fold: Any) -> None:
    """With the gate shut, by hand; with it open, the networks' part comes on top."""
    members, plain = fold
    table = explained(fold, "x").rows.set_index("feature")
    rows = table["attribution"]
    assert table.loc[["burden:TP53", "burden:ATM"], "members"].tolist() == [len(members)] * 2, "the plain model is none"
    train = Fitted("variants").table(PEOPLE[:20])["burden:TP53"]
    by_hand = 1.5 * 0.7 * (Fitted("variants").table(["x"])["burden:TP53"].iloc[0] - train.mean()) / train.std(ddof=0)
    by_hand += 1.5 * 0.7 * -0.3 / np.sqrt(0.21)  # the patient has what 6 of 20 lack
    assert terms(plain, "x", "variants")[0] * 1.5 == pytest.approx(by_hand)
    if members[0].member.gate == 0:
        assert rows["burden:TP53"] == pytest.approx(by_hand, rel=1e-5)
        assert rows["burden:ATM"] == 0
    else:
        assert rows["burden:ATM"] != 0


def test_a_number_that_stands_for_a_level_is_told_by_its_name(fold: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ordered columns alone, and of whole numbers alone: what was imputed between two levels has no name."""
    members, _ = fold
    fitted = members[0].member.fitted["variants"]
    first, second = "burden:TP53", "burden:ATM"
    coded = [
        {"column": first, "levels": ["I", "II", "III"], "coding": "ordered"},
        {"column": second, "levels": ["a", "b", "c"], "coding": "categories"},
    ]
    monkeypatch.setattr(fitted, "state", lambda: State(config={"coded": coded}, arrays={}))
    for value, level in ((2.0, "III"), (0.0, "I"), (1.4, None), (-1.0, None), (3.0, None)):
        fitted._table.loc["x", [first, second]] = value
        rows = explained(fold, "x").rows.set_index("feature")
        assert (rows.loc[first, "value"], rows.loc[second, "level"]) == (pytest.approx(value), None)
        assert rows.loc[first, "level"] == level
        assert (rows.loc[first, "unit"], rows.loc[second, "unit"]) == ("of 0 to 2", None)


def test_modalities_are_taken_from_the_plain_model_too(fold: Any) -> None:
    members, plain = fold
    inputs = members[0].load("x")
    game = play(members[0], inputs, plain)
    row = pd.DataFrame(
        {f"clinical:{name}": part for name, part in Fitted("clinical").table(["x"]).items()}, index=["x"]
    )
    masks = {name: mask & (name == "clinical") for name, mask in inputs.masks.items()}
    with torch.no_grad():
        added = float(members[0].log_odds(inputs.tokens, masks))
    assert game[frozenset({"clinical"})] == pytest.approx(added + 1.5 * plain.model.logits(row)[0], abs=1e-6)
    assert game[frozenset({"clinical", "variants"})] == pytest.approx(
        float(members[0].log_odds(inputs.tokens, inputs.masks, inputs.plain)), abs=1e-6
    )


def test_deleting_genes_reaches_the_plain_model(fold: Any) -> None:
    """TP53 goes first and takes its term along; with the gate shut that is all that changes."""
    members, plain = fold
    inputs = [one.load("x") for one in members]
    term = terms(plain, "x", "variants")
    order = {gene: float(value) for gene, value in zip(GENES, term, strict=True)}
    curve = delete_genes(members, inputs, "variants", order, seed=0, plain=plain)
    assert curve is not None
    if members[0].member.gate == 0:
        first = max(order, key=lambda gene: order[gene])
        row = pd.concat([part.table(["x"]).add_prefix(f"{name}:") for name, part in plain.fitted.items()], axis=1)
        row[f"variants:burden:{first}"] = Fitted("variants").table(PEOPLE[6:20])[f"burden:{first}"].mean()
        expected = 1.5 * plain.model.logits(row)[0] + 0.1
        assert curve.top[0] == pytest.approx(expected, abs=1e-5)


class Bags:
    """Six numbers a tile; their table is the mean and the spread over a patient's tiles."""

    def __init__(self, kind: Any) -> None:
        self.spec = ModalitySpec(name="slides", kind=kind, token_shape=(6,))
        self.selection = None
        rng = np.random.default_rng(3)
        self.tiles = {one: rng.normal(size=(4, 6)).astype(np.float32) for one in PEOPLE if one != "t19"}

    def load(self, patient_id: str) -> Item | None:
        tiles = self.tiles.get(patient_id)
        return None if tiles is None else Item(values=tiles, mask=np.ones(len(tiles), dtype=np.bool_))

    def table(self, patient_ids: Any) -> pd.DataFrame:
        names = [f"{part}_{number}" for part in ("mean", "std") for number in range(6)]
        rows = [
            np.concatenate([self.tiles[one].mean(axis=0), self.tiles[one].std(axis=0)])
            if one in self.tiles
            else np.full(12, np.nan)
            for one in patient_ids
        ]
        return pd.DataFrame(rows, index=list(patient_ids), columns=names).astype(np.float64)

    def state(self) -> State:
        return State(config={}, arrays={})


def with_bags(kind: Any) -> tuple[Any, Bags, Linear]:
    """Members that read variants and tiles' numbers, and a plain model of both."""
    slides: Any = Bags(kind)
    fitted = {"variants": Fitted("variants"), "slides": slides}
    specs = {name: one.spec for name, one in fitted.items()}
    slides.spec = ModalitySpec(name="slides", kind="embeddings", token_shape=(6,))
    rows = pd.concat([one.table(PEOPLE[:20]).add_prefix(f"{name}:") for name, one in fitted.items()], axis=1)
    columns = Columns.fit(rows)
    weights = np.random.default_rng(4).normal(size=(1, len(columns.sources)))
    plain = Linear(columns=columns, coefficients=weights, intercept=np.array([-0.2]), strength=1.0, power=0.0)
    encoders = {
        "variants": MODEL["encoders"]["variants"],
        "slides": {"_target_": "fusion.encoders.images.mil.EmbeddingMIL", "dropout": 0.0},
    }
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    specs["slides"] = slides.spec
    model = build_model({**MODEL, "encoders": encoders}, specs, endpoint, seed=0).eval()
    member = Member(
        fold="f", index=0, model=model, fitted=fitted, calibrator=Platt(slope=1.5, intercept=0.1), gate=0.6, base=plain,
        base_fitted=fitted,
    )  # fmt: skip
    fold = [ExplainedMember(member, PEOPLE[:20])], ExplainedPlain(member, PEOPLE[:20])
    slides.spec = ModalitySpec(name="slides", kind=kind, token_shape=(6,))
    return fold, slides, plain


@pytest.mark.parametrize("kind", ["embeddings", "tiles"])
@pytest.mark.parametrize("patient", ["x", "t19"])
def test_what_is_pooled_over_tiles_has_rows_of_its_own(kind: str, patient: str) -> None:
    """By hand: standardised pooled numbers times coefficients; an encoder's nameless numbers in one row."""
    fold, slides, plain = with_bags(kind)
    found = explained(fold, patient)
    rows = found.rows[found.rows["feature"] != WHOLE]
    assert rows["attribution"].sum() == pytest.approx(found.facts["log_odds"] - found.facts["reference"], abs=1e-4)
    pooled = rows[(rows["modality"] == "slides") & ~rows["feature"].str.startswith("tile:")].set_index("feature")
    train = slides.table(PEOPLE[:20])
    z = ((slides.table(["x"]) - train.mean()) / train.std(ddof=0)).clip(
        (train.min() - train.mean()) / train.std(ddof=0), (train.max() - train.mean()) / train.std(ddof=0), axis=1
    )
    weight = pd.Series(plain.coefficients[0], index=plain.columns.sources)
    by_hand = {name: 1.5 * float(z[name].iloc[0]) * float(weight[f"slides:{name}"]) for name in train}
    if patient == "t19":
        assert pooled.empty
    elif kind == "embeddings":
        assert list(pooled.index) == [POOLED]
        assert pooled["attribution"].iloc[0] == pytest.approx(sum(by_hand.values()))
    else:
        assert pooled["attribution"].to_dict() == pytest.approx({f"pooled:{name}": v for name, v in by_hand.items()})
        assert pooled.loc["pooled:std_3", "value"] == pytest.approx(slides.tiles["x"].std(axis=0)[3])
        assert pooled.loc["pooled:std_3", "label"] == "std 3, all slides pooled"
        assert pooled["baseline"].to_dict() == pytest.approx({f"pooled:{name}": train[name].mean() for name in train})
