"""The plain model that a fold's fused arm starts from, fitted again to patients drawn with replacement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusion.arms.base import FUSION, FoldData
from fusion.arms.classical import features
from fusion.contract import State
from fusion.plain.base import load_base
from fusion.plain.redrawn import redraw
from fusion.run.state import save_state

DRAWS = 200
FILE = "therapy_draws"
"""In a fold's folder: JSON and arrays."""


def draws_of(patients: Sequence[str], groups: pd.Series[Any], *, seed: int) -> pd.DataFrame:
    """``(draw, patient)``: how often each of the cohort's patients counts, the same in every fold.

    Args:
        patients: all of the cohort.
        groups: index patient_id: who is drawn together; missing for who is drawn alone.
        seed: of the draws.
    """
    who = list(patients)
    told = groups.reindex(who)
    units = [f"alone {one}" if pd.isna(group) else f"group {group}" for one, group in told.items()]
    codes, names = pd.factorize(np.asarray(units, dtype=object))
    number = len(names)
    times = np.random.default_rng([seed, DRAWS]).multinomial(number, np.full(number, 1 / number), size=DRAWS)
    return pd.DataFrame(times[:, codes].astype(np.float64), columns=pd.Index(who))


def keep_redrawn(data: FoldData, folder: Path, draws: pd.DataFrame, model: Any) -> bool:
    """Refit the fold's plain model to every draw of its training patients and keep the changes; False where none are.

    Args:
        data: the fold.
        folder: of it, where the fused arm kept its plain model.
        draws: see `draws_of`.
        model: the `model` config node, whose head says what a patient counts in the loss.
    """
    import torch

    from fusion.network.model import label_weights

    base = load_base(folder / FUSION)
    if base is None:
        return False
    train = list(data.fold.train)
    labels = np.asarray(data.labels.loc[train], dtype=np.int64)
    weights = label_weights(model, data.endpoint, torch.from_numpy(labels)).double().numpy()
    found = redraw(base, features(data.whole, train), labels, weights, draws[train].to_numpy())
    if found is None:
        return False
    save_state(folder, FILE, State(config={"draws": DRAWS}, arrays=found.arrays()))
    return True
