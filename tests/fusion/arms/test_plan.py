"""Arms that do not exist, or lack what they are made of, are refused."""

from __future__ import annotations

import pytest

from fusion.arms.plan import check_arms, check_floors, check_images, trained_arms
from fusion.contract import EndpointSpec, FusionError


def test_all_arms_pass() -> None:
    check_arms(["fusion", "singles", "classical_lr", "classical_forest", "late"])


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (["fusion", "xgboost"], "no arm is called xgboost"),
        (["classical_lr"], "must list 'fusion'"),
        (["fusion", "late"], "list 'singles' too"),
    ],
)
def test_refused(arms: list[str], message: str) -> None:
    with pytest.raises(FusionError, match=message):
        check_arms(arms)


def test_the_handcrafted_arm_needs_images() -> None:
    class Measured:
        handcrafted = True

    check_arms(["fusion", "handcrafted"])
    check_images(["fusion", "handcrafted"], {"slides": Measured(), "clinical": object()})
    check_images(["fusion"], {"clinical": object()})
    with pytest.raises(FusionError, match=r"'handcrafted' needs slides or image tiles.*clinical"):
        check_images(["fusion", "handcrafted"], {"clinical": object()})


def test_arms_of_another_kind_of_endpoint_are_refused_and_arms_of_classes_give_way() -> None:
    binary = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    grades = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))
    listed = ["fusion", "classical_lr", "classical_forest"]
    assert trained_arms(listed, binary) == listed
    assert trained_arms(listed, grades) == ["fusion", "classical_ordinal", "classical_boosting"]
    with pytest.raises(FusionError, match="classical_cox predicts survival endpoints, and 'response' is binary"):
        trained_arms([*listed, "classical_cox"], binary)


def test_floors_are_modalities() -> None:
    check_floors(["clinical", "treatment", "rna"], ["rna", "slides"])
    with pytest.raises(FusionError, match=r"evaluation.floors: no modality is called foo. Choose from rna, slides"):
        check_floors(["rna", "foo"], ["rna", "slides"])
