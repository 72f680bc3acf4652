"""Frozen encoders: the table, weights that fit in whatever wrapping, and messages for those that do not."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings
from data_modules.ingest.slides.embed.frozen_encoders import monai_resnet, pooled
from data_modules.ingest.slides.embed.known_encoders import ALIASES, KNOWN_ENCODERS, KnownEncoder, known
from data_modules.ingest.slides.embed.weights import fit_weights, read_weights
from fusion.contract import FusionError

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def resnet18() -> Weights:
    torch.manual_seed(0)
    return monai_resnet("resnet18").state_dict()


def fit(state: Weights, name: str = "resnet18") -> nn.Module:
    network = monai_resnet(name)
    fit_weights(network, state, path=Path("w.safetensors"), encoder=name)
    return network


def test_the_page_says_what_the_table_says(root: Path) -> None:
    page = (root / "docs/encoders.md").read_text(encoding="utf-8")
    rows = {
        cells[0].strip(): [cell.strip() for cell in cells[1:]]
        for line in page.splitlines()
        if line.startswith("| ") and len(cells := line.strip("|").split("|")) == 8
    }
    rows.pop("name")
    assert set(rows) == set(KNOWN_ENCODERS)
    for name, cells in rows.items():
        facts = KNOWN_ENCODERS[name]
        middle = f", middle {facts.crop}" if facts.crop else ""
        assert cells[1] == (f"{facts.input_size}{middle}" if facts.input_size else "as it is"), name
        assert cells[4] == str(facts.width), name
        assert cells[5] == facts.licence, name
        assert cells[6] == ("yes" if facts.tested else "no"), name
        assert facts.hub is None or facts.hub in cells[0], name
        assert ("class token + mean" in cells[3]) == (facts.pooling == "cls+mean"), name
    assert set(ALIASES.values()) <= set(KNOWN_ENCODERS)
    assert known("UNI_v1") is KNOWN_ENCODERS["uni"] and known("somebody's") is None


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_resnets_have_torchvisions_keys(name: str) -> None:
    network = monai_resnet(name).eval()
    keys = set(network.state_dict())
    # As torchvision.models names them, without the classifier.
    assert {"conv1.weight", "bn1.running_mean", "layer2.0.downsample.0.weight", "layer4.1.bn2.bias"} <= keys
    assert not any(key.startswith("fc.") for key in keys)
    assert len([key for key in keys if key.endswith(".weight")]) == {18: 40, 34: 72, 50: 106}[int(name[6:])]
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 64, 64)).shape == (2, KNOWN_ENCODERS[name].width)


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "model.encoders.slides.backbone."])
def test_wrappers_and_classifiers_are_no_matter(resnet18: Weights, prefix: str) -> None:
    state = {prefix + key: value for key, value in resnet18.items() if "num_batches" not in key}
    state |= {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    network = fit(state)
    assert all(torch.equal(value, resnet18[key]) for key, value in network.state_dict().items())


def _vit() -> Weights:
    return {"cls_token": torch.zeros(1, 1, 8), "blocks.0.attn.qkv.weight": torch.zeros(24, 8)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_vit, r"100 keys are missing \(conv1\.weight, .* …\); 2 are unknown \(cls_token, .*a vision transformer"),
        (
            lambda: monai_resnet("resnet50").state_dict(),
            r"another shape \(layer1\.0\.conv1\.weight is \(64, 64, 1,",
        ),
        (lambda: monai_resnet("resnet50").state_dict(), r"They look like those of a ResNet with bottlenecks"),
        (lambda: {"conv1.weight": torch.zeros(64, 3, 7, 7, 7)}, r"They look like a 3D network's"),
        (lambda: {"step": torch.zeros(1)}, r"nothing that resnet18 is made of: perhaps a whole model, a head"),
    ],
)
def test_keys_that_do_not_fit_are_named_with_the_likely_reason(make: Callable[[], Weights], message: str) -> None:
    with pytest.raises(FusionError) as error:
        fit(make())
    assert re.search(message, str(error.value)), error.value
    assert "not the weights of resnet18" in str(error.value) and "Set embed.encoder" in str(error.value)


def test_what_could_run_code_is_not_loaded(tmp_path: Path, resnet18: Weights) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"state_dict": resnet18, "extra": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(FusionError, match=r"evil\.pth: a pickle that holds more than tensors, which could run code"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
    torch.save({"state_dict": resnet18}, tmp_path / "plain.pth")
    assert set(read_weights(tmp_path / "plain.pth")) == set(resnet18)
    (tmp_path / "cut.pth").write_bytes((tmp_path / "plain.pth").read_bytes()[:5000])
    with pytest.raises(FusionError, match=r"cut\.pth: cannot be read as plain weights"):
        read_weights(tmp_path / "cut.pth")
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(FusionError, match=r"other\.pth: holds no state dict of tensors"):
        read_weights(tmp_path / "other.pth")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What a run folder of tile classification holds of its encoder: another width, norm and constants than usual."""
    from fusion.contract import ModalitySpec
    from fusion.encoders.images.cnn import TileCNN

    torch.manual_seed(1)
    spec = ModalitySpec(name="tiles", kind="tiles", token_shape=(3, 64, 64))
    trained = TileCNN(spec, width=16, channels=(4, 4, 6, 6, 10), norm="group")
    folder = tmp_path / "run"
    (folder / "models/r0f0/fusion").mkdir(parents=True)
    state = {f"encoders.tiles.{key}": value.contiguous() for key, value in trained.state_dict().items()}
    save_file(state | {"head.weight": torch.zeros(2, 16)}, folder / "models/r0f0/fusion/member0.safetensors")
    save_file(trained.state_dict(), tmp_path / "plain.safetensors")
    (folder / "run.json").write_text("{}")
    (folder / "config.yaml").write_text(
        "model: {encoders: {tiles: {_target_: fusion.encoders.images.cnn.TileCNN, "
        "channels: [4, 4, 6, 6, 10], norm: group, "
        "match_colours: false, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}}}"
    )
    return folder


