"""Nothing that is learned, selected, calibrated or chosen depends on a held-out patient: the protocol, end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from tests.helpers.few_trees import few_trees
from tests.helpers.small_cohort import configured, fits, silent, write_cohort

EVERY_ARM = "arms=[fusion,singles,classical_lr,classical_forest,classical_boosting,handcrafted,late,stacked]"


def told(root: Path) -> dict[str, int]:
    """Patient → label, as the file says it."""
    table = pd.read_csv(root / "clinical.tsv", sep="\t", dtype=str)
    return dict(zip(table["patient"], (table["outcome"] == "yes_").astype(int), strict=True))


def refit(root: Path, run: Path) -> None:
    """Modalities were fitted on each training part once, with its own labels, and on nothing else."""
    labels = told(root)
    folds = json.loads((run / "folds.json").read_text())["folds"]
    expected = [part for fold in folds for part in (fold["train"], *(inner["train"] for inner in fold["inner"]))]
    seen = fits(root)
    assert sorted(sorted(one["ids"]) for one in seen) == sorted(sorted(part) for part in expected)
    for one in seen:
        assert one["labels"] == [labels[patient] for patient in one["ids"]]
        (fold,) = [
            fold for fold in folds if set(one["ids"]) in [set(fold["train"]), *(set(i["train"]) for i in fold["inner"])]
        ]
        assert not set(one["ids"]) & set(fold["test"])


def test_modalities_see_training_patients_alone_and_not_whose_slides_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process. The slide of P005 is glass: it fails in ingest, and who is required to have one is out."""
    from fusion.train import train

    root = tmp_path / "small"
    write_cohort(root, patients=24)
    glass = np.full((128, 128, 3), 243, dtype=np.uint8)
    Image.fromarray(glass).save(root / "slides" / "P005.png")
    config = configured(
        root, monkeypatch, "arms=[fusion]", "cohort.require=[slides]", "modality.slides.max_failed=0.1",
        only=("clinical", "slides"),
    )  # fmt: skip
    train(config)
    run = Path(config.output)
    refit(root, run)
    everyone = sorted(set(told(root)) - {"P005"})
    predictions = pd.read_parquet(run / "predictions.parquet")
    assert sorted(predictions.loc[predictions["arm"] == "fusion", "patient_id"]) == everyone
    assert "P005" not in (run / "folds.json").read_text()
    row = pd.read_csv(run / "cohort.csv").set_index("patient_id").loc["P005"]
    assert (bool(row["kept"]), row["dropped_at"], bool(row["slides"]), bool(row["clinical"])) == (
        False, "modalities", False, True,
    )  # fmt: skip
    assert row["reason"].startswith("not in slides, which cohort.require names; slides failed in ingest (P005.png ")
    assert json.loads((run / "run.json").read_text())["cohort"]["patients"] == 23


def test_worker_processes_fit_on_the_same_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fusion.train import train

    root = tmp_path / "small"
    write_cohort(root, patients=24)
    config = configured(root, monkeypatch, "arms=[fusion]", "workers=2", only=("clinical",))
    train(config)
    refit(root, Path(config.output))
    assert len({one["pid"] for one in fits(root)}) == 2


