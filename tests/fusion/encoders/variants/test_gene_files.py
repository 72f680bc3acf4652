from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.contract import FusionError
from fusion.encoders.variants.gene_files import check_gene_files


def config_of(file: str, *, modality: str = "variants", **changes: Any) -> Any:
    network = {"file": file, "source": "invented", "licence": "CC0"} | changes
    return OmegaConf.create(
        {"modality": {modality: {}}, "model": {"encoders": {"variants": {"network": network}, "slides": {"depth": 18}}}}
    )


def test_a_network_is_looked_for_before_any_work(tmp_path: Path) -> None:
    there = tmp_path / "edges.txt"
    there.write_text("A B\n")
    check_gene_files(config_of(str(there)))
    check_gene_files(config_of("gone.txt", modality="slides"))  # of an encoder that is not used
    with pytest.raises(FusionError, match=r"model\.encoders\.variants\.network\.file: there is no file gone\.txt"):
        check_gene_files(config_of("gone.txt"))
    with pytest.raises(FusionError, match="source, licence missing"):
        check_gene_files(config_of(str(there), source=None, licence=""))
