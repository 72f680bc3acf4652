"""Attribution against the truth of a simulated cohort: are the driving variants and the driving tissue found?

Only this module reads the truth, and only after every patient is explained.

Definitions, fixed on a cohort of another seed than those reported:

- *Variants*: per patient with driving variants, each gene that was a candidate in their fold is a case; it is positive
  where the patient carries a driving variant in it. The score of a gene is the size of its attribution, 0 where no
  member selected it. The figure is the mean over patients of the AUROC within a patient. The *strict* figure beside it
  leaves out all genes that no member selected, but not the driving ones: each of these is then below all others.
- *Tiles*: per patient whose slide has driving tissue and other tissue, a tile is positive where at least half of it is
  driving. The score of a tile is its attribution in the direction in which the patient's slide as a whole moved the
  model (the sign of the sum over tiles), for the same tissue speaks for response in one patient and against in another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from fusion.attribution.faithfulness import interval
from fusion.contract import FusionError

if TYPE_CHECKING:
    from fusion.attribution.plan import Patient


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What drives response in a simulated cohort.

    Attributes:
        genes: patient → genes with a variant that drives.
        regions: folder of ``<patient>.npy``, labels ``(row, column)``.
        cell: side of a label's cell in microns.
        driving: the label of driving tissue.
    """

    genes: Mapping[str, frozenset[str]]
    regions: Path
    cell: float
    driving: int

    def driving_share(self, patient: str, *, x: float, y: float, side: float) -> float | None:
        """Share of a tile that is driving tissue; corner and side in microns. None without a region file."""
        labels = self._labels(patient)
        if labels is None:
            return None
        rows = slice(int(y // self.cell), int(np.ceil((y + side) / self.cell)))
        columns = slice(int(x // self.cell), int(np.ceil((x + side) / self.cell)))
        cells = labels[rows, columns]
        return float((cells == self.driving).mean()) if cells.size else 0.0

    def _labels(self, patient: str) -> NDArray[Any] | None:
        path = self.regions / f"{patient}.npy"
        return np.load(path, allow_pickle=False) if path.is_file() else None


def check_truth(setting: str | None) -> None:
    """Refuse, before any long work, a folder that holds no truth; nothing of a truth is read here.

    Raises:
        FusionError: naming the folder.
    """
    if setting not in (None, "auto") and not (Path(str(setting)) / "variants.tsv").is_file():
        raise FusionError(f"truth={setting}: holds no truth of a simulated cohort (no variants.tsv).")


def find_truth(setting: str | None, root: Path | None) -> Truth | None:
    """The truth that ``truth=auto|<folder>|null`` asks for.

    Args:
        setting: ``auto`` looks beside the cohort's root.
        root: of the cohort, where it has one.

    Raises:
        FusionError: a folder was named and holds no truth.
    """
    if setting is None:
        return None
    folder = Path(setting) if setting != "auto" else None if root is None else root.with_name(f"{root.name}.truth")
    check_truth(setting)
    if folder is None or not (folder / "variants.tsv").is_file():
        return None
    variants = pd.read_csv(folder / "variants.tsv", sep="\t", dtype=str)
    legend = json.loads((folder / "regions.json").read_text(encoding="utf-8"))
    return Truth(
        genes={str(one): frozenset(part["gene"]) for one, part in variants.groupby("patient_id")},
        regions=folder / "regions",
        cell=float(legend["microns_per_cell"]),
        driving=int(legend["labels"][legend["driving"]]),
    )


def score_variants(
    truth: Truth,
    table: pd.DataFrame,
    patients: Sequence[Patient],
    candidates: Mapping[int, frozenset[str]] | None = None,
) -> dict[str, float]:
    """Patient → AUROC of driving genes, for those who have both kinds.

    Args:
        truth: of the cohort.
        table: rows of attributions.parquet.
        patients: explained.
        candidates: fold's place → genes that selection could choose from; None gives the strict figure.
    """
    rows = table[table["gene"].notna()].groupby(["patient", "gene"])["attribution"].sum().abs()
    found = {}
    for patient in patients:
        driving = truth.genes.get(patient.id, frozenset())
        if not driving or patient.name not in rows.index.get_level_values(0):
            continue
        scores = rows.loc[patient.name].to_dict()
        others = candidates.get(patient.fold, frozenset()) if candidates is not None else frozenset()
        scores |= {gene: 0.0 for gene in driving | others if gene not in scores}
        value = auroc(np.array([gene in driving for gene in scores]), np.array(list(scores.values())))
        if value is not None:
            found[patient.id] = value
    return found


def score_tiles(
    truth: Truth, table: pd.DataFrame, patients: Sequence[Patient], sides: Mapping[str, Any], *, by: str = "attribution"
) -> dict[str, float]:
    """Patient → AUROC of driving tiles, for those who have both kinds.

    Args:
        truth: of the cohort.
        table: rows of attributions.parquet.
        patients: explained.
        sides: patient's name → side of a tile and microns per level-0 pixel.
        by: ``attribution`` (directed, see above), ``size`` (its absolute value) or ``attention``.
    """
    tiles = table[table["feature"].str.startswith("tile:")]
    found = {}
    for patient in patients:
        rows = tiles[tiles["patient"] == patient.name]
        if rows.empty or patient.name not in sides:
            continue
        side, mpp = sides[patient.name]
        share = [
            truth.driving_share(patient.id, x=x * mpp, y=y * mpp, side=side)
            for x, y in zip(rows["x"], rows["y"], strict=True)
        ]
        if None in share:
            continue
        values = rows["attribution"].to_numpy(dtype=np.float64)
        score = {
            "attribution": values * (np.sign(values.sum()) or 1.0),
            "size": np.abs(values),
            "attention": rows["attention"].to_numpy(dtype=np.float64),
        }[by]
        value = auroc(np.array(share, dtype=np.float64) >= 0.5, score)
        if value is not None:
            found[patient.id] = value
    return found


def summary(values: Mapping[str, float], *, draws: int, seed: int) -> dict[str, Any]:
    """Mean over patients with a 95 % bootstrap interval over patients."""
    return interval(list(values.values()), draws=draws, seed=seed)


def auroc(label: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    """Area under the ROC curve by ranks, ties half; None with one class."""
    positive, negative = int(label.sum()), int((~label).sum())
    if not positive or not negative:
        return None
    return float((rankdata(score)[label].sum() - positive * (positive + 1) / 2) / (positive * negative))
