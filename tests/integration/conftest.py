"""One small run of the real command over the embedded cohort, shared by the tests of this folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.helpers import warm

SMALL = (
    "cohort.patients=40",
    "folds.outer=2",
    "folds.inner=2",
    "trainer.max_epochs=2",
    "trainer.min_epochs=1",
    "evaluation.draws=100",
    "workers=1",
)


@dataclass(frozen=True)
class Workplace:
    """A folder in which commands run, with the cohort and the cache that earlier commands left there.

    `left_by_training` is what the run of `trained` added to it.
    """

    folder: Path
    left_by_training: set[str] = field(default_factory=set)

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def __call__(self, command: str, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """``python -m fusion.<command> <arguments>``, as a user types it."""
        return warm.command(command, *arguments, cwd=self.folder, timeout=timeout)

    def train(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self("train", "+experiment=breast_tcga", *SMALL, *arguments)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("workplace"))


@pytest.fixture(scope="session")
def trained(workplace: Workplace) -> Path:
    """The run folder of a small training run."""
    before = workplace.names()
    done = workplace.train("output=run")
    assert done.returncode == 0, done.stderr
    workplace.left_by_training.update(workplace.names() - before)
    return workplace.folder / "run"


Check = Callable[..., None]


@pytest.fixture
def refused(workplace: Workplace) -> Check:
    """A command must end with code 2, one message with these words, no traceback and no run folder."""

    def check(command: str, *arguments: str, words: tuple[str, ...]) -> None:
        done = workplace(command, *arguments)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        for word in words:
            assert word in done.stderr

    return check
