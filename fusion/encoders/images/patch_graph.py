"""Tiles and their neighbours on the slide: a graph network over embeddings."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder, projected, scattered
from fusion.encoders.pooling import make_pooling
from fusion.layers import ModelError


class PatchGraph(Encoder):
    """GraphSAGE over each slide's graph of nearest tiles, then pooling.

    After Chen et al., "Whole slide images are 2D point clouds: Patch-GCN" (MICCAI 2021), with the mean aggregation of
    Hamilton et al. (NeurIPS 2017): ``h_i ← h_i + relu(W₁ h_i + W₂ mean_{j ∈ N(i)} h_j)``. Neighbours are the
    `neighbours` nearest tiles of the same slide and all that are as near as the last of them, so that the order of
    tiles decides nothing.

    Args:
        spec: a modality of kind ``embeddings`` whose tiles have coordinates.
        width: of a token.
        neighbours: nearest tiles that a tile hears of; 8 is the ring around it.
        layers: of message passing; a tile hears that many rings.
        pooling: ``attention`` (Ilse et al. 2018) or ``mean``.
        dropout: of the embedding and of messages, in training.
    """

    kinds = ("embeddings",)
    tokens_alone: ClassVar[bool] = False

    def __init__(
        self,
        spec: ModalitySpec,
        *,
        width: int,
        neighbours: int = 8,
        layers: int = 2,
        pooling: str = "attention",
        dropout: float = 0.1,
    ) -> None:
        super().__init__(spec, width=width)
        where = f"model.encoders.{spec.name}"
        if neighbours < 1 or layers < 1:
            raise ModelError(f"{where}: neighbours={neighbours} and layers={layers} must be at least 1.")
        self.neighbours = neighbours
        self.project = nn.Sequential(
            nn.LayerNorm(spec.token_shape[0]), nn.Dropout(dropout), nn.Linear(spec.token_shape[0], width), nn.ReLU()
        )
        self.layers = nn.ModuleList(_sage(width) for _ in range(layers))
        self.drop = nn.Dropout(dropout)
        self.pool = make_pooling(pooling, width=width, where=where)

    def forward(self, x: ModalityBatch) -> Tokens:
        """``(batch, tile, feature)`` → tokens ``(batch, tile, width)``, summary ``(batch, width)``.

        Raises:
            ModelError: the modality's tiles have no coordinates.
        """
        tokens = torch.zeros(*x.mask.shape, self.width, device=x.mask.device)
        if x.mask.any():
            if x.coords is None:
                raise ModelError(
                    f"model.encoders.{self.spec.name}: PatchGraph needs to know where tiles lie, and modality "
                    f"{self.spec.name!r} gives no coordinates. Choose another encoder, e.g. mil."
                )
            edges = batch_edges(x.coords, x.mask, neighbours=self.neighbours).to(x.mask.device)
            nodes = projected(self.project, x.values[x.mask][None], training=self.training)[0]
            for layer in self.layers:
                nodes = nodes + self.drop(torch.relu(layer(nodes, edges)))
            tokens = scattered(nodes, x.mask, tokens.shape)
        pooled = self.pool(tokens, x.mask)
        return Tokens(values=tokens, mask=x.mask, summary=pooled.values, weights=pooled.weights)


def _sage(width: int) -> nn.Module:
    """PyTorch Geometric's layer; its import compiles a function by a way that torch has deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch_geometric.nn import SAGEConv
    layer: nn.Module = SAGEConv(width, width)
    return layer


def batch_edges(coords: Tensor, mask: Tensor, *, neighbours: int) -> Tensor:
    """Edges ``(2, edge)`` from each neighbour to its tile, among the real tiles of a batch in reading order.

    Args:
        coords: ``(batch, tile, 3)``: slide, x, y.
        mask: ``(batch, tile)``.
        neighbours: see `PatchGraph`.
    """
    patient = mask.nonzero()[:, 0].cpu().numpy()
    places = coords[mask].cpu().numpy()
    found = [np.empty((2, 0), dtype=np.int64)]
    for one in np.unique(np.stack([patient, places[:, 0]], axis=1), axis=0):
        rows = np.flatnonzero((patient == one[0]) & (places[:, 0] == one[1]))
        found.append(rows[nearest(places[rows, 1:], neighbours=neighbours)])
    return torch.from_numpy(np.concatenate(found, axis=1))


def nearest(points: NDArray[np.int64], *, neighbours: int) -> NDArray[np.int64]:
    """Edges ``(2, edge)`` of points ``(point, 2)``: from the nearest ones, ties included, to each."""
    from sklearn.neighbors import NearestNeighbors

    if len(points) < 2:
        return np.empty((2, 0), dtype=np.int64)
    tree = NearestNeighbors(algorithm="kd_tree").fit(points)
    distances, _ = tree.kneighbors(n_neighbors=min(neighbours, len(points) - 1))
    edges = []
    # Distances on a grid tie; a hair is added so that rounding splits none.
    for target, radius in enumerate(distances[:, -1] * (1 + 1e-9)):
        sources = tree.radius_neighbors(points[target : target + 1], radius=radius, return_distance=False)[0]
        sources = np.sort(sources[sources != target])
        edges.append(np.stack([sources, np.full_like(sources, target)]))
    return np.concatenate(edges, axis=1)
