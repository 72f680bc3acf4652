"""Say per patient and over a cohort what a trained run's scores rest on, and how far that can be believed.

Every patient is explained by the models of the fold that left them out. Written are attributions.parquet and
attribution_report.html with a page a patient; an interrupted command goes on where it stopped.

  attributions.parquet       patient, arm, endpoint, modality, feature, value, baseline, attribution (signed; log-odds,
                             log-risk, or what is explained), method, delta (what the attributions of a patient miss of
                             the change they explain), …
  attribution_report.html    cohort: what counts overall, how far it can be believed; links to patients/<patient>.html
  faithfulness.json          completeness, deletion against chance and, of simulated patients, AUROC against the truth

Examples:
  python -m fusion.explain run=<run folder>
  python -m fusion.explain run=<run folder> patients=[SIM-BR-0001,SIM-BR-0002] steps=64
  python -m fusion.explain run=<run folder> horizon=24      # of times: the probability to be free of the event then
  python -m fusion.explain run=<run folder> class=basal     # of three classes or more: one against the rest
  python -m fusion.explain run=<run folder> endpoint=rcb output=<folder>    # an endpoint that was trained beside it
  python -m fusion.explain run=<run folder> actionability=actionability/actionability.json   # CIViC beside the model
  python -m fusion.explain run=<run folder> arm=only_variants output=<folder> anonymise=true
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusion.config.command import run

if TYPE_CHECKING:
    from omegaconf import DictConfig


def explain(config: DictConfig) -> None:
    """Explain a run's patients out of fold, score the explanations, write the report.

    Raises:
        FusionError: what a user can mend, before any long work.
    """
    from pathlib import Path

    from fusion.attribution.evidence.beside import read_evidence
    from fusion.attribution.gradients import check_method
    from fusion.attribution.jobs import Job, run_tasks
    from fusion.attribution.patient import Settings
    from fusion.attribution.plan import open_run_setup, plan_patients, plan_tasks
    from fusion.attribution.store import Store, settings_key
    from fusion.attribution.summary import finish, summarise
    from fusion.attribution.truth import check_truth
    from fusion.contract.devices import check_device
    from fusion.protocol.progress import JobProgress
    from fusion.report.attribution import write_pages
    from fusion.run.files import locked, remove_partial
    from fusion.run.folder import RunFolder

    check_device(config)
    check_method(config.method)
    check_truth(config.truth)
    evidence = read_evidence(config.actionability)
    folder = RunFolder.open(config.run, trust=config.trust)
    patients = plan_patients(folder, config)
    settings = Settings(
        arm=config.arm, method=config.method, steps=config.steps, tiles=config.tiles, horizon=config.horizon,
        endpoint=config.endpoint, of_class=getattr(config, "class", None),
    )  # fmt: skip
    key = settings_key(settings, folder.record()["files"], repeat=config.repeat, anonymise=config.anonymise)
    with locked(Path(config.output)), JobProgress() as progress:
        remove_partial(Path(config.output), ["parts", "patients"])
        # Everything learned comes from the run folder; patients' files are read where the run read them.
        with progress.timed("cohort"):
            setup, merged = open_run_setup(folder, config, patients, progress)
        store = Store.create(Path(config.output), key, overwrite=config.overwrite)
        spec = folder.cohort_spec()
        job = Job(config=merged, endpoint=spec.endpoint, settings=settings, store=store, secondary=spec.secondary)
        tasks = plan_tasks(folder, [patient for patient in patients if not store.finished(patient.name)])
        with progress.timed("patients"):
            progress.start("Explaining patients", sum(len(task.patients) for task in tasks))
            run_tasks(job, setup, tasks, workers=config.workers, step=progress.advance)
        # What attribution claims is tested on the model itself and, where patients are simulated, against the truth.
        with progress.timed("report"):
            found = summarise(folder, store, setup, patients, config=config)
            write_pages(folder, store, patients, found, config=config, seconds=progress.seconds, evidence=evidence)
            finish(store, found, simulated=folder.cohort_spec().simulated, config=config)


if __name__ == "__main__":
    run(explain, "explain")
