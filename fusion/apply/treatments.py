"""Each patient under each treatment that is asked for: scores by the fold models, differences, and whom it is refused.

A fold's models read the treatment modality as its training patients who were given the treatment have it; all else is
the patient's own. It is refused where, in any fold that scores the patient, fewer training patients of the patient's
stratum than `min_patients` were given it: nobody like them received it, and a score would be a guess.

Of a patient's difference there is what 95 % of refits say where every fold kept refits of its plain model to draws of
patients (`fusion.plain.redrawn`): draw by draw the folds' scores are averaged, a draw being the same patients in each.
It is the chance of the draw of patients and no confidence interval of the truth, for penalties draw differences towards
0 (benchmarks/difference_coverage.py). Else it is a range over fold models, and is called so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.arms.base import BASE, FUSION
from fusion.arms.policy.redrawn import DRAWS
from fusion.contract import FusionError, Progress
from fusion.evaluation.outcome import kinds_that, outcome_of
from fusion.evaluation.policy.evaluate import DRIFT, PROMISE
from fusion.evaluation.policy.support import Support
from fusion.run.bounded import read_json

Floats = NDArray[np.float64]

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup
    from fusion.run.folder import RunFolder

FILE = "therapy.json"
"""In a fold's folder: support, and what the treatment modalities hold under each regimen."""
RANGE = "range over models"
INTERVAL = "95 % of refits"
REFITTED = (
    "(the middle of {draws}) of the plain model's regression to patients drawn with replacement; its penalties, the "
    "columns and products that were chosen, trees and what networks add are held. No confidence interval of the true "
    "difference: penalties draw differences towards 0, and a benefit that the model does not tell apart is not in it"
)
EVERY = "all"
COLUMNS = {
    "regimen": "the treatment that the patient is scored under, everything else being their own",
    "score": "mean of the fold models' calibrated probabilities under it; empty where it is refused",
    "low": f"lowest score of a fold model: a {RANGE}, no confidence interval",
    "high": f"highest score of a fold model: a {RANGE}, no confidence interval",
    "against": "the first treatment asked for that is not refused for the patient",
    "difference": "score under the regimen minus that under `against`, mean over fold models",
    "difference_low": "its lower end, of what `interval` says",
    "difference_high": "its upper end, likewise",
    "interval": f"{INTERVAL} (to patients drawn anew), or {RANGE}: neither is a confidence interval of the truth",
    "stratum": "of the patient, within which training patients were dealt to regimens",
    "training_patients": "training patients of the stratum who were given the regimen, fewest over folds",
    "propensity": "their share among the stratum's who were given a regimen that is not refused, mean over folds",
    "refused": "why there is no score",
}


@dataclass(frozen=True, kw_only=True)
class KeptTherapy:
    """What one fold kept of its training patients' therapy.

    Attributes:
        support: training patients by stratum and regimen.
        held: regimen → modality → column → what it holds under the regimen.
        by: columns of the strata, as ``table.column``.
    """

    support: Support
    held: Mapping[str, Mapping[str, Mapping[str, Any]]]
    by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Treatments:
    """What is asked for, of a run that can answer.

    Attributes:
        names: of the treatments, in the order asked for.
        folds: fold → what it kept.
    """

    names: tuple[str, ...]
    folds: Mapping[str, KeptTherapy]


def wanted(folder: RunFolder, asked: Any) -> Treatments | None:
    """The treatments asked for; None where none are.

    Raises:
        FusionError: the run cannot say anything of treatments, or saw none of that name.
    """
    if asked is None:
        return None
    if not outcome_of(folder.cohort_spec().endpoint).can("treatments"):
        raise FusionError(f"treatments: only for {kinds_that('treatments')} endpoints. Leave it out.")
    folds = {name: _kept(folder.models(name)) for name in folder.finished_folds()}
    known = sorted(set.intersection(*(set(one.held) for one in folds.values())))
    names = known if asked == EVERY else [asked] if isinstance(asked, str) else [str(one) for one in asked]
    strangers = [name for name in names if name not in known]
    if strangers or not names:
        what = f"{', '.join(strangers)} was never seen in training" if strangers else "none is named"
        raise FusionError(f"treatments: {what}. The run knows {', '.join(known)}; or set treatments={EVERY}.")
    return Treatments(names=tuple(dict.fromkeys(names)), folds=folds)


