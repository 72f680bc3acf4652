"""Parts of metrics.json that every kind of endpoint has: what is missing, complete cases, sites."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from fusion.evaluation.outcome import Outcome
    from fusion.protocol.setup import Setup
    from fusion.run.folder import RunFolder

REFERENCE = "fusion"


def beside(
    config: Any, setup: Setup, folder: RunFolder, predictions: pd.DataFrame, outcome: Outcome, columns: pd.DataFrame
) -> dict[str, Any]:
    """``gaps`` (what is missing, complete cases beside everybody) and ``sites``, where patients have sites.

    Args:
        config: of the run, resolved.
        setup: after ingest.
        folder: of the run, whose folds are finished.
        predictions: out of fold.
        outcome: of the endpoint.
        columns: index patient_id, declared baseline columns, those of very wide tables left out.
    """
    from fusion.evaluation.comparison import deciding
    from fusion.evaluation.missing.complete import complete_cases, missing_account
    from fusion.evaluation.subgroups.sites import by_site, how_held_out
    from fusion.evaluation.verdict import kinds_of

    cohort = setup.cohort
    settings = {"draws": int(config.evaluation.draws), "seed": int(config.seed)}
    present = _present(setup)
    every = present.all(axis=1)
    whole = {"every modality": every} if present.shape[1] > 1 else {}
    if columns.shape[1]:
        known = columns.notna().all(axis=1)
        whole["every modality and column" if whole else "every column"] = every & known
    arms = [str(arm) for arm in predictions["arm"].unique()]
    parts: dict[str, Any] = {
        "gaps": {
            "patients": len(cohort.patient_ids),
            "classes": list(outcome.endpoint.classes),
            "metric": outcome.chosen,
            "lacking": missing_account(present, columns, cohort.labels, max(len(outcome.endpoint.classes), 2)),
            "complete": complete_cases(
                predictions, whole, outcome,
                reference=REFERENCE, against=deciding(arms, kinds_of(len(setup.modalities))), **settings,
            ) if REFERENCE in arms else [],
        }
    }  # fmt: skip
    if cohort.sites is not None and len(set(cohort.sites)) > 1 and REFERENCE in arms:
        folds = {(one["repeat"], one["index"]): one for one in folder.folds()["folds"]}
        held = how_held_out(
            cohort.sites.astype(str),
            {place: one["test"] for place, one in folds.items()},
            {place: one["train"] for place, one in folds.items()},
        )
        fused = predictions[predictions["arm"] == REFERENCE]
        parts["sites"] = by_site(fused, cohort.sites, outcome, held_out=held, **settings)
    return parts


def digest(config: Any, setup: Setup) -> str:
    """Of the data: what the cohort declares, what its files hold, and who is in it.

    Args:
        config: with `cohort`, plain or of OmegaConf.
        setup: after ingest.
    """
    from omegaconf import OmegaConf

    from fusion.run.canaries import data_digest

    cohort: Any = (
        config.cohort if isinstance(config.cohort, dict) else OmegaConf.to_container(config.cohort, resolve=True)
    )
    files = replace(setup, beside=()).inputs(lambda *_: None, verify="changed")
    spec = setup.cohort.spec
    return data_digest(cohort, spec.endpoint.name, files, tuple(setup.cohort.patient_ids))


def _present(setup: Setup) -> pd.DataFrame:
    """Index patient_id, of each modality whether the patient has it; all have one that cohort.csv does not name."""
    import pandas as pd

    cohort = setup.cohort
    index = pd.Index(list(cohort.patient_ids), name="patient_id")
    known = cohort.reconciliation.set_index("patient_id").reindex(index)
    has = {name: known[name].astype(bool) if name in known else True for name in setup.modalities}
    return pd.DataFrame(has, index=index)
