"""Settings cannot be made of values out of their range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest

from fusion.contract import Pattern, Range, Settings, SettingsError, Share


@dataclass(frozen=True, kw_only=True)
class Inner(Settings):
    size: Annotated[int, Range(low=1)] = 8


@dataclass(frozen=True, kw_only=True)
class Outer(Settings):
    share: Share = 0.5
    step: Annotated[float, Range(above=0, below=1)] = 0.1
    kind: Literal["a", "b"] = "a"
    level: Share | Literal["auto"] = "auto"
    pattern: Pattern | None = None
    weights: Mapping[str, Share] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    pair: tuple[Share, Share] = (0.0, 1.0)

    def conflicts(self) -> list[str]:
        return ["share is 0 while kind is b."] if self.share == 0 and self.kind == "b" else []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"share": 1.5}, "share must be at least 0 and at most 1, not 1.5."),
        ({"share": float("nan")}, "share must be at least 0 and at most 1, not nan."),
        ({"step": 0}, "step must be above 0 and below 1, not 0."),
        ({"step": 1}, "step must be above 0 and below 1, not 1."),
        ({"kind": "c"}, "kind must be one of a, b, not 'c'."),
        ({"level": "autos"}, "level must be a number or one of auto, not 'autos'. Did you mean auto?"),
        ({"level": -1}, "level must be at least 0 and at most 1, not -1."),
        ({"pattern": "("}, "pattern is no regular expression: '(' "),
        ({"weights": {"x": 2}}, "weights.x must be at least 0 and at most 1, not 2."),
        ({"pair": (0.0, 7)}, "pair[1] must be at least 0 and at most 1, not 7."),
        ({"share": 0, "kind": "b"}, "share is 0 while kind is b."),
    ],
)
def test_what_cannot_be(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as error:
        Outer(**wrong)
    (problem,) = error.value.problems
    assert problem.startswith(told)


def test_ends_that_are_in_the_range() -> None:
    Outer(share=0, level=1.0, weights={"x": 0, "y": 1}, pattern="^a$", pair=(1, 0))
    assert Inner(size=1).size == 1


def test_an_inner_node_refuses_for_itself() -> None:
    with pytest.raises(SettingsError, match=r"^size must be at least 1, not 0\.$"):
        Outer(inner=Inner(size=0))


def test_every_problem_is_told() -> None:
    with pytest.raises(SettingsError) as error:
        Outer(share=2, kind="z", pair=(2, 3))  # type: ignore[arg-type]
    assert [problem.split(" ")[0] for problem in error.value.problems] == ["share", "kind", "pair[0]", "pair[1]"]
