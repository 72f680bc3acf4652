"""Settings read from what a YAML holds: nodes become settings, lists tuples, and every problem is told with its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from omegaconf import OmegaConf

from fusion.contract import Count, Settings, SettingsError, Share, read_settings
from fusion.contract.reading import settings_problems


@dataclass(frozen=True, kw_only=True)
class Tile(Settings):
    size: Count = 64
    overlap: int = 0
    mpp: float | None = None

    def conflicts(self) -> list[str]:
        return [] if self.overlap < self.size else ["overlap is not below size."]


@dataclass(frozen=True, kw_only=True)
class Sheet(Settings):
    file: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Node(Settings):
    files: str | tuple[str, ...]
    tile: Tile = field(default_factory=Tile)
    by_origin: Mapping[Literal["somatic", "germline"], Tile] = field(default_factory=dict)
    named: Mapping[str, Tile] = field(default_factory=dict)
    sheet: Sheet | None = None
    entries: tuple[str | Sheet, ...] = ()
    mpp: float | Mapping[str, float] | None = None
    spacing: float | tuple[float, float, float] = 1.0
    share: Share = 0.5
    flag: bool = False
    free: Any = None


def problems(**given: Any) -> list[str]:
    with pytest.raises(SettingsError) as told:
        read_settings(Node, {"files": "x", **given}, at="modality.m")
    return list(told.value.problems)


def test_nodes_lists_and_mappings() -> None:
    given = {
        "files": ["a", "b"],
        "tile": {"size": 32},
        "by_origin": {"germline": {"mpp": 1}},
        "named": {"x": {"overlap": 3}},
        "sheet": {"file": "s.csv", "key": "k"},
        "entries": ["a", {"file": "b", "key": "c"}, 101],
        "mpp": {"a.tif": 0.5},
        "spacing": [1, 2, 3.5],
        "free": "anything",
    }
    made = read_settings(Node, OmegaConf.create(given), at="m")  # type: ignore[arg-type]
    assert made == Node(
        files=("a", "b"),
        tile=Tile(size=32),
        by_origin={"germline": Tile(mpp=1)},
        named={"x": Tile(overlap=3)},
        sheet=Sheet(file="s.csv", key="k"),
        entries=("a", Sheet(file="b", key="c"), "101"),
        mpp={"a.tif": 0.5},
        spacing=(1, 2, 3.5),
        free="anything",
    )
    assert type(made.by_origin) is dict and type(made.mpp) is dict and type(made.files) is tuple


def test_settings_and_paths_pass_and_a_null_node_has_its_defaults() -> None:
    made = read_settings(Node, {"files": Path("a") / "b", "tile": Tile(size=8), "named": None}, at="m")
    assert (made.files, made.tile, made.named) == ("a/b", Tile(size=8), {})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"fils": 1}, "Unknown key 'modality.m.fils'. Did you mean modality.m.files"),
        ({"tile": {"sise": 3}}, "Unknown key 'modality.m.tile.sise'. Did you mean modality.m.tile.size?"),
        ({"by_origin": {"germlin": {}}}, "Unknown key 'modality.m.by_origin.germlin'. Did you mean modality.m.by_or"),
        ({"named": {"x": {"mp": 1}}}, "Unknown key 'modality.m.named.x.mp'. Did you mean modality.m.named.x.mpp?"),
        ({"tile": {"size": "big"}}, "modality.m.tile.size must be a whole number, not 'big'."),
        ({"tile": {"size": 1.5}}, "modality.m.tile.size must be a whole number, not 1.5."),
        ({"tile": {"size": True}}, "modality.m.tile.size must be a whole number, not True."),
        ({"tile": {"mpp": "1"}}, "modality.m.tile.mpp must be a number or null, not '1'."),
        ({"tile": 3}, "modality.m.tile must be a mapping with the keys size, overlap, mpp, not 3."),
        ({"tile": {"size": 0}}, "modality.m.tile.size must be at least 1, not 0."),
        ({"tile": {"overlap": 64}}, "modality.m.tile.overlap is not below size."),
        ({"flag": "yes"}, "modality.m.flag must be true or false, not 'yes'."),
        ({"flag": 1}, "modality.m.flag must be true or false, not 1."),
        ({"files": None}, "modality.m.files must be text or a list, not None."),
        (
            {"files": [False]},
            "modality.m.files[0] must be text, not False. YAML takes yes, no, on and off for true and false: "
            "quote the word, e.g. 'no'.",
        ),
        ({"files": [None]}, "modality.m.files[0] must be text, not None."),
        ({"sheet": {"file": "a"}}, "modality.m.sheet.key is needed: give modality.m.sheet.key=<value>."),
        ({"entries": ["a", {"fil": "b", "key": "c"}]}, "Unknown key 'modality.m.entries[1].fil'."),
        ({"mpp": {"a": "x"}}, "modality.m.mpp.a must be a number, not 'x'."),
        ({"spacing": [1, 2]}, "modality.m.spacing must be a list of 3, not [1, 2]."),
        ({"spacing": [1, "2", 3]}, "modality.m.spacing[1] must be a number, not '2'."),
    ],
)
def test_what_is_refused(given: dict[str, Any], told: str) -> None:
    assert problems(**given)[0].startswith(told)


def test_all_problems_at_once() -> None:
    told = problems(tile={"sise": 3, "size": -1}, share=2, by_origin={"somatic": {"size": "x"}}, flag=3)
    assert len(told) == 5


def test_what_is_needed() -> None:
    with pytest.raises(SettingsError, match=r"^modality\.m\.files is needed: give modality\.m\.files=<value>\.$"):
        read_settings(Node, {}, at="modality.m")


def test_before_interpolations_are_resolved_they_are_not_judged() -> None:
    given = {"files": "???", "tile": {"size": "${other}", "overlap": 999}, "sheet": "${sheet}", "share": 7}
    assert settings_problems(Node, given, at="m") == ["m.share must be at least 0 and at most 1, not 7."]
    assert settings_problems(Node, {"files": "x", "entries": ["${a}"], "named": {"x": "${b}"}}, at="m") == []
    # What is known is judged together; what waits for a value is not.
    known = {"size": 8, "overlap": 9, "mpp": "${x}"}
    assert settings_problems(Tile, known, at="m") == ["m.overlap is not below size."]
    assert settings_problems(Tile, {**known, "size": "${x}"}, at="m") == []
    # Resolved, the same text is what it is.
    assert read_settings(Node, {"files": "${x}"}, at="m").files == "${x}"


def test_names_beside_the_settings_are_suggested() -> None:
    told = settings_problems(Node, {"files": "x", "chooserr": 1}, at="m", beside=("chooser",))
    assert told == ["Unknown key 'm.chooserr'. Did you mean m.chooser?"]
