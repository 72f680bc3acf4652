"""VCF → Hail → store, for real: cell by cell against cyvcf2, annotation by hand, and the process wall."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pysam
import pytest

from data_modules.genes.contigs import plain_contig
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.files.vcf import open_vcf
from data_modules.ingest.variants.ingest import GenotypeFilters, Origin, SparkSettings, VariantIngest, VcfFile
from data_modules.ingest.variants.store import MISSING, NOT_LISTED, VariantStore, variant_names
from fusion.contract import FusionError
from tests.helpers.ingest import ingest, over_cohort, write_cohort

SHARED = Path(__file__).resolve().parents[6] / "shared" / "data"
FILTERS = {
    "somatic": GenotypeFilters(accept=("PASS",), min_dp=8),
    "germline": GenotypeFilters(accept=("PASS", "."), min_gq=20, min_dp=8),
}


def block(function: str, gene: str, exonic: str = ".", change: str = ".") -> str:
    return (
        f"ANNOVAR_DATE=2020-06-08;Func.refGene={function};Gene.refGene={gene};"
        f"ExonicFunc.refGene={exonic};AAChange.refGene={change};ALLELE_END"
    )


HEADER = (
    "##fileformat=VCFv4.2\n"
    + "".join(f"##contig=<ID={name}>\n" for name in ("chr1", "chr2", "chrX", "chrUn_KI270302v1"))
    + "##contig=<ID=chr17,length=83257441>\n"
    + '##FILTER=<ID=weak_evidence,Description="x">\n##FILTER=<ID=germline,Description="x">\n'
    + "".join(
        f'##INFO=<ID={key},Number=.,Type=String,Description="x">\n'
        for key in ("Func.refGene", "Gene.refGene", "ExonicFunc.refGene", "AAChange.refGene", "ANNOVAR_DATE")
    )
    + '##INFO=<ID=ALLELE_END,Number=0,Type=Flag,Description="x">\n'
    + '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    + '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">\n'
    + '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">\n'
    + '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">\n'
)
P1, P2 = block("exonic", "TP53", "nonsynonymous_SNV", "TP53:NM_000546:c.1:p.A"), block("splicing", "TP53")
INTRON, NOWHERE = block("intronic", "BRCA2"), block("intergenic", "A1BG\\x3bA2M")
# contig, position, ref, alts, filter, info, and calls of the samples P1-T, P2-T, P3-T
SOMATIC = [
    ("chr1", 1000, "A", "C", "PASS", NOWHERE, "GT:AD:DP", "0/1:4,2:.", "0/0:30,0:30", "1/1:0,33:33"),  # one unknown
    ("chr1", 2000, "A", "C", "weak_evidence;germline", NOWHERE, "GT:AD:DP", "0/1:20,9:29", "0/0:9,0:9", "./.:.:."),
    ("chr1", 3000, "A", "C", ".", NOWHERE, "GT:AD:DP", "0/1:20,9:29", "0/0:30,0:30", "0/0:30,0:30"),
    ("chr2", 1000, "ATT", "ATTT,A", "PASS", f"{P1};{P2}", "GT:AD:DP", "0/1:20,9,0:29", "1/2:1,9,9:19", "0/2:9,0,9:18"),
    ("chr2", 2000, "G", "A,*", "PASS", f"{P1};{INTRON}", "GT:AD:DP", "0/1:20,9,0:29", "0/2:9,0,9:18", "./.:.:."),
    (
        "chr2",
        3000,
        "GC",
        "AC,GT",
        "PASS",
        f"{P2};{INTRON}",
        "GT:AD:DP",
        "0/1:4,3,0:7",
        "0|2:9,0,9:18",
        "0/1/2:5,4,4:13",
    ),
    ("chr2", 4000, "G", "<DEL>", "PASS", INTRON, "GT:AD:DP", "0/1:20,9:29", "0/0:20,0:20", "0/0:20,0:20"),
    ("chr17", 7675088, "C", "T", "PASS", P1, "GT:AD", "0/1:4,3", "0/1:4,4", "./1:9,9"),
    ("chrX", 500, "T", "G", "PASS", INTRON, "GT:DP", "1:20", "0:20", ".:20"),
    ("chrUn_KI270302v1", 5, "T", "G", "PASS", INTRON, "GT:DP", "0/1:20", "0/0:20", "0/0:20"),
]
# Another file of other patients, contigs without chr: one site in common, in another representation.
OTHER = [
    ("1", 1000, "AG", "CG", "PASS", NOWHERE, "GT:AD:DP", "0/1:20,9:29"),
    ("2", 5000, "G", "T", "PASS", P2, "GT:AD:DP", "0/1:20,9:29"),
]
GERMLINE = [
    ("chr1", 1000, "A", "C", "PASS", NOWHERE, "GT:DP:GQ", "0/1:29:99", "0/0:9:19", "1/1:33:20"),
    ("chr1", 1500, "A", "G", ".", NOWHERE, "GT:DP:GQ", "0/1:7:99", "0/0:9:.", "1/1:.:99"),
]


def vcf_text(rows: list[tuple[object, ...]], samples: list[str], *, prefix: bool = True) -> str:
    names = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    lines = [
        "\t".join(map(str, (contig, position, ".", ref, alts, ".", reason, info, *calls)))
        for contig, position, ref, alts, reason, info, *calls in rows
    ]
    header = HEADER if prefix else HEADER.replace("ID=chr", "ID=")
    return header + "\n".join([names, *lines]) + "\n"


@dataclass(frozen=True, kw_only=True)
class Ingested:
    ingest: VariantIngest
    steps: list[str]
    folder_before: set[str]
    folder_after: set[str]
    printed: str

    @property
    def somatic(self) -> VariantStore:
        return self.ingest.stores()["somatic"]

    @property
    def germline(self) -> VariantStore:
        return self.ingest.stores()["germline"]


def make_ingest(files: list[VcfFile], cache: Path, **changes: object) -> VariantIngest:
    settings: dict[str, object] = {
        "key": "modality.variants",
        "files": tuple(files),
        "filters": FILTERS,
        "annotation": AnnotationSettings(),
        "build": "GRCh38",
        "spark": SparkSettings(master="local[2]", driver_memory="2g"),
        "cache": cache,
    }
    return VariantIngest(**{**settings, **changes})  # type: ignore[arg-type]


def java_processes() -> list[int]:
    """Living Java processes whose ancestors include this one."""
    table = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = status.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        state, parent = rest.split()[:2]
        table[int(status.parent.name)] = (name, state, int(parent))

    def ours(pid: int) -> bool:
        while pid in table and pid != os.getpid():
            pid = table[pid][2]
        return pid == os.getpid()

    return [pid for pid, (name, state, _) in table.items() if name == "java" and state != "Z" and ours(pid)]


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """One ingest of all invented files, started from a folder that must stay as it is."""
    folder, cwd = tmp_path_factory.mktemp("vcf"), tmp_path_factory.mktemp("cwd")
    somatic, other, germline = folder / "somatic.vcf.gz", folder / "other.vcf", folder / "germline.vcf.bgz"
    tumours, normals = ["P1-T", "P2-T", "P3-T"], ["P1-N", "P2-N", "P3-N"]
    for path, text in ((somatic, vcf_text(SOMATIC, tumours)), (germline, vcf_text(GERMLINE, normals))):
        with pysam.BGZFile(str(path), "wb") as stream:
            stream.write(text.encode())
    other.write_text(vcf_text(OTHER, ["P4-T"], prefix=False))
    files = [VcfFile(path=path, origin="somatic") for path in (somatic, other)]
    ingest = make_ingest([*files, VcfFile(path=germline, origin="germline")], folder / "cache")
    assert ingest.check() == []
    steps: list[str] = []
    before, home = {path.name for path in cwd.iterdir()}, Path.cwd()
    os.chdir(cwd)
    # What the process prints to file descriptor 1 itself, the JVM's lines included, must not reach ours.
    kept, caught = os.dup(1), folder / "stdout"
    try:
        with caught.open("wb") as stream:
            os.dup2(stream.fileno(), 1)
            ingest.run(lambda step, done, total: steps.append(f"{step} {done}/{total}"))
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.chdir(home)
    return Ingested(
        ingest=ingest,
        steps=steps,
        folder_before=before,
        folder_after={path.name for path in cwd.iterdir()},
        printed=caught.read_text(),
    )


def cells(store: VariantStore) -> dict[str, dict[str, int]]:
    names = variant_names(store.variants)
    return {
        name: dict(zip(store.samples, row.tolist(), strict=True)) for name, row in zip(names, store.dosage, strict=True)
    }


def test_dosages_by_hand(ingested: Ingested) -> None:
    absent = NOT_LISTED
    expected = {
        # name: P1-T, P2-T, P3-T, P4-T
        "1:1000:A>C": (1, 0, 2, 1),
        "2:1000:A>AT": (1, 1, 0, absent),
        "2:1000:ATT>A": (0, 1, 1, absent),
        "2:2000:G>A": (1, 0, MISSING, absent),
        "2:3000:G>A": (MISSING, 0, 1, absent),
        "2:3001:C>T": (MISSING, 1, 1, absent),
        "2:5000:G>T": (absent, absent, absent, 1),
        "17:7675088:C>T": (MISSING, 1, 1, absent),
        "X:500:T>G": (1, 0, MISSING, absent),
    }
    samples = ("P1-T", "P2-T", "P3-T", "P4-T")
    assert cells(ingested.somatic) == {name: dict(zip(samples, row, strict=True)) for name, row in expected.items()}


def test_germline_has_its_own_filters(ingested: Ingested) -> None:
    samples = ("P1-N", "P2-N", "P3-N")
    assert cells(ingested.germline) == {
        "1:1000:A>C": dict(zip(samples, (1, MISSING, 2), strict=True)),  # GQ 19 is too low, 20 is not
        "1:1500:A>G": dict(zip(samples, (MISSING, 0, 2), strict=True)),  # DP 7 is too low; no GQ or DP is no reason
    }


def test_each_allele_has_its_own_annotation(ingested: Ingested) -> None:
    table = ingested.somatic.variants
    notes = dict(
        zip(variant_names(table), zip(table["gene"].fillna(""), table["consequence"], strict=True), strict=True)
    )
    assert notes["2:1000:A>AT"] == ("TP53", "nonsynonymous")
    assert notes["2:1000:ATT>A"] == ("TP53", "splicing")
    assert notes["2:2000:G>A"] == ("TP53", "nonsynonymous")
    assert notes["2:3001:C>T"] == ("BRCA2", "intronic")
    assert notes["1:1000:A>C"] == ("", "intergenic")
    change = table.loc[np.array(variant_names(table)) == "17:7675088:C>T", "aachange"].item()
    assert change == "TP53:NM_000546:c.1:p.A"


def test_everything_dropped_is_counted_by_reason(ingested: Ingested) -> None:
    qc = ingested.somatic.qc
    assert qc["sites"]["read"] == 12
    assert qc["sites"]["filter"] == 2
    assert qc["sites"]["star_allele"] == 1
    assert qc["sites"]["symbolic_allele"] == 1
    assert qc["sites"]["outside_reference"] + qc["sites"].get("other_contig", 0) == 1
    assert qc["sites"]["kept_variants"] == 9
    assert qc["filter_values"] == {"PASS": 10, "weak_evidence;germline": 1, ".": 1}
    # Genotypes of kept alleles: 8 of three samples and 2 of one.
    assert qc["genotypes"] == {"read": 26, "kept": 21, "uncalled": 2, "low_dp": 3, "low_gq": 0, "low_balance": 0}
    assert ingested.germline.qc["genotypes"]["low_gq"] == 1


def test_the_wall_holds(ingested: Ingested) -> None:
    assert java_processes() == []
    assert ingested.folder_before == ingested.folder_after == set()
    assert ingested.printed == ""
    assert not {"hail", "pyspark", "py4j"} & set(sys.modules)
    assert ingested.steps[0] == "starting Hail 0/3" and ingested.steps[-1] == "variants ready 3/3"
    names = {path.name for path in ingested.ingest.entry.folder.iterdir()}
    assert names == {"somatic", "germline"}, "no scratch is left"
    assert list((ingested.ingest.cache / "logs").glob("hail-*.log"))


def test_from_cache_at_once(ingested: Ingested) -> None:
    again = replace(ingested.ingest, spark=SparkSettings(master="local[1]"))

    def never(step: str, done: int, total: int) -> None:
        raise AssertionError(step)

    begun = time.perf_counter()
    again.run(never)
    assert again.stores()["somatic"].dosage.shape == (9, 4)
    assert time.perf_counter() - begun < 1
    stricter = replace(ingested.ingest, filters=FILTERS | {"somatic": GenotypeFilters(min_dp=9)})
    assert stricter.entry.folder != ingested.ingest.entry.folder and not stricter.entry.complete


MUTATIONS = """
files: [somatic.vcf.gz, other.vcf, {path: germline.vcf.bgz, origin: germline}]
patient_pattern: "^(P[0-9]+)-"
"""


def test_the_command_says_what_was_kept(ingested: Ingested, tmp_path: Path) -> None:
    data = ingested.ingest.cache.parent
    write_cohort(tmp_path, data, name="mutations", option="variants", modality=MUTATIONS, patients="P1 P2 P3 P4")
    line = over_cohort(tmp_path, data / "cache")
    told = ingest("variants", line)
    assert told.returncode == 0, told.stderr
    assert "modality.mutations, somatic: 9 variants × 4 samples" in told.stdout
    assert "genotypes: uncalled 2, low gq 0, low dp 3" in told.stdout
    assert str(ingested.ingest.entry.folder) in told.stdout, "the cache was used"
    wrong = ingest("variants", [*line, "cohort.build=GRCh37"])
    assert wrong.returncode == 2
    assert "somatic.vcf.gz is of build GRCh38 (by contig lengths) and cohort.build is GRCh37" in wrong.stderr


def test_nothing_of_hail_is_imported(root: Path) -> None:
    code = (
        "import sys, data_modules.modalities.variants.vcf, data_modules.ingest.variants.ingest\n"
        "print(sorted({'hail', 'pyspark', 'py4j', 'torch'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_heap_too_small_names_the_setting(ingested: Ingested) -> None:
    """Spark is kept from looking, and the JVM runs out; what Spark says of 64m is in test_failures."""
    small = replace(
        ingested.ingest,
        filters=FILTERS | {"somatic": GenotypeFilters(min_dp=1)},
        spark=SparkSettings(master="local[1]", driver_memory="36m", conf={"spark.testing.memory": "2147480000"}),
    )
    with pytest.raises(FusionError, match=r"ran out of memory with spark\.driver_memory=36m\. Raise"):
        small.run(lambda step, done, total: None)
    assert not small.entry.complete
    assert java_processes() == []


def test_a_hung_ingest_ends_at_its_timeout(ingested: Ingested) -> None:
    short = replace(
        ingested.ingest,
        filters=FILTERS | {"somatic": GenotypeFilters(min_dp=1)},
        spark=SparkSettings(master="local[1]", timeout=0.5),
    )
    with pytest.raises(FusionError, match=r"not finished in 0\.5 seconds.*spark\.timeout"):
        short.run(lambda step, done, total: None)
    assert java_processes() == []


STARTED_ALONE = """\
import sys
from pathlib import Path
from data_modules.ingest.variants.hail.runner import run_job
from data_modules.ingest.variants.settings import SparkSettings
folder = Path(sys.argv[1])
run_job(folder / "job.json", module="data_modules.ingest.variants.hail.job", log=folder / "logs" / "hail.log",
        spark=SparkSettings(), progress=lambda step, done, total: print(step, flush=True))
