"""Train an attention-fusion model on a cohort, and compare it honestly with what is simpler.

Every arm (the fused model, each modality alone, late fusion, classical models) is trained on the same folds; each
patient is scored by models that never saw them. The run folder holds all of it, with a report.
"""

# What happens, as the method section of a paper would tell it, is `train`. The protocol of one fold is in
# `fusion.protocol.crossval`; the estimand and the verdict are in `fusion.evaluation`. Heavy imports wait until needed.
from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.config.command import run

if TYPE_CHECKING:
    import pandas as pd
    from omegaconf import DictConfig

    from fusion.protocol.progress import JobProgress
    from fusion.protocol.setup import Setup
    from fusion.report.tracking.live import LiveCurves
    from fusion.run.folder import RunFolder


def train(config: DictConfig) -> float:
    """Cross-validate every arm on the same folds, compare them, write the run folder and its report.

    Returns:
        The fused model's mean *inner* metric over the outer folds (AUROC; balanced accuracy where there are several
        classes), by which sweeps rank. A fold's test patients train in the other folds, so a sweep chooses on all
        patients and its winner's outer figure is optimistic; ``python -m fusion.sweep`` corrects most of that. What
        `choose` decides, each fold decides without its test patients: outer figures hold, this inner one is optimistic.

    Raises:
        FusionError: what a user can mend, before any long work.
    """
    from fusion.protocol.progress import JobProgress
    from fusion.run.files import locked
    from fusion.run.folder import RunFolder

    check(config)
    with locked(Path(config.output)), JobProgress() as progress:
        folder = RunFolder.create(config.output, overwrite=config.overwrite, resume=config.resume)
        if folder.status == "complete":
            return already_finished(config, folder)
        if config.resume:
            progress.say(f"{'Beginning' if folder.status is None else 'Going on with'} {folder.path}.")
        return _train(config, folder, progress)


