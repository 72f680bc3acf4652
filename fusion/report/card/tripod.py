"""tripod_ai.md: where the run folder answers each item of TRIPOD+AI, or that it does not.

Collins et al., TRIPOD+AI statement, BMJ 385:e078378, 2024 (CC BY 4.0), table 2; items by number and kind of study, in
our own short words. An item that only authors can answer is *not reported*, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fusion.report.card.facts import Facts, plain

Place = Callable[[Facts], str | None]
BOTH, DEVELOPED, EVALUATED = "D;E", "D", "E"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item.

    Attributes:
        number: of the checklist.
        of: studies that it is for: development, evaluation, or both.
        asks: in a few words.
        place: where the run answers it and what it says there; None where it does not.
    """

    number: str
    of: str
    asks: str
    place: Place


def _never(facts: Facts) -> str | None:
    return None


def _always(text: str) -> Place:
    return lambda facts: text


def _outcome(facts: Facts) -> str:
    note = f"; {facts.endpoint['note']}" if facts.endpoint.get("note") else ""
    unit = f" {facts.endpoint['unit']}" if facts.endpoint.get("unit") else ""
    horizons = ", ".join(f"{one:g}" for one in facts.endpoint.get("horizons") or ())
    when = f"; horizons {horizons}{unit}" if horizons else ""
    since = f" since {facts.endpoint['time_zero']}" if facts.endpoint.get("time_zero") else ""
    named = f"{facts.endpoint['name']} ({' / '.join(facts.endpoint['classes'])})"
    return f"config.yaml, cohort.endpoints: {named}{when}{since}{note}; assessment, and why this one: by the authors"


def _treatments(facts: Facts) -> str | None:
    return "report.html, Which therapy for whom: regimens, as declared" if facts.metrics.get("policy") else None


def _clusters(facts: Facts) -> str:
    within = "; report.html, sites one by one" if facts.metrics.get("sites") else ""
    return f"config.yaml, folds.site: {facts.setting('folds.site')}{within}"


def _updated(facts: Facts) -> str:
    return "none in this run; fusion.predict recalibrate=… tells of its own"


def _imbalance(facts: Facts) -> str:
    weights = facts.setting("model.head.class_weight")
    return (
        f"nothing resampled; weights of classes in the loss: {weights or 'none'} (config.yaml, model.head); scores "
        "calibrated on inner folds"
    )


def _code(facts: Facts) -> str:
    return f"run.json: version and commit {facts.record.get('git_commit') or 'of a release'}"


def _flow(facts: Facts) -> str:
    return f"report.html, Who was in it: {facts.seen} seen, {facts.kept} kept, reasons for the others{_with(facts)}"


def _with(facts: Facts) -> str:
    """How many have the outcome."""
    number = facts.metrics.get("positives", facts.metrics.get("events"))
    return "" if number is None else f", {number} {facts.endpoint['classes'][-1]}"


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


def _measures(facts: Facts) -> str:
    """Sections by what metrics.json holds: times have folds, several classes and grades each class."""
    shown = {"by_fold": "Fold by fold", "per_class": "Class by class"}
    own = next((name for key, name in shown.items() if key in facts.metrics), "Discrimination, calibration, use")
    decided = "; Decision curves" if facts.metrics.get("decision") else ""
    return f"report.html, Every arm; {own}{decided}"


def _output(facts: Facts) -> str:
    points = facts.metrics.get("operating")
    asked = (
        dict.fromkeys(f"{row['rule'].replace('_', ' ')} {row['target']}" for row in points["rows"]) if points else {}
    )
    told = f"; operating points ({', '.join(asked)}): report.html" if asked else ""
    return f"{facts.output}: predictions.parquet{told}"


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
    return f"report.html, Verdict and Folds: {facts.metrics['patients']} patients{_with(facts)}"


def _quality(facts: Facts) -> str:
    read = "report.html, What was read, and what was dropped; " if facts.quality else ""
    return f"{read}config.yaml, modality: the same for every patient"


