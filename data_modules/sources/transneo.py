"""TransNEO (Sammut et al., Nature 2022): what of its clinical table a model may use, in a usable shape.

Most of `clinical.csv` is used as it is; only the regimen is one text for several facts.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from data_modules.errors import AbsentFileError
from fusion.contract import FusionError

FILE = "clinical.csv"
_ANTHRACYCLINE = ("FEC", "EC")
_ANTI_HER2 = ("Trastuzumab", "Pertuzumab")


class RegimenError(FusionError):
    """A regimen that the rules do not read."""


class NoRegimenError(RegimenError, AbsentFileError):
    """The file or its column of regimens is not there."""


def regimens(root: Path) -> pd.DataFrame:
    """The planned regimen (`NAT.regimen`, fixed before therapy) as facts.

    ``T-FEC + Trastuzumab`` is docetaxel, then FEC, with trastuzumab. Of the drugs before the ``+``, in their order: T
    (docetaxel), P (paclitaxel), TC (docetaxel with cyclophosphamide), FEC and EC (epirubicin), Carboplatin.

    Args:
        root: the cohort's folder, with `FILE`.

    Returns:
        Index patient_id; ``taxane_first``, ``anthracycline``, ``platinum``, ``anti_her2``: ``yes`` or ``no``. All
        HER2-positive patients and two of the 103 others were given anti-HER2 drugs: no effect of these can be told
        from that of HER2.

    Raises:
        RegimenError: the file lacks a column, or a regimen names an unknown drug.
    """
    path = root / FILE
    if not path.is_file():
        raise NoRegimenError(f"no such file: {path}; set cohort.root to the folder of the TransNEO files")
    table = pd.read_csv(path, dtype="string")
    lacking = {"Donor.ID", "NAT.regimen"} - set(table.columns)
    if lacking:
        raise NoRegimenError(f"{path} has no column {sorted(lacking)}; it has {list(table.columns)[:4]}, …")
    rows = [
        _facts(str(text), f"{path}, patient {who}")
        for who, text in zip(table["Donor.ID"], table["NAT.regimen"], strict=True)
    ]
    return pd.DataFrame(rows, index=pd.Index(table["Donor.ID"].astype(object), name="patient_id"))


def _facts(text: str, where: str) -> dict[str, str]:
    chemotherapy, *others = (part.strip() for part in text.split("+"))
    drugs = chemotherapy.split("-")
    unknown = [drug for drug in drugs if drug not in ("T", "P", "TC", "Carboplatin", *_ANTHRACYCLINE)]
    unknown += [drug for drug in others if drug not in _ANTI_HER2]
    if unknown:
        raise RegimenError(f"{where}: NAT.regimen {text!r} names {', '.join(unknown)}, which the rules do not know")
    facts = {
        "taxane_first": drugs[0] in ("T", "P", "TC"),
        "anthracycline": any(drug in _ANTHRACYCLINE for drug in drugs),
        "platinum": "Carboplatin" in drugs,
        "anti_her2": bool(others),
    }
    return {name: "yes" if value else "no" for name, value in facts.items()}