def _train(config: DictConfig, folder: RunFolder, progress: JobProgress) -> float:
    """What `train` does once the folder is its own."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from fusion.evaluation.outcome import outcome_of
    from fusion.protocol.beside import digest
    from fusion.protocol.crossval import units
    from fusion.protocol.pruning import InnerWatch
    from fusion.protocol.ready import open_checked
    from fusion.protocol.secondary import check_folds
    from fusion.protocol.workers import run_folds
    from fusion.run.canaries import take

    # Patients: those with a label and at least one modality. Everyone else is listed with the reason.
    with progress.timed("cohort"):
        setup, _ = open_checked(config, progress, say=progress.say)
        cohort = setup.cohort
        folder.begin(
            config=OmegaConf.to_container(config, resolve=True),  # type: ignore[arg-type]
            cohort=cohort.spec,
            seed=config.seed,
            command=sys.orig_argv,
            inputs=setup.inputs(progress, verify=config.verify),
            seconds=progress.seconds,
        )

    # Ingest decides per genotype or per tile, so it runs once for all folds. Who has a modality is known after it.
    with progress.timed("ingest"):
        setup = setup.prepare(progress)
        cohort = setup.cohort
        folder.write_spec(cohort.spec)
        take(folder, Path(config.cache), digest(config, setup))
        folder.write_cohort(cohort.reconciliation)
        # Folds are drawn before anything is learned; every arm uses the same.
        folds = instantiate(config.folds, cohort, path=folder.folds_path, seed=config.seed)
        check_folds(cohort, folds)  # of secondary endpoints
        quality = {name: modality.quality() for name, modality in setup.modalities.items()}
        folder.write_quality(quality)
        said = [sentence for parts in quality.values() for part in parts for sentence in part.said]
        telling = [one.text for one in setup.remarks() if one.kind == "outcome"]  # of columns; names no patient
        folder.note(telling=telling)
        for sentence in dict.fromkeys([*telling, *cohort.notes, *said]):
            progress.say(f"Note: {sentence}")

    # Each outer fold: fit, choose and calibrate on its training part, score its test part once.
    with progress.timed("folds"):
        pending = [fold for fold in folds if fold.name not in folder.finished_folds()]
        progress.start("Training arms on folds", units(config, setup.modalities, pending, cohort.spec.endpoint))
        watch = InnerWatch(folder, [fold.name for fold in folds], outcome_of(cohort.spec.endpoint).chosen)
        live = follow(config, folder)
        results = run_folds(config, setup, pending, folder.path, progress.advance, say=progress.say, live=live.epoch)
        with live, closing(results) as finished:
            for fold in finished:  # it has saved what it found before it is told
                live.finished(fold.name)
                watch.look()

    # Every patient now has one out-of-fold prediction per arm and repeat: score, compare, report.
    progress.say("Comparing arms …")
    with progress.timed("evaluation"):
        _evaluate(config, setup, folder, folder.gather([fold.name for fold in folds]))
    folder.finish(seconds=progress.seconds, steps=progress.steps)
    progress.say("Writing the report …")
    return publish(config, folder)


def _evaluate(config: DictConfig, setup: Setup, folder: RunFolder, predictions: pd.DataFrame) -> None:
    """Write metrics.json and the examples, of the out-of-fold predictions of all folds."""
    from fusion.config.candidates import settings_of
    from fusion.evaluation.choices import summarised
    from fusion.evaluation.outcome import outcome_of
    from fusion.evaluation.start import with_start
    from fusion.protocol.assessment import assessed
    from fusion.protocol.audit import audited
    from fusion.protocol.secondary import judged

    spec = setup.cohort.spec
    outcome = outcome_of(spec.endpoint)
    draws, seed, modalities = config.evaluation.draws, config.seed, len(setup.modalities)
    metrics = outcome.evaluate(
        predictions, draws=draws, seed=seed, simulated=spec.simulated, modalities=modalities,
        margin=config.evaluation.get("margin"),
    )  # fmt: skip
    metrics |= summarised(folder.choices(), settings_of(config), metric=outcome.chosen)
    metrics = with_start(metrics, folder.inner())
    metrics |= audited(predictions, folder.audit(), outcome, draws=draws, seed=seed)
    metrics |= assessed(config, setup, folder, predictions, outcome)
    metrics |= judged(config, spec, folder.secondary(), modalities=modalities)
    folder.write_metrics(metrics)
    folder.write_examples(outcome.examples(predictions, list(setup.modalities.values())))


def publish(config: DictConfig, folder: RunFolder) -> float:
    """Report, logger and summary of a finished run, the first two once; what `train` returns."""
    from fusion.evaluation.outcome import outcome_of
    from fusion.report.console import print_summary
    from fusion.report.page import write_report

    if not folder.record().get("published"):
        write_report(folder)
        log(config, folder)
        folder.note(published=True)
    print_summary(folder)
    inner = folder.inner()
    return float(inner.loc[inner["arm"] == "fusion", outcome_of(folder.cohort_spec().endpoint).chosen].mean())


def already_finished(config: DictConfig, folder: RunFolder) -> float:
    """What `resume` makes of a finished run: nothing, or a report that a kill prevented.

    Raises:
        FusionError: it is finished with another configuration.
    """
    from omegaconf import OmegaConf

    from fusion.run.integrity import refuse_another_run

    today: Any = OmegaConf.to_container(config, resolve=True)
    refuse_another_run(folder.path, config=(folder.config(), today), inputs=[])
    sys.stderr.write(f"{folder.path}: this run is finished; there is nothing to do.\n")
    return publish(config, folder)


def check(config: DictConfig) -> None:
    """Refuse what can be refused before anything is read or written.

    Raises:
        FusionError: settings that cannot be, or a logger that would fail at the end.
    """
    from fusion.protocol.ready import check_settings
    from fusion.report.loggers import check_logger

    check_settings(config, say=lambda line: sys.stderr.write(f"{line}\n"))
    check_logger(config)


def after_sweep(folder: Path) -> str:
    """Of a sweep's winner: the plain figure beside the corrected one, as ``python -m fusion.sweep`` gives them."""
    from fusion.contract import FusionError
    from fusion.report.sweeps.page import write_sweep

    try:
        return write_sweep(folder, arm="fusion", draws=2000, seed=0)
    except FusionError as error:
        return str(error)


def follow(config: DictConfig, folder: RunFolder) -> LiveCurves:
    """Curves while networks train, to the logger that `config` names."""
    from fusion.report.tracking.live import LiveCurves

    patients = folder.cohort()["patient_id"].tolist()
    return LiveCurves(config, folder, simulated=folder.cohort_spec().simulated, patient_ids=patients)


def log(config: DictConfig, folder: RunFolder) -> None:
    """Hand curves, metrics, figures and the report of the finished run to the logger that `config` names."""
    from fusion.report.loggers import open_logger
    from fusion.report.tracking.artifacts import log_report

    patients = folder.cohort()["patient_id"].tolist()
    with open_logger(config, folder.path, simulated=folder.cohort_spec().simulated, patient_ids=patients) as logger:
        logger.log_curves(folder.curves())
        logger.log_metrics(folder.metrics()["arms"])
        figures = sorted(folder.figures_path.glob("*.png"))
        logger.log_summary(folder.metrics())
        logger.log_figures(figures)
        log_report(logger, folder.report_path, figures, folder=folder.path)


if __name__ == "__main__":
    run(train, "train", after_sweep=after_sweep, resumable=True)
