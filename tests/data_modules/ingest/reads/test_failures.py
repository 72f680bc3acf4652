"""What Snakemake and the tools say of a step that failed becomes one line with step, sample and cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.ingest.reads.failures import failures
from data_modules.ingest.reads.steps.check_aligned import counts, main
from data_modules.ingest.reads.tools import Found, find
from data_modules.ingest.reads.workflow import commands

SAID = """\
[Wed Nov 25 22:28:25 2026]
localrule all:
    input: germline.vcf.gz
Shell command: None
[Wed Nov 25 22:28:25 2026]
rule align:
    input: a.fastq.gz, genome.fa
    output: work/units/A.1.bam
Shell command: bwa mem -t 2 genome.fa a.fastq.gz | samtools sort -o work/units/A.1.bam -

[Wed Nov 25 22:28:26 2026]
Error in rule align:
    message: None
    jobid: 4
    input: a.fastq.gz, genome.fa
    log: logs/align/A.1.log (check log file(s) for error details)
    shell:
        bwa mem -t 2 genome.fa a.fastq.gz | samtools sort -o work/units/A.1.bam -
        (command exited with non-zero exit code)
Error in rule align:
    log: logs/align/A.1.log (check log file(s) for error details)
"""


def test_a_full_disk_is_told_by_step_and_sample(tmp_path: Path) -> None:
    log = tmp_path / "logs/align/A.1.log"
    log.parent.mkdir(parents=True)
    log.write_text('[M::process] read 99 sequences\nsamtools sort: failed writing to "x": No space left on device\n')
    (one,) = failures(SAID, tmp_path)
    assert str(one).startswith("step align of A.1: the disk is full. Free some")
    assert str(one).endswith("(logs/align/A.1.log)")


def test_what_is_not_known_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / "logs/align").mkdir(parents=True)
    (tmp_path / "logs/align/A.1.log").write_text("something new\n")
    assert str(failures(SAID, tmp_path)[0]) == "step align of A.1: something new (logs/align/A.1.log)"
    assert failures("all went well", tmp_path) == []
    frames = "".join(f"\tat org.snpeff.SnpEff.run(SnpEff.java:{at})\n" for at in range(9))
    (tmp_path / "logs/align/A.1.log").write_text(f"RuntimeException: Cannot read 'snpEffectPredictor.bin'\n{frames}")
    assert str(failures(SAID, tmp_path)[0]) == (
        "step align of A.1: SnpEff has no such database. Fetch it (snpEff download <name>), or set "
        "reads.annotation.gtf, of which one is built. It said: "
        "RuntimeException: Cannot read 'snpEffectPredictor.bin' (logs/align/A.1.log)"
    )
    (tmp_path / "logs/align/A.1.log").write_text("".join(f"line {at}\n" for at in range(9)))
    assert str(failures(SAID, tmp_path)[0]).startswith("step align of A.1: line 3; line 4")


def test_commands_are_those_that_were_started() -> None:
    made = commands(SAID + SAID)
    assert [(one["rule"], one["command"].split()[0]) for one in made] == [("align", "bwa")]


def test_no_reads_aligned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "100 + 0 in total\n100 + 0 primary\n0 + 0 secondary\n7 + 0 mapped (7%)\n{} + 0 primary mapped (N/A)\n"
    (tmp_path / "a").write_text(text.format(0))
    assert counts(text.format(7)) == (100, 7)
    assert main(["S1", str(tmp_path / "a"), str(tmp_path / "out")]) == 2
    assert "sample S1: no reads aligned (0 of 100)" in capsys.readouterr().err
    (tmp_path / "a").write_text(text.format(7))
    assert main(["S1", str(tmp_path / "a"), str(tmp_path / "out")]) == 0


def test_a_tool_is_missing_too_old_or_silent(tmp_path: Path) -> None:
    for name, says in (("old", "bcftools 1.9"), ("new", "bcftools 1.16"), ("mute", "hello")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)
    said = {name: find("bcftools", str(tmp_path / name)).problem for name in ("old", "new", "mute", "absent")}
    assert said["new"] is None
    assert "is too old: 1.9; needed is 1.12 or later" in str(said["old"])
    assert "does not say its version" in str(said["mute"])
    assert "is missing" in str(said["absent"])
    assert Found(name="table_annovar.pl", program="t", path="/t", version=None).problem is None
