"""Every sort of input in one cohort; two ingests of it at once, one of which loses its Java process; a Spark cluster.

Hail starts three times for all of it: it reads a MatrixTable, is killed in the ingest of one process while another
one waits, and finishes there. The cluster must then give the same bytes.
"""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest

from data_modules.ingest.variants.hail.java import find_java
from data_modules.ingest.variants.store import MISSING, NOT_LISTED, VariantStore, variant_names
from tests.helpers.ingest import over_cohort, write_cohort

# 1-based 1001 is the first base of the part that is not N; GCACACACAG begins at 1011.
GENOME = {"chr1": "N" * 1000 + "ACGTACGTAC" + "GCACACACAG" + "ACGTACGTAC" + "N" * 1000}

FORMAT = (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">\n'
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">\n'
)


def vcf(lines: list[str], samples: list[str], *, head: str = "", build: int = 38) -> str:
    lengths = {38: (248956422, 242193529, 198295559), 37: (249250621, 243199373, 198022430)}[build]
    contigs = "".join(f"##contig=<ID=chr{at},length={length}>\n" for at, length in enumerate(lengths, start=1))
    names = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    return f"##fileformat=VCFv4.2\n{head}{contigs}{FORMAT}{names}\n" + "".join(f"{line}\n" for line in lines)


def line(contig: str, position: int, ref: str, alts: str, *calls: str) -> str:
    return "\t".join([contig, str(position), ".", ref, alts, ".", "PASS", ".", "GT:AD:DP", *calls])


PAIR = "##normal_sample=N{0}\n##tumor_sample=T{0}\n"
CHAIN = (
    "chain 1000 chr2 243199373 + 1000 2000 chr2 242193529 + 1100 2100 1\n1000\n\n"
    "chain 1000 chr3 198022430 + 1000 2000 chr3 198295559 - 5000 6000 2\n1000\n\n"
)
MUTATIONS = """
files:
  - pair?.vcf
  - {path: calls.bcf, origin: germline}
  - {path: old.vcf.gz, origin: germline}
  - {path: table.mt, origin: germline}
filters: {germline: {min_gq: null, min_balance: 0.2}}
patient_pattern: "^[TNGHM]([0-9]+)$"
fasta: genome.fa
inputs: {chain: over.chain, genes: genes.bed}
"""
TABLE = Path(__file__).resolve().parents[4] / "fixtures" / "table_mt.tar.xz"
"""A MatrixTable, as Hail 0.2.139 wrote it: two samples, M0 with 0/2 and M1 with 1/1 at chr1:1009 A>C,G.

``hl.import_vcf("table.vcf", reference_genome="GRCh38").write("table.mt")`` of ``vcf([line("chr1", 1009, "A", "C,G",
"0/2:9,0,9:18", "1/1:0,9,0:9")], ["M0", "M1"])``."""


@dataclass(frozen=True)
class World:
    """The files, and what the two processes that ingested them at once said."""

    root: Path
    conf: Path
    first: subprocess.CompletedProcess[str]
    second: subprocess.CompletedProcess[str]
    second_waited: bool

    @property
    def store(self) -> Path:
        (found,) = (path for path in (self.root / "cache" / "variants").iterdir() if not path.name.startswith("."))
        return found

    def open(self, origin: str) -> VariantStore:
        return VariantStore.open(self.store / origin)


