"""I-SPY2 (Wolf et al., Cancer Cell 2022; imaging of BreastDCEDL): arms and tumours of its tables in a usable shape.

Most of its tables are used as they are; only the control arm is one name for two therapies, and the tumour on MRI is
counted in voxels of each scanner's own size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data_modules.errors import AbsentFileError
from fusion.contract import FusionError

CLINICAL = "clinical.csv"
MRI = "mri.csv"
CONTROL = "Ctr"
_ID = "patient_id"


class Ispy2Error(FusionError):
    """A cell of the I-SPY2 tables that the rules do not read."""


class NoIspy2FileError(Ispy2Error, AbsentFileError):
    """The file or one of its columns is not there."""


def arms(root: Path) -> pd.DataFrame:
    """The arm that the patient was randomised to, the control arm as the two therapies it is.

    Controls with HER2-negative and HER2-positive tumours were given different drugs, so ``Ctr`` becomes ``Ctr/HER2-``
    or ``Ctr/HER2+``. Other arms keep their name.

    Args:
        root: the cohort's folder, with `CLINICAL`.

    Returns:
        Index patient_id; ``arm``: text.

    Raises:
        Ispy2Error: the file or a column is absent, or a control's HER2 is neither 0 nor 1.
    """
    table = _read(root, CLINICAL, ("arm", "HER2"))
    control = table["arm"].eq(CONTROL).fillna(False)
    wrong = table[control & ~table["HER2"].isin(["0", "1"])]
    if len(wrong):
        cells = ", ".join(f"{who}: {cell!r}" for who, cell in wrong["HER2"].fillna("").items())
        raise Ispy2Error(f"{root / CLINICAL}: HER2 of controls is to be 0 or 1 ({cells}); it tells their therapy")
    sign = table["HER2"].map({"0": "-", "1": "+"})
    return pd.DataFrame({"arm": table["arm"].where(~control, f"{CONTROL}/HER2" + sign).fillna("")})


def tumours(root: Path) -> pd.DataFrame:
    """The tumour mask of the MRI before therapy in millimetres.

    Args:
        root: the cohort's folder, with `MRI`.

    Returns:
        Index patient_id; ``log_volume``, natural logarithm of the mask's mm³ (voxels × in-plane spacing² × slice
        thickness), and ``log_extent``, of its mm across slices ((last − first + 1) × slice thickness). NaN where a
        part is missing.

    Raises:
        Ispy2Error: the file or a column is absent, or a cell is no positive number, or the last slice is before the
            first.
    """
    columns = ("mask_count", "mask_start", "mask_end", "xy_spacing", "slice_thick")
    table = _read(root, MRI, columns)
    numbers = table.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    # Slices count from 0; all else is a size.
    slices = [name in ("mask_start", "mask_end") for name in columns]
    wrong = table.notna() & (numbers.isna() | (numbers < 0) | ((numbers == 0) & ~np.array(slices)))
    if wrong.to_numpy().any():
        cells = [f"{who}, {name}: {table.loc[who, name]!r}" for name in columns for who in table.index[wrong[name]]]
        raise Ispy2Error(f"{root / MRI}: {len(cells)} cells are no positive number ({'; '.join(cells[:3])})")
    depth = numbers["mask_end"] - numbers["mask_start"] + 1
    if (depth < 1).any():
        raise Ispy2Error(f"{root / MRI}: mask_end is before mask_start of {', '.join(depth.index[depth < 1][:3])}")
    volume = numbers["mask_count"] * numbers["xy_spacing"] ** 2 * numbers["slice_thick"]
    extent = depth * numbers["slice_thick"]
    return pd.DataFrame({"log_volume": np.log(volume), "log_extent": np.log(extent)})


def _read(root: Path, file: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Columns of a table as text, index patient_id."""
    path = root / file
    if not path.is_file():
        raise NoIspy2FileError(f"no such file: {path}; set cohort.root to the folder of the I-SPY2 files")
    table = pd.read_csv(path, dtype="string")
    lacking = {_ID, *columns} - set(table.columns)
    if lacking:
        raise NoIspy2FileError(f"{path} has no column {sorted(lacking)}; it has {list(table.columns)[:4]}, …")
    return table.set_index(pd.Index(table[_ID].astype(object), name=_ID))[list(columns)]
