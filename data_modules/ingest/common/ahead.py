"""Work ahead in a thread: the next items are made while the caller is busy with this one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
_POLL = 0.1  # seconds


@contextmanager
def ahead(items: Iterable[T], *, depth: int) -> Iterator[Iterator[T]]:
    """Iterate over `items` in a thread that stays at most `depth` items ahead.

        with ahead(read(), depth=4) as items:
            for item in items: ...

    What reads files and decodes pixels in C lets other threads run, so that a thread is enough. An error of `items` is
    raised where its turn comes; leaving the block stops the thread and closes `items`, within that thread.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(entry: tuple[T | None, BaseException | None, bool]) -> bool:
        while not stop.is_set():
            try:
                ready.put(entry, timeout=_POLL)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        source = iter(items)
        try:
            for item in source:
                if not put((item, None, False)):
                    return
            put((None, None, True))
        except BaseException as error:  # handed to the caller, whatever it is
            put((None, error, True))
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def taken() -> Iterator[T]:
        while True:
            item, error, last = ready.get()
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc]

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stop.set()
        thread.join()
