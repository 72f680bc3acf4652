"""Attention bottlenecks: modalities tell one another only what fits through a few tokens."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser
from fusion.fusers.blocks import Among, TokenLayer
from fusion.layers import ModelError


class BottleneckFuser(Fuser):
    r"""Multimodal bottleneck transformer (Nagrani et al., NeurIPS 2021, eq. 6–9).

    In every layer each modality attends to its own tokens and to `bottlenecks` shared ones, by weights of its own:
    ``[z_m, b_m] ← Transformer_m([z_m, b])``, then ``b ← mean of b_m`` over the modalities that the patient has. What
    one modality knows reaches another through the shared tokens alone, so a bag of hundreds of tiles cannot drown a
    handful of columns. The result is read from the class tokens, one a modality, and from the shared tokens.

    With a single layer nothing passes from one modality to another but through the final reading; hence two.

    Args:
        specs: modality name → spec.
        width: of tokens and of the result.
        bottlenecks: shared tokens.
        layers: how often modalities exchange.
        heads: of attention; must divide `width`.
        dropout: in training.

    Raises:
        ModelError: no layer or no shared token.
    """

    def __init__(
        self,
        specs: Mapping[str, ModalitySpec],
        *,
        width: int,
        bottlenecks: int = 4,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(specs, width=width)
        if bottlenecks < 1 or layers < 1:
            raise ModelError(f"model.fuser: bottlenecks={bottlenecks} and layers={layers} must be at least 1.")
        self.shared = nn.Parameter(0.02 * torch.randn(1, bottlenecks, width))
        self.classes = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(1, 1, width)) for name in self.names})
        self.layers = nn.ModuleList(
            nn.ModuleDict({name: TokenLayer(width, heads=heads, dropout=dropout) for name in self.names})
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.join = nn.Linear(2 * width, width)

    @classmethod
    def weighed(cls, columns: Mapping[str, int]) -> int:
        """Within each modality every column with every other."""
        return sum(count * count for count in columns.values())

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)``, and what the shared tokens look at in the last layer.

        Attention: modality → ``(batch, shared token, token)`` over its class token, its tokens, then the shared ones.
        """
        present = self.presence(tokens)
        weights = present / present.sum(dim=1, keepdim=True).clamp(min=1)  # (batch, modality); zeros with none
        shared = self.shared.expand(len(present), -1, -1)
        count = shared.shape[1]
        own = {name: self._with_class(name, tokens[name].values) for name in self.names}
        masks = {name: _framed(tokens[name].mask, after=count) for name in self.names}
        attention: dict[str, Tensor] = {}
        for layer in self.layers:
            said = []
            for name in self.names:
                attended: Among = layer[name](torch.cat([own[name], shared], dim=1), masks[name])  # type: ignore[index]
                own[name], heard = attended.values[:, :-count], attended.values[:, -count:]
                attention[name] = attended.attention[:, -count:] * tokens[name].present[:, None, None]
                said.append(heard)
            # Who has no modality at all keeps the shared tokens as they are.
            mean = torch.einsum("bm,bmtw->btw", weights, torch.stack(said, dim=1))
            shared = torch.where(present.any(dim=1)[:, None, None], mean, shared)
        classes = torch.stack([own[name][:, 0] for name in self.names], dim=1)
        read = torch.einsum("bm,bmw->bw", weights, self.norm(classes))
        return Fused(values=self.join(torch.cat([read, self.norm(shared).mean(dim=1)], dim=1)), attention=attention)

    def _with_class(self, name: str, values: Tensor) -> Tensor:
        """The class token before a modality's tokens."""
        return torch.cat([self.classes[name].expand(len(values), -1, -1), values], dim=1)


def _framed(mask: Tensor, *, after: int) -> Tensor:
    """The mask of a modality's tokens between its class token and the shared ones, which are always there."""
    return nn.functional.pad(mask, (1, after), value=True)
