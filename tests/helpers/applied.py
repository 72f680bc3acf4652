"""What a run says of an invented labelled cohort, as `fusion.predict` has it before it writes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_modules.cohort.reconcile import ReconciledCohort
from fusion.apply.application import Application
from fusion.apply.compared import Compared
from fusion.contract import CohortSpec, EndpointSpec
from fusion.protocol.setup import Setup

ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no response", "response"))
OTHERS = ("only_slides", "only_variants", "only_clinical", "late", "classical")


def applied_cohort(
    *, patients: int = 80, gap: float = 0.0, group_size: int = 1, others: tuple[str, ...] = OTHERS
) -> tuple[Application, Setup]:
    """Scores of fusion and of `others`.

    Args:
        patients: every other one responds.
        gap: by how much a responder's log-odds exceed in fusion what they are in the other arms.
        group_size: patients of a group; 1: none is declared.
        others: arms that are compared, all with the same scores.
    """
    ids = [f"NEW-{number:03}" for number in range(patients)]
    labels = pd.Series(np.arange(patients) % 2, index=pd.Index(ids, name="patient_id"))
    logits = np.random.default_rng(2).normal(size=patients) + labels.to_numpy()
    both = {"other": 1 / (1 + np.exp(-logits)), "fusion": 1 / (1 + np.exp(-logits - gap * labels.to_numpy()))}
    table = pd.DataFrame({"patient_id": ids, "score": both["fusion"], "low": both["fusion"], "high": both["fusion"]})
    table = table.assign(
        modalities="slides+clinical", out_of_distribution=False, distance=0.5, fold_models=5, in_training=False
    )
    groups = (
        None if group_size == 1 else pd.Series([f"g{n // group_size}" for n in range(patients)], index=labels.index)
    )
    cohort = ReconciledCohort(
        spec=CohortSpec(name="elsewhere", endpoint=ENDPOINT, build=None, simulated=False, patients=patients),
        patient_ids=tuple(ids),
        labels=labels,
        sites=None,
        groups=groups,
        reconciliation=pd.DataFrame({"patient_id": ids, "kept": True, "dropped_at": None, "reason": None}),
    )
    result = Application(
        table=table,
        threshold=0.5,
        matches={},
        arm="fusion",
        notes=(),
        compared={arm: Compared(columns={"score": both["other"]}, threshold=0.5) for arm in others},
    )
    return result, Setup(cohort=cohort, modalities={})
