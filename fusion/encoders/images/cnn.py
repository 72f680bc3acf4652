"""Five 3×3 convolutions: small enough to learn from pixels of a hundred patients on a laptop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion.contract import ModalitySpec
from fusion.encoders.convolutions import convolutions
from fusion.encoders.images.tiles import TileEncoder
from fusion.encoders.images.weights import load_pretrained
from fusion.layers import ModelError


class TileCNN(TileEncoder):
    """Five blocks of 3×3 convolution, ReLU and 2×2 max-pooling, averaged over what area is left.

    The network of the seed study. A block does not pool once its map is a single pixel, so tiles of 16 pixels and
    more work, square or not. See `TileEncoder` for the parameters it shares with other image encoders.

    Args:
        spec: a modality of kind ``tiles``.
        width: of a token.
        channels: of the five convolutions.
        weights: the folder of a run whose tile encoder this was (domain pretraining), or a file of its weights; None
            starts at random.
        norm: ``none``, ``group`` (one group: a tile is normalised by itself alone) or ``batch`` (over the tiles of a
            training batch; its running statistics in evaluation).
    """

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        channels: Sequence[int] = (8, 16, 24, 32, 32),
        norm: str = "batch",
        weights: str | None = None,
        pooling: str = "attention",
        dropout: float = 0.1,
        match_colours: bool = True,
        augment: bool = True,
        jitter: float = 0.1,
        stain_jitter: float = 0.0,
        chunk: int = 256,
        mean: Sequence[float] = (0.75, 0.6, 0.72),
        std: Sequence[float] = (0.2, 0.2, 0.2),
    ) -> None:
        where = f"model.encoders.{spec.name}"
        if len(channels) != 5:
            raise ModelError(f"{where}.channels lists {len(channels)} numbers; the CNN has 5 layers.")
        super().__init__(
            spec,
            width=width,
            channels=channels[-1],
            pooling=pooling,
            dropout=dropout,
            match_colours=match_colours,
            augment=augment,
            jitter=jitter,
            stain_jitter=stain_jitter,
            chunk=chunk,
            mean=mean,
            std=std,
        )
        self.convolutions, self.norms = convolutions(2, 3, channels, norm=norm, where=where)
        if weights is not None:
            load_pretrained(self, weights, where=where)

    def features(self, images: Tensor) -> Tensor:
        """``(tile, 3, H, W)`` → ``(tile, channels[-1])``."""
        x = images.contiguous(memory_format=torch.channels_last)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = norm(convolution(x))
            if min(x.shape[-2:]) > 1:
                x = nn.functional.max_pool2d(x, 2)
            # After the pooling, for a quarter of the work: the maximum and ReLU may be exchanged.
            x = torch.relu(x)
        return x.mean(dim=(-2, -1))
