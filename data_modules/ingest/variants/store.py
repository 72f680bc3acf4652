"""The columnar store of variants: what every reader (VCF, MAF) writes and every variant feature is computed from.

A store is a folder, one per origin:

    variants.parquet   one row a variant, split and in minimal representation, in genome order:
                         contig       1…22, X, Y, MT, without ``chr``
                         position     1-based, int32
                         ref, alt     plus strand
                         gene         HGNC symbols, ``;`` between several; null where intergenic or not annotated
                         consequence  a class of `data_modules.ingest.variants.consequences`, null where not annotated
                         aachange     protein change as annotated, null where there is none
                         effects      ``GENE=class;…``, the worst class in each of several genes; null where one is hit
                         sift         SIFT score, 0 damaging to 1 tolerated; null where not predicted
                         polyphen     PolyPhen-2 score, 0 benign to 1 damaging; null where not predicted
                         cadd         CADD phred; null where not given
                         origin       ``somatic`` or ``germline``, the same in all rows
                         file         input file it was first seen in
    dosage.npy         (variant, sample) int8: alternate alleles 0, 1, 2; `MISSING`; `NOT_LISTED`
    vaf.npz            of somatic carriers with allele depths: row, column and value, the share of reads that bear the
                       alternate allele, float32; absent where the files give no depths
    samples.json       names in the order of the columns
    samples.parquet    quality, one row a sample of the files (`data_modules.ingest.variants.qc`), and samples.png
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

from data_modules.genes.contigs import CONTIGS
from fusion.contract import FusionError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FORMAT = 2
MISSING = -1
"""No call, or a call that a filter of its own (GQ, DP) dropped."""
NOT_LISTED = -2
"""None of the sample's files lists the site; `absent_is` says what that means."""

COLUMNS = ("contig", "position", "ref", "alt", "gene", "consequence", "aachange", "origin", "file")
OPTIONAL = {"effects": "string", "sift": "float32", "polyphen": "float32", "cadd": "float32"}
"""Columns that a writer may leave out, with their types; null then."""
_ROWS = 4096
"""Variants that are copied at once when a store is written."""


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Variant allele fractions of carriers, sparse: `value` stands at (`row`, `column`) of the dosages."""

    row: NDArray[np.int32]
    column: NDArray[np.int32]
    value: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class VariantStore:
    """A store opened for reading; the matrix stays on disk until it is touched.

    Attributes:
        folder: where it lies.
        variants: see the module.
        dosage: (variant, sample) int8.
        samples: names of the columns of `dosage`.
        vaf: allele fractions, None where the files give no depths.
        qc: counts by reason.
        meta: format, build, origin, settings, hash.
    """

    folder: Path
    variants: pd.DataFrame
    dosage: NDArray[np.int8]
    samples: tuple[str, ...]
    vaf: Shares | None
    qc: Mapping[str, Any]
    meta: Mapping[str, Any]

    @property
    def origin(self) -> str:
        """Somatic or germline."""
        return str(self.meta["origin"])

    @property
    def build(self) -> str:
        """Genome build of its positions."""
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
            variants = pd.read_parquet(folder / "variants.parquet")
            lacking = {name: pd.Series(pd.NA, index=variants.index) for name in OPTIONAL if name not in variants}
            return cls(
                folder=folder,
                variants=variants.assign(**lacking).astype({name: OPTIONAL[name] for name in lacking}),
                dosage=np.load(folder / "dosage.npy", mmap_mode="r", allow_pickle=False),
                samples=tuple(_read_json(folder / "samples.json")),
                vaf=_read_shares(folder / "vaf.npz"),
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
    vaf: Shares | None = None,
) -> None:
    """Write a store into `folder`, which is made where it is missing.

    Args:
        folder: for atomicity, a partial folder of `data_modules.ingest.common.cache.CacheEntry.build`.
        variants: `COLUMNS` and any of `OPTIONAL`, one row a variant; sorted here into genome order.
        dosage: (variant, sample), rows as in `variants`.
        samples: names of the columns.
        qc: JSON-able counts.
        meta: JSON-able; must hold ``build`` and ``origin``.
        vaf: allele fractions, rows as in `variants`.

    Raises:
        ValueError: shapes disagree, a column lacks, or a variant is there twice.
    """
    if [name for name in variants.columns if name not in OPTIONAL] != list(COLUMNS):
        raise ValueError(f"columns are {list(variants.columns)}, not {list(COLUMNS)}")
    if dosage.shape != (len(variants), len(samples)):
        raise ValueError(f"dosage is {dosage.shape}, not {(len(variants), len(samples))}")
    if variants.duplicated(["contig", "position", "ref", "alt"]).any():
        raise ValueError("a variant is there twice")
    place = variants["contig"].map({contig: index for index, contig in enumerate(CONTIGS)})
    order = np.lexsort((variants["alt"], variants["ref"], variants["position"], place))
    folder.mkdir(parents=True, exist_ok=True)
    ordered = variants.iloc[order].reset_index(drop=True)
    types = {name: "string" for name in COLUMNS if name != "position"} | {"position": "int32"} | OPTIONAL
    ordered = ordered.reindex(columns=[*COLUMNS, *OPTIONAL]).astype(types)
    ordered.to_parquet(folder / "variants.parquet", index=False)
    _save_rows(folder / "dosage.npy", dosage, order)
    if vaf is not None:
        place_of = np.empty(len(order), dtype=np.int32)
        place_of[order] = np.arange(len(order), dtype=np.int32)
        np.savez(folder / "vaf.npz", row=place_of[vaf.row], column=vaf.column, value=vaf.value)
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


def _save_rows(path: Path, matrix: NDArray[np.int8], order: NDArray[np.intp]) -> None:
    """As `numpy.save` of ``matrix[order]``, without a second matrix in memory."""
    with path.open("wb") as stream:
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.int8)),
            "fortran_order": False,
            "shape": matrix.shape,
        }
        np.lib.format.write_array_header_1_0(stream, header)
        for begin in range(0, len(order), _ROWS):
            rows = order[begin : begin + _ROWS]
            stream.write(np.ascontiguousarray(matrix[rows], dtype=np.int8).tobytes())


def _read_shares(path: Path) -> Shares | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return Shares(row=arrays["row"], column=arrays["column"], value=arrays["value"])


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
