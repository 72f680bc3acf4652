"""``embed.weights=<run folder>``: the tile encoder that a run of this package trained, as a frozen encoder of tiles.

Of the run's networks it is the first fold's first: one network, which saw part of the run's images. Patients of the run
must not be among those that the new model is tested on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_modules.ingest.slides.embed.known_encoders import KnownEncoder
from fusion.contract import FusionError
from fusion.contract.places import modernise

_CLASSES = {
    "cnn": "fusion.encoders.images.cnn.TileCNN",
    "efficientnet_lite0": "fusion.encoders.images.efficientnet.TileEfficientNet",
    **dict.fromkeys(("resnet18", "resnet34", "resnet50"), "fusion.encoders.images.resnet.TileResNet"),
}
"""Frozen encoder → the class that trains it, as a run's config.yaml names it."""


@dataclass(frozen=True, kw_only=True)
class RunWeights:
    """A trained tile encoder.

    Attributes:
        file: the network that holds it.
        prefix: of its keys there.
        changes: fields of the table's `KnownEncoder` that this run had otherwise, e.g. the mean of its channels.
        options: of the constructor of its class.
    """

    file: Path
    prefix: str
    changes: Mapping[str, Any]
    options: Mapping[str, Any]

    def facts(self, known: KnownEncoder) -> KnownEncoder:
        """The table's row, as this run had it."""
        return replace(known, **self.changes, options={**known.options, **self.options})


def is_run(weights: str) -> bool:
    """Whether `weights` names a folder, which can only be a run's."""
    return Path(weights).expanduser().is_dir()


def find_run(weights: str, *, encoder: str) -> RunWeights:
    """The encoder `encoder` of a finished run.

    Raises:
        FusionError: the folder is no run's, or the run trained no such encoder, or one that cannot be frozen.
    """
    run = Path(weights).expanduser()
    if not (run / "run.json").is_file():
        raise FusionError(f"weights={weights!r} is a folder, but no run folder (no run.json).")
    if encoder not in _CLASSES:
        raise FusionError(
            f"weights={weights!r} is a run folder, and {encoder} is not trained by runs. Set encoder to one of "
            f"{', '.join(sorted(_CLASSES))}."
        )
    found = sorted(run.glob("models/*/fusion/member0.safetensors"))
    if not found:
        raise FusionError(f"weights={weights!r}: the run keeps no network of the arm fusion. Set it to a finished run.")
    encoders = _encoders(run)
    name = next((name for name, node in encoders.items() if _is(node, encoder)), None)
    if name is None:
        raise FusionError(
            f"weights={weights!r}: the run trained {', '.join(map(_said, encoders.values())) or 'no encoder'}, not "
            f"{encoder} ({_CLASSES[encoder]}). Set encoder to what it trained."
        )
    node = encoders[name]
    # Where the class matches colours unless told otherwise, a resolved config.yaml may be silent about it.
    if node.get("match_colours", encoder != "efficientnet_lite0"):
        raise FusionError(
            f"weights={weights!r}: the run matched colours within each patient ({name}.match_colours), which no tile "
            f"can do by itself. Train with model.encoders.{name}.match_colours=false."
        )
    changes: dict[str, Any] = {key: tuple(map(float, node[key])) for key in ("mean", "std") if node.get(key)}
    options: dict[str, Any] = {}
    if encoder == "cnn":
        options = {key: node[key] for key in ("channels", "norm") if key in node}
        changes |= {"width": int(node["channels"][-1])} if "channels" in node else {}
    return RunWeights(file=found[0], prefix=f"encoders.{name}.", changes=changes, options=options)


def _encoders(run: Path) -> dict[str, Mapping[str, Any]]:
    import yaml

    try:
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        return dict(modernise(config["model"]["encoders"]))
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise FusionError(f"weights: {run / 'config.yaml'} does not say what the run trained ({error}).") from error


def _is(node: Mapping[str, Any], encoder: str) -> bool:
    depth = int(encoder.removeprefix("resnet")) if encoder.startswith("resnet") else None
    return node.get("_target_") == _CLASSES[encoder] and depth in (None, node.get("depth", 18))


def _said(node: Mapping[str, Any]) -> str:
    depth = f" of depth {node['depth']}" if "depth" in node else ""
    return f"{node.get('_target_')}{depth}"
