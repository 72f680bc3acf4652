"""Arms that do not exist, or lack what they are made of, are refused."""

from __future__ import annotations

import pytest

from fusion.arms.plan import check_arms, check_images
from fusion.contract import FusionError


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
