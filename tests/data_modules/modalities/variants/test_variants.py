"""Features by hand, filters and selection on training patients alone, and a fitted state on other patients."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_modules.cohort.source import CohortSource
from data_modules.ingest.variants.ingest import VariantIngest
from data_modules.ingest.variants.store import COLUMNS, MISSING, NOT_LISTED, VariantStore, write_store
from data_modules.learned.selection import Selector
from data_modules.modalities.variants.settings import FeatureSettings
from data_modules.modalities.variants.stored import StoredVariants
from data_modules.modalities.variants.vcf import Variants
from data_modules.patient_ids import PatientIds
from fusion.contract import FusionError, SettingsError
from fusion.run.state import load_state, save_state

SOMATIC_CLASSES = ("nonsynonymous", "stopgain", "frameshift", "splicing")
DAMAGING = {"somatic": SOMATIC_CLASSES, "germline": ("stopgain", "frameshift")}
Row = tuple[str, int, str, str, str | None, str | None, list[int]]


@dataclass(kw_only=True)
class Shelf:
    """An ingest whose stores are there already."""

    folder: Path
    origins: tuple[Any, ...]
    problems: list[str] = field(default_factory=list)

    def samples(self, origin: str) -> tuple[str, ...]:
        return VariantStore.open(self.folder / origin).samples

    def check(self) -> list[str]:
        return self.problems

    def run(self, progress: object) -> None:
        pass

    @property
    def folders(self) -> dict[Any, Path]:
        return {origin: self.folder / origin for origin in self.origins}

    def stores(self) -> dict[Any, VariantStore]:
        return {origin: VariantStore.open(folder) for origin, folder in self.folders.items()}


def shelve(folder: Path, origin: str, samples: list[str], rows: list[Row], build: str = "GRCh38") -> None:
    frame = pd.DataFrame(
        [(*row[:6], None, origin, "a.vcf") for row in rows],
        columns=list(COLUMNS),
    )
    dosage = np.array([row[6] for row in rows], dtype=np.int8).reshape(len(rows), len(samples))
    meta = {"build": build, "origin": origin}
    write_store(folder / origin, variants=frame, dosage=dosage, samples=samples, qc={}, meta=meta)


def source_of(root: Path, ids: list[str], **changes: Any) -> CohortSource:
    root.mkdir(parents=True, exist_ok=True)
    outcome = [("yes", "no")[at % 2] for at in range(len(ids))]
    pd.DataFrame({"id": ids, "outcome": outcome}).to_csv(root / "clinical.tsv", sep="\t", index=False)
    settings: dict[str, Any] = {
        "name": "invented",
        "root": root,
        "cache": root / "cache",
        "tables": {"clinical": {"file": "clinical.tsv", "id": "id", "columns": {"outcome": {"time": "outcome"}}}},
        "endpoints": {"response": {"table": "clinical", "column": "outcome", "positive": ["yes"], "negative": ["no"]}},
        "build": "GRCh38",
        "absent_is": "reference",
    }
    return CohortSource(**{**settings, **changes})


def modality_of(
    folder: Path,
    ids: list[str],
    *,
    origins: tuple[str, ...] = ("somatic", "germline"),
    absent_is: str = "reference",
    keep: tuple[str, ...] = (),
    selector: Selector | None = None,
    build: str = "GRCh38",
    **settings: Any,
) -> StoredVariants:
    given = {"damaging": DAMAGING, "min_carriers": 2, "log_counts": False} | settings
    return StoredVariants(
        name="variants",
        source=source_of(folder, ids, build=build),
        ingest=Shelf(folder=folder, origins=origins),
        patient_ids=PatientIds(pattern=r"^(.*)-[TN]$"),
        settings=FeatureSettings(**given),
        keep=keep,
        selector=selector or Selector(method="none"),
        absent_is=absent_is,
    )


IDS = ["P1", "P2", "P3", "P4"]
SOMATIC: list[Row] = [
    ("1", 10, "A", "C", "TTN", "synonymous", [1, 1, 0, 0]),
    ("2", 20, "G", "GT", "BRCA2", "frameshift", [0, 1, 0, MISSING]),
    ("17", 30, "C", "T", "TP53", "nonsynonymous", [1, 0, 2, 0]),
    ("17", 31, "G", "A", "TP53;WRAP53", "stopgain", [1, 0, 0, 0]),
    ("17", 32, "TAAAAAG", "T", None, "intergenic", [0, 0, 1, NOT_LISTED]),
]
GERMLINE: list[Row] = [
    ("13", 5, "GT", "G", "BRCA2", "frameshift", [0, 0, 1]),
    ("13", 6, "G", "A", "BRCA2", "stopgain", [2, 2, 1]),
    ("13", 7, "G", "A", "BRCA2", "nonsynonymous", [0, 0, 1]),
]


@pytest.fixture
def small(tmp_path: Path) -> StoredVariants:
    shelve(tmp_path, "somatic", ["P1-T", "P2-T", "P3-T", "P4-T"], SOMATIC)
    shelve(tmp_path, "germline", ["P1-N", "P2-N", "P3-N"], GERMLINE)
    return modality_of(
        tmp_path,
        IDS,
        min_call_rate=0.7,
        gene_sets={"repair": ("BRCA1", "BRCA2", "TP53")},
        max_germline_frequency=0.2,
        keep=("*",),
    )


LABELS = np.array([0, 1, 0, 1])


def test_features_by_hand(small: StoredVariants) -> None:
    table = small.variants
    raw = table.features(table.fit_rules(IDS))
    expected = {
        # Germline: 13:6 is common, 13:7 is no damaging class there; 13:5 in P3 counts.
        "burden:BRCA2": [0, 1, 1, 0],
        "burden:TP53": [2, 0, 1, 0],
        "burden:WRAP53": [1, 0, 0, 0],
        "burden:SET:repair": [2, 1, 2, 0],
        "count:mutations": [3, 2, 2, 0],
        "count:indels": [0, 1, 1, 0],
        "count:insertions": [0, 1, 0, 0],
        "count:deletions": [0, 0, 1, 0],
        "count:long_deletions": [0, 0, 1, 0],
        "fraction:indels": [0, 1 / 2, 1 / 2, np.nan],
        # A>C is T>G, G>A is C>T on the other strand.
        "fraction:C>T": [2 / 3, 0, 1, np.nan],
        "fraction:T>G": [1 / 3, 1, 0, np.nan],
        "fraction:C>A": [0, 0, 0, np.nan],
        "1:10:A>C": [1, 1, 0, 0],
        "17:30:C>T": [1, 0, 2, 0],
    }
    assert set(expected) <= set(raw.columns)
    assert set(raw.columns) - set(expected) == {"fraction:C>G", "fraction:T>A", "fraction:T>C"}
    for name, values in expected.items():
        np.testing.assert_allclose(raw[name], values, err_msg=name)


def test_counts_may_be_logarithms(small: StoredVariants) -> None:
    table = replace(small.variants, settings=replace(small.settings, log_counts=True))
    raw = table.features(table.fit_rules(IDS))
    np.testing.assert_allclose(raw["count:mutations"], np.log1p([3, 2, 2, 0]))
    assert table.describe("count:mutations").unit == "ln(1 + n)"


def test_an_unlisted_site_is_reference_or_unknown(tmp_path: Path) -> None:
    rows: list[Row] = [("1", 10, "A", "C", "TTN", "nonsynonymous", [1, 1, NOT_LISTED])]
    shelve(tmp_path, "somatic", ["P1-T", "P2-T", "P3-T"], rows)
    for absent, value in (("reference", 0.0), ("unknown", np.nan)):
        modality = modality_of(tmp_path, IDS, origins=("somatic",), absent_is=absent, min_call_rate=0.5)
        table = modality.variants
        np.testing.assert_equal(table.features(table.fit_rules(IDS[:3]))["1:10:A>C"].to_list(), [1.0, 1.0, value])


def test_a_variant_called_too_rarely_is_left_out(small: StoredVariants) -> None:
    table = replace(small.variants, settings=replace(small.settings, min_call_rate=0.9))
    rules = table.fit_rules(IDS)
    assert rules.excluded["somatic"] == ("2:20:G>GT",)
    assert table.fit_rules(["P1", "P2", "P3"]).excluded["somatic"] == ()


def test_fitted_features_are_standardised_by_training_patients(small: StoredVariants) -> None:
    fitted = small.fit(["P1", "P2"], LABELS[:2])
    by_name = {feature.name: feature for feature in fitted.spec.features}
    tp53 = by_name["burden:TP53"]
    assert (tp53.center, tp53.scale, tp53.gene, tp53.kind) == (1.0, 1.0, "TP53", "burden")
    item, names = fitted.load("P3"), [feature.name for feature in fitted.spec.features]
    assert item is not None
    assert item.values[names.index("burden:TP53")] == 0.0  # (1 - 1) / 1
    assert item.values.dtype == np.float32
    table = fitted.table(["P4", "P3", "nobody"])
    assert table.loc["P3", "burden:TP53"] == 0.0 and table.loc["nobody"].isna().all()


def test_what_is_unknown_is_masked(small: StoredVariants) -> None:
    fitted = small.fit(IDS, LABELS)
    names = [feature.name for feature in fitted.spec.features]
    item = fitted.load("P4")
    assert item is not None
    at = names.index("fraction:indels")
    assert not item.mask[at] and item.values[at] == 0
    assert np.isnan(fitted.table(["P4"])["fraction:indels"].item())
    assert fitted.load("P9") is None


def test_single_variants_are_described(tmp_path: Path) -> None:
    rows: list[Row] = [("17", 30, "C", "T", "TP53", "nonsynonymous", [1, 1])]
    shelve(tmp_path, "somatic", ["P1-T", "P2-T"], rows)
    modality = modality_of(tmp_path, IDS, origins=("somatic",), keep=("*",))
    fitted = modality.fit(["P1", "P2"], LABELS[:2])
    (one,) = [feature for feature in fitted.spec.features if feature.kind == "dosage"]
    assert (one.name, one.gene, one.consequence) == ("17:30:C>T", "TP53", "nonsynonymous")
    assert one.label == "TP53 (17:30:C>T)"


# A cohort large enough to select from.


def cohort(
    folder: Path, *, patients: int = 60, sites: int = 300, seed: int = 0, noise_after: int | None = None
) -> None:
    """Genes G0…; patients with an odd number carry G0. From row `noise_after` on, patients' calls are drawn anew."""
    rng = np.random.default_rng(seed)
    dosage = (rng.random((sites, patients)) < 0.06).astype(np.int8)
    dosage[rng.random(dosage.shape) < 0.02] = MISSING
    dosage[:6] = 0
    for patient in range(1, patients, 2):
        dosage[patient % 6, patient] = 1
    if noise_after is not None:
        other = np.random.default_rng(seed + 1)
        dosage[:, noise_after:] = (other.random((sites, patients - noise_after)) < 0.4).astype(np.int8)
    gene = [f"G{max(0, (site - 3) // 3)}" for site in range(sites)]
    rows: list[Row] = [
        ("1", 100 + site, "A", "CGT"[site % 3], gene[site], "nonsynonymous", dosage[site].tolist())
        for site in range(sites)
    ]
    shelve(folder, "somatic", [f"P{patient}-T" for patient in range(patients)], rows)


