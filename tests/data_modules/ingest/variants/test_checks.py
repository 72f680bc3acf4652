"""What is wrong with a VCF is said before Hail starts, with the file, the value and the key that mends it."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from data_modules.files import find_files
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.files.vcf import compression_of
from data_modules.ingest.variants.files.vcf_scan import read_facts, scan
from data_modules.ingest.variants.hail.job import read_notes
from data_modules.ingest.variants.ingest import (
    GenotypeFilters,
    InputSettings,
    SparkSettings,
    VariantIngest,
    VcfFile,
)
from fusion.contract import FusionError

GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=chr1,length=248956422>\n"
    "##contig=<ID=chr2,length=242193529>\n"
    '##INFO=<ID=GENE,Number=1,Type=String,Description="a, quoted > text">\n' + GT
)
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n"
LINE = "chr1\t100\t.\tA\tC\t.\tPASS\t.\tGT\t0/1\t0/0\n"


def bgzip(path: Path, text: str) -> Path:
    with pysam.BGZFile(str(path), "wb") as stream:
        stream.write(text.encode())
    return path


def ingest(tmp_path: Path, path: Path, *, build: str | None = "GRCh38") -> VariantIngest:
    return VariantIngest(
        key="modality.variants",
        files=(VcfFile(path=path, origin="somatic"),),
        filters={"somatic": GenotypeFilters(), "germline": GenotypeFilters()},
        annotation=AnnotationSettings(),
        build=build,
        spark=SparkSettings(),
        cache=tmp_path / "cache",
    )


def problems(tmp_path: Path, text: str | bytes, *, name: str = "calls.vcf", build: str | None = "GRCh38") -> list[str]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ingest(tmp_path, path, build=build).check()


def test_a_sound_file_has_none(tmp_path: Path) -> None:
    assert problems(tmp_path, HEADER + COLUMNS + LINE) == []


def test_compression_is_told_by_content(tmp_path: Path) -> None:
    text = HEADER + COLUMNS + LINE
    (tmp_path / "a.vcf.gz").write_text(text)
    (tmp_path / "b.vcf").write_bytes(gzip.compress(text.encode()))
    files = [tmp_path / "a.vcf.gz", tmp_path / "b.vcf", bgzip(tmp_path / "c.vcf.gz", text)]
    assert [compression_of(path) for path in files] == ["plain", "gzip", "bgzip"]
    assert [scan(path).records for path in files] == [1, 1, 1]
    assert [scan(path).problem for path in files] == [None] * 3


def test_lines_without_depths_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "calls.vcf"
    without = LINE.replace("\t100\t", "\t101\t") + LINE.replace("\t100\t", "\t102\t").replace("GT", "GT:ADP")
    with_it = LINE.replace("GT\t0/1\t0/0", "GT:DP\t0/1:9\t0/0:9")
    path.write_text(HEADER + COLUMNS + with_it + without)
    assert (scan(path).problem, scan(path).records, scan(path).depthless) == (None, 3, 2)


def test_a_truncated_block_gzip(tmp_path: Path) -> None:
    whole = bgzip(tmp_path / "calls.vcf.gz", HEADER + COLUMNS + LINE * 5000).read_bytes()
    for cut in (len(whole) // 2, len(whole) - 40, len(whole) - 28):
        (one,) = problems(tmp_path, whole[:cut], name="calls.vcf.gz")
        assert "calls.vcf.gz is truncated" in one and "Fetch or write the file anew" in one


def test_a_truncated_plain_gzip_and_text(tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + COLUMNS + LINE * 5000).encode())
    (one,) = problems(tmp_path, whole[:-30], name="calls.vcf.gz")
    assert "is truncated: its compressed data end after line" in one
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE + LINE[:-8])
    assert "line 8 has 10 columns instead of 11" in one
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE + LINE[:-2])
    assert "its last line, 8, does not end" in one


def test_no_header(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, LINE)
    assert "calls.vcf has no VCF header: its first line is 'chr1" in one
    (one,) = problems(tmp_path, HEADER + LINE)
    assert "has no #CHROM line: line 6 is data already" in one
    (one,) = problems(tmp_path, "")
    assert "is empty" in one


def test_sites_only(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS.split("\tFORMAT")[0] + "\n")
    assert "has no sample columns" in one


def test_no_genotypes(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE.replace("GT", "DP"))
    assert "has no genotypes (GT) at line 7, chr1:100" in one


def test_mixed_contig_spelling(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE + LINE.replace("chr1", "2"))
    assert "calls.vcf mixes contig spellings (chr1 and 2)" in one


def test_wrong_build_by_lengths_and_by_reference(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE, build="GRCh37")
    assert "is of build GRCh38 (by contig lengths) and cohort.build is GRCh37" in one
    bare = "##fileformat=VCFv4.2\n##reference=file:///refs/human_g1k_v37.fasta\n##contig=<ID=1>\n" + GT + COLUMNS
    (one,) = problems(tmp_path, bare + LINE.replace("chr1", "1"))
    assert "is of build GRCh37 (by ##reference=file:///refs/human_g1k_v37.fasta) and cohort.build is GRCh38" in one
    assert problems(tmp_path, bare + LINE.replace("chr1", "1"), build="GRCh37") == []


def test_another_genome_by_lengths(tmp_path: Path) -> None:
    """The first chromosomes of GRCm38 (mouse) and of T2T-CHM13."""
    for length in (195471971, 248387328):
        text = HEADER.replace("248956422", str(length)).replace("242193529", str(length - 1)) + COLUMNS + LINE
        (one,) = problems(tmp_path, text)
        assert f"is of another genome: chr1 has {length} bases, a length of neither GRCh37 nor GRCh38" in one
        assert "Align it to GRCh38" in one
    short = HEADER.replace("248956422", "1000")  # of a simulation; the other chromosome tells the build
    assert problems(tmp_path, short + COLUMNS + LINE) == []


OTHERS = [
    "##reference=file:///d/mm10.fa", "##reference=chm13v2.0.fa.gz", "##contig=<ID=chr1,assembly=GRCm39>",
    "##contig=<ID=chr1,assembly=hg18>",
]  # fmt: skip


@pytest.mark.parametrize("told", OTHERS)
def test_another_genome_by_its_name(tmp_path: Path, told: str) -> None:
    bare = "##fileformat=VCFv4.2\n" + told + "\n" + GT + COLUMNS + LINE
    (one,) = problems(tmp_path, bare)
    assert "is of another genome: its header says" in one


@pytest.mark.parametrize("told", ["##reference=file:///mm10_project/GRCh38.fa", "##reference=hs38DH.fa",
                                  "##contig=<ID=chr1,assembly=hg38>", "##reference=genome.fa"])  # fmt: skip
def test_names_that_are_of_no_other_genome(tmp_path: Path, told: str) -> None:
    assert problems(tmp_path, "##fileformat=VCFv4.2\n" + told + "\n" + GT + COLUMNS + LINE) == []


def test_wrong_build_by_the_assembly_of_contigs(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, "##fileformat=VCFv4.2\n##contig=<ID=chr1,assembly=b37>\n" + GT + COLUMNS + LINE)
    assert "is of build GRCh37 (by assembly=b37)" in one


def test_most_records_on_no_chromosome(tmp_path: Path) -> None:
    """Of each file by itself: others do not make up for it."""
    decoys = "".join(LINE.replace("chr1", f"chrUn_{number}") for number in range(2))
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE + decoys)
    assert "2 of 3 records of calls.vcf are on no chromosome 1 to 22, X, Y or MT (chrUn_0, chrUn_1)" in one
    assert "max_lost above 0.5" in one
    assert problems(tmp_path, HEADER + COLUMNS + LINE + LINE.replace("chr1", "chrUn_0")) == []


def test_a_genotype_of_an_allele_that_is_not_there(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE.replace("0/1\t0/0", "0/0\t0|2"))
    assert "line 7, chr1:100, sample b, 0|2 with 1 alternate alleles" in one
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE.replace("\tC\t", "\t.\t"))
    assert "sample a, 0/1 with 0 alternate alleles" in one
    sound = LINE.replace("\tC\t", "\tC,G\t").replace("0/1\t0/0", "0/2\t1/2")
    assert problems(tmp_path, HEADER + COLUMNS + sound) == []
    other = LINE.replace("GT\t0/1\t0/0", "GT:NOTE\t0/1:3/2\t0/0:1|2")
    assert problems(tmp_path, HEADER + COLUMNS + other) == [], "another field looks like one"


def test_no_build(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE, build=None)
    assert one.startswith("cohort.build=None is no genome build. Set it to one of GRCh37, GRCh38")


def test_a_duplicate_sample(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS.replace("\tb", "\ta") + LINE)
    assert "calls.vcf has the same sample twice (a)" in one


def test_nothing_passes_the_filter(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE.replace("PASS", "."))
    assert "no record of calls.vcf passes its filter; FILTER is ." in one and "modality.variants.filters" in one


def test_no_usable_record(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS)
    assert "calls.vcf has no record. Fetch it anew" in one
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE.replace("chr1", "NC_000001.11"))
    assert "X, Y or MT (NC_000001.11). Rename contigs with `bcftools annotate --rename-chrs`" in one


def of_patients(tmp_path: Path, texts: list[str]) -> VariantIngest:
    paths = [tmp_path / f"P{at}.vcf" for at in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(HEADER + COLUMNS.replace("a\tb", path.stem) + text.replace("\t0/0", ""))
    files = tuple(VcfFile(path=path, origin="somatic") for path in paths)
    return replace(ingest(tmp_path, paths[0]), files=files)


def test_nothing_found_in_few_of_many_patients(tmp_path: Path) -> None:
    sound = of_patients(tmp_path, [LINE] * 8 + ["", LINE.replace("PASS", "weak")])
    assert sound.check() == [] and sound.samples("somatic") == tuple(f"P{at}" for at in range(10))
    (said,) = sound.said("somatic")
    assert said.startswith("P8.vcf, P9.vcf: no record, or none that passes its filter: nothing was found there")
    assert [len(of_patients(tmp_path, [LINE] * 3 + [""]).check()), sound.said("germline")] == [1, []]
    told = of_patients(tmp_path, [LINE] * 7 + ["", "", LINE.replace("PASS", "weak")]).check()
    assert len(told) == 3 and "P7.vcf has no record. Fetch it anew; that nothing was found is taken of few" in told[0]


def test_mutect_ploidy_is_read_and_higher_ploidy_refused(tmp_path: Path) -> None:
    text = HEADER + COLUMNS + LINE.replace("A\tC", "A\tC,G").replace("0/1", "0/1/2")
    assert problems(tmp_path, text) == []
    (one,) = problems(tmp_path, text.replace("0/1/2", "1/1/1/2"))
    assert "has a call of ploidy above two at line 7, chr1:100, sample a: 1/1/1/2" in one


def test_an_info_key_that_the_header_lacks(tmp_path: Path) -> None:
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER + COLUMNS + LINE)
    asked = replace(ingest(tmp_path, path), annotation=AnnotationSettings(gene="SYMBOL"))
    (one,) = asked.check()
    assert "modality.variants.annotation asks for INFO SYMBOL" in one and "It declares GENE" in one


def test_the_facts_are_remembered_by_content(tmp_path: Path) -> None:
    path, cache = tmp_path / "calls.vcf", tmp_path / "cache"
    path.write_text(HEADER + COLUMNS + LINE)
    first = read_facts(path, cache=cache)
    assert first == read_facts(path, cache=cache)
    assert (first.samples, first.info, first.lengths["chr2"]) == (("a", "b"), {"GENE": "1,String"}, 242193529)
    for note in (cache / "vcf").iterdir():
        note.write_text("{}")
    assert read_facts(path, cache=cache) == first


def test_positions_out_of_order(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE + LINE.replace("100", "99"))
    assert "calls.vcf is not sorted: line 8, chr1:99, comes after 100. Use `bcftools sort`" in one
    back = LINE + LINE.replace("chr1", "chr2") + LINE
    (one,) = problems(tmp_path, HEADER + COLUMNS + back)
    assert "calls.vcf is not sorted: line 9 comes back to contig chr1" in one


def test_ploidy_above_two_names_the_sample_even_beside_missing_calls(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE.replace("0/1\t0/0", ".\t1/1/1"))
    assert "line 7, chr1:100, sample b: 1/1/1" in one


def test_wrong_types_and_numbers_in_the_header(tmp_path: Path) -> None:
    wrong = HEADER + '##FORMAT=<ID=DP,Number=.,Type=String,Description="x">\n'
    (one,) = problems(tmp_path, wrong + COLUMNS + LINE)
    assert "calls.vcf declares FORMAT DP as Number=.,Type=String instead of Number=1,Type=Integer" in one
    assert problems(tmp_path, HEADER.replace(GT, "") + COLUMNS + LINE) == [], "GT is what the specification says"
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER.replace("Number=1,Type=String", "Number=0,Type=Flag", 1) + COLUMNS + LINE)
    (one,) = replace(ingest(tmp_path, path), annotation=AnnotationSettings(gene="GENE")).check()
    assert "asks for INFO GENE, which the header of calls.vcf declares as Number,Type=0,Flag instead of a String" in one


def test_a_sample_in_two_files(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.vcf" for name in ("one", "two", "three")]
    paths[0].write_text(HEADER + COLUMNS + LINE)
    paths[1].write_text(HEADER + COLUMNS + LINE.replace("chr1", "chr2"))  # one a chromosome is sound
    paths[2].write_text(HEADER + COLUMNS.replace("\tb", "\tc") + LINE)
    files = tuple(VcfFile(path=path, origin="somatic") for path in paths)
    assert replace(ingest(tmp_path, paths[0]), files=files[:2]).check() == []
    (one,) = replace(ingest(tmp_path, paths[0]), files=files).check()
    assert "one.vcf and three.vcf both hold sample a, on contig 1." in one


def test_normals_of_pairs_are_known_by_header_or_config(tmp_path: Path) -> None:
    path = tmp_path / "pair.vcf"
    path.write_text(HEADER + "##normal_sample=b\n##tumor_sample=a\n" + COLUMNS + LINE)
    by_header = ingest(tmp_path, path)
    assert by_header.samples("somatic") == ("a",)
    by_config = replace(by_header, inputs=InputSettings(tumour=("b",)))
    assert by_config.samples("somatic") == ("b",)
    germline = replace(by_header, files=(VcfFile(path=path, origin="germline"),))
    assert germline.samples("germline") == ("a", "b")


def test_input_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER + COLUMNS + LINE)
    (one,) = replace(ingest(tmp_path, path), inputs=InputSettings(fasta=tmp_path / "hg38.fa")).check()
    assert one == f"modality.variants.fasta={tmp_path / 'hg38.fa'} does not exist. Fetch it, or set it to null."


def test_a_bcf_is_read_by_its_content(tmp_path: Path) -> None:
    path, text = tmp_path / "calls.bcf", tmp_path / "calls.vcf"
    text.write_text(HEADER + COLUMNS + LINE)
    with pysam.VariantFile(str(text)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as target:
        for record in source:
            target.write(record)
    bcf = ingest(tmp_path, path)
    assert bcf.check() == []
    assert bcf.samples("somatic") == ("a", "b") and bcf.facts[path].records == 1
    cut = tmp_path / "cut.bcf"
    cut.write_bytes(path.read_bytes()[:-60])
    (one,) = ingest(tmp_path, cut).check()
    assert "cut.bcf" in one and "truncated" in one


def test_mixed_builds_name_the_odd_file_unless_a_chain_lifts_it(tmp_path: Path) -> None:
    new, old, chain = tmp_path / "new.vcf", tmp_path / "old.vcf", tmp_path / "over.chain"
    new.write_text(HEADER + COLUMNS + LINE)
    lengths = HEADER.replace("248956422", "249250621").replace("242193529", "243199373")
    old.write_text(lengths + COLUMNS.replace("\ta\tb", "\tc\td") + LINE)
    files = tuple(VcfFile(path=path, origin="somatic") for path in (new, old))
    both = replace(ingest(tmp_path, new), files=files)
    (one,) = both.check()
    assert "old.vcf is of build GRCh37 (by contig lengths) and cohort.build is GRCh38" in one
    assert "modality.variants.inputs.chain takes a chain file from GRCh37 to GRCh38" in one
    chain.write_text("chain")
    assert replace(both, inputs=InputSettings(chain=chain)).check() == []


def test_what_is_set_to_another_input_gives_another_store(tmp_path: Path) -> None:
    path, genes = tmp_path / "calls.vcf", tmp_path / "genes.bed"
    path.write_text(HEADER + COLUMNS + LINE)
    genes.write_text("chr1\t0\t9\tA\n")
    plain = ingest(tmp_path, path)
    placed = replace(plain, inputs=InputSettings(genes=genes))
    first = placed.entry.key
    assert first != plain.entry.key
    genes.write_text("chr1\t0\t99\tA\n")
    assert replace(plain, inputs=InputSettings(genes=genes)).entry.key != first


def test_a_matrix_table_is_a_file_that_is_a_folder(tmp_path: Path) -> None:
    table = tmp_path / "calls.mt"
    (table / "rows").mkdir(parents=True)
    assert find_files(tmp_path, ["calls.mt", "*.mt"]) == ([table], [])
    (table / "metadata.json.gz").write_bytes(gzip.compress(b"{}"))
    (one,) = ingest(tmp_path, table).check()
    assert "calls.mt is a MatrixTable that was not written to its end (no _SUCCESS). Write it anew." in one


def test_a_reference_base_that_differs_from_the_genome_is_refused(tmp_path: Path) -> None:
    path, genome = tmp_path / "calls.vcf", tmp_path / "genome.fa"
    path.write_text(HEADER + COLUMNS + LINE)
    genome.write_text(">chr1\n" + "N" * 99 + "C\n")
    made = replace(ingest(tmp_path, path), inputs=InputSettings(fasta=genome))
    assert made.check() == []
    said = r"calls\.vcf, line 7, chr1:100: the reference allele is A, and genome\.fa has C there"
    with pytest.raises(FusionError, match=said):
        read_notes(made._job())
    genome.write_text(">chr1\n" + "N" * 99 + "A\n")
    Path(f"{genome}.fai").unlink()
    assert list(read_notes(made._job())) == [("1", 100, "A", "C")]
