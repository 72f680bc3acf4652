"""Gene sets from a GMT file, with where it comes from and what one may do with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.contract import FusionError


def read_gene_sets(node: Mapping[str, Any], *, key: str, root: Path) -> dict[str, tuple[str, ...]]:
    """Name → genes, in the order of the file.

    Args:
        node: ``file`` (GMT: name, description, genes, tab-separated), ``source`` and ``licence``, which reports show;
            none is shipped with this package.
        key: of the node in the configuration, for messages.
        root: where a relative file starts.

    Raises:
        FusionError: a key is missing, there is no such file, or a line is no gene set.
    """
    lacking = [name for name in ("file", "source", "licence") if not node.get(name)]
    if lacking:
        raise FusionError(f"{key}: {', '.join(lacking)} missing. Give {key}={{file: …, source: …, licence: …}}.")
    path = root / Path(str(node["file"])).expanduser()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FusionError(f"{key}.file: {path} cannot be read ({error}).") from error
    sets: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *rest = line.split("\t")
        genes = tuple(dict.fromkeys(gene for gene in (one.strip() for one in rest[1:]) if gene))
        if not genes or name in sets:
            what = "names a set twice" if name in sets else "needs a name, a description and genes, tab-separated"
            raise FusionError(f"{key}.file: {path}, line {number}: {what}.")
        sets[name] = genes
    return sets
