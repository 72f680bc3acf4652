"""Wide tables: reduction by hand and against scikit-learn, nothing learned from held-out rows, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_classif

from data_modules.errors import CohortError
from data_modules.learned.reduction import fit_reduction, readable
from data_modules.learned.settings import ReductionSettings
from data_modules.modalities.tables.features import Features
from fusion.contract import FusionError, SettingsError
from fusion.run.state import load_state, save_state

IDS = [f"P{i:02d}" for i in range(40)]
LABELS = np.array([i % 2 for i in range(40)], dtype=np.int64)


def wide(seed: int = 0) -> pd.DataFrame:
    """40 patients × 60 columns; the first three follow the label, the last is constant, a few cells are missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(40, 60))
    values[:, :3] += 3 * LABELS[:, None]
    values[:, -1] = 7.0
    values[5, 10] = np.nan
    return pd.DataFrame(values, index=pd.Index(IDS, name="who"), columns=[f"F..{i}_HE" for i in range(60)])


def modality(root: Path, **settings: Any) -> Features:
    source = SimpleNamespace(root=root, name="invented")
    options: dict[str, Any] = {"file": "wide.csv.gz", "id": "who", "time": "baseline", **settings}
    return Features(name="slides", source=source, **options)  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    wide().to_csv(tmp_path / "wide.csv.gz")
    return tmp_path


def test_projection_is_that_of_scikit_learn() -> None:
    table = wide().drop(columns=["F..10_HE", "F..59_HE"])
    learned = fit_reduction(table, LABELS, ReductionSettings(clip=None, screen=None, components=4))
    scaled = (table - table.mean()) / table.std(ddof=0)
    theirs = PCA(4, whiten=True).fit_transform(scaled)
    ours = learned.transform(table)
    signs = np.sign((ours * theirs).sum(axis=0))
    # Whitening there divides by n − 1.
    np.testing.assert_allclose(ours * signs, theirs * np.sqrt(40 / 39), rtol=1e-4, atol=1e-5)


def test_screening_is_that_of_scikit_learn() -> None:
    table = wide().drop(columns=["F..10_HE", "F..59_HE"])
    learned = fit_reduction(table, LABELS, ReductionSettings(clip=None, screen=5, components=None))
    theirs = table.columns[SelectKBest(f_classif, k=5).fit(table, LABELS).get_support()]
    assert list(learned.columns) == list(theirs) and {"F..0_HE", "F..1_HE", "F..2_HE"} <= set(theirs)
    assert learned.ranking["selected"].sum() == 5


def test_by_hand_median_scale_and_clip() -> None:
    table = pd.DataFrame({"a": [0.0, 2.0, np.nan, 4.0], "b": [1.0, 1.0, 1.0, 1.0]})
    learned = fit_reduction(table, np.array([0, 1, 0, 1]), ReductionSettings(clip=1.0, screen=None, components=None))
    # median 2 → 0, 2, 2, 4: mean 2, standard deviation √2; b is constant.
    assert learned.columns == ("a",)
    np.testing.assert_allclose(learned.transform(table).ravel(), [-1.0, 0.0, 0.0, 1.0], atol=1e-6)
    assert learned.features[0].center == 2.0 and learned.features[0].scale == pytest.approx(np.sqrt(2))


def test_held_out_patients_teach_nothing(root: Path) -> None:
    before = modality(root, screen=20, components=5).fit(IDS[:30], LABELS[:30]).state()
    changed = wide()
    changed.iloc[30:] = 1e6
    changed.to_csv(root / "wide.csv.gz")
    after = modality(root, screen=20, components=5).fit(IDS[:30], LABELS[:30]).state()
    assert before.config == after.config
    for name, array in before.arrays.items():
        np.testing.assert_array_equal(array, after.arrays[name])


@pytest.mark.parametrize("settings", [{"screen": 10}, {"components": 3}, {}])
def test_state_restores_the_same_numbers(root: Path, tmp_path: Path, settings: dict[str, int]) -> None:
    ours = modality(root, **settings)
    fitted = ours.fit(IDS[:30], LABELS[:30])
    save_state(tmp_path, "slides", fitted.state())
    restored = ours.restore(load_state(tmp_path, "slides"))
    pd.testing.assert_frame_equal(fitted.table(IDS), restored.table(IDS))
    assert restored.spec == fitted.spec
    assert ours.known_columns == fitted.table(IDS).shape[1] == settings.get("screen", settings.get("components", 59))
    item = restored.load("P35")
    assert item is not None and item.values.dtype == np.float32 and item.mask.all()
    assert restored.load("P99") is None


def test_a_patient_without_a_value_lacks_the_modality(root: Path) -> None:
    table = wide()
    table.loc["P05"] = np.nan
    table.to_csv(root / "wide.csv.gz")
    found = modality(root)
    assert "P05" not in found.patients
    fitted = found.fit(IDS[:30], LABELS[:30])
    assert fitted.load("P05") is None
    assert fitted.table(["P05", "P06"]).notna().all(axis=1).tolist() == [False, True]


