"""The protocol: outer folds × arms. Fit on the training part, score the test part once, collect.

This is the only module that knows all of it. For each outer fold:

1. Every modality is fitted on the training part of each inner fold, and once on the whole outer training part.
2. Every arm trains, chooses and calibrates on these, and scores the outer test patients once.
3. Late fusion and the chosen classical arm are made of the other arms' scores.
4. The fused arm scores its test patients again with one modality altered: what it really uses.

Folds are independent and run in worker processes; a worker builds everything anew from the configuration, so results do
not depend on how many workers there are. A finished fold is kept in the run folder, so that an interrupted run resumes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import Cohort, EndpointSpec, Fold, Truth
from fusion.run.result import FoldResult

if TYPE_CHECKING:
    import pandas as pd

    from fusion.arms.base import ArmScores, FoldData
    from fusion.protocol.setup import Setup


def fit_fold(
    config: Any,
    setup: Setup,
    fold: Fold,
    folder: Path,
    step: Callable[[], None],
    *,
    entering: Callable[[str], None] = lambda part: None,
    unfinished: Path | None = None,
    epoch: Callable[[str, int, Mapping[str, float]], None] | None = None,
) -> FoldResult:
    """Train and score every arm on one outer fold.

    Args:
        config: of the run.
        setup: opened, ingested.
        fold: whose test patients are scored.
        folder: where arms keep their fitted state.
        step: called after each unit of work.
        entering: told of each part of the work before it begins.
        unfinished: where networks are kept once they are trained, for a fold that is interrupted; None keeps none.
        epoch: told of an arm's name, a member and its row of the curves after each epoch.
    """
    import pandas as pd

    from fusion.arms.base import FUSION
    from fusion.protocol.secondary import predicted
    from fusion.protocol.tables import out_of_fold
    from fusion.protocol.therapy import keep_draws, keep_support, under_regimens, without_regimens

    entering("fitting the modalities")
    data = replace(fold_data(config, setup, fold), unfinished=unfinished, epoch=epoch)
    scores = _fit_arms(config, setup, data, folder, step, entering)
    # What is asked of the fused arm is asked of what it reads.
    fused = data.read_by(scores[FUSION].candidate)
    _save_state(data, fused, folder)
    altered, kept = _altered(config, scores[FUSION], fused, entering)
    entering("scoring under other regimens")
    regimens = under_regimens(setup, scores, fused)
    unseen = without_regimens(config, setup, data)
    keep_support(setup, data, folder)
    keep_draws(config, setup, fused, folder)
    cohort, groups = setup.cohort, _groups(config, setup.cohort)

    def told(arms: Mapping[str, ArmScores]) -> pd.DataFrame:
        return out_of_fold(
            data, arms, labels=cohort.labels, times=cohort.times, groups=groups, entry=cohort.entry
        )  # fmt: skip

    where = {"repeat": fold.repeat, "fold": fold.index}
    return FoldResult(
        predictions=told(scores),
        inner=_inner(data, scores),
        selected=_selected(fused),
        curves=pd.DataFrame([{"arm": name, **where, **row} for name, arm in scores.items() for row in arm.curves]),
        choices=pd.DataFrame([{"arm": name, **where, **row} for name, arm in scores.items() for row in arm.choices]),
        inner_predictions=_inner_predictions(data, scores),
        audit=told(altered) if altered else pd.DataFrame(),
        withheld=told(kept) if kept else pd.DataFrame(),
        policy=regimens,
        left_out=unseen,
        secondary=predicted(config, cohort, data, scores, groups, entering=entering, folder=folder),
    )


def _fit_arms(
    config: Any, setup: Setup, data: FoldData, folder: Path, step: Callable[[], None], entering: Callable[[str], None]
) -> dict[str, ArmScores]:
    """Every arm by its name: those that are trained, those that are made of them, floors."""
    from hydra.utils import instantiate

    from fusion.arms.base import BASE, FUSION
    from fusion.arms.combined import combined
    from fusion.arms.floors import floors
    from fusion.arms.plan import make_arms
    from fusion.config.candidates import readings

    scores: dict[str, ArmScores] = {}
    for arm in make_arms(config, setup.modalities, instantiate(config.datamodule), data.endpoint):
        entering(f"arm {arm.name}")
        scores[arm.name] = arm.fit(data, folder / arm.name, step)
        start = scores[arm.name].base
        if arm.name == FUSION and start is not None:
            scores[BASE] = start
    entering("combining the arms")
    scores |= combined(config.arms, data, scores, list(setup.modalities), folder)
    named = (config.get("evaluation") or {}).get("floors", ())
    return scores | floors(data, named, setup.cohort.sites, partial(readings, config))


def _altered(
    config: Any, fusion: ArmScores, fused: FoldData, entering: Callable[[str], None]
) -> tuple[dict[str, ArmScores], dict[str, ArmScores]]:
    """What the fused arm says of altered test patients: one modality changed; every subset of modalities withheld."""
    from fusion.arms.audit import audit
    from fusion.arms.withheld import withheld

    asked = config.get("evaluation") or {}
    altered: dict[str, ArmScores] = {}
    kept: dict[str, ArmScores] = {}
    if asked.get("audit", True):
        entering("auditing the fused arm")
        altered = {one.arm: one for one in audit(fusion, fused)}
    if asked.get("missing", False):
        entering("withholding modalities from the fused arm")
        kept = {one.arm: one for one in withheld(fusion, fused, seed=int(config.seed))}
    return altered, kept


def units(config: Any, modalities: Collection[str], folds: Sequence[Fold], endpoint: EndpointSpec) -> int:
    """How many steps all folds report together, for the progress bar; `modalities` as of the setup, or their names."""
    from fusion.arms.plan import make_arms

    known = modalities if isinstance(modalities, Mapping) else dict.fromkeys(modalities)
    arms = make_arms(config, known, _no_data, endpoint)
    return sum(arm.units(len(fold.inner)) for fold in folds for arm in arms)


def _no_data(**_: Any) -> Any:
    """For arms that are counted and not fitted."""
    raise NotImplementedError


def fold_seed(seed: int, fold: Fold) -> int:
    """A seed of its own for every outer fold, whatever the order in which folds run."""
    return (seed * 1009 + fold.repeat * 101 + fold.index) % 2**31


def fold_data(config: Any, setup: Setup, fold: Fold) -> FoldData:
    """Fit the modalities for one fold; the labels of test patients are left behind here."""
    from fusion.arms.base import FoldData
    from fusion.protocol.fitted import FoldFits
    from fusion.protocol.secondary import trained_alone
    from fusion.protocol.therapy import of_regimen

    labels, times, entry = setup.cohort.labels, setup.cohort.times, setup.cohort.entry
    fits = FoldFits(setup, fold)
    members, whole = fits.own()
    alone, groups = setup.cohort.alone, _groups(config, setup.cohort)
    beside = {name: one.of([*fold.train, *alone]) for name, one in setup.cohort.secondary.items()}
    trained = trained_alone(setup.cohort, fold, groups) if beside else []
    return FoldData(
        fold=fold,
        endpoint=setup.cohort.spec.endpoint,
        labels=labels.loc[list(fold.train)],
        members=members,
        whole=whole,
        seed=fold_seed(int(config.seed), fold),
        groups=groups.loc[[*fold.train, *sorted({one for part in trained for one in part})]],
        times=None if times is None else times.loc[list(fold.train)],
        entry=None if entry is None else entry.loc[list(fold.train)],
        secondary=beside,
        alone=trained,
        readings=fits.of if setup.readings else None,
        treatments=of_regimen(setup),
    )


def _groups(config: Any, cohort: Cohort) -> pd.Series[Any]:
    """Patient → whom folds keep together; of those too who are in no fold."""
    from fusion.evaluation.units import held_together

    sites = cohort.sites if config.folds.get("site") == "group" else None
    return held_together([*cohort.patient_ids, *cohort.alone], cohort.groups, sites)


def _inner(data: FoldData, scores: Mapping[str, ArmScores]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "arm": name,
                "repeat": data.fold.repeat,
                "fold": data.fold.index,
                **data.outcome.inner(data.truth(arm.inner.index), arm.inner.to_numpy()),
                **({} if arm.gate is None else {f"gate_{key}": value for key, value in asdict(arm.gate).items()}),
            }
            for name, arm in scores.items()
        ]
    )


def _inner_predictions(data: FoldData, scores: Mapping[str, ArmScores]) -> pd.DataFrame:
    """Of every training patient, what each arm's models say that did not train on that patient."""
    import pandas as pd

    parts = [
        pd.DataFrame(
            {
                "patient_id": arm.inner.index.to_numpy(),
                "arm": name,
                "repeat": data.fold.repeat,
                "fold": data.fold.index,
                **_known(data.truth(arm.inner.index)),
                **data.outcome.columns(arm.inner.to_numpy()),
            }
        )
        for name, arm in scores.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _known(truth: Truth) -> dict[str, Any]:
    """Columns of what became of training patients; scores of times are compared within an inner fold alone."""
    if truth.time is None:
        return {"label": truth.label}
    entry = {} if truth.entry is None else {"entry": truth.entry}
    return {"label": truth.label, "time": truth.time, **entry, "part": truth.part}


def _selected(data: FoldData) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for member, fitted in [(-1, data.whole), *enumerate(data.members)]:
        for name, part in fitted.items():
            if part.selection is not None:
                repeat, fold = data.fold.repeat, data.fold.index
                parts.append(part.selection.assign(modality=name, repeat=repeat, fold=fold, member=member))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _save_state(data: FoldData, fused: FoldData, folder: Path) -> None:
    """What `predict` must know of the fold: modalities as the run reads them, and whom the fused arm learned from."""
    from fusion.arms.chosen import keep_fitted
    from fusion.protocol.novelty import fit_novelty
    from fusion.run.state import save_state

    save_state(folder, "novelty", fit_novelty(fused).state())
    keep_fitted(folder, data)
