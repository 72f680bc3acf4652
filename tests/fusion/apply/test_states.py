"""Tables that lack what a model reads are refused before ingest."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data_modules.modalities.tables.features import Features
from fusion.apply.states import refuse_lacking
from fusion.contract import FusionError
from fusion.run.state import save_state


def modality(root: Path, text: str) -> Features:
    (root / "rna.csv").write_text(text)
    source: Any = SimpleNamespace(root=root, name="invented")
    return Features(name="rna", source=source, file="rna.csv", id="who", time="baseline")


def test_a_wide_table_without_a_column_that_a_member_reads(tmp_path: Path) -> None:
    trained = modality(tmp_path, "who,TP53,ESR1\nA,1,2\nB,3,5\nC,4,1\nD,2,2\n")
    fitted = trained.fit(["A", "B", "C", "D"], np.array([0, 1, 0, 1]))
    fold = tmp_path / "fold0"
    save_state(fold / "modalities" / "member1", "rna", fitted.state())
    (fold / "modalities" / "member2").mkdir()  # which reads other modalities alone
    ingested = object()  # of what goes through ingest nothing is asked
    setup: Any = SimpleNamespace(modalities={"rna": trained, "variants": ingested}, readings=None)
    refuse_lacking([fold], setup)
    less = modality(tmp_path, "who,TP53,other\nX,1,2\n")
    setup.modalities["rna"] = less
    with pytest.raises(FusionError, match=r"rna.csv lacks columns the model was trained with: ESR1. Add them"):
        refuse_lacking([fold], setup)
    with pytest.raises(FusionError, match="lacks columns the model was trained with: ESR1"):
        less.restore(fitted.state())
    setup.modalities["rna"] = modality(tmp_path, "who,TP53,ESR1\nX,1,\n")  # as it says
    refuse_lacking([fold], setup)