def chooser() -> Selector:
    return Selector(min_prevalence=0.02, min_carriers=3, features=4, strength=0.1)


def select(folder: Path, patients: int = 60, **settings: Any) -> StoredVariants:
    ids = [f"P{patient}" for patient in range(patients)]
    keep = ("count:mutations", "fraction:indels")
    return modality_of(folder, ids, origins=("somatic",), selector=chooser(), keep=keep, **settings)


def test_elimination_finds_the_gene_and_leaves_kept_features_alone(tmp_path: Path) -> None:
    cohort(tmp_path)
    fitted = select(tmp_path).fit([f"P{at}" for at in range(60)], np.arange(60) % 2)
    names = [feature.name for feature in fitted.spec.features]
    assert names[:2] == ["count:mutations", "fraction:indels"]
    assert "burden:G0" in names and len(names) == 6
    table = fitted.selection
    assert list(table.columns) == ["feature", "gene", "rank", "selected"]
    assert set(table.loc[table["selected"], "feature"]) == set(names)
    assert set(table.loc[table["rank"] == 0, "feature"]) == {"count:mutations", "fraction:indels"}  # kept by name
    assert (table.loc[table["selected"], "rank"] <= 1).all() and (table.loc[~table["selected"], "rank"] > 1).all()


def same_state(one: Any, other: Any) -> bool:
    return json.dumps(one.config) == json.dumps(other.config) and all(
        np.array_equal(one.arrays[key], other.arrays[key]) for key in one.arrays
    )


