"""GATK, ANNOVAR and VEP, which are not here: their command lines against stand-ins that check their arguments.

What the real tools would find is not tested; that their files are read is, elsewhere.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pysam import VariantFile

from tests.helpers.ingest import ingest, over_cohort, write_cohort
from tests.helpers.reads import person, write_reads, write_reference
from tests.helpers.stand_ins import ANNOVAR, GATK, VEP, write_stand_in

LACKING = [name for name in ("bwa", "samtools", "bcftools") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(
    bool(LACKING), reason=f"not installed: {', '.join(LACKING)} (apt install; .ci/run does)"
)

READS = """
files: variants/germline.vcf.gz
reads:
  sheet: sheet.tsv
  reference: genome.fa
  caller: gatk
  trim: false
  cores: 2
  interval_size: 5000
  known_sites: [sites.vcf.gz]
  gatk: {{program: {gatk}, panel_of_normals: sites.vcf.gz, germline_resource: sites.vcf.gz, common_sites: sites.vcf.gz}}
  annotation: {{tool: annovar, program: {annovar}, folder: humandb, build: hg38}}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tumour with its normal, and one without, which were aligned before."""
    root = tmp_path_factory.mktemp("licensed")
    genome = write_reference(root / "genome.fa", contigs={"chr17": 3000}, seed=1)
    subprocess.run(["samtools", "dict", "-o", str(root / "genome.dict"), str(root / "genome.fa")], check=True)
    write_reads(root, "any", person(genome, {}, 4), seed=1)
    line = ["bwa", "mem", str(root / "genome.fa"), str(root / "any_R1.fastq.gz"), str(root / "any_R2.fastq.gz")]
    aligned = subprocess.run(line, capture_output=True, check=True).stdout
    rows = []
    for name, patient, kind in (("P1-T", "P1", "tumour"), ("P1-N", "P1", "normal"), ("P2-T", "P2", "tumour")):
        subprocess.run(["samtools", "view", "-b", "-o", str(root / f"{name}.bam"), "-"], input=aligned, check=True)
        rows.append(f"{name}\t{patient}\t{kind}\t1\t{name}.bam\n")
    (root / "sheet.tsv").write_text("sample\tpatient\tkind\tunit\tbam\n" + "".join(rows))
    sites = "##fileformat=VCFv4.2\n##contig=<ID=chr17,length=3000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    target = str(root / "sites.vcf.gz")
    subprocess.run(["bcftools", "view", "-O", "z", "-o", target, "-"], input=sites, text=True, check=True)
    subprocess.run(["bcftools", "index", "-t", target], check=True)
    (root / "humandb").mkdir()
    (root / "humandb/hg38_refGene.txt").write_text("")
    text = READS.format(
        gatk=write_stand_in(root / "bin/gatk", GATK), annovar=write_stand_in(root / "bin/table_annovar.pl", ANNOVAR)
    )
    write_stand_in(root / "bin/vep", VEP)
    write_cohort(root / "conf", root, name="variants", option="variants_from_reads", modality=text, patients="P1 P2")
    return root


def run(root: Path, *overrides: str) -> None:
    done = ingest("reads", over_cohort(root / "conf", root / "cache", *overrides))
    assert done.returncode == 0, done.stderr


def lines(path: Path) -> list[tuple[int, str, str]]:
    with VariantFile(str(path)) as file:
        return [(line.pos, ",".join(line.alts), ",".join(line.filter)) for line in file]


def test_gatk_is_called_as_its_manual_says_and_annovar_after_it(root: Path) -> None:
    run(root)
    called = (root / "bin/calls.txt").read_text().splitlines()
    tools = [line.split()[0] for line in called]
    assert {name: tools.count(name) for name in ("BaseRecalibrator", "ApplyBQSR", "HaplotypeCaller", "Mutect2")} == {
        "BaseRecalibrator": 3, "ApplyBQSR": 3, "HaplotypeCaller": 1, "Mutect2": 2,
    }  # fmt: skip
    pair = next(line for line in called if line.startswith("Mutect2") and " -normal " in line)
    alone = next(line for line in called if line.startswith("Mutect2") and " -normal " not in line)
    assert "-I work/recalibrated/P1-T.bam -I work/recalibrated/P1-N.bam -normal P1-N" in pair
    assert "-I work/recalibrated/P2-T.bam --panel-of-normals" in alone
    assert sum("--contamination-table" in line for line in called) == 2
    out = root / "variants"
    passed = [filters for at, _, filters in lines(out / "somatic/P1-T.vcf.gz") if at == 700]
    weak = [(alts, filters) for at, alts, filters in lines(out / "somatic/P1-T.vcf.gz") if at == 800]
    assert passed == ["PASS"]
    assert len(weak) == 3  # one allele a line
    assert {filters for _, filters in weak} == {"weak_evidence"}
    with VariantFile(str(out / "germline.vcf.gz")) as file:
        assert [line.info["Gene.refGene"][0] for line in file] == ["TP53"] * 4
        assert list(file.header.samples) == ["P1-N"]


def test_vep_instead_annotates_alone(root: Path) -> None:
    before = (root / "bin/calls.txt").read_text()
    note = f"{{tool: vep, program: {root / 'bin/vep'}, folder: humandb, build: GRCh38}}"
    run(root, f"modality.variants.reads.annotation={note}")
    with VariantFile(str(root / "variants/somatic/P2-T.vcf.gz")) as file:
        assert "Ensembl VEP" in str(file.header)
        assert [line.info["CSQ"][0].split("|")[3] for line in file] == ["TP53"] * 4
    assert (root / "bin/calls.txt").read_text() == before, "only annotation had changed"
