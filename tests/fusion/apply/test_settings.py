"""What a run keeps and what a new cohort may say, when the one is applied to the other."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.apply.settings import chosen, merge, on_device
from fusion.contract import FusionError

VCF = "data_modules.modalities.variants.vcf.Variants"
MAF = "data_modules.modalities.variants.maf.MafVariants"
TABLE = "data_modules.modalities.tables.table.TableModality"
SLIDES = "data_modules.modalities.slides.slides.Slides"


def trained(target: str) -> dict[str, Any]:
    return {
        "cohort": {"name": "old", "label_map": {"tumour": ["t"]}},
        "modality": {
            "variants": {"_target_": target, "files": "old.*", "filters": {"depth": 8}, "features": ["burden"]},
            "clinical": {"_target_": TABLE, "table": "clinical", "columns": ["age"]},
        },
        "cache": "old_cache",
    }


def new(target: str, **cohort: Any) -> Any:
    return OmegaConf.create(
        {
            "cohort": {"name": "new", "endpoint": None, "endpoints": {"response": {}}, "label_map": None, **cohort},
            "modality": {
                "variants": {"_target_": target, "files": "new.*", "filters": {"depth": 20}, "features": ["dosage"]}
            },
            "cache": "new_cache",
            "spark": {"mode": "local"},
        }
    )


@pytest.mark.parametrize(("before", "after"), [(VCF, MAF), (MAF, VCF)])
def test_a_model_of_one_variant_format_reads_the_other(before: str, after: str) -> None:
    merged, undeclared = merge(trained(before), new(after), endpoint="response", asked=[])
    variants = merged.modality.variants
    assert variants["_target_"] == after
    assert variants.files == "new.*"
    assert variants.features == ["burden"], "what the models read comes from the run"
    assert variants.filters == {"depth": 20}, "the other format has filters of its own"
    assert undeclared == {"clinical": "cohort 'new' does not declare it"}
    assert merged.cohort.endpoint == "response"
    assert merged.cohort.label_map == {"tumour": ["t"]}


def test_filters_stay_the_runs_unless_asked_for() -> None:
    kept, _ = merge(trained(VCF), new(VCF), endpoint="response", asked=[])
    assert kept.modality.variants.filters == {"depth": 8}
    asked, _ = merge(trained(VCF), new(VCF), endpoint="response", asked=["modality.variants.filters.depth"])
    assert asked.modality.variants.filters == {"depth": 20}


def test_another_kind_of_modality_is_refused() -> None:
    with pytest.raises(FusionError) as error:
        merge(trained(SLIDES), new(VCF), endpoint="response", asked=[])
    assert str(error.value) == (
        "modality.variants: the run was trained on Slides, the cohort declares Variants (" + VCF + "). "
        "Declare it the same way, or leave it out with ~modality.variants."
    )


def test_a_cohort_without_any_modality_of_the_run_is_refused() -> None:
    config = new(VCF)
    config.modality = {"rna": {"_target_": TABLE}}
    with pytest.raises(FusionError, match="trained on variants, clinical; cohort 'new' declares rna"):
        merge(trained(VCF), config, endpoint="response", asked=[])


@pytest.mark.parametrize("key", ["model.width", "trainer.max_epochs", "modality.variants.features"])
def test_what_was_learned_cannot_be_set(key: str) -> None:
    with pytest.raises(FusionError, match=f"{key}: comes from the run"):
        merge(trained(VCF), new(VCF), endpoint="response", asked=[key])


def test_patients_are_those_asked_for() -> None:
    assert chosen(["a", "b", "c"], None) == ["a", "b", "c"]
    assert chosen(["a", "b", "c"], ["c", "a", "c"]) == ["c", "a"]
    with pytest.raises(FusionError, match="patients: x not among the cohort's 3 patients"):
        chosen(["a", "b", "c"], ["a", "x"])
    with pytest.raises(FusionError, match="patients: none asked for"):
        chosen(["a", "b", "c"], [])


def test_endpoints_trained_beside_are_read_where_the_cohort_declares_them() -> None:
    config = new(VCF)
    config.cohort.endpoints = {"response": {}, "rcb": {}, "pcr": {}}
    merged, _ = merge(trained(VCF), config, endpoint="response", asked=[], secondary=["pfs", "rcb"])
    assert merged.cohort.endpoint == ["response", "rcb"]
    merged, _ = merge(trained(VCF), config, endpoint="response", asked=[], secondary=["pfs"])
    assert merged.cohort.endpoint == "response"
    config.cohort.endpoint = "pcr"  # who names one means that one
    merged, _ = merge(trained(VCF), config, endpoint="response", asked=["endpoint"], secondary=["rcb"])
    assert merged.cohort.endpoint == "pcr"


def test_device_and_precision_are_this_machines() -> None:
    plain = {
        "slides": {"embed": {"device": "cuda", "batch": 8}},
        "clinical": {"columns": None},
        "other": {"embed": None},
    }
    trained = {"modality": plain, "seed": 3, "choose": {"1": {"model": {}}, "2": {"modality": plain}}}
    made = on_device(trained, {})
    assert (made["device"], made["precision"], made["seed"]) == ("auto", 32, 3)
    expected = plain | {"slides": {"embed": {"device": "auto", "batch": 8}}}
    assert made["modality"] == expected
    assert made["choose"] == {"1": {"model": {}}, "2": {"modality": expected}}
    assert on_device(trained | {"precision": "bf16-mixed"}, {"device": "cpu"})["precision"] == "bf16-mixed"
    asked = on_device(trained | {"precision": "bf16-mixed", "choose": None}, {"device": "cpu", "precision": 64})
    assert (asked["device"], asked["precision"], asked["choose"]) == ("cpu", 64, None)
    assert plain["slides"] == {"embed": {"device": "cuda", "batch": 8}}, "what the run keeps stays as it was"
