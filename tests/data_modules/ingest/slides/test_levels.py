"""Levels of a pyramid by hand: which show the slide, and a slide that has only these."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from data_modules.ingest.slides.levels import SoundLevels, fits, sound_levels


def test_sides_are_rounded_by_a_pixel_and_no_more() -> None:
    assert fits((10, 5), (100, 50)) and fits((11, 6), (100, 50)) and fits((9, 4), (100, 50))
    assert fits((10, 6), (100, 50)) and not fits((10, 8), (100, 50))
    assert fits((13, 5), (100, 50)), "100 / 12 is 50 / 6"
    assert not fits((14, 5), (100, 50))
    assert fits((10, 8), (100, 50), slack=3) and not fits((10, 7), (100, 50), slack=0)
    assert fits((10, 5), (100, 50), slack=0)
    assert fits((1, 1), (3000, 10)), "a side of one pixel may be next to none"


def test_padded_levels_count_where_the_file_states_their_factor() -> None:
    """1,000 × 1,000 by 10, padded to 128 × 100: a guess would be (7.8 + 10) / 2 = 8.9."""
    whole, padded = (1000, 1000), (128, 100)
    assert sound_levels([whole, padded], [1, 10.0]) == {0: 1.0, 1: 10.0}
    guess = (1000 / 128 + 10) / 2
    assert sound_levels([whole, padded], [1, guess]) == {0: 1.0}
    assert sound_levels([whole, padded], [1, guess * 1.0009]) == {0: 1.0}, "that is the guess, rounded"
    # Too small to hold the slide by the factor that is stated: 100 × 9 is less than 1,000 − 9.
    assert sound_levels([whole, padded], [1, 9.0]) == {0: 1.0}
    assert sound_levels([whole, (128, 99)], [1, 10.0]) == {0: 1.0, 1: 10.0}, "one pixel may be cut"
    assert sound_levels([whole, (128, 98)], [1, 10.0]) == {0: 1.0}
    assert sound_levels([whole, (500, 500), padded, (250, 250)], [1, 2.0, guess, 4.0]) == {0: 1.0, 1: 2.0, 3: 4.0}


def test_a_slide_without_its_odd_levels() -> None:
    asked: list[Any] = []
    slide: Any = SimpleNamespace(
        dimensions=(1000, 500), level_dimensions=((1000, 500), (320, 256), (256, 128), (1, 9)), properties={"a": "b"},
        read_region=lambda *args: asked.append(args), close=lambda: asked.append("closed"),
    )  # fmt: skip
    sound = SoundLevels(slide, {0: 1.0, 2: 4.0, 3: 2000.0})
    assert sound.level_count == 3 and sound.level_downsamples == (1.0, 4.0, 2000.0)
    # What is padded is cut to the slide: 1,000 / 4 and 500 / 4 pixels; one at least.
    assert sound.level_dimensions == ((1000, 500), (250, 125), (1, 1))
    assert sound.dimensions == (1000, 500) and sound.properties == {"a": "b"}
    best = {one: sound.get_best_level_for_downsample(one) for one in (0.5, 1.0, 3.9, 4.0, 1e4)}
    assert best == {0.5: 0, 1.0: 0, 3.9: 0, 4.0: 1, 1e4: 2}
    sound.read_region((8, 16), 1, (2, 3))
    sound.close()
    assert asked == [((8, 16), 2, (2, 3)), "closed"]
