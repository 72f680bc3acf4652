"""Data apart from choices: presets by kind and name, cohort files of earlier versions, what need not be typed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from fusion.config.choices import GENERAL, OWN, layer, names, preset_of
from fusion.config.compose import composed
from fusion.config.declared import DATA, advice, declared, kind_of, overlay
from fusion.config.files import ConfigError, conf_dir

DATA_ALONE = """# @package _global_
defaults:
  - /modality@modality.variants: maf
  - /modality@modality.clinical: table

cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: mine
  root: data
  tables: {clinical: {file: clinical.tsv, id: patient_id, columns: {age: {time: baseline, kind: number}}}}
  endpoints: {response: {table: clinical, column: best, positive: [CR], negative: [PD]}}

modality:
  variants: {files: [mutations.maf]}
"""
OLD = """# @package _global_
defaults:
  - /modality@modality.variants: maf
  - /modality@modality.clinical: table
  - /model/encoder@model.encoders.variants: linear
  - /model/encoder@model.encoders.clinical: linear
  - override /model/fuser: additive

cohort:
  _target_: data_modules.cohort.CohortSource
  name: mine
  root: data
  cache: ${cache}
  tables: {clinical: {file: clinical.tsv, id: patient_id, columns: {age: {time: baseline, kind: number}}}}
  endpoint: ${endpoint}
  endpoints: {response: {table: clinical, column: best, positive: [CR], negative: [PD]}}

modality:
  variants: {files: [mutations.maf], selector: {features: 3}}
