"""What every fuser is given and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec, Tokens


@dataclass(kw_only=True)
class Fused:
    """A patient in one vector.

    Attributes:
        values: ``(batch, width)``.
        attention: what attended to what, ``(batch, query, key)`` by name; see the fuser. None where nothing attends.
    """

    values: Tensor
    attention: dict[str, Tensor] | None = None


class Fuser(nn.Module):
    """Joins the modalities. A missing one is an all-false mask; with none at all the result is still finite.

    Args:
        specs: modality name → spec; the order of this mapping is the order of the modalities.
        width: of tokens, summaries and the fused vector.
    """

    def __init__(self, specs: Mapping[str, ModalitySpec], *, width: int) -> None:
        super().__init__()
        self.names = tuple(specs)
        self.width = width

    @classmethod
    def weighed(cls, columns: Mapping[str, int]) -> int:
        """How many pairs of a patient's tokens it weighs at once, at least; 0 where it weighs no two columns.

        Args:
            columns: modality → its columns, each a token.
        """
        del columns
        return 0

    def forward(self, tokens: Mapping[str, Tokens]) -> Fused:
        """Modality → `Tokens` of every modality named in `specs` → `Fused`."""
        raise NotImplementedError

    def presence(self, tokens: Mapping[str, Tokens]) -> Tensor:
        """``(batch, modality)``: 1 where a patient has the modality."""
        return torch.stack([tokens[name].present for name in self.names], dim=1).to(tokens[self.names[0]].summary.dtype)
