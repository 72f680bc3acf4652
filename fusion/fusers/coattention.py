"""Genes look at tiles: co-attention as in MCAT, with a map of which gene or column looked where."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser
from fusion.fusers.blocks import TokenLayer, gathered
from fusion.fusers.cross_attention import IMAGE_KINDS
from fusion.layers import ModelError


class CoAttentionFuser(Fuser):
    r"""Genomic-guided co-attention (Chen et al., "Multimodal co-attention transformer", ICCV 2021, eq. 4–7).

    ``Ĥ = softmax((W_q G)(W_k H)ᵀ / √d) W_v H``: each gene and table column *g* makes of a bag of tiles *H* one vector
    of what it looked at, so that a slide is as long as the list of queries, whatever its tiles. Both sets, *G* and *Ĥ*,
    then pass a transformer layer of their own and are pooled by gated attention (Ilse et al. 2018); the result is read
    from both, side by side. The map of the softmax is kept: which gene looked at which tile.

    A learned token of the patient stands before the queries and one of *nothing here* before the tiles, so that whoever
    lacks a modality is no special case.

    Args:
        specs: modality name → spec; at least one of images and one other.
        width: of tokens and of the result.
        heads: of the transformer layers; must divide `width`. The map has a single one, as in the paper.
        dropout: in training.

    Raises:
        ModelError: no images, or nothing but images.
    """

    def __init__(self, specs: Mapping[str, ModalitySpec], *, width: int, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__(specs, width=width)
        self.image_names = tuple(name for name, spec in specs.items() if spec.kind in IMAGE_KINDS)
        self.query_names = tuple(name for name in self.names if name not in self.image_names)
        if not self.image_names or not self.query_names:
            raise ModelError(
                "model.fuser: co-attention lets genes and table columns look at images, and of the modalities "
                f"{', '.join(self.names)} {'none' if not self.image_names else 'every one'} is of images. "
                "Take model/fuser=cross_attention."
            )
        self.patient = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.nothing = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.origin = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(width)) for name in self.names})
        self.look = nn.MultiheadAttention(width, 1, dropout=dropout, batch_first=True)
        self.refine = nn.ModuleList(TokenLayer(width, heads=heads, dropout=dropout) for _ in range(2))
        self.pools = nn.ModuleList(_GatedPool(width) for _ in range(2))
        self.join = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, width))

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)`` and the map.

        Attention ``images`` ``(batch, query, image token)``: queries are the patient token, then the tokens of
        `query_names` in order; image tokens are the null token, then those of `image_names` in order. A query that the
        patient lacks has a row of zeros.
        """
        queries, real = gathered(tokens, self.query_names, self.origin, first=self.patient)
        images, image_mask = gathered(tokens, self.image_names, self.origin, first=self.nothing)
        seen, looked = self.look(queries, images, images, key_padding_mask=~image_mask)
        parts = [
            pool(refine(some, real).values, real)
            for refine, pool, some in zip(self.refine, self.pools, (seen, queries), strict=True)
        ]
        return Fused(values=self.join(torch.cat(parts, dim=1)), attention={"images": looked * real.unsqueeze(-1)})


class _GatedPool(nn.Module):
    """Gated attention pooling (Ilse et al., ICML 2018, eq. 9) over a set whose first element is always real."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.V = nn.Linear(width, width, bias=False)
        self.U = nn.Linear(width, width, bias=False)
        self.w = nn.Linear(width, 1, bias=False)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """``(batch, token, width)``, ``(batch, token)`` → ``(batch, width)``."""
        score = self.w(torch.tanh(self.V(values)) * torch.sigmoid(self.U(values))).squeeze(-1)
        weights = torch.softmax(score.masked_fill(~mask, -torch.inf), dim=1)
        return (weights.unsqueeze(-1) * values).sum(dim=1)
