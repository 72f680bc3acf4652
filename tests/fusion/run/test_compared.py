"""What differs between runs, from what they hold; no run is made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fusion.run.compared import as_written, differences, letter, open_runs, shown, surroundings
from fusion.run.files import RunFolderError


def run(**given: Any) -> Any:
    facts: dict[str, Any] = {
        "config": {"model": {"width": 8}, "trainer": {"lr": [1, 2]}, "workers": 1},
        "record": {"cohort": {"name": "tcga"}, "versions": {"torch": "2.7"}, "git_commit": "a"},
        "folds": {"sha256": "f"}, "inputs": {"x.csv": "1"},
    }  # fmt: skip
    return SimpleNamespace(
        path=Path("runs/x"), **{name: (lambda told=one: told) for name, one in (facts | given).items()}
    )


def test_letters_of_runs() -> None:
    assert [letter(place) for place in (0, 1, 25, 26, 27, 52)] == ["A", "B", "Z", "A1", "B1", "A2"]


def test_settings_that_bear_on_results() -> None:
    other = run(config={"model": {"width": 16}, "trainer": {"lr": [1, 2]}, "workers": 4, "seed": None})
    assert differences({"A": run(), "B": other}) == [
        {"key": "model.width", "values": {"A": "8", "B": "16"}}, {"key": "seed", "values": {"A": "unset", "B": "null"}},
    ]  # fmt: skip
    assert differences({"A": run(), "B": run()}) == []
    assert shown("x" * 200) == "x" * 200 and shown("x" * 201) == "x" * 199 + "…" and shown(None) == "null"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        ({"folds": {"sha256": "g"}}, ["A and B were tested in other folds"]),
        ({"inputs": {"x.csv": "2"}}, ["A and B read files that differ (1), e.g. x.csv."]),
        ({"inputs": {}}, []),
        ({"record": {"cohort": {"name": "mine"}, "versions": {"torch": "2.7"}, "git_commit": "a"}},
         ["A is of the cohort tcga, B of mine."]),
        ({"record": {"cohort": {"name": "tcga"}, "versions": {"torch": "2.8", "numpy": "2"}, "git_commit": "b"}},
         ["A and B ran with other versions of numpy, torch."]),
        ({"record": {"cohort": {"name": "tcga"}, "versions": {"torch": "2.7"}, "git_commit": "b"}},
         ["A and B ran at other commits of this program."]),
    ],
)  # fmt: skip
def test_what_else_differs_from_the_first(given: dict[str, Any], words: list[str]) -> None:
    told = surroundings({"A": run(), "B": run(**given)})
    assert len(told) == len(words) and all(one.startswith(word) for one, word in zip(told, words, strict=True))


def test_what_is_not_as_a_run_writes_it(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="runs/x: is not as a run writes it \\(KeyError: 'cohort'\\)"):
        surroundings({"A": run(), "B": run(record={})})
    with pytest.raises(RunFolderError, match="is not as a run writes it"), as_written(run()):
        int("x")
    with pytest.raises(RunFolderError, match="1 run given: name two or more"):
        open_runs([tmp_path])
    with pytest.raises(RunFolderError, match="is given twice"):
        open_runs([tmp_path, tmp_path / "more", tmp_path / "x" / ".."])
