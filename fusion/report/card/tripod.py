"""tripod_ai.md: where the run folder answers each item of TRIPOD+AI, or that it does not.

Collins et al., TRIPOD+AI statement, BMJ 385:e078378, 2024; items by their numbers, in our own short words. An item that
only authors can answer is *not reported*, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fusion.report.card.facts import Facts, plain

Place = Callable[[Facts], str | None]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item.

    Attributes:
        number: of the checklist.
        asks: in a few words.
        place: where the run answers it and what it says there; None where it does not.
    """

    number: str
    asks: str
    place: Place


def _never(facts: Facts) -> str | None:
    return None


def _always(text: str) -> Place:
    return lambda facts: text


def _outcome(facts: Facts) -> str:
    note = f"; {facts.endpoint['note']}" if facts.endpoint.get("note") else ""
    return f"config.yaml, cohort.endpoints: {facts.endpoint['name']} ({' / '.join(facts.endpoint['classes'])}){note}"


def _flow(facts: Facts) -> str:
    return f"report.html, Who was in it: {facts.seen} seen, {facts.kept} kept, reasons for the others"


def _described(facts: Facts) -> str | None:
    part = facts.metrics.get("described")
    if not part or not part["rows"]:
        return None
    return f"report.html, At baseline, by outcome: {len(part['rows'])} columns with missing values"


def _size(facts: Facts) -> str | None:
    part = facts.metrics.get("sample_size")
    if not part or not part.get("needed"):
        return None
    verdict = "enough" if part["enough"] else "too few"
    return (
        f"report.html, Sample size: {part['patients']} patients, criteria ask {max(part['needed'].values())}: {verdict}"
    )


def _missing(facts: Facts) -> str:
    account = "; who lacks what, and complete cases: report.html, Missing data" if facts.metrics.get("gaps") else ""
    curve = "; curve over the share missing: report.html" if facts.metrics.get("missing") else ""
    how = "missing modalities are masks, columns are imputed on training patients (config.yaml, modality)"
    return f"{how}{account}{curve}"


def _output(facts: Facts) -> str:
    points = facts.metrics.get("operating")
    asked = (
        dict.fromkeys(f"{row['rule'].replace('_', ' ')} {row['target']}" for row in points["rows"]) if points else {}
    )
    told = f"; operating points ({', '.join(asked)}): report.html" if asked else ""
    return f"calibrated probabilities; thresholds by fold: predictions.parquet{told}"


def _fairness(facts: Facts) -> str | None:
    part = facts.metrics.get("subgroups")
    return (
        None
        if not part
        else f"report.html, In subgroups: {', '.join(dict.fromkeys(r['column'] for r in part['rows']))}"
    )


def _performance(facts: Facts) -> str:
    chosen = facts.metrics["verdict"]["metric"]
    groups = "" if facts.metrics.get("subgroups") else "; not by subgroup"
    return f"report.html, Every arm: {facts.labels.get(chosen, chosen)} {facts.told(chosen)}{groups}"


def _heterogeneity(facts: Facts) -> str | None:
    sites, part = facts.metrics.get("sites"), facts.metrics.get("subgroups")
    if sites:
        how = {"each": "each left out in turn", "groups": "whole sites left out", "seen": "not left out"}
        return f"report.html, {len(sites['rows'])} sites one by one ({how[sites['held_out']]})"
    return "report.html, In subgroups: site" if part and any(row["column"] == "site" for row in part["rows"]) else None


def _events(facts: Facts) -> str:
    positives = facts.metrics.get("positives")
    events = "" if positives is None else f", {positives} {facts.endpoint['classes'][-1]}"
    return f"report.html, Verdict and Folds: {facts.metrics['patients']} patients{events}"


def _quality(facts: Facts) -> str | None:
    return "report.html, Files: what ingest read and dropped; config.yaml" if facts.quality else "config.yaml, modality"


