"""Apply a trained run to patients: new ones, an external cohort, or its own patients out of fold.

Every fold's models score every new patient; a patient's score is their mean. A patient whom the run trained on is
scored only by the models of the folds that left them out. New patients need no outcome and may lack any modality.

  predictions.csv         patient_id, score, low, high (the lowest and highest of the fold models: no confidence
                          interval), modalities, out_of_distribution; then distance, fold_models, in_training
  predictions.json        what each column means, the run, the endpoint, and what the scores were made without
  matches.json            features matched, missing and extra, by modality
  prediction_report.html  the same for the eye; with labels also discrimination and calibration
  metrics.json            where at least two patients of both classes are labelled: fusion's metrics, and its paired
                          gains over every other arm that the run kept, with a verdict for this cohort; operating
                          points by the run's cut-offs, and decision curves
  secondary.csv           of a run with several endpoints: the others, a row a patient and endpoint, with their metrics
                          in metrics.json where there are labels; they decide nothing
  secondary_arms.csv      the labelled patients' scores of these by every arm that the run kept
  treatments.csv          with treatments=[A,B] or all: each patient under each of these regimens of the run, the
                          difference, and whom it is refused, for nobody like them received it
  arms.csv                the labelled patients' scores by each of these arms

Examples:
  python -m fusion.predict run=<run folder> cohort=tcga_brca cohort.root=<folder of the new patients' files>
  python -m fusion.predict run=<run folder> cohort=tcga_brca cohort.root=<folder> patients=[TCGA-A1-A0SB]
  python -m fusion.predict run=<run folder> cohort=my_cohort --config-dir my_conf     # my_conf/cohort/my_cohort.yaml
"""

# Everything learned comes from the run folder; only where files lie comes from the cohort's configuration.
from __future__ import annotations

from typing import TYPE_CHECKING

from fusion.config.command import run

if TYPE_CHECKING:
    from omegaconf import DictConfig


def predict(config: DictConfig) -> None:
    """Write predictions.csv with its report and, where labels exist, metrics.json.

    Raises:
        FusionError: what a user can mend.
    """
    from pathlib import Path

    from fusion.apply.files import finish, margin_of, refuse_existing, write_results
    from fusion.apply.judging import points_of
    from fusion.apply.settings import asked_for, chosen, merge, refuse_arm, refuse_other_build
    from fusion.apply.states import needed, refuse_lacking
    from fusion.apply.treatments import record, strata_of, under, wanted
    from fusion.contract.devices import check_device
    from fusion.protocol.progress import JobProgress
    from fusion.protocol.setup import open_setup
    from fusion.report.applied import write_applied_report
    from fusion.run.files import locked, remove_partial
    from fusion.run.folder import RunFolder

    check_device(config)
    folder = RunFolder.open(config.run, trust=config.trust)
    margin_of(config.evaluation, folder)  # refused before the long work, and so are operating points
    points_of(config.evaluation, folder)
    treatments = wanted(folder, config.treatments)
    output = Path(config.output)
    refuse_existing(output, overwrite=config.overwrite)
    trained = folder.cohort_spec()
    merged, undeclared = merge(
        needed(folder.config(), [folder.models(name) for name in folder.finished_folds()]),
        config,
        endpoint=trained.endpoint.name,
        asked=asked_for(),
        secondary=[one.name for one in trained.secondary],
    )
    with locked(output), JobProgress() as progress:
        remove_partial(output, ["figures"])
        setup = open_setup(merged, progress, require_labels=False, require_modalities=False)
        setup.absent.update(undeclared)
        refuse_other_build(trained, setup.cohort.spec)
        refuse_arm(folder, config.arm, list(setup.modalities))
        patients = chosen(setup.cohort.patient_ids, config.patients)
        if treatments is not None:
            strata_of(setup, treatments, patients)
        refuse_lacking([folder.models(name) for name in folder.finished_folds()], setup)
        setup = setup.prepare(progress)
        kept = set(setup.cohort.patient_ids)
        patients = [patient for patient in patients if patient in kept]  # the rest is in the notes
        from fusion.apply.application import apply  # torch and what it brings, once the cohort is known to be sound

        result = apply(
            folder,
            merged,
            setup,
            arm=config.arm,
            patients=patients,
            min_match=config.min_match,
            progress=progress,
        )
        each = None
        if treatments is not None:
            table = under(treatments, folder, merged, setup, arm=config.arm, patients=patients, progress=progress)
            each = record(treatments, table, config.arm), table
        applied = write_results(
            result, output, folder, setup, evaluation=config.evaluation, update=config.recalibrate, treatments=each
        )
        finish(applied, output, write_applied_report(output, applied, result.matches, folder))


if __name__ == "__main__":
    run(predict, "predict")
