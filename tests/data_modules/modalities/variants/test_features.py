"""Weighted burdens, gene sets from a file, mutational burden and trinucleotide contexts, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from data_modules.genes.sets import read_gene_sets
from data_modules.modalities.variants.contexts import CONTEXTS, context_fractions
from data_modules.modalities.variants.features import VariantTable
from data_modules.modalities.variants.origin import OriginVariants
from data_modules.modalities.variants.settings import FeatureSettings
from data_modules.modalities.variants.shares import patient_shares
from fusion.contract import FusionError

PATIENTS = ("P1", "P2", "P3", "P4")
Row = tuple[str, int, str, str, str | None, str, list[int]]
SOMATIC: list[Row] = [
    ("17", 30, "C", "T", "TP53", "nonsynonymous", [1, 0, 1, 0]),
    ("17", 31, "G", "A", "TP53", "stopgain", [1, 0, 0, 0]),
    ("13", 20, "G", "GT", "BRCA2", "frameshift", [0, 1, 0, 0]),
    ("1", 10, "A", "C", "TTN", "synonymous", [1, 1, 0, 0]),
]
GERMLINE: list[Row] = [("13", 5, "GT", "G", "BRCA2", "frameshift", [0, 1, 1, 0])]


def origin_of(origin: str, rows: list[Row]) -> OriginVariants:
    frame = pd.DataFrame([row[:6] for row in rows], columns=["contig", "position", "ref", "alt", "gene", "consequence"])
    return OriginVariants(
        origin=origin,
        patients=PATIENTS,
        variants=frame.assign(aachange=None),
        dosage=np.array([row[6] for row in rows], dtype=np.int8).T,
        damaging=frozenset({"nonsynonymous", "stopgain", "frameshift"}),
    )


def table_of(**settings: Any) -> VariantTable:
    origins = {"somatic": origin_of("somatic", SOMATIC), "germline": origin_of("germline", GERMLINE)}
    given = {"log_counts": False, "max_germline_frequency": 0.5} | settings
    return VariantTable(origins=origins, settings=FeatureSettings(**given), absent_is="reference")


def test_burdens_weighted_by_consequence() -> None:
    table = table_of(features=("burden",), weights={"nonsynonymous": 0.5, "frameshift": 2.0})
    raw = table.features(table.fit_rules(PATIENTS))
    assert raw["burden:TP53"].to_list() == [1.5, 0, 0.5, 0]  # 0.5 + a stopgain, which is not named, of 1
    assert raw["burden:BRCA2"].to_list() == [0, 4, 2, 0]  # somatic and germline frameshift
    assert table.describe("burden:TP53").unit == "variants, weighted"


def test_each_gene_has_its_own_consequence() -> None:
    """One variant stops TP53 and lies beside WRAP53: where the file says so, only TP53 is damaged."""
    rows: list[Row] = [("17", 30, "C", "T", "TP53;WRAP53", "stopgain", [1, 0, 0, 0])]
    for effects, damaged in ((pd.NA, {"TP53", "WRAP53"}), ("TP53=stopgain;WRAP53=upstream", {"TP53"})):
        part = origin_of("somatic", rows)
        part = replace(part, variants=part.variants.assign(effects=pd.array([effects], dtype="string")))
        assert set(part.genes[0]) == damaged
        weighted = part.burden((), ["TP53", "WRAP53"], weights={"stopgain": 2.0})
        assert weighted[0].tolist() == [2.0, 2.0 if "WRAP53" in damaged else 0.0]


def test_burdens_weighted_by_germline_frequency() -> None:
    """P2 and P3 carry one allele each: p = 2/8 among all four, 1/4 in P1 and P2; somatic variants weigh 1."""
    table = table_of(features=("burden",), germline_frequency="beta")
    rules = table.fit_rules(PATIENTS)
    assert rules.frequencies == {"13:5:GT>G": 0.25}
    np.testing.assert_allclose(table.features(rules)["burden:BRCA2"], [0, 1 + 0.75**24, 0.75**24, 0])
    assert table.fit_rules(["P1", "P4", "P3"]).frequencies == {"13:5:GT>G": pytest.approx(1 / 6)}
    assert table.fit_rules(["P1", "P4"]).frequencies == {}
    assert table_of(features=("burden",)).fit_rules(PATIENTS).frequencies == {}


def test_mutational_burden_says_whether_it_is_per_megabase() -> None:
    plain = table_of(features=("tmb",))
    raw = plain.features(plain.fit_rules(PATIENTS))
    assert raw.to_dict("list") == {"tmb:count": [3, 2, 1, 0]}
    assert plain.describe("tmb:count").label == "Mutational burden (mutations; callable megabases unknown)"
    known = table_of(features=("tmb",), callable_mb=0.5)
    assert known.features(known.fit_rules(PATIENTS)).to_dict("list") == {"tmb:per_megabase": [6, 4, 2, 0]}
    assert known.describe("tmb:per_megabase").unit == "n / Mb"
    logged = table_of(features=("tmb",), callable_mb=0.5, log_counts=True)
    np.testing.assert_allclose(logged.features(logged.fit_rules(PATIENTS))["tmb:per_megabase"], np.log1p([6, 4, 2, 0]))


def test_allele_fractions_by_hand() -> None:
    """Two samples of P1, the larger share stands; P3 carries TP53 without depths; P2's BRCA2 has them."""
    shares = SimpleNamespace(
        row=np.array([0, 0, 1, 2, 3]), column=np.array([0, 4, 0, 1, 1]), value=np.array([0.2, 0.3, 0.1, 0.5, 0.7])
    )
    row_of = {"P1-a": 0, "P2-a": 1, "P3-a": 2, "P4-a": 3, "P1-b": 0}
    known = patient_shares(shares, ["P1-a", "P2-a", "P3-a", "P4-a", "P1-b"], row_of)
    part = replace(origin_of("somatic", SOMATIC), shares=known)
    table = VariantTable(
        origins={"somatic": part}, settings=FeatureSettings(features=("burden", "vaf")), absent_is="reference"
    )
    raw = table.features(table.fit_rules(PATIENTS))
    np.testing.assert_equal(raw["vaf:TP53"].to_list(), [0.3, 0.0, np.nan, 0.0])
    np.testing.assert_equal(raw["vaf:BRCA2"].to_list(), [0.0, 0.5, 0.0, 0.0])
    np.testing.assert_allclose(raw["vaf:median"], [0.2, 0.6, np.nan, np.nan])
    assert table.describe("vaf:TP53").gene == "TP53" and table.describe("vaf:median").gene is None
    assert table.knows("vaf:TP53") and not table.knows("vaf:KRAS") and table.knows("vaf:median")


