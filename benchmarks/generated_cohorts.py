"""Eleven generated cohorts whose truth is known: what fusion must not lose on, and what it must win on.

Run: ``python benchmarks/generated_cohorts.py`` prints of each what the truth itself and plain models reach on fresh
patients. Everything is drawn from (cohort, patients, seed): which way a column points and how strongly differs between
seeds, what kind of truth it is does not. Columns beyond the informative ones are noise.

``benchmarks/never_loses.py`` runs the package's arms on them.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FRESH = 20_000
"""Patients that no model saw, on whom arms are scored."""
TILES, WIDTH = 8, 16
"""Of a bag: tiles, and numbers a tile."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A table: index patient_id, numbers or text; a patient whose row is all missing lacks it.

    Attributes:
        frame: the table.
        wide: a file of many numbers rather than a table of declared columns.
    """

    frame: pd.DataFrame
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class Bags:
    """Tiles: ``(patient, tile, number)``, and which patients have any."""

    tiles: NDArray[np.float32]
    present: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Generated:
    """A cohort: the patients to learn from, then the fresh ones.

    Attributes:
        name: of the cohort.
        seed: it was drawn with.
        train: ids.
        fresh: ids.
        labels: index patient_id, 0 or 1.
        truth: index patient_id, the logit that labels were drawn by.
        modalities: name → columns or bags, of all patients in order.
    """

    name: str
    seed: int
    train: tuple[str, ...]
    fresh: tuple[str, ...]
    labels: pd.Series
    truth: pd.Series
    modalities: Mapping[str, Columns | Bags]


@dataclass(kw_only=True)
class Drawing:
    """A cohort in the making: `count` patients, and the logit that modalities add to."""

    rng: np.random.Generator
    count: int
    logit: Floats = field(init=False)
    modalities: dict[str, Columns | Bags] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.logit = np.full(self.count, -0.5)

    def normal(self, columns: int) -> Floats:
        """``(patient, column)`` standard normal numbers."""
        return self.rng.normal(size=(self.count, columns))

    def score(self, numbers: Floats, informative: int) -> Floats:
        """A standard normal score of the first columns, each as heavy, pointing up or down by chance."""
        signs = self.rng.choice([-1.0, 1.0], informative)
        return numbers[:, :informative] @ signs / np.sqrt(informative)

    def table(
        self, name: str, numbers: Floats, *, lacking: NDArray[np.bool_] | None = None, wide: bool = False
    ) -> None:
        """Keep a table of numbers; `lacking` patients have nothing in it."""
        frame = pd.DataFrame(numbers, columns=[f"{name}_{at}" for at in range(numbers.shape[1])])
        if lacking is not None:
            frame.loc[lacking] = np.nan
        self.modalities[name] = Columns(frame=frame, wide=wide)

    def tiles(self, name: str, shift: Floats, *, share: float = 1.0) -> None:
        """Keep a bag of tiles; a share of the tiles of each patient is moved by `shift` along one direction."""
        direction = self.rng.normal(size=WIDTH)
        direction /= np.linalg.norm(direction)
        noise = self.rng.normal(size=(self.count, TILES, WIDTH))
        moved = self.rng.permuted(np.tile(np.arange(TILES) < round(share * TILES), (self.count, 1)), axis=1)
        values = noise + (moved * shift[:, None])[:, :, None] * direction
        self.modalities[name] = Bags(tiles=values.astype(np.float32), present=np.ones(self.count, dtype=np.bool_))


def additive(draw: Drawing) -> None:
    """Genes, clinical columns and tiles, each adds its part: what a plain regression is made for."""
    genes, clinical, seen = draw.normal(20), draw.normal(10), draw.rng.normal(size=draw.count)
    draw.logit += 1.0 * draw.score(genes, 6) + 0.8 * draw.score(clinical, 3) + 0.7 * seen
    draw.table("genes", genes)
    draw.table("clinical", clinical)
    draw.tiles("tiles", seen)


def one_modality(draw: Drawing) -> None:
    """Four genes tell what can be told; clinical columns and tiles are noise."""
    genes = draw.normal(20)
    draw.logit += 1.4 * draw.score(genes, 4)
    draw.table("genes", genes)
    draw.table("clinical", draw.normal(10))
    draw.tiles("tiles", draw.rng.normal(size=draw.count))


def product(draw: Drawing) -> None:
    """A gene times a clinical column and nothing else: neither modality alone tells anything."""
    genes, clinical = draw.normal(10), draw.normal(10)
    draw.logit += 2.5 * draw.rng.choice([-1.0, 1.0]) * genes[:, 0] * clinical[:, 0]
    draw.table("genes", genes)
    draw.table("clinical", clinical)


def xor(draw: Drawing) -> None:
    """A gene's mutation means the opposite where half of the tiles are of one tissue."""
    mutated = (draw.rng.random((draw.count, 12)) < np.r_[0.5, np.full(11, 0.3)]).astype(np.float64)
    tissue = draw.rng.random(draw.count) < 0.5
    draw.logit += 2.5 * np.where((mutated[:, 0] == 1) ^ tissue, 1.0, -1.0)
    draw.table("genes", mutated)
    draw.tiles("tiles", 2.0 * tissue, share=0.5)


