"""Draw all patients of a simulated cohort and write their files and their truth."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_modules.sources.simulated import tables
from data_modules.sources.simulated.design import SITES, Outcome, auroc, draw_outcome, lymphocyte_rich
from data_modules.sources.simulated.genomes import (
    Allele,
    Germline,
    Somatic,
    add_passengers,
    draw_drivers,
    draw_germline,
)
from data_modules.sources.simulated.progression import Progression, draw_progression
from data_modules.sources.simulated.slides import SlideJob, write_slide
from data_modules.sources.simulated.tissue import GRID, TRUTH_GRID, Region
from data_modules.sources.simulated.vcf import write_germline, write_somatic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from fusion.contract import Progress

_LACK_SLIDE, _LACK_VARIANTS = 0.04, 0.03


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A cohort before it is written; arrays are ``(patient,)`` in the order of `ids`."""

    ids: list[str]
    somatic: Somatic
    germline: Germline
    deficient: NDArray[np.bool_]
    rich: NDArray[np.bool_]
    clinical: pd.DataFrame
    outcome: Outcome
    progression: Progression
    has_slide: NDArray[np.bool_]
    has_variants: NDArray[np.bool_]

    @property
    def causes(self) -> dict[int, list[Allele]]:
        """Patient's index → the variants that make repair deficient."""
        both = (self.somatic.causes, self.germline.causes)
        return {i: [a for part in both for a in part.get(i, [])] for i in np.flatnonzero(self.deficient).tolist()}


def draw(*, patients: int, seed: int, interaction: float) -> Drawn:
    """Draw everything but pixels."""

    def stream(number: int) -> np.random.Generator:
        return np.random.default_rng([seed, number])

    ids = [f"SIM-BR-{number:04d}" for number in range(1, patients + 1)]
    somatic = draw_drivers(stream(1), patients)
    germline = draw_germline(stream(2), patients)
    deficient = np.zeros(patients, dtype=bool)
    deficient[sorted({*somatic.causes, *germline.causes})] = True
    add_passengers(stream(3), somatic, patients, set(np.flatnonzero(deficient).tolist()))
    rng = stream(6)
    rich = lymphocyte_rich(rng, deficient)
    clinical = tables.draw_clinical(rng, ids, deficient)
    outcome = draw_outcome(
        rng,
        rich=rich,
        deficient=deficient,
        stage=clinical["ajcc_pathologic_stage"].str.rstrip("AB").to_numpy(dtype=str),
        age=clinical["age_at_index"].to_numpy(dtype=float),
        interaction=interaction,
    )
    order = rng.permutation(patients)
    has_slide, has_variants = np.ones(patients, dtype=bool), np.ones(patients, dtype=bool)
    without_slide = round(_LACK_SLIDE * patients)
    has_slide[order[:without_slide]] = False
    has_variants[order[without_slide : without_slide + round(_LACK_VARIANTS * patients)]] = False
    progression = draw_progression(
        stream(9), rich=rich, deficient=deficient, clinical=outcome.clinical, interaction=interaction
    )
    return Drawn(
        ids=ids,
        somatic=somatic,
        germline=germline,
        deficient=deficient,
        rich=rich,
        clinical=clinical,
        outcome=outcome,
        progression=progression,
        has_slide=has_slide,
        has_variants=has_variants,
    )


