"""What a run folder names is made only if this package puts it there, or the user allows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from fusion.config.compose import composed
from fusion.config.files import conf_dir
from fusion.contract import FusionError
from fusion.run.trust import require_trusted

WHERE = Path("stranger")
FUSER = "fusion.fusers.concat.ConcatFuser"
HANDLER = {"_target_": "logging.FileHandler", "filename": "owned"}


def refused(config: dict[str, Any], *words: str, trust: tuple[str, ...] = ()) -> None:
    with pytest.raises(FusionError, match=r"config\.yaml is not taken as it is") as raised:
        require_trusted(config, trust, where=WHERE)
    for word in words:
        assert word in str(raised.value)


def test_a_candidate_may_have_made_what_a_run_may_and_nothing_else() -> None:
    encoder = {"_target_": "fusion.encoders.images.cnn.TileCNN"}
    data = {"_target_": "data_modules.batches.datamodule.FusionDataModule", "_partial_": True}
    sound = {"model": {"fuser": {"_target_": FUSER}, "encoders": {"x": encoder}}, "datamodule": data}
    require_trusted({"choose": {"1": sound, "12": sound}}, where=WHERE)
    refused({"choose": {"1": {"model": {"fuser": HANDLER}}}}, "choose.1.model.fuser", "logging.FileHandler")
    refused({"choose": {"1": {"datamodule": {**data, "_partial_": False}}}}, "choose.1.datamodule._partial_")
    refused({"choose": {"1": {"trainer": encoder}}}, "choose.1.trainer")
    refused({"choose": {"x": sound}}, "choose.x.model.fuser")
    table = {"_target_": "data_modules.modalities.tables.table.Table", "table": "clinical"}
    require_trusted({"choose": {"1": {**sound, "modality": {"clinical": table}}}}, where=WHERE)
    refused({"choose": {"1": {"modality": {"clinical": HANDLER}}}}, "choose.1.modality.clinical", "logging.FileHandler")
    slides = {"slides": {"embed": {"encoder": "package.module.function"}}}
    refused(
        {"choose": {"1": {"modality": slides}}}, "choose.1.modality.slides.embed.encoder is package.module.function"
    )
    refused({"choose": [sound]}, "choose[0].model.fuser")
    refused({"choose": {"1": {"settings": {"model.width": "${oc.env:HOME}"}}}}, "asks this machine")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model": {"fuser": {"_target_": "os.system", "command": "id"}}}, ("model.fuser._target_", "os.system")),
        (
            {"model": {"fuser": {"_target_": FUSER, "trust": HANDLER}}},
            ("model.fuser.trust._target_", "logging.FileHandler", "trust=[logging.FileHandler]"),
        ),
        ({"model": {"encoders": {"slides": {"_target_": FUSER}}}}, ("model.encoders.slides",)),
        (
            {
                "model": {
                    "encoders": {"x": {"_target_": "fusion.encoders.images.cnn.TileCNN", "channels": [1, [HANDLER]]}}
                }
            },
            ("model.encoders.x.channels[1][0]._target_",),
        ),
        ({"modality": {"x": {"_target_": "data_modules.files.replace_file"}}}, ("modality.x",)),
        # What a module of ours imports is not its own.
        ({"model": {"encoders": {"x": {"_target_": "fusion.encoders.images.weights.Path"}}}}, ("weights.Path",)),
        # A function of ours that writes files, called at once.
        (
            {"cohort": {"generator": {"_target_": "data_modules.sources.simulated.write_cohort", "root": "/x"}}},
            ("cohort.generator._partial_",),
        ),
        ({"cohort": {"_target_": "data_modules.sources.simulated.write_cohort"}}, ("cohort._target_",)),
        (
            {
                "cohort": {
                    "tables": {"t": {"reader": {"_target_": "data_modules.sources.simulated.slides.write_slides"}}}
                }
            },
            ("cohort.tables.t.reader",),
        ),
        ({"datamodule": {"_target_": "subprocess.Popen", "_partial_": True}}, ("datamodule", "subprocess.Popen")),
        ({"logger": {"_target_": "builtins.eval", "_args_": ["1"]}}, ("logger._args_",)),
        ({"evaluation": {"draws": HANDLER}}, ("evaluation.draws",)),
        ({"model": {"fuser": {"_target_": None}}}, ("model.fuser._target_",)),
        ({"model": {"fuser": {"_target_": FUSER, "_partial_": True}}}, ("model.fuser._partial_",)),
        ({"model": {"fuser": {"_target_": FUSER + "..__init__"}}}, ("model.fuser",)),
        ({"model": {"fuser": {"_target_": "fusion.fusers.../evil.Evil"}}}, ("model.fuser",)),
        ({"name": "${oc.env:AWS_SECRET_ACCESS_KEY}"}, ("name", "oc.env")),
        ({"modality": {"slides": {"embed": {"encoder": "antigravity.fly"}}}}, ("modality.slides.embed.encoder",)),
        ({"spark": {"master": "local[*]", "conf": {"spark.jars": "evil.jar"}}}, ("spark.conf", "trust=[spark]")),
        ({"modality": {"v": {"spark": {"master": "spark://elsewhere:7077"}}}}, ("modality.v.spark.master",)),
    ],
)
def test_what_is_no_part_of_a_run_is_refused_naming_key_class_and_mend(
    config: dict[str, Any], words: tuple[str, ...]
) -> None:
    refused(config, *words)


def test_every_problem_is_told_at_once() -> None:
    refused({"model": {"fuser": HANDLER, "head": HANDLER}}, "model.fuser", "model.head")


def test_the_user_may_allow_a_class_and_nothing_else_with_it() -> None:
    own = {"_target_": "mylab.encoders.Mine"}
    config: dict[str, Any] = {"model": {"encoders": {"x": own}}}
    refused(config, "mylab.encoders.Mine")
    require_trusted(config, ["mylab.encoders.Mine"], where=WHERE)
    refused({"model": {"encoders": {"x": {**own, "inner": HANDLER}}}}, "x.inner", trust=("mylab.encoders.Mine",))
    require_trusted({"spark": {"conf": {"spark.jars": "mine.jar"}}}, ["spark"], where=WHERE)
    require_trusted({"modality": {"s": {"embed": {"encoder": "mylab.Net"}}}}, ["mylab.Net"], where=WHERE)


def test_classes_of_earlier_places_are_this_packages_own() -> None:
    config = {
        "model": {"encoders": {"x": {"_target_": "fusion.encoders.cnn.TileCNN"}}},
        "cohort": {"_target_": "data_modules.cohort.CohortSource"},
        "folds": {"_target_": "data_modules.splits.open_folds"},
    }
    require_trusted(config, where=WHERE)


def choices(group: str) -> list[str]:
    return sorted(file.stem for file in (conf_dir() / group).glob("*.yaml"))


@pytest.mark.parametrize("experiment", choices("experiment"))
def test_every_experiment_that_comes_along_is_trusted(experiment: str) -> None:
    config = composed("train", [f"+experiment={experiment}"], None)
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("hydra", "output")])
    plain: Any = OmegaConf.to_container(own, resolve=True, throw_on_missing=False)
    require_trusted(plain, where=WHERE)


def test_every_target_in_the_packages_configuration_is_trusted_at_its_place() -> None:
    """A new place for a class in conf/ needs a line in `fusion.run.trust`, or nobody can predict with such a run."""
    places = {"model/encoder": "model.encoders.x", "model/fuser": "model.fuser", "model/head": "model.head"}
    seen = 0
    for file in sorted(conf_dir().rglob("*.yaml")):
        group = file.parent.relative_to(conf_dir()).as_posix()
        text = re.sub(r"\$\{[^}]*\}", "null", file.read_text(encoding="utf-8"))
        content = yaml.safe_load(text) or {}
        if group in places and "_target_" in content:
            node: Any = content
            for part in reversed(places[group].split(".")):
                node = {part: node}
            seen += 1
            require_trusted(node, where=file)
        elif group == "modality":
            seen += 1
            require_trusted({"modality": {"x": content}}, where=file)
    assert seen > 20
