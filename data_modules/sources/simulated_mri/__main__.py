"""``python -m data_modules.sources.simulated_mri --root R``: write the MRI cohort alone, any size, any seed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from data_modules.sources.simulated_mri.source import SimulatedMri
from fusion.contract import FusionError


def main() -> int:
    """Parse, write with a progress bar, and say where it is; exit code 2 on what the user can mend."""
    parser = argparse.ArgumentParser(prog="python -m data_modules.sources.simulated_mri", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("data/mri_simulated"), help="folder to write (%(default)s)")
    parser.add_argument("--patients", type=int, default=SimulatedMri.patients, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=SimulatedMri.seed, help="of everything drawn (%(default)s)")
    parser.add_argument(
        "--interaction",
        type=float,
        default=1.0,
        help="strength of the driving interaction; 0 is the negative control (%(default)s)",
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    arguments = parser.parse_args()
    from rich.console import Console
    from rich.progress import Progress

    errors = Console(stderr=True)
    try:
        source = SimulatedMri(
            patients=arguments.patients,
            seed=arguments.seed,
            interaction=arguments.interaction,
            workers=arguments.workers,
        )
        with Progress(console=errors) as bar:
            task = bar.add_task("simulating patients", total=None)
            source.write(arguments.root, lambda step, done, total: bar.update(task, completed=done, total=total))
    except FusionError as error:
        errors.print(str(error), style="red", markup=False)
        return 2
    Console().print(f"SIMULATED cohort of {arguments.patients} patients in {arguments.root}", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