def write_inputs(root: Path) -> None:
    (root / "genome.fa").write_text("".join(f">{name}\n{bases}\n" for name, bases in GENOME.items()))
    (root / "genes.bed").write_text("chr1\t1000\t1020\tLEFT\nchr1\t1015\t1030\tRIGHT\n")
    (root / "over.chain").write_text(CHAIN)
    shared = line("chr1", 1002, "C", "T", "0/1:20,10:30", "0/0:30,0:30")
    for n in range(6):  # six pairs, the tumour now first, now second: more than are read file by file
        own = line("chr1", 1003 + n, "GTACGT"[n], "A" if "GTACGT"[n] != "A" else "C", "0/0:9,0:9", "0/1:10,10:20")
        calls, samples = ([shared, own], [f"T{n}", f"N{n}"]) if n % 2 else ([own], [f"N{n}", f"T{n}"])
        (root / f"pair{n}.vcf").write_text(vcf(calls, samples, head=PAIR.format(n)))
    text = root / "calls.vcf"
    text.write_text(
        vcf(
            [
                line("chr1", 1003, "G", "A,T", "1:0,9,0:9", "1/2:0,9,9:18", "./.:.:.", ".:.:."),
                line("chr1", 1005, "A", "C", "0/1:19,1:20", "0/1:16,4:20", "1/1:0,20:20", "0/1:.:20"),  # 1 in 20 is low
                line("chr1", 1012, "C", "CAC,<DEL>", "0/1:9,9,0:18", "0/0:9,0,0:9", "0/2:9,0,9:18", "./1:9,9,0:18"),
                line("chr1", 1018, "CA", "C", "0/0:9,0:9", "0/1:9,9:18", "0/0:9,0:9", "0/0:9,0:9"),
            ],
            ["G0", "G1", "G2", "G3"],
            head='##INFO=<ID=END,Number=1,Type=Integer,Description="x">\n',  # pysam writes it for <DEL>
        )
    )
    bcf = str(root / "calls.bcf")
    with pysam.VariantFile(str(text)) as source, pysam.VariantFile(bcf, "wb", header=source.header) as target:
        for record in source:
            target.write(record)
    text.unlink()
    old = [
        line("chr2", 1500, "A", "G", "0/1:9,9:18"),  # 100 bases further
        line("chr2", 1600, "AT", "A", "1/1:0,9:9"),
        line("chr2", 9000, "A", "G", "0/1:9,9:18"),  # in no chain
        line("chr3", 1500, "A", "G", "0/1:9,9:18"),  # the other strand: T>C
        line("chr3", 1600, "AT", "A", "0/1:9,9:18"),  # an indel there
    ]
    (root / "old.vcf.gz").write_bytes(gzip.compress(vcf(old, ["H0"], build=37).encode()))
    with tarfile.open(TABLE) as archive:
        archive.extractall(root, filter="data")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, root: Path) -> World:
    """Two processes ingest one cohort at once; the Java process of the one that came first is killed as it reads."""
    folder, conf = tmp_path_factory.mktemp("inputs"), tmp_path_factory.mktemp("conf")
    write_inputs(folder)
    write_cohort(conf, folder, name="mutations", option="variants", modality=MUTATIONS, patients="1 0 3 2 5 4")
    command = [sys.executable, "-m", "data_modules.ingest.variants", *over_cohort(conf, folder / "cache")]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    first = start()
    second: subprocess.Popen[str] | None = None
    killed: list[int] = []
    waited = False
    partial = folder / "cache" / "variants"
    try:
        while first.poll() is None and not killed:
            time.sleep(0.05)
            if second is None and list(partial.glob(".*.partial")):
                second = start()
            # Hail is up and reads. (The MatrixTable's conversion, a Java process of its own, is over by then.)
            if second is not None and list(partial.glob(".*.partial/scratch/somatic_0.*")):
                waited = second.poll() is None and not java_below(second.pid)
                killed = java_below(first.pid)
                for java in killed:
                    os.kill(java, signal.SIGKILL)
        assert second is not None and killed, f"no Java process was found: {first.communicate()[1]}"
        said = first.communicate()
        told = second.communicate()
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.communicate()
    return World(
        root=folder,
        conf=conf,
        first=subprocess.CompletedProcess(command, first.returncode, *said),
        second=subprocess.CompletedProcess(command, second.returncode, *told),
        second_waited=waited,
    )


def java_below(ancestor: int) -> list[int]:
    """Living Java processes below another process."""
    table = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = status.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        table[int(status.parent.name)] = (name, int(rest.split()[1]))

    def below(pid: int) -> bool:
        while pid in table and pid != ancestor:
            pid = table[pid][1]
        return pid == ancestor

    return [pid for pid, (name, _) in table.items() if name == "java" and below(pid)]


def cells(store: VariantStore) -> dict[str, dict[str, int]]:
    """Variant → sample → dosage, of samples whose files list it."""
    names = variant_names(store.variants)
    return {
        name: {sample: int(value) for sample, value in zip(store.samples, row, strict=True) if value != NOT_LISTED}
        for name, row in zip(names, store.dosage, strict=True)
    }


def test_a_killed_java_process_is_said_and_the_waiting_run_recovers(world: World) -> None:
    assert world.first.returncode == 2
    assert "Run again" in world.first.stderr and "Traceback" not in world.first.stderr
    assert world.second_waited, "the second run waited for the first"
    assert world.second.returncode == 0, world.second.stderr
    left = [path.name for path in (world.root / "cache" / "variants").iterdir() if path.suffix != ".lock"]
    assert left == [world.store.name], "nothing half made is left"


