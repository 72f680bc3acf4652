from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_modules.folds.stored import write_folds
from fusion.contract import CohortSpec, EndpointSpec, Fold, InnerFold
from fusion.evaluation.evaluate import evaluate
from fusion.run.folder import RunFolder
from fusion.run.result import FoldResult

ARMS = {
    "fusion": 2.0,
    "only_slides": 0.9,
    "only_variants": 0.8,
    "only_clinical": 0.5,
    "classical_lr": 0.8,
    "classical_forest": 0.9,
    "classical": 0.9,
    "late": 1.2,
}
"""Arm → how far apart responders and others lie, in standard deviations of the logit."""


def draw_folds(patients: list[str], *, repeats: int, rng: np.random.Generator) -> list[Fold]:
    folds = []
    for repeat in range(repeats):
        shuffled = [str(patient) for patient in rng.permutation(patients)]
        for index in range(5):
            test = tuple(shuffled[index::5])
            train = tuple(patient for patient in shuffled if patient not in test)
            inner = tuple(
                InnerFold(train=tuple(p for p in train if p not in train[part::3]), val=train[part::3])
                for part in range(3)
            )
            folds.append(Fold(repeat=repeat, index=index, train=train, test=test, inner=inner))
    return folds


def fold_result(fold: Fold, labels: pd.Series[int], rng: np.random.Generator, gene: str) -> FoldResult:
    where = {"repeat": fold.repeat, "fold": fold.index}
    truth = labels.loc[list(fold.test)].to_numpy()
    shared = rng.normal(size=len(truth))
    predictions = pd.concat(
        pd.DataFrame(
            {
                "patient_id": list(fold.test),
                "arm": arm,
                **where,
                "endpoint": "response",
                "label": truth,
                "score": 1
                / (1 + np.exp(-(gap * (truth - 0.5) + 0.5 * shared + 0.7 * rng.normal(size=len(truth)) - 0.7))),
                "threshold": 0.35 + 0.02 * fold.index,
            }
        )
        for arm, gap in ARMS.items()
    )
    features = [(f"burden:{name}", name) for name in ["TP53", "BRCA1", gene, *(f"GENE{n}" for n in range(20))]]
    kept = np.array([True, True, True, *(rng.random(20) < 0.2)])
    selected = pd.DataFrame(
        {
            "feature": [feature for feature, _ in features],
            "gene": [name for _, name in features],
            "rank": np.where(kept, 1, 5),
            "selected": kept,
            "modality": "variants",
            **where,
            "member": -1,
        }
    )
    epochs = np.arange(30)
    curves = pd.concat(
        pd.DataFrame(
            {
                "arm": arm,
                **where,
                "member": member,
                "epoch": epochs,
                "train_loss": 0.3 + 0.4 * np.exp(-epochs / 8) + 0.01 * rng.normal(size=30),
                "val_loss": 0.45 + 0.25 * np.exp(-epochs / 6) + 0.02 * rng.normal(size=30),
                "val_auroc": 0.8 - 0.3 * np.exp(-epochs / 6),
            }
        )
        for arm in ("fusion", "only_slides", "only_variants", "only_clinical")
        for member in range(3)
    )
    inner = pd.DataFrame([{"arm": arm, **where, "auroc": 0.6 + 0.1 * gap} for arm, gap in ARMS.items()])
    inner_predictions = pd.concat(
        pd.DataFrame(
            {
                "patient_id": list(fold.train),
                "arm": arm,
                **where,
                "label": labels.loc[list(fold.train)].to_numpy(),
                "score": rng.random(len(fold.train)),
            }
        )
        for arm in ARMS
    )
    return FoldResult(
        predictions=predictions,
        inner=inner,
        selected=selected,
        curves=curves,
        choices=pd.DataFrame(),
        inner_predictions=inner_predictions,
        audit=pd.DataFrame(),
    )


@pytest.fixture(scope="session")
def make_run() -> Callable[..., RunFolder]:
    """A finished run folder with everything but weights, as `fusion.train` leaves it; seeded."""

    def make(
        path: Path,
        *,
        patients: int = 120,
        repeats: int = 1,
        simulated: bool = True,
        gene: str = "PIK3CA",
        site: str = "A",
    ) -> RunFolder:
        rng = np.random.default_rng(5)
        ids = [f"SIM-BR-{number:04}" for number in range(patients)]
        labels = pd.Series((rng.random(patients) < 0.35).astype(np.int64), index=pd.Index(ids, name="patient_id"))
        has = rng.random((patients + 6, 3)) < (0.9, 0.95, 1.0)
        cohort = pd.DataFrame(
            {
                "patient_id": [*ids, *(f"SIM-BR-9{number:03}" for number in range(6))],
                "kept": [True] * patients + [False] * 6,
                "dropped_at": [None] * patients + ["treatment.tsv"] * 4 + ["clinical.tsv"] * 2,
                "reason": [None] * patients + [f"no outcome at site {site}"] * 4 + ["no row"] * 2,
                "clinical.tsv": True,
                **{name: has[:, column] for column, name in enumerate(("slides", "variants", "clinical"))},
            }
        )
        run = RunFolder.create(path)
        spec = CohortSpec(
            name="tcga_brca_simulated" if simulated else "hospital",
            endpoint=EndpointSpec(name="response", kind="binary", classes=("no response", "response")),
            build="GRCh38",
            simulated=simulated,
            patients=patients,
            hashes={"clinical.tsv": "ab" * 32, "variants/somatic.vcf.gz": "cd" * 32},
        )
        config: dict[str, Any] = {
            "seed": 7,
            "output": str(path),
            "modality": {"slides": {}, "variants": {}, "clinical": {}},
        }
        run.begin(
            config=config, cohort=spec, seed=7, command=["python", "-m", "fusion.train", "+experiment=breast_tcga"]
        )
        run.write_cohort(cohort)
        folds = draw_folds(ids, repeats=repeats, rng=rng)
        write_folds(run.folds_path, folds)
        for fold in folds:
            run.save_fold(fold.name, fold_result(fold, labels, rng, gene))
        predictions = run.gather([fold.name for fold in folds])
        run.write_metrics(evaluate(predictions, draws=500, simulated=simulated))
        run.finish(seconds=312.4, steps={"write the cohort": 41.0, "read variants": 62.5, "train and score": 205.0})
        return run

    return make
