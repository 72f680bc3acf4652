"""What the reads of a genotype are, as the headers of all files together say it."""

from __future__ import annotations

import pytest

from data_modules.ingest.variants.files.vcf import VcfFacts
from data_modules.ingest.variants.hail.job import depths_of

EACH = {"AD": "R,Integer"}
VARSCAN = {"AD": "1,Integer", "RD": "1,Integer"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([EACH], "alleles"),
        ([EACH, {"AD": ".,Integer"}, {"AD": "G,Integer"}], "alleles"),
        ([VARSCAN, VARSCAN], "alternate"),
        ([{"AD": "1,Integer"}], "none"),
        ([{"AD": "1,Integer", "RD": "R,Integer"}], "none"),
        ([{}], "none"),
        ([EACH, VARSCAN], "none"),
        ([EACH, {}], "none"),
    ],
)
def test_depths_are_of_alleles_where_all_files_say_so(files: list[dict[str, str]], said: str) -> None:
    assert depths_of([VcfFacts(path="a.vcf", compression="bgzip", fields=fields) for fields in files]) == said
