"""What is made of stored predictions: seconds at 800 patients, and how often conformal sets hold.

``python benchmarks/evaluation.py [seconds] [coverage] [curve] [withheld] [images]``. Predictions are simulated: eight
arms, five folds, one repeat, 2,000 draws, ten sites, inner scores of every arm. *curve* is the missing-modality curve
from scores of every subset, of three modalities and of six; *withheld* is the networks' passes that make such scores,
of one of five folds of 800 patients with tables of ten columns, *images* with slides and with volumes. *coverage* is
over 20 cohorts of each size, logistic regression on five noisy columns out of fold.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from fusion.arms.withheld import subsets
from fusion.contract import EndpointSpec
from fusion.evaluation.missing.complete import complete_cases
from fusion.evaluation.missing.curve import missing_curve
from fusion.evaluation.operating.curves import decision_curves
from fusion.evaluation.operating.points import operating
from fusion.evaluation.operating.questions import questions_of
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.subgroups.evaluate import subgroups, vectors_of
from fusion.evaluation.subgroups.sites import by_site
from fusion.evaluation.uncertainty.evaluate import uncertainty

BINARY = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))
DEATH = outcome_of(EndpointSpec(name="death", kind="survival", classes=("censored", "event"), horizons=(1.0, 2.0)))
GRADE = outcome_of(EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II")))
ARMS = ("fusion", "only_a", "only_b", "only_c", "classical_lr", "classical_forest", "classical", "late")
AGAINST = ("only_a", "only_b", "only_c", "classical", "late")
PATIENTS = 800


def predictions(patients: int = PATIENTS) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Out-of-fold rows, inner rows, and what is known of patients: site, four columns to part them by, and gaps."""
    rng = np.random.default_rng(0)
    ids = [f"P{one:04}" for one in range(patients)]
    label, fold = (rng.random(patients) < 0.35).astype(int), np.arange(patients) % 5
    time_to = rng.exponential(np.where(label == 1, 1.0, 2.0))
    base = pd.DataFrame({"patient_id": ids, "repeat": 0, "fold": fold, "label": label, "time": time_to})

    def score() -> Any:
        return 1 / (1 + np.exp(-(label - 0.5 + rng.normal(size=patients))))

    outer = pd.concat([base.assign(arm=arm, score=score(), threshold=0.5) for arm in ARMS], ignore_index=True)
    outer = outer.assign(**{"survival@1": 1 - outer["score"] / 2, "survival@2": 1 - outer["score"]})
    inner = pd.concat(
        [
            base[base["fold"] != one].assign(arm=arm, score=score()[fold != one], fold=one)
            for arm in ARMS
            for one in range(5)
        ],
        ignore_index=True,
    )
    inner = inner.assign(**{"survival@1": 1 - inner["score"] / 2, "survival@2": 1 - inner["score"]})
    known = pd.DataFrame(
        {"site": rng.choice([f"S{one}" for one in range(10)], patients), "whole": rng.random(patients) < 0.6}, index=ids
    )
    groups = pd.DataFrame({f"g{one}": rng.choice(["a", "b", "c"], patients) for one in range(4)}, index=ids)
    return outer, inner, known.join(groups)


def graded(rows: pd.DataFrame) -> pd.DataFrame:
    """The same as three grades; who has the event is of the upper two."""
    upper = rows["label"] * (1 + rows["patient_id"].str[-1].astype(int) % 2)
    half = rows["score"].to_numpy() / 2
    return rows.assign(label=upper, **GRADE.columns(np.stack([1 - 2 * half, half, half], axis=1)))


def timed(name: str, work: Callable[[], Any]) -> float:
    wall, used = time.perf_counter(), time.process_time()
    work()
    wall, used = time.perf_counter() - wall, time.process_time() - used
    print(f"{name:>44}  {used:6.1f} s of one core  {wall:6.1f} s wall", flush=True)
    return used