def test_without_depths_allele_fractions_are_unknown() -> None:
    table = table_of(features=("vaf",))
    raw = table.features(table.fit_rules(PATIENTS))
    np.testing.assert_equal(raw["vaf:TP53"].to_list(), [np.nan, 0.0, np.nan, 0.0])
    assert raw["vaf:median"].isna().all()


# Contexts.

#        123456789
GENOME = "ACGTCAGNA"


def genome(folder: Path, name: str = "chr1") -> Path:
    path = folder / "genome.fa"
    path.write_text(f">{name}\n{GENOME}\n")
    return path


def contexts(folder: Path, rows: list[tuple[str, int, str, str]], carried: list[list[int]], **keys: Any) -> Any:
    frame = pd.DataFrame(rows, columns=["contig", "position", "ref", "alt"])
    patients = [f"P{at}" for at in range(len(carried))]
    return context_fractions(frame, csr_matrix(np.array(carried, dtype=float)), patients, fasta=genome(folder, **keys))


def test_contexts_by_hand(tmp_path: Path) -> None:
    rows = [
        ("1", 2, "C", "T"),  # A C G: A[C>T]G
        ("1", 3, "G", "A"),  # C G T, the other strand A C G: A[C>T]G
        ("1", 6, "A", "C"),  # C A G, the other strand C T G: C[T>G]G
        ("1", 7, "G", "T"),  # beside an N: no context
        ("1", 1, "A", "G"),  # at the edge: no context
        ("1", 2, "CG", "C"),  # an indel
    ]
    shares = contexts(tmp_path, rows, [[1, 1, 1, 1, 1, 1], [0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 1]])
    assert list(shares.columns) == [f"context:{name}" for name in CONTEXTS]
    assert len(set(CONTEXTS)) == 96
    shown = shares.loc[["P0", "P1"], shares.loc[["P0", "P1"]].sum() > 0]
    assert shown.to_dict("list") == {"context:A[C>T]G": [2 / 3, 0], "context:C[T>G]G": [1 / 3, 1]}
    assert shares.loc["P2"].isna().all()


def test_another_genome_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match=r"differs from the reference allele of 1 variants \(1:2:G>T\)"):
        contexts(tmp_path, [("1", 2, "G", "T")], [[1]])
    with pytest.raises(FusionError, match=r"lacks contigs of the variants \(2\)"):
        contexts(tmp_path, [("2", 2, "C", "T")], [[1]])
    with pytest.raises(FusionError, match="cannot be opened"):
        (tmp_path / "not.fa").write_bytes(b"\x00nothing")
        frame = pd.DataFrame([("1", 2, "C", "T")], columns=["contig", "position", "ref", "alt"])
        context_fractions(frame, csr_matrix(np.ones((1, 1))), ["P"], fasta=tmp_path / "not.fa")


# Gene sets.


def test_gene_sets_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "sets.gmt").write_text("REPAIR\thttp://x\tBRCA1\tBRCA2\tBRCA2\nCYCLE\t\tTP53\n\n")
    node = {"file": "sets.gmt", "source": "invented", "licence": "CC0"}
    sets = read_gene_sets(node, key="modality.variants.gene_sets_file", root=tmp_path)
    assert sets == {"REPAIR": ("BRCA1", "BRCA2"), "CYCLE": ("TP53",)}
    table = table_of(features=("burden",), gene_sets=sets)
    raw = table.features(table.fit_rules(PATIENTS))
    assert raw["burden:SET:REPAIR"].to_list() == [0, 2, 1, 0]
    assert raw["burden:SET:CYCLE"].to_list() == [2, 0, 1, 0]


@pytest.mark.parametrize(
    ("content", "node", "message"),
    [
        ("A\td\tG\n", {"source": "", "licence": "CC0"}, "source missing"),
        ("A\td\tG\n", {"file": "gone.gmt"}, r"gone\.gmt cannot be read"),
        ("A\td\tG\nB\td\n", {}, r"line 2: needs a name, a description and genes"),
        ("A\td\tG\nA\td\tG\n", {}, "line 2: names a set twice"),
    ],
)
def test_gene_sets_that_cannot_be_read(tmp_path: Path, content: str, node: dict[str, str], message: str) -> None:
    (tmp_path / "sets.gmt").write_text(content)
    given = {"file": "sets.gmt", "source": "invented", "licence": "CC0"} | node
    with pytest.raises(FusionError, match=message):
        read_gene_sets(given, key="k", root=tmp_path)
