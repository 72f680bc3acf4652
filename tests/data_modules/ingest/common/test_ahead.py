"""Items made in a thread: in order, no further ahead than asked, errors where their turn comes, nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from data_modules.ingest.common.ahead import ahead


def within(seconds: float, items: Iterator[int]) -> list[int] | None:
    """All items, or None where they do not end in time: who waits for ever waits in a thread of their own."""
    taken: list[list[int]] = []
    thread = threading.Thread(target=lambda: taken.append(list(items)), daemon=True)
    thread.start()
    thread.join(seconds)
    return taken[0] if taken else None


@pytest.mark.parametrize("number", [0, 1, 2, 50])
def test_every_item_comes_in_order_and_then_no_more(number: int) -> None:
    with ahead(range(number), depth=3) as taken:
        assert within(20, taken) == list(range(number))


def test_work_ahead_is_bounded_and_passes_errors_on() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number
        raise ValueError("at the end")

    with ahead(items(), depth=3) as taken:
        assert next(taken) == 0
        time.sleep(0.3)
        assert made == list(range(5)), "one taken, three that wait, one that waits to join them"
    count = len(made)
    time.sleep(0.2)
    assert len(made) == count, "leaving stops the thread"
    with ahead(items(), depth=3) as taken:
        assert [next(taken) for _ in range(100)] == list(range(100))
        with pytest.raises(ValueError, match="at the end"):
            next(taken)


def test_leaving_closes_what_was_being_read_in_its_own_thread() -> None:
    closed: list[threading.Thread] = []

    def items() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread())

    with ahead(items(), depth=2) as taken:
        next(taken)
    assert len(closed) == 1
    assert closed[0] is not threading.current_thread()
    assert not closed[0].is_alive()