def learned(folder: Path) -> dict[str, Any]:
    """What a fold leaves, byte for byte: weights, selections, scalers, calibrators, thresholds, limits and choices.

    Of scikit-learn models, archives with dates and memory addresses, all but these.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): estimator(path) if path.suffix == ".skops" else path.read_bytes()
        for path in files
    }


def estimator(path: Path) -> Any:
    """All that a skops archive says of a model, arrays by their bytes."""
    with ZipFile(path) as archive:

        def plain(node: Any) -> Any:
            if isinstance(node, dict):
                kept = {key: plain(value) for key, value in node.items() if key != "__id__"}
                return kept | ({"file": archive.read(node["file"])} if "file" in node else {})
            return [plain(one) for one in node] if isinstance(node, list) else node

        return plain(json.loads(archive.read("schema.json")))


def test_poisoned_test_patients_change_nothing_that_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other values, other files, unheard levels and flipped labels of all whom one outer fold tests; every arm."""
    from fusion.protocol.crossval import fit_fold
    from fusion.protocol.setup import open_setup

    few_trees(monkeypatch)
    write_cohort(tmp_path / "clean", patients=24)
    fold, results = None, {}
    for name in ("clean", "poisoned"):
        if fold is not None:
            write_cohort(tmp_path / name, patients=24, poison=fold.test)
        config = configured(tmp_path / name, monkeypatch, EVERY_ARM, "trainer.max_epochs=1")
        setup = open_setup(config, silent).prepare(silent)
        if fold is None:
            from data_modules.folds.draw import make_folds

            fold = make_folds(setup.cohort, outer=2, inner=2, seed=1)[0]
        results[name] = fit_fold(config, setup, fold, tmp_path / f"{name}_fold", lambda: None)

    clean, poisoned = learned(tmp_path / "clean_fold"), learned(tmp_path / "poisoned_fold")
    for arm in ("fusion", "only_slides", "only_variants", "classical_lr", "classical_forest", "handcrafted"):
        assert f"{arm}/arm.json" in clean
    assert {"novelty.json", "novelty.npz", "fusion/member1.safetensors", "classical_lr/model.skops"} <= set(clean)
    names = ("clinical", "expression", "segments", "tiles", "slides", "variants")
    parts = ("whole", "member0", "member1")
    assert {f"modalities/{part}/{name}.json" for part in parts for name in names} <= set(clean)
    assert [name for name in clean if clean[name] != poisoned.get(name)] == []
    assert set(clean) == set(poisoned)

    before, after = results["clean"], results["poisoned"]
    pd.testing.assert_frame_equal(before.inner, after.inner, check_exact=True)
    pd.testing.assert_frame_equal(before.selected, after.selected, check_exact=True)
    pd.testing.assert_frame_equal(before.curves, after.curves, check_exact=True)
    one, other = (part.predictions.set_index(["arm", "patient_id"]) for part in (before, after))
    assert one["threshold"].equals(other["threshold"])
    # The poison was there: every label is another, and every arm scores these patients otherwise.
    assert (one["label"] == 1 - other["label"]).all()
    for arm in sorted(set(before.predictions["arm"])):
        alike = len(set(one.loc[arm, "score"])) == 1
        # A leaf of boosted trees needs more patients than there are. Sites stay, for folds are drawn by them.
        assert alike == (arm == "classical_boosting"), arm
        same = np.array_equal(one.loc[arm, "score"], other.loc[arm, "score"])
        assert same == (arm in ("classical_boosting", "floor_site")), arm


def test_poisoned_test_patients_have_no_part_in_what_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fuser, rate and an encoder's setting under `choose`: the same choices, qualities and files, byte for byte."""
    from fusion.protocol.crossval import fit_fold, units
    from fusion.protocol.setup import open_setup

    write_cohort(tmp_path / "clean", patients=24)
    grid = "{model/fuser:[concat,cross_attention],trainer.learning_rate:[0.001,0.02]}"
    choose = f"[{grid},{{model.encoders.tiles.dropout:0.5}}]"
    fold, results, steps = None, {}, []
    for name in ("clean", "poisoned"):
        if fold is not None:
            write_cohort(tmp_path / name, patients=24, poison=fold.test)
        config = configured(
            tmp_path / name, monkeypatch, "arms=[fusion,singles,late]", "trainer.max_epochs=1", f"choose={choose}",
            only=("clinical", "tiles"),
        )  # fmt: skip
        setup = open_setup(config, silent).prepare(silent)
        if fold is None:
            from data_modules.folds.draw import make_folds

            fold = make_folds(setup.cohort, outer=2, inner=2, seed=1)[0]
        results[name] = fit_fold(config, setup, fold, tmp_path / f"{name}_fold", lambda: steps.append(1))
        # The fifth candidate is another for the clinical table, too: it has the base's fuser and rate.
        assert units(config, list(setup.modalities), [fold], setup.cohort.spec.endpoint) == 2 * (5 + 5 + 5)
    assert len(steps) == 2 * 30

    clean, poisoned = learned(tmp_path / "clean_fold"), learned(tmp_path / "poisoned_fold")
    assert set(clean) == set(poisoned)
    assert [name for name in clean if clean[name] != poisoned[name]] == []
    assert not [name for name in clean if "tried" in name]
    before, after = results["clean"], results["poisoned"]
    pd.testing.assert_frame_equal(before.choices, after.choices, check_exact=True)
    pd.testing.assert_frame_equal(before.inner_predictions, after.inner_predictions, check_exact=True)
    assert before.choices.groupby("arm")["chosen"].sum().to_dict() == {"fusion": 1, "only_clinical": 1, "only_tiles": 1}
    one, other = (part.predictions.set_index(["arm", "patient_id"]) for part in (before, after))
    assert (one["label"] == 1 - other["label"]).all()
    assert not np.array_equal(one.loc["fusion", "score"], other.loc["fusion", "score"])
    # What was chosen is what was said to be best, and inner.parquet is of its scores.
    best = before.choices[before.choices["chosen"]].set_index("arm")["auroc"]
    assert best.to_dict() == before.choices.groupby("arm")["auroc"].max().to_dict()
    inner = before.inner.set_index("arm")["auroc"]
    rows = before.inner_predictions.groupby("arm")
    for arm in best.index:
        assert inner[arm] == pytest.approx(best[arm], abs=1e-12)
        part = rows.get_group(arm)
        assert sorted(part["patient_id"]) == sorted(fold.train)
        assert roc_auc_score(part["label"], part["score"]) == pytest.approx(best[arm], abs=1e-12)