def redundant(draw: Drawing) -> None:
    """Genes, proteins and tiles measure the same two processes, each with noise of its own."""
    process = draw.normal(2)
    draw.logit += 1.2 * draw.score(process, 2)
    for name, columns in (("genes", 16), ("proteins", 10)):
        loads = np.zeros((2, columns))
        loads[0, : columns // 4], loads[1, columns // 4 : columns // 2] = 1.0, 1.0
        draw.table(name, process @ loads + 1.5 * draw.normal(columns))
    draw.tiles("tiles", process[:, 0])


def wide_narrow(draw: Drawing) -> None:
    """200 columns, of which 20 say a little each, beside five clinical ones, of which two say much."""
    expression, clinical = draw.normal(200), draw.normal(5)
    draw.logit += 0.8 * draw.score(expression, 20) + 1.2 * draw.score(clinical, 2)
    draw.table("expression", expression, wide=True)
    draw.table("clinical", clinical)


def heavy_tails(draw: Drawing) -> None:
    """Proteins as a laboratory measures them, over many orders of magnitude, and t-distributed clinical columns."""
    proteins, clinical = draw.normal(15), draw.normal(8)
    draw.logit += 1.2 * draw.score(proteins, 4) + 0.8 * draw.score(clinical, 2)
    draw.table("proteins", 100 * np.exp(2.0 * proteins))
    # Monotone in the normal score, with the tails of a t distribution of two degrees of freedom.
    draw.table("clinical", clinical * np.sqrt(1 + clinical**2) + 0.1 * clinical**5)


def missing_random(draw: Drawing) -> None:
    """Genes and clinical columns add up; half of the patients lack the genes, whoever they are."""
    _half_lacking(draw, informed=False)


def missing_informed(draw: Drawing) -> None:
    """The same, but who does worse is rarely sequenced: lacking it says something."""
    _half_lacking(draw, informed=True)


def treatment_subtype(draw: Drawing) -> None:
    """Four arms, three subtypes: two drugs help one subtype each, one harms another; genes add a little."""
    arm, subtype = draw.rng.integers(0, 4, draw.count), draw.rng.choice(3, draw.count, p=[0.5, 0.2, 0.3])
    genes, clinical = draw.normal(10), draw.normal(6)
    effect = np.zeros((4, 3))
    effect[1, 2], effect[2, 1], effect[1, 0] = 2.0, 2.0, -1.0
    draw.logit += np.array([-0.5, 0.0, 0.5])[subtype] + effect[arm, subtype] + 0.7 * draw.score(genes, 3)
    draw.modalities["treatment"] = Columns(frame=pd.DataFrame({"arm": np.array(["ctr", "A", "B", "C"])[arm]}))
    draw.table("clinical", clinical)
    held = draw.modalities["clinical"]
    assert isinstance(held, Columns)
    names = np.array(["luminal", "her2", "basal"])[subtype]
    draw.modalities["clinical"] = Columns(frame=held.frame.assign(subtype=names))
    draw.table("genes", genes)


def nothing(draw: Drawing) -> None:
    """Genes, clinical columns and tiles that have nothing to do with the outcome."""
    draw.table("genes", draw.normal(20))
    draw.table("clinical", draw.normal(10))
    draw.tiles("tiles", draw.rng.normal(size=draw.count))


def _half_lacking(draw: Drawing, *, informed: bool) -> None:
    genes, clinical = draw.normal(20), draw.normal(10)
    told = draw.score(genes, 4)
    draw.logit += 1.2 * told + 0.9 * draw.score(clinical, 3)
    chance = 1 / (1 + np.exp(1.5 * told)) if informed else np.full(draw.count, 0.5)
    draw.table("genes", genes, lacking=draw.rng.random(draw.count) < chance)
    draw.table("clinical", clinical)


COHORTS: Mapping[str, Callable[[Drawing], None]] = {
    made.__name__: made
    for made in (
        additive, one_modality, product, xor, redundant, wide_narrow, heavy_tails, missing_random, missing_informed,
        treatment_subtype, nothing,
    )
}  # fmt: skip


def generate(name: str, *, patients: int, seed: int, fresh: int = FRESH) -> Generated:
    """A cohort of `COHORTS`, the same for the same arguments on any machine."""
    draw = Drawing(rng=np.random.default_rng([zlib.crc32(name.encode()), patients, seed]), count=patients + fresh)
    COHORTS[name](draw)
    ids = [f"P{number:05d}" for number in range(draw.count)]
    index = pd.Index(ids, name="patient_id", dtype=object)
    labels = (draw.rng.random(draw.count) < 1 / (1 + np.exp(-draw.logit))).astype(np.int64)
    for part in draw.modalities.values():
        if isinstance(part, Columns):
            part.frame.index = index
    return Generated(
        name=name,
        seed=seed,
        train=tuple(ids[:patients]),
        fresh=tuple(ids[patients:]),
        labels=pd.Series(labels, index=index),
        truth=pd.Series(draw.logit, index=index),
        modalities=draw.modalities,
    )


def _plain(cohort: Generated) -> dict[str, float]:
    """AUROC on fresh patients of the truth, of plain models over all columns and means of tiles."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    parts = [
        pd.get_dummies(part.frame, dtype=float)
        if isinstance(part, Columns)
        else pd.DataFrame(part.tiles.mean(axis=1), index=cohort.labels.index).add_prefix("tile_")
        for part in cohort.modalities.values()
    ]
    rows = pd.concat(parts, axis=1)
    train, fresh = list(cohort.train), list(cohort.fresh)
    found = {"truth": float(roc_auc_score(cohort.labels[fresh], cohort.truth[fresh]))}
    for name, model in (
        ("regression", LogisticRegression(C=0.05, max_iter=2000)),
        ("forest", RandomForestClassifier(300, min_samples_leaf=5, random_state=0)),
        ("boosting", HistGradientBoostingClassifier(learning_rate=0.05, random_state=0)),
    ):
        whole = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), model)
        scores = whole.fit(rows.loc[train], cohort.labels[train]).predict_proba(rows.loc[fresh])[:, 1]
        found[name] = float(roc_auc_score(cohort.labels[fresh], scores))
    return found


def main() -> int:
    for name in COHORTS:
        for patients in (150, 600):
            cohort = generate(name, patients=patients, seed=0)
            told = "  ".join(f"{what} {value:.3f}" for what, value in _plain(cohort).items())
            print(f"{name:18} n {patients}  positive {cohort.labels.mean():.2f}  {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
