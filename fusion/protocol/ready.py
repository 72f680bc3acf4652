"""What a training run refuses before its long work: settings, then the cohort, head and folds; `fusion.check` alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fusion.contract import Fold, Progress
    from fusion.protocol.setup import Setup

SPACE = 500_000_000
"""Bytes that must be free where ingest and results go: a cohort of a few hundred patients needs less."""


def check_settings(config: Any, *, say: Callable[[str], object]) -> None:
    """Refuse what can be refused before anything is read or written.

    Args:
        config: of a training run.
        say: takes a line on what is no error and yet to be known.

    Raises:
        FusionError: arms, floors, gene files or a way to compare inputs that do not exist, a margin that is not above
            0, an operating point that is none, a cluster's package that is not installed, a device that is not there,
            one network on several where folds take them, too little space.
    """
    from fusion.arms.plan import check_arms, check_floors, check_together
    from fusion.config.candidates import every
    from fusion.contract.devices import check_device
    from fusion.encoders.variants.gene_files import check_gene_files
    from fusion.evaluation.operating.cuts import operating_points
    from fusion.evaluation.verdict import check_draws, check_margin
    from fusion.plain.base import check_base
    from fusion.protocol.execution.extras import check_execution
    from fusion.protocol.setup import check_verify
    from fusion.run.files import require_space

    said = check_device(config)
    if said is not None:
        say(said)
    check_verify(config.verify)
    check_arms(config.arms)
    check_floors(config.evaluation.get("floors", ()), [str(name) for name in config.modality])
    for candidate in every(config):
        check_together(config, candidate.trainer)
    check_margin(config.evaluation.get("margin"))
    check_draws(config.evaluation.draws)
    operating_points(config.evaluation.get("operating"))
    check_base(str(config.model.get("base", "none")))
    check_execution(config)
    check_gene_files(config)
    require_space(Path(config.cache), SPACE, key="cache")
    require_space(Path(config.output), SPACE, key="output")


def open_checked(
    config: Any, progress: Progress, *, say: Callable[[str], None] = lambda text: None
) -> tuple[Setup, Sequence[Fold]]:
    """The cohort before ingest, and folds as they would be drawn of it; whom ingest leaves is not known yet.

    Args:
        config: of a training run.
        progress: of writing a simulated cohort.
        say: told of modalities that are very wide, and, while it is ingested on other machines, of those lost.

    Raises:
        FusionError: a modality's name that torch does not take; every problem of the cohort; an arm, head, folds,
            subgroups or an attention that cannot be.
    """
    from hydra.utils import instantiate

    from fusion.arms.plan import check_shares, trained_arms
    from fusion.arms.secondary import bases_of
    from fusion.config.candidates import candidate as as_candidate
    from fusion.config.candidates import every, settings_of
    from fusion.contract import FusionError
    from fusion.contract.pieces import InPieces
    from fusion.network.model import check_head, check_names
    from fusion.network.room import check_room
    from fusion.protocol.assessment import check_subgroups
    from fusion.protocol.execution.ingest import elsewhere_of
    from fusion.protocol.readings import distinct
    from fusion.protocol.secondary import check_folds
    from fusion.protocol.setup import open_setup
    from fusion.protocol.therapy import check_therapy

    check_names(map(str, config.modality))
    setup = open_setup(config, progress, elsewhere=elsewhere_of(config, say))
    trained_arms(config.arms, setup.cohort.spec.endpoint)  # which refuses those of another kind of endpoint
    # What a candidate reads otherwise is ingested by its own settings, wherever that is.
    for number, modality in distinct(setup.modalities, setup.readings):
        if number and isinstance(modality, InPieces):
            modality.elsewhere = elsewhere_of(as_candidate(config, number), say)
    for name, modality in setup.modalities.items():
        if getattr(modality, "known_columns", None) == 0:
            raise FusionError(
                f"modality.{name}: no column of it differs between patients, so that nothing can be learned from it. "
                f"Mend its file, or take it out: ~modality.{name}."
            )
    for candidate in every(config):
        check_head(candidate.model, setup.cohort.spec.endpoint, setup.cohort.spec.secondary)
        bases_of(candidate.model, [one.name for one in setup.cohort.spec.secondary])
        check_shares(candidate.trainer, [setup.cohort.spec.endpoint, *setup.cohort.spec.secondary])
    told: dict[str, None] = {}
    for number, candidate in zip([*settings_of(config)] or [""], every(config), strict=True):
        reading = setup.readings.get(number, setup.modalities)
        for sentence in check_room(candidate, reading, patients=len(setup.cohort.patient_ids)):
            told.setdefault(sentence)
    for sentence in told:
        say(sentence)
    folds: Sequence[Fold] = instantiate(config.folds, setup.cohort, path=None, seed=config.seed)
    check_folds(setup.cohort, folds)
    check_subgroups(config, setup)
    check_therapy(setup)
    return setup, folds
