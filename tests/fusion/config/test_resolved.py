"""Every documented line resolves to the configuration that it had before cohorts and presets were told apart.

`resolved_2c33775.json` was written by commit 2c33775 with Hydra alone: of each line the resolved configuration, flat,
as a difference to an earlier line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.config.compose import composed
from fusion.contract.places import current

STORED = json.loads(Path(__file__).with_name("resolved_2c33775.json").read_text(encoding="utf-8"))
ADDED = {
    "choose", "model.base", "folds.allow", "evaluation.audit", "evaluation.margin", "verify", "trust",
    "evaluation.floors", "evaluation.subgroups", "evaluation.missing", "evaluation.left_out",
    *(f"evaluation.operating.{rule}" for rule in ("sensitivity", "specificity", "net_benefit")),
    "device", "precision", "trainer.device", "trainer.precision", "trainer.accumulate", "trainer.seeds",
    "trainer.devices",
    "modality.slides.embed.precision", "datamodule.validation_tiles",
    "modality.slides.objective_power",
    "modality.variants.filters.germline.max_lost", "modality.variants.filters.somatic.max_lost",
    "modality.variants.inputs.names", "modality.variants.reads", "modality.tiles.embed",
    "modality.variants.several_samples", "modality.slides.decimal",
    "modality.slides.encoding", "modality.slides.separator", "modality.slides.sheet", "modality.slides.transpose",
    "modality.slides.limits", "modality.slides.missing", "modality.slides.reduce",
    "modality.slides.pathways", "model.encoders.slides.exact_tiles",
    "execution", *(f"ray.{key}" for key in ("address", "cpus", "gpus", "retries")),
    *(f"slurm.{key}" for key in ("cluster", "partition", "account", "minutes", "cpus", "gpus", "memory_gb", "retries")),
    "slurm.parameters",
    *(
        f"cohort.tables.progression.{key}"
        for key in (
            "file", "id",
            *(f"columns.days_to_progression_or_last_visit.{one}" for one in ("time", "kind", "unit", "label")),
            "columns.progression_seen.time", "columns.progression_seen.label",
        )
    ),
    *(
        f"cohort.endpoints.pfs.{key}"
        for key in (
            "kind", "table", "time", "event", "event_values", "censored_values", "time_zero", "horizons", "note",
        )
    ),
    "model.endpoints.weights", "model.endpoints.base",
    *(f"cohort.endpoints.rcb.{key}" for key in ("kind", "table", "column", "note")),
    *(f"cohort.endpoints.rcb.classes.{name}" for name in ("pCR", "RCB-I", "RCB-II", "RCB-III")),
}  # fmt: skip
"""Keys that have been added to the configuration since, whatever their value."""
SIX = ["age_at_index", "tumor_grade", "ajcc_pathologic_stage", "er_status_by_ihc", "her2_status_by_ihc", "ki67_percent"]
CHANGED = {"mri_simulated": {"trainer.min_epochs": 5, "modality.clinical.columns": SIX}}
"""What a cohort's preset has come to choose otherwise since."""


def flat(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in node.items():
        made |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return made


def then(line: str) -> dict[str, Any]:
    stored = next(one for one in STORED if one["line"] == line)
    base = then(stored["like"]) if "like" in stored else {}
    whole = {key: value for key, value in base.items() if key not in stored.get("unset", ())} | stored["set"]
    return {key: current(value) if key.endswith("_target_") else value for key, value in whole.items()}


@pytest.mark.parametrize("line", [one["line"] for one in STORED])
def test_a_documented_line_resolves_as_before(line: str) -> None:
    config = composed("train", line.split(), None)
    config.output = "run"
    plain = OmegaConf.to_container(
        OmegaConf.masked_copy(config, [key for key in config if key != "hydra"]), resolve=True
    )
    assert isinstance(plain, dict)
    preset = plain.pop("preset")
    assert preset == ("seed_cnn" if "seed_cnn" in line else plain["cohort"]["name"])
    now = {key: value for key, value in flat(plain).items() if key not in ADDED}
    if now["model.head._target_"].endswith("by_endpoint") and plain["cohort"]["name"] == "tcga_brca_simulated":
        now["model.head._target_"] = "fusion.heads.response.BinaryResponse"  # which is what it makes for its response
    assert now == then(line) | CHANGED.get(plain["cohort"]["name"], {})
