"""The one LightningModule. It knows batches, losses and optimisers; the head knows the task."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from fusion.contract import Batch
from fusion.encoders.base import Encoder
from fusion.layers import ModelError
from fusion.network.model import FusionModel, Output
from fusion.network.share import Share

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
        warmup: share of all steps over which learning rates rise from 0 (Goyal et al. 2017), so that the random layers
            on top of a pretrained encoder do not first undo what it knows.
        auxiliary: weight of the mean of the modalities' own losses beside the fused one.
        fused: one kernel steps all parameters; not in a mixed precision, in which Lightning then refuses to clip.
        share: of this process, where several train the network together; None: alone.
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
        warmup: float = 0.0,
        auxiliary: float = 0.0,
        fused: bool = True,
        share: Share | None = None,
    ) -> None:
        super().__init__()
        if optimiser not in OPTIMISERS:
            raise ModelError(f"trainer.optimiser is {optimiser!r}; choose {' or '.join(OPTIMISERS)}.")
        if schedule not in SCHEDULES:
            raise ModelError(f"trainer.schedule is {schedule!r}; choose {' or '.join(SCHEDULES)}.")
        if not 0 <= warmup < 1:
            raise ModelError(f"trainer.warmup is {warmup}; it is a share of all steps, at least 0 and below 1.")
        self.model = model
        self.learning_rate = learning_rate
        self.encoder_learning_rate = learning_rate if encoder_learning_rate is None else encoder_learning_rate
        self.weight_decay = weight_decay
        self.optimiser = optimiser
        self.schedule = schedule
        self.warmup = warmup
        self.auxiliary = auxiliary
        self.fused = fused
        self.share = share
        self.train_losses: list[Tensor] = []
        self.val_outputs: list[Tensor] = []
        self.val_labels: list[Tensor] = []
        self.val_times: list[Tensor] = []

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The fused loss, plus `auxiliary` times the mean loss of the modalities that patients have."""
        batch, counts = (batch, None) if self.share is None else self.share.part(batch)
        output = self.model(batch)
        loss = self.model.head.loss(output.logit, batch.label, batch.time)
        self.train_losses.append(loss.detach())
        if self.auxiliary and output.auxiliary:
            # The heads of one endpoint share their loss.
            own = [
                self.model.head.loss(logit, torch.where(output.tokens[name].present, batch.label, -1), batch.time)
                for name, logit in output.auxiliary.items()
            ]
            loss = loss + self.auxiliary * torch.stack(own).mean()
        secondary = self.model.secondary
        if secondary is not None:
            loss = secondary.together(loss, batch.label >= 0, self._secondary_losses(batch, output), batch.targets)
        return loss if counts is None else loss * counts

    def _secondary_losses(self, batch: Batch, output: Output) -> dict[str, Tensor]:
        """Secondary endpoint → its loss, with that of the modalities where they share its head."""
        secondary = self.model.secondary
        assert secondary is not None
        losses = {}
        for name, logit in output.secondary.items():
            head, target = secondary.head(name), batch.targets[name]
            losses[name] = head.loss(logit, target.label, target.time)
            own = [
                head.loss(each[name], torch.where(output.tokens[modality].present, target.label, -1), target.time)
                for modality, each in output.secondary_auxiliary.items()
            ]
            if self.auxiliary and own:
                losses[name] = losses[name] + self.auxiliary * torch.stack(own).mean()
        return losses

    def validation_step(self, batch: Batch, _: int) -> None:
        """Keep the outputs: loss and metrics are of all validation patients at once, not of batches."""
        self.val_outputs.append(self.model(batch).logit)
        self.val_labels.append(batch.label)
        if batch.time is not None:
            self.val_times.append(batch.time)

    def epoch_row(self) -> dict[str, float]:
        """This epoch's training loss (mean over steps), validation loss and the head's metrics; then start anew."""
        output, label = torch.cat(self.val_outputs), torch.cat(self.val_labels)
        time = torch.cat(self.val_times) if self.val_times else None
        row = {
            "train_loss": float(torch.stack(self.train_losses).mean()),
            "val_loss": self._validation_loss(output, label, time),
            # On the processor, for Apple's GPU has no float64.
            **self._metrics(output.cpu(), label.cpu(), None if time is None else time.cpu()),
        }
        self.train_losses, self.val_outputs, self.val_labels, self.val_times = [], [], [], []
        return row

    def _metrics(self, output: Tensor, label: Tensor, time: Tensor | None) -> dict[str, float]:
        return {f"val_{name}": value for name, value in self.model.head.metrics(output, label, time).items()}

    def _validation_loss(self, output: Tensor, label: Tensor, time: Tensor | None) -> float:
        """Of the labels as they are: Lightning has put the model back into training, where heads may smooth them."""
        head = self.model.head
        training = head.training
        head.eval()
        loss = float(head.loss(output, label, time))
        head.train(training)
        return loss

    def configure_optimizers(self) -> Any:
        """Two learning rates, with and without weight decay."""
        groups: dict[tuple[bool, bool], list[Tensor]] = {}
        encoders = self.model.encoders.items()
        images = {name for name, encoder in encoders if isinstance(encoder, Encoder) and encoder.of_pixels}
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
            fused=self.fused,
        )
        if self.schedule == "constant" and not self.warmup:
            return optimiser
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        rate = partial(learning_rate_factor, steps=steps, cosine=self.schedule == "cosine", warmup=self.warmup)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def learning_rate_factor(step: int, *, steps: int, cosine: bool, warmup: float) -> float:
    """Share of the learning rate at `step` of `steps`."""
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))) if cosine else 1.0
    rise = min(1.0, (step + 1) / (warmup * steps)) if warmup else 1.0
    return rise * fall