def test_held_out_patients_change_nothing_that_is_fitted(tmp_path: Path) -> None:
    cohort(tmp_path / "a")
    cohort(tmp_path / "b", noise_after=40)
    train = [f"P{at}" for at in range(40)]
    states = [select(tmp_path / name).fit(train, np.arange(40) % 2).state() for name in "ab"]
    assert same_state(*states)
    # The order of the training patients is without effect on what is chosen, too.
    back = select(tmp_path / "a").fit(train[::-1], (np.arange(40) % 2)[::-1])
    assert [one["name"] for one in states[0].config["features"]] == [one.name for one in back.spec.features]


def test_training_patients_without_variants_are_passed_over(tmp_path: Path) -> None:
    cohort(tmp_path)
    modality = select(tmp_path)
    train = [f"P{at}" for at in range(40)]
    plain = modality.fit(train, np.arange(40) % 2)
    more = modality.fit([*train, "without"], np.append(np.arange(40) % 2, 1))
    assert same_state(plain.state(), more.state())
    with pytest.raises(FusionError, match="none of 1 training patients has variants"):
        modality.fit(["without"], np.array([1]))


def test_a_state_survives_the_disk_and_gives_the_same_numbers(tmp_path: Path) -> None:
    cohort(tmp_path)
    modality = select(tmp_path)
    train = [f"P{at}" for at in range(40)]
    fitted = modality.fit(train, np.arange(40) % 2)
    save_state(tmp_path / "run", "variants", fitted.state())
    restored = select(tmp_path).restore(load_state(tmp_path / "run", "variants"))
    everyone = [f"P{at}" for at in range(60)]
    pd.testing.assert_frame_equal(restored.table(everyone), fitted.table(everyone))
    pd.testing.assert_frame_equal(restored.selection, fitted.selection, check_dtype=False)
    assert restored.spec == fitted.spec
    assert same_state(restored.state(), fitted.state())
    text = json.dumps(dict(fitted.state().config)) + str({k: v.tolist() for k, v in fitted.state().arrays.items()})
    assert '"P1"' not in text and "'P1'" not in text, "no patient id leaves with the state"


