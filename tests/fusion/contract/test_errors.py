from __future__ import annotations

from fusion.contract import some


def test_the_first_few_are_named_and_the_rest_counted():
    assert some(["a", "b"]) == "a, b"
    assert some(range(5)) == "0, 1, 2, 3, 4"
    assert some(range(6)) == "0, 1, 2, 3, 4 and 1 more"
    assert some("abc", 2, rest="others") == "a, b and 1 others"
    assert some([]) == ""
