"""`python -m data_modules.ingest.reads` on reads whose variants are known, by Debian's tools, below a space."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pysam import VariantFile

from tests.helpers.ingest import ingest, over_cohort, write_cohort
from tests.helpers.reads import Planted, gene_at, person, plant, write_reads, write_reference

TOOLS = ("bwa", "samtools", "bcftools", "freebayes", "fastp")
LACKING = [name for name in TOOLS if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(
    bool(LACKING), reason=f"not installed: {', '.join(LACKING)} (apt install; .ci/run does)"
)

Genotypes = dict[Planted, tuple[int, int]]

READS = """
files: [{path: 'variants/germline.vcf.gz', origin: germline}]
reads:
  folder: fastq
  reference: ref/genome.fa
  interval_size: 5000
  annotation: {tool: csq, gff: ref/genome.gff3}
  cores: 2
"""


class Study:
    """A1 in two lanes, A2 single-ended, A3 a CRAM, P1 a tumour with its normal."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.genome = write_reference(root / "ref/genome.fa", contigs={"chr17": 7000, "chr13": 5000}, seed=1)
        known = plant(self.genome, number=24, seed=2)
        rng = np.random.default_rng(5)
        self.truth: dict[str, Genotypes] = {
            name: {one: [(0, 0), (0, 1), (1, 0), (1, 1)][rng.integers(0, 4)] for one in known}
            for name in ("A1", "A2", "A3", "P1-N")
        }
        both = Planted("chr17", 1200, self.genome["chr17"][1199], _other(self.genome["chr17"][1199], 1))
        self.multi = (both, Planted(both.contig, both.position, both.ref, _other(both.ref, 2)))
        known = [one for one in known if abs(one.position - 1200) > 40 or one.contig != "chr17"]
        for genotypes in self.truth.values():
            for one in set(genotypes) - set(known):
                del genotypes[one]
        self.truth["A1"] |= {self.multi[0]: (1, 0), self.multi[1]: (0, 1)}
        free = plant(self.genome, number=60, seed=3)
        far = [
            one
            for one in free
            if all(one.contig != two.contig or abs(one.position - two.position) > 40 for two in (*known, both))
        ]
        self.somatic = far[:8]
        fastq = root / "fastq"
        for lane in (1, 2):
            write_reads(fastq, f"A1_S1_L00{lane}", person(self.genome, self.truth["A1"], 20), seed=10 + lane)
        write_reads(fastq, "A2", person(self.genome, self.truth["A2"], 40), seed=13, paired=False)
        write_reads(root / "apart", "A3", person(self.genome, self.truth["A3"], 40), seed=14)
        normal = self.truth["P1-N"]
        write_reads(fastq, "P1-N", person(self.genome, normal, 40), seed=15)
        cancer = person(self.genome, normal | dict.fromkeys(self.somatic, (0, 1)), 80 * 0.3)  # purity 30 %
        write_reads(fastq, "P1-T", [*person(self.genome, normal, 80 * 0.7), *cancer], seed=16)
        aligned = subprocess.run(
            ["bwa", "mem", str(root / "ref/genome.fa"), *map(str, sorted((root / "apart").glob("*.gz")))],
            capture_output=True, check=True,
        )  # fmt: skip
        for path, kind in ((fastq / "A3.cram", "-C"), (root / "apart/A3.bam", "-b")):
            line = ["samtools", "view", kind, "-T", str(root / "ref/genome.fa"), "-o", str(path), "-"]
            subprocess.run(line, input=aligned.stdout, check=True)
        self.conf = write_cohort(
            root / "conf", root, name="variants", option="variants_from_reads", modality=READS, patients="A1 A2 A3 P1"
        )

    def run(self, *overrides: str) -> subprocess.CompletedProcess[str]:
        return ingest("reads", over_cohort(self.conf, self.root / "cache", *overrides))


def _other(base: str, turn: int) -> str:
    return "ACGT"[("ACGT".index(base) + turn) % 4]


