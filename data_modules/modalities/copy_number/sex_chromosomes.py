"""Copies at genes of X and Y: what is normal there depends on the patient's sex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion.contract import some

if TYPE_CHECKING:
    import pandas as pd

    from data_modules.genes.places import Place

SEX_CHROMOSOMES = frozenset({"X", "Y"})
MALE, FEMALE = "male", "female"


def kept_places(places: Sequence[Place], *, sex_known: bool, key: str) -> tuple[list[Place], list[str]]:
    """Genes whose normal copies are known, and a sentence on those that are left out.

    Args:
        places: of genes.
        sex_known: whether the sex of patients is declared.
        key: config key of the modality.
    """
    out = [place for place in places if place[0] in SEX_CHROMOSOMES]
    if sex_known or not out:
        return list(places), []
    said = (
        f"{len(out)} of {len(places)} genes are on X or Y ({some([place[3] for place in out], 3)}) and left out: one "
        f"copy of X is a loss in a woman and normal in a man. Set {key}.sex to the column that says who is which."
    )
    return [place for place in places if place[0] not in SEX_CHROMOSOMES], [said]


def against_normal(
    copies: pd.DataFrame,
    places: Sequence[Place],
    *,
    sex: Mapping[str, str],
    ploidy: pd.Series[float] | None,
) -> pd.DataFrame:
    """Copies less what is normal: of X in men, and of Y, half of the ploidy; of Y in women nothing is.

    Log2 ratios are left as they are in women; in men nobody knows whether the caller compared with a man.

    Args:
        copies: (patient, ``cn:GENE``), less the ploidy, or log2 ratios.
        places: of these genes.
        sex: patient → `MALE` or `FEMALE`; of others nothing is known.
        ploidy: of each patient; None for log2 ratios.
    """
    of = np.array([sex.get(str(patient), "") for patient in copies.index], dtype=object)
    made = copies.copy()
    for contig, _, _, gene in places:
        if contig not in SEX_CHROMOSOMES:
            continue
        name = f"cn:{gene}"
        known = (of == MALE) | ((of == FEMALE) & (contig == "X"))
        if ploidy is None:
            made[name] = made[name].where((of == FEMALE) & (contig == "X"))
            continue
        half = (ploidy / 2).reindex(made.index)
        made[name] = (made[name] + half.where(of == MALE, 0.0)).where(known)
    return made