def _kept(models: Path) -> KeptTherapy:
    """What a fold kept.

    Raises:
        FusionError: nothing, or what cannot be read.
    """
    place = models / FILE
    if not place.is_file():
        raise FusionError(f"treatments: {models} kept nothing of therapies. Declare cohort.therapy and train again.")
    try:
        found = read_json(place)
        return KeptTherapy(support=Support.restore(found["support"]), held=dict(found["values"]), by=tuple(found["by"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FusionError(f"{place}: cannot be read ({error}). The run folder was altered; restore it.") from error


def strata_of(setup: Setup, treatments: Treatments, patients: Sequence[str]) -> pd.Series[str]:
    """Each patient's stratum, as the run's cohort parted them.

    Raises:
        FusionError: the cohort does not declare the same strata.
    """
    by = next(iter(treatments.folds.values())).by
    tell = getattr(setup.source, "strata", None)
    found: tuple[tuple[str, ...], pd.Series[str]] | None = None if tell is None else tell(list(patients))
    if found is None or found[0] != by:
        declared = "none" if found is None else ", ".join(found[0]) or "none"
        raise FusionError(
            f"cohort.therapy.strata: the run's patients were dealt to regimens within "
            f"{', '.join(by) or 'one stratum'}, this cohort declares {declared}. Declare it alike."
        )
    return found[1]


def under(
    treatments: Treatments, folder: RunFolder, config: Any, setup: Setup, *, arm: str, patients: Sequence[str],
    progress: Progress,
) -> pd.DataFrame:  # fmt: skip
    """Rows of treatments.csv.

    Args:
        treatments: asked for.
        folder: the run.
        config: the run's configuration, reading the new cohort.
        setup: the new cohort, whose patients need no treatment of their own.
        arm: that scores.
        patients: whom to score.
        progress: of the folds.
    """
    from hydra.utils import instantiate

    from fusion.apply.arms import FoldArms
    from fusion.apply.reading import FoldReading

    strata = strata_of(setup, treatments, patients)
    make_data = instantiate(config.datamodule)
    folds, number = folder.folds()["folds"], len(patients)
    scores = np.full((len(treatments.names), len(folds), number), np.nan)
    counts = np.full(scores.shape, np.nan)
    shares = np.full(scores.shape, np.nan)
    drawn: Floats | None = None
    refitted = arm in (FUSION, BASE)
    for at, fold in enumerate(folds):
        progress("Scoring under treatments", at, len(folds))
        name = f"repeat{fold['repeat']}_fold{fold['index']}"
        kept, trained = treatments.folds[name], set(fold["train"])
        unseen = [place for place, patient in enumerate(patients) if patient not in trained]
        if not unseen:
            continue
        for row, regimen in enumerate(treatments.names):
            counts[row, at, unseen], shares[row, at, unseen] = _overlap(kept.support, regimen, strata.iloc[unseen])
            given = _given(setup, config, kept.held[regimen], patients)
            regimens = {one: given[one] for one in kept.held[regimen] if one in given}
            reading = FoldReading(
                folder.models(name),
                config=config,
                endpoint=folder.cohort_spec().endpoint,
                modalities=given,
                patients=[patients[place] for place in unseen],
                make_data=make_data,
                # No candidate reads a regimen otherwise (`fusion.protocol.therapy.check_therapy`).
                readings={number: {**one, **regimens} for number, one in setup.readings.items()},
            )
            arms = FoldArms(reading)
            scores[row, at, unseen] = arms.score(arm)
            refits = arms.redrawn(arm) if refitted else None
            if refits is None:
                refitted = False
                continue
            drawn = np.zeros((len(treatments.names), len(refits), number)) if drawn is None else drawn
            drawn[row][:, unseen] += refits
    progress("Scoring under treatments", len(folds), len(folds))
    least = next(iter(treatments.folds.values())).support.least
    if drawn is not None:
        drawn = drawn / np.maximum(np.isfinite(scores).sum(axis=1), 1)[:, None] if refitted else None
    return pd.DataFrame(rows_of(treatments.names, patients, strata, scores, counts, shares, least=least, drawn=drawn))


def _overlap(support: Support, regimen: str, strata: pd.Series[str]) -> tuple[list[float], list[float]]:
    """Training patients of each one's stratum who were given the regimen, and their share among supported ones."""
    counts, shares = [], []
    for stratum in strata:
        row = support.patients.get(stratum, {}) if isinstance(stratum, str) else {}
        mine, every = row.get(regimen, 0), sum(one for one in row.values() if one >= support.least)
        counts.append(float(mine))
        shares.append(mine / every if mine >= support.least else np.nan)
    return counts, shares


def _given(
    setup: Setup, config: Any, values: Mapping[str, Mapping[str, Any]], patients: Sequence[str]
) -> dict[str, Any]:
    """The cohort's modalities, those of the treatment as under one regimen; also where there is no file of them."""
    from hydra.utils import instantiate

    made: dict[str, Any] = {}
    for name, node in config.modality.items():
        own: Any = setup.modalities.get(str(name))
        if name in values:
            own = own or instantiate(node, name=str(name), source=setup.source)
            made[str(name)] = own.given(values[name], patients)
        elif own is not None:
            made[str(name)] = own
    return made


def rows_of(
    names: Sequence[str], patients: Sequence[str], strata: pd.Series[str], scores: NDArray[np.float64],
    counts: NDArray[np.float64], shares: NDArray[np.float64], *, least: int, drawn: Floats | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row a patient and treatment.

    Args:
        names: of treatments.
        patients: in this order.
        strata: of them, likewise.
        scores: ``(treatment, fold, patient)``, NaN where the fold trained on the patient.
        counts: ``(treatment, fold, patient)`` training patients like them, likewise.
        shares: ``(treatment, fold, patient)`` propensity.
        least: training patients from which a treatment is not refused.
        drawn: ``(treatment, draw, patient)`` scores by refits, mean over folds; None where there are none.
    """
    rows = []
    for place, patient in enumerate(patients):
        stratum: str | None = strata.iloc[place]
        fewest = [int(np.nanmin(counts[row, :, place])) for row in range(len(names))]
        kept = [row for row in range(len(names)) if isinstance(stratum, str) and fewest[row] >= least]
        for row, name in enumerate(names):
            told: dict[str, Any] = {"patient_id": patient, "regimen": name}
            if row in kept:
                mine, first = scores[row, :, place], scores[kept[0], :, place]
                told |= _spread(mine, ("score", "low", "high")) | {"against": names[kept[0]]}
                told |= _spread(mine - first, ("difference", "difference_low", "difference_high"))
                told["interval"] = RANGE if drawn is None else INTERVAL
                if drawn is not None:
                    ends = np.quantile(drawn[row, :, place] - drawn[kept[0], :, place], [0.025, 0.975])
                    told["difference_low"], told["difference_high"] = (float(one) for one in ends)
                told |= {"propensity": float(np.nanmean(shares[row, :, place])), "refused": ""}
            elif not isinstance(stratum, str):
                told["refused"] = "the stratum is not known"
            else:
                told["refused"] = f"nobody like them received it: fewer than {least} training patients of the stratum"
            rows.append(told | {"stratum": stratum, "training_patients": fewest[row]})
    return [{key: row.get(key) for key in ("patient_id", *COLUMNS)} for row in rows]


def _spread(values: NDArray[np.float64], keys: Sequence[str]) -> dict[str, float]:
    """Mean, lowest and highest over fold models."""
    return dict(zip(keys, (float(f(values)) for f in (np.nanmean, np.nanmin, np.nanmax)), strict=True))


def record(treatments: Treatments, table: pd.DataFrame, arm: str) -> dict[str, Any]:
    """For predictions.json and the page: limits, what columns mean, and by treatment how many are scored."""
    by = []
    for name in treatments.names:
        mine = table[table["regimen"] == name]
        scored = mine[mine["refused"] == ""]
        told = {"regimen": name, "scored": len(scored), "refused": len(mine) - len(scored)}
        for key in ("score", "difference", "propensity"):
            told[key] = float(scored[key].astype(float).median()) if len(scored) else None
        by.append(told)
    least = next(iter(treatments.folds.values())).support.least
    refitted = bool((table["interval"] == INTERVAL).any())
    of_what = f"{INTERVAL} {REFITTED.format(draws=DRAWS)}" if refitted else f"{RANGE}, no confidence interval"
    return {
        "promise": PROMISE, "drift": DRIFT, "interval": of_what, "arm": arm, "least": least, "regimens": by,
        "columns": dict(COLUMNS),
    }  # fmt: skip
