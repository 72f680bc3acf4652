"""An arm whose settings (`choose`) are decided within the outer fold: choosing is part of how the arm is fitted.

Every candidate is trained on the fold's inner folds; the one whose inner out-of-fold scores are best scores the outer
test patients. They have no part in the choice: not their labels, which no arm is given, nor what candidates say of
them. So the arm's out-of-fold figure is that of the whole procedure, choice included (Varma & Simon, BMC Bioinformatics
7:91, 2006; Cawley & Talbot, JMLR 11:2079–2107, 2010).

A candidate that reads modalities otherwise is given the fold as it reads it, fitted on the same patients. Where it is
chosen, what it fitted is kept in the arm's own folder, for `predict` and `explain`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fusion.arms.base import Arm, ArmScores, Fitted, FoldData
from fusion.arms.choice import chosen_of
from fusion.run.bounded import read_json
from fusion.run.state import save_json, save_state

TRIED = "tried"
"""Folder of the candidates until one is chosen; only that one's files stay, in the arm's own folder."""

MODALITIES = "modalities"
"""Folder of fitted modalities: of the fold, and of an arm in it, which has those that it reads otherwise."""


class ChosenArm:
    """One of several arms, as inner folds decide.

    Args:
        name: of the arm.
        candidates: number of the candidate in `choose` → its arm, in the order in which ties are decided. With one
            alone (no setting touches this arm) nothing is chosen.
        modalities: that the arm sees; None is all.
    """

    def __init__(self, name: str, candidates: Mapping[str, Arm], *, modalities: Sequence[str] | None = None) -> None:
        self.name = name
        self._candidates = dict(candidates)
        self._modalities = modalities

    def units(self, inner_folds: int) -> int:
        """Steps of work it reports for a fold: those of all candidates."""
        return sum(arm.units(inner_folds) for arm in self._candidates.values())

    def fit(self, data: FoldData, folder: Path | None, step: Callable[[], None]) -> ArmScores:
        """Train every candidate, choose by inner scores, and keep what the chosen one left."""
        places = {number: None if folder is None else folder / TRIED / number for number in self._candidates}
        tried = {
            number: arm.fit(_watched(data.read_by(number), number), places[number], step)
            for number, arm in self._candidates.items()
        }
        scores = chosen_of(tried, data)
        if folder is not None:
            _keep(folder, scores.candidate)
            keep_fitted(folder, data.read_by(scores.candidate), self._modalities, beside=data)
        return scores


def keep_fitted(
    folder: Path, data: FoldData, modalities: Sequence[str] | None = None, *, beside: FoldData | None = None
) -> None:
    """Write modalities as they were fitted: ``modalities/whole``, ``modalities/member0`` and so on.

    Args:
        folder: of the fold, or of an arm in it.
        data: the fold as it was read.
        modalities: of these alone; None is all.
        beside: the fold as the run itself reads it; what is the same there is left out.
    """
    shutil.rmtree(folder / MODALITIES, ignore_errors=True)  # of a fold that was interrupted
    there = {} if beside is None else _parts(beside)
    for part, fitted in _parts(data).items():
        for name in fitted if modalities is None else modalities:
            if beside is None or fitted[name] is not there[part][name]:
                save_state(folder / MODALITIES / part, name, fitted[name].state())


def _parts(data: FoldData) -> dict[str, Fitted]:
    return {"whole": data.whole, **{f"member{number}": one for number, one in enumerate(data.members)}}


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
