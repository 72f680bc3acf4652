"""A network whose settings (`choose`) are decided within the outer fold: choosing is part of how the arm is fitted.

Every candidate is trained on the fold's inner folds; the one whose inner out-of-fold scores are best scores the outer
test patients. They have no part in the choice: not their labels, which no arm is given, nor what candidates say of
them. So the arm's out-of-fold figure is that of the whole procedure, choice included (Varma & Simon, BMC Bioinformatics
7:91, 2006; Cawley & Talbot, JMLR 11:2079–2107, 2010).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from fusion.arms.base import Arm, ArmScores, FoldData, best, choice_rows, inner_quality
from fusion.run.bounded import read_json
from fusion.run.state import save_json

TRIED = "tried"
"""Folder of the candidates until one is chosen; only that one's files stay, in the arm's own folder."""


class ChosenArm:
    """One of several arms, as inner folds decide.

    Args:
        name: ``fusion`` or ``only_<modality>``.
        candidates: number of the candidate in `choose` → its arm, in the order in which ties are decided. With one
            alone (no setting touches this arm) nothing is chosen.
    """

    def __init__(self, name: str, candidates: Mapping[str, Arm]) -> None:
        self.name = name
        self._candidates = dict(candidates)

    def units(self, inner_folds: int) -> int:
        """Steps of work it reports for a fold: those of all candidates."""
        return sum(arm.units(inner_folds) for arm in self._candidates.values())

    def fit(self, data: FoldData, folder: Path | None, step: Callable[[], None]) -> ArmScores:
        """Train every candidate, choose by inner scores, and keep what the chosen one left."""
        places = {number: None if folder is None else folder / TRIED / number for number in self._candidates}
        scores = {
            number: arm.fit(_watched(data, number), places[number], step) for number, arm in self._candidates.items()
        }
        quality = {number: inner_quality(one.inner, data) for number, one in scores.items()}
        chosen = best(quality)
        if folder is not None:
            _keep(folder, chosen)
        return replace(scores[chosen], choices=choice_rows(quality, data))


def _watched(data: FoldData, number: str) -> FoldData:
    """The same fold; whoever follows its curves can tell candidates apart."""
    epoch = data.epoch
    if epoch is None:
        return data
    return replace(data, epoch=lambda arm, member, row: epoch(f"{arm}/{TRIED}{number}", member, row))


def _keep(folder: Path, chosen: str) -> None:
    """Move the chosen candidate's files to where an arm's files lie, with its number; remove the others'."""
    place = folder / TRIED / chosen
    save_json(place / "arm.json", {**read_json(place / "arm.json"), "candidate": chosen})
    for file in sorted(place.iterdir()):
        file.replace(folder / file.name)
    shutil.rmtree(folder / TRIED)
