"""Write the embedded cohort whole, or not at all."""

from __future__ import annotations

import glob
import hashlib
import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from filelock import FileLock

from fusion.contract import FusionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fusion.contract import Progress

VERSION = 2
"""Rises with every change that changes what is written."""
STAMP_FILE = "SIMULATED.json"
PROGRESSION = "progression.tsv"
"""Written since a later version, and to cohorts that stand without it; the stamp, which is older, does not list it."""


class SimulationError(FusionError):
    """A setting of the simulated cohort that cannot be met, or a folder in its way."""


@dataclass(frozen=True, kw_only=True)
class SimulatedSource:
    """The embedded cohort at given settings, for a cohort's YAML.

    Attributes:
        patients: how many, at least 12.
        seed: of everything drawn.
        interaction: strength of what lymphocytes and repair do together, on the logit; 0 is the negative control.
        workers: processes that draw slides; does not change a byte.
    """

    patients: int = 240
    seed: int = 20
    interaction: float = 1.0
    workers: int = 2

    generator: ClassVar[str] = "data_modules.sources.simulated"
    version: ClassVar[int] = VERSION
    later: ClassVar[tuple[str, ...]] = (PROGRESSION,)

    def __post_init__(self) -> None:
        if self.patients < 12 or self.patients > 9999:
            raise SimulationError(f"patients is {self.patients}; a simulated cohort has 12 to 9999")
        if self.seed < 0:
            raise SimulationError(f"seed is {self.seed}; it cannot be negative")
        if not 0 <= self.interaction <= 3:
            raise SimulationError(f"interaction is {self.interaction}; it lies between 0 (negative control) and 3")
        if self.workers < 1:
            raise SimulationError(f"workers is {self.workers}; at least 1 process draws slides")

    @property
    def settings(self) -> dict[str, Any]:
        """What decides every byte."""
        return {
            "generator": self.generator,
            "version": self.version,
            "patients": self.patients,
            "seed": self.seed,
            "interaction": float(self.interaction),
        }

    def matches(self, root: Path | str) -> bool:
        """Whether `root` holds a complete cohort of these settings and this version of the generator."""
        stamp = read_stamp(root)
        return stamp is not None and all(stamp.get(key) == value for key, value in self.settings.items())

    def write(self, root: Path | str, progress: Progress | None = None) -> None:
        """Write the cohort to `root` and its truth to ``<root>.truth``; nothing to do where it stands already.

        Raises:
            SimulationError: `root` exists and is not a simulated cohort, so it is left alone.
        """
        target = Path(root)
        truth = truth_folder(target)
        if self._stands(target, truth) and not self._lacking(target):
            return
        for folder in (target, truth):
            if folder.exists() and any(folder.iterdir()) and read_stamp(folder) is None:
                raise SimulationError(
                    f"{folder} exists and holds no {STAMP_FILE}: it was not simulated and is left alone; "
                    "name another folder (cohort.root) or remove it yourself"
                )
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock"), thread_local=False):
            if not self._stands(target, truth):  # another process may have written it
                self._replace(target, truth, progress)
            if self._lacking(target):
                self.write_later(target, truth)

    def _stands(self, target: Path, truth: Path) -> bool:
        return self.matches(target) and (truth / "oracle.json").exists()

    def _lacking(self, target: Path) -> bool:
        return any(not (target / name).is_file() for name in self.later)

    def _replace(self, target: Path, truth: Path, progress: Progress | None) -> None:
        """Write both folders beside their places, then put them there."""
        for folder in (target, truth):
            drafts_of_it = f".{glob.escape(folder.name)}.*.partial"
            for stale in folder.absolute().parent.glob(drafts_of_it):  # of a process that was killed
                shutil.rmtree(stale, ignore_errors=True)
        drafts = [_draft(target), _draft(truth)]
        for draft in drafts:
            draft.mkdir(parents=True)
        try:
            self.write_files(drafts[0], drafts[1], progress)
            for draft in drafts:
                _stamp(draft, self.settings)
            # The truth goes first: where the cohort stands, its truth does.
            for draft, folder in zip(reversed(drafts), (truth, target), strict=True):
                shutil.rmtree(folder, ignore_errors=True)
                draft.replace(folder)
        finally:
            for draft in drafts:
                shutil.rmtree(draft, ignore_errors=True)

    def write_later(self, root: Path, truth: Path) -> None:
        """Add `later` to a cohort of these settings that stands, with its truth."""
        from data_modules.sources.simulated.cohort import draw
        from data_modules.sources.simulated.progression import write_progression

        drawn = draw(patients=self.patients, seed=self.seed, interaction=self.interaction)
        write_progression(drawn.ids, drawn.progression, root / PROGRESSION, truth)

    def write_files(self, root: Path, truth: Path, progress: Progress | None) -> None:
        """Fill two empty folders with the cohort and its truth."""
        from data_modules.sources.simulated.cohort import write_files

        write_files(
            root,
            truth,
            patients=self.patients,
            seed=self.seed,
            interaction=self.interaction,
            workers=self.workers,
            progress=progress,
        )


def write_cohort(
    root: Path | str,
    *,
    patients: int = 240,
    seed: int = 20,
    interaction: float = 1.0,
    workers: int = 2,
    progress: Progress | None = None,
) -> None:
    """Write a simulated cohort; see `SimulatedSource`."""
    SimulatedSource(patients=patients, seed=seed, interaction=interaction, workers=workers).write(root, progress)


def read_stamp(root: Path | str) -> dict[str, Any] | None:
    """The content of SIMULATED.json, or None where `root` has none that can be read."""
    try:
        stamp = json.loads((Path(root) / STAMP_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def truth_folder(root: Path | str) -> Path:
    """Where the truth of the cohort at `root` lies: beside it, never in it."""
    path = Path(root)
    return path.with_name(f"{path.name}.truth")


def _draft(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.partial")


def _stamp(folder: Path, settings: dict[str, Any]) -> None:
    content = {
        "notice": "SIMULATED data: no patient, no finding",
        **settings,
        "sha256": {str(path.relative_to(folder)): _hash(path) for path in sorted(_files(folder))},
    }
    (folder / STAMP_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
