"""A cohort of explained patients: what gathering them and writing their pages takes, and how large the pages are.

Called by `explain_memory.py --patients`. The parts of all patients are written first, in a process of its own, as
`fusion.explain` leaves them: rows of noise for the tiles of two slides and for a table's features, a picture of either
slide and of six tiles with their pixels, all of noise, which is the least that JPEG can do. Then a second process does
what follows: attributions.parquet, the checks, a page a patient, the cohort's page. Its peak is told whole, libraries
included.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import shutil
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

KEY, TOP, SIDE = "benchmark", 6, 224


def measure(patients: int, *, tiles: int, features: int, folder: str | None) -> None:
    """Print seconds, peak memory and sizes."""
    place = Path(tempfile.mkdtemp(dir=folder, prefix="explained_"))
    processes = multiprocessing.get_context("spawn")
    try:
        for work in (_write_parts, _write_report):
            process = processes.Process(target=work, args=(place, patients, tiles, features))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(process.exitcode)
    finally:
        shutil.rmtree(place)


def _names(patients: int) -> list[str]:
    return [f"P{number:05}" for number in range(patients)]


def _write_parts(place: Path, patients: int, tiles: int, features: int) -> None:
    import numpy as np
    import pandas as pd

    from fusion.attribution.patient import Explanation
    from fusion.attribution.store import Store

    rng = np.random.default_rng(0)
    at = np.arange(tiles)
    half = tiles // 2
    bag = pd.DataFrame(
        {
            "modality": "slides",
            "feature": [f"tile:{int(n >= half)}:{n % 100 * 256},{n // 100 * 256}" for n in at],
            "label": [f"tile at {n % 100 * 256}, {n // 100 * 256}" for n in at],
            "attribution": 0.0,
            "attention": 1.0 / max(1, tiles),
            "slide": (at >= half).astype(np.int64),
            "x": at % 100 * 256,
            "y": at // 100 * 256,
            "members": 3,
        }
    )
    columns = pd.DataFrame(
        {
            "modality": "expression",
            "feature": [f"gene{n}" for n in range(features)],
            "label": [f"expression of gene {n}" for n in range(features)],
            "gene": [f"GENE{n}" for n in range(features)],
            "value": 0.0,
            "unit": "log2",
            "baseline": 0.5,
            "attribution": 0.0,
            "members": 3,
        }
    )
    pictures: dict[str, Any] = {}
    for slide in range(2):
        pictures[f"overview_slides_{slide}"] = rng.integers(0, 255, (640, 480, 3), dtype=np.uint8)
    for tile in range(TOP):
        pictures[f"tile_slides_{tile}"] = rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
        pictures[f"pixels_slides_{tile}"] = rng.normal(size=(SIDE, SIDE)).astype(np.float32)
    store = Store.create(place, KEY, overwrite=True)
    first: Path | None = None
    for name in _names(patients):
        bag["attribution"], columns["attribution"] = rng.normal(size=tiles), rng.normal(size=features)
        bag["attention"], columns["value"] = rng.dirichlet(np.ones(tiles)), rng.normal(size=features)
        rows = pd.concat([columns, bag], ignore_index=True).assign(method="integrated_gradients", delta=0.0)
        content = {
            "files": ["a.svs", "b.svs"], "sizes": [[25_600, 25_600]] * 2, "mpp": [0.5] * 2, "tile_px": [256.0] * 2,
            "top": list(range(TOP)), "pixel_delta": 0.0,
        }  # fmt: skip
        facts: dict[str, Any] = {
            "score": 0.5, "members": [0.0] * 3, "log_odds": 0.0, "reference": 0.1, "delta": 0.0, "none": 0.0,
            "shapley": {"slides": 0.1, "expression": -0.2}, "missing": [], "looked": [], "slides": {"slides": content},
            "deletion": {"slides: tiles": 0.1, "expression: genes": 0.1},
        }  # fmt: skip
        shown = pictures if first is None else {}
        store.save(name, Explanation(rows=rows, facts=facts, pictures=shown))
        if first is None:
            first = place / f"parts/{name}.npz"
        else:
            shutil.copyfile(first, place / f"parts/{name}.npz")


def _write_report(place: Path, patients: int, tiles: int, features: int) -> None:
    import torch  # noqa: F401  # as the command has it in memory

    from fusion.attribution.plan import Patient
    from fusion.attribution.store import Store
    from fusion.attribution.summary import summarise
    from fusion.contract import EndpointSpec
    from fusion.report.attribution import write_pages

    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    spec = SimpleNamespace(name="benchmark", endpoint=endpoint, simulated=False)
    folder = cast(
        "Any",
        SimpleNamespace(
            cohort_spec=lambda: spec,
            folds=lambda: {"folds": [{"repeat": 0, "index": 0}]},
            record=lambda: {"started": "2026-01-01", "files": {}},
            selected=lambda: SimpleNamespace(empty=True),
        ),
    )
    config = SimpleNamespace(
        arm="fusion", method="integrated_gradients", steps=32, repeat=0, anonymise=False, truth=None,
        endpoint=None, horizon=None,
        evaluation=SimpleNamespace(draws=200, seed=0),
    )  # fmt: skip
    store = Store(path=place, key=KEY)
    people = [Patient(id=name, name=name, fold=0, label=n % 2, score=0.5) for n, name in enumerate(_names(patients))]
    before, start = _peak(), time.perf_counter()
    found = summarise(folder, store, cast("Any", SimpleNamespace(modalities={})), people, config=config)
    gathered, middle = _peak(), time.perf_counter()
    write_pages(folder, store, people, found, config=config, seconds=0.0)
    end = time.perf_counter()
    pages = [path.stat().st_size for path in (place / "patients").iterdir()]
    told = {
        "patients": patients, "tiles": tiles, "features": features, "libraries, GB": before, "gathered, GB": gathered,
        "peak, GB": _peak(), "gathering, s": round(middle - start, 1), "pages, s": round(end - middle, 1),
        "largest page of a patient, MB": round(max(pages) / 1e6, 2),
        "page of the cohort, MB": round((place / "attribution_report.html").stat().st_size / 1e6, 2),
        "attributions.parquet, MB": round((place / "attributions.parquet").stat().st_size / 1e6),
    }  # fmt: skip
    print(json.dumps(told, indent=1), flush=True)


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
