from __future__ import annotations

import numpy as np

from data_modules.modalities.variants.profile import length_classes


def test_indel_length_classes_by_hand() -> None:
    change = np.array([0, 1, 2, 4, 5, 40, -1, -3, -5])
    classes = length_classes(change)
    assert {name: np.flatnonzero(mask).tolist() for name, mask in classes.items()} == {
        "length:insertions_1": [1],
        "length:insertions_2-4": [2, 3],
        "length:insertions_5+": [4, 5],
        "length:deletions_1": [6],
        "length:deletions_2-4": [7],
        "length:deletions_5+": [8],
    }
