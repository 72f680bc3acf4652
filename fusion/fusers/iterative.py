"""Iterative latent attention: a few latent vectors read the modalities one after the other, again and again."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser
from fusion.layers import ModelError


class IterativeFuser(Fuser):
    """HEALNet (Hemker, Simidjievski and Jamnik, NeurIPS 2024).

    A learned array of latent vectors is updated by every modality in turn: it attends to the modality's tokens and
    passes a self-normalising network (Klambauer et al. 2017), both beside a residual. Modalities are read `layers`
    times by the same weights, so what a later one said changes how an earlier one is read. A modality that the patient
    lacks is skipped: nothing is imputed. The result is read from the mean of the latent vectors.

    Args:
        specs: modality name → spec; their order is the order of reading.
        width: of tokens, latent vectors and the result.
        latents: how many latent vectors.
        layers: how often each modality is read.
        heads: of attention; must divide `width`.
        dropout: in training.

    Raises:
        ModelError: no layer or no latent vector.
    """

    def __init__(
        self,
        specs: Mapping[str, ModalitySpec],
        *,
        width: int,
        latents: int = 8,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(specs, width=width)
        if latents < 1 or layers < 1:
            raise ModelError(f"model.fuser: latents={latents} and layers={layers} must be at least 1.")
        self.layers = layers
        self.latents = nn.Parameter(torch.randn(1, latents, width))
        self.readers = nn.ModuleDict({name: _Reader(width, heads=heads, dropout=dropout) for name in self.names})
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """``{name: Tokens}`` → ``(batch, width)``, and what the latent vectors look at when they read a last time.

        Attention: modality → ``(batch, latent, token)``, zero where the patient has no such modality.
        """
        latents = self.latents.expand(len(tokens[self.names[0]].mask), -1, -1)
        attention: dict[str, Tensor] = {}
        for _ in range(self.layers):
            for name in self.names:
                there = tokens[name].present[:, None, None]
                # Who lacks it would attend to nothing at all; what comes out then is not taken.
                mask = tokens[name].mask | ~tokens[name].present[:, None]
                read, weights = self.readers[name](latents, tokens[name].values, mask)
                latents = torch.where(there, read, latents)
                attention[name] = weights * there
        return Fused(values=self.out(self.norm(latents).mean(dim=1)), attention=attention)


class _Reader(nn.Module):
    """Latent vectors look at a modality's tokens, then pass a self-normalising network."""

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.look = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.network = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.SELU(),
            nn.AlphaDropout(dropout),
            nn.Linear(2 * width, width),
        )
        # Tokens are not normalised, as in the paper: of a table's column the size is the value.
        self.norm = nn.LayerNorm(width)

    def forward(self, latents: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, latent, width)``, ``(batch, token, width)``, ``(batch, token)`` → latents, weights."""
        seen, weights = self.look(self.norm(latents), tokens, tokens, key_padding_mask=~mask)
        latents = latents + seen
        return latents + self.network(latents), weights
