"""What is measured of an example's patients, drawn and written by the generators of the embedded cohorts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data_modules.sources.example.patients import Patients
from data_modules.sources.simulated.genomes import Allele, Somatic

_CLASSES = {
    "nonsynonymous_SNV": "Missense_Mutation", "stopgain": "Nonsense_Mutation", "frameshift_deletion": "Frame_Shift_Del",
    "frameshift_insertion": "Frame_Shift_Ins", "nonframeshift_deletion": "In_Frame_Del", "synonymous_SNV": "Silent",
    "splicing": "Splice_Site", "intronic": "Intron", "UTR3": "3'UTR", "UTR5": "5'UTR", "intergenic": "IGR",
}  # fmt: skip
"""ANNOVAR's consequence → a MAF's Variant_Classification."""


def write_tables(folder: Path, patients: Patients, seed: int) -> None:
    """``labs.tsv``: laboratory values, some missing; separated by tab, ids as of samples."""
    rng = np.random.default_rng([seed, 2])
    count = len(patients.ids)
    labs = pd.DataFrame(
        {
            "sample": [f"{patient}-blood" for patient in patients.ids],
            "ldh_baseline": rng.gamma(9, 25, count).round(),
            "crp_baseline": (rng.gamma(1.5, 6, count) - 3 * patients.responds).clip(0.2).round(1),
            "albumin_baseline": rng.normal(40, 4, count).round(1),
        }
    )
    labs.loc[rng.choice(patients.measured, 2, replace=False), "crp_baseline"] = np.nan
    labs[: patients.measured].to_csv(folder / "labs.tsv", sep="\t", index=False, lineterminator="\n")


def write_slides(folder: Path, patients: Patients, seed: int) -> None:
    """``slides/<patient>.tif``: pyramids of half a millimetre of tissue, with lymphocytes in tumours that respond."""
    from data_modules.sources.simulated.slides import write_pyramid
    from data_modules.sources.simulated.stain import render, site_stain
    from data_modules.sources.simulated.tissue import draw_tissue

    (folder / "slides").mkdir()
    for number in range(patients.measured):
        rng = np.random.default_rng([seed, 3, number])
        tissue = draw_tissue(rng, lymphocyte_rich=bool(patients.responds[number]))
        stain = site_stain(np.random.default_rng([seed, 4]), rng)
        write_pyramid(folder / "slides" / f"{patients.ids[number]}.tif", render(rng, tissue, stain))


def write_variants(folder: Path, patients: Patients, seed: int) -> None:
    """``germline.vcf.gz`` and ``somatic.vcf.gz``, one column a patient, and ``somatic.maf``, a line a mutation; GRCh38.

    The MAF holds what the somatic VCF's caller let pass: the same mutations in the other format.
    """
    from data_modules.sources.simulated.genomes import add_passengers, draw_drivers, draw_germline
    from data_modules.sources.simulated.vcf import write_germline, write_somatic

    rng = np.random.default_rng([seed, 5])
    somatic = draw_drivers(rng, len(patients.ids))
    add_passengers(rng, somatic, len(patients.ids), set(np.flatnonzero(patients.responds).tolist()))
    germline = draw_germline(rng, len(patients.ids), polymorphisms=200)
    columns = {at: patients.ids[at] for at in range(patients.measured)}
    write_germline(folder / "germline.vcf.gz", rng, germline, columns)
    write_somatic(folder / "somatic.vcf.gz", rng, somatic, columns)
    _maf(somatic, patients).to_csv(folder / "somatic.maf", sep="\t", index=False, lineterminator="\n")


def _maf(somatic: Somatic, patients: Patients) -> pd.DataFrame:
    """Calls that passed, by patient and place; a MAF does not repeat the base before an insertion or deletion."""
    lines = [
        (carrier, allele)
        for allele, carriers in somatic.carriers.items()
        if allele not in somatic.filters
        for carrier in carriers
        if carrier < patients.measured
    ]
    return pd.DataFrame([_line(patients.ids[carrier], allele) for carrier, allele in sorted(lines)])


def _line(patient: str, allele: Allele) -> dict[str, object]:
    ref, alt, start = allele.ref, allele.alt, allele.position
    kind, end = "SNP", start
    if len(ref) > len(alt):
        kind, ref, alt, start = "DEL", ref[1:], "-", start + 1
        end = start + len(ref) - 1
    elif len(alt) > len(ref):
        kind, ref, alt, end = "INS", "-", alt[1:], start + 1
    return {
        "Hugo_Symbol": allele.gene, "NCBI_Build": "GRCh38", "Chromosome": allele.contig, "Start_Position": start,
        "End_Position": end, "Variant_Classification": _CLASSES[allele.consequence], "Variant_Type": kind,
        "Reference_Allele": ref, "Tumor_Seq_Allele1": ref, "Tumor_Seq_Allele2": alt, "Tumor_Sample_Barcode": patient,
    }  # fmt: skip


def write_volumes(folder: Path, patients: Patients, seed: int) -> None:
    """``volumes/<patient>/t1_pre.nii.gz`` and ``t1_post.nii.gz``: a breast before and after contrast."""
    from data_modules.sources.simulated_mri.anatomy import SPACING, Breast, draw_breast
    from data_modules.sources.simulated_mri.files import store_as, write_nifti

    affine = np.diag([*SPACING, 1.0])
    for number in range(patients.measured):
        rng = np.random.default_rng([seed, 6, number])
        breast = Breast(rim=bool(patients.responds[number]), enhancement=float(rng.uniform(0.9, 1.6)), gain=1.0)
        drawn = draw_breast(rng, breast)
        for name, values in (("t1_pre", drawn.pre), ("t1_post", drawn.post)):
            path = folder / "volumes" / patients.ids[number] / f"{name}.nii.gz"
            write_nifti(path, store_as(values, affine, "LAS"))
