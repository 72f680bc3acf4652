"""What a statistician asks of a run beside its verdict: who the patients are, whether they suffice, and subgroups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fusion.contract import FusionError, some

if TYPE_CHECKING:
    import pandas as pd

    from fusion.contract import Described, EndpointSpec
    from fusion.evaluation.outcome import Outcome
    from fusion.protocol.setup import Setup
    from fusion.run.folder import RunFolder

REFERENCE = "fusion"
HAS = "has."
"""Before the name of a modality: whether the patient has it."""


def described(setup: Setup) -> Described:
    """What was declared of the cohort's patients, with ``site`` and, of each modality, ``has.<modality>``."""
    import pandas as pd

    from fusion.contract import Described

    cohort = setup.cohort
    patients = list(cohort.patient_ids)
    tell = getattr(setup.source, "described", None)
    index = pd.Index(patients, name="patient_id")
    found = Described(table=pd.DataFrame(index=index), facts={}) if tell is None else tell(patients)
    values, facts = found.table.copy(), dict(found.facts)
    if cohort.sites is not None:
        values["site"], facts["site"] = cohort.sites.reindex(index), {"label": "Site", "kind": "category"}
    known = cohort.reconciliation.set_index("patient_id").reindex(index)
    for name in setup.modalities:
        if name in known and len(setup.modalities) > 1:
            values[HAS + name] = known[name].map({True: "yes", False: "no"})
            facts[HAS + name] = {"label": f"Has {name}", "kind": "category"}
    return Described(table=values, facts=facts)


def check_subgroups(config: Any, setup: Setup) -> None:
    """Refuse what cannot be looked at, before the long work.

    Raises:
        FusionError: ``evaluation.subgroups`` names what is no baseline column.
    """
    wanted = _wanted(config)
    known = described(setup).table.columns if wanted else ()
    wrong = [name for name in wanted if name not in known]
    if wrong:
        raise FusionError(
            f"evaluation.subgroups: {', '.join(wrong)} is no column known at baseline. Known: "
            f"{some(list(known), 20)}. Name a declared column as table.column, site, or has.<modality>."
        )


def _wanted(config: Any) -> list[str]:
    return [str(name) for name in (config.get("evaluation") or {}).get("subgroups") or ()]


def assessed(
    config: Any, setup: Setup, folder: RunFolder, predictions: pd.DataFrame, outcome: Outcome
) -> dict[str, Any]:
    """Parts of metrics.json: what is said of the cohort, of the fused arm, and of decisions.

    Args:
        config: of the run, resolved.
        setup: after ingest.
        folder: of the run, whose folds are finished.
        predictions: out of fold.
        outcome: of the endpoint.
    """
    from fusion.evaluation.described.sample_size import per_parameter, sample_size
    from fusion.evaluation.described.table_one import table_one
    from fusion.evaluation.missing.curve import missing_curve
    from fusion.evaluation.operating.curves import decision_curves
    from fusion.evaluation.operating.cuts import operating_points
    from fusion.evaluation.operating.points import operating
    from fusion.evaluation.operating.questions import questions_of
    from fusion.evaluation.subgroups.evaluate import subgroups, vectors_of
    from fusion.protocol.beside import beside
    from fusion.protocol.therapy import valued

    endpoint, labels = outcome.endpoint, setup.cohort.labels
    found = described(setup)
    folder.write_described(found.table)
    classes = endpoint.classes or ("0", "1")
    parts: dict[str, Any] = {"described": table_one(found.table, found.facts, labels, classes)}
    shown = [row["column"] for row in parts["described"]["rows"] if not row["column"].startswith(HAS)]
    parts |= beside(config, setup, folder, predictions, outcome, found.table[shown])
    parts["not_assessed"] = _not_for(outcome)
    fused = predictions[predictions["arm"] == REFERENCE]
    if (causes := setup.cohort.causes) is not None and len(fused):
        parts["competing"] = competed(fused, causes, endpoint)
    drawn = {"draws": int(config.evaluation.draws), "seed": int(config.seed)}
    parts |= valued(setup, folder.policy(), folder.left_out(), fused, outcome, **drawn)
    wanted = _wanted(config)
    groups = parted(found.table[wanted], found.facts)
    covered = groups if wanted else _large(parted(found.table[_usual(found.table)], found.facts))
    settings: dict[str, Any] = {"draws": int(config.evaluation.draws), "seed": int(config.seed)}
    uncertain = _uncertain(folder, fused, covered, outcome, **settings) if len(fused) else {}
    parts |= {"uncertainty": uncertain} if uncertain else {}
    missing = missing_curve(fused, folder.withheld(), outcome, list(setup.modalities), **settings)
    parts |= {"missing": missing} if missing else {}
    if outcome.can("sample size"):
        positives = int((labels == len(classes) - 1).sum())
        parts["sample_size"] = sample_size(patients=len(labels), events=positives, parameters=parameters(folder))
    else:
        known = [int((labels == one).sum()) for one in outcome.endpoint.needed]
        parts["sample_size"] = per_parameter(patients=len(labels), counts=known, parameters=parameters(folder))
    if questions := questions_of(outcome):
        points = operating_points(config.evaluation.get("operating"))
        found_points = operating(predictions, folder.inner_predictions(), points, questions=questions, **settings)
        parts |= {"operating": found_points} if found_points else {}
        curves = decision_curves(predictions, questions, reference=REFERENCE, **settings)
        parts |= {"decision": curves} if curves else {}
    if wanted:
        vectors = vectors_of(predictions, outcome, arm=REFERENCE)
        parts["subgroups"] = subgroups(vectors, groups, outcome, **settings)
    return parts


