from __future__ import annotations

import pytest

from data_modules.modalities.variants.names import residue


@pytest.mark.parametrize(
    ("protein", "number"),
    [
        ("p.R175H", 175),
        ("p.Arg175His", 175),
        ("p.(Arg175His)", 175),
        ("p.Q1756Pfs*74", 1756),
        ("p.Glu23ValfsTer17", 23),
        ("p.*394R", 394),
        ("E23fs", 23),
        ("p.?", None),
        ("", None),
    ],
)
def test_number_of_the_amino_acid(protein: str, number: int | None) -> None:
    assert residue(protein) == number