def seconds() -> None:
    """Every part that reads stored predictions, of two kinds of endpoint."""
    outer, inner, known = predictions()
    groups = known[[f"g{one}" for one in range(4)]]
    fused, whole = outer[outer["arm"] == "fusion"], {"every modality": known["whole"]}
    points = [("sensitivity", 0.9), ("net_benefit", 0.2)]
    mine = inner[inner["arm"] == "fusion"]
    settings: dict[str, Any] = {"draws": 2000, "seed": 1}
    total = sum(
        timed(name, work)
        for name, work in {
            "operating points, two": lambda: operating(outer, inner, points, **settings),
            "complete cases": lambda: complete_cases(
                outer, whole, BINARY, reference="fusion", against=AGAINST, **settings
            ),
            "ten sites": lambda: by_site(fused, known["site"], BINARY, held_out="seen", **settings),
            "conformal sets, Venn-Abers, firmness": lambda: uncertainty(fused, mine, groups, BINARY, **settings),
            "subgroups, four columns": lambda: subgroups(
                vectors_of(outer, BINARY, arm="fusion"), groups, BINARY, **settings
            ),
        }.items()
    )
    print(f"{'together, binary':>44}  {total:6.1f} s of one core")
    total = sum(
        timed(name, work)
        for name, work in {
            "complete cases, survival": lambda: complete_cases(
                outer, whole, DEATH, reference="fusion", against=AGAINST, **settings
            ),
            "ten sites, survival": lambda: by_site(fused, known["site"], DEATH, held_out="seen", **settings),
            "operating points, two, survival": lambda: operating(
                outer, inner, points, questions=questions_of(DEATH), **settings
            ),
            "decision curves, survival": lambda: decision_curves(
                outer, questions_of(DEATH), reference="fusion", **settings
            ),
            "firmness, survival": lambda: uncertainty(fused, mine, groups, DEATH, **settings),
            "subgroups, four columns, survival": lambda: subgroups(
                vectors_of(outer, DEATH, arm="fusion"), groups, DEATH, **settings
            ),
        }.items()
    )
    print(f"{'together, survival':>44}  {total:6.1f} s of one core")
    grades, one, own, within = graded(outer), graded(fused), graded(mine), graded(inner)
    total = sum(
        timed(name, work)
        for name, work in {
            "complete cases, grades": lambda: complete_cases(
                grades, whole, GRADE, reference="fusion", against=AGAINST, **settings
            ),
            "ten sites, grades": lambda: by_site(one, known["site"], GRADE, held_out="seen", **settings),
            "operating points, two, grades": lambda: operating(
                grades, within, points, questions=questions_of(GRADE), **settings
            ),
            "decision curves, grades": lambda: decision_curves(
                grades, questions_of(GRADE), reference="fusion", **settings
            ),
            "conformal sets, firmness, grades": lambda: uncertainty(one, own, groups, GRADE, **settings),
            "subgroups, four columns, grades": lambda: subgroups(
                vectors_of(grades, GRADE, arm="fusion"), groups, GRADE, **settings
            ),
        }.items()
    )
    print(f"{'together, grades':>44}  {total:6.1f} s of one core")


def curve() -> None:
    """The missing-modality curve from scores of every subset."""
    outer, _, _ = predictions()
    fused = outer[outer["arm"] == "fusion"]
    rng = np.random.default_rng(1)
    kinds = (("binary", BINARY, fused), ("survival", DEATH, fused), ("grades", GRADE, graded(fused)))
    for number, (kind, outcome, rows) in itertools.product((3, 6), kinds):
        names = list("abcdef")[:number]
        kept = ["+".join(one) for one in subsets(names, seed=1)]
        withheld = pd.concat(
            [
                rows.assign(arm=one, score=np.clip(rows["score"] + 0.1 * rng.normal(size=PATIENTS), 0.01, 0.99))
                for one in kept
            ]
        )
        timed(
            f"missing-modality curve, {number} modalities, {kind}",
            lambda rows=rows, withheld=withheld, names=names, outcome=outcome: missing_curve(
                rows, withheld, outcome, names, draws=2000, seed=1
            ),
        )


def write_cohort(folder: Path, modalities: int) -> None:
    """Tables of ten columns, one a modality, and its YAML."""
    rng = np.random.default_rng(0)
    ids = [f"P{one:04}" for one in range(PATIENTS)]
    label = rng.random(PATIENTS) < 0.35
    tables: dict[str, Any] = {}
    for number in range(modalities):
        values = rng.normal(size=(PATIENTS, 10)) + 0.2 * label[:, None]
        names = [f"m{number}_{one}" for one in range(10)]
        pd.DataFrame(values, columns=names).assign(patient_id=ids).to_csv(folder / f"t{number}.csv", index=False)
        columns = {name: {"time": "baseline", "kind": "number"} for name in names}
        tables[f"t{number}"] = {"file": f"t{number}.csv", "id": "patient_id", "columns": columns}
    pd.DataFrame({"patient_id": ids, "best": np.where(label, "CR", "PD")}).to_csv(folder / "out.csv", index=False)
    tables["out"] = {"file": "out.csv", "id": "patient_id", "columns": {"best": {"time": "outcome"}}}
    content = {
        "defaults": [{f"/modality@modality.t{number}": "table"} for number in range(modalities)],
        "cohort": {
            "_target_": "data_modules.cohort.source.CohortSource", "name": "wide", "root": str(folder), "build": None,
            "tables": tables,
            "endpoints": {"response": {"table": "out", "column": "best", "positive": ["CR"], "negative": ["PD"]}},
        },
        "modality": {f"t{number}": {"table": f"t{number}"} for number in range(modalities)},
    }  # fmt: skip
    (folder / "cohort").mkdir()
    text = "# @package _global_\n" + yaml.safe_dump(content, sort_keys=False)
    (folder / "cohort" / "wide.yaml").write_text(text, encoding="utf-8")


