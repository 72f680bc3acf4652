"""What `transformer_mil` loses where tiles of a large bag look at a sample of the others instead of all.

    python benchmarks/attention_sample.py [--tiles 20000] [--bags 4]

Trains the encoder and a linear head on invented bags at 256 drawn tiles, as training does: a share of a bag's tiles is
shifted, along one direction in bags of one class and along another in those of the other. Then scores large bags whole,
by the sample (half of `exact_tiles`, spread over the bag), and by 8 draws of 256 tiles, in logits: how far the sample
is from all tiles, beside how far bags of the two classes are apart and what a draw of training moves. Rare tiles, of
which a sample holds few, are the harder case.
"""

from __future__ import annotations

import argparse
import copy

import torch
from torch import Tensor, nn

from fusion.contract import ModalityBatch, ModalitySpec
from fusion.encoders.images.transformer_mil import TransformerMIL

FEATURES, DRAWN, STEPS, BATCH = 32, 256, 80, 8


def bag(label: int, tiles: int, share: float, random: torch.Generator) -> Tensor:
    """``(tile, feature)``: `share` of the tiles shifted, along the direction of the class."""
    values = torch.randn(tiles, FEATURES, generator=random)
    shifted = max(1, round(share * tiles))
    values[torch.randperm(tiles, generator=random)[:shifted], label] += 4
    return values


def batch(bags: list[Tensor]) -> ModalityBatch:
    values = torch.stack(bags)
    return ModalityBatch(values=values, mask=torch.ones(values.shape[:2], dtype=torch.bool))


def trained(share: float, random: torch.Generator) -> nn.ModuleList:
    """Encoder and head."""
    torch.manual_seed(0)
    spec = ModalitySpec(name="slides", kind="embeddings", token_shape=(FEATURES,))
    both = nn.ModuleList([TransformerMIL(spec, width=32), nn.Linear(32, 1)])
    optimiser = torch.optim.AdamW(both.parameters(), lr=2e-3)
    for step in range(STEPS):
        labels = torch.arange(BATCH) % 2
        bags = [bag(int(label), DRAWN, share, random) for label in labels]
        logits = both[1](both[0](batch(bags)).summary)[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels.float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step in (0, STEPS - 1):
            print(f"  step {step}: loss {loss.item():.3f}", flush=True)
    return both.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=20_000)
    parser.add_argument("--bags", type=int, default=4)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    for share in (0.02, 0.01):
        print(f"{share:.1%} of tiles shifted, bags of {asked.tiles} tiles")
        sample = trained(share, random)
        whole = copy.deepcopy(sample)
        whole[0].exact_tiles = None
        bags = [bag(number % 2, asked.tiles, share, random) for number in range(asked.bags)]

        def logit(model: nn.ModuleList, values: Tensor) -> float:
            return float(model[1](model[0](batch([values])).summary))

        with torch.inference_mode():
            exact = torch.tensor([logit(whole, one) for one in bags])
            off = torch.tensor([logit(sample, one) for one in bags]) - exact
            draws = [
                [logit(whole, one[torch.randperm(len(one), generator=random)[:DRAWN]]) for _ in range(8)]
                for one in bags
            ]
        apart = exact[1::2].mean() - exact[::2].mean()
        print(f"  exact logits {', '.join(f'{value:.3f}' for value in exact)}; classes {apart:.3f} apart")
        print(f"  sample of {sample[0].exact_tiles // 2}: off by at most {off.abs().max():.4f}")
        print(f"  draws of {DRAWN}: standard deviation {torch.tensor(draws).std(dim=1).mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