"""


def test_a_killed_ingest_takes_hail_along(ingested: Ingested, tmp_path: Path, root: Path) -> None:
    ingest = ingested.ingest
    spark = {"master": "local[1]", "driver_memory": "1g", "conf": {}}
    places = {name: str(tmp_path) for name in ("out", "scratch")} | {"log": str(tmp_path / "hail.log")}
    job = ingest._job() | places | {"spark": spark, "hash": "", "settings": {}}
    (tmp_path / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-c", STARTED_ALONE, str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "starting Hail\n"
        (child,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        parent.kill()
    end = time.monotonic() + 20
    while alive(int(child)):
        assert time.monotonic() < end, "the process that holds the JVM outlives the one that started it"
        time.sleep(0.1)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_what_the_reader_refuses_comes_through(ingested: Ingested, tmp_path: Path) -> None:
    path = tmp_path / "one_block.vcf"
    path.write_text(vcf_text([("chr2", 1000, "A", "C,G", "PASS", P1, "GT:DP", "0/1:20")], ["P1-T"]))
    bad = make_ingest([VcfFile(path=path, origin="somatic")], tmp_path / "cache")
    with pytest.raises(FusionError, match=r"^one_block\.vcf, line \d+, chr2:1000 A>C,G: .*which of the 2"):
        bad.run(lambda step, done, total: None)


def test_a_value_of_the_wrong_type_names_file_and_place(tmp_path: Path) -> None:
    path = tmp_path / "word.vcf"
    path.write_text(vcf_text([("chr2", 1000, "A", "C", "PASS", P1, "GT:DP", "0/1:many")], ["P1-T"]))
    bad = make_ingest([VcfFile(path=path, origin="somatic")], tmp_path / "cache")
    with pytest.raises(FusionError, match=r"^word\.vcf: the line of chr2:1000 cannot be read: .*integer"):
        bad.run(lambda step, done, total: None)


# Against cyvcf2, on real files.


def minimal(position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Minimal representation, as Tan et al. (Bioinformatics 31:2202, 2015) trim: suffix first, then prefix."""
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    return position, ref, alt


