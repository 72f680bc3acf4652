"""Tables of the report of one of several classes: by class, the confusion matrix, and the worst errors in pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion.evaluation.classes import CALIBRATION, PER_CLASS

Row = dict[str, Any]


def tables(run: Any, content: Mapping[str, Any]) -> Row:
    """For the template.

    Args:
        run: the run folder.
        content: of metrics.json.
    """
    reference = content["verdict"]["reference"]
    return {
        "per_class": per_class(content, reference),
        "per_class_labels": _labels(content, reference),
        "matrix": matrix(content, reference),
        "examples": run.examples(),
    }


def _labels(content: Mapping[str, Any], arm: str) -> dict[str, str]:
    """Of the metrics that there are: older versions had no calibration error of a class."""
    labels = {**PER_CLASS, "calibration_error": CALIBRATION["calibration_error"]}
    measured = next(iter(content["per_class"][arm].values()))
    return {name: label for name, label in labels.items() if name in measured}


def per_class(content: Mapping[str, Any], arm: str) -> list[Row]:
    """One row a class, with its patients and the arm's metrics of it."""
    sizes = dict(zip(content["classes"], content["class_patients"], strict=True))
    return [
        {"name": name, "patients": sizes[name], "values": values} for name, values in content["per_class"][arm].items()
    ]


def matrix(content: Mapping[str, Any], arm: str) -> list[Row]:
    """One row a true class: counts by called class, and each one's share of the row with its interval."""
    table = content["confusion"][arm]
    return [
        {
            "name": name,
            "cells": [
                {"count": count, **share, "right": place == row, "called": content["classes"][place]}
                for place, (count, share) in enumerate(zip(table["matrix"][row], table["share"][row], strict=True))
            ],
        }
        for row, name in enumerate(content["classes"])
    ]
