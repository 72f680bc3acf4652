"""Write the simulated MRI cohort whole, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from data_modules.sources.simulated.source import SimulatedSource

if TYPE_CHECKING:
    from fusion.contract import Progress


@dataclass(frozen=True, kw_only=True)
class SimulatedMri(SimulatedSource):
    """The simulated MRI cohort at given settings, for a cohort's YAML; see `SimulatedSource` for what is written how.

    Attributes:
        patients: how many, at least 12.
        seed: of everything drawn.
        interaction: strength of what rim enhancement and receptor status do together; 0 is the negative control.
        workers: processes that draw volumes; does not change a byte.
    """

    patients: int = 240
    seed: int = 20
    interaction: float = 1.0
    workers: int = 2

    generator: ClassVar[str] = "data_modules.sources.simulated_mri"
    version: ClassVar[int] = 1
    later: ClassVar[tuple[str, ...]] = ()

    def write_files(self, root: Path, truth: Path, progress: Progress | None) -> None:
        from data_modules.sources.simulated_mri.cohort import write_files

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
    patients: int = SimulatedMri.patients,
    seed: int = SimulatedMri.seed,
    interaction: float = 1.0,
    workers: int = 2,
    progress: Progress | None = None,
) -> None:
    """Write a simulated MRI cohort; see `SimulatedMri`."""
    SimulatedMri(patients=patients, seed=seed, interaction=interaction, workers=workers).write(root, progress)
