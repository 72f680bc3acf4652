"""Settings of modalities are checked with the rest of the configuration: before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fusion.config.check import check_command
from fusion.config.files import ConfigError
from fusion.config.signature import signature_of
from fusion.contract import Settings

EXPERIMENT = "+experiment=breast_tcga"
ROOT = Path(__file__).resolve().parents[3]
MODALITIES = (
    "slides.slides.Slides",
    "slides.images.Images",
    "slides.tile_features.TileFeatures",
    "volumes.volumes.Volumes",
    "variants.vcf.Variants",
    "variants.maf.MafVariants",
    "copy_number.copy_number.CopyNumber",
    "tables.table.Table",
    "tables.features.Features",
    "tables.regimen.Regimen",
)


def complaint(*overrides: str) -> str:
    with pytest.raises(ConfigError) as told:
        check_command([EXPERIMENT, *overrides], "train", None, multirun=False)
    return str(told.value)


@pytest.mark.parametrize(
    ("wrong", "message", "right"),
    [
        (
            "+modality.slides.tile.sise=3",
            "Unknown key 'modality.slides.tile.sise'. Did you mean modality.slides.tile.size?",
            "modality.slides.tile.size=3",
        ),
        (
            "+modality.variants.filters.germlin.min_gq=3",
            "Unknown key 'modality.variants.filters.germlin'. Did you mean modality.variants.filters.germline?",
            "modality.variants.filters.germline.min_gq=3",
        ),
        (
            "+modality.variants.selector.featurs=3",
            "Unknown key 'modality.variants.selector.featurs'. Did you mean modality.variants.selector.features",
            "modality.variants.selector.features=3",
        ),
        (
            "+modality.variants.annotation.modell=ensGene",
            "Unknown key 'modality.variants.annotation.modell'. Did you mean modality.variants.annotation.model?",
            "modality.variants.annotation.model=ensGene",
        ),
        (
            "+modality.variants.damaging.tumour=[stopgain]",
            "Unknown key 'modality.variants.damaging.tumour'. Known here: somatic, germline.",
            "modality.variants.damaging.somatic=[stopgain]",
        ),
        (
            "modality.slides.tile.size=big",
            "modality.slides.tile.size must be a whole number, not 'big'.",
            "modality.slides.tile.size=32",
        ),
        (
            "modality.slides.tile.size=-64",
            "modality.slides.tile.size must be at least 1, not -64.",
            "modality.slides.tile.size=64",
        ),
        (
            "modality.slides.tissue.reject=[ink]",
            "modality.slides.tissue.reject[0] must be one of pen, fold, blur, bubble, not 'ink'.",
            "modality.slides.tissue.reject=[]",
        ),
        (
            "modality.slides.max_failed=3",
            "modality.slides.max_failed must be at least 0 and at most 1, not 3.",
            "modality.slides.max_failed=0.3",
        ),
        (
            "modality.slides.stain=macenk",
            "modality.slides.stain must be one of none, macenko, fold, not 'macenk'. Did you mean macenko?",
            "modality.slides.stain=macenko",
        ),
        (
            "modality.slides.tile.overlap=32",
            "modality.slides.tile.overlap is 32 and size 32",
            "modality.slides.tile.overlap=31",
        ),
        (
            "modality.variants.min_call_rate=80",
            "modality.variants.min_call_rate must be at least 0 and at most 1, not 80.",
            "modality.variants.min_call_rate=0.8",
        ),
        (
            "modality.variants.selector.step=2",
            "modality.variants.selector.step must be above 0 and below 1, not 2.",
            "modality.variants.selector.step=0.2",
        ),
        (
            "modality.variants.features=[context]",
            "modality.variants.features lists context, which needs the reference genome. Set fasta.",
            "modality.variants.features=[burden]",
        ),
    ],
)
def test_settings_are_refused_and_mended(wrong: str, message: str, right: str) -> None:
    told = complaint(wrong)
    assert told.startswith(message) and "\n" not in told
    check_command([EXPERIMENT, right], "train", None, multirun=False)


def test_all_problems_at_once() -> None:
    told = complaint(
        "+modality.slides.tile.sise=3",
        "modality.slides.max_failed=3",
        "modality.variants.min_call_rate=80",
        "modality.variants.selector.features=0",
    )
    assert len(told.splitlines()) == 4


def test_what_an_interpolation_gives_is_not_judged_before() -> None:
    check_command([EXPERIMENT, "modality.slides.tile.size=${seed}"], "train", None, multirun=False)


@pytest.mark.parametrize("target", MODALITIES)
def test_every_modality_has_settings_of_its_own_and_no_name_twice(target: str) -> None:
    found = signature_of(f"data_modules.modalities.{target}")
    assert found.settings is not None and issubclass(found.settings, Settings) and not found.open
    assert {"name", "source"} <= set(found.parameters) <= {"name", "source", "selector"}


def test_no_traceback_exit_code_two_and_nothing_heavy() -> None:
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['train', '{EXPERIMENT}', '+modality.slides.tile.sise=3', 'modality.variants.min_call_rate=80']\n"
        "try: runpy.run_module('fusion.train', run_name='__main__')\n"
        "finally: print(sorted({'numpy', 'pandas', 'torch', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "Did you mean modality.slides.tile.size?" in done.stderr
    assert "modality.variants.min_call_rate must be" in done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
