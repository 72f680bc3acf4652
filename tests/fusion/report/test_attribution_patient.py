"""A patient's page of attribution: which tiles stand by which slide, in what order, with which numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusion.attribution.plan import Patient
from fusion.attribution.scale import scale_of
from fusion.contract import EndpointSpec
from fusion.report import attribution_patient
from fusion.report.attribution_patient import sentence
from fusion.report.page import environment

TILES = pd.DataFrame(
    {
        "feature": ["tile:0", "tile:1", "tile:2", "tile:3", "count"],
        "slide": [0, 0, 1, 1, -1],
        "x": [0, 64, 0, 64, 0],
        "y": [0, 0, 128, 128, 0],
        "attribution": [0.1, -0.4, 0.2, 0.0, 9.0],
        "attention": [0.1, 0.2, 0.6, 0.1, 0.0],
    }
)
CONTENT = {
    "files": ["a.tif", "b.tif"], "sizes": [[100, 200], [300, 400]], "tile_px": [64, 32], "top": [1, 2, 0],
    "pixel_delta": 0.5,
}  # fmt: skip


def pictures() -> dict[str, np.ndarray]:
    tile = np.full((8, 8, 3), 200, dtype=np.uint8)
    made = {f"tile_slides_{rank}": tile for rank in range(3)}
    return made | {"pixels_slides_0": np.full((8, 8), 0.1), "overview_slides_1": tile}


@pytest.mark.parametrize(
    ("slide", "top", "ranks"),
    [
        (0, [(1, -0.4, 0.2, 64, 0, True, True), (3, 0.1, 0.1, 0, 0, True, False)], [3, 1]),
        (1, [(2, 0.2, 0.6, 0, 128, True, False)], [2, None]),
    ],
)
def test_a_slide_has_its_own_tiles_and_their_ranks_over_all_slides(
    slide: int, top: list[tuple[object, ...]], ranks: list[int | None]
) -> None:
    view = attribution_patient._slide_view("slides", slide, TILES, CONTENT, pictures())
    assert [tuple(one[key] for key in ("rank", "value", "attention", "x", "y")) for one in view["top"]] == [
        one[:5] for one in top
    ]
    assert [(one["tile"] is not None, one["pixels"] is not None) for one in view["top"]] == [one[5:] for one in top]
    assert [tile["rank"] for tile in view["heat"]] == ranks
    assert (view["number"], view["of"], view["file"]) == (slide + 1, 2, CONTENT["files"][slide])
    assert (view["size"], view["tile_px"]) == (CONTENT["sizes"][slide], CONTENT["tile_px"][slide])
    assert (view["image"] is not None) == (slide == 1)
    # Over the tiles of all slides alone: the strongest is full, and so is the one most looked at.
    assert view["limit"] == 0.4
    assert [tile["strength"] for tile in view["heat"]] == ([0.26, 0.8] if slide == 0 else [0.44, 0.08])
    assert [tile["focus"] for tile in view["focus"]] == ([0.125, 0.25] if slide == 0 else [0.75, 0.125])


def test_a_slide_whose_tiles_say_nothing_is_drawn_pale() -> None:
    still = TILES.assign(attribution=0.0, attention=0.0)
    view = attribution_patient._slide_view("slides", 0, still, CONTENT, pictures())
    assert [(tile["strength"], tile["focus"]) for tile in view["heat"]] == [(0.08, 0), (0.08, 0)]


def test_of_many_tiles_those_are_drawn_that_count_most_or_are_looked_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution_patient, "DRAWN", 1)
    one = TILES.assign(slide=0)
    view = attribution_patient._slide_view("slides", 0, one, CONTENT, pictures())
    assert [tile["value"] for tile in view["heat"]] == [-0.4]
    assert [tile["attention"] for tile in view["focus"]] == [0.6]
    assert [tile["rank"] for tile in view["ranked"]] == [3, 1, 2]
    assert (view["tiles"], view["coloured"]) == (4, 1)
    # Among the tiles of all slides: the second slide has none of the largest contribution, but the one looked at most.
    first, second = (attribution_patient._slide_view("slides", n, TILES, CONTENT, pictures()) for n in (0, 1))
    assert [[tile["value"] for tile in view["heat"]] for view in (first, second)] == [[-0.4], []]
    assert [[tile["attention"] for tile in view["focus"]] for view in (first, second)] == [[], [0.6]]
    assert [[tile["rank"] for tile in view["ranked"]] for view in (first, second)] == [[3, 1], [2]]


def test_of_many_features_the_largest_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution_patient, "LISTED", 2)
    columns = {"modality": "rna", "gene": None, "consequence": None, "unit": None, "level": None, "value": 1.0}
    names = {"feature": ["a", "b", "c"], "label": ["a", "b", "c"], "attribution": [0.1, -0.4, 0.2], "baseline": 0.0}
    rows = pd.DataFrame(names | columns)
    patient = Patient(id="p", name="p", fold=0, label=1, score=0.5)
    scale = scale_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))
    facts = {"shapley": {"rna": -0.1}, "score": 0.5}
    (table,) = attribution_patient.patient_view(patient, rows, facts, {}, scale)["tables"]
    assert [row["label"] for row in table["rows"]] == ["b", "c"]
    assert table["left"] == 1


def test_a_sentence_names_the_larger_first_and_tells_for_from_against() -> None:
    numbers = pd.DataFrame({"label": ["age", "TP53"], "attribution": [0.1, -0.3]})
    assert sentence({"clinical": 0.2, "slides": -0.5, "gene_counts": 0.4}, numbers) == (
        "Gene counts (+0.40) and clinical (+0.20) speak for it, slides (−0.50) against. The strongest named features: "
        "TP53 (−0.30) and age (+0.10)."
    )
    assert sentence({"slides": -0.5}, numbers[:0]) == "Slides (−0.50) against."


def test_what_says_nothing_has_no_bar() -> None:
    macro = '{% from "attribution_parts.html.j2" import bar %}{{ bar(row) }}'
    rows = attribution_patient._bars([{"value": 0.0}, {"value": -2.0}, {"value": 1.0}])
    told = [environment().from_string(macro).render(row=row) for row in rows]
    assert ["hidden" in one.partition("<span")[2] for one in told] == [True, False, False]
    assert "left: 0.0%; width: 50.0%" in told[1] and "left: 50%; width: 25.0%" in told[2]
