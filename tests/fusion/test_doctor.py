"""`python -m fusion.doctor` on this machine, without the JVM: its readers are tried, its lines say how to mend."""

from __future__ import annotations

import json
import shutil

import pytest

from data_modules.ingest.reads.tools import TOOLS
from fusion.config.compose import composed
from fusion.contract import FusionError
from fusion.doctor import doctor
from fusion.run import machine


def test_every_part_is_ok_or_says_how_to_mend_it(capsys: pytest.CaptureFixture[str]) -> None:
    doctor(composed("doctor", ["hail=false", "json=true"], None))
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    parts = {part["name"]: part for part in found["parts"]}
    assert {"Python", "Packages", "Memory", "GPU", "Java", "Hail", "OpenSlide", "Volumes", "W&B"} <= set(parts)
    told = parts["Reads to variants"]["told"]
    assert all(name in told for name in TOOLS)
    assert shutil.which("samtools") is None or "samtools 1." in told.partition("not here")[0]
    assert parts["OpenSlide"]["told"].endswith("opened a slide of 2 levels")
    assert [part for part in parts.values() if part["health"] != "ok" and not part["mend"]] == []


def test_what_is_needed_and_does_not_work_ends_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "PYTHONS", ((3, 99),))
    with pytest.raises(FusionError, match=r"To be mended: Python\."):
        doctor(composed("doctor", ["hail=false"], None))
    assert "MEND  Python: 3." in capsys.readouterr().out
