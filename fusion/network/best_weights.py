"""Early stopping: the weights of the best epoch are kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytorch_lightning as pl
from torch import Tensor

from fusion.network.task import FusionTask

EpochHook = Callable[[Mapping[str, float]], None]


class BestWeights(pl.Callback):
    """Keeps the weights of the best validation loss in memory, and stops when it no longer falls.

    Lightning's own checkpoints are pickles on disk; a model of this size fits in memory twice.

    Args:
        patience: epochs without a better loss before training stops.
        smoothing: weight of earlier epochs in the running mean of the validation loss that is compared. On some
            sixty patients a single epoch's loss is noisy, and its minimum flatters that epoch.
        min_epochs: before which nothing stops or counts as best.
        on_epoch: called after each epoch with its row of the curves.
        plain: the validation loss of the plain model that the network adds to; without an epoch below it the network
            ends as it began, adding nothing. None where it starts from nothing.
    """

    def __init__(
        self,
        *,
        patience: int,
        smoothing: float,
        min_epochs: int,
        on_epoch: EpochHook | None,
        plain: float | None = None,
    ) -> None:
        self.plain = plain
        self.patience = patience
        self.smoothing = smoothing
        self.min_epochs = min_epochs
        self.on_epoch = on_epoch
        self.rows: list[dict[str, float]] = []
        self.best_epoch = 0
        self._running: float | None = None
        self._best_loss = float("inf")
        self._weights: dict[str, Tensor] = {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning validates before this hook, so both losses of the epoch are there."""
        assert isinstance(pl_module, FusionTask)
        epoch = trainer.current_epoch
        # Processes that train one network together stop together: by what the first of them sees.
        row: dict[str, float] = trainer.strategy.broadcast(pl_module.epoch_row())
        self.rows.append({"epoch": epoch, **row})
        first = row["val_loss"] if self.plain is None else self.plain
        earlier = first if self._running is None else self._running
        self._running = self.smoothing * earlier + (1 - self.smoothing) * row["val_loss"]
        if epoch + 1 >= self.min_epochs:
            if self._running < self._best_loss or not self._weights:
                self._best_loss, self.best_epoch = self._running, epoch
                self._weights = {name: value.clone() for name, value in pl_module.model.state_dict().items()}
            elif epoch - self.best_epoch >= self.patience:
                trainer.should_stop = True
        if self.on_epoch is not None:
            self.on_epoch(self.rows[-1])

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the network the weights of the best epoch, or what it began with where the plain model is better."""
        assert isinstance(pl_module, FusionTask)
        pl_module.model.load_state_dict(self._weights)
        if self.plain is not None and self.plain <= self._best_loss:
            self.best_epoch = -1
            pl_module.model.head.start_at_zero()
