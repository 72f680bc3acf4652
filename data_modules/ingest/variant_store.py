"""The columnar store of variants: what every reader (VCF, MAF) writes and every variant feature is computed from.

A store is a folder, one per origin:

    variants.parquet   one row a variant, split and in minimal representation, in genome order:
                         contig       1…22, X, Y, MT, without ``chr``
                         position     1-based, int32
                         ref, alt     plus strand
                         gene         HGNC symbols, ``;`` between several; null where intergenic or not annotated
                         consequence  a class of `data_modules.ingest.annotation.CLASSES`, null where not annotated
                         aachange     protein change as annotated, null where there is none
                         origin       ``somatic`` or ``germline``, the same in all rows
                         file         input file it was first seen in
    dosage.npy         (variant, sample) int8: alternate alleles 0, 1, 2; `MISSING`; `NOT_LISTED`
    samples.json       names in the order of the columns
    qc.json            sites and genotypes read, kept and dropped, by reason
    meta.json          format, build, origin, settings, hash of the input

Nothing in it is computed across patients.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.contract import FusionError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FORMAT = 1
MISSING = -1
"""No call, or a call that a filter of its own (GQ, DP) dropped."""
NOT_LISTED = -2
"""None of the sample's files lists the site; `absent_is` says what that means."""

COLUMNS = ("contig", "position", "ref", "alt", "gene", "consequence", "aachange", "origin", "file")
CONTIGS = (*map(str, range(1, 23)), "X", "Y", "MT")


@dataclass(frozen=True, kw_only=True)
class VariantStore:
    """A store opened for reading; the matrix stays on disk until it is touched.

    Attributes:
        folder: where it lies.
        variants: see the module.
        dosage: (variant, sample) int8.
        samples: names of the columns of `dosage`.
        qc: counts by reason.
        meta: format, build, origin, settings, hash.
    """

    folder: Path
    variants: pd.DataFrame
    dosage: NDArray[np.int8]
    samples: tuple[str, ...]
    qc: Mapping[str, Any]
    meta: Mapping[str, Any]

    @property
    def origin(self) -> str:
        return str(self.meta["origin"])

    @property
    def build(self) -> str:
        return str(self.meta["build"])

    @classmethod
    def open(cls, folder: Path) -> VariantStore:
        """Open what `write_store` wrote.

        Raises:
            FusionError: the folder holds no store, or one that a newer version wrote.
        """
        import pandas as pd

        try:
            meta = _read_json(folder / "meta.json")
            if meta["format"] > FORMAT:
                raise FusionError(f"{folder}: a newer version of this package wrote these variants; delete the folder")
            return cls(
                folder=folder,
                variants=pd.read_parquet(folder / "variants.parquet"),
                dosage=np.load(folder / "dosage.npy", mmap_mode="r", allow_pickle=False),
                samples=tuple(_read_json(folder / "samples.json")),
                qc=_read_json(folder / "qc.json"),
                meta=meta,
            )
        except (OSError, ValueError, KeyError) as error:
            raise FusionError(f"{folder}: not a store of variants, or a damaged one ({error}); delete it") from error


def write_store(
    folder: Path,
    *,
    variants: pd.DataFrame,
    dosage: NDArray[np.int8],
    samples: Sequence[str],
    qc: Mapping[str, Any],
    meta: Mapping[str, Any],
) -> None:
    """Write a store into `folder`, which is made where it is missing.

    Args:
        folder: for atomicity, a partial folder of `data_modules.ingest.cache.CacheEntry.build`.
        variants: `COLUMNS`, one row a variant; sorted here into genome order.
        dosage: (variant, sample), rows as in `variants`.
        samples: names of the columns.
        qc: JSON-able counts.
        meta: JSON-able; must hold ``build`` and ``origin``.

    Raises:
        ValueError: shapes disagree, a column lacks, or a variant is there twice.
    """
    if list(variants.columns) != list(COLUMNS):
        raise ValueError(f"columns are {list(variants.columns)}, not {list(COLUMNS)}")
    if dosage.shape != (len(variants), len(samples)):
        raise ValueError(f"dosage is {dosage.shape}, not {(len(variants), len(samples))}")
    if variants.duplicated(["contig", "position", "ref", "alt"]).any():
        raise ValueError("a variant is there twice")
    place = variants["contig"].map({contig: index for index, contig in enumerate(CONTIGS)})
    order = np.lexsort((variants["alt"], variants["ref"], variants["position"], place))
    folder.mkdir(parents=True, exist_ok=True)
    ordered = variants.iloc[order].reset_index(drop=True)
    ordered = ordered.astype({name: "string" for name in COLUMNS if name != "position"} | {"position": "int32"})
    ordered.to_parquet(folder / "variants.parquet", index=False)
    np.save(folder / "dosage.npy", np.ascontiguousarray(dosage[order], dtype=np.int8), allow_pickle=False)
    for name, content in (("samples", list(samples)), ("qc", dict(qc)), ("meta", {"format": FORMAT, **meta})):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def variant_names(variants: pd.DataFrame) -> list[str]:
    """``17:7675088:C>T`` for each row: the name a variant has in features, whatever its file's contig spelling."""
    return [
        f"{contig}:{position}:{ref}>{alt}"
        for contig, position, ref, alt in zip(
            variants["contig"], variants["position"], variants["ref"], variants["alt"], strict=True
        )
    ]


def plain_contig(name: str) -> str:
    """``chr1`` → ``1``, ``chrM`` and ``M`` → ``MT``, ``23`` → ``X``, ``24`` → ``Y``; others lose ``chr`` only."""
    bare = name[3:] if name[:3].lower() == "chr" else name
    return {"M": "MT", "23": "X", "24": "Y", "25": "MT"}.get(bare, bare)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
