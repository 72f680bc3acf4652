"""A root that a generator wrote is added to; one beside whose stamp stand other files is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_modules.cohort.generated import complete
from data_modules.errors import CohortError
from tests.helpers.small_cohort import silent

SETTINGS = {"patients": 12, "seed": 20, "interaction": 1.0}


def asked(root: Path, stamp: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    """What the generator was called with, where the root lacks a table."""
    (root / "SIMULATED.json").write_text(json.dumps(stamp))
    called: list[dict[str, Any]] = []

    def generator(root: Path, *, progress: object, **given: Any) -> None:
        called.append(given)

    complete("mine", root / "SIMULATED.json", [root / "later.tsv"], settings, generator, silent)
    return called


def test_what_an_earlier_version_left_out_is_added_with_the_settings_it_was_written_with(tmp_path: Path) -> None:
    assert asked(tmp_path, {"notice": "SIMULATED", **SETTINGS}, patients=12) == [SETTINGS]
    (tmp_path / "later.tsv").touch()
    assert asked(tmp_path, SETTINGS, patients=12) == [], "it is there"


def test_a_stamp_that_does_not_tell_how_it_was_written_has_nothing_written_beside_it(tmp_path: Path) -> None:
    assert asked(tmp_path, {"notice": "SIMULATED", "patients": 12}, patients=12) == []


def test_other_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"patients=12, not 240"):
        asked(tmp_path, SETTINGS, patients=240)
