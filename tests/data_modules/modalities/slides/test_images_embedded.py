"""Single images as frozen embeddings: the network's own numbers, scaled by training images, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from data_modules.ingest.slides.embed.frozen_encoders import build_encoder, monai_resnet
from data_modules.ingest.slides.embed.known_encoders import KNOWN_ENCODERS
from data_modules.modalities.slides.images import Images
from data_modules.sources.image_folder import ImageFolder
from fusion.contract import FusionError

NOBODY = np.zeros(0, dtype=np.int64)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six noisy images of two classes, and random weights of a ResNet-18."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for at in range(6):
        path = root / "tiles" / ("ab"[at % 2]) / f"{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    torch.manual_seed(0)
    save_file(monai_resnet("resnet18").state_dict(), root / "w.safetensors")
    return root


def images(root: Path, **embed: object) -> Images:
    source = ImageFolder(name="t", root=root / "tiles", cache=root / "cache")
    given = {"encoder": "resnet18", "weights": str(root / "w.safetensors"), "batch": 4, **embed}
    return Images(name="tiles", source=source, embed=given)


def test_embeddings_are_the_networks_in_standard_deviations_of_training_images(root: Path) -> None:
    modality = images(root)
    assert modality.check() == []
    assert not modality.handcrafted
    modality.prepare(lambda step, done, total: None)
    train = ["a/0.png", "a/2.png", "b/1.png"]
    fitted = modality.fit(train, NOBODY)
    assert (fitted.spec.kind, fitted.spec.token_shape) == ("embeddings", (512,))
    network = monai_resnet("resnet18").eval()
    network.load_state_dict(load_file(root / "w.safetensors"))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    raw = []
    with torch.inference_mode():
        for name in [*train, "b/5.png"]:
            tile = torch.from_numpy(np.array(Image.open(root / "tiles" / name))).float() / 255
            raw.append(network(((tile - mean) / std).permute(2, 0, 1)[None])[0].numpy().astype(np.float64))
    rows = np.stack(raw[:3])
    steady = rows.std(axis=0) > 1e-3
    wanted = (np.stack(raw) - rows.mean(axis=0))[:, steady] / rows.std(axis=0)[steady]
    item = fitted.load("b/5.png")
    assert item is not None
    np.testing.assert_allclose(item.values[0][steady], wanted[3], rtol=2e-2, atol=2e-2)
    table = fitted.table(train).to_numpy()
    np.testing.assert_allclose(table[:, steady], wanted[:3], rtol=2e-2, atol=2e-2)
    again = images(root).restore(fitted.state()).load("b/5.png")
    assert again is not None
    assert np.array_equal(again.values, item.values)


def test_they_are_made_once_and_refused_where_the_run_had_others(root: Path) -> None:
    steps: list[tuple[int, int]] = []
    modality = images(root)
    modality.prepare(lambda step, done, total: None)
    files = {path: path.stat().st_mtime_ns for path in (root / "cache").rglob("features.npy")}
    images(root).prepare(lambda step, done, total: steps.append((done, total)))
    assert steps == [(6, 6)]
    assert files == {path: path.stat().st_mtime_ns for path in (root / "cache").rglob("features.npy")}
    state = modality.fit(["a/0.png", "b/1.png"], NOBODY).state()
    with pytest.raises(FusionError, match=r"modality\.tiles\.embed\.input_size is 64 here"):
        images(root, input_size=64).restore(state)
    told = images(root, weights=str(root / "none.safetensors")).check()
    name = str(root / "none.safetensors")
    assert told == [f"modality.tiles.embed.weights={name!r} is no file. Point it to the encoder's weights."]


def test_layers_of_efficientnet_are_means_and_spreads_over_four_orientations() -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `pretrained` is not installed")
    facts = KNOWN_ENCODERS["efficientnet_lite0_layers"]
    torch.manual_seed(0)
    network = build_encoder("efficientnet_lite0_layers", facts, file=None)
    body = package.EfficientNet.from_name("efficientnet-lite0", image_size=224)
    body.load_state_dict(network.state_dict(), strict=False)
    body.eval()
    pixels = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        made = network(pixels)
        assert made.shape == (2, facts.width)
        views = [pixels, torch.rot90(pixels, 1, (2, 3))]
        views += [view.flip(3) for view in views]
        own = torch.stack([body.extract_features(view) for view in views])
        torch.testing.assert_close(made[:, -2560:-1280], own.mean(dim=(3, 4)).mean(dim=0), rtol=1e-3, atol=1e-4)
        spread = own.flatten(3).std(dim=3, correction=0).mean(dim=0)
        torch.testing.assert_close(made[:, -1280:], spread, rtol=1e-3, atol=1e-4)
