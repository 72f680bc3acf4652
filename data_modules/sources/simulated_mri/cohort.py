"""Draw all patients of a simulated MRI cohort and write their files and their truth."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_modules.sources.simulated import tables
from data_modules.sources.simulated.design import SITES, auroc
from data_modules.sources.simulated_mri.anatomy import SHAPE, SPACING, Breast, draw_breast
from data_modules.sources.simulated_mri.design import NEGATIVE, Outcome, balanced, draw_outcome
from data_modules.sources.simulated_mri.files import Stored, store_as, write_nifti, write_series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fusion.contract import Progress

_LACK_VOLUMES, _LACK_PRE, _LACK_POST = 0.04, 0.07, 0.03
_NIFTI_AXES = ("RAS", "LAS", "LPS")
_DICOM_AXES = ("LPS", "PIR")
"""How slices lie: axial, sagittal; `stored` axes are column, row, slice."""
_GAIN = {"S1": 1.0, "S2": 0.7, "S3": 1.6, "S4": 2.4, "S5": 0.9}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One patient's volumes; plain data, for worker processes.

    Attributes:
        folder: of the patient's files.
        lesion: file of the true mask.
        number: of the patient, from 0.
        dicom: DICOM or NIfTI.
        pre, post: whether this volume is written.
    """

    folder: Path
    lesion: Path
    patient: str
    seed: int
    number: int
    breast: Breast
    dicom: bool
    pre: bool
    post: bool


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A cohort before it is written; arrays are ``(patient,)`` in the order of `ids`."""

    ids: list[str]
    clinical: pd.DataFrame
    rim: NDArray[np.bool_]
    negative: NDArray[np.bool_]
    enhancement: NDArray[np.float64]
    outcome: Outcome
    has_pre: NDArray[np.bool_]
    has_post: NDArray[np.bool_]


def draw(*, patients: int, seed: int, interaction: float) -> Cohort:
    """Draw everything but voxels."""
    rng = np.random.default_rng([seed, 101])
    ids = [f"SIM-MR-{number:04d}" for number in range(1, patients + 1)]
    clinical = tables.draw_clinical(rng, ids, np.zeros(patients, dtype=bool))
    negative = balanced(rng, np.ones(patients, dtype=bool), NEGATIVE)
    progesterone = np.where(~negative & (rng.random(patients) < 0.82), "Positive", "Negative")
    clinical = clinical.assign(
        project_id="SIMULATED-MR",
        er_status_by_ihc=np.where(negative, "Negative", "Positive"),
        pr_status_by_ihc=progesterone,
    )
    rim = balanced(rng, negative, 0.5)
    enhancement = rng.normal(1.25, 0.25, patients).clip(0.7, 2.0)
    outcome = draw_outcome(
        rng,
        rim=rim,
        negative=negative,
        enhancement=enhancement,
        stage=clinical["ajcc_pathologic_stage"].str.rstrip("AB").to_numpy(dtype=str),
        age=clinical["age_at_index"].to_numpy(dtype=float),
        interaction=interaction,
    )
    has_pre, has_post = np.ones(patients, dtype=bool), np.ones(patients, dtype=bool)
    order = iter(rng.permutation(patients).tolist())
    for share, lacking in ((_LACK_VOLUMES, (has_pre, has_post)), (_LACK_PRE, (has_pre,)), (_LACK_POST, (has_post,))):
        for _ in range(max(1, round(share * patients))):
            patient = next(order)
            for array in lacking:
                array[patient] = False
    return Cohort(
        ids=ids,
        clinical=clinical,
        rim=rim,
        negative=negative,
        enhancement=enhancement,
        outcome=outcome,
        has_pre=has_pre,
        has_post=has_post,
    )


def write_files(
    root: Path, truth: Path, *, patients: int, seed: int, interaction: float, workers: int, progress: Progress | None
) -> None:
    """Fill two empty folders with a cohort and its truth."""
    drawn = draw(patients=patients, seed=seed, interaction=interaction)
    (root / "volumes").mkdir()
    (truth / "lesions").mkdir()
    _write_tables(drawn, root, seed)
    _write_truth(drawn, truth)
    jobs = _jobs(drawn, root, truth, seed)

    def advance(done: int) -> None:
        if progress is not None:
            progress("simulating patients", done, len(jobs))

    if workers == 1:
        for done, job in enumerate(jobs, start=1):
            write_patient(job)
            advance(done)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(write_patient, job) for job in jobs]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                advance(done)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _jobs(drawn: Cohort, root: Path, truth: Path, seed: int) -> list[Job]:
    sites = drawn.clinical["tissue_source_site"].to_list()
    return [
        Job(
            folder=root / "volumes" / patient,
            lesion=truth / "lesions" / f"{patient}.nii.gz",
            patient=patient,
            seed=seed,
            number=i,
            breast=Breast(rim=bool(drawn.rim[i]), enhancement=float(drawn.enhancement[i]), gain=_GAIN[sites[i]]),
            dicom=SITES.index(sites[i]) % 2 == 0,
            pre=bool(drawn.has_pre[i]),
            post=bool(drawn.has_post[i]),
        )
        for i, patient in enumerate(drawn.ids)
        if drawn.has_pre[i] or drawn.has_post[i]
    ]


def write_patient(job: Job) -> None:
    """Draw one patient's volumes and write them; depends on the seed and the patient's number alone."""
    rng = np.random.default_rng([job.seed, 102, job.number])
    drawn = draw_breast(rng, job.breast)
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = np.array([-60.0, 20.0, -30.0]) + rng.uniform(-8, 8, 3).round(2)
    write_nifti(job.lesion, Stored(values=drawn.lesion.astype(np.float32), affine=affine))
    volumes = {"pre": drawn.pre if job.pre else None, "post": drawn.post if job.post else None}
    if not job.dicom:
        axes = _NIFTI_AXES[job.number % len(_NIFTI_AXES)]
        for name, values in volumes.items():
            if values is not None:
                write_nifti(job.folder / f"t1_{name}.nii.gz", store_as(values, affine, axes))
        return
    axes = _DICOM_AXES[job.number % len(_DICOM_AXES)]
    # A localiser, as every study has: a thick, coarse series that is no input.
    localiser = Stored(values=drawn.pre[::2, ::2, ::8], affine=affine @ np.diag([2.0, 2.0, 8.0, 1.0]))
    file = write_series(
        job.folder, localiser, patient=job.patient, description="LOCALIZER", number=1, start=1, slope=1.0
    )
    for number, (name, values) in enumerate(volumes.items(), start=2):
        if values is not None:
            said = {"pre": "T1 FS PRE", "post": "T1 FS POST 90s"}[name]
            stored = store_as(values, affine, axes)
            file = write_series(
                job.folder, stored, patient=job.patient, description=said, number=number, start=file, slope=0.25
            )


def _write_tables(drawn: Cohort, root: Path, seed: int) -> None:
    rng = np.random.default_rng([seed, 103])
    response = drawn.outcome.response
    clinical = tables.blank(rng, tables.add_course(rng, drawn.clinical, response))
    treatment = tables.draw_treatment(rng, drawn.ids, response)
    for name, table in (("clinical", clinical), ("treatment", treatment)):
        table.to_csv(root / f"{name}.tsv", sep="\t", index=False, lineterminator="\n")


def _write_truth(drawn: Cohort, truth: Path) -> None:
    patients = pd.DataFrame(
        {
            "patient_id": drawn.ids,
            "probability": drawn.outcome.probability,
            "response": drawn.outcome.response,
            "rim_enhancement": drawn.rim,
            "receptor_negative": drawn.negative,
            "enhancement": drawn.enhancement,
            "has_pre": drawn.has_pre,
            "has_post": drawn.has_post,
        }
    )
    patients.to_parquet(truth / "truth.parquet", index=False)
    oracle = {
        "auroc": auroc(drawn.outcome.response, drawn.outcome.probability),
        "prevalence": float(drawn.outcome.response.mean()),
        "patients": len(drawn.ids),
        "grid": list(SHAPE),
    }
    (truth / "oracle.json").write_text(json.dumps(oracle, indent=1) + "\n", encoding="utf-8")
