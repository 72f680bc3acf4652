"""How a model does at each site, and what that says of a site that nobody has seen.

Where folds leave whole sites out, these are hospitals that the model never saw (internal-external cross-validation,
Steyerberg & Harrell, J Clin Epidemiol 69:245-247, 2016); else its own patients' hospitals were in training too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import t as student

from fusion.evaluation.gauges.base import FEWEST
from fusion.evaluation.gauges.kinds import gauge_of
from fusion.evaluation.intervals import resample

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome

Floats = NDArray[np.float64]
SMALLEST = 20
"""Patients below which a site is named and not judged."""
DRAWS = 400
"""Of the bootstrap of each site at most."""
JUDGED = 3
"""Sites below which nothing is said of another one."""
_BOUNDS = {"kappa": (-1.0, 1.0)}
"""Of metrics that are no shares."""
Parts = Mapping[tuple[int, int], Sequence[str]]


def how_held_out(sites: pd.Series[str], tests: Parts, trains: Parts) -> str:
    """``each``: every fold tests one whole site; ``groups``: whole sites, several a fold; ``seen``: sites are divided.

    Args:
        sites: index patient_id.
        tests: patients whom a fold tests, by repeat and number.
        trains: whom it trains on.
    """
    several = False
    for place, test in tests.items():
        held, seen = set(sites.loc[list(test)]), set(sites.loc[list(trains[place])])
        if held & seen:
            return "seen"
        several |= len(held) > 1
    return "groups" if several else "each"


def by_site(
    rows: pd.DataFrame, sites: pd.Series[str], outcome: Outcome, *, held_out: str, draws: int = DRAWS, seed: int = 0
) -> dict[str, Any]:
    """The part ``sites`` of metrics.json.

    Args:
        rows: out-of-fold rows of one arm.
        sites: index patient_id.
        outcome: of the endpoint.
        held_out: of `how_held_out`.
        draws: of the bootstrap, of each site's patients.
        seed: of it.

    Returns:
        ``held_out``, ``metric``, ``rows`` (``site``, ``patients``, ``classes``, ``value`` and, where it can be told,
        ``calibration``: observed minus expected; or ``why`` not) and ``elsewhere`` (see there).
    """
    named = sites.astype(str)
    patients = [str(one) for one in rows["patient_id"].unique()]
    where = named.reindex(patients)
    found = [
        _site(site, rows[rows["patient_id"].isin(part.index)], outcome, draws=min(draws, DRAWS), seed=seed)
        for site, part in sorted(where.groupby(where), key=lambda one: str(one[0]))
    ]
    judged = [row for row in found if row["value"] is not None and row["error"] > 0]
    once = gauge_of(outcome, [outcome.truth_of(rows)], np.ones((1, len(rows))))
    return {
        "held_out": held_out, "metric": outcome.chosen, "smallest": SMALLEST, "fewest": FEWEST, "rows": found,
        **{key: text for key, text in once.told().items() if key == "calibration"},
        "elsewhere": elsewhere(
            [row["value"]["value"] for row in judged], [row["error"] for row in judged],
            bounds=_BOUNDS.get(outcome.chosen, (0.0, 1.0)),
        ),
    }  # fmt: skip


def _site(site: str, rows: pd.DataFrame, outcome: Outcome, *, draws: int, seed: int) -> dict[str, Any]:
    parts = [part.sort_values("patient_id") for _, part in rows.groupby("repeat")]
    truth = outcome.truth_of(parts[0])
    counts = np.bincount(truth.label, minlength=max(len(outcome.endpoint.classes), 2))
    made: dict[str, Any] = {
        "site": str(site), "patients": len(truth), "classes": counts.tolist(), "value": None, "calibration": None,
        "error": 0.0, "why": "",
    }  # fmt: skip
    if len(truth) < SMALLEST or min(counts[one] for one in outcome.endpoint.needed) < FEWEST:
        return made | {"why": f"fewer than {SMALLEST} patients, or than {FEWEST} of a class"}
    plan = resample(np.arange(len(truth)), draws, seed=seed)
    gauge = gauge_of(outcome, [outcome.truth_of(part) for part in parts], plan.counts)
    scores = [outcome.of_columns(part) for part in parts]
    value, expected = gauge.value(scores), gauge.calibration(scores)
    made |= {"value": plan.value(value).record(), "error": float(np.nanstd(plan.bootstrap(value), ddof=1))}
    if np.isfinite(expected[0]):
        made["calibration"] = plan.value(expected).record()
    return made


def elsewhere(
    values: Sequence[float], errors: Sequence[float], *, bounds: tuple[float, float]
) -> dict[str, float] | None:
    """`new_site` on the logit scale, so that no interval leaves what the metric can be; ``tau`` is on that scale.

    Snell, Ensor, Debray, Moons & Riley, Stat Methods Med Res 27:3505-3522, 2018; errors by the delta method.

    Args:
        values: of each site.
        errors: their standard errors.
        bounds: of the metric.
    """
    low, width = bounds[0], bounds[1] - bounds[0]
    share = np.clip((np.asarray(values, dtype=np.float64) - low) / width, 0.01, 0.99)
    slopes = width * share * (1 - share)
    found = new_site(logit(share).tolist(), (np.asarray(errors, dtype=np.float64) / slopes).tolist())
    if found is None:
        return None
    kept = {"sites": found["sites"], "tau": found["tau"]}
    return kept | {name: float(low + width * expit(one)) for name, one in found.items() if name not in kept}


def new_site(values: Sequence[float], errors: Sequence[float]) -> dict[str, float] | None:
    r"""Mean over sites and what a site like them would show; None below `JUDGED` sites.

    Random effects: :math:`\hat\tau^2` of DerSimonian & Laird (1986), the mean weighted by
    :math:`1/(s_i^2+\hat\tau^2)`, and the prediction interval of Higgins, Thompson & Spiegelhalter (JRSS A 172:137-159,
    2009), :math:`\hat\mu \pm t_{k-2}\sqrt{\hat\tau^2 + \mathrm{SE}(\hat\mu)^2}`.

    Args:
        values: of each site.
        errors: their standard errors, above 0.
    """
    if len(values) < JUDGED:
        return None
    value, variance = np.asarray(values), np.asarray(errors) ** 2
    weight = 1 / variance
    centre = (weight * value).sum() / weight.sum()
    spread = (weight * (value - centre) ** 2).sum()
    scale = weight.sum() - (weight**2).sum() / weight.sum()
    tau2 = max(0.0, float((spread - (len(value) - 1)) / scale))
    weight = 1 / (variance + tau2)
    mean, error2 = float((weight * value).sum() / weight.sum()), float(1 / weight.sum())
    half, wide = float(student.ppf(0.975, len(value) - 2)) * np.sqrt(tau2 + error2), 1.959964 * np.sqrt(error2)
    return {
        "sites": len(value), "mean": mean, "mean_low": mean - wide, "mean_high": mean + wide, "tau": float(tau2**0.5),
        "low": mean - half, "high": mean + half,
    }  # fmt: skip
