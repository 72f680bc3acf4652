"""Training and scoring of one network, and its weights on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion.contract import Batch
from fusion.contract.devices import CPU, Device, device_of
from fusion.encoders.base import Encoder
from fusion.layers import ModelError
from fusion.network.best_weights import BestWeights, EpochHook
from fusion.network.model import FusionModel
from fusion.network.quiet import quiet_lightning
from fusion.network.seen import plain_loss, show_training_patients
from fusion.network.share import Share
from fusion.network.task import FusionTask
from fusion.run.files import replace_file


@dataclass(frozen=True, kw_only=True)
class NetworkFit:
    """How training went; the model itself holds the weights of `best_epoch`.

    Attributes:
        curves: one row an epoch: epoch (from 0), train_loss, val_loss, val_auroc.
        best_epoch: of the lowest (smoothed) validation loss; −1 where that is the plain model's.
        stopped_epoch: the last one trained.
    """

    curves: tuple[dict[str, float], ...]
    best_epoch: int
    stopped_epoch: int


def fit_network(
    model: FusionModel,
    data: pl.LightningDataModule,
    trainer: Mapping[str, Any],
    *,
    seed: int,
    on_epoch: EpochHook | None = None,
    share: Share | None = None,
) -> NetworkFit:
    """Train `model` in place, stop early on the inner validation part, and leave it with its best weights.

    Args:
        model: from `fusion.network.model.build_model`.
        data: loaders of the inner training and validation patients.
        trainer: the `trainer` config node, with the device and the precision; see conf/trainer/default.yaml. The model
            is on the processor before and after.
        seed: of dropout, augmentation and, where the loader has no generator of its own, batches. The same seed on
            the same processor with the same number of threads gives the same weights, bit for bit.
        on_epoch: called after each epoch with its row of the curves.
        share: this process's, of a network that several train together (`fusion.network.together`); None: alone.

    Raises:
        ModelError: a setting that does not exist; training patients all of one class; a loss that is not finite.
        FusionError: there is no such device, or its memory does not do.
    """
    device = device_of(trainer, at="trainer.")
    task = FusionTask(
        model,
        learning_rate=trainer["learning_rate"],
        encoder_learning_rate=trainer["encoder_learning_rate"],
        weight_decay=trainer["weight_decay"],
        optimiser=trainer["optimiser"],
        schedule=trainer["schedule"],
        warmup=trainer["warmup"],
        auxiliary=trainer["auxiliary"],
        fused=device.precision == "32",
        share=share,
    )
    with quiet_lightning(), torch.random.fork_rng(devices=device.gpus):
        torch.manual_seed(seed)
        show_training_patients(model, data.train_dataloader())
        best = BestWeights(
            patience=trainer["patience"],
            smoothing=trainer["smoothing"],
            min_epochs=min(trainer["min_epochs"], trainer["max_epochs"]),
            on_epoch=on_epoch,
            plain=plain_loss(model, data.val_dataloader()) if model.adds else None,
        )
        lightning = pl.Trainer(
            **(device.for_lightning() | ({} if share is None else share.for_lightning(device))),
            accumulate_grad_batches=trainer.get("accumulate", 1),
            max_epochs=trainer["max_epochs"],
            gradient_clip_val=trainer["gradient_clip"],
            callbacks=[best],
            log_every_n_steps=1,
            # Curves come back in `NetworkFit`; weights stay in memory; the caller owns the progress bar.
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        with _quick_validation(model), device.memory_told(_LESS_TO_FIT):
            lightning.fit(task, datamodule=data)
    return NetworkFit(curves=tuple(best.rows), best_epoch=best.best_epoch, stopped_epoch=int(best.rows[-1]["epoch"]))


_LESS_TO_FIT = (
    "datamodule.batch_size (and raise trainer.accumulate by as much: steps stay the same) or "
    "datamodule.tiles_per_patient"
)
_LESS_TO_SCORE = "datamodule.batch_size, or chunk of the encoder (model.encoders.<modality>.chunk), where it has one"


PRIMARY = ""
"""In `predict_endpoints`, the endpoint that decides."""


def predict_scores(model: FusionModel, loader: Iterable[Batch], *, device: Device = CPU) -> NDArray[np.float64]:
    """Logits ``(patient,)`` or ``(patient, class)``, in evaluation mode, in the order of the ids that `loader` has.

    Args:
        model: on the processor, before and after.
        loader: of anyone's batches.
        device: where they are computed, in its precision.

    Raises:
        ModelError: a logit that is not finite, which training that diverged leaves behind.
        FusionError: the device's memory does not do.
    """
    return predict_endpoints(model, loader, device=device)[PRIMARY]


def predict_endpoints(
    model: FusionModel, loader: Iterable[Batch], *, device: Device = CPU
) -> dict[str, NDArray[np.float64]]:
    """Endpoint → logits as `predict_scores` gives them: of the `PRIMARY` one, and of every secondary by its name."""
    index: list[Tensor] = []
    logits: dict[str, list[Tensor]] = {}
    training = model.training
    model.eval()
    # Weights are moved outside of inference mode, in which they could not be trained again.
    with device.memory_told(_LESS_TO_SCORE), on_device(model, device), torch.inference_mode(), device.autocast():
        for batch in loader:
            index.append(batch.index)
            output = model(batch.to(device.name))
            logits.setdefault(PRIMARY, []).append(model.head.logit(output.logit.float()).cpu())
            for name, one in output.secondary.items():
                assert model.secondary is not None
                logits.setdefault(name, []).append(model.secondary.head(name).logit(one.float()).cpu())
    model.train(training)
    order = torch.argsort(torch.cat(index))
    return {name: _finite(torch.cat(parts)[order].double().numpy()) for name, parts in logits.items()}


@contextmanager
def on_device(model: FusionModel, device: Device) -> Iterator[None]:
    """The model on a device, and back on the processor at the end."""
    model.to(device.name)
    try:
        yield
    finally:
        model.cpu()


def _finite(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    wrong = int((~np.isfinite(scores.reshape(len(scores), -1))).any(axis=1).sum())
    if wrong:
        raise ModelError(
            f"The network gives {wrong} of {len(scores)} patients a score that is not a "
            "number: training diverged. Lower trainer.learning_rate or trainer.gradient_clip."
        )
    return np.asarray(scores, dtype=np.float64)


SECONDARY = "secondary."
"""Before the names of weights that only secondary endpoints need."""


def save_weights(model: FusionModel, path: Path, *, secondary: bool | None = None) -> None:
    """Write parameters and buffers as safetensors, under a temporary name first.

    Args:
        model: whose they are.
        path: of the file.
        secondary: those of secondary endpoints alone, or all but them; None: all.
    """
    from safetensors.torch import save_file

    state = {
        name: value.contiguous().cpu()
        for name, value in model.state_dict().items()
        if secondary is None or name.startswith(SECONDARY) == secondary
    }
    replace_file(path, lambda partial: save_file(state, partial))


def load_weights(model: FusionModel, path: Path, *more: Path) -> None:
    """Read what `save_weights` wrote into a model built from the same configuration and specs.

    Args:
        model: whose weights they become.
        path: of the file, and
        more: of others that hold the rest of them.

    Raises:
        ModelError: no such file, not a safetensors file, or weights of another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    state: dict[str, Tensor] = {}
    file = path
    try:
        for file in (path, *more):
            state |= load_file(file)
        model.load_state_dict(state)
    except FileNotFoundError as error:
        raise ModelError(f"{file}: there are no weights. Was the run finished?") from error
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file}: not a readable safetensors file ({error}). Restore it from the run.") from error
    except RuntimeError as error:
        raise ModelError(
            f"{file}: the weights belong to another model than its configuration builds. {error}"
        ) from error


@contextmanager
def _quick_validation(model: FusionModel) -> Iterator[None]:
    """Encoders do with less than for prediction while a network trains, where they can."""
    encoders = [encoder for encoder in model.encoders.values() if isinstance(encoder, Encoder)]
    for encoder in encoders:
        encoder.quick = True
    try:
        yield
    finally:
        for encoder in encoders:
            encoder.quick = False
