"""`choose`: which candidates a grid has, what is refused before any work, and what the configuration then holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.config.candidates import candidate, candidates_of, every, readings, settings_of, told, touching
from fusion.config.check import check_command
from fusion.config.compose import composed
from fusion.config.files import ConfigError

GROUPS = ["model/fuser", "trainer"]
FUSERS = "model/fuser:[concat,cross_attention]"
BLOOD = "{_target_:data_modules.modalities.tables.features.Features,file:blood.csv,time:baseline}"
SELECTED = "modality.variants.selector.features"


def config_of(choose: str, *overrides: str, user_dir: Path | None = None) -> Any:
    return composed("train", ["+experiment=breast_tcga", *overrides, f"choose={choose}"], user_dir)


def complaint(choose: str, *overrides: str, user_dir: Path | None = None) -> str:
    with pytest.raises(ConfigError) as told:
        check_command(["+experiment=breast_tcga", *overrides, f"choose={choose}"], "train", user_dir, multirun=False)
    return str(told.value)


def test_a_mapping_is_a_grid_and_a_list_holds_several() -> None:
    grid = {"model.fuser": ["concat", "additive"], "trainer.learning_rate": [0.1, 0.2], "model.width": 8}
    assert candidates_of(grid, GROUPS) == [
        {"model/fuser": "concat", "trainer.learning_rate": 0.1, "model.width": 8},
        {"model/fuser": "concat", "trainer.learning_rate": 0.2, "model.width": 8},
        {"model/fuser": "additive", "trainer.learning_rate": 0.1, "model.width": 8},
        {"model/fuser": "additive", "trainer.learning_rate": 0.2, "model.width": 8},
    ]
    listed = [{"model/fuser": "concat"}, {"model.width": [8, 16]}]
    assert candidates_of(listed, GROUPS) == [{"model/fuser": "concat"}, {"model.width": 8}, {"model.width": 16}]


def test_settings_are_told_as_they_are_typed() -> None:
    settings = {"model/fuser": "concat", "trainer.max_epochs": 3, "a": None, "b": [True, "x"], "c": {"d": 0.5}}
    assert told(settings) == "model/fuser=concat trainer.max_epochs=3 a=null b=[true,x] c={d:0.5}"


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        ("concat", ("choose must be a grid or a list of grids, not 'concat'", "choose: {model/fuser:")),
        ("[concat,additive]", ("choose must be a grid or a list of grids",)),
        ("{}", ("no candidate",)),
        ("[]", ("no candidate",)),
        ("[{},{}]", ("no candidate",)),
        ("{trainer.learning_rate:[]}", ("trainer.learning_rate has no values",)),
        ("{trainer.learning_rate:0.1}", ("one candidate", "choose=null")),
        ("{trainer.learning_rate:[0.1,0.1]}", ("'trainer.learning_rate=0.1' twice",)),
        ("{seed:[1,2]}", ("seed is not decided within folds", "modality, model, trainer, datamodule")),
        ("{arms:[fusion]}", ("arms is not decided within folds",)),
        ("{modality.slides.mpp:[0.5,1.0]}", ("modality.slides.mpp=0.5 changes modality.slides.mpp.", "same patients")),
        ("{modality.clinical.table:[clinical,x]}", ("modality.clinical.table=x changes modality.clinical.table.",)),
        ("{modality.blood:[{file:a},{file:b}]}", ("modality.blood={file:a}", "modality.blood has no _target_")),
        (f"{{modality.blood:[{BLOOD},null]}}", ("adds modality.blood", "the same for all", "~modality.blood")),
        ("{modality.slides.tile.sise:[32,64]}", ("Unknown key 'modality.slides.tile.sise'. Did you mean",)),
        ("{models:[1,2]}", ("models is not decided within folds",)),
        ("{trainer.lr:[0.1,0.2]}", ("choose, candidate trainer.lr=0.1: Unknown key 'trainer.lr'.", "learning_rate")),
        ("{trainer.learning_rate:[0.1,fast]}", ("candidate trainer.learning_rate=fast:", "must be a number")),
        ("{model/fuser:[concat,conct]}", ("candidate model/fuser=conct:", "no such choice. Did you mean concat?")),
        ("{preset:[auto,tcga_brca_simulated]}", ("'preset=auto' and 'preset=tcga_brca_simulated' are the same",)),
        ("{preset:[general,histology_tiles]}", ("preset=histology_tiles changes arms. ", "--multirun")),
    ],
)  # fmt: skip
def test_refused_before_any_work(choose: str, words: tuple[str, ...]) -> None:
    message = complaint(choose)
    for word in words:
        assert word in message


def test_what_is_set_twice_is_refused() -> None:
    assert "model/fuser is set on the command line, too" in complaint(f"{{{FUSERS}}}", "model/fuser=additive")
    assert "model.width is set on the command line, too" in complaint("{model.width:[8,16]}", "model.width=4")


def test_candidates_stand_whole_in_the_configuration() -> None:
    config = config_of(f"{{{FUSERS},trainer.learning_rate:[0.001,0.003]}}", "trainer.max_epochs=5", "model.width=16")
    assert settings_of(config) == {
        "1": "model/fuser=concat trainer.learning_rate=0.001",
        "2": "model/fuser=concat trainer.learning_rate=0.003",
        "3": "model/fuser=cross_attention trainer.learning_rate=0.001",
        "4": "model/fuser=cross_attention trainer.learning_rate=0.003",
    }
    kept = OmegaConf.create(OmegaConf.to_yaml(OmegaConf.masked_copy(config, ["choose", "model", "trainer"])))
    for which, fuser, rate in (("2", "ConcatFuser", 0.003), ("3", "CrossAttentionFuser", 0.001)):
        one = candidate(kept, which)
        assert str(one.model.fuser._target_).endswith(fuser)
        assert (one.trainer.learning_rate, one.trainer.max_epochs, one.model.width) == (rate, 5, 16)
        assert one.choose is None
        assert set(one.model.encoders) == set(config.model.encoders)
    assert len(every(config)) == 4
    assert all("modality" not in one for one in config.choose.values())
    assert config.modality == composed("train", ["+experiment=breast_tcga"], None).modality
    assert readings(config, list(config.modality)) == []


def test_a_candidate_that_reads_otherwise_has_its_modalities() -> None:
    """The run's own are those of the first, whatever the preset said."""
    config = config_of(f"{{{SELECTED}:[3,5],trainer.learning_rate:[0.001,0.003]}}")
    assert config.modality.variants.selector.features == 3
    assert [number for number, one in config.choose.items() if "modality" in one] == ["3", "4"]
    kept = OmegaConf.create(OmegaConf.to_yaml(OmegaConf.masked_copy(config, ["choose", "modality", "model"])))
    found = [candidate(kept, number).modality.variants.selector.features for number in "1234"]
    assert found == [3, 3, 5, 5]
    assert candidate(kept, "3").modality.slides == config.modality.slides
    assert readings(config, ["variants", "slides"]) == readings(kept, ["variants"]) == ["1", "3"]
    assert readings(config, ["slides", "clinical"]) == []
    assert list(touching(config, ["variants"])) == ["1", "2", "3", "4"]
    assert list(touching(config, ["clinical"])) == ["1", "2"]
    assert list(touching(config, ["variants"])["4"].modality) == ["variants"]


