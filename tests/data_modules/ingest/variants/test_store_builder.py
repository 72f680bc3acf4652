"""Lines as Hail exports them → a matrix, by hand: whose a line is, what is dropped and why, what comes twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modules.ingest.variants import store_builder
from data_modules.ingest.variants.annotation.records import Annotation
from data_modules.ingest.variants.files.bundle import groups
from data_modules.ingest.variants.files.chain import write_chain
from data_modules.ingest.variants.files.reference import Reference
from data_modules.ingest.variants.qc import draw, sample_table
from data_modules.ingest.variants.results import refuse_empty, said, write_results
from data_modules.ingest.variants.store import MISSING, NOT_LISTED, VariantStore, write_store
from data_modules.ingest.variants.store_builder import Source, StoreBuilder, source_of
from fusion.contract import FusionError


def row(
    position: int, digits: str, *, alts: str = "C", source: int = 0, passes: str = "true", **more: str
) -> list[str]:
    least = more.get("least", ",".join(f"chr1:{position}:A:{alt}" for alt in alts.split(",")))
    extra = [more.get("depths", ""), more.get("shares", "")]
    return ["chr1", str(position), "A", alts, str(source), passes, least, digits, *extra]


def test_files_of_other_patients_read_together() -> None:
    sources = [Source(name="a.vcf", samples=("A", None)), Source(name="b.vcf", samples=(None, "B"))]
    builder = StoreBuilder(sources=sources)
    lines = [row(10, "12", source=0), row(10, "01", source=1), row(20, "21", source=1), row(30, "30", source=0)]
    builder.add(lines, sources, {("1", 10, "A", "C"): [Annotation(gene="G")]})
    assert builder.samples == ["A", "B"]
    assert builder.dosage().tolist() == [[1, 1], [NOT_LISTED, 1], [MISSING, NOT_LISTED]]
    assert builder.variants("somatic")["gene"].fillna("").tolist() == ["G", "", ""]
    assert builder.variants("somatic")["file"].tolist() == ["a.vcf", "b.vcf", "a.vcf"]
    assert builder.genotypes == {"read": 4, "kept": 3, "uncalled": 1, "low_gq": 0, "low_dp": 0, "low_balance": 0}
    assert builder.sites["duplicate"] == 0, "two patients with a variant are no duplicate"


def test_lines_become_blocks_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two lines at a time: what lies in memory as text is never more; the matrix is the same."""
    lines = [row(10 * at, digits, source=at % 2) for at, digits in enumerate(("1", "2", "0", "1", "3"))]
    sources = [Source(name="a.vcf", samples=("A",)), Source(name="b.vcf", samples=("B",))]
    made = []
    for batch in (2, 50_000):
        monkeypatch.setattr(store_builder, "_BATCH", batch)
        builder = StoreBuilder(sources=sources)
        builder.add(lines, sources, {})
        made.append((len(builder._blocks), builder.dosage().tolist(), builder.genotypes))
    assert [blocks for blocks, _, _ in made] == [5, 2], "a block a file and batch"
    assert made[0][1:] == made[1][1:]
    assert made[0][1][:2] == [[1, NOT_LISTED], [NOT_LISTED, 2]]


def test_what_comes_twice_is_merged_and_the_larger_dosage_stands() -> None:
    sources = [Source(name="a.vcf", samples=("A", "B", "C"))]
    builder = StoreBuilder(sources=sources)
    builder.add([row(10, "013"), row(20, "000"), row(10, "104"), row(10, "002")], sources, {})
    assert builder.dosage().tolist() == [[1, 1, 2], [0, 0, 0]]
    assert builder.sites["duplicate"] == 2
    assert builder.reasons["uncalled"].tolist() == [0, 0, 1] and builder.reasons["low_gq"].tolist() == [0, 0, 1]


def test_reasons_for_sites() -> None:
    sources = [Source(name="a.vcf", samples=("A",))]
    builder = StoreBuilder(sources=sources)
    lines = [
        row(10, "", passes="false"),
        row(20, "1,1", alts="*,<DEL>"),
        row(30, "1", least="?lift_unmapped"),
        row(40, "1,1", alts="C,G"),
    ]
    lines += [["chrUn_1", *row(50, "1")[1:]]]
    lines += [row(60, "1,1,1", alts="A,R,N"), row(70, "1", least="chr1:70:N:C")]
    builder.add(lines, sources, {}, lifted=True)
    found = {name: number for name, number in builder.sites.items() if number}
    assert found == {
        "listed": 7, "no_alternate_allele": 1, "ambiguous_base": 3,
        "filter": 1, "star_allele": 1, "symbolic_allele": 1, "lift_unmapped": 1, "other_contig": 1,
        "multi_allelic_split": 3,
    }  # fmt: skip