def test_pairs_of_many_files_give_tumours_only(world: World) -> None:
    found = cells(world.open("somatic"))
    assert world.open("somatic").samples == tuple(f"T{n}" for n in range(6))
    assert found["1:1002:C>T"] == {"T1": 1, "T3": 1, "T5": 1}, "files that do not list a site say nothing of it"
    assert found["1:1003:G>A"] == {"T0": 1}
    assert found["1:1004:T>A"] == {"T1": 0}, "the mutation of line 2 is the normal's"
    assert world.open("somatic").qc["samples"] == {"read": 12, "kept": 6, "normal": 6}
    table = pd.read_parquet(world.store / "somatic" / "samples.parquet").set_index("sample")
    assert not table.loc["N0", "kept"] and table.loc["N0", "reason"] == "normal of a pair"


def test_allele_fractions_of_carriers(world: World) -> None:
    store = world.open("somatic")
    assert store.vaf is not None
    names = variant_names(store.variants)
    found = {
        (names[row], store.samples[column]): round(float(value), 3)
        for row, column, value in zip(store.vaf.row, store.vaf.column, store.vaf.value, strict=True)
    }
    assert found["1:1002:C>T", "T1"] == 0.333 and found["1:1003:G>A", "T0"] == 0.5
    assert len(found) == 6
    assert world.open("germline").vaf is None


def test_bcf_haploid_missing_symbolic_and_left_aligned(world: World) -> None:
    found = cells(world.open("germline"))
    none = MISSING
    assert found["1:1003:G>A"] == {"G0": 1, "G1": 1, "G2": none, "G3": none}
    assert found["1:1003:G>T"] == {"G0": 0, "G1": 1, "G2": none, "G3": none}
    assert found["1:1005:A>C"] == {"G0": none, "G1": 1, "G2": 2, "G3": 1}, "1 read of 20 is no heterozygote"
    # Inserted in the repeat, it belongs before it; G3 is half called, and that half was seen.
    assert found["1:1011:G>GCA"] == {"G0": 1, "G1": 0, "G2": 0, "G3": 1}
    assert "1:1018:CA>C" in found, "no repeat, no other place"
    qc = world.open("germline").qc
    assert qc["sites"]["symbolic_allele"] == 1 and qc["sites"]["left_aligned"] == 1
    assert qc["genotypes"]["low_balance"] == 1
    assert qc["inputs"]["left alignment"] == "by genome.fa"


def test_lift_over(world: World) -> None:
    store = world.open("germline")
    found = cells(store)
    assert found["2:1600:A>G"] == {"H0": 1} and found["2:1700:AT>A"] == {"H0": 2}
    assert found[f"3:{198295559 - 5499}:T>C"] == {"H0": 1}, "complemented on the other strand"
    assert store.qc["sites"]["lift_unmapped"] == 1 and store.qc["sites"]["lift_reverse_strand"] == 1
    assert store.qc["inputs"]["lift-over"] == "1 files by over.chain"
    assert store.qc["inputs"]["compression"].startswith("plain gzip, read by one core alone: old.vcf.gz")


def test_a_matrix_table(world: World) -> None:
    found = cells(world.open("germline"))
    assert found["1:1009:A>C"] == {"M0": 0, "M1": 2} and found["1:1009:A>G"] == {"M0": 1, "M1": 0}


def test_genes_by_place_where_nobody_annotated(world: World) -> None:
    table = world.open("germline").variants
    genes = dict(zip(variant_names(table), table["gene"].fillna(""), strict=True))
    assert genes["1:1003:G>A"] == "LEFT" and genes["1:1018:CA>C"] == "LEFT;RIGHT" and genes["2:1600:A>G"] == ""
    assert table["consequence"].isna().all()


def test_sample_quality(world: World) -> None:
    table = pd.read_parquet(world.store / "germline" / "samples.parquet").set_index("sample")
    g1 = table.loc["G1"]
    # G1: 1003 G>A and G>T het, 1005 A>C het, 1011 reference, 1018 het deletion.
    assert (g1["listed"], g1["called"], g1["het"], g1["hom"]) == (5, 5, 4, 0)
    assert (g1["transitions"], g1["transversions"], g1["titv"]) == (1, 2, 0.5)
    assert (g1["insertions"], g1["deletions"]) == (0, 1)
    assert np.isnan(g1["het_hom"]) and g1["mean_depth"] == pytest.approx((18 + 20 + 9 + 18) / 4)
    assert table.loc["G2", "call_rate"] == pytest.approx(3 / 5) and table.loc["G0", "low_balance"] == 1
    assert (world.store / "germline" / "samples.png").stat().st_size > 10_000


