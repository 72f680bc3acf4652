"""Random forests of few trees, where a test is not of their number."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier

TREES = 30


def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classical arms of this process grow `TREES` trees instead of 300; nothing else of the forest changes."""
    from fusion.arms import classical

    def small(**given: Any) -> RandomForestClassifier:
        return RandomForestClassifier(**{**given, "n_estimators": TREES})

    monkeypatch.setattr(classical, "RandomForestClassifier", small)
