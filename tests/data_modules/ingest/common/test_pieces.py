"""Entries that other machines make, found again by number and address, and how many may fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from data_modules.ingest.common.pieces import asked_for, make_missing
from fusion.contract import FusionError
from fusion.contract.pieces import Piece

EVERY = ["a", "b", "c", "d"]


def address(request: str) -> str:
    return f"key of {request}"


def test_pieces_stand_for_the_requests_of_their_number_and_address() -> None:
    pieces = [Piece(number=3, key="key of d"), Piece(number=0, key="key of a")]
    assert asked_for(pieces, EVERY, address, key="modality.slides", label=str.upper) == ["d", "a"]
    strange = [Piece(number=0, key="key of a"), Piece(number=1, key="key of x"), Piece(number=4, key="key of e")]
    with pytest.raises(FusionError, match=r"^modality.slides: the 4 here .* with \(B, number 5\)\. Put cohort.root"):
        asked_for(strange, EVERY, address, key="modality.slides", label=str.upper)


def made(
    missing: Sequence[str], *, max_failed: float, elsewhere: bool, failing: str = ""
) -> tuple[Any, list[int], Any]:
    """Errors, what was told, and what another machine was asked for."""
    told: list[int] = []
    asked: list[Any] = []

    def here() -> Iterator[tuple[str, str | None]]:
        for request in missing:
            yield request, f"{request} is torn" if request in failing else None

    def other(modality: str, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, str | None]]:
        asked.append((modality, list(pieces)))
        for piece in reversed(pieces):
            yield piece, f"{EVERY[piece.number]} is torn" if EVERY[piece.number] in failing else None

    errors = make_missing(
        missing, EVERY, here=here, elsewhere=other if elsewhere else None, name="slides", address=address,  # type: ignore[arg-type]
        label=str.upper, told=told.append, max_failed=max_failed, failed="{} slides failed", remedy="Mend them",
    )  # fmt: skip
    return errors, told, asked


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_missing_is_made_and_failures_are_kept(elsewhere: bool) -> None:
    errors, told, asked = made(["b", "d"], max_failed=0.25, elsewhere=elsewhere, failing="d")
    assert (errors, told) == ({"D": "d is torn"}, [2, 3, 4])
    pieces = [Piece(number=1, key="key of b", label="B"), Piece(number=3, key="key of d", label="D")]
    assert asked == ([("slides", pieces)] if elsewhere else [])


def test_nothing_is_asked_of_others_where_nothing_is_missing() -> None:
    assert made([], max_failed=0.0, elsewhere=True) == ({}, [4], [])


@pytest.mark.parametrize("elsewhere", [False, True])
def test_too_many_failures_end_it(elsewhere: bool) -> None:
    said = (
        r"^2 of 4 slides failed, above modality\.slides\.max_failed=0\.25: . is torn, . is torn\. Mend them, or raise"
    )
    with pytest.raises(FusionError, match=said):
        made(["a", "b", "c", "d"], max_failed=0.25, elsewhere=elsewhere, failing="ab")