def test_counts_for_logarithms_are_told(root: Path) -> None:
    state = modality(root, screen=20).fit(IDS, LABELS).state()
    assert modality(root).match(state).notes == ()
    np.exp2(5 + 2 * wide()).to_csv(root / "wide.csv.gz")
    (note,) = modality(root).match(state).notes
    assert note.startswith("most columns of wide.csv.gz are on another scale than in training: counts for logarithms")
    few = wide()
    few.iloc[:, :3] *= 1000  # of 20 screened columns three
    few.to_csv(root / "wide.csv.gz")
    assert modality(root).match(state).notes == ()


def test_names_for_people(root: Path) -> None:
    assert readable("AREA..MM2..OF..TUMOR_HE") == "AREA MM2 OF TUMOR HE"
    first = modality(root, components=2).fit(IDS, LABELS).spec.features[0]
    assert first.name == "component 1" and first.label.startswith("component 1: + F ")


def test_refused(root: Path) -> None:
    with pytest.raises(SettingsError, match=r"modality\.slides\.time is None: only columns known at baseline"):
        modality(root, time=None)
    with pytest.raises(SettingsError, match="time is 'outcome'"):
        modality(root, time="outcome")
    with pytest.raises(SettingsError, match=r"modality\.slides\.components must be at least 1, not 0"):
        modality(root, components=0)
    assert "there is no file" in modality(root, file="absent.csv").check()[0]
    assert "has no column 'nobody' for the patient" in modality(root, id="nobody").check()[0]
    table = wide().assign(note="text")
    pd.concat([table, table.iloc[:1]]).to_csv(root / "wide.csv.gz")
    told = modality(root).check()
    assert "patients with two rows (P00)" in told[0] and "columns of wide.csv.gz are no numbers (note)" in told[1]
    with pytest.raises(CohortError, match="two rows"):
        _ = modality(root).frame
    wide().to_csv(root / "wide.csv.gz")
    with pytest.raises(FusionError, match="2 of 3 training patients"):
        modality(root).fit(["P00", "P01", "X"], LABELS[:3])
    fitted = modality(root, screen=4).fit(IDS, LABELS)
    wide().drop(columns=["F..0_HE"]).to_csv(root / "wide.csv.gz")
    with pytest.raises(FusionError, match=r"lacks columns the model was trained with: F\.\.0_HE\. Add them"):
        modality(root).restore(fitted.state())


def test_gene_sets_take_the_place_of_columns(root: Path) -> None:
    names = [f"F..{place}_HE" for place in range(6)]
    (root / "x.gmt").write_text(
        "LABEL\tabout\t" + "\t".join(names[:3]) + "\nREST\tabout\t" + "\t".join(names[3:]) + "\n"
    )
    given = {"file": "x.gmt", "source": "invented", "licence": "CC0", "least": 3}
    found = modality(root, pathways=given)
    assert found.check() == []
    assert root / "x.gmt" in found.input_files
    fitted = found.fit(IDS[:30], LABELS[:30])
    scores = fitted.table(IDS)
    assert list(scores) == ["LABEL", "REST"]
    assert (
        scores["LABEL"].corr(pd.Series(LABELS, index=IDS))
        > 0.9
        > 0.5
        > abs(scores["REST"].corr(pd.Series(LABELS, index=IDS)))
    )
    assert (found.known_columns, modality(root, pathways=given, components=4).known_columns) == (2, 6)
    assert found.quality()[0].counts["gene sets"] == {"in the file": 2, "used": 2, "columns in them": 6}
    changed = wide()
    changed.iloc[30:] = 1e6
    changed.to_csv(root / "wide.csv.gz")
    again = modality(root, pathways=given).fit(IDS[:30], LABELS[:30]).state()
    assert all((part == again.arrays[name]).all() for name, part in fitted.state().arrays.items())
    assert found.match(fitted.state()).missing == ()


@pytest.mark.parametrize(
    ("text", "given", "words"),
    [
        (None, {}, ("modality.slides.pathways.file", "x.gmt cannot be read")),
        ("A\tabout\tF..1_HE\nA\tabout\tF..2_HE\n", {}, ("x.gmt, line 2: names a set twice",)),
        ("A\tabout\n", {}, ("x.gmt, line 1: needs a name, a description and genes",)),
        ("A\tabout\tTP53\tATM\n", {}, ("has 5 genes among the 60 columns", "TP53", "F..0_HE", "pathways.least")),
        ("A\tabout\tTP53\n", {"licence": ""}, ("modality.slides.pathways: licence missing",)),
    ],
)
def test_gene_sets_that_cannot_be_used_are_told_before_anything_runs(
    root: Path, text: str | None, given: dict[str, Any], words: tuple[str, ...]
) -> None:
    if text is not None:
        (root / "x.gmt").write_text(text)
    (problem,) = modality(root, pathways={"file": "x.gmt", "source": "s", "licence": "CC0", **given}).check()
    for word in words:
        assert word in problem
