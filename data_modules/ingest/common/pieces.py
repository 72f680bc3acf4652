"""Entries of an ingest, made here or on other machines, and found again among the files that another machine sees."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import TypeVar

from fusion.contract import FusionError, some
from fusion.contract.pieces import Elsewhere, Piece

R = TypeVar("R")


def asked_for(
    pieces: Sequence[Piece], requests: Sequence[R], address: Callable[[R], str], *, key: str, label: Callable[[R], str]
) -> list[R]:
    """The requests that the pieces stand for.

    Args:
        pieces: of another machine.
        requests: all that this machine would ingest, in their order.
        address: key of a request's entry in the cache.
        key: of the modality in the configuration.
        label: file or patient of a request, for the message.

    Raises:
        FusionError: this machine sees other files, or other settings.
    """
    found, other = [], []
    for piece in pieces:
        request = requests[piece.number] if piece.number < len(requests) else None
        if request is None or address(request) != piece.key:
            other.append(f"number {piece.number + 1}" if request is None else label(request))
        else:
            found.append(request)
    if other:
        raise FusionError(
            f"{key}: the {len(requests)} here are not those that the command was started with ({some(other, 3)}). Put "
            "cohort.root on a disk that all nodes share, under the same path; is a copy of it out of date?"
        )
    return found


def made_elsewhere(
    elsewhere: Elsewhere, missing: Sequence[R], every: Sequence[R], *, name: str, address: Callable[[R], str],
    label: Callable[[R], str],
) -> Generator[tuple[R, str | None]]:  # fmt: skip
    """Have entries made elsewhere: each request as it is done, with its error.

    Args:
        elsewhere: what makes them.
        missing: requests without an entry.
        every: all of them, by whose order another machine finds them.
        name: of the modality.
        address: key of a request's entry.
        label: file or patient of a request.
    """
    wanted = {label(request) for request in missing}
    pieces = [
        Piece(number=number, key=address(request), label=label(request))
        for number, request in enumerate(every)
        if label(request) in wanted
    ]
    for piece, error in elsewhere(name, pieces):
        yield every[piece.number], error


def make_missing(
    missing: Sequence[R], every: Sequence[R], *, here: Callable[[], Generator[tuple[R, str | None]]],
    elsewhere: Elsewhere | None, name: str, address: Callable[[R], str], label: Callable[[R], str],
    told: Callable[[int], None], max_failed: float, failed: str, remedy: str,
) -> dict[str, str]:  # fmt: skip
    """Make entries, here or elsewhere, until too many failed.

    Args:
        missing: requests without an entry.
        every: all of them.
        here: makes them on this machine: each request as it is done, with its error.
        elsewhere: makes them on others; None makes them here.
        name: of the modality.
        address: key of a request's entry.
        label: file or patient of a request.
        told: how many of all are done, at first and after each.
        max_failed: share of all that may fail.
        failed: for the message, with ``{}`` for how many of how many.
        remedy: what to do about it, beside a higher `max_failed`.

    Returns:
        Label → why it failed.

    Raises:
        FusionError: more failed than `max_failed` allows; what making them raises.
    """
    errors: dict[str, str] = {}
    done = len(every) - len(missing)
    told(done)
    if elsewhere is None or not missing:
        attempts = here()
    else:
        attempts = made_elsewhere(elsewhere, missing, every, name=name, address=address, label=label)
    with closing(attempts):
        for request, error in attempts:
            if error is not None:
                errors[label(request)] = error
                if len(errors) > max_failed * len(every):
                    raise FusionError(
                        f"{failed.format(f'{len(errors)} of {len(every)}')}, above modality.{name}.max_failed="
                        f"{max_failed:g}: {some(list(errors.values()), 3)}. {remedy}, or raise max_failed."
                    )
            done += 1
            told(done)
    return errors
