"""What a cohort declares of its root and of the generator that writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_modules.errors import CohortError
from fusion.contract import FusionError

ALL = [f"P{number:02d}" for number in range(1, 11)]


def test_no_such_root_says_what_to_fetch(cohort, tmp_path):
    source = cohort.source(root=tmp_path / "absent", fetch="Fetch it from the archive.")
    with pytest.raises(
        FusionError, match=r"there is no folder .*absent\. Set cohort\.root .*Fetch it from the archive"
    ):
        source.prepare(lambda *_: None)


def test_generator_writes_a_missing_root_once_and_other_settings_are_refused(cohort, tmp_path):
    root = tmp_path / "written"
    calls = []

    def write(folder: Path, *, progress: object, **settings: object) -> None:
        calls.append(settings)
        folder.mkdir(exist_ok=True)
        for table in ("clinical.tsv", "treatment.tsv"):
            (folder / table).touch()
        (folder / "SIMULATED.json").write_text(json.dumps({"patients": 12, "seed": 20, "interaction": 1.0, **settings}))

    def prepare(**settings: object) -> None:
        cohort.source(root=root, generator=write, **settings).prepare(lambda *_: None)

    prepare(patients=30)
    prepare(patients=30)
    prepare()
    prepare(seed=20, interaction=1)
    assert calls == [{"patients": 30}]
    with pytest.raises(CohortError, match=r"was written with patients=30, not 31, interaction=1.0, not 0"):
        prepare(patients=31, interaction=0)
    # A root of an earlier version lacks a table: the generator is asked for it, with the settings of that root.
    (root / "treatment.tsv").unlink()
    prepare()
    assert calls[1:] == [{"patients": 30, "seed": 20, "interaction": 1.0}]


def test_a_generator_left_in_the_yaml_of_own_files(cohort, named):
    calls = []

    def write(folder: Path, *, progress: object, **settings: object) -> None:
        calls.append(folder)
        folder.mkdir(exist_ok=True)

    copied = {"generator": write, "simulated": True, "patients": 30, "seed": 5, "interaction": 1.0}
    with pytest.raises(CohortError) as caught:
        cohort.source(**copied).prepare(lambda *_: None)
    assert f"cohort.generator would write to {cohort.root}, which holds files and no SIMULATED.json" in str(
        caught.value
    )
    assert "take generator, simulated, patients, seed and interaction out of the cohort's YAML" in str(caught.value)
    assert calls == []
    assert (cohort.root / "clinical.tsv").is_file()
    # The mend: without these keys the files are read, and are nobody's simulation.
    for key in ("generator", "simulated", "patients", "seed", "interaction"):
        del copied[key]
    source = cohort.source(**copied)
    source.prepare(lambda *_: None)
    kept = source.reconcile({"slides": named(source, ALL)})
    assert (kept.spec.patients, kept.spec.simulated) == (10, False)
    # The other mend: a new folder is written, an empty one too.
    for root in (cohort.root.parent / "new", cohort.root.parent / "empty"):
        if root.name == "empty":
            root.mkdir()
        cohort.source(root=root, generator=write).prepare(lambda *_: None)
    assert [folder.name for folder in calls] == ["new", "empty"]


def test_each_setting_of_the_generator_has_a_folder_of_its_own(cohort):
    def root(**settings: object) -> Path:
        return cohort.source(root=None, generator=print, **settings).root

    assert root() == Path("data/invented")
    assert root(interaction=0) == Path("data/invented_interaction_0")
    assert root(patients=30, seed=5) == Path("data/invented_patients_30_seed_5")
