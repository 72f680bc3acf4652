"""Where things that a configuration names have moved: one table, read by whatever instantiates.

Run folders and users' YAML name classes by their place (`_target_`). Those written when a class lay elsewhere are read
as if they named its place of today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOVED = {
    "data_modules.cohort": "data_modules.cohort.source",
    "data_modules.datamodule": "data_modules.batches.datamodule",
    "data_modules.modalities.copy_number": "data_modules.modalities.copy_number.copy_number",
    "data_modules.modalities.features": "data_modules.modalities.tables.features",
    "data_modules.modalities.images": "data_modules.modalities.slides.images",
    "data_modules.modalities.maf_variants": "data_modules.modalities.variants.maf",
    "data_modules.modalities.slides": "data_modules.modalities.slides.slides",
    "data_modules.modalities.table": "data_modules.modalities.tables.table",
    "data_modules.modalities.tile_features": "data_modules.modalities.slides.tile_features",
    "data_modules.modalities.variants": "data_modules.modalities.variants.vcf",
    "data_modules.modalities.volumes": "data_modules.modalities.volumes.volumes",
    "data_modules.selection": "data_modules.learned.selection",
    "data_modules.splits": "data_modules.folds.draw",
    "fusion.encoders.cnn": "fusion.encoders.images.cnn",
    "fusion.encoders.efficientnet": "fusion.encoders.images.efficientnet",
    "fusion.encoders.gene_graph": "fusion.encoders.variants.gene_graph",
    "fusion.encoders.linear": "fusion.encoders.tables.linear",
    "fusion.encoders.mean_mlp": "fusion.encoders.images.mean_mlp",
    "fusion.encoders.mil": "fusion.encoders.images.mil",
    "fusion.encoders.patch_graph": "fusion.encoders.images.patch_graph",
    "fusion.encoders.pathway": "fusion.encoders.variants.pathway",
    "fusion.encoders.piecewise": "fusion.encoders.tables.piecewise",
    "fusion.encoders.resnet": "fusion.encoders.images.resnet",
    "fusion.encoders.snn": "fusion.encoders.tables.snn",
    "fusion.encoders.table": "fusion.encoders.tables.table",
    "fusion.encoders.transformer_mil": "fusion.encoders.images.transformer_mil",
    "fusion.encoders.variant_transformer": "fusion.encoders.variants.variant_transformer",
    "fusion.encoders.variants": "fusion.encoders.variants.features",
    "fusion.encoders.volume_cnn": "fusion.encoders.volumes.cnn",
    "fusion.encoders.volume_resnet": "fusion.encoders.volumes.resnet",
}
"""Module of earlier versions → module of today, of everything that a `_target_` may name."""


def current(target: str) -> str:
    """The place of today of a class or function, e.g. ``fusion.encoders.cnn.TileCNN``; others as they are."""
    module, dot, name = target.rpartition(".")
    return f"{MOVED.get(module, module)}{dot}{name}"


def modernise(node: Any) -> Any:
    """A copy of a configuration (mappings, lists, values) in which every `_target_` is a place of today."""
    if isinstance(node, Mapping):
        return {
            key: current(value) if key == "_target_" and isinstance(value, str) else modernise(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [modernise(value) for value in node]
    return node
