"""The suite's bookkeeping and rules, by hand; one real cell through the package's arms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def suite() -> Any:
    """benchmarks/never_loses.py, as it is when run from its folder."""
    sys.path.insert(0, str(FOLDER))
    import never_loses

    return never_loses


def line(seed: int, fusion: float, *, cohort: str = "additive", patients: int = 600, **others: float) -> dict[str, Any]:
    auroc = {"fusion": fusion, "late": 0.7, "classical": 0.72, "prevalence": 0.99, **others}
    return {"cohort": cohort, "patients": patients, "seed": seed, "fuser": "preset", "auroc": auroc, "seconds": 1.0}


def test_the_other_arm_is_chosen_on_some_seeds_and_compared_on_others(suite: Any) -> None:
    # Late looks best on seeds 0 and 1; on the others the classical arm is, which must not matter. Floors never decide.
    chosen = [line(seed, 0.5, late=0.8) for seed in (0, 1)]
    compared = [line(2, 0.74), line(3, 0.70), line(4, 0.72)]
    (row,) = suite.summarise([*chosen, *compared], "preset", [0, 1])
    assert (row.best, row.seeds) == ("late", 3)
    assert row.gain == pytest.approx(0.02)
    # t(0.975; 2) = 4.3027, the standard deviation of 0.04, 0, 0.02 is 0.02.
    assert row.high - row.gain == pytest.approx(4.3027 * 0.02 / 3**0.5, rel=1e-4)


@pytest.mark.parametrize(
    ("cohort", "patients", "gains", "passes"),
    [
        ("additive", 600, (-0.012, -0.004), True),
        ("additive", 600, (-0.016, -0.008), False),  # below −0.01 in the mean
        ("additive", 600, (-0.0052, -0.0050), False),  # within it, but the whole interval lies below 0
        ("additive", 150, (-0.024, -0.008), True),
        ("product", 600, (0.02, 0.03), False),
        ("xor", 600, (0.03, 0.04), True),
        ("xor", 150, (0.0, 0.0), True),
        ("treatment_subtype", 600, (-0.002, -0.001), False),
        ("treatment_subtype", 150, (0.002, -0.001), True),
    ],
)
def test_rules(suite: Any, cohort: str, patients: int, gains: tuple[float, float], passes: bool) -> None:
    compared = [line(seed, 0.72 + gain, cohort=cohort, patients=patients) for seed, gain in enumerate(gains, start=5)]
    (row,) = suite.summarise([line(0, 0.5, cohort=cohort, patients=patients), *compared], "preset", [0])
    assert row.passes is passes
    assert ("holds" in suite.table([row])) is passes


@pytest.mark.parametrize(("supported", "passes"), [(1, True), (2, False)])
def test_nothing_may_be_supported_once(suite: Any, supported: int, passes: bool) -> None:
    lines = [line(seed, 0.5, cohort="nothing") for seed in range(4)]
    lines = [{**one, "verdict": "supported" if one["seed"] < supported else "not shown"} for one in lines]
    (row,) = suite.summarise(lines, "preset", [0])
    assert row.passes is passes


def test_an_interrupted_run_goes_on(suite: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.jsonl"
    cells = [suite.Cell(cohort="additive", patients=150, seed=seed) for seed in (0, 1)]
    assert suite.missing(cells, suite.read(path)) == cells
    path.write_text('{"cohort": "additive", "patients": 150, "seed": 0, "fuser": "preset"}\n{"cohort": "addi')
    assert suite.missing(cells, suite.read(path)) == cells[1:]
    assert "cut short" in capsys.readouterr().err
    assert suite._numbers("0-2,7") == [0, 1, 2, 7]


def test_a_cell_scores_every_arm_on_fresh_patients_alone(suite: Any) -> None:
    import generated_fold

    cohort = suite.generate("missing_random", patients=60, seed=100, fresh=300)
    config = generated_fold.configuration(cohort, "trainer.max_epochs=1", "trainer.min_epochs=1", "folds.inner=2")
    assert (config.preset, config.seed) == ("general", 100)
    found = generated_fold.run_fresh(cohort, config)
    assert {"fusion", "only_genes", "only_clinical", "late", "classical", "classical_lr"} <= set(found)
    # A regression on the columns learns something of an additive truth; labels of fresh patients reach no arm.
    assert 0.55 < found["classical_lr"] < 0.9
    fold = generated_fold._whole(cohort, config)
    assert (fold.train, fold.test) == (cohort.train, cohort.fresh)
    assert sorted(patient for inner in fold.inner for patient in inner.val) == sorted(cohort.train)
