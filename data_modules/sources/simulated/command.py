"""What the commands that write simulated cohorts share."""

from __future__ import annotations

import argparse
from pathlib import Path

from data_modules.sources.simulated.source import SimulatedSource
from fusion.contract import FusionError


def run_command(kind: type[SimulatedSource], *, program: str, description: str, root: Path) -> int:
    """Parse, write with a progress bar, and say where it is.

    Args:
        kind: of cohort.
        program: how the command is called.
        description: the first paragraph of its help.
        root: folder that is written unless the user names another.

    Returns:
        0, or 2 for what the user can mend.
    """
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--root", type=Path, default=root, help="folder to write (%(default)s)")
    parser.add_argument("--patients", type=int, default=kind.patients, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=kind.seed, help="of everything drawn (%(default)s)")
    parser.add_argument(
        "--interaction",
        type=float,
        default=kind.interaction,
        help="strength of the driving interaction; 0 is the negative control (%(default)s)",
    )
    parser.add_argument("--workers", type=int, default=kind.workers, help="processes (%(default)s)")
    given = parser.parse_args()
    from rich.console import Console
    from rich.progress import Progress

    errors = Console(stderr=True)
    try:
        source = kind(patients=given.patients, seed=given.seed, interaction=given.interaction, workers=given.workers)
        with Progress(console=errors) as bar:
            task = bar.add_task("simulating patients", total=None)
            source.write(given.root, lambda step, done, total: bar.update(task, completed=done, total=total))
    except FusionError as error:
        errors.print(str(error), style="red", markup=False)
        return 2
    Console().print(f"SIMULATED cohort of {given.patients} patients in {given.root}", markup=False)
    return 0