def by_cyvcf2(path: Path, filters: GenotypeFilters) -> dict[str, list[int]]:
    """Dosages of every allele by cyvcf2, split here; a site listed twice takes the larger."""
    from cyvcf2 import VCF

    found: dict[str, list[int]] = defaultdict(list)
    for record in VCF(str(path)):
        if not set((record.FILTER or "PASS").split(";")) <= {*filters.accept, "PASS"}:
            continue
        gq, dp, ad = (record.format(key) if key in record.FORMAT else None for key in ("GQ", "DP", "AD"))
        low = np.zeros(len(record.genotypes), dtype=bool)
        if filters.min_gq and gq is not None:
            low |= (gq[:, 0] >= 0) & (gq[:, 0] < filters.min_gq)
        if filters.min_dp:
            depth = np.full(len(low), -1) if dp is None else dp[:, 0]
            if ad is not None and dp is None:
                depth = np.where((ad >= 0).any(axis=1), np.where(ad >= 0, ad, 0).sum(axis=1), -1)
            low |= (depth >= 0) & (depth < filters.min_dp)
        for number, alt in enumerate(record.ALT, start=1):
            if alt == "*" or not alt.isalpha():
                continue
            position, ref, short = minimal(record.POS, record.REF, alt)
            dosage = [
                MISSING if bad or min(alleles := call[:-1]) == -1 else alleles.count(number)
                for call, bad in zip(record.genotypes, low, strict=True)
            ]
            key = f"{plain_contig(record.CHROM)}:{position}:{ref}>{short}"
            found[key] = [max(pair) for pair in zip(found[key], dosage, strict=True)] if key in found else dosage
    return dict(found)


