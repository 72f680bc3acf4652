"""`fusion.compare` from run folders to its page: refusals name folders, texts are escaped, a phone shows it whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from fusion.compare import compare
from fusion.config.overrides import gathered, parse
from fusion.contract import FusionError
from fusion.report.compare.page import _told, write_comparison
from fusion.run.folder import RunFolder
from fusion.run.integrity import hash_files
from tests.helpers.recorded import assert_page

SCRIPT = "<script>window.owned = 1</script>"


def signed(run: RunFolder) -> None:
    names = [one.name for one in run.path.iterdir() if one.name not in ("run.json", "metrics.json")]
    record = run.record() | {"files": hash_files(run.path, names)}
    (run.path / "run.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., RunFolder]) -> tuple[Path, Path]:
    """Two runs of the same patients; in the second every score is turned round and one setting is hostile."""
    folder = tmp_path_factory.mktemp("pair")
    first, second = make_run(folder / "first", patients=40), make_run(folder / "second", patients=40)
    predictions = second.predictions()
    predictions.assign(score=1 - predictions["score"]).to_parquet(second.path / "predictions.parquet")
    config = yaml.safe_load((second.path / "config.yaml").read_text())
    foreign = {"fuser": {"_target_": "mylab.Mine", "name": SCRIPT}}
    (second.path / "config.yaml").write_text(yaml.safe_dump(config | {"model": foreign, "workers": 3}))
    signed(second)
    return first.path, second.path


def compared(*paths: Path, output: Path, arm: str = "fusion") -> str:
    return write_comparison([str(path) for path in paths], output, arm=arm, draws=50, seed=0)


def test_the_page_and_its_numbers(pair: tuple[Path, Path], tmp_path: Path) -> None:
    told = compared(*pair, output=tmp_path)
    assert told.startswith("SIMULATED · response, Fusion: 40 common patients")
    assert f"Report: {tmp_path / 'compare.html'}" in told
    content = json.loads((tmp_path / "compare.json").read_text())
    (gain,) = [row for row in content["gains"] if row["metric"] == "auroc"]
    first, second = (run["metrics"]["auroc"]["value"] for run in content["runs"])
    assert second == pytest.approx(1 - first)
    assert (gain["value"], gain["verdict"]) == (pytest.approx(second - first), "worse")
    assert [row["key"] for row in content["differences"]] == ["model.fuser._target_", "model.fuser.name"]
    html = (tmp_path / "compare.html").read_text()
    assert_page(html, Path(__file__).parent / "examples" / "compare.json")
    assert "<script" not in html
    assert "&lt;script&gt;window.owned" in html
    assert html.count("<svg") == 2
    flips = content["changed"]["B"]["patients"]
    assert flips
    assert flips[0]["patient_id"] in html


def test_what_is_refused(pair: tuple[Path, Path], tmp_path: Path, make_run: Callable[..., RunFolder]) -> None:
    with pytest.raises(FusionError, match="1 run given"):
        compared(pair[0], output=tmp_path)
    with pytest.raises(FusionError, match="is given twice"):
        compared(pair[0], pair[0].parent / "second" / ".." / "first", output=tmp_path)
    with pytest.raises(FusionError, match="is not a run folder"):
        compared(pair[0], tmp_path, output=tmp_path)
    with pytest.raises(FusionError, match=r"has no arm 'both'; set arm to one of classical"):
        compared(*pair, output=tmp_path, arm="both")
    other = make_run(tmp_path / "other", patients=40)
    record = other.record()
    record["cohort"]["endpoint"]["classes"] = ["alive", "dead"]
    (other.path / "run.json").write_text(json.dumps(record))
    with pytest.raises(FusionError, match=r"classes is no response, response in the first and alive, dead in the"):
        compared(pair[0], other.path, output=tmp_path)
    assert not (tmp_path / "compare.json").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": 7}, "a label is none of the 2 classes"),
        ({"score": float("nan")}, "a score is not finite"),
        ({"score": "high"}, "could not convert string"),
        ({"repeat": None}, "is not as a run writes it"),
    ],
)
def test_a_strangers_predictions_are_refused_in_words(
    pair: tuple[Path, Path], tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    folder = tmp_path / "stranger"
    shutil.copytree(pair[0], folder)
    run = RunFolder(folder)
    run.predictions().assign(**change).to_parquet(folder / "predictions.parquet")
    signed(run)
    with pytest.raises(FusionError, match=words):
        compared(pair[0], folder, output=tmp_path)


def test_what_lacks_in_a_strangers_folder_is_said_of_it(pair: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "stranger"
    shutil.copytree(pair[0], folder)
    (folder / "folds.json").write_text("{}")
    signed(RunFolder(folder))
    with pytest.raises(FusionError, match=r"stranger/folds\.json: has no list of folds\. The file was altered"):
        compared(pair[0], folder, output=tmp_path)


def test_keys_of_the_command(pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(runs: object, **more: object) -> None:
        keys = {"runs": runs, "arm": "fusion", "draws": 20, "seed": 0, "output": str(tmp_path), "overwrite": False}
        compare(OmegaConf.create({**keys, **more}))

    for runs, more, words in (
        (3, {}, "runs=3: give run folders"),
        (str(pair[0]), {}, "1 run given"),
        ([str(one) for one in pair], {"draws": 0}, "draws=0"),
    ):
        with pytest.raises(FusionError, match=words):
            run(runs, **more)
    run([str(one) for one in pair])
    assert "B over A" in capsys.readouterr().out
    with pytest.raises(FusionError, match="holds a comparison already"):
        run([str(one) for one in pair])


def test_repeated_runs_become_one_key_whatever_their_names() -> None:
    paths = ["runs/a b", "runs/{x},[y]", 'runs/"q"', "runs/x=1"]
    (text,) = gathered([f"run={path}" for path in paths], key="run", into="runs")
    assert parse(text).value() == paths
    assert gathered(["runs=[a,b]", "draws=5"], key="run", into="runs") == ["runs=[a,b]", "draws=5"]
    assert gathered(["run='a'", "seed=1", "run=b"], key="run", into="runs") == ["seed=1", 'runs=["a","b"]']


def test_on_a_phone_nothing_sticks_out_and_nothing_runs(pair: tuple[Path, Path], tmp_path: Path, browser: Any) -> None:
    compared(*pair, output=tmp_path)
    shown, file = browser.new_page(viewport={"width": 390, "height": 900}), tmp_path / "compare.html"
    asked: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(file.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    assert shown.evaluate("window.owned") is None
    assert asked == [file.as_uri()]
    assert shown.locator(".verdict .status").inner_text().lower() == "b over a: worse"
    assert "95 % interval" in shown.locator(".verdict .sentence").inner_text()
    width = shown.locator("#runs tbody th").first.bounding_box()["width"]
    assert width < 60, "a letter in a wide column"
    shown.close()


def test_what_the_command_says_by_hand(tmp_path: Path) -> None:
    """A figure a run, then each gain over the first with the calls that flip, where calls are compared."""

    def run(name: str, value: float) -> dict[str, Any]:
        figures = {"auroc": {"value": value, "low": value - 0.1, "high": value + 0.1}, "ece": {"value": None}}
        return {"run": name, "path": f"runs/{name}", "metrics": figures}

    def gain(name: str, metric: str, verdict: str) -> dict[str, Any]:
        return {"run": name, "metric": metric, "value": 0.05, "low": -0.01, "high": 0.11, "verdict": verdict}

    content = {
        "metric": "auroc", "simulated": False, "endpoint": "pCR", "arm": "fusion", "patients": 40, "first": "A",
        "runs": [run("A", 0.7), run("B", 0.75), run("C", 0.75)],
        "gains": [gain("B", "auroc", "undecided"), gain("B", "ece", "worse"), gain("C", "auroc", "better")],
        "changed": {"B": {"patients": ["P1", "P2", "P3"]}},
    }  # fmt: skip
    assert _told(content, "AUROC", tmp_path).splitlines() == [
        "pCR, Fusion: 40 common patients",
        "  A  AUROC 0.700 (0.60 to 0.80)  runs/A",
        "  B  AUROC 0.750 (0.65 to 0.85)  runs/B",
        "  C  AUROC 0.750 (0.65 to 0.85)  runs/C",
        "  B over A: 0.050 (−0.010 to 0.110), undecided; 3 calls flip",
        "  C over A: 0.050 (−0.010 to 0.110), better",
        f"Report: {tmp_path / 'compare.html'}",
    ]
    assert _told(content | {"simulated": True}, "AUROC", tmp_path).startswith("SIMULATED · pCR, Fusion: 40")