def test_depths_and_shares() -> None:
    sources = [Source(name="a.vcf", samples=("A", None, "B"))]
    builder = StoreBuilder(sources=sources)
    lines = [row(10, "101", depths="10,99,-1", shares="0=5000 1=9 2=3333"), row(20, "000", depths="20,99,8")]
    builder.add([*lines, row(10, "100", shares="0=6000")], sources, {})
    assert builder.depth.tolist() == [[30, 8], [2, 1]]
    shares = builder.vaf()
    assert shares is not None
    assert (shares.row.tolist(), shares.column.tolist()) == ([0, 0], [0, 1])
    assert shares.value.tolist() == pytest.approx([0.6, 0.3333])


def test_indels_are_aligned_and_meet(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_text(">1\nGGGCACACACAGGG\n")
    sources = [Source(name="a.vcf", samples=("A",))]
    builder = StoreBuilder(sources=sources, reference=Reference(path))
    builder.add([row(8, "1", least="chr1:8:CAC:C"), row(6, "2", least="chr1:6:CAC:C")], sources, {})
    assert list(builder.rows) == [("1", 3, "GCA", "G")]
    assert builder.dosage().tolist() == [[2]]
    assert builder.sites["left_aligned"] == 2 and builder.sites["duplicate"] == 1
    lifted = StoreBuilder(sources=sources, reference=Reference(path))
    lifted.add([row(4, "1", least="1:4:G:T"), row(4, "1", least="1:4:C:T")], sources, {}, lifted=True)
    assert list(lifted.rows) == [("1", 4, "C", "T")] and lifted.sites["lift_reference_differs"] == 1


def test_a_store_keeps_scores_and_shares_in_genome_order(tmp_path: Path) -> None:
    sources = [Source(name="a.vcf", samples=("A", "B"))]
    builder = StoreBuilder(sources=sources)
    notes = {("1", 20, "A", "C"): [Annotation(gene="G", sift=0.25, effects="G=utr;H=intronic")]}
    builder.add([row(20, "10", shares="0=2500"), row(10, "01", shares="1=7500")], sources, notes)
    write_store(
        tmp_path,
        variants=builder.variants("somatic"),
        dosage=builder.dosage(),
        samples=builder.samples,
        qc={},
        meta={"build": "GRCh38", "origin": "somatic"},
        vaf=builder.vaf(),
    )
    store = VariantStore.open(tmp_path)
    np.save(tmp_path / "plain.npy", np.array([[0, 1], [1, 0]], dtype=np.int8))
    assert (tmp_path / "dosage.npy").read_bytes() == (tmp_path / "plain.npy").read_bytes()
    assert store.variants["position"].tolist() == [10, 20]
    assert store.vaf is not None and store.vaf.row.tolist() == [1, 0] and store.vaf.value.tolist() == [0.25, 0.75]
    assert store.variants["sift"].tolist()[1] == 0.25 and np.isnan(store.variants["sift"].tolist()[0])
    assert store.variants["effects"].fillna("").tolist() == ["", "G=utr;H=intronic"]


def test_the_figure_of_samples_says_when_they_are_invented(tmp_path: Path) -> None:
    variants = pd.DataFrame({"ref": ["A", "C"], "alt": ["G", "CT"]})
    dosage = np.array([[1, 2, 0], [MISSING, 1, NOT_LISTED]], dtype=np.int8)
    depth = np.array([[30, 0, 10], [2, 0, 1]])
    table = sample_table(variants, dosage, ["A", "B", "C"], depth=depth, reasons={}, normals={"N": "a.vcf"})
    assert table["call_rate"].tolist()[:3] == [0.5, 1.0, 1.0]
    assert table["mean_depth"].fillna(-1).tolist() == [15, -1, 10, -1]
    assert table["insertions"].tolist()[:3] == [0, 1, 0] and table["kept"].tolist() == [True, True, True, False]
    qc = {"sites": {"read": 3, "filter": 1}, "genotypes": {"read": 6}}
    draw(table, qc, tmp_path / "plain.png")
    draw(table, qc, tmp_path / "stamped.png", stamp="SIMULATED")
    assert (tmp_path / "plain.png").read_bytes() != (tmp_path / "stamped.png").read_bytes()


def test_chains_get_the_names_of_hails_genomes(tmp_path: Path) -> None:
    path, out = tmp_path / "over.chain", tmp_path / "out.chain"
    other = "chain 1 chrUn_x 5 + 0 1 chr1 248956422 + 0 1 2\n1\n\n"
    path.write_text(f"{other}chain 9 chr1 249250621 + 0 9 chr1 248956422 + 1 10 1\n9\n\n")
    write_chain(path, out, source="GRCh37", build="GRCh38")
    assert out.read_text() == "chain 9 1 249250621 + 0 9 chr1 248956422 + 1 10 1\n9\n\n"
    with pytest.raises(FusionError, match=r"no chain file from GRCh38 to GRCh37 \(its chr1 has 249250621 bases\)"):
        write_chain(path, out, source="GRCh38", build="GRCh37")
    path.write_text("chr1\t1\t2\n")
    with pytest.raises(FusionError, match="no chain file from GRCh37 to GRCh38"):
        write_chain(path, out, source="GRCh37", build="GRCh38")


def test_results_say_what_was_done_and_what_was_not(tmp_path: Path) -> None:
    genes = tmp_path / "genes.bed"
    genes.write_text("chr1\t0\t15\tA\n")
    facts = {"path": "a.vcf", "compression": "gzip", "filters": {"PASS": 3}}
    file = {
        "name": "a.vcf", "columns": ("A", None), "normals": ("N",), "records": 3, "facts": facts, "build": "GRCh38",
        "compression": "gzip",
    }  # fmt: skip
    job = {
        "build": "GRCh38", "annotation": {}, "filters": {"somatic": {"max_lost": 0.5}},
        "inputs": {"genes": str(genes)}, "out": str(tmp_path / "out"), "hash": "x",
        "settings": {}, "simulated": True,
    }  # fmt: skip
    builder = StoreBuilder(sources=[source_of(file)])
    builder.add([row(10, "13"), row(20, "20")], builder.sources, {})
    write_results(builder, "somatic", job, [file])
    store = VariantStore.open(tmp_path / "out" / "somatic")
    assert store.variants["gene"].fillna("").tolist() == ["A", ""]
    assert store.qc["sites"]["outside_reference"] == 1 and store.qc["sites"]["kept_variants"] == 2
    assert store.qc["samples"] == {"read": 2, "kept": 1, "normal": 1}
    assert store.qc["inputs"]["left alignment"] == "none, for there is no fasta"
    assert store.qc["inputs"]["compression"].startswith("plain gzip, read by one core alone: a.vcf")
    assert store.qc["inputs"]["genes"] == "of 1 variants by place in genes.bed"
    table = pd.read_parquet(store.folder / "samples.parquet")
    assert table["simulated"].all() and table["sample"].tolist() == ["A", "N"]


def test_which_files_are_read_together() -> None:
    def file(name: str, sample: str, *, records: int = 10, gq: str = "1,Integer") -> dict[str, object]:
        facts = {"path": "a.vcf", "compression": "gzip", "fields": {"GT": "1,String", "GQ": gq}}
        plain = {"name": name, "samples": (sample,), "columns": (sample,), "compression": "bgzip", "build": "GRCh38"}
        return {**plain, "records": records, "facts": facts}

    def names(files: list[dict[str, object]], *, bundled: bool = True) -> list[str]:
        return ["".join(str(file["name"]) for file in group) for group in groups(files, bundled=bundled)]

    few = [file("a", "A"), file("b", "B"), file("c", "A")]
    assert names(few) == ["acb"], "small ones together"
    assert names(few, bundled=False) == ["ac", "b"], "of one sample, e.g. one a chromosome"
    large = [file(name, name, records=20_000_000) for name in "abcde"]
    assert names(large[:4]) == ["a", "b", "c", "d"] and names(large) == ["abcde"]
    assert names([*few, file("f", "F", gq="1,Float")]) == ["acb", "f"], "the first one's header would misread the other"


def test_most_lines_with_ambiguous_bases_are_refused_and_few_said(tmp_path: Path) -> None:
    qc = {"sites": {"read": 4, "ambiguous_base": 3, "kept_variants": 1}, "genotypes": {}}
    files = [{"name": "a.vcf", "facts": {"path": "a.vcf", "compression": "plain"}}]
    with pytest.raises(FusionError, match=r"a\.vcf: 3 of 4 lines have alleles not made of A, C, G, T"):
        refuse_empty(qc, {"max_lost": 0.5}, "somatic", files)
    refuse_empty(qc, {"max_lost": 0.8}, "somatic", files)
    assert said(qc, files) == ["a.vcf: left out 3 alleles that are not made of A, C, G and T."]


@pytest.mark.parametrize(
    ("sites", "genotypes", "words"),
    [
        ({"read": 4, "filter": 4, "kept_variants": 0}, {}, r"a\.vcf: none of 4 lines is kept \(filter 4\)\."),
        ({"read": 4, "outside_reference": 2, "other_contig": 1, "kept_variants": 1}, {},
         r"a\.vcf: 3 of 4 lines lie on no chromosome or beyond its end \(chr1\).* or set filters\.somatic\.max_lost"),
        ({"read": 4, "kept_variants": 4}, {"read": 8, "kept": 0, "low_dp": 7, "uncalled": 1},
         r"none of 8 genotypes is kept \(uncalled 1, low dp 7\)\. Lower filters\.somatic\.min_dp=20"),
    ],
)  # fmt: skip
def test_nothing_left_is_an_error(sites: dict[str, int], genotypes: dict[str, int], words: str) -> None:
    files = [{"name": "a.vcf", "facts": {"path": "a.vcf", "compression": "plain", "contigs": {"chr1": 4}}}]
    with pytest.raises(FusionError, match=words):
        refuse_empty({"sites": sites, "genotypes": genotypes}, {"max_lost": 0.5, "min_dp": 20}, "somatic", files)