def calls(path: Path, sample: str) -> dict[tuple[str, int, str, str], int]:
    """Alternate alleles of lines that pass."""
    with VariantFile(str(path)) as file:
        found = {
            (line.contig, line.pos, line.ref, line.alts[0]): sum(one or 0 for one in line.samples[sample]["GT"])
            for line in file
            if list(line.filter) == ["PASS"]
        }
    return {key: number for key, number in found.items() if number}


def planted(genotypes: Genotypes) -> dict[tuple[str, int, str, str], int]:
    return {(one.contig, one.position, one.ref, one.alt): sum(sides) for one, sides in genotypes.items() if any(sides)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(tmp_path_factory.mktemp("reads") / "my study")


def test_planted_variants_are_found_with_their_genotypes(study: Study) -> None:
    done = study.run()
    assert done.returncode == 0, done.stderr
    assert "5 samples, 6 units" in done.stdout
    assert "Note" not in done.stdout
    out = study.root / "variants"
    right = found = wanted = 0
    for sample in ("A1", "A2", "A3", "P1-N"):
        truth, made = planted(study.truth[sample]), calls(out / "germline.vcf.gz", sample)
        right += sum(made.get(key) == number for key, number in truth.items())
        found, wanted = found + len(made), wanted + len(truth)
    assert wanted > 60
    assert right / wanted >= 0.95
    assert right / found >= 0.95
    made = calls(out / "somatic/P1-T.vcf.gz", "P1-T")
    assert set(made) == set(planted(dict.fromkeys(study.somatic, (0, 1))))
    with VariantFile(str(out / "somatic/P1-T.vcf.gz")) as file:
        assert "##tumor_sample=P1-T" in str(file.header)
        assert file.header.contigs["chr17"].length == 7000
        genes = {line.info["BCSQ"][0].split("|")[1] for line in file if "BCSQ" in line.info}
    assert genes <= {f"G{contig}_{start}" for contig in ("chr17", "chr13") for start in range(501, 7000, 1000)}
    assert genes
    told = json.loads((out / "provenance.json").read_text())
    assert set(TOOLS) <= set(told["tools"])
    assert {"align", "call_freebayes", "filter_somatic"} <= {one["rule"] for one in told["commands"]}
    assert (out / "patients.tsv").read_text().splitlines()[-1] == "P1-T\tP1\ttumour"


def test_the_same_command_makes_nothing_again_and_another_caller_calls_anew(study: Study) -> None:
    bam = study.root / "variants/bams/A1.bam"
    before = bam.stat().st_mtime_ns
    snpeff = shutil.which("snpEff")
    program, broken = study.root / "snpeff", study.root / "broken"
    program.write_text(f'#!/bin/sh\n[ "$1" = ann ] && [ -e "{broken}" ] && exit 1\nexec {snpeff} "$@"\n')
    program.chmod(0o755)
    broken.touch()  # the first time its annotation fails: what csq had annotated must not count as done the second time
    notes = f"modality.variants.reads.annotation={{tool: snpeff, gtf: ref/genome.gtf, program: '{program}'}}"
    given = ["modality.variants.reads.caller=bcftools", *([notes] if snpeff else [])]
    if snpeff:
        failed = study.run(*given)
        assert failed.returncode == 2
        assert "step annotate_snpeff of germline" in failed.stderr
        broken.unlink()
    done = study.run(*given)
    assert done.returncode == 0, done.stderr
    assert bam.stat().st_mtime_ns == before
    out = study.root / "variants"
    truth, made = planted(study.truth["A1"]), calls(out / "germline.vcf.gz", "A1")
    assert sum(made.get(key) == number for key, number in truth.items()) / len(truth) >= 0.95
    assert set(calls(out / "somatic/P1-T.vcf.gz", "P1-T")) == set(planted(dict.fromkeys(study.somatic, (0, 1))))
    if not snpeff:
        pytest.skip("snpEff is not installed: the calls are right, the genes are not looked at")
    with VariantFile(str(out / "germline.vcf.gz")) as file:
        genes = {(line.contig, line.pos): _hit(line.info["ANN"]) for line in file if len(line.ref) == len(line.alts[0])}
    lengths = {name: len(text) for name, text in study.genome.items()}
    wanted = {(name, at): gene_at(name, at, lengths[name]) for name, at in genes}
    assert len([gene for gene in wanted.values() if gene]) > 10
    assert genes == wanted


def _hit(notes: tuple[str, ...]) -> str | None:
    """The gene that a variant lies in, by SnpEff."""
    fields = [note.split("|") for note in notes]
    return next((one[3] for one in fields if not {"upstream", "downstream", "intergenic"} & {*one[1].split("_")}), None)


def test_what_is_wrong_is_told_at_once_and_nothing_runs(study: Study) -> None:
    wrong = study.root / "wrong"
    shutil.copytree(study.root / "fastq", wrong)
    whole = (wrong / "A2_R1.fastq.gz").read_bytes()
    (wrong / "A2_R1.fastq.gz").write_bytes(whole[: len(whole) // 100])
    (wrong / "P1-N_R2.fastq.gz").write_bytes((wrong / "P1-T_R2.fastq.gz").read_bytes())
    (wrong / "A3.cram").write_bytes((wrong / "A3.cram").read_bytes()[:-40])
    (wrong / "B3.bam").write_bytes((study.root / "apart/A3.bam").read_bytes()[:-40])
    (wrong / "B1_R1.fastq").write_bytes(gzip.decompress((wrong / "A1_S1_L001_R1.fastq.gz").read_bytes()))
    genes = (study.root / "ref/genome.gff3").read_text().replace("\nchr", "\n")
    (study.root / "ref/ensembl.gff3").write_text(genes)
    sites = study.root / "sites.vcf"
    sites.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=chr17,length=81195210>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    subprocess.run(["bcftools", "view", "-O", "z", "-o", f"{sites}.gz", str(sites)], check=True)
    subprocess.run(["bcftools", "index", "-t", f"{sites}.gz"], check=True)
    done = study.run(
        "modality.variants.reads.folder=wrong", "modality.variants.reads.output=none",
        "modality.variants.reads.known_sites=[sites.vcf.gz]", "modality.variants.reads.min_free_gb=1000000",
        "modality.variants.reads.annotation.gff=ref/ensembl.gff3",
    )  # fmt: skip
    assert done.returncode == 2
    for said in (
        "sample A2: ", "truncated", "mates of different reads", "A3.cram: is no BAM or CRAM, or a truncated one",
        "B3.bam: is no BAM or CRAM, or a truncated one",
        "B1_R1.fastq hold the same reads (of sample A1 and of B1): a file or a sample twice",
        "its contigs (17, 13) are none of the reference (chr17, chr13)",
        "of another build than",
        "chr17 has 81195210 bases there and 7000 in the reference",
        "GB of disk are free",
    ):  # fmt: skip
        assert said in done.stderr, said
    assert not (study.root / "none").exists()


def test_reads_of_something_else_are_told_at_the_step_and_the_rest_is_kept(study: Study) -> None:
    strange = write_reference(study.root / "strange/genome.fa", contigs={"chr1": 5000}, seed=99)
    write_reads(study.root / "mixed", "B1", [(strange, 10)], seed=1)
    write_reads(study.root / "mixed", "B2", person(study.genome, {}, 10), seed=2)
    marks = "sambamba" if shutil.which("sambamba") else "samtools"
    done = study.run(
        "modality.variants.reads.folder=mixed", "modality.variants.reads.output=mixed_out",
        f"modality.variants.reads.duplicates={marks}",
    )  # fmt: skip
    assert done.returncode == 2
    assert "step check_aligned of B1" in done.stderr
    assert "no reads aligned (0 of " in done.stderr
    kept = study.root / "mixed_out/bams/B2.bam"
    assert kept.is_file()
    if marks != "sambamba":
        pytest.skip("sambamba is not installed: duplicates were marked by samtools")
    assert b"sambamba" in subprocess.run(["samtools", "view", "-H", str(kept)], capture_output=True, check=True).stdout
