"""Unusual but sound MAFs, ingested at once: each gives the calls worked out by hand; a refusal of any is a failure."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.ingest import GenotypeFilters, SparkSettings, VcfFile
from data_modules.ingest.variants.maf_ingest import MafIngest
from data_modules.ingest.variants.store import VariantStore, variant_names

if TYPE_CHECKING:
    from tests.data_modules.ingest.variants.hail.conftest import Sound

NAMES = ["Hugo_Symbol", "NCBI_Build", "Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2"]
NAMES += ["Variant_Classification", "Tumor_Sample_Barcode", "Mutation_Status", "t_vaf"]
SNV, DELETION = "17:7675088:C>T", "10:100000:AG>-"


def maf(sample: str, separator: str = "\t", *, build: str = "GRCh37", status: str = "Somatic", **cells: str) -> str:
    """The two variants in one sample; `cells` replaces what is written: t, position, snv, deletion (alleles)."""
    snv = ["TP53", build, "17", "7675088", *cells.get("snv", "C>T").split(">"), "Missense_Mutation", sample, status]
    deletion = ["GATA3", build, "10", cells.get("position", "100000"), *cells.get("deletion", "AG>-").split(">")]
    deletion += ["Frame_Shift_Del", sample, status]
    return "".join(separator.join(row) + "\n" for row in (NAMES, [*snv, "0.25"], [*deletion, ""]))


def write(folder: Path) -> None:
    def plain(name: str, text: str, encoding: str = "utf-8") -> None:
        (folder / name).write_bytes(text.encode(encoding))

    plain("marked.maf", maf("marked").replace("\n", "\r\n"), "utf-8-sig")
    plain("hash.maf", maf("1234_0#001"))
    plain("true.maf", maf("true", snv="C>TRUE"))
    plain("text.maf.gz", maf("text"))
    (folder / "packed.txt").write_bytes(gzip.compress(maf("packed").encode()))
    head, *rows = maf("trailing").splitlines()
    plain("trailing.maf", "\n".join([head, *(f"{row}\t\t" for row in rows), ""]))
    plain("comments.txt", "#version 2.4\n#sequenced_samples: comments nobody\n" + maf("comments"))
    plain("lower.maf", maf("lower", snv="c>t", deletion="ag>-").replace("\t17\t", "\tchr17\t"))
    plain("builds.maf", maf("builds", build="NA") + maf("builds_2", build=".").partition("\n")[2])
    plain("status.maf", maf("status", status="SOMATIC") + maf("germline", status="Germline").partition("\n")[2])
    plain("floats.maf", maf("floats", position="1e+05").replace("7675088", "7675088.0"))
    quoted = "\n".join("\t".join(f'"{cell}"' for cell in row.split("\t")) for row in maf("quoted").splitlines())
    plain("quoted.maf", quoted + "\n")
    plain("commas.csv", maf("commas", ","))
    plain("wide.txt", maf("wide"), "utf-16")
    plain(
        "passed.maf",
        maf("passed")
        .replace("t_vaf", "t_vaf\tFILTER")
        .replace("0.25", "0.25\tpass")
        .replace("Somatic\t\n", "Somatic\t\tPASS\n"),
    )
    plain(
        "homozygous.maf",
        maf("homozygous")
        .replace("t_vaf", "t_vaf\tTumor_Seq_Allele1")
        .replace("0.25", "0.25\tT")
        .replace("Somatic\t\n", "Somatic\t\tAG\n"),
    )
    plain("worded.maf", maf("aaa").replace("TP53", "Unknown").replace("Missense_Mutation", "Intron"))


SAMPLES = ("marked", "1234_0#001", "true", "text", "packed", "trailing", "comments", "lower", "builds", "builds_2",
           "status", "floats", "quoted", "commas", "wide", "passed", "aaa")  # fmt: skip


def ingest_of(folder: Path, scratch: Path) -> MafIngest:
    """The files in `folder`, written there, as one ingest."""
    write(folder)
    return MafIngest(
        key="modality.variants",
        files=tuple(VcfFile(path=path, origin="somatic") for path in sorted(folder.iterdir())),
        filters={"somatic": GenotypeFilters(accept=("PASS",))},
        annotation=AnnotationSettings(),
        build="GRCh37",
        spark=SparkSettings(master="local[1]", driver_memory="1g", scratch=str(scratch)),
        cache=folder / "cache",
    )


@pytest.fixture(scope="module")
def store(sound: Sound) -> VariantStore:
    return sound.stores["maf"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_calls_of_a_sound_maf(store: VariantStore, sample: str) -> None:
    column = store.samples.index(sample)
    carried = np.flatnonzero(store.dosage[:, column] == 1)
    assert sorted(np.array(variant_names(store.variants))[carried]) == [DELETION, SNV]


def test_both_chromosomes(store: VariantStore) -> None:
    column = store.samples.index("homozygous")
    assert dict(zip(variant_names(store.variants), store.dosage[:, column].tolist(), strict=True)) == {
        DELETION: 1, SNV: 2}  # fmt: skip


def test_a_variant_has_the_worst_consequence_and_the_gene_that_any_line_knows(store: VariantStore) -> None:
    """The first sample's line calls it an intron of no gene."""
    assert store.variants["consequence"].tolist() == ["frameshift", "nonsynonymous"]


def test_who_was_sequenced_and_has_no_mutation(store: VariantStore) -> None:
    assert not (store.dosage[:, store.samples.index("nobody")] == 1).any()


def test_germline_lines_are_no_somatic_calls(store: VariantStore) -> None:
    assert not (store.dosage[:, store.samples.index("germline")] == 1).any()
    assert store.qc["sites"]["Mutation_Status Germline"] == 2


def test_nothing_else_is_in_the_store(store: VariantStore) -> None:
    assert variant_names(store.variants) == [DELETION, SNV]
    assert store.variants["gene"].tolist() == ["GATA3", "TP53"]


def test_allele_fractions_where_the_file_gives_no_reads(store: VariantStore) -> None:
    assert store.vaf is not None
    assert store.vaf.value.tolist() == pytest.approx([0.25] * (len(SAMPLES) + 1))
