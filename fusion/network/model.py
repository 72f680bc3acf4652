"""The model: an encoder a modality, one fuser, one head."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from fusion.contract import Batch, EndpointSpec, ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder
from fusion.fusers.base import Fused, Fuser
from fusion.fusers.concat import ConcatFuser
from fusion.heads.base import Head
from fusion.layers import ModelError, in_float32
from fusion.network.endpoints import SecondaryHeads, secondary_heads


@dataclass(kw_only=True)
class Output:
    """What the model says of a batch.

    Attributes:
        logit: ``(batch,)``, the head's output.
        tokens: modality → `Tokens`, with pooling weights where tiles were pooled.
        fused: the fused vector and its attention maps.
        auxiliary: modality → ``(batch,)``, the output of a head on that modality's summary alone; in training.
        secondary: secondary endpoint → its head's output.
        secondary_auxiliary: modality → the same of the modality's summary, where the heads are shared; in training.
    """

    logit: Tensor
    tokens: dict[str, Tokens]
    fused: Fused
    auxiliary: dict[str, Tensor]
    secondary: dict[str, Tensor] = field(default_factory=dict)
    secondary_auxiliary: dict[str, dict[str, Tensor]] = field(default_factory=dict)


class FusionModel(nn.Module):
    """Encoders → fuser → head.

    Args:
        encoders: modality → encoder.
        fuser: over the same modalities.
        head: of the endpoint.
        auxiliary_heads: modality → a head on its summary alone, so that an encoder learns also while the fuser does not
            listen to it yet. They train only and take no part in scores.
        shared_head: instead of heads of their own, the modalities' summaries are read by `head` itself.
        modality_dropout: probability that a modality of a training patient is hidden; never all of them.
        adds: to a plain model's logits (`Batch.offset`): the head then starts at 0, so that the score starts as the
            plain model's.
        secondary: heads of secondary endpoints, which read the fused vector too; None: there is one endpoint.
    """

    head: Head
    secondary: SecondaryHeads | None

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        fuser: Fuser,
        head: Head,
        *,
        auxiliary_heads: Mapping[str, Head] | None = None,
        shared_head: bool = False,
        modality_dropout: float = 0.0,
        adds: bool = False,
        secondary: SecondaryHeads | None = None,
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.fuser = fuser
        self.head = head
        self.auxiliary_heads = nn.ModuleDict(auxiliary_heads or {})
        self.shared_head = shared_head
        self.modality_dropout = modality_dropout
        self.adds = adds
        self.secondary = secondary
        if adds:
            head.start_at_zero()

    def forward(self, batch: Batch) -> Output:
        """A batch of patients → `Output`. A modality that a patient lacks is an all-false mask."""
        modalities = {name: batch.modalities[name] for name in self.encoders}
        if self.training and self.modality_dropout:
            modalities = drop_modalities(modalities, self.modality_dropout)
        tokens = {name: encoder(modalities[name]) for name, encoder in self.encoders.items()}
        fused = self.fuser(tokens)
        auxiliary = {}
        if self.training:
            heads = dict.fromkeys(tokens, self.head) if self.shared_head else self.auxiliary_heads
            auxiliary = {name: in_float32(head, tokens[name].summary) for name, head in heads.items()}
        logit = in_float32(self.head, fused.values)
        if batch.offset is not None:
            logit = self.head.with_offset(logit, batch.offset)
            if self.shared_head:
                auxiliary = {name: self.head.with_offset(each, batch.offset) for name, each in auxiliary.items()}
        output = Output(logit=logit, tokens=tokens, fused=fused, auxiliary=auxiliary)
        if self.secondary is not None:
            output.secondary = self.secondary(fused.values, batch.targets)
            if self.training and self.shared_head:
                output.secondary_auxiliary = {
                    name: self.secondary(one.summary, batch.targets) for name, one in tokens.items()
                }
        return output

    def seen_as(self, name: str) -> FusionModel:
        """The same encoders and fuser under the head of a secondary endpoint; weights are shared."""
        assert self.secondary is not None, "one endpoint was trained"
        encoders: Any = dict(self.encoders.items())
        return FusionModel(encoders, self.fuser, self.secondary.head(name)).train(self.training)


def drop_modalities(modalities: Mapping[str, ModalityBatch], probability: float) -> dict[str, ModalityBatch]:
    """Hide each modality of each patient with `probability`; a patient who would lose all keeps all."""
    present = torch.stack([part.present for part in modalities.values()], dim=1)  # (batch, modality)
    kept = present & (torch.rand(present.shape, device=present.device) >= probability)
    kept = torch.where(kept.any(dim=1, keepdim=True), kept, present)
    return {
        name: replace(part, mask=part.mask & kept[:, column : column + 1])
        for column, (name, part) in enumerate(modalities.items())
    }


def build_model(
    config: Mapping[str, Any],
    specs: Mapping[str, ModalitySpec],
    endpoint: EndpointSpec,
    *,
    seed: int = 0,
    adds: bool = False,
    secondary: Sequence[EndpointSpec] = (),
    secondary_adds: Collection[str] = (),
) -> FusionModel:
    """The model that the `model` config node describes, for the modalities in `specs`.

    Encoders of other modalities are left out, so the same node describes the fused model and that of one modality.
    One modality has nothing to fuse: its model concatenates.

    Args:
        config: keys width, encoders, fuser, head, modality_dropout, auxiliary, auxiliary_head; parts carry Hydra's
            `_target_`.
        specs: modality → what the encoder must know of it.
        endpoint: what is predicted.
        seed: of the initial weights; torch's own generator is left as it was.
        adds: to a plain model's logits; what it says alone is then what it adds.
        secondary: endpoints that are trained beside it.
        secondary_adds: those whose heads add to a plain model's logits.

    Raises:
        ModelError: a modality without an encoder, or an encoder that does not fit it.
    """
    from hydra.utils import instantiate

    if not specs:
        raise ModelError("model: there is no modality to build a model for; the `modality` node is empty.")
    lacking = [name for name in specs if name not in config["encoders"]]
    if lacking:
        raise ModelError(
            f"model.encoders has no encoder for modality {', '.join(lacking)}; "
            f"add model/encoder@model.encoders.{lacking[0]}=<encoder> to the defaults."
        )
    width = int(config["width"])
    with torch.random.fork_rng(devices=[]):  # made on the processor: no GPU is touched
        torch.manual_seed(seed)
        encoders = {
            name: _part(instantiate, config["encoders"][name], spec, width=width) for name, spec in specs.items()
        }
        if len(specs) > 1:
            fuser = _part(instantiate, config["fuser"], dict(specs), width=width)
        else:
            fuser = ConcatFuser(specs, width=width)
        head = _part(instantiate, config["head"], endpoint, width=width)
        auxiliary = {}
        helped = bool(config.get("auxiliary", 0.0)) and len(specs) > 1
        shared = _shares_head(config)
        if helped and not shared:
            auxiliary = {name: _part(instantiate, config["head"], endpoint, width=width) for name in specs}
        beside = secondary_heads(
            config, secondary, width=width, adds=secondary_adds
        )  # last: the others begin as without them
    dropout = float(config.get("modality_dropout", 0.0)) if len(specs) > 1 else 0.0
    return FusionModel(
        encoders,
        fuser,
        head,
        auxiliary_heads=auxiliary,
        shared_head=helped and shared,
        modality_dropout=dropout,
        adds=adds,
        secondary=beside,
    )


def check_names(names: Iterable[str]) -> None:
    """Refuse modalities under whose names torch keeps no network.

    Args:
        names: of modalities.

    Raises:
        ModelError: torch's containers of modules or of parameters have an attribute of that name, as ``type``.
    """
    taken = {*dir(nn.ModuleDict()), *dir(nn.ParameterDict())}
    for name in names:
        if name in taken:
            raise ModelError(
                f"modality.{name}: networks are kept by the names of modalities, and torch keeps none as {name!r}, "
                f"which is a word of its own. Rename it, where the cohort declares it too, e.g. modality.{name}_data."
            )


def check_head(config: Mapping[str, Any], endpoint: EndpointSpec, secondary: Sequence[EndpointSpec] = ()) -> None:
    """Refuse a head that cannot predict the endpoint, before anything long runs.

    Args:
        config: as `build_model` takes it.
        endpoint: what is predicted.
        secondary: and beside it.

    Raises:
        ModelError: the head is of another kind of endpoint, or has a setting that cannot be; or weights of secondary
            endpoints cannot be.
    """
    from hydra.utils import instantiate

    with torch.random.fork_rng(devices=[]):
        _part(instantiate, config["head"], endpoint, width=int(config["width"]))
        secondary_heads(config, secondary, width=int(config["width"]))


def label_weights(
    config: Mapping[str, Any], endpoint: EndpointSpec, label: Tensor, time: Tensor | None = None
) -> Tensor:
    """``(patient,)``: what each training patient counts in the loss of the head that `config` describes."""
    from hydra.utils import instantiate

    with torch.random.fork_rng(devices=[]):
        head: Head = _part(instantiate, config["head"], endpoint, width=int(config["width"]))
    head.learn_prevalence(label, time)
    return head.sample_weights(label)


def _shares_head(config: Mapping[str, Any]) -> bool:
    """Whether the modalities' own losses go through the head of the fused vector."""
    choice = config.get("auxiliary_head", "own")
    if choice not in ("own", "shared"):
        raise ModelError(f"model.auxiliary_head is {choice!r}; choose own or shared.")
    return bool(choice == "shared")


def _part(instantiate: Any, node: Any, *args: Any, **kwargs: Any) -> Any:
    """Hydra's instantiate, with our own errors not buried in its own."""
    from hydra.errors import InstantiationException

    try:
        # Partial first: Hydra would turn our dataclasses into config nodes if it were given them.
        return instantiate(node, _partial_=True)(*args, **kwargs)
    except InstantiationException as error:
        raise ModelError(f"model: {error}") from error
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ModelError(f"model: {node['_target_']} knows no such option: {error}.") from error
