"""Most of a MAF lost to faults is no detail of it."""

from __future__ import annotations

import pandas as pd
import pytest

from data_modules.ingest.variants.files.maf import MafError
from data_modules.ingest.variants.maf_calls import MafSettings, filter_remedy, refuse_faults, said


def lines(*dropped: str | None) -> pd.DataFrame:
    table = pd.DataFrame({"dropped": list(dropped), "file": "a.maf", "barcode": "S1", "contig": "17"})
    return table.assign(position=range(len(dropped)), ref="C", alt="X")


def test_most_of_a_file_lost(tmp_path: object) -> None:
    fault = "allele is not made of A, C, G, T"
    found = lines(fault, fault, None, "FILTER")
    refuse_faults(found, MafSettings())  # half
    with pytest.raises(MafError, match=r"a\.maf: 3 of 4 lines cannot be used: allele .* \(3\); e\.g\. of S1, 17:0 C>X"):
        refuse_faults(lines(fault, fault, fault, None), MafSettings())
    refuse_faults(lines(fault, fault, fault, None), MafSettings(max_lost=0.8))  # the remedy
    refuse_faults(lines("FILTER", "FILTER", "FILTER", None), MafSettings())  # what a declared filter drops is no fault


def test_what_was_left_out_is_said() -> None:
    (sentence,) = said(lines("FILTER", "contig", None, "FILTER"))
    assert sentence == "a.maf: found 4 lines, used 1, left out 3 because of FILTER (2), contig (1)."
    assert said(lines(None)) == []


def test_what_helps_where_the_filter_leaves_nothing() -> None:
    """FILTER is empty in MAFs of some studies: the remedy names what is there and the key that takes it."""
    found = lines("FILTER", "FILTER").assign(filter=[None, "common_variant"])
    remedy = filter_remedy(found, MafSettings())
    assert "FILTER is ., common_variant, and filters.somatic.accept takes PASS: add to it" in remedy
    assert "Mend the file" in filter_remedy(lines("contig").assign(filter=None), MafSettings())
