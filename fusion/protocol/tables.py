"""Tables of what arms say out of fold; labels of test patients are joined here, after every arm has spoken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from fusion.arms.base import ArmScores, FoldData


def out_of_fold(
    data: FoldData,
    scores: Mapping[str, ArmScores],
    *,
    labels: pd.Series[int],
    times: pd.Series[float] | None,
    groups: pd.Series[Any],
    entry: pd.Series[float] | None = None,
) -> pd.DataFrame:
    """A row an arm and test patient whose label is known.

    Args:
        data: the fold, as the endpoint has it.
        scores: arm → what it says.
        labels: index patient_id, of the test patients; -1 unknown.
        times: likewise; None where the endpoint has none.
        groups: likewise, whom folds keep together.
        entry: likewise, when they came under observation; None where the endpoint declares none.
    """
    import pandas as pd

    fold = data.fold
    test = [patient for patient in fold.test if labels.loc[patient] >= 0]
    parts = [
        pd.DataFrame(
            {
                "patient_id": test,
                "arm": name,
                "repeat": fold.repeat,
                "fold": fold.index,
                "endpoint": data.endpoint.name,
                "label": labels.loc[test].to_numpy(),
                **({} if times is None else {"time": times.loc[test].to_numpy()}),
                **({} if entry is None else {"entry": entry.loc[test].to_numpy()}),
                **data.outcome.columns(arm.test.loc[test].to_numpy()),
                "threshold": arm.threshold,
                "group": groups.loc[test].array,
            }
        )
        for name, arm in scores.items()
    ]
    return pd.concat(parts, ignore_index=True)
