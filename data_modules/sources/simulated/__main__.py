"""``python -m data_modules.sources.simulated --root R``: write the embedded cohort alone, any size, any seed."""

from __future__ import annotations

import sys
from pathlib import Path

from data_modules.sources.simulated.command import run_command
from data_modules.sources.simulated.source import SimulatedSource

if __name__ == "__main__":
    program = "python -m data_modules.sources.simulated"
    root = Path("data/tcga_brca_simulated")
    sys.exit(run_command(SimulatedSource, program=program, description=__doc__ or "", root=root))
