"""Integrated gradients through Captum: of named numbers and encoded tiles at once, and of the pixels of a few tiles.

Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks" (ICML 2017), equation 1:
``(x - x') · ∫ ∂f(x' + α (x - x')) / ∂x dα``. Attributions sum to ``f(x) - f(x')`` (completeness); what they miss by
is the delta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from fusion.attribution.members import BAGS, ExplainedMember, Inputs, at_once
from fusion.contract import FusionError

METHODS = ("integrated_gradients", "feature_ablation", "input_x_gradient")
"""Of Captum: the default; each input replaced by its baseline in turn; one gradient times (input - baseline)."""

TOLERANCE, DOUBLINGS = 0.01, 5
"""Share of the change that a delta may be, before steps are doubled; and how often they are, at most."""

PIXEL_TOLERANCE, PIXEL_DOUBLINGS = 0.05, 2
"""The same for pixels, which go through a whole network: coarser, for a map of them is looked at, not added up."""

_PIXELS = 1 << 19
"""Pixels times channels that are differentiated at once: more steps take no more memory."""


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """What one member says of one patient, on its scale.

    Attributes:
        scores: modality → ``(token,)`` signed attribution, of modalities that the patient has.
        delta: sum of attributions minus ``f(x) - f(baseline)``.
        output: f(x).
        reference: f(baseline), all present modalities at their baselines.
    """

    scores: dict[str, Tensor]
    delta: float
    output: float
    reference: float

    def times(self, factor: float) -> Attributed:
        """Contributions to something else, whose change is `factor` times that of the output."""
        scores = {name: factor * part for name, part in self.scores.items()}
        return replace(self, scores=scores, delta=factor * self.delta)


def check_method(method: str) -> None:
    """Raises: FusionError: there is no such method."""
    if method not in METHODS:
        raise FusionError(f"method: there is no {method!r}; choose {', '.join(METHODS)}.")


def attribute(member: ExplainedMember, inputs: Inputs, *, method: str, steps: int) -> Attributed:
    """Attribute the member's output to every number and every tile of a patient.

    All present modalities move together from their baselines, so that the values of one patient add up over
    modalities. A tile's value is the sum over its token; what attention does to it is part of the path.

    Args:
        member: with baselines.
        inputs: of the patient.
        method: one of `METHODS`.
        steps: of the integral (Gauss-Legendre); doubled, up to 32 times as many, while the delta is above 1 % of the
            change.
    """
    names = inputs.present
    starts = tuple(_baseline(member, inputs, name) for name in names)
    ends = tuple(inputs.tokens[name] for name in names)

    def function(*moved: Tensor) -> Tensor:
        return member.log_odds({**inputs.tokens, **dict(zip(names, moved, strict=True))}, inputs.masks)

    with torch.no_grad():
        output, reference = float(function(*ends)), float(function(*starts))
    tiles = max([1, *(part.shape[1] for name, part in zip(names, ends, strict=True) if _is_bag(member, name))])
    groups = tuple(_groups(member, inputs, names))
    change = output - reference
    for doubling in range(DOUBLINGS + 1):
        parts = _run(
            function,
            ends,
            starts,
            method=method,
            steps=steps << doubling,
            batch=at_once(tiles),
            groups=groups,
        )
        scores = _by_token(member, names, parts, method=method)
        delta = float(sum(part.double().sum() for part in scores.values())) - change
        # Normalised tokens can turn sharply near the baseline; most patients need no more steps, a few do.
        if method != "integrated_gradients" or abs(delta) <= TOLERANCE * abs(change) + 1e-4:
            break
    return Attributed(scores=scores, delta=delta, output=output, reference=reference)


@dataclass(frozen=True, kw_only=True)
class PixelAttribution:
    """Attribution to pixels of chosen tiles, or to voxels of chosen patches.

    Attributes:
        scores: ``(tile, H, W)`` summed over colour channels, or ``(patch, X, Y, Z)``; signed, on the member's scale.
        delta: sum minus ``f(x) - f(x with these tiles or patches blank)``.
    """

    scores: Tensor
    delta: float


def attribute_pixels(
    member: ExplainedMember, inputs: Inputs, name: str, tiles: Sequence[int], *, steps: int
) -> PixelAttribution:
    """Integrated gradients through the image encoder to the pixels of `tiles`; all else stays as it is.

    Tiles move together from the mean colour of training tiles. Stain is matched as among all tiles of the patient, the
    same along the path: else a tile of half the contrast would be normalised back to the full one, and a step of
    integration would change nothing until the last. Steps are doubled, up to 4 times as many, while the delta is above
    5 % of the change.
    """
    item, colour = inputs.items[name], member.baselines[name].colour
    assert item is not None
    assert colour is not None
    chosen = torch.as_tensor(list(tiles))
    moments = center, scale = member.moments(name, torch.from_numpy(item.values[item.mask]))
    images = torch.from_numpy(item.values[list(tiles)]).float()[None] / 255
    start = (colour.view(1, 3, 1, 1) * scale + center).expand_as(images)

    def function(pixels: Tensor) -> Tensor:
        tokens = inputs.tokens[name].expand(len(pixels), -1, -1).clone()
        tokens[:, chosen] = member.encode_some(name, pixels, moments)
        return member.log_odds({**inputs.tokens, name: tokens}, inputs.masks)

    found, delta = _along(function, images, start, steps=steps, tokens=inputs.tokens[name].shape[1])
    return PixelAttribution(scores=found.sum(dim=1), delta=delta)


def attribute_voxels(
    member: ExplainedMember, inputs: Inputs, name: str, patches: Sequence[int], *, steps: int
) -> PixelAttribution:
    """Integrated gradients through the encoder of a volume to the voxels of `patches`; all else stays as it is.

    Patches move together from the mean voxel of their sequence in training patients. Steps as for pixels.
    """
    item, intensity = inputs.items[name], member.baselines[name].intensity
    assert item is not None
    assert intensity is not None
    chosen = torch.as_tensor(list(patches))
    end = torch.from_numpy(item.values[list(patches)]).float()[None]
    start = intensity[chosen].view(1, -1, 1, 1, 1).expand_as(end)

    def function(voxels: Tensor) -> Tensor:
        tokens = inputs.tokens[name].expand(len(voxels), -1, -1).clone()
        tokens[:, chosen] = member.encode_patches(name, voxels, chosen)
        return member.log_odds({**inputs.tokens, name: tokens}, inputs.masks)

    scores, delta = _along(function, end, start, steps=steps, tokens=inputs.tokens[name].shape[1])
    return PixelAttribution(scores=scores, delta=delta)


def _along(function: Any, end: Tensor, start: Tensor, *, steps: int, tokens: int) -> tuple[Tensor, float]:
    """Attribution of one patient's pixels or voxels ``(1, …)`` without that axis, and its delta.

    All `tokens` of the patient are pooled in every step, so that they count for memory too.
    """
    with torch.no_grad():
        change = float(function(end) - function(start))
    batch = max(1, min(_PIXELS // end.numel(), at_once(tokens)))
    for doubling in range(PIXEL_DOUBLINGS + 1):
        (part,) = _run(function, (end,), (start,), method="integrated_gradients", steps=steps << doubling, batch=batch)
        delta = float(part.double().sum()) - change
        if abs(delta) <= PIXEL_TOLERANCE * abs(change) + 1e-3:
            break
    return part[0], delta


def _run(
    function: Any,
    ends: tuple[Tensor, ...],
    starts: tuple[Tensor, ...],
    *,
    method: str,
    steps: int,
    batch: int,
    groups: tuple[Tensor, ...] | None = None,
) -> tuple[Tensor, ...]:
    from captum.attr import FeatureAblation, IntegratedGradients

    if method == "integrated_gradients":
        found: Any = IntegratedGradients(function, multiply_by_inputs=True).attribute(
            ends, baselines=starts, n_steps=steps, method="gausslegendre", internal_batch_size=batch
        )
    elif method == "feature_ablation":
        found = FeatureAblation(function).attribute(ends, baselines=starts, feature_mask=groups)
    else:
        moved = tuple(part.clone().requires_grad_(True) for part in ends)
        gradients = torch.autograd.grad(function(*moved).sum(), moved)
        found = tuple(g * (end - start) for g, end, start in zip(gradients, ends, starts, strict=True))
    return tuple(part.detach() for part in found)


def _by_token(
    member: ExplainedMember, names: Sequence[str], parts: Sequence[Tensor], *, method: str
) -> dict[str, Tensor]:
    """``(1, tile, width)`` or ``(1, feature)`` → one number a token."""
    scores = {}
    for name, part in zip(names, parts, strict=True):
        scores[name] = part[0].flatten(start_dim=1).sum(dim=1) if _is_bag(member, name) else part[0]
        if method == "feature_ablation" and _is_bag(member, name):
            scores[name] = scores[name] / part.shape[2]  # Captum gives each element of a token the token's value
    return scores


def _is_bag(member: ExplainedMember, name: str) -> bool:
    return member.specs[name].kind in BAGS


def _baseline(member: ExplainedMember, inputs: Inputs, name: str) -> Tensor:
    """The baseline in the shape of the patient's values; what is masked stays as it is, for nothing reads it."""
    values, mask = inputs.tokens[name], inputs.masks[name]
    mean = member.baselines[name].mean
    if _is_bag(member, name):
        return torch.where(mask[..., None], mean.expand_as(values), values)
    return torch.where(mask, mean.expand_as(values), values)


def _groups(member: ExplainedMember, inputs: Inputs, names: Sequence[str]) -> list[Tensor]:
    """For ablation: every number by itself, every tile's token as one; numbered through all modalities."""
    made, first = [], 0
    for name in names:
        part = inputs.tokens[name]
        index = torch.arange(part.shape[1]) + first
        made.append((index[None, :, None] if part.ndim == 3 else index[None]).expand_as(part).contiguous())
        first += part.shape[1]
    return made
