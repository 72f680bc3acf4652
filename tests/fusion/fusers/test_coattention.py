"""Co-attention: the map by hand, whose rows it has, and what it needs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fusion.contract import ModalitySpec
from fusion.fusers.coattention import CoAttentionFuser
from fusion.layers import ModelError
from tests.helpers.fuser_examples import SPECS, WIDTH, fuse, patients


def made() -> CoAttentionFuser:
    torch.manual_seed(0)
    return CoAttentionFuser(SPECS, width=WIDTH, heads=2).eval()


def test_the_map_by_hand() -> None:
    """Identity projections, no origins: softmax(G Hᵀ / √d) over the null token and the tiles."""
    fuser, tokens = made(), patients()
    for origin in fuser.origin.values():
        nn.init.zeros_(origin)
    nn.init.zeros_(fuser.nothing)
    fuser.look.in_proj_weight.data = torch.eye(WIDTH).repeat(3, 1)
    nn.init.zeros_(fuser.look.in_proj_bias)
    fused = fuse(fuser, tokens)
    assert fused.attention is not None
    genes, tiles = tokens["variants"].values[0], tokens["slides"].values[0]
    scores = genes @ torch.cat([torch.zeros(1, WIDTH), tiles]).T / WIDTH**0.5
    torch.testing.assert_close(fused.attention["images"][0, 1:4], torch.softmax(scores, dim=1))


def test_rows_are_the_patient_then_genes_and_columns() -> None:
    fused = fuse(made(), patients())
    assert fused.attention is not None
    map_ = fused.attention["images"]
    assert map_.shape == (4, 1 + 3 + 2, 1 + 3)
    torch.testing.assert_close(map_[0].sum(dim=1), torch.ones(6))
    assert not map_[1, :, 3].any(), "the second patient's third tile is padding"
    # Without slides all look at nothing.
    torch.testing.assert_close(map_[2, :, 0], torch.ones(6))
    assert not map_[3, 1:].any(), "genes and columns that are not there look nowhere"


@pytest.mark.parametrize(("kinds", "said"), [(("table", "variants"), "none is"), (("tiles", "volume"), "every one is")])
def test_it_needs_images_and_something_else(kinds: tuple[str, str], said: str) -> None:
    specs = {kind: ModalitySpec(name=kind, kind=kind) for kind in kinds}  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=rf"{said} of images.*model/fuser=cross_attention"):
        CoAttentionFuser(specs, width=WIDTH)
