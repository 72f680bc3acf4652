"""Every fuser's example: the same small patients, its configuration, and what comes out.

An example is a file beside the tests, ``tests/fusion/fusers/examples/<fuser>.yaml``: what it changes of
``conf/model/fuser/<fuser>.yaml``, and (`out`) each patient's fused vector. ``python -m tests.helpers.fuser_examples``
writes `out` of all examples, and docs/fuser_examples.md from them; look at the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from hydra.utils import instantiate
from torch import nn

from fusion.contract import ModalitySpec, Tokens
from fusion.fusers.base import Fused, Fuser

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "fusion" / "fusers" / "examples"
CONF = ROOT / "conf" / "model" / "fuser"
PAGE = ROOT / "docs" / "fuser_examples.md"
WIDTH = 4
COUNTS = {"slides": 3, "variants": 3, "clinical": 2}
"""Modality → tokens. The second patient has two of three tiles, the third no slide, the fourth nothing at all."""
SPECS = {
    "slides": ModalitySpec(name="slides", kind="embeddings", token_shape=(5,)),
    "variants": ModalitySpec(name="variants", kind="variants"),
    "clinical": ModalitySpec(name="clinical", kind="table"),
}


def names() -> list[str]:
    """Fusers that configuration offers."""
    return sorted(path.stem for path in CONF.glob("*.yaml"))


def example(name: str) -> dict[str, Any]:
    """The content of a fuser's example."""
    return dict(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def patients() -> dict[str, Tokens]:
    """Four patients, the same at every call; values and summaries as encoders leave them, zero where nothing is."""
    generator = torch.Generator().manual_seed(0)
    made = {}
    for name, count in COUNTS.items():
        mask = torch.ones(4, count, dtype=torch.bool)
        mask[3] = False
        if name == "slides":
            mask[1, 2], mask[2] = False, False
        values = torch.randn(4, count, WIDTH, generator=generator) * mask.unsqueeze(-1)
        summary = values.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        made[name] = Tokens(values=values, mask=mask, summary=summary)
    return made


def build(name: str) -> Fuser:
    """The fuser of an example, weights as they start at seed 0, gates that start at nothing opened."""
    node = _node(name) | example(name)["config"]
    torch.manual_seed(0)
    fuser: Fuser = instantiate(node, _partial_=True)(SPECS, width=WIDTH)
    for part in (getattr(fuser, "gate", None), getattr(fuser, "z", None)):
        if isinstance(part, nn.Parameter):
            nn.init.ones_(part)
    return fuser.eval()


def fuse(fuser: Fuser, tokens: dict[str, Tokens]) -> Fused:
    with torch.no_grad():
        fused: Fused = fuser(tokens)
    return fused


def rounded(fused: Fused) -> list[list[float]]:
    """Fused vectors ``(patient, width)`` to four digits."""
    return [[round(float(number), 4) + 0.0 for number in row] for row in fused.values]


def page() -> str:
    """docs/fuser_examples.md, from the examples' files."""
    lines = [
        "# Fusers by example",
        "",
        "Of each fuser: what it is, what its example changes of its defaults, the fused vector (4 numbers) that comes",
        "out for a patient who has everything and for one without slides, with weights as they start at seed 0 (gates",
        "that start at nothing are opened), and which attention maps it keeps. Made of",
        "[the examples](../tests/fusion/fusers/examples) that the tests check. `model/fuser=<name>` takes one.",
        "",
        "| fuser | what it is | changed | everything | no slides | attention |",
        "|---|---|---|---|---|---|",
    ]
    for name in names():
        one = example(name)
        changed = yaml.safe_dump(one["config"], default_flow_style=True, width=1000).strip()
        about = (CONF / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        whole, _, without, _ = (", ".join(f"{number:.3f}" for number in row) for row in one["out"])
        maps = ", ".join(fuse(build(name), patients()).attention or {"none": None})
        lines.append(f"| `{name}` | {about} | `{changed}` | {whole} | {without} | {maps} |")
    return "\n".join([*lines, ""])


def _node(name: str) -> dict[str, Any]:
    """A fuser's configuration, with what it is made of laid below it."""
    node: dict[str, Any] = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
    below: dict[str, Any] = {}
    for part in node.pop("defaults", []):
        below |= _node(part) if part != "_self_" else {}
    return below | node


def main() -> None:
    for name in names():
        path = FOLDER / f"{name}.yaml"
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = lines[: lines.index("out:")] if "out:" in lines else lines
        rows = [f"  - {row}" for row in rounded(fuse(build(name), patients()))]
        path.write_text("\n".join([*kept, "out:", *rows, ""]), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
