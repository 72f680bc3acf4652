"""Canaries of every endpoint that a command names: each with the patients and the folds that it has by itself."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from fusion.contract import Progress
from fusion.evaluation.outcome import kinds_that, outcome_of
from fusion.protocol.canary.checks import Say, in_two, looked
from fusion.protocol.canary.judged import Check, judged
from fusion.protocol.setup import open_setup

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup


def every_endpoint(
    config: Any, setup: Setup, progress: Progress, *, permutations: int, seed: int, say: Say, more: Sequence[Check] = ()
) -> tuple[list[Check], list[dict[str, Any]]]:
    """Canaries of the primary and of every secondary endpoint, judged together, and what each was looked at as.

    A patient who lacks the primary label and trains a secondary endpoint alone is among the latter's here.

    Args:
        config: of the command.
        setup: of all endpoints, after ingest.
        progress: of opening the cohort for each.
        permutations: times that labels are dealt out anew.
        seed: of those.
        say: is told what is being done.
        more: checks of the primary endpoint that are judged with these.

    Raises:
        FusionError: there is one endpoint, of a kind that canaries cannot look at.
    """
    spec = setup.cohort.spec
    several = bool(spec.secondary)
    checks = [replace(one, endpoint=spec.endpoint.name) if several else one for one in more]
    as_what: list[dict[str, Any]] = []
    for endpoint in (spec.endpoint, *spec.secondary):
        if several and not outcome_of(endpoint).can("canaries"):
            said = f"Not looked at: {endpoint.kind}, and canaries judge {kinds_that('canaries')} ones."
            checks.append(
                Check(name="all", decides=False, said=said, p=None, figures={}, status="not looked at",
                      endpoint=endpoint.name)
            )  # fmt: skip
            continue
        mine = _by_itself(config, endpoint.name, progress) if several else setup
        tell = partial(_named, endpoint.name, say) if several else say
        found = looked(config, mine, permutations=permutations, seed=seed, say=tell)
        checks += [replace(one, endpoint=endpoint.name) for one in found] if several else found
        groups = in_two(mine).cohort.spec.endpoint.classes
        as_what.append({"endpoint": endpoint.name, "groups": list(groups), "patients": len(mine.cohort.patient_ids)})
    return judged(checks), as_what


def _named(endpoint: str, say: Say, text: str) -> None:
    say(f"{endpoint}: {text}")


def _by_itself(config: Any, endpoint: str, progress: Progress) -> Setup:
    """The cohort as a run of one endpoint has it; what is ingested is found in the cache."""
    one = deepcopy(config)
    OmegaConf.update(one, "cohort.endpoint", endpoint, force_add=True)
    return open_setup(one, progress).prepare(progress)
