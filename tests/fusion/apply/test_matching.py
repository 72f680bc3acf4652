"""Features of a run met by another cohort: what is reported, and when too few are there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fusion.apply.matching import chance_of_few, match_all
from fusion.contract import FusionError, Match, State
from fusion.run.state import save_state

GENES = tuple(f"burden:G{at}" for at in range(20))


@dataclass
class Panel:
    """A cohort whose files name some genes."""

    names: tuple[str, ...]
    patients: int
    absent: None = None

    def match(self, state: State) -> Match:
        trained = tuple(state.config["features"])
        return Match(
            trained=trained,
            missing=tuple(name for name in trained if name not in self.names),
            extra=tuple(name for name in self.names if name not in trained),
            chances=(float(1 - np.exp(-self.patients * 0.1)),) * len(trained),
            absent_is="reference",
        )


@pytest.fixture
def states(tmp_path: Path) -> list[Path]:
    """Two members with other features each."""
    for at, features in enumerate((GENES[:10], GENES[5:15])):
        save_state(tmp_path / f"member{at}", "variants", State(config={"features": list(features)}, arrays={}))
    return [tmp_path / "member0", tmp_path / "member1"]


def matched(states: list[Path], panel: Panel, min_match: float = 0.5):
    kept = [(state, {"variants": panel}) for state in states]
    return match_all(kept, min_match=min_match)["variants"]  # type: ignore[arg-type]


def test_the_union_over_members_is_reported(states: list[Path]) -> None:
    found = matched(states, Panel(names=(*GENES[2:14], "burden:NEW"), patients=100))
    assert found.matched == GENES[2:14]
    assert found.missing == (*GENES[:2], GENES[14])
    assert found.extra == ("burden:NEW",)
    assert found.share == pytest.approx(8 / 10, abs=1e-3)  # the first member lacks two of ten
    record = found.record()
    assert record["trained"] == 15
    assert record["missing_read_as"] == "reference"


def test_another_panel_stops(states: list[Path]) -> None:
    other = Panel(names=(*GENES[:4], *(f"burden:H{at}" for at in range(300))), patients=100)
    with pytest.raises(FusionError, match=r"name 4 of 10 features .* below min_match=0\.5"):
        matched(states[:1], other)
    assert matched(states[:1], other, min_match=0.3).share == pytest.approx(0.4, abs=1e-3)


def test_one_patient_is_not_expected_to_name_every_gene(states: list[Path]) -> None:
    """Ten genes, each mutated in one of ten patients: one patient names about one, and often none."""
    found = matched(states, Panel(names=(), patients=1))
    assert found.share == 0
    assert len(found.missing) == 15


def test_few_patients_are_judged_by_what_they_would_name(states: list[Path]) -> None:
    ten = Panel(names=GENES[:10], patients=10)  # 6.3 of 10 expected
    assert matched(states[:1], ten).share == pytest.approx(10 / 6.32, abs=0.01)
    with pytest.raises(FusionError, match="about 6 are expected"):
        matched(states[:1], Panel(names=GENES[:2], patients=10))


def test_the_chance_of_few_against_scipy() -> None:
    from scipy.stats import binom

    assert chance_of_few([0.3] * 8, 2) == pytest.approx(binom.cdf(2, 8, 0.3))
    assert chance_of_few([0.9, 0.5], 0) == pytest.approx(0.05)
    assert chance_of_few([0.9, 0.5], 2) == pytest.approx(1.0)