def test_a_runs_encoder_embeds_as_it_was_trained(run: Path) -> None:
    from fusion.contract import ModalitySpec
    from fusion.encoders.images.cnn import TileCNN
    from fusion.encoders.images.weights import load_pretrained

    settings = EmbeddingSettings(encoder="cnn", weights=str(run))
    assert settings.problems() == [] and settings.width == 10
    tiles = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    found = settings.load().embed(tiles)
    spec = ModalitySpec(name="tiles", kind="tiles", token_shape=(3, 64, 64))
    trained = TileCNN(spec, width=16, channels=(4, 4, 6, 6, 10), norm="group")
    load_pretrained(trained, str(run), where="model.encoders.tiles")
    with torch.inference_mode():
        expected = trained.eval().features((torch.from_numpy(tiles) / 255 - 0.5) / 0.25)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_another_network_of_a_run_is_another_address(run: Path) -> None:
    before = EmbeddingSettings(encoder="cnn", weights=str(run)).key()
    file = next(run.glob("models/*/fusion/*.safetensors"))
    state = read_weights(file)
    save_file({key: value + 1 for key, value in state.items()}, file)
    after = EmbeddingSettings(encoder="cnn", weights=str(run)).key()
    assert before["embed.weights"] != after["embed.weights"]
    assert before["constants"] == after["constants"] and before["constants"][0] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("encoder", "change", "message"),
    [
        ("resnet18", "", r"the run trained fusion\.encoders\.images\.cnn\.TileCNN, not resnet18 .*Set encoder to"),
        ("uni", "", r"is a run folder, and uni is not trained by runs\. Set encoder to one of cnn, efficientnet"),
        ("cnn", "match_colours: true", r"matched colours .*Train with model\.encoders\.tiles\.match_colours=false"),
        ("cnn", "no config", r"config\.yaml does not say what the run trained"),
        ("cnn", "no run.json", r"is a folder, but no run folder \(no run\.json\)"),
        ("cnn", "no models", r"keeps no network of the arm fusion"),
    ],
)
def test_runs_that_cannot_be_used(run: Path, encoder: str, change: str, message: str) -> None:
    config = run / "config.yaml"
    if ":" in change:
        config.write_text(config.read_text().replace("match_colours: false", change))
    for file in {"no config": [config], "no run.json": [run / "run.json"]}.get(change, []):
        file.unlink()
    if change == "no models":
        next(run.glob("models/*/fusion/*.safetensors")).unlink()
    (problem,) = EmbeddingSettings(encoder=encoder, weights=str(run)).problems()
    assert re.search(message, problem), problem


