"""Every encoder's example: a small input of its kind, its configuration, and what comes out.

An example is a file beside the tests, ``tests/fusion/encoders/examples/<encoder>.yaml``: the kind of modality it reads,
what it changes of ``conf/model/encoder/<encoder>.yaml``, files it needs, and (`out`) the summary of each patient.
``python -m tests.helpers.examples`` writes `out` of all examples, and docs/encoder_examples.md from them; look at the
difference before you commit it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from hydra.utils import instantiate

from fusion.contract import FeatureSpec, ModalityBatch, ModalitySpec, Tokens
from fusion.encoders.base import Encoder

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "fusion" / "encoders" / "examples"
PAGE = ROOT / "docs" / "encoder_examples.md"
WIDTH = 4


@dataclass(frozen=True, kw_only=True)
class Input:
    """A small modality: its spec, four training patients and three patients to encode, the last without it."""

    spec: ModalitySpec
    train: ModalityBatch
    batch: ModalityBatch
    told: str


def names() -> list[str]:
    """Encoders that configuration offers."""
    return sorted(path.stem for path in (ROOT / "conf" / "model" / "encoder").glob("*.yaml"))


def example(name: str) -> dict[str, Any]:
    """The content of an encoder's example."""
    return dict(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def small(kind: str) -> Input:
    """An input of a kind of modality, the same at every call."""
    rng = np.random.default_rng(0)
    if kind in ("table", "variants"):
        genes = ("TP53", "BRCA1", "PALB2")
        features = tuple(
            FeatureSpec(name=name, kind="column", label=name)
            if kind == "table"
            else FeatureSpec(name=f"burden:{name}", kind="burden", label=name, gene=name)
            for name in (("age", "grade", "ki67") if kind == "table" else genes)
        )
        spec = ModalitySpec(name="x", kind=kind, features=features)  # type: ignore[arg-type]
        told = "; ".join(
            f"{one.label} " + ", ".join(f"{row[at]:g}" for row in _NUMBERS) for at, one in enumerate(features)
        )
        return Input(spec=spec, train=_numbers(_TRAIN), batch=_numbers([*_NUMBERS, [0.0] * 3], last=False), told=told)
    shape = {"tiles": (3, 32, 32), "embeddings": (5,), "volume": (8, 8, 8)}[kind]
    features = tuple(FeatureSpec(name=f"t1:{at}", kind="patch", label=f"patch {at}") for at in range(2))
    spec = ModalitySpec(
        name="x",
        kind=kind,  # type: ignore[arg-type]
        token_shape=shape,
        features=features if kind == "volume" else (),
        sequences=("t1",) if kind == "volume" else (),
        grid=(2, 1, 1) if kind == "volume" else (),
    )
    raw = rng.integers(0, 255, (3, 2, *shape), dtype=np.uint8)
    values = torch.from_numpy(raw) if kind == "tiles" else torch.from_numpy(raw.astype(np.float32) / 128 - 1)
    mask = torch.tensor([[True, True], [True, kind == "volume"], [False, False]])
    values = values * mask.view(3, 2, *(1 for _ in shape)).to(values.dtype)
    coords = torch.tensor([[[0, 0, 0], [0, 64, 0]]] * 3) if kind != "volume" else None
    batch = ModalityBatch(values=values, mask=mask, coords=coords)
    told = f"two patients with 2 and {2 if kind == 'volume' else 1} tokens of {' × '.join(map(str, shape))}"
    return Input(spec=spec, train=batch, batch=batch, told=told)


def build(name: str, folder: Path) -> tuple[Encoder, Input]:
    """The encoder of an example, in evaluation mode, started on the example's training patients."""
    one = example(name)
    for file, text in one.get("files", {}).items():
        (folder / file).write_text(text, encoding="utf-8")
    node = yaml.safe_load((ROOT / "conf" / "model" / "encoder" / f"{name}.yaml").read_text(encoding="utf-8"))
    node |= one["config"]
    for key, value in node.items():
        if isinstance(value, dict) and "file" in value:
            node[key] = {**value, "file": str(folder / value["file"])}
    given = small(one["kind"])
    torch.manual_seed(0)
    encoder: Encoder = instantiate(node, _partial_=True)(given.spec, width=WIDTH)
    if not encoder.of_pixels:
        encoder.start([given.train])
    return encoder.eval(), given


def encode(encoder: Encoder, batch: ModalityBatch) -> Tokens:
    with torch.no_grad():
        tokens: Tokens = encoder(batch)
    return tokens


def rounded(tokens: Tokens) -> list[list[float]]:
    """Summaries ``(patient, width)`` to four digits."""
    return [[round(float(number), 4) + 0.0 for number in row] for row in tokens.summary]


def page() -> str:
    """docs/encoder_examples.md, from the examples' files."""
    lines = [
        "# Encoders by example",
        "",
        "Of each encoder: what it reads, what its example changes of its defaults, and the summary (4 numbers)",
        "that comes out for two patients, with weights as they start at seed 0. A third patient lacks the",
        "modality: zeros. Made of",
        "[the examples](../tests/fusion/encoders/examples) that the tests check.",
        "",
        "| encoder | reads | changed | first patient | second patient |",
        "|---|---|---|---|---|",
    ]
    for name in names():
        one = example(name)
        changed = yaml.safe_dump(one["config"], default_flow_style=True, width=1000).strip()
        first, second, _ = (", ".join(f"{number:.3f}" for number in row) for row in one["out"])
        lines.append(f"| `{name}` | {one['kind']} | `{changed}` | {first} | {second} |")
    kinds = {example(name)["kind"]: None for name in names()}
    lines += ["", "What they read:", "", *(f"- **{kind}**: {small(kind).told}" for kind in kinds), ""]
    return "\n".join(lines)


_TRAIN = [[50.0, 1.0, 0.1], [60.0, 2.0, 0.4], [40.0, 3.0, 0.2], [70.0, 2.0, 0.9]]
_NUMBERS = [[55.0, 2.0, 0.5], [45.0, 3.0, 0.1]]


def _numbers(rows: list[list[float]], *, last: bool = True) -> ModalityBatch:
    """Scaled as a fitted modality scales; the last patient lacks it where `last` is false."""
    train = np.asarray(_TRAIN)
    values = (np.asarray(rows) - train.mean(axis=0)) / train.std(axis=0)
    mask = np.ones_like(values, dtype=bool)
    mask[-1] = last
    return ModalityBatch(values=torch.from_numpy((values * mask).astype(np.float32)), mask=torch.from_numpy(mask))


def main() -> None:
    from tempfile import TemporaryDirectory

    for name in names():
        with TemporaryDirectory() as folder:
            encoder, given = build(name, Path(folder))
        lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        kept = lines[: lines.index("out:")] if "out:" in lines else lines
        rows = [f"  - {row}" for row in rounded(encode(encoder, given.batch))]
        (FOLDER / f"{name}.yaml").write_text("\n".join([*kept, "out:", *rows, ""]), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
