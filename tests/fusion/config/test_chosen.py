"""Candidates of `choose`, once composed: each as a configuration, and which differ for a network."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.config.candidates import NODES, candidate, every, readings, settings_of, touching
from fusion.config.files import ConfigError


def nodes(*, width: int = 8, slides: str = "mil", epochs: int = 5) -> dict[str, Any]:
    encoders = {"slides": {"name": slides}, "clinical": {"name": "linear"}}
    of = {"model": {"width": width, "encoders": encoders}, "trainer": {"epochs": epochs}}
    return {node: of.get(node, {}) for node in NODES}


def config(**candidates: dict[str, Any]) -> Any:
    modality = {"slides": {"size": 64}, "clinical": {"columns": None}}
    choose = {number.removeprefix("c"): one for number, one in candidates.items()}
    return OmegaConf.create({**nodes(), "modality": modality, "seed": 3, "hydra": {"x": "???"}, "choose": choose})


@pytest.fixture
def four() -> Any:
    """The second has another slide encoder, the third reads slides otherwise, the fourth trains otherwise."""
    small = {"slides": {"size": 32}, "clinical": {"columns": None}}
    return config(
        c1={"settings": {"model.width": 8}, **nodes()},
        c2={"settings": {"model.encoders.slides.name": "mean"}, **nodes(slides="mean")},
        c3={"settings": {"modality.slides.size": 32}, **nodes(), "modality": small},
        c4={"settings": {"trainer.epochs": 9, "model.width": 8}, **nodes(epochs=9)},
    )


def test_a_candidate_is_the_configuration_with_its_nodes(four: Any) -> None:
    assert settings_of(four) == {
        "1": "model.width=8",
        "2": "model.encoders.slides.name=mean",
        "3": "modality.slides.size=32",
        "4": "trainer.epochs=9 model.width=8",
    }
    third = candidate(four, "3")
    assert (third.modality.slides.size, third.model.encoders.slides.name, third.seed) == (32, "mil", 3)
    assert third.choose is None and "hydra" not in third
    assert candidate(four, "1").modality.slides.size == 64
    assert [one.trainer.epochs for one in every(four)] == [5, 5, 5, 9]
    for number in ("5", "x"):
        with pytest.raises(ConfigError, match=rf"no candidate '{number}'; there are 1, 2, 3, 4"):
            candidate(four, number)
    with pytest.raises(ConfigError, match="holds no composed candidates"):
        settings_of({"choose": {"1": {"trainer": {}}}})
    with pytest.raises(ConfigError, match=r"no candidate '1'; there are 1\."):
        candidate(config(c1={"settings": {"seed": 1}}), "1")


def test_where_nothing_is_chosen_the_configuration_is_the_only_one() -> None:
    plain = config()
    assert settings_of(plain) == {} and touching(plain, ["slides"]) == {} and readings(plain, ["slides"]) == []
    assert every(plain) == [plain]
    with pytest.raises(ConfigError, match=r"no candidate '1'; there are none"):
        candidate(plain, "1")


def test_candidates_that_differ_for_a_network(four: Any) -> None:
    assert list(touching(four, ["slides", "clinical"])) == ["1", "2", "3", "4"]
    assert list(touching(four, ["clinical"])) == ["1", "4"]
    assert list(touching(four, ["clinical"])["4"].model.encoders) == ["clinical"]
    assert readings(four, ["slides", "clinical"]) == ["1", "3"]
    assert readings(four, ["clinical"]) == []
