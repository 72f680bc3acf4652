"""One fold's members as functions of what is attributed: numbers of a patient, tokens of tiles, presence of modalities.

Everything is explained on one scale: the mean over the fold's members of what calibration makes of their logits,
``slope · logit + intercept`` (`fusion.attribution.scale`), so that patients of different folds can be laid side by
side. Where names here say log-odds, it is those of two classes, a log-risk of times, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion.apply.trained import Member
from fusion.attribution.baselines import Baseline, numbers_baseline, of_sequences
from fusion.attribution.genes import GeneSum, gene_sums
from fusion.attribution.scale import scale_of
from fusion.attribution.scales.base import Scale
from fusion.contract import TABULATED, FittedModality, FusionError, Item, ModalityBatch, ModalitySpec, Tokens
from fusion.contract.devices import CPU, Device
from fusion.layers import in_float32

if TYPE_CHECKING:
    from fusion.encoders.base import Encoder

NUMBERS = TABULATED
"""Kinds whose tokens are named numbers."""
BAGS = ("tiles", "embeddings", "volume")
"""Kinds whose tokens are encoded one by one and then pooled."""

_TOKENS = 4096

BASELINE_PATIENTS, BASELINE_TILES = 48, 16
"""How many training patients, and tiles of each, make the mean token and the mean colour."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """One patient as a member sees them; a batch of one.

    Attributes:
        tokens: modality → ``(1, feature)`` numbers or ``(1, tile, width)`` encoded tokens.
        masks: modality → ``(1, token)`` bool; no True where the patient lacks the modality.
        items: modality → what was loaded, None where lacking.
        patient: the id.
        plain: the plain model's logit before calibration, to which the network adds; 0 where there is none.
    """

    tokens: dict[str, Tensor]
    masks: dict[str, Tensor]
    items: dict[str, Item | None]
    patient: str
    plain: float = 0.0

    @property
    def present(self) -> tuple[str, ...]:
        """Modalities the patient has."""
        return tuple(name for name, mask in self.masks.items() if bool(mask.any()))


class Numbers(Protocol):
    """What is asked of whatever reads numbers: a member, or the plain model beside the members."""

    @property
    def fitted(self) -> Mapping[str, FittedModality]:
        """Modality → as fitted for it."""
        ...

    @property
    def specs(self) -> Mapping[str, ModalitySpec]:
        """Modality → its features."""
        ...

    @property
    def sums(self) -> Mapping[str, Mapping[int, GeneSum]]:
        """Modality → position of a feature that is a sum over genes → its summands."""
        ...

    @property
    def baselines(self) -> Mapping[str, Baseline]:
        """Modality → training means."""
        ...


class ExplainedMember:
    """A member of a fold, differentiable in what it is explained by.

    What goes in and comes out lies on the processor, gradients too; networks compute on the device.

    Args:
        member: restored; its weights are frozen here.
        train_ids: whom it was trained on.
        device: where its network computes, in its precision.
        scale: on which it is explained; None: that of its endpoint.

    Raises:
        FusionError: a modality of a kind that has no attribution.
    """

    def __init__(
        self, member: Member, train_ids: Sequence[str], *, device: Device = CPU, scale: Scale | None = None
    ) -> None:
        self.member = member
        self.scale = scale_of(member.model.head.endpoint) if scale is None else scale
        self.slope, self._intercept = self.scale.line(member.calibrator)
        """Of the calibration: what a difference before it is multiplied by; and what comes on top."""
        self.device = device
        self.model = member.model.eval().requires_grad_(False).to(device.name)
        self.specs: dict[str, ModalitySpec] = {name: part.spec for name, part in member.fitted.items()}
        for name, spec in self.specs.items():
            if spec.kind not in (*NUMBERS, *BAGS):
                raise FusionError(f"modality.{name}: there is no attribution for modalities of kind {spec.kind!r} yet.")
            if not self.encoder(name).tokens_alone:
                raise FusionError(
                    f"modality.{name}: {type(self.encoder(name)).__name__} has no attribution yet, for its tiles "
                    "depend on one another. Train with model/encoder@model.encoders."
                    f"{name}=mil to explain."
                )
        self.fitted = member.fitted
        self.sums = {name: gene_sums(part) for name, part in member.fitted.items()}
        self.baselines = {name: self._baseline(name, train_ids) for name in self.specs}

    def encoder(self, name: str) -> Encoder:
        """The encoder of a modality."""
        return self.model.encoders[name]  # type: ignore[return-value]  # ModuleDict holds what it was given

    def load(self, patient: str) -> Inputs:
        """Read a patient and encode their tiles, once for everything that follows."""
        items = {name: part.load(patient) for name, part in self.member.fitted.items()}
        values, masks = {}, {}
        for name, item in items.items():
            values[name], masks[name] = self._tensors(name, item)
        plain = self.scale.one(np.asarray(self.member.plain([patient]))).item()
        return Inputs(tokens=values, masks=masks, items=items, patient=patient, plain=plain)

    def log_odds(
        self, values: Mapping[str, Tensor], masks: Mapping[str, Tensor], plain: Tensor | float = 0.0
    ) -> Tensor:
        """Calibrated outputs ``(batch,)`` of numbers and encoded tokens; masks may be a batch of one.

        Args:
            values: modality → ``(batch, feature)`` or ``(batch, token, width)``.
            masks: modality → ``(batch, token)``.
            plain: what the plain model says of the same, ``(batch,)``.
        """
        logit = self._added(values, masks)
        if self.scale.contrast is not None:
            logit = logit @ torch.from_numpy(self.scale.contrast).to(logit.dtype)
        return self.slope * (plain + self.member.gate * logit) + self._intercept

    def logits(self, inputs: Inputs) -> NDArray[np.float64] | None:
        """``(class,)`` of a patient before calibration; None where the scale makes no one number of several."""
        if self.scale.contrast is None:
            return None
        with torch.no_grad():
            added = self._added(inputs.tokens, inputs.masks).double().numpy()[0]
        return np.asarray(np.ravel(self.member.plain([inputs.patient])) + self.member.gate * added)

    def _added(self, values: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Tensor:
        """``(batch,)`` or ``(batch, class)``: what the network says."""
        tokens = self.fused_tokens(values, masks)
        with self.device.autocast():
            output = in_float32(self.model.head, self.model.fuser(tokens).values)
        return self.model.head.logit(output).cpu()

    def fused_tokens(self, values: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> dict[str, Tokens]:
        """What the fuser is given of numbers and encoded tokens, shapes as of `log_odds`; on the device."""
        size = max(len(part) for part in (*values.values(), *masks.values()))
        tokens = {}
        for name in self.specs:
            part, mask = _batch(self._there(values[name]), size), _batch(self._there(masks[name]), size)
            with self.device.autocast():
                if self.specs[name].kind in NUMBERS:
                    tokens[name] = self.encoder(name)(ModalityBatch(values=part, mask=mask))
                else:
                    tokens[name] = pool(self.encoder(name), part, mask)
        return tokens

    def pooling_weights(self, name: str, inputs: Inputs) -> Tensor | None:
        """``(token,)`` attention of the encoder over a patient's tokens; None where it does not pool by attention."""
        with torch.no_grad(), self.device.autocast():
            weights = pool(
                self.encoder(name), self._there(inputs.tokens[name]), self._there(inputs.masks[name])
            ).weights
        return None if weights is None else weights[0].float().cpu()

    def encode(self, name: str, images: Tensor) -> Tensor:
        """Tiles ``(batch, tile, 3, H, W)``, floats in [0, 1] or uint8 → tokens ``(batch, tile, width)``."""
        there = self._there(images)
        mask = torch.ones(images.shape[:2], dtype=torch.bool, device=there.device)
        with self.device.autocast():
            tokens: Tensor = self.encoder(name)(ModalityBatch(values=there, mask=mask)).values
        return tokens.float().cpu()

    def moments(self, name: str, images: Tensor) -> tuple[Tensor, Tensor]:
        """Center and scale ``(1, 3, 1, 1)`` of the colours of a patient whose tiles these are, ``(tile, 3, H, W)``."""
        there = self._there(images)
        owner = torch.zeros(len(images), dtype=torch.int64, device=there.device)
        center, scale = self.encoder(name).moments(there, owner)  # type: ignore[operator]  # of a tile encoder
        return center.cpu(), scale.cpu()

    def encode_some(self, name: str, images: Tensor, moments: tuple[Tensor, Tensor]) -> Tensor:
        """Versions of some tiles ``(version, tile, 3, H, W)`` in [0, 1], normalised as among all of their patient."""
        there = self._there(images.flatten(0, 1))
        owner = torch.zeros(len(there), dtype=torch.int64, device=there.device)
        center, scale = map(self._there, moments)
        with self.device.autocast():
            tokens: Tensor = self.encoder(name).encode(there, owner, center, scale)  # type: ignore[operator]
        return tokens.float().cpu().view(*images.shape[:2], -1)

    def encode_patches(self, name: str, patches: Tensor, places: Tensor) -> Tensor:
        """Versions of some patches ``(version, patch, X, Y, Z)`` of a volume, at `places` ``(patch,)`` → tokens."""
        with self.device.autocast():
            tokens: Tensor = self.encoder(name).encode(  # type: ignore[operator]  # of a volume encoder
                self._there(patches.flatten(0, 1)), self._there(places.repeat(len(patches)))
            )
        return tokens.float().cpu().view(*patches.shape[:2], -1)

    def _there(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device.name)

    def _tensors(self, name: str, item: Item | None) -> tuple[Tensor, Tensor]:
        spec = self.specs[name]
        bag = spec.kind in BAGS
        if item is None or not item.mask.any():
            shape = (1, 1, self.encoder(name).width) if bag else (1, len(spec.features))
            return torch.zeros(shape), torch.zeros(shape[:2], dtype=torch.bool)
        mask = torch.from_numpy(item.mask)[None]
        values = torch.from_numpy(np.ascontiguousarray(item.values))[None]
        if not bag:
            return values.float() * mask, mask
        with torch.no_grad():
            return self.encode(name, values), mask

    def _baseline(self, name: str, train_ids: Sequence[str]) -> Baseline:
        """The mean over training patients who have the modality; numbers take all of them, bags a fixed sample."""
        fitted = self.member.fitted[name]
        if self.specs[name].kind in NUMBERS:
            return numbers_baseline(fitted, self.sums[name], train_ids)
        tokens, colours, levels = [], [], []
        step = max(1, len(train_ids) // BASELINE_PATIENTS)
        for item in map(fitted.load, train_ids[::step]):
            if item is None or not len(item.mask):
                continue
            # A patch has its place, a missing sequence none: all are encoded, the real ones kept.
            whole = self.specs[name].kind == "volume"
            values = item.values[:: 1 if whole else max(1, len(item.mask) // BASELINE_TILES)]
            tensor = torch.from_numpy(np.ascontiguousarray(values))
            if self.specs[name].kind == "tiles":
                center, scale = self.moments(name, tensor)
                mean = torch.from_numpy(values.mean(axis=(0, 2, 3)) / 255).float()
                colours.append((mean - center.flatten()) / scale.flatten())
            if whole:
                levels.append(np.where(item.mask, values.mean(axis=(1, 2, 3)), np.nan))
            with torch.no_grad():
                encoded = self.encode(name, tensor[None])[0]
                tokens.append((encoded[torch.from_numpy(item.mask)] if whole else encoded).mean(dim=0))
        if not tokens:
            return Baseline(mean=torch.zeros(self.encoder(name).width))
        return Baseline(
            mean=torch.stack(tokens).mean(dim=0),
            colour=torch.stack(colours).mean(dim=0) if colours else None,
            intensity=of_sequences(np.stack(levels), len(self.specs[name].sequences)) if levels else None,
        )


def pool(encoder: Encoder, tokens: Tensor, mask: Tensor) -> Tokens:
    """The second half of an encoder of bags: encoded tokens ``(batch, tile, width)`` → `Tokens` with their summary."""
    pooled = encoder.pool(tokens, mask)  # type: ignore[operator]  # every encoder of bags has one
    return Tokens(values=tokens, mask=mask, summary=pooled.values, weights=pooled.weights)


def at_once(tokens: int) -> int:
    """How many versions of a patient with so many tile tokens go through the pooling together.

    So bounded, neither more versions (steps of integration, deletions) nor a larger slide take more memory than the
    slide's own tokens.
    """
    return max(1, _TOKENS // tokens)


def _batch(part: Tensor, size: int) -> Tensor:
    return part if len(part) == size else part.expand(size, *part.shape[1:])
