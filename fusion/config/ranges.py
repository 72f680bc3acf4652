"""Which numbers a key may hold, for keys that are no field of settings with ranges of their own.

A number outside its range would be told after hours at best, and at worst by nobody: a learning rate below 0 trains.
Arms' grids, encoders and fusers of a user's own keep their own rules: a parameter is looked up by its name in `model`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fusion.contract.settings import Range

_COUNT, _WHOLE = Range(low=1), Range(low=0)
_PART, _POSITIVE = Range(low=0, below=1), Range(above=0)
_SEED = Range(low=0, high=2**32 - 1)

RANGES: Mapping[str, Range] = {
    "seed": _SEED,
    "workers": _COUNT,
    "permutations": _COUNT,
    "min_match": Range(low=0, high=1),
    "port": Range(low=0, high=65535),
    "evaluation.seed": _SEED,
    "evaluation.draws": _COUNT,
    "evaluation.margin": Range(below=1),
    "ray.cpus": _POSITIVE,
    "ray.gpus": _WHOLE,
    "ray.retries": _WHOLE,
    "slurm.cpus": _COUNT,
    "slurm.gpus": _WHOLE,
    "slurm.minutes": _COUNT,
    "slurm.memory_gb": _POSITIVE,
    "slurm.retries": _WHOLE,
    "trainer.max_epochs": _COUNT,
    "trainer.min_epochs": _WHOLE,
    "trainer.patience": _WHOLE,
    "trainer.smoothing": _PART,
    "trainer.learning_rate": _POSITIVE,
    "trainer.encoder_learning_rate": _POSITIVE,
    "trainer.weight_decay": _WHOLE,
    "trainer.warmup": _PART,
    "trainer.gradient_clip": _WHOLE,
    "trainer.auxiliary": _WHOLE,
    "trainer.seeds": _COUNT,
    "trainer.devices": _COUNT,
    "trainer.accumulate": _COUNT,
    "datamodule.batch_size": _COUNT,
    "datamodule.tiles_per_patient": _COUNT,
    "datamodule.validation_tiles": _COUNT,
    "model.width": _COUNT,
    "model.modality_dropout": _PART,
    "model.auxiliary": _WHOLE,
}
"""By the whole key, in any command."""

OF_PARTS: Mapping[str, Range] = {
    **dict.fromkeys(("dropout", "label_smoothing"), _PART),
    "clip": _POSITIVE,
    **dict.fromkeys(("jitter", "stain_jitter", "rank", "trainable_from"), _WHOLE),
    **dict.fromkeys(("heads", "layers", "blocks", "hidden", "order", "chunk", "intervals"), _COUNT),
    **dict.fromkeys(("pieces", "neighbours", "bottlenecks", "latents"), _COUNT),
}
"""By the last name, of encoders, the fuser and the head."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "trainer.optimiser": ("adam", "adamw"),
    "trainer.schedule": ("constant", "cosine"),
}


def out_of_range(config: Any) -> list[str]:
    """Every number outside its range and every word that is no choice, one sentence each."""
    return [*_problems(config, ""), *_undivided(config.get("model"))]


def _undivided(model: Any) -> Iterable[str]:
    """Heads of attention share the width of a token."""
    if not isinstance(model, Mapping) or not isinstance(width := model.get("width"), int):
        return
    encoders = model.get("encoders") or {}
    parts = {"fuser": model.get("fuser"), **{f"encoders.{name}": part for name, part in encoders.items()}}
    for name, part in parts.items():
        heads = part.get("heads") if isinstance(part, Mapping) and part.get("conv") in (None, "gatv2") else None
        if isinstance(heads, int) and heads > 0 and width % heads:
            yield f"model.{name}.heads is {heads}; model.width={width} must be a multiple of it."


def _problems(node: Mapping[str, Any], at: str) -> Iterable[str]:
    for name, value in node.items():
        key = f"{at}{name}"
        if isinstance(value, Mapping):
            yield from _problems(value, f"{key}.")
        elif key in WORDS and isinstance(value, str) and value not in WORDS[key]:
            yield f"{key} is {value!r}; choose {' or '.join(WORDS[key])}."
        elif isinstance(value, int | float) and not isinstance(value, bool):
            part = OF_PARTS.get(str(name)) if key.startswith("model.") else None
            mark = RANGES.get(key, part)
            against = None if mark is None else mark.against(value)
            if against is not None:
                yield f"{key} {against}."
