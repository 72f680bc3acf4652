"""What explaining takes in memory: a patient, by their tiles and steps of integration; a cohort, by its patients.

    python benchmarks/explain_memory.py
    python benchmarks/explain_memory.py --patients 1000 [--tiles 15000] [--features 2000] [--folder /tmp]

Each case runs in a process of its own: a network of random weights explains one patient, whose tiles are noise, with
everything that `fusion.explain` does of them: integrated gradients of tokens and of pixels, Shapley values, deletion.
Prints the peak resident memory above that of the process before, and the bytes of the patient's own tiles and tokens.

With `--patients` the cohort's part is measured (`benchmarks/explained_cohort.py`).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from fusion.attribution.members import ExplainedMember
    from fusion.contract import Item, ModalitySpec, State

CASES = ((24, 32), (240, 32), (2_400, 32), (9_600, 32), (24, 256), (2_400, 256))
"""Tiles and steps."""
SIDE, WIDTH = 32, 64


def main() -> None:
    """All cases, a line each; or, with --tiles and --steps, one of them in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--patients", type=int)
    parser.add_argument("--features", type=int, default=2_000)
    parser.add_argument("--folder", default=None)
    asked = parser.parse_args()
    if asked.patients is not None:
        from explained_cohort import measure

        measure(asked.patients, tiles=asked.tiles or 15_000, features=asked.features, folder=asked.folder)
        return
    if asked.tiles is not None:
        print(f"{explain(asked.tiles, asked.steps) / 1e6:.0f}")
        return
    print(f"{'tiles':>7} {'steps':>6} {'peak, MB':>9} {'own, MB':>8}")
    for tiles, steps in CASES:
        command = [sys.executable, __file__, f"--tiles={tiles}", f"--steps={steps}"]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        own = tiles * (3 * SIDE * SIDE + 4 * WIDTH)
        print(f"{tiles:>7} {steps:>6} {found:>9} {own / 1e6:>8.1f}", flush=True)


def explain(tiles: int, steps: int) -> int:
    """Peak memory in bytes, above what the process held before the patient was loaded."""
    import numpy as np
    import torch

    from fusion.attribution.patient import Settings, explain_patient

    torch.set_num_threads(1)
    members = [_member(np.random.default_rng(0), tiles)]
    settings = Settings(arm="fusion", method="integrated_gradients", steps=steps, tiles=6)
    explain_patient(members, "small", Settings(arm="fusion", method="integrated_gradients", steps=2, tiles=6))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    explain_patient(members, "patient", settings)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


def _member(rng: np.random.Generator, tiles: int) -> ExplainedMember:
    import numpy as np

    from fusion.apply.trained import Member
    from fusion.attribution.members import ExplainedMember
    from fusion.contract import EndpointSpec, FeatureSpec, Item, ModalitySpec
    from fusion.evaluation.calibration import Platt
    from fusion.network.model import build_model

    names = [f"g{number}" for number in range(8)]
    features = tuple(FeatureSpec(name=name, kind="burden", label=name, gene=name) for name in names)
    specs = {
        "slides": ModalitySpec(name="slides", kind="tiles", token_shape=(3, SIDE, SIDE)),
        "variants": ModalitySpec(name="variants", kind="variants", features=features),
    }
    model = {
        "width": WIDTH,
        "modality_dropout": 0.0,
        "auxiliary": 0.0,
        "encoders": {
            "slides": {"_target_": "fusion.encoders.images.cnn.TileCNN"},
            "variants": {"_target_": "fusion.encoders.variants.features.VariantEncoder"},
        },
        "fuser": {"_target_": "fusion.fusers.cross_attention.CrossAttentionFuser"},
        "head": {"_target_": "fusion.heads.response.BinaryResponse"},
    }

    def item(name: str, patient: str) -> Item:
        count = tiles if patient == "patient" else 12
        if name == "variants":
            return Item(values=rng.normal(size=8).astype(np.float32), mask=np.ones(8, dtype=np.bool_))
        return Item(
            values=rng.integers(0, 255, (count, 3, SIDE, SIDE), dtype=np.uint8),
            mask=np.ones(count, dtype=np.bool_),
            coords=np.stack([np.arange(count) * SIDE, np.zeros(count, dtype=np.int64)], axis=1),
            source=np.zeros(count, dtype=np.int64),
            files=("a.tif",),
        )

    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    fitted = {name: _Fitted(spec, item) for name, spec in specs.items()}
    member = Member(
        fold="f",
        index=0,
        model=build_model(model, specs, endpoint, seed=0).eval(),
        fitted=fitted,  # type: ignore[arg-type]
        calibrator=Platt(slope=1.0, intercept=0.0),
    )
    return ExplainedMember(member, ["t1", "t2", "t3"])


class _Fitted:
    """As much of a fitted modality as explaining asks for."""

    selection = None

    def __init__(self, spec: ModalitySpec, item: Callable[[str, str], Item]) -> None:
        self.spec = spec
        self._item = item

    def load(self, patient: str) -> Item:
        return self._item(self.spec.name, patient)

    def state(self) -> State:
        from fusion.contract import State

        return State(config={}, arrays={})


if __name__ == "__main__":
    main()
