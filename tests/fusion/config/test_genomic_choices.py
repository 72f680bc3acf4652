"""The genomic encoders and copy number as a user chooses them, and their weights on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fusion.config.check import check_command
from fusion.config.files import ConfigError
from fusion.contract import Batch, EndpointSpec, FeatureSpec, ModalityBatch, ModalitySpec
from fusion.network.fitting import load_weights, save_weights
from fusion.network.model import build_model

FILE = "{file: x, source: y, licence: z}"
ENCODER = "model/encoder@model.encoders.variants"


@pytest.mark.parametrize(
    "overrides",
    [
        [f"{ENCODER}=snn"],
        [f"{ENCODER}=variant_transformer"],
        [f"{ENCODER}=gene_graph", f"model.encoders.variants.network={FILE}", "model.encoders.variants.conv=gatv2"],
        [f"{ENCODER}=pathway", f"model.encoders.variants.gene_sets={FILE}"],
        ["modality.variants.selector.method=l1", "modality.variants.selector.by_gene=true"],
        [f"modality.variants.gene_sets_file={FILE}", "modality.variants.germline_frequency=beta"],
        ["+modality@modality.cna=copy_number", "modality.cna.file=x", "+model/encoder@model.encoders.cna=linear"],
    ],
)
def test_every_choice_composes(overrides: list[str]) -> None:
    check_command(["+experiment=transneo_pcr", *overrides], "train", None, multirun=False)


def test_a_network_must_be_named_with_source_and_licence() -> None:
    with pytest.raises(ConfigError) as caught:
        check_command(["+experiment=transneo_pcr", f"{ENCODER}=gene_graph"], "train", None, multirun=False)
    for key in ("file", "source", "licence"):
        assert f"model.encoders.variants.network.{key} is needed" in str(caught.value)


SPEC = ModalitySpec(
    name="variants",
    kind="variants",
    features=tuple(FeatureSpec(name=f"burden:{g}", kind="burden", label=g, gene=g) for g in ("A", "B", "C")),
)
ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))


@pytest.mark.parametrize("name", ["gene_graph", "pathway"])
def test_a_saved_model_predicts_where_its_files_are_not(tmp_path: Path, name: str) -> None:
    """What `fusion.predict` does elsewhere: the model of the configuration, then the weights of the run folder."""
    (tmp_path / "edges.txt").write_text("A B\nB C\n")
    (tmp_path / "sets.gmt").write_text("ONE\tx\tA\tB\nTWO\tx\tC\n")
    target = {"gene_graph": "gene_graph.GeneGraphEncoder", "pathway": "pathway.PathwayEncoder"}[name]
    key, file = {"gene_graph": ("network", "edges.txt"), "pathway": ("gene_sets", "sets.gmt")}[name]

    def config(path: Path) -> dict[str, Any]:
        node = {key: {"file": str(path), "source": "invented", "licence": "CC0"}}
        head = {"_target_": "fusion.heads.response.BinaryResponse"}
        encoder = {"_target_": f"fusion.encoders.variants.{target}", **node}
        return {"width": 8, "encoders": {"variants": encoder}, "fuser": {}, "head": head}

    trained = build_model(config(tmp_path / file), {"variants": SPEC}, ENDPOINT, seed=1).eval()
    save_weights(trained, tmp_path / "weights.safetensors")
    restored = build_model(config(tmp_path / "gone"), {"variants": SPEC}, ENDPOINT, seed=2).eval()
    load_weights(restored, tmp_path / "weights.safetensors")
    values = torch.randn(3, 3)
    part = ModalityBatch(values=values, mask=torch.ones(3, 3, dtype=torch.bool))
    batch = Batch(modalities={"variants": part}, label=torch.zeros(3, dtype=torch.int64), index=torch.arange(3))
    assert torch.equal(trained(batch).logit, restored(batch).logit)
