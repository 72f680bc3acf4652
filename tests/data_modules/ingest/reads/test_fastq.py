"""FASTQ that is damaged, out of step or of two encodings is told by name, ahead and from end to end."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from data_modules.ingest.reads.fastq import FastqError, look
from data_modules.ingest.reads.steps.check_reads import main


def fastq(path: Path, names: list[str], *, quality: str = "II5I", mate: str = "") -> Path:
    path.write_text("".join(f"@{name}{mate}\nACGT\n+\n{quality}\n" for name in names))
    return path


def test_facts_are_those_of_the_records(tmp_path: Path) -> None:
    (facts,) = look([fastq(tmp_path / "a.fastq", ["r1", "r2", "r3"])])
    assert (facts.records, facts.bases, facts.lowest, facts.highest, facts.offset) == (3, 12, ord("5"), ord("I"), 33)
    (few,) = look([tmp_path / "a.fastq"], first=2)
    assert few.records == 2


def test_mates_in_step_whatever_their_ending(tmp_path: Path) -> None:
    one = fastq(tmp_path / "a_1.fastq", ["r1", "r2"], mate="/1")
    two = fastq(tmp_path / "a_2.fastq", ["r1 2:N:0:ACGT", "r2 2:N:0:ACGT"])
    assert [facts.records for facts in look([one, two])] == [2, 2]


@pytest.mark.parametrize(
    ("names", "said"),
    [(["r1", "r3"], "record 2: r2 and r3 are mates of different reads"), (["r1"], "has 1 records, a_1.fastq has more")],
)
def test_mates_out_of_step(tmp_path: Path, names: list[str], said: str) -> None:
    one, two = fastq(tmp_path / "a_1.fastq", ["r1", "r2"]), fastq(tmp_path / "a_2.fastq", names)
    with pytest.raises(FastqError, match=said):
        look([one, two])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("@r1\nACGT\n+\nIIII\n@r2\nACG", "record 2: the file ends in the middle"),
        ("@r1\nACGT\n+\nIII\n", "record 1: 4 bases, 3 qualities"),
        (">r1\nACGT\n>r2\nACGT\n", "record 1: is no FASTQ"),
        ("@r1\nAC!T\n+\nIIII\n", "record 1: bases that are none"),
        ("@r1\nACGT\n+\nI\x1fII\n", "outside"),
        ("", "holds no read"),
        ("@r1/1\nACGT\n+\nIIII\n@r1/2\nACGT\n+\nIIII\n", r"record 2: r1 is there twice: mates .*\(interleaved\)"),
    ],
)
def test_what_is_no_fastq(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "a.fastq").write_text(content)
    with pytest.raises(FastqError, match=said):
        look([tmp_path / "a.fastq"])


def test_a_truncated_gzip_passes_the_first_look_and_not_the_whole_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.compress("".join(f"@r{at}\n{'ACGT' * 20}\n+\n{'I' * 80}\n" for at in range(9000)).encode())
    path = tmp_path / "a.fastq.gz"
    path.write_bytes(whole[: len(whole) // 2])
    assert look([path])[0].records == 1000
    assert main([str(tmp_path / "out.json"), str(path)]) == 2
    assert "a.fastq.gz: truncated or damaged after record" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_a_name_that_says_compressed_and_a_file_that_is_not(tmp_path: Path) -> None:
    """fastp goes by the name."""
    plain, packed = fastq(tmp_path / "a.fastq.gz", ["r1"]), tmp_path / "b.fastq"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with pytest.raises(FastqError, match="is not compressed, and its name ends in"):
        look([plain])
    with pytest.raises(FastqError, match="is compressed, and its name does not end in"):
        look([packed])


def test_two_encodings(tmp_path: Path) -> None:
    new, old = fastq(tmp_path / "new.fastq", ["r1"]), fastq(tmp_path / "old.fastq", ["r1"], quality="hh^h")
    with pytest.raises(FastqError, match=r"mixed quality encodings: .*old.fastq is in Phred\+64, new.fastq"):
        look([old, new])
    with pytest.raises(FastqError, match=r"Phred\+64 \(Illumina 1.3"):
        look([old])
    both = fastq(tmp_path / "both.fastq", ["r1"], quality="#hhh")
    with pytest.raises(FastqError, match="of no one encoding"):
        look([both])
    # All qualities between 59 and 80 fit both: nothing is said against them.
    assert look([fastq(tmp_path / "high.fastq", ["r1"], quality="IIII")])[0].offset is None


def test_the_step_writes_what_it_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = fastq(tmp_path / "a_1.fastq", ["r1", "r2"], mate="/1")
    two = fastq(tmp_path / "a_2.fastq", ["r1", "r2"], mate="/2")
    assert main([str(tmp_path / "out.json"), str(one), str(two)]) == 0
    told = json.loads((tmp_path / "out.json").read_text())
    assert {name: (facts["records"], facts["bases"]) for name, facts in told.items()} == {
        "a_1.fastq": (2, 8),
        "a_2.fastq": (2, 8),
    }
    assert main([str(tmp_path / "no.json"), str(tmp_path / "none.fastq")]) == 2
    assert "none.fastq" in capsys.readouterr().err
    assert not (tmp_path / "no.json").exists()
