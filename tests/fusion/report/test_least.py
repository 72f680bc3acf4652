"""A run ends with a page, whatever of metrics.json it lacks: only what decides must be there."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from fusion.evaluation.outcome import outcome_of
from fusion.protocol.assessment import assessed
from fusion.report import page
from fusion.run.files import RunFolderError
from fusion.run.folder import RunFolder
from tests.fusion.report.test_assessed import config, setup_of

NEEDED = {
    *[(key,) for key in ("arms", "comparisons", "patients", "positives", "verdict")],
    *[("verdict", key) for key in ("against", "metric", "reference", "status")],
    *[("subgroups", key) for key in ("fewest", "rows", "tests")],
    *[("uncertainty", key) for key in ("decided", "level", "right_where_decided")],
    ("arms", "fusion"), ("gaps", "patients"), ("units", "groups"),
}  # fmt: skip
"""What a run cannot be without: the verdict, what it is made of, and what parts that are there reckon with."""


def lesser(whole: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The same without one key, or without one key of a part."""
    for key, part in whole.items():
        yield (key,), {name: one for name, one in whole.items() if name != key}
        for inner in part if isinstance(part, dict) else ():
            yield (key, inner), {**whole, key: {name: one for name, one in part.items() if name != inner}}


def test_a_page_of_whatever_is_there(
    tmp_path: Path, make_run: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", patients=60)
    predictions = run.predictions()
    labels = predictions.drop_duplicates("patient_id").set_index("patient_id")["label"].sort_index()
    setup = setup_of(tmp_path, list(labels.index), labels)
    outcome = outcome_of(run.cohort_spec().endpoint)
    whole = run.metrics() | assessed(config("clinical.arm", "site"), setup, run, predictions, outcome)
    assert {"subgroups", "gaps", "sites", "uncertainty", "operating", "described", "sample_size"} <= set(whole)
    monkeypatch.setattr(page, "figures", lambda *given, **more: defaultdict(str))  # the slow part, and none of this
    monkeypatch.setattr(page, "write_cards", lambda run: None)
    once = page.environment()
    monkeypatch.setattr(page, "environment", lambda: once)
    failed = set()
    for place, metrics in lesser(whole):
        run.write_metrics(metrics)
        try:
            with warnings.catch_warnings(action="ignore"):
                page.write_report(run)
        except (KeyError, UndefinedError, RunFolderError):
            failed.add(place)
    assert failed == NEEDED
    optional = {"subgroups", "gaps", "sites", "uncertainty", "operating", "described", "sample_size", "curves"}
    run.write_metrics({key: part for key, part in whole.items() if key not in optional})
    page.write_report(run)  # a part that is not there at all is asked for by none


def made(text: str, **given: Any) -> str:
    return str(page.environment().from_string(text).render(part={"there": 1}, **given))


def test_what_is_absent_is_false_empty_and_a_dash_and_told() -> None:
    with pytest.warns(RuntimeWarning, match="a page lacks a value: 'dict object' has no attribute 'key'"):
        text = "{% if part.key %}yes{% else %}no{% endif %} {{ part.key }} {{ part.key.more[0]|number }}"
        assert made(text + "{% for one in part.key %}one{% endfor %}{{ part.key|length }}") == "no — —0"
    with pytest.warns(RuntimeWarning, match="'stranger' is undefined"):
        assert made("{{ stranger > 1 }} {{ stranger == 1 }} {{ stranger != 1 }} {{ '%s'|format(stranger) }}") == (
            "False False True —"
        )
    with pytest.warns(RuntimeWarning, match="lacks"):
        assert made("{{ '{:.1f}'.format(stranger) }} {{ 1 in stranger }}{{ part.there }}") == "— False1"


def test_a_misspelt_key_ends_a_test() -> None:
    with pytest.raises(RuntimeWarning, match="has no attribute 'tehre'"):
        made("{% if part.tehre %}{% endif %}")