def test_another_cohort_is_matched_by_name(tmp_path: Path) -> None:
    shelve(tmp_path / "a", "somatic", ["P1-T", "P2-T", "P3-T", "P4-T"], SOMATIC)
    kinds = ("burden", "dosage")
    state = (
        modality_of(tmp_path / "a", IDS, origins=("somatic",), keep=("*",), features=kinds, min_call_rate=0.7)
        .fit(IDS, LABELS)
        .state()
    )
    # Elsewhere: TP53 by another mutation, the hotspot is there, BRCA2, WRAP53 and the TTN site are nowhere.
    rows: list[Row] = [
        ("17", 30, "C", "T", "TP53", "nonsynonymous", [0, 2]),
        ("17", 99, "C", "T", "TP53", "stopgain", [1, 0]),
    ]
    shelve(tmp_path / "b", "somatic", ["Q1-T", "Q2-T"], rows)
    for absent in ("reference", "unknown"):
        elsewhere = modality_of(tmp_path / "b", ["Q1", "Q2"], origins=("somatic",), absent_is=absent)
        report = elsewhere.match(state)
        assert len(report.trained) == 5
        assert set(report.missing) == {"burden:BRCA2", "burden:WRAP53", "1:10:A>C"}
        assert report.extra == ()
        assert report.absent_is == absent
        means = {one["name"]: one["center"] for one in state.config["features"]}
        assert report.chances == pytest.approx([1 - np.exp(-2 * means[name]) for name in report.trained])
        fitted = elsewhere.restore(state)
        undo = {f.name: fitted.table(["Q1", "Q2"])[f.name] * f.scale + f.center for f in fitted.spec.features}
        np.testing.assert_allclose(undo["burden:TP53"], [1, 1])
        np.testing.assert_allclose(undo["17:30:C>T"], [0, 2], atol=1e-6)
        missing = [0.0, 0.0] if absent == "reference" else [np.nan, np.nan]
        for name in report.missing:
            np.testing.assert_allclose(undo[name], missing, atol=1e-6)


