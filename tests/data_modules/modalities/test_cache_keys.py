"""Which settings change where the results of ingest lie in the cache: every field is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.torch import save_file

from data_modules.cohort.source import CohortSource
from data_modules.ingest.slides.embed.frozen_encoders import monai_resnet
from data_modules.ingest.slides.ingest import entry_for as slide_entry
from data_modules.ingest.variants.ingest import VariantIngest
from data_modules.ingest.volumes.ingest import entry_for as volume_entry
from data_modules.learned.selection import Selector
from data_modules.modalities.slides.images import Images
from data_modules.modalities.slides.settings import ImageSettings, SlideSettings
from data_modules.modalities.slides.slides import Slides
from data_modules.modalities.variants.maf import MafVariants
from data_modules.modalities.variants.settings import VariantSettings
from data_modules.modalities.variants.vcf import Variants
from data_modules.modalities.volumes.settings import VolumeSettings
from data_modules.modalities.volumes.volumes import Volumes
from data_modules.sources.image_folder import ImageFolder

nib = pytest.importorskip("nibabel")
ONE = {"match": "pre", "time": "baseline", "intensity": "mr"}
VCF = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=248956422>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1\n"
    "chr1\t100\t.\tA\tC\t.\tPASS\t.\tGT\t0/1\n"
)
MAF = (
    "Hugo_Symbol\tChromosome\tStart_Position\tReference_Allele\tTumor_Seq_Allele2\tTumor_Sample_Barcode\n"
    "TP53\t17\t7675088\tC\tT\tP1\n"
)

# Field → a value that changes the key, beside what a base needs; or None: it must not change the key, whatever it is.
SLIDES: dict[str, Any] = {
    "files": None,
    "patient_pattern": None,
    "sample_sheet": None,
    "mpp": 0.5,
    "objective_power": None,
    "tile": {"size": 32},
    "tissue": {"blur": 7.0},
    "stain": "macenko",
    "embed": None,  # by the hash of its weights: tests/data_modules/ingest/slides/embed
    "workers": None,
    "max_failed": None,
}
VOLUMES: dict[str, Any] = {
    "files": None,
    "patient_pattern": None,
    "sample_sheet": None,
    "sequences": {"pre": {**ONE, "clip": 4.0}, "post": {**ONE, "match": "post"}},
    "mask": {"match": "mask", "of": "pre"},
    "spacing": 2.0,
    "size": 32,
    "patch": 8,
    "crop": "none",
    "centre": ["post"],
    "workers": None,
    "max_failed": None,
}
_LATER = (
    "features", "damaging", "gene_sets", "weights", "germline_frequency", "callable_mb", "log_counts", "min_call_rate",
    "max_germline_frequency", "dosage_origins", "min_carriers", "gene_sets_file", "keep", "absent_is", "spark", "files",
    "patient_pattern", "sample_sheet", "several_samples", "reads",
)  # fmt: skip
VCFS: dict[str, Any] = dict.fromkeys(_LATER) | {
    "filters": {"somatic": {"min_dp": 3}},
    "annotation": {"unresolved": "unannotated"},
    "inputs": {"tumour": ["P1"]},
    "fasta": "genome.fa",
}
MAFS: dict[str, Any] = VCFS | dict.fromkeys(("annotation", "inputs", "fasta"))
OTHER = {  # another value of what must not count
    "files": "*",
    "patient_pattern": "(P1)",
    "workers": 7,
    "max_failed": 0.5,
    "objective_power": None,
    "features": ["count"],
    "damaging": {"somatic": ["stopgain"]},
    "gene_sets": {"A": ["TP53"]},
    "weights": {"stopgain": 2.0},
    "germline_frequency": "beta",
    "callable_mb": 30.0,
    "log_counts": False,
    "min_call_rate": 0.5,
    "max_germline_frequency": 0.5,
    "dosage_origins": [],
    "min_carriers": 2,
    "keep": ["count:*"],
    "absent_is": "unknown",
    "spark": {"driver_memory": "5g"},
    "reads": {"folder": "fastq", "reference": "genome.fa"},
    "annotation": {"unresolved": "unannotated"},
}


@pytest.fixture
def source(tmp_path: Path) -> CohortSource:
    pd.DataFrame({"id": ["P1"], "outcome": ["yes"]}).to_csv(tmp_path / "clinical.tsv", sep="\t", index=False)
    Image.fromarray(np.zeros((64, 64, 3), dtype=np.uint8)).save(tmp_path / "P1.png")
    for name in ("pre", "post", "mask"):
        values = np.random.default_rng(len(name)).random((8, 8, 8)).astype(np.float32)
        nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / f"P1_{name}.nii.gz")
    (tmp_path / "P1.vcf").write_text(VCF)
    (tmp_path / "P1.maf").write_text(MAF)
    (tmp_path / "genome.fa").write_text(">chr1\nACGT\n")
    return CohortSource(
        name="invented",
        root=tmp_path,
        cache=tmp_path / "cache",
        tables={"clinical": {"file": "clinical.tsv", "id": "id", "columns": {"outcome": {"time": "outcome"}}}},
        endpoints={"response": {"table": "clinical", "column": "outcome", "positive": ["yes"], "negative": ["no"]}},
        build="GRCh38",
        absent_is="reference",
    )


def slide_key(source: CohortSource, **given: Any) -> str:
    made = Slides(name="slides", source=source, **{"files": "P1.png", **given, **_files(given, "P1.pn?")})
    return slide_entry(made.requests[0], made.rules, cache=Path(source.cache)).key


def volume_key(source: CohortSource, **given: Any) -> str:
    both = {"pre": ONE, "post": {**ONE, "match": "post"}}
    base: dict[str, Any] = {"files": "*.nii.gz", "sequences": both, "patient_pattern": "(P1)_"}
    made = Volumes(name="mri", source=source, **{**base, **given, **_files(given, "P1_*.nii.gz")})
    return volume_entry(made.requests[0], made.rules, cache=Path(source.cache)).key


def vcf_key(source: CohortSource, **given: Any) -> str:
    made = Variants(
        name="v", source=source, selector=Selector(), **{"files": "P1.vcf", **given, **_files(given, "*.vcf")}
    )
    assert isinstance(made.ingest, VariantIngest)
    return made.ingest.entry.key


def maf_key(source: CohortSource, **given: Any) -> str:
    made = MafVariants(
        name="v", source=source, selector=Selector(), **{"files": "P1.maf", **given, **_files(given, "*.maf")}
    )
    assert isinstance(made.ingest, VariantIngest)
    return made.ingest.entry.key


def _files(given: dict[str, Any], other: str) -> dict[str, str]:
    return {"files": other} if "files" in given else {}


KINDS: list[tuple[Any, dict[str, Any], Callable[..., str]]] = [
    (SlideSettings, SLIDES, slide_key),
    (VolumeSettings, VOLUMES, volume_key),
    (VariantSettings, VCFS, vcf_key),
    (VariantSettings, MAFS, maf_key),
]
DECIDED = [(table, key, name) for _, table, key in KINDS for name in table]


@pytest.mark.parametrize(("kind", "table"), [(kind, table) for kind, table, _ in KINDS])
def test_every_field_is_decided(kind: Any, table: dict[str, Any]) -> None:
    assert {one.name for one in fields(kind)} == set(table)


@pytest.mark.parametrize(("table", "key", "name"), DECIDED, ids=[f"{key.__name__}-{name}" for _, key, name in DECIDED])
def test_a_field_changes_the_key_or_does_not(
    source: CohortSource, table: dict[str, Any], key: Callable[..., str], name: str
) -> None:
    if table[name] is not None:
        assert key(source, **{name: table[name]}) != key(source)
    elif OTHER.get(name) is not None:
        assert key(source, **{name: OTHER[name]}) == key(source)


@pytest.mark.parametrize(("name", "value", "changes"), [("size", 32, True), ("mpp", 0.5, True), ("workers", 7, False)])
def test_images(tmp_path: Path, name: str, value: Any, changes: bool) -> None:
    assert {one.name for one in fields(ImageSettings)} == {"size", "mpp", "workers", "embed"}
    for label in ("A", "B"):
        (tmp_path / "images" / label).mkdir(parents=True)
        Image.fromarray(np.full((64, 64, 3), ord(label), dtype=np.uint8)).save(tmp_path / "images" / label / "1.png")
    source = ImageFolder(name="tiles", root=tmp_path / "images", cache=tmp_path / "cache")
    base, other = Images(name="tiles", source=source), Images(name="tiles", source=source, **{name: value})
    assert (base._place.key != other._place.key) is changes
    save_file(monai_resnet("resnet18").state_dict(), tmp_path / "w.safetensors")
    embed = {"encoder": "resnet18", "weights": str(tmp_path / "w.safetensors")}
    frozen = Images(name="tiles", source=source, embed=embed)
    larger = Images(name="tiles", source=source, embed=embed | {"input_size": 96, "batch": 2})
    assert len({one._place.key for one in (base, frozen, larger)}) == 3
    batched = Images(name="tiles", source=source, embed=embed | {"batch": 2})
    assert batched._place.key == frozen._place.key
