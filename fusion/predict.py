"""Apply a trained run to patients: new ones, an external cohort, or its own patients out of fold.

Every fold's models score every new patient; a patient's score is their mean. A patient whom the run trained on is
scored only by the models of the folds that left him out.
"""

# Everything learned comes from the run folder; only where files lie comes from the cohort's configuration.
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion.config import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

PLACES = (
    *("files", "patient_pattern", "sample_sheet", "mpp", "absent_is", "table", "spark", "workers", "max_failed"),
    *("sequences", "mask"),  # how volumes are named; that they are scaled as the run's is checked
)
"""Keys of a modality that say where and how patients' files lie; all others come from the run."""

LEARNED = ("label_map",)
"""Keys of a cohort that the run's labels rest on: where the new one leaves them null, they come from the run."""


def predict(config: DictConfig) -> None:
    """Write predictions.csv and, where labels exist, metrics.json.

    Raises:
        FusionError: what a user can mend.
    """
    from pathlib import Path

    from fusion.application import apply, summarise
    from fusion.cohort_setup import open_setup
    from fusion.progress import JobProgress
    from fusion.run_folder import RunFolder

    folder = RunFolder.open(config.run)
    output = Path(config.output)
    refuse_existing(output, overwrite=config.overwrite)
    merged = merge(folder.config(), config)
    with JobProgress() as progress:
        setup = open_setup(merged, progress, require_labels=False)
        refuse_other_build(folder.cohort_spec(), setup.cohort.spec)
        setup.prepare(progress)
        result = apply(folder, merged, setup, arm=config.arm, min_match=config.min_match, progress=progress)
    summarise(result, output, folder, setup, evaluation=config.evaluation)


def merge(trained: dict[str, Any], config: DictConfig) -> DictConfig:
    """The run's configuration, reading the cohort that `config` names.

    Raises:
        FusionError: the cohort lacks every modality of the run.
    """
    from omegaconf import OmegaConf

    from fusion.contract import FusionError

    new: Any = OmegaConf.to_container(config, resolve=True)
    shared = [name for name in trained["modality"] if name in new["modality"]]
    if not shared:
        raise FusionError(
            f"modality: the run was trained on {', '.join(trained['modality'])}; "
            f"cohort {new['cohort'].get('name')!r} declares {', '.join(new['modality']) or 'none'}."
        )
    modality = {}
    for name in shared:
        places = {key: value for key, value in new["modality"][name].items() if key in PLACES}
        modality[name] = {**trained["modality"][name], **places}
    cohort = dict(new["cohort"])
    for key in LEARNED:
        if key in cohort and cohort[key] is None:
            cohort[key] = trained["cohort"].get(key)
    return OmegaConf.create(
        {**trained, "cohort": cohort, "modality": modality, "cache": new["cache"], "spark": new["spark"]}
    )


def refuse_existing(output: Any, *, overwrite: bool) -> None:
    """Keep predictions that are there already.

    Raises:
        FusionError: `output` holds predictions and `overwrite` is not set.
    """
    from fusion.contract import FusionError

    if (output / "predictions.csv").exists() and not overwrite:
        raise FusionError(
            f"{output}: holds predictions already. Choose another folder with output=<folder> or replace them with "
            "overwrite=true."
        )


def refuse_other_build(trained: Any, new: Any) -> None:
    """Genome builds must agree, for variants are matched by position.

    Raises:
        FusionError: naming both builds.
    """
    from fusion.contract import FusionError

    if trained.build != new.build and None not in (trained.build, new.build):
        raise FusionError(
            f"cohort.build: the run was trained on {trained.build}, cohort {new.name!r} is {new.build}. "
            "Lift its variants over first, or choose a run of that build."
        )


if __name__ == "__main__":
    run(predict, "predict")
