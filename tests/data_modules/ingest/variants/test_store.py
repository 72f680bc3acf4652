from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modules.genes.contigs import plain_contig
from data_modules.ingest.variants.store import COLUMNS, VariantStore, variant_names, write_store
from fusion.contract import FusionError


def rows(*variants: tuple[str, int, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(list(variants), columns=["contig", "position", "ref", "alt"])
    return frame.assign(gene=None, consequence=None, aachange=None, origin="somatic", file="a.vcf")[list(COLUMNS)]


def write(folder: Path, variants: pd.DataFrame, dosage: np.ndarray) -> None:
    meta = {"build": "GRCh38", "origin": "somatic"}
    write_store(folder, variants=variants, dosage=dosage, samples=["s", "t"], qc={}, meta=meta)


def test_what_is_written_is_read_in_genome_order(tmp_path: Path) -> None:
    variants = rows(("X", 5, "A", "T"), ("10", 7, "C", "G"), ("2", 9, "G", "A"), ("2", 8, "G", "A"))
    write(tmp_path / "store", variants, np.array([[0, 1], [1, 2], [-1, -2], [0, 2]], dtype=np.int8))
    store = VariantStore.open(tmp_path / "store")
    assert variant_names(store.variants) == ["2:8:G>A", "2:9:G>A", "10:7:C>G", "X:5:A>T"]
    assert store.dosage.tolist() == [[0, 2], [-1, -2], [1, 2], [0, 1]]
    assert isinstance(store.dosage, np.memmap)
    assert (store.samples, store.origin, store.build) == (("s", "t"), "somatic", "GRCh38")
    assert store.variants["gene"].isna().all()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    one = rows(("1", 5, "A", "T"))
    with pytest.raises(ValueError, match="dosage is"):
        write(tmp_path, one, np.zeros((2, 2), dtype=np.int8))
    with pytest.raises(ValueError, match="columns are"):
        write(tmp_path, one.drop(columns="gene"), np.zeros((1, 2), dtype=np.int8))
    with pytest.raises(ValueError, match="twice"):
        write(tmp_path, pd.concat([one, one]), np.zeros((2, 2), dtype=np.int8))


def test_no_store_and_a_newer_one(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="not a store of variants"):
        VariantStore.open(tmp_path)
    write(tmp_path, rows(("1", 5, "A", "T")), np.zeros((1, 2), dtype=np.int8))
    meta = json.loads((tmp_path / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps(meta | {"format": 99}))
    with pytest.raises(FusionError, match="newer version"):
        VariantStore.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "plain"), [("chr1", "1"), ("1", "1"), ("chrM", "MT"), ("M", "MT"), ("23", "X"), ("chrX", "X")]
)
def test_contigs_have_one_spelling(name: str, plain: str) -> None:
    assert plain_contig(name) == plain
