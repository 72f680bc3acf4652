"""Card and checklist of a run: the format a hub reads, every item once, figures of metrics.json, nothing made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fusion.report.card.facts import facts_of, plain
from fusion.report.card.model_card import model_card
from fusion.report.card.tripod import ITEMS, tripod
from fusion.report.card.write import write_cards
from fusion.run.folder import RunFolder

NUMBERS = (
    "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 18a 18b 18c "
    "18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c"
)
AUTHORS_ONLY = ("3a", "5b", "6a", "17", "18a", "18b", "18c", "18d", "19")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., RunFolder]) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("cards") / "run", patients=60)


def rows(text: str) -> dict[str, str]:
    cells = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    return {one[0].strip("| "): one[3].rstrip(" |") for one in cells}


def test_the_card_has_front_matter_and_the_figures_of_the_run(run: RunFolder) -> None:
    text = model_card(facts_of(run))
    _, front, body = text.split("---\n", 2)
    read = yaml.safe_load(front)
    assert {"language", "license", "library_name", "tags", "metrics", "model-index"} <= set(read)
    assert "simulated-data" in read["tags"]
    told = {one["type"]: one["value"] for one in read["model-index"][0]["results"][0]["metrics"]}
    auroc = run.metrics()["arms"]["fusion"]["auroc"]
    assert told["auroc"] == pytest.approx(auroc["value"], abs=5e-5)
    assert f"| AUROC | {auroc['value']:.3f} ({auroc['low']:.3f} to {auroc['high']:.3f}) |" in body
    assert "SIMULATED DATA" in body
    assert "60 patients of 66" in body
    assert body.count("not reported") >= 4
    assert "Subgroups were not looked at" in body
    assert not any(patient in text for patient in run.cohort()["patient_id"]), "a card names nobody"


def test_every_item_has_a_place_or_is_not_reported(run: RunFolder) -> None:
    assert " ".join(item.number for item in ITEMS) == NUMBERS
    told = rows(tripod(facts_of(run)))
    assert list(told) == NUMBERS.split()
    assert all(told[number] == "**not reported**" for number in AUTHORS_ONLY)
    assert told["14"] == told["10"] == told["20b"] == "**not reported**"  # this run has no such parts
    assert "66 seen, 60 kept" in told["20a"]
    assert "no response / response" in told["8a"]
    assert told["21"].endswith(f"60 patients, {run.metrics()['positives']} response")
    assert told["15"].startswith("calibrated probabilities; thresholds by fold")
    assert "weights of classes in the loss: none" in told["13"] and told["12f"].startswith("none in this run")
    # As table 2 of the statement has them.
    of = {kind: " ".join(item.number for item in ITEMS if item.of == kind) for kind in ("D", "E")}
    assert of == {"D": "9a 12a 12b 12c 15 22 27a 27b", "E": "12f 12g 20c 24"}


def test_what_was_looked_at_finds_its_place(run: RunFolder) -> None:
    row = {"column": "site", "group": "A", "p": 0.01, "calibration_p": None}
    parts = {
        "subgroups": {"rows": [row], "tests": 2},
        "sample_size": {"patients": 60, "parameters": 9, "enough": False, "needed": {"shrinkage": 700, "optimism": 90}},
        "described": {"rows": [{}, {}]},
    }
    before = run.metrics()
    run.write_metrics(before | parts)
    told, card = rows(tripod(facts_of(run))), model_card(facts_of(run))
    run.write_metrics(before)
    assert told["14"].endswith("site")
    assert told["23b"].endswith("site")
    more = {
        "gaps": {"lacking": []}, "sites": {"held_out": "each", "rows": [{}, {}, {}]},
        "operating": {"rows": [{"rule": "net_benefit", "target": 0.2}, {"rule": "sensitivity", "target": 0.9}]},
    }  # fmt: skip
    again = rows(tripod(replace(facts_of(run), metrics=before | more)))
    firm = {"uncertainty": {"firmness": {"of": "risk at 12 months", "spread": {"median": 0.1}}}}
    assert "Sets meant to hold" not in model_card(replace(facts_of(run), metrics=before | firm))
    assert again["12e"] == "report.html, Every arm; Discrimination, calibration, use"
    times = rows(tripod(replace(facts_of(run), metrics=before | {"by_fold": {}, "decision": {"rows": [{}]}})))
    assert times["12e"] == "report.html, Every arm; Fold by fold; Decision curves"
    assert again["23b"] == "report.html, 3 sites one by one (each left out in turn)"
    assert again["15"].endswith("operating points (net benefit 0.2, sensitivity 0.9): report.html")
    assert again["11"] == again["27a"] and "complete cases: report.html, Missing data" in again["11"]
    assert "criteria ask 700: too few" in told["10"]
    assert "2 columns" in told["20b"]
    assert "differs in site A" in card
    assert "ask the plain model for 700 (9 parameters)" in card


def test_hostile_names_are_text(tmp_path: Path, run: RunFolder) -> None:
    assert plain("a|b\n<script>*x*") == "a\\|b &lt;script&gt;\\*x\\*"
    write_cards(run)
    assert (run.path / "model_card.md").read_text().startswith("---\n")
    assert (run.path / "tripod_ai.md").read_text().startswith("# TRIPOD+AI")
