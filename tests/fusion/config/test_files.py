"""Configuration files by themselves."""

from __future__ import annotations

from fusion.config.files import merged


def test_mappings_are_merged_at_any_depth_and_the_later_counts() -> None:
    base = {"a": {"x": 1, "deep": {"p": 1, "q": 2}}, "b": 1, "c": {"z": 1}, "kept": [1]}
    more = {"a": {"x": 2, "deep": {"q": 3}}, "b": {"now": "mapping"}, "c": None}
    assert merged(base, more) == {
        "a": {"x": 2, "deep": {"p": 1, "q": 3}},
        "b": {"now": "mapping"},
        "c": None,
        "kept": [1],
    }
    assert base["a"] == {"x": 1, "deep": {"p": 1, "q": 2}}, "what is given stays as it was"