REAL: dict[str, Origin] = {
    "transneo/somatic_grch37.vcf.gz": "somatic",
    "vcf/sample.vcf": "germline",
    "vcf/regressionLogisticEpacts.vcf": "somatic",
    "vcf/sample2.vcf": "germline",  # multi-allelic sites
    "vcf/multipleChromosomes.vcf": "germline",
}
# cyvcf2 cannot tell FILTER "." from PASS.
REAL_FILTERS: dict[Origin, GenotypeFilters] = {
    "somatic": GenotypeFilters(accept=("PASS", "."), min_dp=8),
    "germline": GenotypeFilters(accept=("PASS", "."), min_gq=20, min_dp=8),
}


def renamed(name: str, sample: str) -> str:
    """The files share samples, and each must be seen alone."""
    return f"{Path(name).stem}/{sample}"


def with_own_samples(name: str, folder: Path) -> Path:
    """A copy of a file whose samples are renamed."""
    path = folder / Path(name).name.removesuffix(".gz")
    with open_vcf(SHARED / name) as lines, path.open("wb") as out:
        for raw in lines:
            line = raw.rstrip(b"\r\n")
            if line.startswith(b"#CHROM"):
                fields = line.decode().split("\t")
                line = "\t".join([*fields[:9], *(renamed(name, sample) for sample in fields[9:])]).encode()
            out.write(line + b"\n")
    return path


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, VariantStore]:
    """Real files, one ingest an origin and a set of samples, in one JVM."""
    missing = [name for name in REAL if not (SHARED / name).exists()]
    if missing:
        pytest.skip(f"the shared data folder lacks {', '.join(missing)}")
    cache = tmp_path_factory.mktemp("real")
    ingest = make_ingest(
        [VcfFile(path=with_own_samples(name, cache), origin=origin) for name, origin in REAL.items()],
        cache,
        annotation=AnnotationSettings(gene="GENE", consequence="CSQ_MAF", format="info"),
        build="GRCh37",
        filters=REAL_FILTERS,
    )
    assert [facts.problem for facts in ingest.facts.values()] == [None] * len(REAL)
    ingest.run(lambda step, done, total: None)
    return {str(origin): store for origin, store in ingest.stores().items()}


