"""Whose samples went through ingest and left nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from data_modules.patient_ids import PatientIds


def uncalled(folder: Path, patient_ids: PatientIds) -> dict[str, str]:
    """Patient → why, of patients in none of whose samples a genotype was called and passed the filters.

    A sample of which no site is listed has not failed: `absent_is` says what that means.

    Args:
        folder: of the store; nobody, where it has not been made yet.
        patient_ids: whose sample is whose.
    """
    if not (folder / "samples.parquet").is_file():
        return {}
    import pandas as pd

    samples = pd.read_parquet(folder / "samples.parquet")
    samples = samples[samples["kept"]]
    matched, _ = patient_ids.map(list(samples["sample"]))
    empty = samples.loc[(samples["listed"] > 0) & (samples["called"] == 0), ["sample", "listed"]]
    said = {
        str(name): f"{name}: none of {listed:.0f} listed genotypes was called and passed the filters"
        for name, listed in empty.itertuples(index=False)
    }
    good = {patient for sample, patient in matched.items() if sample not in said}
    lost: dict[str, list[str]] = {}
    for sample, patient in matched.items():
        if patient not in good:
            lost.setdefault(patient, []).append(said[sample])
    return {patient: "; ".join(why) for patient, why in sorted(lost.items())}
