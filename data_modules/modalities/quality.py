"""What ingest found, told to the report by numbers: from the tables that it leaves beside its results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from data_modules.modalities.outliers import SLIDE_FACTS, VOLUME_FACTS, outlier_line
from fusion.contract import Quality

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from data_modules.modalities.account import Account

_COUNTED = ("sites", "genotypes", "samples", "filter_values")
_ARTEFACTS = {"pen_share": "pen", "fold_share": "fold", "blur_share": "blur", "bubble_share": "air bubble"}


def store_quality(folder: Path, origin: str) -> Quality:
    """Of a variant store: its counts by reason, and the figure of its samples where its ingest drew one."""
    qc = json.loads((folder / "qc.json").read_text(encoding="utf-8"))
    counts: dict[str, Mapping[str, int]] = {part: qc[part] for part in _COUNTED if part in qc}
    figure = folder / "samples.png"
    notes: dict[str, str] = dict(qc.get("inputs", {}))
    if "dialects" in qc:
        notes["dialect"] = ", ".join(sorted(set(qc["dialects"].values())))
    return Quality(
        title=f"{origin} variants",
        counts=counts,
        notes=notes,
        figure=figure if figure.is_file() else None,
        folder=folder,
        said=tuple(qc.get("said", ())),
    )


def slide_quality(folder: Path, account: Account) -> Quality:
    """Of a slide set's ``quality.csv`` and of what was found."""
    table = _table(folder)
    read = table[table["error"].isna()]
    notes = {}
    if len(read):
        area = read["tissue_mm2"].astype(float)
        notes["tissue"] = f"{area.median():.3g} mm² a slide in the median ({area.min():.3g} to {area.max():.3g})"
        found = {word: int((read[column].astype(float) > 0).sum()) for column, word in _ARTEFACTS.items()}
        told = [f"{word} on {count} slide{'' if count == 1 else 's'}" for word, count in found.items() if count]
        notes["left out of masks"] = ", ".join(told) or "nothing"
    counts = {
        "files": account.counts,
        "slides": {"read": len(read), "failed": len(table) - len(read)},
        "tiles": {"possible": _total(read, "tiles_possible"), "kept": _total(read, "tiles_kept")},
    }
    return Quality(
        title="slides",
        counts=counts,
        notes=notes,
        folder=folder,
        said=outlier_line(folder, SLIDE_FACTS, key=account.key),
    )


def volume_quality(folder: Path, account: Account) -> Quality:
    """Of a volume set's ``quality.csv`` and of what was found."""
    table = _table(folder)
    failed = int(table["error"].notna().sum())
    counts = {
        account.noun: account.counts,
        "volumes": {"read": len(table) - failed},
        "patients": {"failed": failed},
    }
    said = outlier_line(folder, VOLUME_FACTS, key=account.key)
    return Quality(title="volumes", counts=counts, folder=folder, said=said)


def _table(folder: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(folder / "quality.csv", dtype={"error": object})


def _total(table: pd.DataFrame, column: str) -> Any:
    return int(table[column].fillna(0).sum()) if column in table else 0
