"""conf/modality/variants_from_reads.yaml lists every key of the settings, with the default that the code has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import yaml

from data_modules.ingest.reads.settings import ReadsSettings

CONF = Path(__file__).resolve().parents[4] / "conf/modality/variants_from_reads.yaml"


def test_the_file_of_defaults_says_what_the_code_does() -> None:
    listed = yaml.safe_load(CONF.read_text(encoding="utf-8"))["reads"]
    mine = asdict(ReadsSettings(reference="???", folder="any")) | {"folder": None}
    assert listed == {key: list(value) if isinstance(value, tuple) else value for key, value in mine.items()}