# A cluster from the installed pyspark: a master and two workers on loopback.


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def await_port(port: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from importlib.util import find_spec

    spec = find_spec("pyspark")
    assert spec is not None and spec.origin is not None
    home = Path(spec.origin).parent
    work = tmp_path_factory.mktemp("spark")
    environment = find_java().environment() | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "SPARK_DAEMON_MEMORY": "256m",
    }
    port = free_port()
    classes = "org.apache.spark.deploy"
    commands = [["master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(free_port())]]
    commands += [
        [
            *(
                "worker.Worker",
                "--host",
                "127.0.0.1",
                "--cores",
                "1",
                "--memory",
                "1g",
                "--webui-port",
                str(free_port()),
            ),
            *("--work-dir", str(work / f"worker{n}"), f"spark://127.0.0.1:{port}"),
        ]
        for n in range(2)
    ]
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for name, *arguments in commands:
            log = (work / f"{len(daemons)}.log").open("wb")
            command = [str(home / "bin" / "spark-class"), f"{classes}.{name}", *arguments]
            daemons.append(
                subprocess.Popen(command, env=environment, cwd=work, stdout=log, stderr=log, start_new_session=True)
            )
            log.close()
            await_port(port)
        yield f"spark://127.0.0.1:{port}"
    finally:
        for daemon in daemons:
            os.killpg(daemon.pid, signal.SIGTERM)
        for daemon in daemons:
            daemon.wait(timeout=30)


PATIENT = "spark.start_timeout=300"
"""Seconds, of a machine that is busy with other work."""


def on_cluster(world: World, root: Path, cache: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    """The same ingest with another cache; the MatrixTable's conversion is taken along."""
    cache.mkdir()
    shutil.copytree(world.root / "cache" / "converted", cache / "converted")
    command = [sys.executable, "-m", "data_modules.ingest.variants", *over_cohort(world.conf, world.root / "cache")]
    command += [f"cache={cache}", "spark=cluster", *settings]
    return subprocess.run([*map(str, command)], cwd=root, capture_output=True, text=True, check=False)


def test_a_cluster_gives_the_same_bytes(world: World, master: str, root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    # Executors compile lightly, too, which they would not do otherwise: there is little to read.
    light = "+spark.conf={spark.executor.extraJavaOptions: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'}"
    told = on_cluster(world, root, cache, f"spark.master={master}", "spark.executor_memory=1g", light, PATIENT)
    assert told.returncode == 0, told.stderr
    theirs = cache / "variants" / world.store.name
    files = sorted(path.relative_to(world.store) for path in world.store.rglob("*") if path.is_file())
    assert len(files) == 15
    different = [str(name) for name in files if (theirs / name).read_bytes() != (world.store / name).read_bytes()]
    assert different == []


def test_a_cluster_without_room_is_said_in_time(world: World, master: str, root: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    too_much = ["spark.executor_memory=2g", "spark.start_timeout=8"]
    told = on_cluster(world, root, tmp_path / "cache", f"spark.master={master}", *too_much)
    assert told.returncode == 2
    assert "has given Hail no executor in 8 seconds" in told.stderr and "spark.executor_memory=2g" in told.stderr
    assert "Traceback" not in told.stderr and time.monotonic() - begun < 60


def test_a_full_disk_is_said_and_nothing_counts(world: World, root: Path, tmp_path: Path) -> None:
    """On a real file system of a megabyte, which only a namespace of our own lets us mount."""
    cache = tmp_path / "cache"
    cache.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs "$1" && cp -r "$2" "$1"/converted && shift 2 && exec "$@"'
    mine = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        allowed = subprocess.run([*mine, f"mount -t tmpfs tmpfs {cache}"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if allowed.returncode:
        pytest.skip("this machine lets no user mount a file system")
    command = [sys.executable, "-m", "data_modules.ingest.variants", *over_cohort(world.conf, cache)]
    arguments = [*mine, script, "sh", cache, world.root / "cache" / "converted", *command]
    told = subprocess.run([*map(str, arguments)], cwd=root, capture_output=True, text=True, check=False)
    assert told.returncode == 2, told.stderr
    assert "no space left on the disk of the cache folder" in told.stderr and "set `cache`" in told.stderr
    assert "Traceback" not in told.stderr
