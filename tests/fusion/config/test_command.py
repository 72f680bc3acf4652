"""What a user can mistype, and what the answer is; what a command does with errors of its task."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fusion.config.check import check_command
from fusion.config.files import ConfigError, conf_dir
from fusion.config.help import options
from fusion.config.signature import NoTargetError, signature_of
from fusion.config.spelling import suggest

EXPERIMENT = "+experiment=breast_tcga"

# A command whose task does what the first line of its configuration's `name` says.
PROBE = '''
"""Probe of the entry.

Second paragraph."""
import errno, os, signal, sys, time
from fusion.config.command import run
from fusion.contract import FusionError

def task(config):
    if config.name == "mendable":
        raise FusionError("clinical.tsv row 3: mend it.")
    if config.name == "interrupted":
        raise KeyboardInterrupt
    if config.name == "ended":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    if config.name == "full":
        raise OSError(errno.ENOSPC, "No space left on device", "weights.safetensors")
    if config.name == "defect":
        raise ValueError("a defect")
    print("seed", config.seed, "folds", config.folds.file, "output", config.output)
    return 0.5 + config.seed / 100

if __name__ == "__main__":
    run(task, "train", resumable="name=full" not in sys.argv)
'''


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    file = tmp_path / "probe.py"
    file.write_text(PROBE)
    return file


def complaint(*overrides: str, user_dir: Path | None = None, multirun: bool = False) -> str:
    with pytest.raises(ConfigError) as caught:
        check_command(overrides, "train", user_dir, multirun=multirun)
    return str(caught.value)


def _with_cohorts() -> list[tuple[str, str | None]]:
    """Every experiment as it is and with three cohorts, turn by turn, so that each cohort meets three experiments."""
    experiments, cohorts = sorted(options("experiment", None)), sorted(options("cohort", None))
    some = [
        (one, cohorts[(place + 3 * turn) % len(cohorts)])
        for place, one in enumerate(experiments)
        for turn in range(3)
    ]  # fmt: skip
    assert {cohort for _, cohort in some} == set(cohorts)
    return [*((one, None) for one in experiments), *some]


@pytest.mark.parametrize(("experiment", "cohort"), _with_cohorts())
def test_experiments_compose_with_other_cohorts(experiment: str, cohort: str | None) -> None:
    overrides = [f"+experiment={experiment}"] + ([f"cohort={cohort}"] if cohort else [])
    assert check_command(overrides, "train", None, multirun=False) == overrides


@pytest.mark.parametrize("group", ["model/fuser", "model/head", "trainer", "logger"])
def test_every_choice_composes(group: str) -> None:
    for choice in options(group, None):
        check_command([EXPERIMENT, f"{group}={choice}"], "train", None, multirun=False)


def test_every_sweep_composes() -> None:
    for choice in options("sweep", None):
        check_command([EXPERIMENT, f"+sweep={choice}"], "train", None, multirun=False)


def test_without_experiment_lists_them() -> None:
    message = complaint()
    assert "+experiment=<name>" in message
    assert "breast_tcga" in message


def test_unknown_experiment_lists_them_and_adds_no_plain_key() -> None:
    message = complaint("+experiment=brest_tcga")
    assert "Did you mean breast_tcga?" in message
    assert "experiments are:" in message


def test_a_beginning_that_names_share_makes_them_no_more_alike() -> None:
    known = dict.fromkeys(["modality.rna_of_tumours.sheet", "modality.rna_of_tumours.screen"], "")
    assert suggest("modality.rna_of_tumours.selector.features", known) == ""
    assert suggest("modality.rna_of_tumours.sheat", known) == " Did you mean modality.rna_of_tumours.sheet?"


def test_experiment_without_plus() -> None:
    assert "+experiment=breast_tcga" in complaint("experiment=breast_tcga")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("folds.outr=3", "Unknown key 'folds.outr'. Did you mean folds.outer"),
        ("learning_rate=0.1", "Did you mean trainer.learning_rate"),
        ("+folds.outr=3", "Unknown key 'folds.outr'. Did you mean folds.outer"),
        ("+sed=3", "Unknown key 'sed'. Did you mean seed?"),
        ("model/fuser=cros_attention", "Did you mean cross_attention or"),
        ("model/fusr=concat", "Did you mean model/fuser"),
        ("+model.fuser.blocs=2", "Unknown key 'model.fuser.blocs'. Did you mean model.fuser.blocks?"),
        ("folds.outer=three", "folds.outer must be a whole number or sites, not 'three'"),
        ("model.fuser.blocks=many", "model.fuser.blocks must be a whole number, not 'many'"),
        ("seed=null", "seed must be a whole number, not None"),
        ("folds=[1,2]", "folds"),
        ("breast_tcga", "neither an option nor key=value"),
        ("seed=1,2", "--multirun"),
        ("model.fuser._target_=fusion.fusers.concat.ConcatFusr", "Did you mean ConcatFuser?"),
        ("model.fuser._target_=fusion.fusers.nowhere.Fuser", "there is no module fusion.fusers.nowhere"),
        ("name=${nme}", "nme"),
        ("spark=cluster", "spark.master is needed"),
    ],
)
def test_mistakes_are_named(override: str, expected: str) -> None:
    assert expected in complaint(EXPERIMENT, override)


def test_mistakes_in_a_file_of_the_user(tmp_path: Path) -> None:
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "mine.yaml").write_text(
        "# @package _global_\n# Mine.\ndefaults:\n  - breast_tcga\nfolds: {outr: 3}\nmodel:\n  fuser: {drpout: 0.3}\n"
    )
    message = complaint("+experiment=mine", user_dir=tmp_path)
    assert "Did you mean folds.outer" in message
    assert "Did you mean model.fuser.dropout?" in message
    assert "Mine." in complaint("+experiment=other", user_dir=tmp_path)


def test_a_parameter_that_no_file_sets_can_be_set_as_others_are() -> None:
    """As messages tell to: "set cohort.max_unmatched" (which this file sets). Hydra alone takes it with ++ only."""
    given = [EXPERIMENT, "cohort.require=[slides]", "seed=1"]
    assert check_command(given, "train", None, multirun=False) == [EXPERIMENT, "++cohort.require=[slides]", "seed=1"]
    assert complaint(EXPERIMENT, "cohort.require=7") == "cohort.require must be a list, not 7."
    typo = "cohort.tables.clinical.columns.aeg.kind"
    assert complaint(EXPERIMENT, f"{typo}=number").startswith(f"Unknown key '{typo}'.")


def test_a_folder_of_the_user_with_the_name_of_a_key_is_told(tmp_path: Path) -> None:
    """Hydra would take cache=… for a choice of a file in it, and say that there is no such in its defaults list."""
    for name in ("cache", "logger", "model"):
        (tmp_path / name).mkdir()
    message = complaint(EXPERIMENT, "cache=elsewhere", user_dir=tmp_path)
    assert message.startswith(f"{tmp_path / 'cache'}: a folder of --config-dir")
    assert "Rename the folder" in message
    fine = [EXPERIMENT, "logger=none", "model.width=8", "seed=1"]  # keys without such a folder, and groups of files
    assert check_command(fine, "train", tmp_path, multirun=False) == fine


def test_broken_yaml_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "broken.yaml").write_text("# @package _global_\nseed: [1\n")
    assert re.search(r"broken\.yaml.*line 3", complaint("+experiment=broken", user_dir=tmp_path), re.DOTALL)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("# @package _global_\ncohort: {}\n".encode("utf-8-sig"), "begins with a byte order mark. Save it as UTF-8"),
        ("cohort: {}\n".encode("utf-16"), "m.yaml, line 1: is not written in UTF-8"),
        ("a: 1\n# größer\n".encode("latin-1"), "m.yaml, line 2: is not written in UTF-8"),
    ],
)
def test_a_chosen_file_in_another_encoding(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "cohort").mkdir()
    (tmp_path / "cohort/m.yaml").write_bytes(content)
    assert said in complaint("+experiment=breast_tcga", "cohort=m", user_dir=tmp_path)


def test_a_mistake_late_in_a_sweep_is_found_before_the_first_job() -> None:
    assert "Did you mean concat?" in complaint(EXPERIMENT, "model/fuser=cross_attention,concatt", multirun=True)
    assert "must be a whole number" in complaint(EXPERIMENT, "seed=1,2,x", multirun=True)


def test_folds_takes_a_file() -> None:
    assert check_command([EXPERIMENT, "folds=runs/a/folds.json"], "train", None, multirun=False)[1] == (
        "folds.file=runs/a/folds.json"
    )


# Signatures without import


def test_signature_reads_inheritance_kwargs_dataclasses_and_literals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fusion_probe"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text(
        "class Base:\n    def __init__(self, width: int, *, note: str | None = None): ...\n"
    )
    (package / "child.py").write_text(
        "import a_module_that_does_not_exist\n"
        "from dataclasses import dataclass\n"
        "from typing import Literal\n"
        "from fusion_probe.base import Base\n"
        "Mode = Literal['a', 'b']\n"
        "class Child(Base):\n    def __init__(self, mode: Mode = 'a', **kwargs): ...\n"
        "@dataclass\nclass Plain:\n    rate: float\n    names: list[str]\n"
        "def build(): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("fusion.config.signature._OURS", ("fusion", "fusion_probe"))
    child = signature_of("fusion_probe.child.Child")
    assert set(child.parameters) == {"mode", "width", "note"}
    assert not child.open
    assert child.parameters["mode"].choices == ("a", "b")
    assert child.parameters["note"].types == {str, None}
    plain = signature_of("fusion_probe.child.Plain")
    assert plain.parameters["rate"].types == {float, int}
    assert plain.parameters["names"].types == {list}
    with pytest.raises(NoTargetError, match="has no Chld"):
        signature_of("fusion_probe.child.Chld")
    assert "fusion_probe.child" not in sys.modules


# The command


def test_help_says_what_there_is(command) -> None:  # type: ignore[no-untyped-def]
    done = command("-m", "fusion.train", "--help")
    assert done.returncode == 0, done.stderr
    for word in ("+experiment=", "breast_tcga", "model/fuser", "cross_attention", "seed: 7", "--config-dir", "output"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("predict", ("predictions.csv", "no confidence", "cohort.root=", "tcga_brca_simulated", "min_match: 0.5")),
        ("explain", ("attributions.parquet", "run=<run folder>", "steps: 32", "anonymise: false")),
    ],
)
def test_help_of_predict_and_explain(name: str, words: tuple[str, ...], command) -> None:  # type: ignore[no-untyped-def]
    done = command("-m", f"fusion.{name}", "--help")
    assert done.returncode == 0, done.stderr
    for word in words:
        assert word in done.stdout
    for foreign in ("+experiment", "model/fuser", "ignored"):  # what cannot be chosen is not offered
        assert foreign not in done.stdout


@pytest.mark.parametrize("cohort", sorted(options("cohort", None)))
def test_every_cohort_can_be_predicted(cohort: str) -> None:
    """A cohort may name its fuser or training for itself; `fusion.predict` must take it all the same."""
    check_command(["run=somewhere", f"cohort={cohort}"], "predict", None, multirun=False)


def test_help_lists_the_users_experiments(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\n# My own study.\n")
    done = command("-m", "fusion.train", "--config-dir", tmp_path, "--help")
    assert "My own study." in done.stdout


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("train", ["--help"]),
        ("train", ["+experiment=typo"]),
        ("train", [EXPERIMENT, "folds.outr=1"]),
        ("predict", ["--help"]),
        ("explain", ["--help"]),
    ],
)
def test_help_and_errors_import_nothing_heavy(name: str, arguments: list[str], tmp_path: Path) -> None:
    """So they answer at once; benchmarks/start_up.py says how soon."""
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", f"fusion.{name}", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    imported = {
        line.rpartition("|")[2].strip() for line in traced.stderr.splitlines() if line.startswith("import time")
    }
    assert not imported & {"torch", "numpy", "pandas", "sklearn", "monai", "hail", "pytorch_lightning", "wandb", "rich"}


def test_config_error_is_one_message_and_leaves_nothing(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = command("-m", "fusion.train", EXPERIMENT, "sed=1")
    assert done.returncode == 2
    assert done.stderr.strip() == "Unknown key 'sed'. Did you mean seed?"
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("mendable", 2, "clinical.tsv row 3: mend it."),
        ("full", 2, "The disk is full (weights.safetensors)"),
        ("interrupted", 130, "resume=true"),
        ("ended", 143, "resume=true"),
        ("defect", 1, "ValueError: a defect"),
    ],
)
def test_errors_of_the_task(command, probe: Path, name: str, code: int, words: str) -> None:  # type: ignore[no-untyped-def]
    done = command(probe, EXPERIMENT, f"name={name}", "output=out/run")
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert ("Traceback" in done.stderr) == (code == 1)
    assert ("resume=true" in done.stderr) == (name in ("interrupted", "ended"))
    if name == "mendable":
        assert done.stderr.strip() == words
        assert not (probe.parent / "out" / "run").exists()
    if name == "interrupted":
        assert f"output={probe.parent / 'out' / 'run'}" in done.stderr


def test_a_run_gets_its_own_folder_and_its_folds(command, probe: Path) -> None:  # type: ignore[no-untyped-def]
    done = command(probe, EXPERIMENT, "folds=other/folds.json", "output=out/run")
    assert done.returncode == 0, done.stderr
    assert f"folds other/folds.json output {probe.parent / 'out' / 'run'}" in done.stdout


def test_an_unwritable_output_is_said(command, probe: Path) -> None:  # type: ignore[no-untyped-def]
    (probe.parent / "file").write_text("")
    done = command(probe, EXPERIMENT, "output=file/run")
    assert done.returncode == 2, done.stderr
    assert "output" in done.stderr
    assert "Traceback" not in done.stderr


def test_multirun_ranks_jobs_by_their_score(command, probe: Path) -> None:  # type: ignore[no-untyped-def]
    done = command(probe, "-m", EXPERIMENT, "seed=1,3,2", "hydra.sweep.dir=sweep")
    assert done.returncode == 0, done.stderr
    ranked = json.loads((probe.parent / "sweep" / "sweep.json").read_text())["jobs"]
    assert [job["score"] for job in ranked] == [0.53, 0.52, 0.51]
    assert "seed=3" in ranked[0]["overrides"]
    assert "Sweep, best inner score first" in done.stdout
    assert {job["job"] for job in ranked} == {"0", "1", "2"}


def test_sweep_file_runs_every_job(command, probe: Path) -> None:  # type: ignore[no-untyped-def]
    done = command(probe, EXPERIMENT, "+sweep=fusers", "hydra.sweep.dir=sweep")
    assert done.returncode == 0, done.stderr
    found = json.loads((probe.parent / "sweep" / "sweep.json").read_text())
    assert len(found["jobs"]) == 4
    assert found["sweeper"] == "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def test_an_interrupted_sweep_says_where_its_jobs_are(command, probe: Path) -> None:  # type: ignore[no-untyped-def]
    done = command(probe, "-m", EXPERIMENT, "name=interrupted", "seed=1,2", "hydra.sweep.dir=sweep")
    assert done.returncode == 130
    assert f"are in {probe.parent / 'sweep'}" in done.stderr
    assert "resume=true" not in done.stderr


def test_pickled_rerun_is_refused(command, probe: Path) -> None:  # type: ignore[no-untyped-def]
    done = command(probe, "--experimental-rerun", "config.pickle")
    assert done.returncode == 2
    assert "pickle" in done.stderr


def test_hydras_own_options_still_work(command) -> None:  # type: ignore[no-untyped-def]
    done = command("-m", "fusion.train", EXPERIMENT, "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert OmegaConf.create(done.stdout).folds.outer == OmegaConf.load(conf_dir() / "train.yaml").folds.outer
