"""What is said while headers are read: nothing at first, then not too often, and the end where a beginning was said."""

from __future__ import annotations

import pickle

from fusion.contract.telling import Telling


class Said:
    """A clock that is turned by hand, and what was said at which time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heard: list[tuple[float, str, int, int]] = []

    def telling(self) -> Telling:
        return Telling(lambda *told: self.heard.append((self.now, *told)), clock=lambda: self.now)


def test_after_a_second_it_is_told_five_times_a_second_and_at_the_end() -> None:
    said = Said()
    more = said.telling().count("Reading headers", 40)
    for now, units in ((0.9, 10), (1.0, 2), (1.1, 3), (1.25, 5), (1.3, 20)):
        said.now = now
        more(units)
    told = [(1.0, 12), (1.25, 20), (1.3, 40)]
    assert said.heard == [(now, "Reading headers", done, 40) for now, done in told]


def test_what_is_read_within_a_second_is_not_told() -> None:
    said = Said()
    assert list(said.telling().each("Reading headers", iter("abc"), 3)) == ["a", "b", "c"]
    assert said.heard == []


def test_items_count_once_they_are_done_with() -> None:
    said = Said()
    for _ in said.telling().each("Opening slides", range(3), 3):
        said.now += 1.0
    assert said.heard == [(float(done), "Opening slides", done, 3) for done in (1, 2, 3)]


def test_another_process_says_nothing() -> None:
    said = Said()
    telling = pickle.loads(pickle.dumps(said.telling()))  # as a spawned process gets it
    more = telling.count("Reading headers", 1)
    more(1)
    assert said.heard == []
