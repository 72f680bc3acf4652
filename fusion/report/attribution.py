"""attribution_report.html and a page a patient: what scores rest on, drawn from finished explanations alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fusion.attribution.evidence.beside import beside, evidence_text
from fusion.attribution.store import EVIDENCE
from fusion.attribution.summary import rows_of
from fusion.report.attribution_cohort import Sizes, extremes, features, headline, shares
from fusion.report.attribution_patient import patient_view
from fusion.report.page import environment
from fusion.report.words import amount, delta, percent, signed, sized

if TYPE_CHECKING:
    from fusion.attribution.plan import Patient
    from fusion.attribution.scales.base import Scale
    from fusion.attribution.store import Store
    from fusion.attribution.summary import Summary
    from fusion.run.folder import RunFolder

METHOD_NAMES = {
    "integrated_gradients": "Integrated gradients",
    "feature_ablation": "Feature ablation",
    "input_x_gradient": "Input × gradient",
}


def write_pages(
    folder: RunFolder,
    store: Store,
    patients: Sequence[Patient],
    found: Summary,
    *,
    config: Any,
    seconds: float,
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Write a page for each patient, one at a time, then the cohort's page that links them.

    With `evidence` (of `read_evidence`), each patient's page has it beside the model's attribution of the same genes,
    and evidence.json has all of them.
    """
    facts, scale = found.facts, found.scale
    templates = environment()
    templates.filters |= {"signed": signed, "sized": sized, "delta": delta, "amount": amount, "percent": percent}
    common = _common(folder, scale, config)
    page = templates.get_template("attribution_patient.html.j2")
    links = [None, *(store.page(patient.name).removeprefix("patients/") for patient in patients), None]
    gallery: list[dict[str, Any]] = []
    sizes = Sizes()
    told: dict[str, Any] = {}
    for patient, before, after in zip(patients, links[:-2], links[2:], strict=True):
        rows = rows_of(store, patient, arm=config.arm, endpoint=scale.endpoint.name)
        sizes.add(rows)
        view = patient_view(patient, rows, facts[patient.name], store.pictures(patient.name), scale)
        view["hide_files"] = bool(config.anonymise)
        if evidence is not None:
            told[patient.name] = beside(evidence, patient.id, rows)
        html = page.render(
            evidence=told.get(patient.name),
            civic=evidence,
            title=f"{patient.name}: {scale.endpoint.name}",
            patient=view,
            before=before,
            after=after,
            **common,
        )
        store.write_text(store.page(patient.name), html)
        gallery = extremes(gallery + _pictured(view, patient, store))
    if evidence is not None:
        store.write_text(EVIDENCE, evidence_text(evidence, told, scale=scale.unit, arm=config.arm))
    html = templates.get_template("attribution_report.html.j2").render(
        title=f"{folder.cohort_spec().name}: {scale.endpoint.name}, attribution",
        gallery=gallery,
        seconds=seconds,
        **_cohort(patients, found, sizes, store),
        **common,
    )
    store.write_text("attribution_report.html", html)


def _common(folder: RunFolder, scale: Scale, config: Any) -> dict[str, Any]:
    """What every page says."""
    spec = folder.cohort_spec()
    return {
        "simulated": spec.simulated,
        "cohort": spec,
        "endpoint": scale.endpoint,
        "scale": scale,
        "method": METHOD_NAMES[config.method],
        "steps": config.steps,
        "arm": config.arm,
        "repeat": config.repeat,
        "repeats": max(fold["repeat"] for fold in folder.folds()["folds"]) + 1,
        "run": folder.record(),
        "anonymised": bool(config.anonymise),
    }


def _pictured(view: Mapping[str, Any], patient: Patient, store: Store) -> list[dict[str, Any]]:
    """A patient's tiles that are explained to their pixels, with the page they are on."""
    return [
        {**tile, "page": store.page(patient.name), "patient": patient.name}
        for slide in view["slides"]
        for tile in slide["top"]
        if tile["pixels"]
    ]


def _cohort(patients: Sequence[Patient], found: Summary, sizes: Sizes, store: Store) -> dict[str, Any]:
    """What the cohort's page says of all patients."""
    facts, checks, scale = found.facts, found.checks, found.scale
    by_patient, named = shares(patients, facts, scale), features(sizes, store.chosen)
    return {
        "checks": checks,
        "headline": headline(by_patient, named, checks, subject=scale.subject),
        "shares": by_patient,
        "features": named,
        "patients": [_line(patient, facts[patient.name], store, scale) for patient in patients],
        "shapley_limit": max([1e-9, *(abs(v) for one in facts.values() for v in one["shapley"].values())]),
    }


def _line(patient: Patient, facts: Mapping[str, Any], store: Store, scale: Scale) -> dict[str, Any]:
    return {
        "name": patient.name,
        "page": store.page(patient.name),
        "told": scale.told(facts),
        "observed": scale.observed(patient),
        "shapley": facts["shapley"],
        "missing": facts["missing"],
        "delta": facts["delta"],
        "log_odds": facts["log_odds"],
    }
