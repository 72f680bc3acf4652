"""A few principal components before anything is learned: what keeps a small cohort from being memorised."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PrincipalComponents(nn.Module):
    """Standardised scores on the first principal components of the training patients.

    With some hundred patients and some thirty features, a network that weighs every feature for itself has fitted its
    patients' labels before an image encoder has seen anything worth a product with them. Correlated features (a
    deficient repair shows in indel counts, in mutation counts and in TP53 at once) are one component, known before the
    first label is read. Nothing here is trained: `fit` is called once with the training patients.

    Values are bent into ±`clip` by ``clip · tanh(x / clip)`` first, so that one hypermutated tumour does not outweigh
    fifty others, and with a gradient everywhere.

    Args:
        features: how many numbers a patient has.
        components: how many are kept; no more than there are features.
        clip: in training standard deviations.
    """

    center: Tensor
    basis: Tensor

    def __init__(self, features: int, *, components: int, clip: float) -> None:
        super().__init__()
        self.components = min(components, features)
        self.clip = clip
        self.register_buffer("center", torch.zeros(features))
        self.register_buffer("basis", torch.eye(features)[:, : self.components].clone())

    def fit(self, values: Tensor) -> None:
        """Find the components of ``(patient, feature)``: values scaled by the modality, 0 where missing."""
        bent = self.bend(values).double()
        self.center.copy_(bent.mean(dim=0))
        _, _, directions = torch.linalg.svd(bent - self.center, full_matrices=False)
        basis = directions[: self.components].T
        # The sign of a component is arbitrary; it is fixed so that the same patients give the same network.
        basis = basis * torch.sign(basis.gather(0, basis.abs().argmax(dim=0, keepdim=True)))
        spread = ((bent - self.center) @ basis).std(dim=0).clamp(min=1e-6)
        self.basis.zero_()
        self.basis[:, : basis.shape[1]] = (basis / spread).to(self.basis.dtype)

    def bend(self, values: Tensor) -> Tensor:
        """Values within ±`clip`."""
        return self.clip * torch.tanh(values / self.clip)

    def forward(self, values: Tensor) -> Tensor:
        """``(batch, feature)`` → ``(batch, component)``, of unit variance among the training patients."""
        return (self.bend(values) - self.center) @ self.basis