folds: {outer: 3, inner: 2}
trainer: {max_epochs: 3, min_epochs: 1}
"""
Write = Callable[..., Path]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(name: str, text: str) -> Path:
        path = tmp_path / "my_conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return tmp_path / "my_conf"

    return make


def target(node: Any) -> str:
    return str(node["_target_"]).rpartition(".")[2]


@pytest.mark.parametrize("cohort", names("cohort", None))
def test_cohort_files_hold_data_alone(cohort: str) -> None:
    facts = declared(cohort, None)
    assert facts.choices == (), "a cohort says what data are; choices belong into conf/preset"
    assert facts.modalities, "and which modalities there are"
    assert None not in facts.modalities.values(), "of known kinds"


@pytest.mark.parametrize("preset", names("preset", None))
def test_preset_files_hold_choices_alone(preset: str) -> None:
    content = yaml.safe_load((conf_dir() / "preset" / f"{preset}.yaml").read_text(encoding="utf-8")) or {}
    assert not {"cohort", "modality", "defaults"} & set(content)


def test_a_cohort_of_ones_own_gets_the_general_preset(write: Write) -> None:
    user = write("cohort/mine", DATA_ALONE)
    config = composed("train", ["cohort=mine"], user)
    assert config.preset == GENERAL
    assert config.name == "mine", "the run is named after the cohort"
    assert target(config.model.encoders.variants) == "VariantEncoder"
    assert target(config.model.encoders.clinical) == "TableEncoder"
    assert target(config.model.fuser) == "CrossAttentionFuser"
    assert target(config.model.head) == "by_endpoint"
    assert (config.cohort.cache, config.cohort.endpoint) == (config.cache, config.endpoint), "need not be typed"


def test_a_preset_of_the_cohorts_name_is_taken_and_a_name_overrules_its_kind(write: Write) -> None:
    write("cohort/mine", DATA_ALONE)
    user = write(
        "preset/mine",
        "kinds: {variants: {encoder: linear, selector: {features: 5}}, table: {encoder: linear}}\n"
        "modalities: {clinical: {encoder: {name: piecewise, pieces: 7}}}\nfuser: concat\ntrainer: {max_epochs: 9}\n",
    )
    config = composed("train", ["cohort=mine"], user)
    assert config.preset == "mine"
    assert target(config.model.encoders.variants) == "LinearEncoder"
    assert config.modality.variants.selector.features == 5
    assert (target(config.model.encoders.clinical), config.model.encoders.clinical.pieces) == (
        "PiecewiseLinearEncoder",
        7,
    )
    assert target(config.model.fuser) == "ConcatFuser"
    assert config.trainer.max_epochs == 9
    other = composed("train", ["cohort=mine", "preset=general", "trainer.max_epochs=4"], user)
    assert (other.preset, target(other.model.fuser), other.trainer.max_epochs) == (GENERAL, "CrossAttentionFuser", 4)


def test_layers_are_made_anew_when_a_file_changes_and_not_before(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    from fusion.config import choices

    made: list[tuple[str, str]] = []
    layer = choices.layer
    monkeypatch.setattr(choices, "layer", lambda *asked: (made.append(asked[:2]), layer(*asked))[1])
    write("cohort/mine", DATA_ALONE)
    user_dir = write("preset/mine", "trainer: {max_epochs: 3}\n")
    line = ["cohort=mine"]
    assert composed("train", line, user_dir).trainer.max_epochs == 3
    assert ("mine", "mine") in made
    made.clear()
    assert composed("train", line, user_dir).trainer.max_epochs == 3
    assert made == []
    (user_dir / "preset" / "mine.yaml").write_text("trainer: {max_epochs: 4444}\n")
    assert composed("train", line, user_dir).trainer.max_epochs == 4444
    assert composed("train", ["+experiment=breast_tcga"], None).trainer.max_epochs != 4444


def test_the_command_line_counts_more_than_the_preset(write: Write) -> None:
    user = write("cohort/mine", DATA_ALONE)
    line = ["cohort=mine", "model/fuser=additive", "model/encoder@model.encoders.clinical=linear", "model.width=48"]
    config = composed("train", line, user)
    assert target(config.model.fuser) == "AdditiveFuser"
    assert target(config.model.encoders.clinical) == "LinearEncoder"
    assert config.model.width == 48


def test_an_experiment_of_ones_own_counts_more_than_the_preset(write: Write) -> None:
    write("cohort/mine", DATA_ALONE)
    user = write(
        "experiment/short",
        "# @package _global_\ndefaults:\n  - override /cohort: mine\n  - override /model/fuser: concat\n"
        "name: short\ntrainer: {max_epochs: 2}\n",
    )
    config = composed("train", ["+experiment=short"], user)
    assert (config.name, config.trainer.max_epochs, target(config.model.fuser)) == ("short", 2, "ConcatFuser")


def test_a_cohort_file_that_holds_choices_trains_as_before_and_is_told_where_they_belong(write: Write) -> None:
    user = write("cohort/mine", OLD)
    config = composed("train", ["+experiment=breast_tcga", "cohort=mine"], user)
    assert config.preset == OWN
    assert (config.folds.outer, config.folds.inner, config.trainer.max_epochs) == (3, 2, 3)
    assert target(config.model.fuser) == "AdditiveFuser"
    assert target(config.model.encoders.variants) == "LinearEncoder"
    assert target(config.model.head) == "BinaryResponse"
    assert config.modality.variants.selector.features == 3
    assert config.cohort._target_ == "data_modules.cohort.source.CohortSource", "old places are followed"
    line = advice("mine", user)
    assert line is not None
    for held in ("model.encoders.clinical", "model.encoders.variants", "model/fuser", "folds", "trainer"):
        assert held in line
    assert str(user / "preset" / "mine.yaml") in line
    assert advice("tcga_brca", user) is None


def test_choices_of_a_cohort_file_count_more_than_a_preset_that_is_asked_for(write: Write) -> None:
    user = write("cohort/mine", OLD)
    made = layer("mine", "transneo_features", user)
    assert "max_epochs" not in made.get("trainer", {})
    assert made["trainer"] == {"learning_rate": 0.001}, "what the cohort leaves open comes from the preset"
    assert {"/model/encoder@model.encoders.clinical": "piecewise"} not in made["defaults"]
    assert preset_of("mine", "auto", user) == OWN


def test_moving_the_choices_where_the_advice_says_changes_nothing(write: Write) -> None:
    before = composed("train", ["cohort=mine"], write("cohort/mine", OLD))
    content = yaml.safe_load(OLD)
    kept = {key: value for key, value in content.items() if key in DATA}
    kept["defaults"] = content["defaults"][:2]
    write("cohort/mine", "# @package _global_\n" + yaml.safe_dump(kept))
    user = write(
        "preset/mine",
        "modalities: {variants: {encoder: linear}, clinical: {encoder: linear}}\nfuser: additive\n"
        "folds: {outer: 3, inner: 2}\ntrainer: {max_epochs: 3, min_epochs: 1}\n",
    )
    after = composed("train", ["cohort=mine"], user)
    for key in ("model", "trainer", "folds", "modality", "cohort"):
        assert before[key] == after[key], key


def test_predict_reads_a_cohort_file_less_its_choices(write: Write, tmp_path: Path) -> None:
    user = write("cohort/mine", OLD)
    write("cohort/sound", DATA_ALONE)
    target_dir = tmp_path / "copy"
    assert overlay(user, target_dir)
    config = composed("predict", ["cohort=mine", "run=x"], target_dir)
    assert not {"model", "trainer", "folds", "arms"} & set(config)
    assert config.modality.variants.files == ["mutations.maf"]
    assert (target_dir / "cohort" / "sound.yaml").read_text(encoding="utf-8") == DATA_ALONE


def test_nothing_is_copied_where_cohort_files_hold_data_alone(write: Write, tmp_path: Path) -> None:
    assert not overlay(write("cohort/mine", DATA_ALONE), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_modality_added_on_the_command_line_gets_the_encoder_of_its_kind(write: Write) -> None:
    user = write("cohort/mine", DATA_ALONE)
    more = ["+modality@modality.extra=features", "modality.extra.file=x.csv", "modality.extra.time=baseline"]
    config = composed("train", ["cohort=mine", *more], user)
    assert target(config.model.encoders.extra) == "LinearEncoder"


@pytest.mark.parametrize(
    ("broken", "says", "mended"),
    [
        (("# @package _global_\n", ""), "# @package _global_", None),
        (("  tables: ", "  tabels: "), "tables: {clinical:", None),
        (("  endpoints: {response", "  endpoint_s: {response"), "endpoints: {response", None),
        (("  _target_: data_modules.cohort.source.CohortSource\n", ""), "_target_: data_modules.cohort.source", None),
        (("  root: data\n", ""), "root: <folder", "cohort:\n  root: data\n"),
    ],
)
def test_what_a_cohort_forgets_is_told_with_the_line_to_add(
    write: Write, broken: tuple[str, str], says: str, mended: str | None
) -> None:
    user = write("cohort/mine", DATA_ALONE.replace(*broken))
    with pytest.raises(ConfigError) as told:
        composed("train", ["cohort=mine"], user)
    assert says in str(told.value)
    write("cohort/mine", DATA_ALONE.replace(*broken).replace("cohort:\n", mended) if mended else DATA_ALONE)
    assert composed("train", ["cohort=mine"], user).cohort.root == "data", "and with it the cohort composes"


def test_a_preset_that_names_no_kind_is_refused(write: Write) -> None:
    write("cohort/mine", DATA_ALONE)
    user = write("preset/odd", "kinds: {variant: {encoder: linear}}\n")
    with pytest.raises(ConfigError, match=r"preset odd: kinds\.variant is no kind of modality: table, features"):
        composed("train", ["cohort=mine", "preset=odd"], user)


def test_kinds_follow_the_class_and_embedded_slides_are_embeddings() -> None:
    slides = {"_target_": "data_modules.modalities.slides.slides.Slides"}
    assert kind_of(slides) == "slides"
    assert kind_of({**slides, "embed": {"encoder": "uni"}}) == "embeddings"
    assert kind_of({"_target_": "data_modules.modalities.variants.Variants"}) == "variants", "a place of yesterday"
    assert kind_of({"_target_": "my_lab.Mine"}) is None


def test_a_broken_file_counts_only_where_it_is_chosen(write: Write, command: Command) -> None:
    user = write("cohort/mine", DATA_ALONE)
    write("cohort/broken", DATA_ALONE + "\tmodel: {}\n")
    write("preset/odd", "kinds: {nothing: {encoder: linear}}\n")
    done = command("-m", "fusion.train", "--config-dir", user, "cohort=mine", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    done = command("-m", "fusion.train", "--config-dir", user, "cohort=broken", "--cfg", "job")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{user / 'cohort' / 'broken.yaml'}: is no YAML" in done.stderr
    assert "line 15" in done.stderr


def test_special_characters_are_answered_with_the_line_to_write(write: Write, command: Command) -> None:
    user = write("cohort/mine", DATA_ALONE)
    asked = "modality.variants.patient_pattern=^(ONC-[0-9]+)"
    done = command("-m", "fusion.train", "--config-dir", user, "cohort=mine", asked, "--cfg", "job")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    told = done.stderr.strip().splitlines()[-1].strip()
    assert told == "'modality.variants.patient_pattern=\"^(ONC-[0-9]+)\"'"
    mended = told.strip("'")
    done = command("-m", "fusion.train", "--config-dir", user, "cohort=mine", mended, "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert "^(ONC-[0-9]+)" in done.stdout


def test_only_leaves_out_modalities_of_other_cancers() -> None:
    brca, kirc = (
        composed("train", ["+experiment=tcga_survival", f"cohort.cancer={one}"], None) for one in ("brca", "kirc")
    )
    rest = ["clinical", "rna", "cnv", "mutations"]
    assert list(brca.modality) == list(brca.model.encoders) == [*rest, "slides"]
    assert list(kirc.modality) == list(kirc.model.encoders) == rest
    assert "only" not in brca.modality.slides
    assert kirc.modality.rna.file == "kirc/rna.csv.gz"
    with pytest.raises(ConfigError, match=r"modality\.slides\.only is .*maps keys of the cohort"):
        composed("train", ["+experiment=tcga_survival", "++modality.slides.only={tumour:[x]}"], None)


def test_what_is_done_to_a_composition_stays_there() -> None:
    """Hydra is given the layers of all cohorts without copying them; what it makes of one is a copy all the same."""
    first = composed("train", ["+experiment=breast_tcga"], None)
    expected = OmegaConf.to_container(first)
    first.modality.variants.selector.features, first.model.fuser.dropout, first.preset = 1, 0.9, "changed"
    assert OmegaConf.to_container(first) != expected
    assert OmegaConf.to_container(composed("train", ["+experiment=breast_tcga"], None)) == expected
