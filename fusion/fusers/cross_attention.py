"""Cross-attention: genes and table columns look at the tiles, and at one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser
from fusion.fusers.blocks import gathered
from fusion.fusers.room import require_room
from fusion.layers import mlp

IMAGE_KINDS = ("tiles", "embeddings", "volume")


@dataclass(kw_only=True)
class Attended:
    """Tokens after a block, and who looked at whom, both averaged over heads."""

    values: Tensor
    to_images: Tensor | None
    to_one_another: Tensor


class AttentionBlock(nn.Module):
    """Pre-norm transformer block (Xiong et al. 2020): to the image tokens, to one another, then a small network.

    Args:
        width: of a token.
        heads: of both attentions.
        dropout: of attention weights and of the network, in training.
        images: whether there are image tokens to look at.
    """

    def __init__(self, width: int, *, heads: int, dropout: float, images: bool) -> None:
        super().__init__()
        self.cross = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True) if images else None
        self.own = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.network = mlp(width, 2 * width, width, dropout=dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))

    def forward(self, x: Tensor, mask: Tensor, images: Tensor | None, image_mask: Tensor | None) -> Attended:
        """``(batch, token, width)``, ``(batch, token)``, ``(batch, tile, width)``, ``(batch, tile)`` → `Attended`.

        The first of `x` and of `images` is always real, so no softmax runs over nothing.
        """
        looked = None
        if self.cross is not None and images is not None and image_mask is not None:
            keys = self.norms[1](images)
            seen, looked = self.cross(self.norms[0](x), keys, keys, key_padding_mask=~image_mask)
            x = x + seen
        own = self.norms[2](x)
        seen, among = self.own(own, own, own, key_padding_mask=~mask)
        x = x + seen
        return Attended(values=x + self.network(self.norms[3](x)), to_images=looked, to_one_another=among)


class CrossAttentionFuser(Fuser):
    """Attention over tokens beside pairwise products of summaries.

    Query tokens are a learned patient token, the genes and the table columns. In each block they attend to the
    image tokens (and a learned "nothing here" token, so that a patient without slides is no special case), then to
    one another. The attended patient token is one part of the fused vector. The other part is a low-rank bilinear
    term for each pair of modalities (Kim et al., "Hadamard product for low-rank bilinear pooling", ICLR 2017),
    ``tanh(U s_i) ⊙ tanh(V s_j)`` of standardised summaries, beside the summaries themselves.

    Why both: attention can express that a gene's meaning depends on the tissue, and shows which tile a gene looked
    at; but from about a hundred patients it seldom *learns* such a product by itself. The bilinear term states
    the interaction outright; without the products (`rank=0`) attention has to find it.

    Args:
        specs: modality name → spec.
        width: of tokens and of the result.
        heads: attention heads; must divide `width`.
        blocks: how often tokens look around.
        rank: of the bilinear terms; 0 leaves them out.
        dropout: in training.
    """

    def __init__(
        self,
        specs: Mapping[str, ModalitySpec],
        *,
        width: int,
        heads: int = 4,
        blocks: int = 1,
        rank: int = 16,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(specs, width=width)
        self.image_names = tuple(name for name, spec in specs.items() if spec.kind in IMAGE_KINDS)
        self.query_names = tuple(name for name in self.names if name not in self.image_names)
        self.heads = heads
        self.patient = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.nothing = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.origin = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(width)) for name in self.names})
        self.blocks = nn.ModuleList(
            AttentionBlock(width, heads=heads, dropout=dropout, images=bool(self.image_names)) for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Parameter(torch.zeros(()))
        self.pairs = tuple(combinations(self.names, 2)) if rank else ()
        self.left = nn.ModuleList(nn.Linear(width, rank) for _ in self.pairs)
        self.right = nn.ModuleList(nn.Linear(width, rank) for _ in self.pairs)
        inputs = width + len(self.names) * (width + 1) + rank * len(self.pairs)
        self.join = nn.Sequential(nn.Dropout(dropout), nn.Linear(inputs, width))

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)`` and the last block's attention.

        Attention names: ``images`` ``(batch, query, image token)`` and ``queries`` ``(batch, query, query)``. Queries
        are the patient token, then the tokens of `query_names` in order; image tokens are the null token, then those
        of `image_names` in order.
        """
        queries, query_mask = gathered(tokens, self.query_names, self.origin, first=self.patient)
        images, image_mask = gathered(tokens, self.image_names, self.origin, first=self.nothing)
        self._require_room(queries, images, tokens)
        attention: dict[str, Tensor] = {}
        for block in self.blocks:
            attended: Attended = block(queries, query_mask, images, image_mask)
            queries = attended.values
            attention = {"queries": attended.to_one_another}
            if attended.to_images is not None:
                attention["images"] = attended.to_images
        summaries = [tokens[name].summary for name in self.names]
        parts = [self.gate * self.norm(queries[:, 0]), *summaries, self.presence(tokens), *self._products(tokens)]
        return Fused(values=self.join(torch.cat(parts, dim=1)), attention=attention)

    @classmethod
    def weighed(cls, columns: Mapping[str, int]) -> int:
        """Every query with every other and with one image token; how many of these there are is not known."""
        queries = 1 + sum(columns.values())
        return queries * (queries + 1)

    def _require_room(self, queries: Tensor, images: Tensor, tokens: Mapping[str, Tokens]) -> None:
        """Attention among thousands of columns would have the system end the process, without a word.

        Raises:
            ModelError: it needs more memory than the machine has; on a GPU the device itself says so.
        """
        if queries.device.type != "cpu" or not self.query_names:
            return
        require_room(
            columns={name: tokens[name].mask.shape[1] for name in self.query_names},
            pairs=queries.shape[1] * (queries.shape[1] + images.shape[1]),
            patients=len(queries),
            heads=self.heads,
            size=queries.element_size(),
        )

    def _products(self, tokens: Mapping[str, Tokens]) -> list[Tensor]:
        """A ``(batch, rank)`` term a pair of modalities; zero where either is missing."""
        terms = []
        for (one, other), left, right in zip(self.pairs, self.left, self.right, strict=True):
            both = (tokens[one].present & tokens[other].present).unsqueeze(1)
            terms.append(torch.tanh(left(_standard(tokens[one]))) * torch.tanh(right(_standard(tokens[other]))) * both)
        return terms


def _standard(tokens: Tokens) -> Tensor:
    """A summary at unit scale: products of small numbers pass on small gradients, and the encoders learn too late."""
    return nn.functional.layer_norm(tokens.summary, tokens.summary.shape[-1:])
