"""What a slide says of itself, to the bounds, and which files it consists of."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.ingest.slides.settings import TileSettings
from data_modules.ingest.slides.slide_facts import (
    EnlargedError,
    ResolutionError,
    SlideFacts,
    SlideRequest,
    refuse_enlarging,
    resolution,
)

X, Y, POWER = "openslide.mpp-x", "openslide.mpp-y", "openslide.objective-power"


@pytest.mark.parametrize(
    ("properties", "request_", "mpp"),
    [
        ({X: "0.5", Y: "0.5"}, {}, 0.5),
        ({X: "0.5", Y: "0.52"}, {}, 0.51),  # the mean of both
        ({X: "0.5"}, {}, 0.5),
        ({X: "0.5", Y: "0.5"}, {"mpp": 0.25}, 0.25),
        ({X: "0.5", Y: "0.5"}, {"default_mpp": 0.25}, 0.5),
        ({}, {"default_mpp": 0.25}, 0.25),
        ({POWER: "40"}, {"by_objective": True}, 0.25),
        ({POWER: "40"}, {"by_objective": True, "default_mpp": 1.0}, 0.25),
        ({POWER: "40"}, {"default_mpp": 1.0}, 1.0),  # which no power contradicts: it is not the slide's own
        ({POWER: "0"}, {"by_objective": True, "default_mpp": 0.5}, 0.5),
        ({X: "1.49", POWER: "20"}, {}, 1.49),
        ({X: "0.17", POWER: "20"}, {}, 0.17),
        ({}, {"mpp": 0.05}, 0.05),
        ({}, {"mpp": 20.0}, 20.0),
        ({POWER: "20"}, {"mpp": 5.0}, 5.0),  # told by name: overrules what the slide says
    ],
)
def test_the_resolution_of_a_slide(properties: dict[str, str], request_: dict[str, float], mpp: float) -> None:
    request = SlideRequest(path=Path("a.svs"), **request_)  # type: ignore[arg-type]
    assert resolution(properties, request) == pytest.approx(mpp)


@pytest.mark.parametrize(
    ("properties", "request_", "words"),
    [
        ({}, {}, "a.svs does not say its microns per pixel"),
        ({POWER: "20"}, {}, r"does not say its microns per pixel \(it says 20×\)"),
        ({POWER: "0"}, {"by_objective": True}, "pixel$"),
        ({X: "1.5", POWER: "20"}, {}, "has 1.5 microns per pixel and an objective of 20×, which gives some 0.5"),
        ({X: "0.16", POWER: "20"}, {}, "has 0.16 microns per pixel and an objective of 20×"),
        ({X: "0.5", Y: "0.53"}, {}, "has pixels of 0.5 by 0.53 microns, which are not square"),
        ({}, {"mpp": 0.049}, "has 0.049 microns per pixel, which no slide scanner has"),
        ({X: "20.1"}, {}, "has 20.1 microns per pixel, which no slide scanner has"),
    ],
)
def test_resolutions_that_cannot_be(properties: dict[str, str], request_: dict[str, float], words: str) -> None:
    with pytest.raises(ResolutionError, match=words) as told:
        resolution(properties, SlideRequest(path=Path("a.svs"), **request_))  # type: ignore[arg-type]
    assert told.value.silent == words.startswith(("a.svs does", "does", "pixel$"))


def test_only_tiles_finer_than_a_tenth_below_the_slide_are_enlarged() -> None:
    tile = TileSettings(mpp=0.5)
    refuse_enlarging(SlideFacts(file="a.svs", mpp=0.55, width=1, height=1, vendor=""), tile)
    with pytest.raises(
        EnlargedError, match=r"0.551 microns per pixel, coarser than the 0.5 .*enlarged 1.1-fold"
    ) as told:
        refuse_enlarging(SlideFacts(file="a.svs", mpp=0.551, width=1, height=1, vendor=""), tile)
    assert told.value.mpp == 0.551


def test_files_of_a_slide_its_own_first(tmp_path: Path) -> None:
    for name in (
        "a.mrxs",
        "a/Slide.ini",
        "a/Data0.dat",
        "a/more/x.dat",
        "b[1].vms",
        "b[1]-0.jpg",
        "b1.jpg",
        "c.svs",
        "c.xml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    def files(name: str) -> list[str]:
        return [str(one.relative_to(tmp_path)) for one in SlideRequest(path=tmp_path / name).files]

    assert files("a.mrxs") == ["a.mrxs", "a/Data0.dat", "a/Slide.ini"]
    assert files("b[1].vms") == ["b[1].vms", "b[1]-0.jpg"]
    assert files("c.svs") == ["c.svs"]
    assert SlideRequest(path=tmp_path / "c.svs").label == "c.svs"
    assert SlideRequest(path=tmp_path / "c.svs", name="P1/c.svs").label == "P1/c.svs"
