"""Files under names by which Hail knows what they are: it goes by endings, and reads a path as a glob."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_modules.ingest.variants.files.mended import mended_lines, needs_mending
from data_modules.ingest.variants.files.vcf import VcfFacts

_ENDINGS = {"plain": (".vcf",), "gzip": (".vcf.gz",), "bgzip": (".vcf.bgz", ".vcf.gz")}
_PLAIN = re.compile(r"[\w./+=@~-]+")


def placed(file: Mapping[str, Any], folder: Path, name: str) -> tuple[str, str]:
    """The path that Hail reads a file by, and its compression.

    Args:
        file: of a job.
        folder: where links and mended copies go.
        name: of them, without an ending.
    """
    path, facts = Path(file["path"]), VcfFacts(**file["facts"])
    folder.mkdir(parents=True, exist_ok=True)
    if needs_mending(facts):
        import pysam

        copy = folder / f"{name}.vcf.bgz"
        with pysam.BGZFile(str(copy), "wb", index=None) as out:
            for line in mended_lines(path, facts):
                out.write(line + b"\n")
        return str(copy), "bgzip"
    kind = str(file["compression"])
    if path.name.endswith(_ENDINGS[kind]) and _PLAIN.fullmatch(str(path)):
        return str(path), kind
    link = folder / f"{name}{_ENDINGS[kind][0]}"
    link.symlink_to(path)
    return str(link), kind