def test_single_variants_of_another_build_are_refused(tmp_path: Path) -> None:
    shelve(tmp_path, "somatic", ["P1-T", "P2-T", "P3-T", "P4-T"], SOMATIC)
    state = modality_of(tmp_path, IDS, origins=("somatic",), keep=("*",)).fit(IDS, LABELS).state()
    with pytest.raises(FusionError, match=r"of build GRCh38 and cohort\.build is GRCh37\. Lift the files over"):
        modality_of(tmp_path, IDS, origins=("somatic",), build="GRCh37").restore(state)


def test_a_newer_state_is_refused(small: StoredVariants) -> None:
    state = small.fit(IDS, LABELS).state()
    with pytest.raises(FusionError, match="newer version"):
        small.restore(replace(state, config={**state.config, "version": 99}))


def test_fitting_is_quick(tmp_path: Path) -> None:
    cohort(tmp_path, patients=150, sites=6000)
    modality = select(tmp_path, patients=150, min_carriers=5)
    train, labels = [f"P{at}" for at in range(150)], np.arange(150) % 2
    modality.fit(train[:20], labels[:20])  # reads the store
    begun = time.process_time()
    modality.fit(train, labels)
    assert time.process_time() - begun < 5  # on two loaded cores; about one on free ones


# Bad input.

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=248956422>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1-T\tP2-T\n"
    "chr1\t100\t.\tA\tC\t.\tPASS\t.\tGT\t0/1\t0/0\n"
)


def variants_of(root: Path, ids: list[str], cohort_settings: dict[str, Any] | None = None, **settings: Any) -> Variants:
    source = source_of(root, ids, **(cohort_settings or {}))
    given: dict[str, Any] = {"files": ["calls.vcf"], "selector": Selector(), "patient_pattern": "^(.*)-T$"}
    (root / "calls.vcf").write_text(HEADER)
    return Variants(name="variants", source=source, **{**given, **settings})


def test_a_sound_modality_has_no_problem(tmp_path: Path) -> None:
    modality = variants_of(tmp_path, ["P1", "P2"])
    assert modality.check() == []
    assert modality.patients == {"P1", "P2"}


def test_no_sample_of_the_file_is_in_the_cohort(tmp_path: Path) -> None:
    (one,) = variants_of(tmp_path, ["X1", "X2"]).check()
    assert (
        "no somatic sample is of a patient of the cohort: samples P1-T, P2-T are read as P1, P2, patients are X1" in one
    )
    assert "modality.variants.patient_pattern" in one


def test_no_sample_fits_the_pattern(tmp_path: Path) -> None:
    (one,) = variants_of(tmp_path, ["P1"], patient_pattern="^(TCGA-.*)-T$").check()
    assert "no somatic sample (P1-T, P2-T) yields a patient id" in one


def test_no_file(tmp_path: Path) -> None:
    modality = variants_of(tmp_path, ["P1"], files=[{"path": "gone*.vcf.gz", "origin": "germline"}])
    (one,) = modality.check()
    assert "modality.variants.files: no file matches gone*.vcf.gz" in one
    assert modality.patients == frozenset()


