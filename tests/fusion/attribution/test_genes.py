"""A gene set's contribution divided among its genes, on numbers small enough for paper, and on real fitted variants."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fusion.attribution.gene_parts import gene_differences, split_sums
from fusion.attribution.genes import GeneSum, gene_sums
from fusion.contract import FeatureSpec, ModalitySpec

SPEC = ModalitySpec(
    name="variants",
    kind="variants",
    features=(
        FeatureSpec(name="burden:SET:repair", kind="burden", label="repair: 3 genes", center=1.0, scale=0.5),
        FeatureSpec(name="burden:A", kind="burden", label="A", gene="A", center=0.5, scale=0.5),
        FeatureSpec(name="count:all", kind="count", label="mutations", center=3.0, scale=2.0),
    ),
)
BURDENS = pd.DataFrame([[1, 0, 0], [0, 0, 1], [2, 1, 0]], index=["t1", "t2", "x"], columns=["A", "B", "C"], dtype=float)


@dataclass
class Sums:
    """What `fusion.attribution` asks of fitted variants."""

    spec: ModalitySpec = SPEC

    def summands(self, feature: str) -> pd.DataFrame | None:
        return BURDENS if feature == "burden:SET:repair" else None


@dataclass
class Member:
    sums: dict[str, dict[int, GeneSum]] = field(default_factory=lambda: {"variants": gene_sums(Sums())})  # type: ignore[arg-type]
    specs: dict[str, ModalitySpec] = field(default_factory=lambda: {"variants": SPEC})

    @property
    def baselines(self) -> dict[str, Any]:
        # Means of t1 and t2: the set 1 (A 0.5, C 0.5), A 0.5, five mutations.
        means = {0: self.sums["variants"][0].mean(["t1", "t2", "absent"])}
        return {"variants": SimpleNamespace(mean=torch.tensor([0.0, 0.0, 1.0]), sums=means)}


INPUTS: Any = SimpleNamespace(patient="x", tokens={"variants": torch.tensor([[4.0, 3.0, 2.0]])})


def rows(attribution: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "feature": [one.name for one in SPEC.features],
            "label": [one.label for one in SPEC.features],
            "gene": [one.gene for one in SPEC.features],
            "value": [3.0, 2.0, 7.0],
            "baseline": [1.0, 0.5, 5.0],
            "attribution": attribution,
        }
    )


def test_a_set_is_divided_by_what_each_gene_adds_over_its_mean() -> None:
    # 3 damaged where 1 is usual, worth 0.8: 0.4 a variant. A: 2 − 0.5, B: 1 − 0, C: 0 − 0.5.
    table = split_sums(rows([0.8, 0.1, -0.3]), Member(), INPUTS, "variants").set_index("feature")  # type: ignore[arg-type]
    assert list(table.index) == [
        "burden:SET:repair/A", "burden:SET:repair/B", "burden:SET:repair", "burden:A", "count:all",
    ]  # fmt: skip
    assert table["attribution"].tolist() == pytest.approx([0.6, 0.4, -0.2, 0.1, -0.3])
    assert table["attribution"].sum() == pytest.approx(0.6)  # complete: as before
    assert table["gene"].tolist() == ["A", "B", None, "A", None]
    assert table["value"].tolist() == [2, 1, 0, 2, 7]
    assert table["baseline"].tolist() == [0.5, 0, 0.5, 0.5, 5]
    assert table.loc["burden:SET:repair", "label"] == "repair: genes of the set without damage"


def test_a_patient_of_average_burden_gets_nothing() -> None:
    member = Member()
    assert member.sums["variants"][0].of("nobody") is None
    plain = rows([0.0, 0.0, 0.0])
    inputs: Any = SimpleNamespace(patient="t1", tokens=INPUTS.tokens)
    table = split_sums(plain, member, inputs, "variants")  # type: ignore[arg-type]
    assert (table["attribution"] == 0).all()


def test_a_patient_whose_sums_are_not_known_keeps_the_rows() -> None:
    inputs: Any = SimpleNamespace(patient="nobody", tokens=INPUTS.tokens)
    plain = rows([0.8, 0.1, -0.3])
    pd.testing.assert_frame_equal(split_sums(plain, Member(), inputs, "variants"), plain)  # type: ignore[arg-type]


def test_genes_move_numbers_by_all_that_they_are_in() -> None:
    found = gene_differences(Member(), INPUTS, "variants")  # type: ignore[arg-type]
    # Scaled: A adds (2 − 0.5) / 0.5 to the set and 3 to its own burden.
    assert found["A"] == pytest.approx([3.0, 3.0, 0.0])
    assert found["B"] == pytest.approx([2.0, 0.0, 0.0])
    assert found["C"] == pytest.approx([-1.0, 0.0, 0.0])
    assert sum(part[0] for part in found.values()) == pytest.approx(4.0)  # the whole way to the set's baseline


def test_modalities_without_sums_have_none() -> None:
    assert gene_sums(SimpleNamespace(spec=SPEC)) == {}  # type: ignore[arg-type]
    assert np.array_equal(GeneSum(genes=("A",), burdens=np.zeros((0, 1)), row={}).mean(["t1"]), [0.0])