@pytest.mark.parametrize(("name", "origin"), list(REAL.items()))
def test_equal_to_cyvcf2_on_real_files(real: dict[str, VariantStore], name: str, origin: Origin) -> None:
    from cyvcf2 import VCF

    store = real[origin]
    expected = by_cyvcf2(SHARED / name, REAL_FILTERS[origin])
    columns = [store.samples.index(renamed(name, sample)) for sample in VCF(str(SHARED / name)).samples]
    dosage = np.asarray(store.dosage)[:, columns]
    listed = (dosage != NOT_LISTED).any(axis=1)
    found = dict(zip(np.array(variant_names(store.variants))[listed], dosage[listed].tolist(), strict=True))
    assert set(found) == set(expected)
    assert [one for one in found if found[one] != expected[one]] == []


def test_equal_to_cyvcf2_on_the_invented_file(ingested: Ingested) -> None:
    path = next(file.path for file in ingested.ingest.files if file.path.name == "somatic.vcf.gz")
    expected = by_cyvcf2(path, FILTERS["somatic"])
    # cyvcf2 cannot tell FILTER "." from PASS, has no reference genome to drop other contigs by, and takes a half call
    # (./1) for none; it is read as one alternate allele.
    found = cells(ingested.somatic)
    assert (expected["17:7675088:C>T"], found["17:7675088:C>T"]["P3-T"]) == ([-1, 1, -1], 1)
    expected["17:7675088:C>T"][2] = 1
    for name, row in expected.items():
        if name in found and name not in ("2:3000:G>A", "2:3001:C>T", "X:500:T>G"):
            assert [found[name][sample] for sample in ("P1-T", "P2-T", "P3-T")] == row, name
    assert len(set(expected) & set(found)) == 8


def test_real_annotation_by_tags(real: dict[str, VariantStore]) -> None:
    table = real["somatic"].variants
    assert (table["gene"] == "TP53").sum() > 50
    assert table.loc[table["gene"] == "SAMD11", "consequence"].iloc[0] == "synonymous"
    meta = json.loads((real["somatic"].folder / "meta.json").read_text())
    assert meta["build"] == "GRCh37"