def test_absence_has_no_default(tmp_path: Path) -> None:
    (one,) = variants_of(tmp_path, ["P1", "P2"], {"absent_is": None}).check()
    assert "modality.variants.absent_is=None" in one and "Set cohort.absent_is" in one
    assert variants_of(tmp_path, ["P1", "P2"], {"absent_is": None}, absent_is="unknown").check() == []


def refused(root: Path, **settings: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as told:
        variants_of(root, ["P1"], **settings)
    return told.value.problems


def test_settings_out_of_their_set_are_told_at_once(tmp_path: Path) -> None:
    told = refused(tmp_path, features=["burdens"], damaging={"somatic": ["missense"]}, dosage_origins=["tumour"])
    assert [one.split(" must be")[0] for one in told] == [
        "modality.variants.features[0]",
        "modality.variants.damaging.somatic[0]",
        "modality.variants.dosage_origins[0]",
    ]
    assert "must be one of burden, dosage" in told[0] and "not 'burdens'. Did you mean burden?" in told[0]
    assert "stopgain, frameshift" in told[1] and "not 'missense'" in told[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": ["context"]}, "features lists context, which needs the reference genome. Set fasta."),
        ({"callable_mb": 0}, "modality.variants.callable_mb must be above 0, not 0."),
        ({"weights": {"missense": 1.0}}, "Unknown key 'modality.variants.weights.missense'."),
        ({"weights": {"stopgain": -1.0}}, "modality.variants.weights.stopgain must be at least 0, not -1.0."),
        ({"gene_sets_file": {"file": "a.gmt"}}, "modality.variants.gene_sets_file.source is needed"),
        (
            {"files": [{"path": "b.vcf", "origin": "tumour"}]},
            "modality.variants.files[0].origin must be one of somatic",
        ),
        ({"filters": {"germlin": {}}}, "Did you mean modality.variants.filters.germline?"),
        ({"filters": {"somatic": {"min_balance": 0.6}}}, "min_balance must be at least 0 and at most 0.5, not 0.6."),
        ({"annotation": {"modell": "ensGene"}}, "Did you mean modality.variants.annotation.model?"),
        ({"min_call_rate": 80}, "modality.variants.min_call_rate must be at least 0 and at most 1, not 80."),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    assert message in refused(tmp_path, **settings)[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fasta": "gone.fa"}, "modality.variants.fasta: there is no file"),
        (
            {"gene_sets_file": {"file": "a.gmt", "source": "invented", "licence": "CC0"}},
            "modality.variants.gene_sets_file.file",
        ),
    ],
)
def test_files_that_settings_name_are_looked_for(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    (one,) = variants_of(tmp_path, ["P1"], **settings).check()
    assert message in one


def test_files_are_paths_or_name_their_origin(tmp_path: Path) -> None:
    made = variants_of(tmp_path, ["P1"], files=["calls.vcf", {"path": "calls.vcf", "origin": "germline"}])
    assert isinstance(made.ingest, VariantIngest)
    assert [(file.path.name, file.origin) for file in made.ingest.files] == [
        ("calls.vcf", "somatic"),
        ("calls.vcf", "germline"),
    ]
    alone = variants_of(tmp_path, ["P1"], files="calls.vcf")
    assert isinstance(alone.ingest, VariantIngest)
    assert [(file.path.name, file.origin) for file in alone.ingest.files] == [("calls.vcf", "somatic")]


def test_weights_and_frequencies_survive_the_disk(tmp_path: Path) -> None:
    shelve(tmp_path, "somatic", ["P1-T", "P2-T", "P3-T", "P4-T"], SOMATIC)
    shelve(tmp_path, "germline", ["P1-N", "P2-N", "P3-N"], GERMLINE)
    given = {"keep": ("*",), "min_call_rate": 0.7, "max_germline_frequency": 0.2}
    weighted = given | {"weights": {"stopgain": 3.0}, "germline_frequency": "beta"}
    fitted = modality_of(tmp_path, IDS, **weighted).fit(IDS, LABELS)
    save_state(tmp_path / "run", "variants", fitted.state())
    restored = modality_of(tmp_path, IDS, **given).restore(load_state(tmp_path / "run", "variants"))
    pd.testing.assert_frame_equal(restored.table(IDS), fitted.table(IDS))
    assert not restored.table(IDS)["burden:TP53"].equals(
        modality_of(tmp_path, IDS, **given).fit(IDS, LABELS).table(IDS)["burden:TP53"]
    )


def test_a_model_with_contexts_needs_a_genome(tmp_path: Path) -> None:
    shelve(tmp_path, "somatic", ["P1-T", "P2-T", "P3-T", "P4-T"], SOMATIC)
    settings = {"origins": ("somatic",), "keep": ("*",), "features": ("tmb",), "callable_mb": 30.0}
    state = modality_of(tmp_path, IDS, **settings).fit(IDS, LABELS).state()
    with pytest.raises(FusionError, match=r"modality\.variants\.callable_mb is not set"):
        modality_of(tmp_path, IDS, origins=("somatic",)).restore(state)


def test_problems_of_the_file_come_through(tmp_path: Path) -> None:
    modality = variants_of(tmp_path, ["P1"], {"build": "GRCh37"})
    (one,) = modality.check()
    assert "calls.vcf is of build GRCh38" in one


def test_a_gene_set_is_the_sum_of_its_genes_and_patients_carry_what_burdens_count(tmp_path: Path) -> None:
    shelve(tmp_path, "somatic", ["P1-T", "P2-T", "P3-T", "P4-T"], SOMATIC)
    shelve(tmp_path, "germline", ["P1-N", "P2-N", "P3-N"], GERMLINE)
    sets = {"repair": ("TP53", "BRCA2", "NOWHERE")}
    modality = modality_of(
        tmp_path, IDS, keep=("*",), features=("burden",), gene_sets=sets, min_call_rate=0.7, max_germline_frequency=0.2
    )
    fitted = modality.fit(IDS, LABELS)
    parts = fitted.summands("burden:SET:repair")
    assert parts is not None
    assert parts.columns.tolist() == ["TP53", "BRCA2", "NOWHERE"]
    feature = next(one for one in fitted.spec.features if one.name == "burden:SET:repair")
    raw = fitted.table(IDS)["burden:SET:repair"] * feature.scale + feature.center
    np.testing.assert_allclose(parts.loc[IDS].sum(axis=1), raw, atol=1e-5)
    assert fitted.summands("burden:TP53") is None
    assert fitted.carried("P2") == {"BRCA2": "2:20:G>GT frameshift"}
    assert set(fitted.carried("P1")) == {"TP53", "WRAP53"}
    assert fitted.carried("P1")["TP53"] == "17:30:C>T nonsynonymous, 17:31:G>A stopgain"
    assert fitted.carried("P3")["BRCA2"] == "13:5:GT>G frameshift (germline)"
    assert fitted.carried("nobody") == {}


def test_a_sample_without_any_call_has_no_variants(tmp_path: Path) -> None:
    """Else all its features would be unknown, and it would train."""
    rows: list[Row] = [("17", 30 + at, "C", "T", "TP53", "nonsynonymous", [1, 0, MISSING]) for at in range(4)]
    shelve(tmp_path, "somatic", ["P1-T", "P2-T", "P3-T"], rows)
    samples = pd.DataFrame({"sample": ["P1-T", "P2-T", "P3-T"], "kept": True, "listed": 4, "called": [4, 4, 0]})
    samples.to_parquet(tmp_path / "somatic" / "samples.parquet")
    modality = modality_of(tmp_path, ["P1", "P2", "P3"], origins=("somatic",), keep=("*",))
    assert modality.patients == {"P1", "P2", "P3"}
    assert set(modality.failed) == {"P3"}
    assert modality.variants.patients == ("P1", "P2")
    assert modality.fit(["P1", "P2"], np.array([0, 1])).load("P3") is None
