"""What arms are called, in tables and inside a sentence, and which of them decide."""

from __future__ import annotations

import pytest

from fusion.evaluation.comparison import KINDS, arm_label, arm_phrase, deciding


@pytest.mark.parametrize(
    ("arm", "label", "phrase"),
    [
        ("fusion", "Fusion", "fusion"),
        ("late", "Late fusion", "late fusion"),
        ("classical_lr", "Logistic regression", "logistic regression"),
        ("only_MRI", "MRI alone", "MRI alone"),
        ("mine", "mine", "mine"),
    ],
)
def test_an_arm_in_a_table_and_in_a_sentence(arm: str, label: str, phrase: str) -> None:
    assert (arm_label(arm), arm_phrase(arm)) == (label, phrase)


def test_single_modalities_late_fusion_and_the_chosen_classical_arm_decide() -> None:
    arms = ("fusion", "late", "only_mri", "classical", "classical_lr", "handcrafted", "latest")
    assert deciding(arms, KINDS) == ("late", "only_mri", "classical")
