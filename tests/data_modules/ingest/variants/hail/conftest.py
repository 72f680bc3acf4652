"""Two real ingests side by side, whose stores several modules look at: each start of Hail takes ten seconds."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from data_modules.ingest.variants.store import VariantStore


@dataclass(frozen=True, kw_only=True)
class Sound:
    """What was made of unusual but sound files.

    Attributes:
        stores: ``maf`` and ``vcf`` → its somatic store.
        scratch: the folder that both ingests were given.
        at_once: their own folders in it that were there at the same time, at most.
    """

    stores: dict[str, VariantStore]
    scratch: Path
    at_once: set[str]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """MAFs and VCFs ingested at the same time by a Java process each, with one scratch folder."""
    from tests.data_modules.ingest.variants.hail import test_sound_mafs, test_sound_vcfs

    scratch = tmp_path_factory.mktemp("scratch") / "shared"
    ingests = {
        "maf": test_sound_mafs.ingest_of(tmp_path_factory.mktemp("mafs"), scratch),
        "vcf": test_sound_vcfs.ingest_of(tmp_path_factory.mktemp("vcfs"), scratch),
    }
    assert [one.check() for one in ingests.values()] == [[], []]
    at_once: set[str] = set()
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(one.run, lambda step, done, total: None) for one in ingests.values()]
        while not all(one.done() for one in running):
            at_once = max(at_once, {path.name for path in scratch.glob("oncofusion-*")}, key=len)
            time.sleep(0.02)
    for one in running:
        one.result()
    stores = {name: one.stores()["somatic"] for name, one in ingests.items()}
    for name, one in ingests.items():
        assert stores[name].samples == tuple(sorted(one.samples("somatic")))
    return Sound(stores=stores, scratch=scratch, at_once=at_once)