ITEMS: Sequence[Item] = [
    Item(number=number, asks=asks, place=place)
    for number, asks, place in (
        (
            "1",
            "title: model developed or evaluated, population, outcome",
            _always("report.html, title: cohort and endpoint"),
        ),
        ("2", "abstract", _never),
        ("3a", "context in health care, rationale, existing models", _never),
        ("3b", "target population, purpose, intended users", _never),
        ("3c", "known inequalities between groups", _never),
        (
            "4",
            "objectives: development, evaluation or both",
            _always("development with internal validation; docs of the program"),
        ),
        ("5a", "sources of data, and whom they represent", _never),
        ("5b", "dates", _never),
        ("6a", "setting, centres", _never),
        ("6b", "eligibility", _never),
        ("6c", "treatments received", _never),
        ("7", "preparation of data, quality checks", _quality),
        ("8a", "outcome, time horizon, how assessed", _outcome),
        ("8b", "who assessed a subjective outcome", _never),
        ("8c", "blinding of outcome assessment", _never),
        ("9a", "choice of predictors", _always("config.yaml, modality and preset; selected features: report.html")),
        (
            "9b",
            "predictors defined: how and when measured",
            _always("config.yaml, cohort.tables: kind, unit, time point"),
        ),
        ("9c", "who assessed subjective predictors", _never),
        ("10", "sample size", _size),
        ("11", "missing data", _missing),
        (
            "12a",
            "how data were used, partitions",
            _always("folds.json: every outer and inner fold; report.html, Folds"),
        ),
        (
            "12b",
            "how predictors were handled",
            _always("config.yaml, modality; models/, fitted scalers and selections"),
        ),
        (
            "12c",
            "model, building steps, tuning, internal validation",
            _always("config.yaml, model, trainer, choose; report.html"),
        ),
        (
            "12d",
            "heterogeneity between clusters handled",
            lambda facts: f"config.yaml, folds.site: {facts.setting('folds.site')}",
        ),
        (
            "12e",
            "measures and plots of performance",
            _always("report.html, Every arm; Discrimination, calibration, use"),
        ),
        ("12f", "updating", _never),
        ("12g", "how predictions were calculated in evaluation", _always("out of fold; predictions.parquet")),
        (
            "13",
            "class imbalance",
            _always("nothing resampled; scores calibrated on inner folds; thresholds: report.html"),
        ),
        ("14", "fairness: how it was looked at", _fairness),
        (
            "15",
            "output of the model, thresholds",
            _output,
        ),
        ("16", "differences of training and evaluation data", _always("none: the same cohort, folds apart")),
        ("17", "ethical approval", _never),
        ("18a", "funding", _never),
        ("18b", "conflicts of interest", _never),
        ("18c", "protocol", _never),
        ("18d", "registration", _never),
        ("18e", "data sharing", _never),
        (
            "18f",
            "code sharing",
            lambda facts: f"run.json: version and commit {facts.record.get('git_commit') or 'of a release'}",
        ),
        ("19", "patients and public involved", _never),
        ("20a", "flow of participants", _flow),
        ("20b", "characteristics, missing data", _described),
        ("20c", "development and evaluation compared", _always("the same patients, out of fold")),
        ("21", "participants and events in each analysis", _events),
        (
            "22",
            "the full model, so that it can be used",
            _always("models/: weights and fitted state; fusion.predict run=…"),
        ),
        ("23a", "performance with intervals, also by group", _performance),
        ("23b", "heterogeneity of performance", _heterogeneity),
        ("24", "results of updating", _never),
        ("25", "interpretation, fairness, earlier studies", _never),
        ("26", "limitations", _always("model_card.md, Bias, risks and limitations")),
        ("27a", "input of poor quality or missing in use", _missing),
        ("27b", "interaction and expertise of users", _never),
        ("27c", "next steps", _never),
    )
]


def tripod(facts: Facts) -> str:
    """The file's text."""
    told = [(item, item.place(facts)) for item in ITEMS]
    answered = sum(place is not None for _, place in told)
    lines = [
        f"# TRIPOD+AI checklist: {plain(facts.record['cohort']['name'])}, {plain(facts.endpoint['name'])}",
        "",
        *(["**SIMULATED DATA.** Nothing here is a finding.", ""] if facts.record["simulated"] else []),
        f"{answered} of {len(ITEMS)} items have a place in the run folder, {len(ITEMS) - answered} are for the "
        f"authors. Items of "
        "Collins et al., BMJ 2024;385:e078378, in short; use the statement's own form for a manuscript.",
        "",
        "| item | asks for | where |",
        "|---|---|---|",
        *(
            f"| {item.number} | {item.asks} | {'**not reported**' if place is None else plain(place)} |"
            for item, place in told
        ),
        "",
    ]
    return "\n".join(lines)
