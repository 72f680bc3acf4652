"""``python -m data_modules.sources.simulated_mri --root R``: write the MRI cohort alone, any size, any seed."""

from __future__ import annotations

import sys
from pathlib import Path

from data_modules.sources.simulated.command import run_command
from data_modules.sources.simulated_mri.source import SimulatedMri

if __name__ == "__main__":
    program = "python -m data_modules.sources.simulated_mri"
    sys.exit(run_command(SimulatedMri, program=program, description=__doc__ or "", root=Path("data/mri_simulated")))