_ITEMS: Sequence[tuple[str, str, str, Place]] = (
    ("1", BOTH, "title: a model developed or its performance evaluated, target population, outcome",
     _always("report.html, title: cohort and endpoint")),
    ("2", BOTH, "abstract, by TRIPOD+AI for Abstracts", _never),
    ("3a", BOTH, "context in health care (diagnostic or prognostic), rationale, existing models", _never),
    ("3b", BOTH, "target population, purpose in the care pathway, intended users", _never),
    ("3c", BOTH, "known health inequalities between sociodemographic groups", _never),
    ("4", BOTH, "objectives: development, validation or both",
     _always("development with internal validation (nested cross-validation): report.html")),
    ("5a", BOTH, "sources of data of development and evaluation, why these, whom they represent", _never),
    ("5b", BOTH, "dates: start and end of accrual, end of follow-up", _never),
    ("6a", BOTH, "setting, number and location of centres", _never),
    ("6b", BOTH, "eligibility criteria", _never),
    ("6c", BOTH, "treatments received, and how they were handled", _treatments),
    ("7", BOTH, "pre-processing and quality checks, and whether alike across sociodemographic groups", _quality),
    ("8a", BOTH, "outcome and time horizon; how and when assessed, why, whether alike across groups", _outcome),
    ("8b", BOTH, "who assessed a subjective outcome: qualifications, demographics", _never),
    ("8c", BOTH, "blinding of the assessment of the outcome", _never),
    ("9a", DEVELOPED, "choice of initial predictors, selection before model building",
     _always("config.yaml, modality and preset; selected features: report.html")),
    ("9b", BOTH, "predictors defined: how and when measured, blinding of their assessment",
     _always("config.yaml, cohort.tables: kind, unit, time point; blinding: by the authors")),
    ("9c", BOTH, "who assessed subjective predictors: qualifications, demographics", _never),
    ("10", BOTH, "how the study size was arrived at, that it suffices, its calculation", _size),
    ("11", BOTH, "how missing data were handled, why data were left out", _missing),
    ("12a", DEVELOPED, "how data were used, partitions, given the sample size",
     _always("folds.json: every outer and inner fold; report.html, Folds")),
    ("12b", DEVELOPED, "how predictors were handled: functional form, scaling, transformation",
     _always("config.yaml, modality; models/, fitted scalers and selections")),
    ("12c", DEVELOPED, "type of model and why, all building steps, tuning, internal validation",
     _always("config.yaml, model, trainer, choose; report.html; why: by the authors")),
    ("12d", BOTH, "heterogeneity across clusters, of parameters and of performance: how handled and quantified",
     _clusters),
    ("12e", BOTH, "measures and plots of performance and why, how models are compared",
     _measures),
    ("12f", EVALUATED, "updating that arose from the evaluation, overall or by group or setting", _updated),
    ("12g", EVALUATED, "how predictions were calculated in evaluation", _always("out of fold; predictions.parquet")),
    ("13", BOTH, "class imbalance: what was done and why, recalibration after it", _imbalance),
    ("14", BOTH, "fairness: approaches and why", _fairness),
    ("15", DEVELOPED, "output of the model; any classification, why, how thresholds were found", _output),
    ("16", BOTH, "differences between development and evaluation data: setting, eligibility, outcome, predictors",
     _always("none: the same cohort, folds apart")),
    ("17", BOTH, "ethical approval, and consent or its waiver", _never),
    ("18a", BOTH, "funding and the funders' role", _never),
    ("18b", BOTH, "conflicts of interest of all authors", _never),
    ("18c", BOTH, "protocol: where it is, or that there is none", _never),
    ("18d", BOTH, "registration: name and number, or that there is none", _never),
    ("18e", BOTH, "availability of the data", _never),
    ("18f", BOTH, "availability of the analysis code", _code),
    ("19", BOTH, "how patients and the public were involved, or that they were not", _never),
    ("20a", BOTH, "flow of participants, with and without the outcome, follow-up time", _flow),
    ("20b", BOTH, "characteristics overall and by source: dates, predictors, treatments, events, follow-up, gaps",
     _described),
    ("20c", EVALUATED, "predictors and outcome of evaluation compared with development",
     _always("the same patients, out of fold")),
    ("21", BOTH, "participants and outcome events in each analysis", _events),
    ("22", DEVELOPED, "the full model, so that others can predict with and evaluate it; limits on its use",
     _always("models/: weights and fitted state; fusion.predict run=…; limits: by the authors")),
    ("23a", BOTH, "performance with confidence intervals, also of key subgroups", _performance),
    ("23b", BOTH, "heterogeneity of performance across clusters, if examined", _heterogeneity),
    ("24", EVALUATED, "results of updating: the updated model and its performance", _updated),
    ("25", BOTH, "interpretation, with fairness, objectives and earlier studies", _never),
    ("26", BOTH, "limitations and what they do to bias, uncertainty and generalisability",
     _always("model_card.md, Bias, risks and limitations")),
    ("27a", DEVELOPED, "input of poor quality or unavailable when in use: how judged and handled", _missing),
    ("27b", DEVELOPED, "what users do with the input or the model, the expertise they need", _never),
    ("27c", BOTH, "next steps of research, for applicability and generalisability", _never),
)  # fmt: skip
ITEMS = [Item(number=number, of=of, asks=asks, place=place) for number, of, asks, place in _ITEMS]


def tripod(facts: Facts) -> str:
    """The file's text."""
    told = [(item, item.place(facts)) for item in ITEMS]
    answered = sum(place is not None for _, place in told)
    lines = [
        f"# TRIPOD+AI checklist: {plain(facts.record['cohort']['name'])}, {plain(facts.endpoint['name'])}",
        "",
        *(["**SIMULATED DATA.** Nothing here is a finding.", ""] if facts.record["simulated"] else []),
        f"{answered} of {len(ITEMS)} items have a place in the run folder, {len(ITEMS) - answered} are for the "
        "authors. Items of Collins et al., BMJ 2024;385:e078378 (CC BY 4.0), shortened; D is for the development of a "
        "model, E for its evaluation. A manuscript takes the statement's own form.",
        "",
        "| item | of | asks for | where |",
        "|---|---|---|---|",
        *(
            f"| {item.number} | {item.of} | {item.asks} | {'**not reported**' if place is None else plain(place)} |"
            for item, place in told
        ),
        "",
    ]
    return "\n".join(lines)
