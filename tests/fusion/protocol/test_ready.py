"""What training refuses before it reads or writes much."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from torch import nn

from fusion.check import check
from fusion.config.compose import composed
from fusion.contract import FusionError
from fusion.network.model import check_names
from fusion.train import train
from tests.helpers.ingest import write_cohort


def test_a_modality_that_torch_has_an_attribute_of_is_refused_with_its_key(tmp_path: Path) -> None:
    """By the real command; torch would end it with a KeyError where the first network is built."""
    conf = write_cohort(
        tmp_path / "conf", tmp_path, name="type", option="table", modality="table: clinical\ncolumns: [outcome]",
        patients=" ".join(f"P{at:02}" for at in range(24)),
    )  # fmt: skip
    (tmp_path / "conf" / "cohort" / "mine.yaml").write_text(
        (conf / "cohort" / "mine.yaml").read_text().replace("columns: {", "columns: {age: {time: baseline}, ")
    )
    table = (tmp_path / "clinical.tsv").read_text().splitlines()
    rows = [f"{row}\t{at}" for at, row in enumerate(table[1:])]
    (tmp_path / "clinical.tsv").write_text("\n".join([f"{table[0]}\tage", *rows]) + "\n")
    given = ["cohort=mine", f"output={tmp_path / 'run'}", f"cache={tmp_path / 'cache'}", "modality.type.columns=[age]",
             "folds.outer=2", "folds.inner=2", "arms=[fusion]", "workers=1", "logger=none", "device=cpu"]  # fmt: skip
    config = composed("train", given, conf)
    del config["hydra"]
    with pytest.raises(FusionError, match=r"^modality\.type: .*Rename it, .*modality\.type_\w"):
        train(config)


@pytest.mark.parametrize("name", ["type", "keys", "items", "values", "pop", "training", "to", "half", "copy"])
def test_names_that_containers_of_networks_do_not_take(name: str) -> None:
    """Every one is refused that `nn.ModuleDict` or `nn.ParameterDict`, which fusers have, would not keep apart."""
    with pytest.raises(FusionError, match=rf"^modality\.{name}: "):
        check_names(["clinical", name])


@pytest.mark.parametrize("name", ["clinical", "slides", "Type", "rna_seq", "mri-t1", "types"])
def test_other_names_are_taken(name: str) -> None:
    check_names([name])
    assert list(nn.ModuleDict({name: nn.Identity()})) == [name]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("arms=[fusion,classical_cox]", "arms: classical_cox predicts survival endpoints, and 'response' is binary"),
        ("verify=foo", "verify=foo: set it to changed or full"),
    ],
)
def test_check_refuses_what_train_would_after_ingest(tmp_path: Path, given: str, said: str) -> None:
    """With the same words."""
    conf = write_cohort(
        tmp_path / "conf", tmp_path, name="clinical", option="table", modality="table: clinical",
        patients=" ".join(f"P{at:02}" for at in range(24)),
    )  # fmt: skip
    made = conf / "cohort" / "mine.yaml"
    made.write_text(made.read_text().replace("columns: {", "columns: {age: {time: baseline}, "))
    table = (tmp_path / "clinical.tsv").read_text().splitlines()
    rows = [f"{row}\t{'ab'[at % 2]}" for at, row in enumerate(table[1:])]
    (tmp_path / "clinical.tsv").write_text("\n".join([f"{table[0]}\tage", *rows]) + "\n")
    settings = ["cohort=mine", f"output={tmp_path / 'run'}", f"cache={tmp_path / 'cache'}", "folds.outer=2",
                "folds.inner=2", "logger=none", "device=cpu"]  # fmt: skip
    config = composed("train", [*settings, given], conf)
    del config["hydra"]
    for command in (check, train):
        with pytest.raises(FusionError, match=re.escape(said)):
            command(config)
    assert not (tmp_path / "run" / "run.json").exists(), "no run began"
