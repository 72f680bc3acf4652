"""Secondary endpoints in the protocol: who trains alone in which fold, what folds must hold, and what is judged."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from fusion.contract import CohortSpec, EndpointSpec, Fold, FusionError, InnerFold, Secondary
from fusion.protocol.secondary import ROLE, check_folds, judged, plain_arms, trained_alone
from fusion.report.parts.secondary import secondary

IDS = [f"P{number}" for number in range(8)]
FOLD = Fold(
    repeat=0, index=1, train=tuple(IDS[:6]), test=tuple(IDS[6:]),
    inner=(InnerFold(train=("P0", "P1", "P2"), val=("P3", "P4", "P5")),
           InnerFold(train=("P3", "P4", "P5"), val=("P0", "P1", "P2"))),
)  # fmt: skip
PCR = EndpointSpec(name="pcr", kind="binary", classes=("no", "yes"))
RCB = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))


def test_nobody_trains_alone_who_belongs_to_a_patient_who_is_held_out() -> None:
    cohort: Any = SimpleNamespace(alone=("X", "Y", "Z"))
    groups = pd.Series({**dict.fromkeys(IDS), "P7": "F1", "P3": "F2", "X": "F1", "Y": "F2", "Z": None})
    assert trained_alone(cohort, FOLD, groups) == [("Z",), ("Y", "Z")]


def test_folds_that_cannot_train_a_secondary_endpoint_are_refused() -> None:
    def cohort(*labels: int) -> Any:
        return SimpleNamespace(secondary={"rcb": Secondary(endpoint=RCB, labels=pd.Series(labels, index=IDS))})

    check_folds(cohort(0, 1, 2, 2, 1, 0, 0, -1), [FOLD])
    with pytest.raises(FusionError, match=r"rcb \(secondary\): repeat0_fold1, inner fold 1, training.* 'II'\. Lower"):
        check_folds(cohort(0, 1, 2, 1, 1, 0, 0, 1), [FOLD])
    with pytest.raises(FusionError, match="test, has no patient who is '0', 'I', 'II'"):
        check_folds(cohort(0, 1, 2, 2, 1, 0, -1, -1), [FOLD])


def test_plain_arms_are_those_of_its_kind() -> None:
    from fusion.evaluation.outcome import outcome_of

    config = OmegaConf.create({"arms": ["fusion", "singles", "classical_lr", "classical_forest", "late"]})
    data: Any = SimpleNamespace(endpoint=RCB, outcome=outcome_of(RCB), whole={})
    assert [arm.name for arm in plain_arms(config, data)] == ["classical_boosting", "classical_ordinal"]
    data = SimpleNamespace(endpoint=PCR, outcome=outcome_of(PCR), whole={})
    assert [arm.name for arm in plain_arms(config, data)] == ["classical_lr", "classical_forest"]


def test_each_is_judged_by_its_own_columns_and_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    ids, label = [f"P{number:02d}" for number in range(60)], np.arange(60) % 3

    def rows(arm: str, signal: float) -> pd.DataFrame:
        weight = np.exp(signal * np.eye(3)[label] + rng.normal(scale=0.3, size=(60, 3)))
        score = weight / weight.sum(axis=1, keepdims=True)
        columns = {f"score_{name}": score[:, place] for place, name in enumerate(RCB.classes)}
        return pd.DataFrame(
            {"patient_id": ids, "arm": arm, "repeat": 0, "fold": 0, "endpoint": "rcb", "label": label,
             "score": score.max(axis=1), "threshold": np.nan, "group": None, **columns}
        )  # fmt: skip

    table = pd.concat([rows("fusion", 2.0), rows("classical", 0.2)], ignore_index=True)
    other = table.iloc[:1].assign(endpoint="pfs", time=3.0)  # its own columns are empty elsewhere
    spec = CohortSpec(name="c", endpoint=PCR, build=None, simulated=False, patients=60, secondary=(RCB,))
    config = SimpleNamespace(evaluation=SimpleNamespace(draws=50), seed=1)
    found = judged(config, spec, pd.concat([table, other]), modalities=1)
    part = found["secondary"]["rcb"]
    assert (part["role"], part["kind"], part["patients"]) == (ROLE, "ordinal", 60)
    assert part["verdict"]["metric"] == "kappa" and part["verdict"]["status"] == "supported"
    (told,) = secondary({"cohort": {"secondary": [{"name": "rcb", "note": "grades"}]}}, found)
    assert (told["name"], told["note"], told["role"], told["status"]) == ("rcb", "grades", ROLE, "supported")
    assert told["labels"][0] == "Quadratic-weighted kappa" and told["rows"][0]["reference"]
    assert secondary({"cohort": {}}, {}) == []
    assert (
        judged(config, CohortSpec(name="c", endpoint=PCR, build=None, simulated=False, patients=1), table, modalities=1)
        == {}
    )
