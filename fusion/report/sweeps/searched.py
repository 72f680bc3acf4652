"""What a sweep searched: its jobs' values by key, and how much each key mattered to the figure that ranks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

Values = Mapping[str, Mapping[str, str]]
"""Job → key → what it set."""

FEWEST = 8
"""Jobs below which nothing is said of importance: it is learned from them."""


_PART = re.compile(r"(?:'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\{[^}]*\}|\S)+")
"""One override of a line of them: what stands in quotes or brackets holds spaces."""


def values_of(settings: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Of each job, the keys that are not the same in all.

    Args:
        settings: job → what it set, as one types it: ``key=value key=value``.
    """
    jobs = {
        job: dict(part.split("=", 1) for part in _PART.findall(text) if "=" in part) for job, text in settings.items()
    }
    keys = dict.fromkeys(key for job in jobs.values() for key in job)
    apart = [key for key in keys if len({job.get(key) for job in jobs.values()}) > 1]
    return {job: {key: values.get(key, "") for key in apart} for job, values in jobs.items()}


def shared(settings: Mapping[str, str]) -> list[str]:
    """What every job set alike, as one types it.

    Args:
        settings: as in `values_of`.
    """
    first, *others = [_PART.findall(text) for text in settings.values()]
    return [part for part in first if all(part in other for other in others)]


def number_of(text: str) -> float | None:
    """A finite number, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def importances(values: Values, scores: Mapping[str, float]) -> dict[str, float]:
    """Key → its share of the variance of the scores over the space searched, the largest first; they add up to 1.

    Functional ANOVA of a forest fitted to the jobs (Hutter, Hoos & Leyton-Brown, ICML 2014), as Optuna has it. Nothing
    where jobs are fewer than `FEWEST`, one key alone varies, all scores are the same, or Optuna is not installed.

    Args:
        values: of `values_of`.
        scores: job → the figure that ranks, of the jobs that have one.
    """
    jobs = [job for job in values if job in scores]
    keys = list(values[jobs[0]]) if jobs else []
    if len(jobs) < FEWEST or len(keys) < 2 or len(set(scores.values())) < 2 or find_spec("optuna") is None:
        return {}
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    numbers = {key: [number_of(values[job][key]) for job in jobs] for key in keys}
    space: dict[str, BaseDistribution] = {}
    for key, found in numbers.items():
        known = [one for one in found if one is not None]
        if len(known) == len(jobs):
            log = min(known) > 0 and max(known) / min(known) >= 100
            space[key] = FloatDistribution(min(known), max(known), log=log)
        else:
            space[key] = CategoricalDistribution(sorted({values[job][key] for job in jobs}))
    study = optuna.create_study(direction="maximize")
    for place, job in enumerate(jobs):
        params: dict[str, Any] = {
            key: numbers[key][place] if isinstance(space[key], FloatDistribution) else values[job][key] for key in keys
        }
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=scores[job]))
    shares = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )
    return {str(key): float(share) for key, share in shares.items()}
