"""``choose=…`` from the command line to the report, and what later commands make of such a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.helpers import warm
from tests.helpers.few_trees import few_trees
from tests.helpers.small_cohort import configured, write_cohort

CHOOSE = "{model/fuser:[concat,cross_attention],trainer.learning_rate:[0.0005,0.02],datamodule.batch_size:4}"
CANDIDATES = {
    "1": "model/fuser=concat trainer.learning_rate=0.0005 datamodule.batch_size=4",
    "2": "model/fuser=concat trainer.learning_rate=0.02 datamodule.batch_size=4",
    "3": "model/fuser=cross_attention trainer.learning_rate=0.0005 datamodule.batch_size=4",
    "4": "model/fuser=cross_attention trainer.learning_rate=0.02 datamodule.batch_size=4",
}


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; its cohort's YAML lies in ``small_conf`` beside it."""
    from fusion.train import train

    root = tmp_path_factory.mktemp("chosen") / "small"
    write_cohort(root, patients=24)
    with pytest.MonkeyPatch.context() as patch:
        config = configured(
            root,
            patch,
            "arms=[fusion,singles,classical_lr,classical_forest,classical_boosting,late,stacked]",
            f"choose={CHOOSE}",
            "model.base=none",  # with a start that no network adds to, candidates would tie
            only=("expression", "tiles"),
        )
        few_trees(patch)
        assert isinstance(train(config), float)
    return Path(config.output)


def command(name: str, *arguments: str) -> None:
    done = warm.command(name, *arguments)
    assert done.returncode == 0, done.stderr


def candidates_by_fold(run: Path, arm: str) -> dict[str, str]:
    return {
        path.parent.parent.name: json.loads(path.read_text())["candidate"]
        for path in sorted(run.glob(f"models/*/{arm}/arm.json"))
    }


def test_the_run_folder_says_what_was_chosen_where(chosen: Path) -> None:
    table = pd.read_parquet(chosen / "choices.parquet")
    assert len(table) == 2 * (3 * 4 + 4 + 3 + 3)
    found = json.loads((chosen / "metrics.json").read_text())["choices"]
    assert found["candidates"] == CANDIDATES
    for arm in ("fusion", "only_expression", "only_tiles"):
        rows = table[(table["arm"] == arm) & table["chosen"]]
        where = candidates_by_fold(chosen, arm)
        assert dict(zip("repeat0_fold" + rows["fold"].astype(str), rows["candidate"], strict=True)) == where
        times = pd.Series(list(where.values())).value_counts()
        assert {name: count for name, count in found["arms"][arm]["chosen"].items() if count} == times.to_dict()
        assert found["arms"][arm]["agreement"] == times.max() / 2
    config = yaml.safe_load((chosen / "config.yaml").read_text())
    assert config["choose"]["3"]["settings"] == {
        "model/fuser": "cross_attention", "trainer.learning_rate": 0.0005, "datamodule.batch_size": 4,
    }  # fmt: skip


def test_report_and_summary_show_it(chosen: Path) -> None:
    html = " ".join((chosen / "report.html").read_text(encoding="utf-8").split())
    assert '<a href="#choices">Choices</a>' in html
    for settings in CANDIDATES.values():
        assert f"<code>{settings}</code>" in html
    row = "".join(f"<td>{number}</td>" for number in candidates_by_fold(chosen, "fusion").values())
    assert f'<tr><th scope="row">Fusion</th>{row}<td>' in html
    kept = [json.loads(path.read_text()) for path in sorted(chosen.glob("models/*/classical_lr/arm.json"))]
    row = "".join(f"<td>C={one['hyperparameter']:g}</td>" for one in kept)
    assert f'<tr><th scope="row">Logistic regression</th>{row}<td>' in html
    names = {
        "classical_lr": "Logistic regression",
        "classical_forest": "Random forest",
        "classical_boosting": "Gradient boosting",
    }
    kept = [json.loads(path.read_text()) for path in sorted(chosen.glob("models/*/classical/arm.json"))]
    row = "".join(f"<td>{names[one['chosen']]}</td>" for one in kept)
    assert f'<tr><th scope="row">Classical (chosen)</th>{row}<td>' in html


def test_predict_uses_in_each_fold_what_it_chose(chosen: Path) -> None:
    """Bit for bit, late fusion and single modalities too; arms chose different fusers, or the test says nothing."""
    conf, output = chosen.with_name("small_conf"), chosen.with_name("predicted")
    cache = f"cache={chosen.with_name('small_cache')}"
    command("predict", "--config-dir", str(conf), f"run={chosen}", "cohort=small", f"output={output}", cache)
    arms = ("fusion", "only_tiles", "only_expression")
    assert len({number for arm in arms for number in candidates_by_fold(chosen, arm).values()}) > 1
    expected = pd.read_parquet(chosen / "predictions.parquet").set_index(["arm", "patient_id"])["score"]
    by_arm = pd.read_csv(output / "arms.csv", float_precision="round_trip").set_index(["arm", "patient_id"])["score"]
    for arm in (*arms, "classical_lr", "classical_boosting", "late", "stacked"):
        assert by_arm[arm].loc[expected[arm].index].tolist() == expected[arm].tolist(), arm


def test_explain_explains_what_was_chosen(chosen: Path) -> None:
    output, patients = chosen.with_name("explained"), ["P000", "P001", "P002", "P003"]
    asked = f"patients=[{','.join(patients)}]"
    command("explain", f"run={chosen}", f"output={output}", asked, "steps=4", "workers=1")
    assert sorted(set(pd.read_parquet(output / "attributions.parquet")["patient"])) == patients


def test_a_candidate_that_the_run_has_not_is_refused(chosen: Path) -> None:
    from omegaconf import OmegaConf

    from fusion.apply.trained import as_chosen
    from fusion.contract import FusionError

    config = OmegaConf.create(yaml.safe_load((chosen / "config.yaml").read_text()))
    assert as_chosen(config, {}) is config
    assert str(as_chosen(config, {"candidate": "2"}).model.fuser._target_).endswith("ConcatFuser")
    with pytest.raises(FusionError, match="no candidate '5'"):
        as_chosen(config, {"candidate": "5"})


def test_going_on_with_another_grid_is_refused(chosen: Path) -> None:
    from omegaconf import OmegaConf

    from fusion.contract import FusionError
    from fusion.train import train

    config: Any = OmegaConf.create(yaml.safe_load((chosen / "config.yaml").read_text()))
    config.resume = True
    assert isinstance(train(config), float)  # finished: nothing to do
    config.choose["1"].trainer.learning_rate = 0.5
    with pytest.raises(FusionError, match=r"choose\.1\.trainer\.learning_rate \(then 0\.0005, now 0\.5\)"):
        train(config)
