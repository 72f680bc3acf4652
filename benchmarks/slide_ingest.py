"""Ingest of a large slide against its parts: the bare encoder, bare reads, and memory.

    python benchmarks/slide_ingest.py --crops ../shared/data/histology [--tiles 3000] [--encoder resnet18]

Writes a slide of 40,000 × 40,000 pixels into a temporary folder (JPEG tiles cut from real crops, turned and shuffled; a
third of it glass), measures, and removes it. Each figure comes of a process of its own, in one run:

    forward    the encoder over the same tiles, already in memory, with both cores
    ingest     mask, grid, reading and embedding of a slide that is not in the cache, encoder loaded beforehand
    reads      bare `OpenSlide.read_region` of the same regions, one thread
    tiling     `read_tiles` of the same: RGB arrays of the wanted size, one thread
    cached     a second start: everything is found in the cache

`--tiles` is a budget, spread over the whole tissue, so that the benchmark takes minutes; 0 takes all of the slide's
21,392. The bare encoder sees `--memory` of them, evenly spread, so that they fit into memory: ratios are a tile's.
The thumbnail, mask and grid of a slide take the same time whatever the budget, so a small one shows too large a ratio.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

SIDE, TILE, MPP = 40_000, 256, 0.5
LEVELS = 4


def crops(folder: Path) -> list[np.ndarray]:
    """Real tissue in pieces of 256 × 256, of the images and the slide region in `folder`."""
    pieces = []
    for file in sorted(folder.glob("monuseg_breast/*.png")):
        with Image.open(file) as image:
            pieces.append(np.asarray(image.convert("RGB")))
    if not pieces:
        raise SystemExit(f"no monuseg_breast/*.png below {folder}")
    cut = [p[y : y + TILE, x : x + TILE] for p in pieces for y in (0, 256, 512, 744) for x in (0, 256, 512, 744)]
    return [piece for piece in cut if piece.shape == (TILE, TILE, 3)]


def write_slide(path: Path, folder: Path) -> None:
    """A pyramid whose tiles are drawn from the crops; encoded once, so that writing takes seconds."""
    generator = np.random.default_rng(0)
    pieces = crops(folder)
    glass = np.full((TILE, TILE, 3), 242, dtype=np.uint8)
    per_side = -(-SIDE // TILE)
    y, x = np.mgrid[0:per_side, 0:per_side] / per_side - 0.5
    tissue = np.hypot(x, y) < 0.46
    chosen = np.where(tissue, generator.integers(1, len(pieces) + 1, size=tissue.shape), 0)
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for level in range(LEVELS):
            factor = 4**level
            side = SIDE // factor
            count = -(-side // TILE)
            tiff.write(
                _tiles(chosen, [glass, *pieces], factor=factor, count=count),
                shape=(side, side, 3),
                dtype="uint8",
                photometric="rgb",
                tile=(TILE, TILE),
                compression="jpeg",
                compressionargs={"level": 85},
                resolution=(1e4 / MPP / factor,) * 2,
                resolutionunit="CENTIMETER",
                subfiletype=1 if level else 0,
                metadata=None,
                software=False,
            )


def _tiles(chosen: np.ndarray, pieces: list[np.ndarray], *, factor: int, count: int) -> Iterator[np.ndarray]:
    """Tiles of one level, row by row: `factor` × `factor` pieces, each reduced, make one."""
    small = [np.asarray(Image.fromarray(piece).reduce(factor)) if factor > 1 else piece for piece in pieces]
    for row in range(count):
        for column in range(count):
            part = chosen[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            part = np.pad(part, [(0, factor - length) for length in part.shape])
            yield np.concatenate([np.concatenate([small[piece] for piece in line], axis=1) for line in part], axis=0)


def settings(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings
    from data_modules.ingest.slides.ingest import IngestSettings
    from data_modules.ingest.slides.settings import TileSettings
    from data_modules.ingest.slides.slide_facts import SlideRequest

    embedding = EmbeddingSettings(encoder=options.encoder, weights=options.weights, batch=32)
    tile = TileSettings(size=224, mpp=MPP, max_tiles=options.tiles or None)
    ingest = IngestSettings(tile=tile, stain=options.stain, embed=embedding.key())
    return SlideRequest(path=options.slide), ingest, embedding


def measure_ingest(options: argparse.Namespace) -> dict[str, float]:
    from data_modules.ingest.slides.slide_set import ingest_slides

    request, ingest, embedding = settings(options)
    loaded = embedding.load()
    object.__setattr__(embedding, "load", lambda: loaded)
    loaded.embed(np.zeros((32, 3, 224, 224), dtype=np.uint8))  # threads and kernels are there
    cache = options.slide.parent / f"cache_{time.time_ns()}"
    from data_modules.ingest.slides.ingest import entry_for

    entry_for(request, ingest, cache=cache)  # the slide's hash, remembered
    begin, used = time.perf_counter(), time.process_time()
    found = ingest_slides([request], ingest, cache=cache, progress=_silent, embedding=embedding)
    seconds, used = time.perf_counter() - begin, time.process_time() - used
    number = len(next(iter(found.entries.values())).coords())
    return {
        "seconds": seconds,
        "cpu_seconds": used,
        "tiles": number,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def measure_forward(options: argparse.Namespace) -> dict[str, float]:
    _, _, embedding = settings(options)
    loaded = embedding.load()
    tiles = _in_memory(options)
    loaded.embed(tiles[:32])
    begin, used = time.perf_counter(), time.process_time()
    loaded.embed(tiles)
    return {
        "seconds": time.perf_counter() - begin,
        "cpu_seconds": time.process_time() - used,
        "tiles": len(tiles),
    }


def measure_reads(options: argparse.Namespace) -> dict[str, float]:
    """Bare reads and ours, alternating in blocks so that both see the same machine and neither a warm cache."""
    import openslide

    from data_modules.ingest.slides.tiles import read_tiles

    grid, size = _grid(options), 224
    bare, ours = [], []
    for block in np.array_split(np.arange(len(grid.coords)), 6):
        part = grid.take(block)
        for kind in ("bare", "ours") if len(bare) % 2 else ("ours", "bare"):
            with openslide.OpenSlide(str(options.slide)) as slide:
                slide.read_region((0, 0), 3, (64, 64))
                begin = time.perf_counter()
                if kind == "bare":
                    for x, y in part.coords:
                        slide.read_region((int(x), int(y)), 0, (size, size))
                    bare.append((time.perf_counter() - begin) / len(block))
                else:
                    for _ in read_tiles(slide, part, size=size):
                        pass
                    ours.append((time.perf_counter() - begin) / len(block))
    ratio = statistics.median(b / o for b, o in zip(bare, ours, strict=True))
    return {"bare_per_s": 1 / statistics.median(bare), "tiling_per_s": 1 / statistics.median(ours), "ratio": ratio}


def measure_cached(options: argparse.Namespace) -> dict[str, float]:
    from data_modules.ingest.slides.slide_set import ingest_slides

    request, ingest, embedding = settings(options)
    cache = max(options.slide.parent.glob("cache_*"))
    begin = time.perf_counter()
    found = ingest_slides([request], ingest, cache=cache, progress=_silent, embedding=embedding)
    rows = next(iter(found.entries.values())).embeddings()[np.arange(24)]
    return {"seconds": time.perf_counter() - begin, "finite": float(np.isfinite(rows).all())}


def _grid(options: argparse.Namespace) -> Any:
    from data_modules.ingest.slides.ingest import reading, slide_seed, survey_slide

    request, ingest, _ = settings(options)
    with reading(request) as (slide, facts):
        return survey_slide(slide, facts, ingest, seed=slide_seed(request, cache=options.slide.parent)).grid


def _in_memory(options: argparse.Namespace) -> np.ndarray:
    from data_modules.ingest.slides.slide_files import open_slide
    from data_modules.ingest.slides.tiles import read_tiles

    request, _, _ = settings(options)
    grid = _grid(options)
    grid = grid.take(np.unique(np.linspace(0, len(grid.coords) - 1, options.memory).astype(np.int64)))
    out = np.empty((len(grid.coords), 224, 224, 3), dtype=np.uint8)
    slide, _ = open_slide(request)
    for place, tile in enumerate(read_tiles(slide, grid, size=224)):
        out[place] = tile
    slide.close()
    # A view: in memory the channels stay last, as ingest hands them to the encoder.
    return out.transpose(0, 3, 1, 2)


def _silent(step: str, done: int, total: int) -> None:
    pass


def _run(name: str, options: argparse.Namespace) -> dict[str, float]:
    """In a process of its own, so that peak memory and caches are its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, float] = pool.apply(globals()[f"measure_{name}"], (options,))
    print(name, json.dumps({key: round(value, 3) for key, value in found.items()}), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=Path, required=True, help="folder with monuseg_breast/*.png")
    parser.add_argument("--tiles", type=int, default=3000)
    parser.add_argument("--memory", type=int, default=2000, help="tiles that the bare encoder sees")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--stain", default="none")
    parser.add_argument("--weights", default=None, help="null: random weights; the time is the same")
    options = parser.parse_args()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        options.slide = Path(folder) / "large.tif"
        begin = time.perf_counter()
        write_slide(options.slide, options.crops)
        print(
            f"slide of {options.slide.stat().st_size / 1e6:.0f} MB in {time.perf_counter() - begin:.0f} s", flush=True
        )
        if options.weights is None and options.encoder.startswith("resnet"):
            options.weights = _random_weights(Path(folder), options.encoder)
        _run("reads", options)
        for _ in range(options.pairs):
            ingest, forward = _run("ingest", options), _run("forward", options)
            for key in ("seconds", "cpu_seconds"):
                ratio = (ingest[key] / ingest["tiles"]) / (forward[key] / forward["tiles"])
                print(f"ingest over bare forward, {key} a tile: {ratio:.3f}", flush=True)
        _run("cached", options)


def _random_weights(folder: Path, encoder: str) -> str:
    from safetensors.torch import save_file

    from data_modules.ingest.slides.embed.frozen_encoders import monai_resnet

    save_file(monai_resnet(encoder).state_dict(), folder / "weights.safetensors")
    return str(folder / "weights.safetensors")


if __name__ == "__main__":
    main()