def test_tokens_are_pooled_as_the_table_says() -> None:
    tokens = torch.arange(2 * 8 * 2, dtype=torch.float32).view(2, 8, 2)

    class Body(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return tokens

    def facts(**changes: object) -> KnownEncoder:
        return KnownEncoder(width=4, source="timm", licence="", **changes)  # type: ignore[arg-type]

    both = pooled(Body(), facts(pooling="cls+mean", prefix_tokens=5))(torch.zeros(2))
    # Patient tile 0: class token (0, 1), patches 5, 6, 7: mean of 10, 12, 14 and of 11, 13, 15.
    assert both[0].tolist() == [0, 1, 12, 13]
    assert pooled(Body(), facts(pooling="cls"))(torch.zeros(2))[1].tolist() == [16, 17]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "resnet99"}, r"encoder='resnet99' is not known\. Known are cnn, conch, .*package\.module\.Class"),
        ({"encoder": "no.such.Net"}, r"encoder='no\.such\.Net' cannot be imported"),
        ({"encoder": "torch.nn.ReLU"}, r"the class needs an attribute embedding_width"),
        ({"encoder": "resnet50"}, r"weights=null, but resnet50 comes with none"),
        ({"encoder": "resnet50", "weights": "/no/file.pth"}, r"weights='/no/file\.pth' is no file"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], message: str) -> None:
    (problem,) = EmbeddingSettings(**settings).problems()  # type: ignore[arg-type]
    assert re.search(message, problem), problem


@pytest.mark.parametrize(
    ("name", "module", "message"),
    [
        ("virchow2", "timm", r"encoder virchow2 needs timm .*install the extra `foundation`"),
        ("conch", "conch.open_clip_custom", r"encoder conch needs its authors' package"),
        ("efficientnet_lite0", "efficientnet_lite_pytorch", r"needs the extra `pretrained`"),
    ],
)
def test_a_missing_package_is_named(name: str, module: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(EmbeddingSettings, "weights_file", None)
    with pytest.raises(FusionError, match=message):
        EmbeddingSettings(encoder=name).load()
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    (problem,) = EmbeddingSettings(encoder="resnet50", weights="hub:timm/resnet50.tv_in1k").problems()
    assert "needs huggingface_hub: install the extra `foundation`" in problem


def test_a_models_own_size_and_weights_are_part_of_what_identifies_embeddings() -> None:
    uni = EmbeddingSettings(encoder="uni")
    assert uni.side == 224 and uni.width == 1024 and uni.key()["embed.weights"] == "hub:MahmoodLab/UNI"
    assert EmbeddingSettings(encoder="uni", input_size=448).key() != uni.key()
    assert uni.problems() == []


def test_the_middle_is_kept_where_the_table_says(tmp_path: Path, resnet18: Weights) -> None:
    save_file(resnet18, tmp_path / "w.safetensors")
    plain = EmbeddingSettings(encoder="resnet18", weights=str(tmp_path / "w.safetensors"))
    cropped = EmbeddingSettings(encoder="resnet18", weights=str(tmp_path / "w.safetensors"))
    cropped.__dict__["facts"] = replace(plain.facts, crop=32)
    tiles = np.random.default_rng(0).integers(0, 256, (2, 3, 48, 48), dtype=np.uint8)
    expected = plain.load().embed(np.ascontiguousarray(tiles[:, :, 8:40, 8:40]))
    np.testing.assert_allclose(cropped.load().embed(tiles), expected, rtol=1e-4, atol=1e-5)
    assert cropped.key() != plain.key()


def test_embeddings_that_are_not_finite_are_refused(tmp_path: Path, resnet18: Weights) -> None:
    broken = dict(resnet18) | {"conv1.weight": torch.full((64, 3, 7, 7), float("nan"))}
    save_file(broken, tmp_path / "nan.safetensors")
    loaded = EmbeddingSettings(encoder="resnet18", weights=str(tmp_path / "nan.safetensors")).load()
    with pytest.raises(FusionError, match=r"nan\.safetensors: gives embeddings that are not finite"):
        loaded.embed(np.zeros((1, 3, 32, 32), dtype=np.uint8))


def test_your_own_encoders_code_and_weights_are_part_of_what_identifies_embeddings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import torch\n\nclass Mine(torch.nn.Module):\n    embedding_width = 2\n\n    def __init__(self):\n"
        "        super().__init__()\n        self.weight = torch.nn.Parameter(torch.full((2,), VALUE))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    names = []
    for number, text in enumerate((code, code.replace("VALUE", "1.0"), code.replace("VALUE", "2.0"))):
        (tmp_path / f"mine{number}.py").write_text("VALUE = 1.0\n" + text)
        names.append(EmbeddingSettings(encoder=f"mine{number}.Mine").key()["embed.weights"])
    codes, weights = zip(*(name.split(":") for name in names), strict=True)
    assert len(set(codes)) == 3
    assert weights[0] == weights[1] != weights[2]