def test_what_all_candidates_set_alike_is_the_runs_own() -> None:
    config = config_of(f"{{{SELECTED}:3,{FUSERS}}}")
    assert config.modality.variants.selector.features == 3
    assert all("modality" not in one for one in config.choose.values())
    assert str(config.model.fuser._target_).endswith("ConcatFuser")


def test_nothing_is_chosen_by_default() -> None:
    config = composed("train", ["+experiment=breast_tcga"], None)
    assert config.choose is None
    assert settings_of(config) == {}
    assert every(config) == [config]
    assert touching(config, ["slides"]) == {}


def test_a_candidate_touches_the_arms_that_it_changes() -> None:
    config = config_of(
        "[{model/encoder@model.encoders.slides:[cnn,resnet]},{trainer.learning_rate:0.01,datamodule.batch_size:4}]"
    )
    assert list(touching(config, ["slides", "variants", "clinical"])) == ["1", "2", "3"]
    assert list(touching(config, ["slides"])) == ["1", "2", "3"]
    assert list(touching(config, ["clinical"])) == ["1", "3"]
    only = touching(config, ["clinical"])["3"]
    assert list(only.model.encoders) == ["clinical"]
    assert (only.trainer.learning_rate, only.datamodule.batch_size) == (0.01, 4)


def test_presets_are_candidates(tmp_path: Path) -> None:
    for name, width in (("narrow", 8), ("wide", 64)):
        (tmp_path / "preset").mkdir(exist_ok=True)
        (tmp_path / "preset" / f"{name}.yaml").write_text(
            f"kinds: {{table: {{encoder: linear}}}}\nfuser: concat\nhead: response\nmodel: {{width: {width}}}\n"
        )
    (tmp_path / "cohort").mkdir()
    (tmp_path / "cohort" / "mine.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{/modality@modality.clinical: table}]\n"
        "cohort: {_target_: data_modules.cohort.source.CohortSource, name: mine, root: data, tables: {},"
        " endpoints: {}}\n"
    )
    (tmp_path / "preset" / "aged.yaml").write_text(
        "kinds: {table: {encoder: linear, columns: [age]}}\nfuser: concat\nhead: response\n"
    )
    given = ["cohort=mine", "choose={preset:[narrow,aged]}"]
    assert check_command(given, "train", tmp_path, multirun=False) == given
    config = composed("train", given, tmp_path)
    assert "columns" not in config.modality.clinical or config.modality.clinical.columns is None
    assert config.choose["2"].modality.clinical.columns == ["age"]
    given = ["cohort=mine", "choose={preset:[narrow,wide,general]}"]
    assert check_command(given, "train", tmp_path, multirun=False) == given
    found = [one.model.width for one in every(composed("train", given, tmp_path))]
    assert found == [8, 64, 32]


def test_a_sweep_may_compare_choosing_with_not_choosing() -> None:
    given = ["+experiment=breast_tcga", f"choose={{{FUSERS}}},null"]
    assert check_command(given, "train", None, multirun=True) == given
    wrong = ["+experiment=breast_tcga", "choose=null,{model/fuser:[concat,x]}"]
    with pytest.raises(ConfigError, match="no such choice"):
        check_command(wrong, "train", None, multirun=True)


@pytest.mark.parametrize("held", ["text", [1], {"1": "text"}, {"1": {"model": {}}}])
def test_a_strangers_choose_is_refused(held: Any) -> None:
    with pytest.raises(ConfigError, match="holds no composed candidates"):
        every(OmegaConf.create({"choose": held, "model": {}, "trainer": {}, "datamodule": {}}))


def test_a_candidate_that_there_is_not_is_refused() -> None:
    config = OmegaConf.create({"choose": {"1": {"settings": {"model.width": 4}}}})
    for number in ("1", "2"):
        with pytest.raises(ConfigError, match=f"no candidate '{number}'"):
            candidate(config, number)
