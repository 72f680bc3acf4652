"""From the configuration to a reconciled cohort and its modalities; the same in the parent and in every worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fusion.contract import FusionError

if TYPE_CHECKING:
    from fusion.contract import Cohort, Modality, Progress


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A cohort that passed every check, and the modalities bound to it, in config order."""

    cohort: Cohort
    modalities: dict[str, Modality]

    def prepare(self, progress: Progress) -> None:
        """Run every ingest whose cached result is missing."""
        for modality in self.modalities.values():
            modality.prepare(progress)


def open_setup(config: Any, progress: Progress, *, require_labels: bool = True) -> Setup:
    """Instantiate cohort and modalities, write a simulated cohort that is missing, check and reconcile.

    Raises:
        FusionError: every problem of the cohort, in one message.
    """
    from hydra.utils import instantiate

    if not config.modality:
        raise FusionError("modality: the cohort declares no modality; name at least one, e.g. modality.clinical.")
    source = instantiate(config.cohort)
    source.prepare(progress)
    modalities = {str(name): instantiate(node, name=str(name), source=source) for name, node in config.modality.items()}
    cohort = source.reconcile(modalities, require_labels=require_labels)
    return Setup(cohort=cohort, modalities=modalities)


def permuted_labels(labels: Any, seed: int) -> Any:
    """The labels dealt out anew among the patients: a cohort in which nothing can be learned (the canary)."""
    import numpy as np

    shuffled = labels.copy()
    shuffled[:] = np.random.default_rng(seed).permutation(labels.to_numpy())
    return shuffled