def _not_for(outcome: Outcome) -> list[str]:
    """What is not made for this kind of endpoint, each a sentence for the report."""
    from fusion.evaluation.operating.questions import questions_of
    from fusion.evaluation.outcome import kinds_that

    asked: Sequence[tuple[Any, str]] = (
        ("sample size", "The criteria of sample size are"),
        ("called", "Conformal sets are"),
    )
    undecided = "Operating points and decision curves are of two classes, of grades and of times at declared horizons."
    return ([] if questions_of(outcome) else [undecided]) + [
        f"{what} for {kinds_that(ability)} endpoints, not for {outcome.endpoint.kind} ones."
        for ability, what in asked
        if not outcome.can(ability)
    ]


def competed(rows: pd.DataFrame, causes: pd.Series[int], endpoint: EndpointSpec) -> dict[str, Any]:
    """``competing``: cumulative incidences of the event and of what competes with it, by the first repeat's risks."""
    import numpy as np

    from fusion.evaluation.survival.competing import competing_record

    first = rows[rows["repeat"] == 0]
    return competing_record(
        first["time"].to_numpy(np.float64),
        np.asarray(causes.loc[list(first["patient_id"])], dtype=np.int64),
        first["score"].to_numpy(np.float64),
        np.asarray(first["fold"], dtype=np.int64),
        names=[endpoint.name, *endpoint.competing],
        horizons=endpoint.horizons,
        entry=first["entry"].to_numpy(np.float64) if "entry" in first else None,
    )


def parted(values: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Patients' groups by each column."""
    import pandas as pd

    from fusion.evaluation.subgroups.groups import groups_of

    made = {str(name): groups_of(values[name], facts.get(str(name), {})) for name in values}
    return pd.DataFrame(made, index=values.index)


def _usual(table: pd.DataFrame) -> list[str]:
    """Columns by which coverage is told where no subgroups are asked for: site, and who has which modality."""
    return [str(name) for name in table if name == "site" or str(name).startswith(HAS)]


def _large(groups: pd.DataFrame) -> pd.DataFrame:
    """Groups of which something can be said; who is in a smaller one, or in one of everybody, is in none (None)."""
    from fusion.evaluation.subgroups.evaluate import SMALLEST

    sizes = groups.apply(lambda column: column.map(column.value_counts()))
    return groups.where((sizes >= SMALLEST) & (sizes < len(groups)), None)


def _uncertain(
    folder: RunFolder, fused: pd.DataFrame, groups: pd.DataFrame, outcome: Outcome, *, draws: int, seed: int
) -> dict[str, Any]:
    from fusion.evaluation.uncertainty.evaluate import uncertainty

    inner = folder.inner_predictions()
    inner = inner[inner["arm"] == REFERENCE] if len(inner) else inner
    found = uncertainty(fused, inner, groups, outcome, draws=draws, seed=seed)
    if found.record:
        folder.write_uncertainty(found.patients)
    return found.record


def parameters(folder: RunFolder) -> int:
    """Candidate parameters of the plain model that the fused arm starts from, mean over folds; 0 where it has none."""
    from fusion.run.state import load_state

    counts = []
    for name in folder.finished_folds():
        place = folder.models(name) / REFERENCE
        if (place / "base.json").is_file():
            counts.append(_columns(load_state(place, "base").config))
    return round(sum(counts) / len(counts)) if counts else 0


def _columns(state: Mapping[str, Any]) -> int:
    """Columns that a plain model's state names, of a mixture those of its linear part."""
    own: Sequence[Any] = [*(state.get("names") or ()), *(state.get("lacks") or ())]
    inner = state.get("linear")
    return len(own) or (_columns(inner) if isinstance(inner, Mapping) else 0)
