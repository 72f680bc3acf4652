"""`spark.scratch` may be shared: each job has a folder of its own there, and genotypes do not stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_modules.ingest.variants.hail.scratch import own_scratch
from data_modules.ingest.variants.settings import SparkSettings
from data_modules.ingest.variants.store import VariantStore, variant_names
from tests.helpers.ingest import ROOT, over_cohort, write_cohort

HOLD = """
import sys, time
from pathlib import Path
from data_modules.ingest.variants.hail.scratch import own_scratch
from data_modules.ingest.variants.settings import SparkSettings
with own_scratch(SparkSettings(scratch=sys.argv[1])) as spark:
    (Path(spark.scratch) / "somatic_0.tsv").write_text("genotypes")
    print(spark.scratch, flush=True)
    time.sleep(60)
"""


def test_two_jobs_have_folders_of_their_own_and_leave_nothing(tmp_path: Path) -> None:
    spark = SparkSettings(scratch=str(tmp_path / "shared"))
    with own_scratch(spark) as first, own_scratch(spark) as second:
        assert first.scratch is not None and second.scratch is not None
        assert first.scratch != second.scratch
        for one in (first, second):
            assert Path(str(one.scratch)).parent == tmp_path / "shared"
            (Path(str(one.scratch)) / "somatic_0.tsv").write_text("genotypes")
        assert first.master == spark.master
    assert list((tmp_path / "shared").iterdir()) == []


def test_a_job_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), own_scratch(SparkSettings(scratch=str(tmp_path))) as spark:
        (Path(str(spark.scratch)) / "somatic_0.tsv").write_text("genotypes")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_job_left_goes_when_the_next_begins(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as killed:
        try:
            assert killed.stdout is not None
            left = Path(killed.stdout.readline().strip())
            with own_scratch(SparkSettings(scratch=str(tmp_path))):
                assert (left / "somatic_0.tsv").exists(), "its process lives"
        finally:
            os.kill(killed.pid, signal.SIGKILL)
    assert (left / "somatic_0.tsv").exists()
    with own_scratch(SparkSettings(scratch=str(tmp_path))):
        assert not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_url_is_extended_and_no_setting_no_folder() -> None:
    with own_scratch(SparkSettings(scratch="hdfs:///tmp/me/")) as first:
        assert str(first.scratch).startswith("hdfs:///tmp/me/oncofusion-")
    with own_scratch(SparkSettings()) as none:
        assert none == SparkSettings()


MUTATIONS = """
files: [{path: calls.vcf, origin: somatic}]
patient_pattern: "(P[12])"
spark: {master: "local[1]", driver_memory: 1g, scratch: SHARED}
"""
VCF = """##fileformat=VCFv4.2
##contig=<ID=chr17,length=83257441>
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
"""
CALLS = {"first": ((1000, "A", "C", "0/1", "0/0"), (2000, "G", "T", "1/1", "0/1")),
         "second": ((3000, "C", "G", "0/0", "1/1"), (4000, "T", "A", "0/1", "0/0"))}  # fmt: skip
"""Of as many sites and the same samples: another's genotypes would be read without an error."""


def side(folder: Path, name: str, shared: Path) -> subprocess.Popen[str]:
    """An ingest of its own cohort into its own cache, as a user starts it."""
    root = folder / name
    root.mkdir()
    names = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "P1", "P2"])
    lines = [
        "\t".join(("chr17", str(place), ".", ref, alt, ".", "PASS", ".", "GT:DP", f"{one}:30", f"{two}:30"))
        for place, ref, alt, one, two in CALLS[name]
    ]
    (root / "calls.vcf").write_text(VCF + "\n".join([names, *lines]) + "\n")
    modality = MUTATIONS.replace("SHARED", str(shared))
    write_cohort(root / "conf", root, name="mutations", option="variants", modality=modality, patients="P1 P2")
    line = [sys.executable, "-m", "data_modules.ingest.variants", *over_cohort(root / "conf", root / "cache")]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_real_ingests_side_by_side_each_get_their_own_genotypes(tmp_path: Path) -> None:
    """Two processes with a Java each; both work in the one scratch folder at the same time."""
    shared = tmp_path / "shared"
    started = {name: side(tmp_path, name, shared) for name in CALLS}
    at_once: set[str] = set()
    try:
        while any(process.poll() is None for process in started.values()):
            at_once = max(at_once, {path.name for path in shared.glob("oncofusion-*")}, key=len)
            time.sleep(0.02)
        told = {name: process.communicate() for name, process in started.items()}
    finally:
        for process in started.values():
            process.kill()
            process.wait()
    assert [process.returncode for process in started.values()] == [0, 0], told
    assert len(at_once) == 2, "one was over before the other began"
    for name, calls in CALLS.items():
        (folder,) = (tmp_path / name / "cache" / "variants").glob("*/somatic")
        store = VariantStore.open(folder)
        assert list(store.samples) == ["P1", "P2"]
        assert dict(zip(variant_names(store.variants), store.dosage.tolist(), strict=True)) == {
            f"17:{place}:{ref}>{alt}": [one.count("1"), two.count("1")] for place, ref, alt, one, two in calls
        }
    assert list(shared.iterdir()) == [], "genotypes or a lock stayed"
