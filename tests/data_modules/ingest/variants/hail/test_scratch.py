"""`spark.scratch` may be shared: each job has a folder of its own there, and genotypes do not stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from data_modules.ingest.variants.hail.scratch import own_scratch
from data_modules.ingest.variants.settings import SparkSettings

if TYPE_CHECKING:
    from tests.data_modules.ingest.variants.hail.conftest import Sound

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


def test_two_real_ingests_side_by_side_each_get_their_own_genotypes(sound: Sound) -> None:
    """Two with a Java process each, in one scratch folder; what each got is in test_sound_mafs and test_sound_vcfs."""
    assert len(sound.at_once) == 2, "one was over before the other began"
    assert list(sound.scratch.iterdir()) == [], "genotypes or a lock stayed"
    assert not set(sound.stores["maf"].samples) & {"blocks", "half"}
    assert {"blocks", "half"} <= set(sound.stores["vcf"].samples)
