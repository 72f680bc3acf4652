"""Models that arms of a fold share: the same is fitted once, and what differs in anything is another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from fusion.plain.families import CLASSES, spread
from fusion.plain.once import Once
from tests.helpers.trained_on import training


def test_weights_seeds_splits_and_treatments_tell_models_apart() -> None:
    random = np.random.default_rng(0)
    rows = pd.DataFrame(random.normal(size=(40, 2)), columns=["clinical:x", "drug:new"])
    labels = np.arange(40) % 2
    told = training(rows, labels, spread(labels, needed=(0, 1)))
    family = Once(CLASSES, {}, "all")
    linear, held_out = family.linear(told)
    assert family.linear(told)[0] is linear
    assert family.linear(replace(told, weights=1.0 + labels))[0] is not linear
    assert family.linear(replace(told, splits=spread(labels, needed=(0, 1), seed=9)))[0] is not linear
    trees, _ = family.boosted(told, seed=1)
    assert family.boosted(told, seed=1)[0] is trees and family.boosted(told, seed=2)[0] is not trees
    _, of_without = family.crossed(linear, told, held_out=held_out, treatments=[])
    crossed, of_crossed = family.crossed(linear, told, held_out=held_out, treatments=["drug"])
    assert np.abs(of_crossed - of_without).max() > 1e-6, "the regimen's product is in one alone"
    assert family.crossed(linear, told, held_out=held_out, treatments=["drug"])[0] is crossed
    assert Once(CLASSES, {}, "all").linear(told)[0] is not linear, "another fold remembers for itself"