def write_files(
    root: Path, truth: Path, *, patients: int, seed: int, interaction: float, workers: int, progress: Progress | None
) -> None:
    """Fill two empty folders with a cohort and its truth."""
    drawn = draw(patients=patients, seed=seed, interaction=interaction)
    for folder in (root / "slides", root / "variants", truth / "regions"):
        folder.mkdir()
    _write_tables(drawn, root, seed)
    _write_truth(drawn, truth)
    jobs = [
        SlideJob(
            slide=root / "slides" / f"{drawn.ids[i]}.tif",
            regions=truth / "regions" / f"{drawn.ids[i]}.npy",
            seed=seed,
            site=SITES.index(drawn.clinical["tissue_source_site"].iloc[i]),
            number=i,
            lymphocyte_rich=bool(drawn.rich[i]),
        )
        for i in np.flatnonzero(drawn.has_slide).tolist()
    ]
    total = len(jobs) + 2
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress("simulating patients", done, total)

    if workers == 1:
        _write_variants(drawn, root, seed, advance)
        for job in jobs:
            write_slide(job)
            advance()
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(write_slide, job) for job in jobs]
        try:
            _write_variants(drawn, root, seed, advance)
            for future in as_completed(futures):
                future.result()
                advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_variants(drawn: Drawn, root: Path, seed: int, advance: Callable[[], None]) -> None:
    sequenced = np.flatnonzero(drawn.has_variants).tolist()
    folder = root / "variants"
    rng = np.random.default_rng([seed, 7])
    write_somatic(folder / "somatic.vcf.gz", rng, drawn.somatic, {i: f"{drawn.ids[i]}-T" for i in sequenced})
    advance()
    write_germline(folder / "germline.vcf.gz", rng, drawn.germline, {i: f"{drawn.ids[i]}-N" for i in sequenced})
    advance()


def _write_tables(drawn: Drawn, root: Path, seed: int) -> None:
    rng = np.random.default_rng([seed, 8])
    response = drawn.outcome.response
    clinical = tables.blank(rng, tables.add_course(rng, drawn.clinical, response))
    treatment = tables.draw_treatment(rng, drawn.ids, response)
    sheet = tables.sample_sheet(
        drawn.ids,
        slides={drawn.ids[i] for i in np.flatnonzero(drawn.has_slide)},
        variants={drawn.ids[i] for i in np.flatnonzero(drawn.has_variants)},
    )
    for name, table in (("clinical", clinical), ("treatment", treatment), ("sample_sheet", sheet)):
        table.to_csv(root / f"{name}.tsv", sep="\t", index=False, lineterminator="\n")


def _write_truth(drawn: Drawn, truth: Path) -> None:
    patients = pd.DataFrame(
        {
            "patient_id": drawn.ids,
            "probability": drawn.outcome.probability,
            "response": drawn.outcome.response,
            "lymphocyte_rich": drawn.rich,
            "deficient_repair": drawn.deficient,
            "clinical_effect": drawn.outcome.clinical,
            "has_slide": drawn.has_slide,
            "has_variants": drawn.has_variants,
        }
    )
    patients.to_parquet(truth / "truth.parquet", index=False)
    driving = [
        (
            drawn.ids[i],
            a.contig,
            a.position,
            a.ref,
            a.alt,
            a.gene,
            a.consequence,
            "germline" if a.pathogenic else "somatic",
        )
        for i, alleles in sorted(drawn.causes.items())
        for a in alleles
    ]
    columns = ["patient_id", "CHROM", "POS", "REF", "ALT", "gene", "consequence", "origin"]
    variants = pd.DataFrame(driving, columns=columns)
    variants.to_csv(truth / "variants.tsv", sep="\t", index=False, lineterminator="\n")
    genes = variants.groupby("gene")["patient_id"].nunique().sort_values(ascending=False, kind="stable")
    genes.rename("patients").to_csv(truth / "genes.tsv", sep="\t", lineterminator="\n")
    legend = {
        "microns_per_cell": TRUTH_GRID,
        "drawn_at_microns": GRID,
        "driving": "TUMOUR_INFILTRATED",
        "labels": {region.name: int(region) for region in Region},
    }
    (truth / "regions.json").write_text(json.dumps(legend, indent=1) + "\n", encoding="utf-8")
    oracle = {
        "auroc": auroc(drawn.outcome.response, drawn.outcome.probability),
        "prevalence": float(drawn.outcome.response.mean()),
        "patients": len(drawn.ids),
    }
    (truth / "oracle.json").write_text(json.dumps(oracle, indent=1) + "\n", encoding="utf-8")
