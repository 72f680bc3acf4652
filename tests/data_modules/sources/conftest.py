from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def recorded() -> dict[str, dict[str, Any]]:
    """`tests.helpers.simulated.content` of cohorts of 16 patients, seed 3, which the code of commit 2c33775 wrote."""
    path = Path(__file__).resolve().parents[2] / "fixtures" / "simulated_2c33775.json"
    return json.loads(path.read_text(encoding="utf-8"))
