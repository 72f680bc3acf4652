"""Embeddings of single images, made once for all folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings


def embed_images(
    names: Sequence[str],
    pixels: Callable[[str], NDArray[np.uint8]],
    settings: EmbeddingSettings,
    *,
    told: Callable[[int, int], None],
) -> NDArray[np.float32]:
    """``(image, feature)`` in the order of `names`.

    Args:
        names: of the images.
        pixels: reads one, RGB ``(3, H, W)``, all of one size.
        settings: the frozen network.
        told: after every batch, with how many are done and how many there are.

    Raises:
        FusionError: an image cannot be read, or the network does not give what it should.
    """
    network = settings.load()
    made = []
    for start in range(0, len(names), settings.batch):
        made.append(network.embed(np.stack([pixels(name) for name in names[start : start + settings.batch]])))
        told(min(len(names), start + settings.batch), len(names))
    return np.concatenate(made)
