"""Generated cohorts hold the truth that they are named after."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.generated_cohorts import COHORTS, Bags, Columns, Generated, generate


def made(name: str, seed: int = 3) -> Generated:
    return generate(name, patients=150, seed=seed, fresh=2000)


def frame(cohort: Generated, name: str) -> pd.DataFrame:
    part = cohort.modalities[name]
    assert isinstance(part, Columns)
    return part.frame


@pytest.mark.parametrize("name", COHORTS)
def test_a_cohort_depends_on_its_name_size_and_seed_alone(name: str) -> None:
    first, again, other = made(name), made(name), made(name, seed=4)
    assert first.labels.equals(again.labels)
    assert first.truth.equals(again.truth)
    assert not first.labels.equals(other.labels)
    assert (len(first.train), len(first.fresh)) == (150, 2000)
    for key, part in first.modalities.items():
        twin = again.modalities[key]
        if isinstance(part, Columns) and isinstance(twin, Columns):
            assert part.frame.equals(twin.frame)
            assert list(part.frame.index) == [*first.train, *first.fresh]
        else:
            assert isinstance(part, Bags)
            assert isinstance(twin, Bags)
            assert np.array_equal(part.tiles, twin.tiles)
    # Labels are drawn by the truth: the share of positives is its mean probability, but for chance.
    assert first.labels.mean() == pytest.approx((1 / (1 + np.exp(-first.truth))).mean(), abs=0.04)


def test_a_product_is_the_whole_truth() -> None:
    cohort = made("product")
    told = frame(cohort, "genes")["genes_0"] * frame(cohort, "clinical")["clinical_0"]
    assert abs(np.corrcoef(told, cohort.truth)[0, 1]) == pytest.approx(1.0)


def test_xor_turns_with_the_tissue() -> None:
    cohort = made("xor")
    tiles = cohort.modalities["tiles"]
    assert isinstance(tiles, Bags)
    gene = frame(cohort, "genes")["genes_0"].to_numpy() == 1
    tissue = (cohort.truth.to_numpy() > 0) ^ gene
    # Half of the tiles of that tissue are moved by 2 along one direction: their mean by 1.
    moved = tiles.tiles.mean(axis=1)[tissue].mean(axis=0) - tiles.tiles.mean(axis=1)[~tissue].mean(axis=0)
    assert np.linalg.norm(moved) == pytest.approx(1.0, abs=0.15)
    assert cohort.labels.to_numpy()[gene].mean() == pytest.approx(cohort.labels.to_numpy()[~gene].mean(), abs=0.06)


def test_half_lack_the_genes_and_it_says_something_only_where_informed() -> None:
    for name, informed in (("missing_random", False), ("missing_informed", True)):
        cohort = made(name)
        lacking = frame(cohort, "genes").isna().all(axis=1)
        assert lacking.mean() == pytest.approx(0.5, abs=0.05)
        assert frame(cohort, "clinical").notna().to_numpy().all()
        difference = cohort.labels[~lacking].mean() - cohort.labels[lacking].mean()
        assert (difference > 0.15) == informed


def test_a_drug_helps_one_subtype() -> None:
    cohort = generate("treatment_subtype", patients=150, seed=3, fresh=20_000)
    arm, subtype = frame(cohort, "treatment")["arm"], frame(cohort, "clinical")["subtype"]
    table = pd.DataFrame({"arm": arm, "subtype": subtype, "label": cohort.labels})
    rates = table.pivot_table(index="arm", columns="subtype", values="label")
    assert rates.loc["A", "basal"] - rates.loc["ctr", "basal"] > 0.25
    assert rates.loc["A", "luminal"] - rates.loc["ctr", "luminal"] < -0.1
    assert abs(rates.loc["C"] - rates.loc["ctr"]).max() < 0.06


def test_nothing_is_nothing() -> None:
    assert made("nothing").truth.eq(-0.5).all()
