"""Tables of changes, and the build of their coordinates."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.actionability.changes import read_changes
from fusion.contract import FusionError


@pytest.mark.parametrize("build", ["GRCh37", "hg19", "grch37"])
def test_the_build_may_be_given_where_no_column_says_it(tmp_path: Path, build: str) -> None:
    path = tmp_path / "changes.csv"
    path.write_text("patient,gene,chromosome,start,reference,alternate\nP1,BRAF,7,140453136,A,T\n")
    with pytest.raises(FusionError, match=r"coordinates of no known build \(line 2: none said\)"):
        read_changes(path)
    with pytest.raises(FusionError, match="build=hg17 is neither GRCh37 nor GRCh38"):
        read_changes(path, build="hg17")
    (change,) = read_changes(path, build=build)
    assert change.allele is not None and (change.patient, change.line, change.gene) == ("P1", 2, "BRAF")
    one = change.allele
    assert (one.build, one.contig, one.start, one.end, one.alternate) == ("GRCh37", "7", 140453136, 140453136, "T")