def scored(config: Any) -> dict[str, float]:
    """Out-of-fold AUROC of every arm."""
    from hydra.utils import instantiate

    from fusion.protocol.crossval import fit_fold
    from fusion.protocol.setup import open_setup

    setup = open_setup(config, silent).prepare(silent)
    folds = instantiate(config.folds, setup.cohort, path=None, seed=config.seed)
    parts = [fit_fold(config, setup, fold, Path(config.output) / fold.name, lambda: None) for fold in folds]
    rows = pd.concat(part.predictions for part in parts)
    return {
        arm: float(np.mean([roc_auc_score(part["label"], part["score"]) for _, part in of_arm.groupby("fold")]))
        for arm, of_arm in rows.groupby("arm")
    }


def test_permuted_labels_are_not_predicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary through the real arms: mean AUROC over two permutations of 48 patients at most 0.68.

    Under chance an AUROC of two folds of 12 against 12 has the standard deviation √(25 / (12·12·12)) / √2 = 0.085, the
    mean of two 0.06: the bound is three of these above 0.5. The test
    below leaks on purpose, and is far above it.
    """
    few_trees(monkeypatch)
    root = tmp_path / "small"
    write_cohort(root, patients=48)
    found = []
    for seed in (1, 2):
        config = configured(
            root, monkeypatch, "canary=permuted", f"seed={seed}", "modality.expression.components=null",
            "arms=[fusion,singles,classical_lr,classical_forest,late]", only=("clinical", "expression"),
        )  # fmt: skip
        found.append(scored(config))
    mean = pd.DataFrame(found).mean()
    assert set(mean.index) == {
        "fusion", "base", "only_clinical", "only_expression", "classical_lr", "classical_forest", "classical", "late",
        "floor_clinical", "floor_site",
    }  # fmt: skip
    assert mean.max() <= 0.68, mean


def test_a_selection_that_saw_test_labels_is_far_above_the_canarys_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight of 200 columns of noise, chosen by all 48 permuted labels: what the bound is there for."""
    from data_modules.modalities.tables.features import Features

    root = tmp_path / "small"
    write_cohort(root, patients=48)
    config = configured(
        root, monkeypatch, "canary=permuted", "seed=1", "modality.expression.components=null",
        "arms=[fusion,classical_lr]", only=("expression",),
    )  # fmt: skip
    from fusion.protocol.setup import open_setup

    labels, fit = open_setup(config, silent).cohort.labels, Features.fit

    def leaking(self: Features, train_ids: Any, known: Any) -> Any:
        return fit(self, list(labels.index), labels.to_numpy())

    monkeypatch.setattr(Features, "fit", leaking)
    assert scored(config)["classical_lr"] >= 0.78
