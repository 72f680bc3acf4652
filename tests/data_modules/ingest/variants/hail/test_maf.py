"""MAF through Hail: invented calls in three dialects with the store worked out by hand; the real MAF against pandas."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.ingest import GenotypeFilters, InputSettings, SparkSettings, VcfFile
from data_modules.ingest.variants.maf_ingest import MafIngest
from data_modules.ingest.variants.store import NOT_LISTED, variant_names

REAL = Path(__file__).parents[6] / "shared" / "data" / "tcga_brca" / "somatic_grch37.maf.gz"

GDC = ["Hugo_Symbol", "Chromosome", "Start_Position", "NCBI_Build", "Reference_Allele", "Tumor_Seq_Allele1"]
GDC += ["Tumor_Seq_Allele2", "Variant_Classification", "Tumor_Sample_Barcode", "HGVSp_Short", "t_depth", "FILTER"]
GDC_CALLS = [
    ["TP53", "chr17", "7675088", "GRCh37", "C", "C", "T", "Missense_Mutation", "XX-1-01A", "p.R175H", "40", "PASS"],
    ["TP53", "chr17", "7675088", "GRCh37", "C", "C", "T", "Intron", "XX-1-01A", "", "40", "PASS"],  # another transcript
    ["GATA3", "chr10", "101", "GRCh37", "AG", "AG", "-", "Frame_Shift_Del", "XX-2-01A", "p.E5fs", "30", "PASS"],
    ["GATA3", "chr10", "300", "GRCh37", "-", "-", "T", "Frame_Shift_Ins", "XX-1-01A", "p.L9fs", "30", "PASS"],
    [
        "KRAS",
        "chr12",
        "50",
        "GRCh37",
        "C",
        "T",
        "C",
        "Nonsense_Mutation",
        "XX-2-01A",
        "p.Q6*",
        "30",
        "PASS",
    ],  # allele 1
    ["MUC4", "chr3", "60", "GRCh37", "C", "C", "A", "Silent", "XX-2-01A", "", "30", "panel_of_normals"],
    ["MUC4", "chr3", "61", "GRCh37", "C", "C", "A", "Silent", "XX-2-01A", "", "3", "PASS"],  # too few reads
    ["ODD", "chrUn_1", "60", "GRCh37", "C", "C", "A", "Silent", "XX-3-01A", "", "30", "PASS"],
    ["ODD", "chr3", "62", "GRCh37", "C", "C", "N", "Silent", "XX-2-01A", "", "30", "PASS"],
    ["ODD", "chr3", "63", "GRCh37", "C", "C", "C", "Silent", "XX-2-01A", "", "30", "PASS"],
]
GDC += ["SIFT", "PolyPhen", "t_alt_count"]
GDC_CALLS = [[*call, "deleterious(0.01)", "", "10"] for call in GDC_CALLS]
FIREHOSE = ["Hugo_Symbol", "Chromosome", "Start_position", "NCBI_Build", "Reference_Allele", "Tumor_Seq_Allele2"]
FIREHOSE += ["Variant_Classification", "Tumor_Sample_Barcode", "Protein_Change", "i_t_alt_count", "i_t_ref_count"]
FIREHOSE_CALLS = [
    ["AR", "23", "500", "37", "A", "G", "Start_Codon_SNP", "XX-4-01", "p.M1V", "10", "20"],
    ["TP53", "17", "7675088", "37", "C", "T", "Missense_Mutation", "XX-4-01", "p.R175H", "5.0", "20.0"],
    ["TP53", "17", "7675089", "37", "C", "T", "Missense_Mutation", "XX-4-01", "p.R175C", "2", "3"],  # 5 reads
]
CBIO = ["Hugo_Symbol", "Entrez_Gene_Id", "Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2"]
CBIO += ["Variant_Classification", "Tumor_Sample_Barcode", "HGVSp_Short"]
CBIO_CALLS = [["TTN", "7273", "2", "700", "CAA", "CAG", "Weird_Class", "XX-5", "p.K1R"]]  # padded: 702 A>G

EXPECTED = {  # variant → (samples, gene, consequence)
    "2:702:A>G": (["XX-5"], "TTN", "other"),
    "10:101:AG>-": (["XX-2-01A"], "GATA3", "frameshift"),
    "10:301:->T": (["XX-1-01A"], "GATA3", "frameshift"),
    "12:50:C>T": (["XX-2-01A"], "KRAS", "stopgain"),
    "17:7675088:C>T": (["XX-1-01A", "XX-4-01"], "TP53", "nonsynonymous"),
    "X:500:A>G": (["XX-4-01"], "AR", "startloss"),
}


def write_maf(path: Path, header: Sequence[str], calls: Sequence[Sequence[str]], *, comment: str = "") -> Path:
    text = comment + "\n".join("\t".join(line) for line in (header, *calls)) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def ingest(files: Sequence[Path], cache: Path, *, build: str | None = "GRCh37") -> MafIngest:
    return MafIngest(
        key="modality.variants",
        files=tuple(VcfFile(path=path, origin="somatic") for path in files),
        filters={"somatic": GenotypeFilters(accept=("PASS",), min_dp=8)},
        annotation=AnnotationSettings(),
        build=build,
        spark=SparkSettings(master="local[1]", driver_memory="1g"),
        cache=cache,
    )


def silent(step: str, done: int, total: int) -> None:
    del step, done, total


@pytest.fixture(scope="module")
def dialects(tmp_path_factory: pytest.TempPathFactory) -> MafIngest:
    """Three files in three dialects, one of them gzipped, ingested once."""
    folder = tmp_path_factory.mktemp("maf")
    files = [
        write_maf(folder / "a.maf.gz", GDC, GDC_CALLS, comment="#version gdc-1.0.0\n"),
        write_maf(folder / "b.maf", FIREHOSE, FIREHOSE_CALLS),
        write_maf(folder / "data_mutations.txt", CBIO, CBIO_CALLS),
    ]
    made = ingest(files, folder / "cache")
    assert made.check() == []
    made.run(silent)
    return made


def test_three_dialects_make_one_store(dialects: MafIngest) -> None:
    store = dialects.stores()["somatic"]
    assert store.build == "GRCh37" and store.samples == tuple(sorted(dialects.samples("somatic")))
    assert variant_names(store.variants) == list(EXPECTED)
    for row, (samples, gene, consequence) in enumerate(EXPECTED.values()):
        assert [store.samples[i] for i in np.flatnonzero(store.dosage[row] == 1)] == samples
        assert store.variants.loc[row, ["gene", "consequence"]].tolist() == [gene, consequence]
    assert set(np.unique(store.dosage)) == {1, NOT_LISTED}


def test_scores_and_allele_fractions(dialects: MafIngest) -> None:
    store = dialects.stores()["somatic"]
    names = variant_names(store.variants)
    sift = dict(zip(names, store.variants["sift"].fillna(-1), strict=True))
    assert sift["17:7675088:C>T"] == pytest.approx(0.01) and sift["X:500:A>G"] == -1
    assert store.variants["polyphen"].isna().all()
    assert store.vaf is not None
    shares = {
        (names[row], store.samples[column]): float(value)
        for row, column, value in zip(store.vaf.row, store.vaf.column, store.vaf.value, strict=True)
    }
    assert shares["17:7675088:C>T", "XX-1-01A"] == pytest.approx(0.25)
    assert shares["17:7675088:C>T", "XX-4-01"] == pytest.approx(0.2)
    assert not any(sample == "XX-5" for _, sample in shares), "its file gives no reads"


def test_what_was_dropped_is_counted(dialects: MafIngest) -> None:
    qc = dialects.stores()["somatic"].qc
    assert qc["dialects"] == {"a.maf.gz": "gdc", "b.maf": "firehose", "data_mutations.txt": "cbioportal"}
    assert qc["sites"] == {
        "read": 14,
        "duplicate": 1,
        "FILTER": 1,
        "allele is not made of A, C, G, T": 1,
        "contig": 1,
        "depth": 2,
        "no alternate allele": 1,
    }


def test_cache_and_process_wall(dialects: MafIngest) -> None:
    import sys

    folder = dialects.entry.folder
    assert dialects.run(silent) == folder and dialects.entry.complete
    assert not list(folder.rglob("scratch")) and "hail" not in sys.modules


def test_problems_are_seen_before_hail(tmp_path: Path) -> None:
    path = write_maf(tmp_path / "a.maf", GDC, GDC_CALLS)
    assert (
        "NCBI_Build of a.maf is GRCh37 and cohort.build is GRCh38"
        in ingest([path], tmp_path, build="GRCh38").check()[0]
    )
    chained = replace(ingest([path], tmp_path), inputs=InputSettings(chain=path))
    assert "modality.variants.inputs.chain is for VCFs" in chained.check()[0]
    assert "cohort.build=None" in ingest([path], tmp_path, build=None).check()[0]
    assert "lists no variant" in ingest([write_maf(tmp_path / "b.maf", GDC, [])], tmp_path).check()[0]
    empty = write_maf(tmp_path / "empty.maf", GDC, [])
    (said,) = ingest([path, empty], tmp_path).check()
    assert "empty.maf lists no variant and names no sample" in said and "modality.variants.inputs.names=file" in said
    by_name = replace(ingest([path, empty], tmp_path), inputs=InputSettings(names="file"))
    assert by_name.check() == [] and "empty.maf list no variant" in by_name.said("somatic")[0]
    empty.write_text("#tumor.aliquots.submitter_id S9\n" + empty.read_text())
    named = ingest([path, empty], tmp_path)
    assert named.check() == [] and "S9" in named.samples("somatic")
    other = write_maf(tmp_path / "c.maf", ["a", "b"], [["1", "2"]])
    assert "needs the columns Hugo_Symbol" in ingest([other], tmp_path).check()[0]
    cut = tmp_path / "d.maf.gz"
    cut.write_bytes(gzip.compress("\n".join("\t".join(line) for line in (GDC, *GDC_CALLS * 400)).encode())[:-60])
    assert "damaged" in ingest([cut], tmp_path).check()[0]


@pytest.mark.skipif(not REAL.is_file(), reason=f"the real TCGA-BRCA MAF is absent: {REAL}")
def test_real_maf_equals_pandas(tmp_path: Path) -> None:
    """Every twentieth of its lines, in their order: all of them take longer than the rest of this file."""
    table = pd.read_csv(REAL, sep="\t", dtype=str, keep_default_na=False).iloc[::20]
    some = tmp_path / "some.maf"
    table.to_csv(some, sep="\t", index=False)
    made = replace(ingest([some], tmp_path), filters={"somatic": GenotypeFilters(accept=("PASS",))})
    assert made.check() == []
    made.run(silent)
    store = made.stores()["somatic"]
    place = ["Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2"]
    patients = table["Tumor_Sample_Barcode"].nunique()
    assert store.dosage.shape == (len(table.drop_duplicates(place)), patients)
    assert len(table) > 3_000 and store.qc["sites"]["read"] == len(table)
    indels = store.variants["ref"].eq("-") | store.variants["alt"].eq("-")
    carried = (store.dosage == 1).astype(int)
    counts = pd.Series(carried[indels.to_numpy()].sum(axis=0), index=store.samples)
    truth = table[table["Variant_Type"].isin(["INS", "DEL"])].groupby("Tumor_Sample_Barcode").size()
    pd.testing.assert_series_equal(
        counts, truth.reindex(counts.index).fillna(0), check_names=False, check_dtype=False, obj="indels a patient"
    )
    assert (store.variants["contig"] == "X").sum() > 120
