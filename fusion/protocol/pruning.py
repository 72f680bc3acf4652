"""A job of a sweep tells how it goes, and is given up where that is worse than others were."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from fusion.run.folder import RunFolder
from fusion.run.watched import PRUNED, PrunedError, report, watched

ARM = "fusion"


class InnerWatch:
    """The inner metric over the first outer folds, told as they finish.

    Args:
        folder: of the run.
        folds: names in the order in which they count, so that jobs are compared over the same folds.
        metric: column of inner.parquet that chooses.
    """

    def __init__(self, folder: RunFolder, folds: Sequence[str], metric: str) -> None:
        self._folder, self._folds, self._metric = folder, list(folds), metric
        self._told = 0

    def look(self) -> None:
        """After a fold; nothing where nobody watches, and after the last.

        Raises:
            PrunedError: the job is given up; its folder says so.
        """
        if not watched():
            return
        finished = set(self._folder.finished_folds())
        first = list(takewhile(finished.__contains__, self._folds))
        if not self._told < len(first) < len(self._folds):
            return
        self._told = len(first)
        tables = [self._folder.load_fold(name).inner for name in first]
        values = [float(table.loc[table["arm"] == ARM, self._metric].iloc[0]) for table in tables]
        if np.isnan(values).any():
            return
        try:
            report(len(first), float(np.mean(values)))
        except PrunedError:
            self._folder.note(status=PRUNED)
            raise
