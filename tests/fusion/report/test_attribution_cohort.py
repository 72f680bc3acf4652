"""The strip of dots of a feature: across by attribution, stacked where dense, coloured by rank."""

from __future__ import annotations

import pandas as pd

from fusion.report import attribution_cohort


def test_dots_by_hand() -> None:
    part = pd.DataFrame({"attribution": [0.0, 0.0, 0.0, 0.0, 1.0, -4.0], "value": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    dots = attribution_cohort._dots(part, 2.0)
    assert [dot["x"] for dot in dots] == [100, 100, 100, 100, 148, 4]  # no further out than the strip is wide
    assert [dot["y"] for dot in dots] == [12, 13.6, 10.4, 15.2, 12, 12]  # the first in the middle, then by turns
    assert len({dot["fill"] for dot in dots}) == 6
    crowd = attribution_cohort._dots(pd.DataFrame({"attribution": [0.0] * 40, "value": [1.0] * 40}), 2.0)
    assert {min(dot["y"] for dot in crowd), max(dot["y"] for dot in crowd)} == {2, 22}
    assert len({dot["fill"] for dot in crowd}) == 1, "of one value there is no rank"
