"""What reads files, tried on this machine: Java and a query of Hail, OpenSlide on a slide, HDF5, volumes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data_modules.ingest.reads.tools import report
from data_modules.ingest.variants.hail.java import find_java
from data_modules.ingest.variants.hail.probe import ROWS
from data_modules.ingest.variants.hail.runner import run_job
from data_modules.ingest.variants.settings import SparkSettings
from data_modules.ingest.volumes.nifti import read_nifti
from fusion.contract import FusionError, Part

_PROBE = "data_modules.ingest.variants.hail.probe"


def readers(*, hail: bool) -> Iterator[Part]:
    """Each reader, tried.

    Args:
        hail: start a JVM and ask a query, which takes some ten seconds.
    """
    with tempfile.TemporaryDirectory(prefix="oncofusion_doctor_") as folder:
        yield from _java(Path(folder), hail=hail)
        yield _openslide(Path(folder))
        yield _volume(Path(folder))
    yield _workflow()


def _java(folder: Path, *, hail: bool) -> Iterator[Part]:
    try:
        java = find_java()
    except FusionError as error:
        yield Part(name="Java", health="mend", told="none that suits Hail", mend=str(error))
        return
    yield Part(name="Java", health="ok", told=f"{java.version}, from {java.found} ({java.home})")
    if not hail:
        yield Part(name="Hail", health="optional", told="not asked (hail=false)", mend="hail=true asks it a query")
        return
    begin = time.perf_counter()
    try:
        answer, seconds = ask_hail(folder)
    except FusionError as error:
        yield Part(name="Hail", health="mend", told="does not run", mend=str(error))
        return
    right = answer == ROWS * (ROWS - 1) // 2
    told = f"a query took {seconds:.1f} s, {time.perf_counter() - begin:.0f} s with the start of its JVM"
    mend = "" if right else f"It answered {answer}. Install it again: pip install --force-reinstall hail"
    yield Part(name="Hail", health="ok" if right else "mend", told=told, mend=mend)


def ask_hail(folder: Path) -> tuple[int, float]:
    """The sum of the numbers below `ROWS` by Hail, and the seconds that it took after Hail's start.

    Raises:
        FusionError: it does not run; the message says why.
    """
    spark = SparkSettings(master="local[1]", driver_memory="1g", timeout=120)
    out, job = folder / "answer.json", folder / "job.json"
    (folder / "scratch").mkdir()
    content = {
        "spark": asdict(spark), "scratch": str(folder / "scratch"), "log": str(folder / "hail.log"),
        "reference": "GRCh38", "out": str(out),
    }  # fmt: skip
    job.write_text(json.dumps(content), encoding="utf-8")
    run_job(job, module=_PROBE, log=folder / "hail.log", spark=spark, progress=lambda step, done, total: None)
    found = json.loads(out.read_text(encoding="utf-8"))
    return int(found["answer"]), float(found["seconds"])


def _openslide(folder: Path) -> Part:
    """A pyramid of two levels, written and read back."""
    name = "OpenSlide"
    mend = "pip install --force-reinstall openslide-python openslide-bin"
    try:
        import openslide
        import tifffile

        pixels = np.zeros((512, 512, 3), dtype=np.uint8)
        pixels[:, 256:] = (200, 30, 90)
        path = folder / "slide.tif"
        with tifffile.TiffWriter(path) as writer:
            for level in (pixels, pixels[::2, ::2]):
                smaller = level is not pixels
                writer.write(level, tile=(256, 256), photometric="rgb", compression="zlib", subfiletype=smaller)
        with openslide.OpenSlide(str(path)) as slide:
            seen = tuple(np.asarray(slide.read_region((300, 10), 0, (1, 1)))[0, 0, :3].tolist())
            levels = slide.level_count
        if seen != (200, 30, 90):
            return Part(name=name, health="mend", told=f"reads {seen} where (200, 30, 90) was written", mend=mend)
        return Part(name=name, health="ok", told=f"{openslide.__library_version__}, opened a slide of {levels} levels")
    except Exception as error:  # a library that is not there, or not this system's, breaks in many ways
        return Part(
            name=name, health="mend", told=f"does not open a slide ({type(error).__name__}: {error})", mend=mend
        )


def _volume(folder: Path) -> Part:
    mend = "pip install --force-reinstall nibabel pydicom simpleitk"
    try:
        import nibabel
        import pydicom
        import SimpleITK

        path = folder / "volume.nii.gz"
        image: Any = nibabel.Nifti1Image(np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.eye(4))  # type: ignore[no-untyped-call]
        nibabel.save(image, path)
        if float(read_nifti(path)[0][1, 1, 1]) != 7:
            told = "a NIfTI file reads otherwise than it was written"
            return Part(name="Volumes", health="mend", told=told, mend=mend)
        itk = SimpleITK.Version_VersionString()  # type: ignore[no-untyped-call]
        told = f"nibabel {nibabel.__version__}, pydicom {pydicom.__version__}, SimpleITK {itk}"
        return Part(name="Volumes", health="ok", told=told)
    except Exception as error:  # as above
        return Part(name="Volumes", health="mend", told=f"{type(error).__name__}: {error}", mend=mend)


def _workflow() -> Part:
    """The programs of the workflow from reads to variants, which a cohort of reads alone needs."""
    tools = report()
    here = [f"{one.name} {one.version or ''}".strip() for one in tools if one.problem is None]
    wrong = [problem.rstrip(".") for one in tools if one.path is not None and (problem := one.problem)]
    absent = [one.name for one in tools if one.path is None]
    told = "; ".join(
        [", ".join(here) or "no program of it", *wrong, *([f"not here: {', '.join(absent)}"] if absent else [])]
    )
    if not absent and not wrong:
        return Part(name="Reads to variants", health="ok", told=told)
    mend = "which of them a cohort of reads needs, and what installs them: python -m data_modules.ingest.reads --tools"
    return Part(name="Reads to variants", health="optional", told=told, mend=mend)
