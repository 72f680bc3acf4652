"""Breast MRI that never was: volumes before and after contrast, as NIfTI and as DICOM, with a known truth.

SIMULATED: see `design` for what drives response in it, and why no number from it says anything about patients.
"""

from data_modules.sources.simulated_mri.source import SimulatedMri, write_cohort

__all__ = ["SimulatedMri", "write_cohort"]