def withheld() -> None:
    """The networks' passes over every subset of modalities, in a real fold; networks of one epoch, which cost alike."""
    for modalities in (3, 6):
        with TemporaryDirectory() as place:
            write_cohort(Path(place), modalities)
            passes(f"{modalities} tables", Path(place), "cohort=wide", "arms=[fusion]")


def images() -> None:
    """The same of the embedded cohort's 240 patients (slides, variants, a table) and of simulated volumes."""
    for name, patients in (("breast_tcga", 240), ("breast_mri", 60)):
        with TemporaryDirectory() as place:
            # Without a plain model no gate shuts, which would leave the networks out.
            asked = (f"+experiment={name}", f"cohort.patients={patients}", f"cohort.root={place}/data", "arms=[fusion]")
            passes(f"{name}, {patients} patients", Path(place), *asked, "model.base=none")


def passes(name: str, folder: Path, *asked: str) -> None:
    """Seconds of one core for all subsets, in the first fold of a cohort."""
    from hydra.utils import instantiate

    from fusion.config.compose import composed
    from fusion.protocol.crossval import fit_fold
    from fusion.protocol.progress import JobProgress
    from fusion.protocol.setup import open_setup

    own = [
        "evaluation.missing=true", "evaluation.audit=false", "device=cpu", "trainer.max_epochs=1",
        "trainer.min_epochs=1", f"output={folder / 'run'}", f"cache={folder / 'cache'}",
    ]  # fmt: skip
    with JobProgress() as progress:
        config = composed("train", [*asked, *own], folder)
        setup = open_setup(config, progress).prepare(progress)
        fold = instantiate(config.folds, setup.cohort, path=None, seed=1)[0]
        marks: list[tuple[str, float]] = []
        done = fit_fold(
            config, setup, fold, folder / "fold", lambda: None,
            entering=lambda part: marks.append((part, time.process_time())),
        )  # fmt: skip
    at = [part for part, _ in marks].index("withholding modalities from the fused arm")
    used, number = marks[at + 1][1] - marks[at][1], done.withheld["arm"].nunique()
    print(f"{name}: {number} subsets of one fold in {used:.2f} s of one core", flush=True)


def coverage(cohorts: int = 20) -> None:
    """Share of patients whose conformal set holds their class, over all cohorts of a size together."""
    for patients, positive in itertools.product((60, 80, 150, 300), (0.35,)):
        held, of_positives = [], []
        for seed in range(cohorts):
            rng = np.random.default_rng([patients, seed])
            label = (rng.random(patients) < positive).astype(int)
            values = rng.normal(size=(patients, 5)) + 0.5 * label[:, None] * np.array([1, 1, 1, 0, 0])
            rows = pd.DataFrame(
                {"patient_id": [f"P{one:03}" for one in range(patients)], "repeat": 0, "fold": 0, "label": label,
                 "score": 0.0, "threshold": 0.5}
            )  # fmt: skip
            parts = StratifiedKFold(5, shuffle=True, random_state=seed).split(values, label)
            for fold, (train, test) in enumerate(parts):
                model = LogisticRegression().fit(values[train], label[train])
                rows.loc[test, "score"] = model.predict_proba(values[test])[:, 1]
                rows.loc[test, "fold"] = fold
            nobody = pd.DataFrame(index=rows["patient_id"])
            found = uncertainty(rows, pd.DataFrame(), nobody, BINARY, draws=10, seed=1).patients
            mine = np.where(label == 1, found["in_yes"], found["in_no"])
            held += mine.tolist()
            of_positives += mine[label == 1].tolist()
        print(
            f"{patients} patients, {cohorts} cohorts: {100 * np.mean(held):.1f} % hold their class, of responders "
            f"{100 * np.mean(of_positives):.1f} %",
            flush=True,
        )


if __name__ == "__main__":
    asked = sys.argv[1:] or ["seconds", "curve", "withheld", "coverage"]
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for one in asked:
        {"seconds": seconds, "curve": curve, "coverage": coverage, "withheld": withheld, "images": images}[one]()
