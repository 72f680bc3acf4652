"""The one LightningModule. It knows batches, losses and optimisers; the head knows the task."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from fusion.contract import Batch
from fusion.encoders.tiles import TileEncoder
from fusion.encoders.volumes import VolumeEncoder
from fusion.layers import ModelError
from fusion.model import FusionModel

OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
SCHEDULES = ("constant", "cosine")


class FusionTask(pl.LightningModule):
    """Trains a `FusionModel`, whatever its endpoint.

    Args:
        model: trained in place.
        learning_rate: of everything but the encoders of images.
        encoder_learning_rate: of encoders of images; None means `learning_rate`.
        weight_decay: of weights; biases, norms and learned tokens are not decayed.
        optimiser: ``adam`` or ``adamw``.
        schedule: ``constant``, or ``cosine`` (half a cosine to zero over all steps; Loshchilov and Hutter 2017).
        auxiliary: weight of the mean of the modalities' own losses beside the fused one.
    """

    def __init__(
        self,
        model: FusionModel,
        *,
        learning_rate: float = 2e-3,
        encoder_learning_rate: float | None = None,
        weight_decay: float = 1e-2,
        optimiser: str = "adamw",
        schedule: str = "cosine",
        auxiliary: float = 0.0,
    ) -> None:
        super().__init__()
        if optimiser not in OPTIMISERS:
            raise ModelError(f"trainer.optimiser is {optimiser!r}; choose {' or '.join(OPTIMISERS)}.")
        if schedule not in SCHEDULES:
            raise ModelError(f"trainer.schedule is {schedule!r}; choose {' or '.join(SCHEDULES)}.")
        self.model = model
        self.learning_rate = learning_rate
        self.encoder_learning_rate = learning_rate if encoder_learning_rate is None else encoder_learning_rate
        self.weight_decay = weight_decay
        self.optimiser = optimiser
        self.schedule = schedule
        self.auxiliary = auxiliary
        self.train_losses: list[Tensor] = []
        self.val_outputs: list[Tensor] = []
        self.val_labels: list[Tensor] = []

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The fused loss, plus `auxiliary` times the mean loss of the modalities that patients have."""
        output = self.model(batch)
        loss = self.model.head.loss(output.logit, batch.label)
        self.train_losses.append(loss.detach())
        if self.auxiliary and output.auxiliary:
            # The heads of one endpoint share their loss.
            own = [
                self.model.head.loss(logit, torch.where(output.tokens[name].present, batch.label, -1))
                for name, logit in output.auxiliary.items()
            ]
            loss = loss + self.auxiliary * torch.stack(own).mean()
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Keep the outputs: loss and metrics are of all validation patients at once, not of batches."""
        self.val_outputs.append(self.model(batch).logit)
        self.val_labels.append(batch.label)

    def epoch_row(self) -> dict[str, float]:
        """This epoch's training loss (mean over steps), validation loss and the head's metrics; then start anew."""
        output, label = torch.cat(self.val_outputs), torch.cat(self.val_labels)
        row = {
            "train_loss": float(torch.stack(self.train_losses).mean()),
            "val_loss": float(self.model.head.loss(output, label)),
            **{f"val_{name}": value for name, value in self.model.head.metrics(output, label).items()},
        }
        self.train_losses, self.val_outputs, self.val_labels = [], [], []
        return row

    def configure_optimizers(self) -> Any:
        """Two learning rates, with and without weight decay."""
        groups: dict[tuple[bool, bool], list[Tensor]] = {}
        pixels = (TileEncoder, VolumeEncoder)
        images = {name for name, encoder in self.model.encoders.items() if isinstance(encoder, pixels)}
        for name, parameter in self.model.named_parameters():
            if not parameter.requires_grad:
                continue
            of_images = name.startswith("encoders.") and name.split(".")[1] in images
            decays = name.endswith("weight") and parameter.ndim > 1
            groups.setdefault((of_images, decays), []).append(parameter)
        optimiser = OPTIMISERS[self.optimiser](
            [
                {
                    "params": parameters,
                    "lr": self.encoder_learning_rate if of_images else self.learning_rate,
                    "weight_decay": self.weight_decay if decays else 0.0,
                }
                for (of_images, decays), parameters in groups.items()
            ],
            # One kernel for all parameters: small networks otherwise spend most of a step here.
            fused=True,
        )
        if self.schedule == "constant":
            return optimiser
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        cosine = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}
