"""Gene networks and gene sets that encoders are given by config, each with its source and licence; none is shipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.config.candidates import every
from fusion.contract import FusionError

NODES = ("network", "gene_sets")
"""Keys of encoders that name such a file."""


def source_file(node: Mapping[str, Any], *, key: str) -> Path:
    """The path in ``{file, source, licence}``, relative ones from the working directory.

    Raises:
        FusionError: file, source or licence is missing.
    """
    lacking = [name for name in ("file", "source", "licence") if not node.get(name)]
    if lacking:
        raise FusionError(f"{key}: {', '.join(lacking)} missing. Give {key}={{file: …, source: …, licence: …}}.")
    return Path(str(node["file"])).expanduser()


def gene_files(config: Any) -> list[Path]:
    """The files that encoders in use are given, those of all candidates of `choose`."""
    found = [
        Path(str(encoder[key]["file"])).expanduser()
        for one in every(config)
        for name, encoder in one.model.encoders.items()
        for key in NODES
        if name in config.modality and encoder.get(key) is not None
    ]
    return list(dict.fromkeys(found))


def check_gene_files(config: Any) -> None:
    """Look for the files of encoders in use before any long work; a trained model carries what it needs of them.

    Raises:
        FusionError: naming every file that is not there.
    """
    encoders = [item for one in every(config) for item in one.model.encoders.items()]
    problems = []
    for name, encoder in encoders:
        for key in NODES:
            node = encoder.get(key)
            if name in config.modality and node is not None:
                where = f"model.encoders.{name}.{key}"
                path = source_file(node, key=where)
                if not path.is_file():
                    problems.append(f"{where}.file: there is no file {path}. Mend it.")
    if problems:
        raise FusionError("\n".join(dict.fromkeys(problems)))
