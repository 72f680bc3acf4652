"""Cohorts of noise for benchmarks: slides in some form, labels that alternate, and their configuration."""

from __future__ import annotations

from pathlib import Path

_COHORT = """# @package _global_
defaults:
  - /modality@modality.slides: {modality}
  - /model/encoder@model.encoders.slides: mil
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: noise
  root: {root}
  cache: ${{cache}}
  tables:
    clinical: {{file: clinical.csv, id: patient, columns: {{response: {{time: outcome}}}}}}
  endpoints:
    response: {{table: clinical, column: response, positive: [1], negative: [0]}}
modality:
  slides:
    patient_pattern: '^(P\\d+)'
{settings}
"""


def describe_cohort(folder: Path, *, patients: int, modality: str, **settings: str) -> list[str]:
    """Write labels of patients P000, P001, … and the configuration; returns the arguments that train on it.

    Args:
        folder: holds the files of the modality.
        patients: how many.
        modality: of conf/modality.
        settings: its keys and their values in YAML.
    """
    rows = [f"P{number:03},{number % 2}" for number in range(patients)]
    (folder / "clinical.csv").write_text("\n".join(["patient,response", *rows, ""]))
    (folder / "conf/cohort").mkdir(parents=True)
    lines = "\n".join(f"    {key}: {value}" for key, value in settings.items())
    text = _COHORT.format(root=folder, modality=modality, settings=lines)
    (folder / "conf/cohort/noise.yaml").write_text(text)
    own = ["--config-dir", str(folder / "conf"), "+experiment=breast_tcga", "cohort=noise"]
    return [*own, f"cache={folder / 'cache'}", "folds.outer=2"]
