"""The embedded cohort: breast tumours that never were, in the formats real ones come in, with a known truth.

SIMULATED: see `design` for what drives response in it, and why no number from it says anything about patients.
"""

from data_modules.sources.simulated.source import SimulatedSource, write_cohort

__all__ = ["SimulatedSource", "write_cohort"]
