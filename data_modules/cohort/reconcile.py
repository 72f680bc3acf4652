"""Who is in a cohort: every patient that any file names, kept or dropped, at which join and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_modules.cohort.chronology import measured_later, mixed_units
from data_modules.cohort.members import Members, look_at_modalities, one_as_two, strangers, unmatched
from data_modules.cohort.new_patients import needed_columns, read_new
from data_modules.cohort.secondary import absent_classes, read_secondary, trained_alone
from data_modules.cohort.times import Followed, as_label, read_followed
from data_modules.cohort.yaml_words import quoting
from data_modules.errors import CohortError, Problem
from fusion.contract import CohortSpec, Modality, Secondary, some

if TYPE_CHECKING:
    from data_modules.cohort.declared import CohortFiles
    from data_modules.cohort.tables import ReadTable

UNKNOWN_SITE = "unknown"


@dataclass(frozen=True, kw_only=True)
class ReconciledCohort:
    """A `fusion.contract.Cohort`.

    Attributes:
        spec: for reports.
        patient_ids: kept patients, sorted.
        labels: index patient_id in that order; position in the endpoint's classes, -1 where unknown.
        sites: index patient_id in that order, or None where no site is declared.
        groups: index patient_id: what stays whole in folds; None where nothing is declared.
        reconciliation: patient_id, kept, dropped_at, reason (why they were dropped, or what of theirs failed in
            ingest), then one bool column a source file and modality; a modality whose files all failed is not there.
        notes: what is no error and yet to be known: files that new patients come without, patients in one file alone.
        times: index patient_id in that order, until the event or the last visit; None where the endpoint has none.
        entry: index patient_id in that order, when they came under observation; None where the endpoint declares none.
        causes: index patient_id in that order, what ended the wait; None where nothing competes with the event.
        secondary: secondary endpoint → its outcomes, of these patients and then of
        alone: patients who lack the primary label and have another; sorted. `sites` and `groups` go on with them.
    """

    spec: CohortSpec
    patient_ids: tuple[str, ...]
    labels: pd.Series[int]
    sites: pd.Series[str] | None
    reconciliation: pd.DataFrame
    groups: pd.Series[str] | None = None
    notes: tuple[str, ...] = ()
    times: pd.Series[float] | None = None
    entry: pd.Series[float] | None = None
    causes: pd.Series[int] | None = None
    secondary: Mapping[str, Secondary] = field(default_factory=dict)
    alone: tuple[str, ...] = ()

    def permuted(self, seed: int) -> ReconciledCohort:
        """The same patients with their labels dealt out anew, and a note that says so: the canary."""
        if self.times is not None:
            order = np.random.default_rng(seed).permutation(len(self.labels))
            labels, times = (pd.Series(one.to_numpy()[order], one.index) for one in (self.labels, self.times))
            # An entry goes with its time, before which it is.
            entry = None if self.entry is None else pd.Series(self.entry.to_numpy()[order], self.entry.index)
            note = "CANARY: times and events permuted among patients; Harrell's C must be near 0.5"
            spec = replace(self.spec, endpoint=replace(self.spec.endpoint, note=note))
            dealt = replace(self, labels=labels.rename("label"), times=times.rename("time"), entry=entry, spec=spec)
            return dealt._lone()
        shuffled = self.labels.copy()
        shuffled[:] = np.random.default_rng(seed).permutation(self.labels.to_numpy())
        endpoint = replace(self.spec.endpoint, note="CANARY: labels permuted among patients; AUROC must be near 0.5")
        return replace(self, labels=shuffled, spec=replace(self.spec, endpoint=endpoint))._lone()

    def _lone(self) -> ReconciledCohort:
        """Without secondary endpoints and causes: these would teach a canary what its own no longer tell."""
        return replace(self, spec=replace(self.spec, secondary=()), secondary={}, alone=(), causes=None)


def reconcile(source: CohortFiles, modalities: Mapping[str, Modality], *, require_labels: bool) -> ReconciledCohort:
    """See `CohortSource.reconcile`."""
    members, problems, notes = _read_tables(source, modalities, require_labels=require_labels)
    look_at_modalities(modalities, members, problems, notes)
    problems += strangers(members, source.patients_pattern)
    problems += [] if source.ids_alike == "distinct" else one_as_two(members, grouped=source.group is not None)
    nowhere = unmatched(members, source.max_unmatched)
    if require_labels or source.max_unmatched < 1:
        problems += [problem for problem in nowhere if require_labels or problem.whole]
    notes += [str(problem) for problem in nowhere if problem not in problems]

    everyone = sorted(frozenset().union(*(part.patients for part in members)))
    labels, reasons, wrong_labels = _labels(source, everyone, require_labels=require_labels)
    problems += wrong_labels
    followed = Followed() if problems else read_followed(source, labels, reasons, require_labels=require_labels)
    problems += followed.problems
    notes += followed.notes
    if require_labels and followed.times is not None and not problems:
        problems += [*measured_later(source), *mixed_units(source, followed.times)]
        notes += _without_time_zero(source)
    somewhere = frozenset().union(*(part.present for part in members if part.name in modalities))
    if require_labels:
        problems += _unknown_required(source, modalities)
        _drop_without_required(source, members, everyone, reasons)
    beside: Mapping[str, Secondary] = {}
    alone: tuple[str, ...] = ()
    if source.secondary and not problems:
        labels_of = partial(_labels, everyone=everyone, require_labels=require_labels)
        beside, wrong_labels = read_secondary(source, everyone, labels_of, require_labels=require_labels)
        problems += wrong_labels
    if require_labels and beside:
        required = [part.present for part in members if part.name in source.require]
        alone = trained_alone(beside, labels, somewhere.intersection(*required), reasons)
    table = _table(everyone, members, reasons, somewhere, list(modalities))
    kept = tuple(table.loc[table["kept"], "patient_id"])
    if not problems:  # with problems, who is kept says little
        problems += _classes(source, kept, labels, require_labels=require_labels)
        beside = {name: one.of([*kept, *alone]) for name, one in beside.items()}
        problems += absent_classes(source, beside) if require_labels else []
    if problems:
        raise CohortError(source.name, problems)
    trained = labels.index[labels.index.isin(kept)].append(pd.Index(alone, dtype=object)).rename("patient_id")
    labels = labels.loc[list(kept)]
    return ReconciledCohort(
        spec=CohortSpec(
            name=source.name,
            endpoint=source.endpoint.spec,
            build=source.build,
            simulated=source.simulated,
            patients=len(kept),
            hashes=source.hashes(),
            secondary=tuple(one.endpoint for one in beside.values()),
        ),
        patient_ids=kept,
        labels=labels,
        sites=_sites(source, trained, require_labels=require_labels),
        reconciliation=table,
        groups=_groups(source, trained, require_labels=require_labels),
        notes=tuple(notes),
        **followed.of(kept),
        secondary=beside,
        alone=alone,
    )


def _read_tables(
    source: CohortFiles, modalities: Mapping[str, Modality], *, require_labels: bool
) -> tuple[list[Members], list[Problem | str], list[str]]:
    """Whom each table names, what is wrong with them, and what new patients come without."""
    problems, notes, members = list[Problem | str](), list[str](), list[Members]()
    needed = needed_columns(modalities)
    for name, spec in source.specs.items():
        if require_labels:
            read: ReadTable | None = source.read(name)
            problems += source.read(name).problems
        else:
            read, wrong, left_out = read_new(source, name, needed)
            problems += wrong
            notes += left_out
        if read is not None:
            notes += read.notes
            patients = frozenset(read.frame.index)
            if patients or not read.problems:  # that nobody is in a file that cannot be read is no news
                members.append(Members(name=spec.source, key=f"cohort.tables.{name}", patients=patients))
    return members, problems, notes


def _without_time_zero(source: CohortFiles) -> list[str]:
    if source.endpoint.time_zero:
        return []
    key = f"cohort.endpoints.{source.endpoint.name}.time_zero"
    return [f"{key} does not say what times count from; inputs must be known by then."]


def _drop_without_required(
    source: CohortFiles, members: list[Members], everyone: list[str], reasons: dict[str, str]
) -> None:
    """Add to `reasons` who has not what `cohort.require` names, and has no other reason yet."""
    for part in members:
        if part.name in source.require:
            lacking = (one for one in everyone if one not in part.present and one not in reasons)
            reasons |= dict.fromkeys(lacking, f"not in {part.name}, which cohort.require names")


def _unknown_required(source: CohortFiles, modalities: Mapping[str, Modality]) -> list[Problem]:
    unknown = [name for name in source.require if name not in modalities]
    remedy = f"Name some of {some(list(modalities))}, or none"
    return (
        [Problem(what=f"cohort.require names {some(unknown)}, which is no modality", remedy=remedy)] if unknown else []
    )


def _labels(
    source: CohortFiles, everyone: list[str], *, require_labels: bool
) -> tuple[pd.Series[int], dict[str, str], list[Problem]]:
    """Label of everyone (-1 unknown), why labels are unknown, and values that are no label."""
    endpoint = source.endpoint
    spec = source.specs[endpoint.table]
    labels = pd.Series(-1, index=pd.Index(everyone, name="patient_id", dtype=object), name="label", dtype="int64")
    table = source.read(endpoint.table, require_labels=require_labels)
    values = table.frame[endpoint.column].reindex(labels.index)
    text = values.map(as_label, na_action="ignore").map(endpoint.spelt, na_action="ignore")
    reasons = dict.fromkeys(labels.index[~labels.index.isin(table.frame.index)], f"no row in {spec.source}")
    present = text[labels.index.isin(table.frame.index)]
    reasons |= dict.fromkeys(present.index[present.isna()], f"{endpoint.column} is missing in {spec.source}")
    reasons |= {
        str(patient): f"{endpoint.column} is {value!r}, which cohort.endpoints.{endpoint.name}.ignore lists"
        for patient, value in present[present.isin(endpoint.ignore)].items()
    }
    if not require_labels:
        reasons = {}
    of_value = {value: endpoint.label(value) for value in text.dropna().unique()}
    labels[:] = text.map(of_value).fillna(-1).astype("int64")
    unlabelled = present.notna() & (present.map(of_value) == -1) & ~present.isin(endpoint.ignore)
    outside = present[unlabelled]
    if outside.empty:
        return labels, reasons, []
    rows = table.rows.reindex(outside.index)
    examples = tuple(f"{who}, row {row}: {value!r}" for (who, value), row in zip(outside.items(), rows, strict=True))
    key = f"cohort.endpoints.{endpoint.name}"
    quotes = quoting([str(value) for value in outside], endpoint.known, key, "positive")
    problem = Problem(
        what=f"{spec.source}: column {endpoint.column!r} has values that are no label of endpoint {endpoint.name!r}",
        remedy=quotes or f"Mend them, or add them to a class or to ignore of {key}",
        examples=examples,
    )
    return labels, reasons, [problem]


def _table(
    everyone: list[str],
    members: list[Members],
    reasons: Mapping[str, str],
    somewhere: frozenset[str],
    modalities: list[str],
) -> pd.DataFrame:
    """cohort.csv."""
    failures: dict[str, list[str]] = {}
    for part in members:
        for patient, why in part.failed.items():
            failures.setdefault(patient, []).append(f"{part.name} failed in ingest ({why})")
    rows = []
    for patient in everyone:
        dropped_at, reason = "", ""
        if patient in reasons:
            dropped_at, reason = "modalities" if "cohort.require" in reasons[patient] else "endpoint", reasons[patient]
        elif patient not in somewhere:
            dropped_at, reason = "modalities", f"in none of {', '.join(modalities)}"
        if dropped_at != "endpoint":
            reason = "; ".join([reason, *failures.get(patient, ())] if reason else failures.get(patient, ()))
        rows.append({"patient_id": patient, "kept": not dropped_at, "dropped_at": dropped_at, "reason": reason})
    table = pd.DataFrame(rows, columns=["patient_id", "kept", "dropped_at", "reason"]).astype({"kept": bool})
    for part in members:
        table[part.name] = table["patient_id"].isin(part.present)
    return table


def _classes(
    source: CohortFiles, kept: tuple[str, ...], labels: pd.Series[int], *, require_labels: bool
) -> list[Problem]:
    """An empty cohort, or one of a single class."""
    if not kept:
        return [
            Problem(what="no patient is left", remedy="See cohort.tables, cohort.endpoints and the modalities' files")
        ]
    if not require_labels:
        return []
    classes = source.endpoint.classes
    present = {classes[value] for value in labels.loc[list(kept)].unique()}
    absent = [classes[label] for label in source.endpoint.spec.needed if classes[label] not in present]
    if not absent:
        return []
    what = f"no labelled patient is of class {some([repr(name) for name in absent])}"
    if source.endpoint.time is not None:
        what = f"all {len(kept)} labelled patients are censored: nobody had the event"
    elif len(present) == 1:
        what = f"all {len(kept)} labelled patients are of one class, {next(iter(present))!r}"
    key = f"cohort.endpoints.{source.endpoint.name}"
    return [Problem(what=what, remedy=f"Mend the values of {key}, or the labels of {source.endpoint.column!r}")]


def _sites(source: CohortFiles, ids: pd.Index[str], *, require_labels: bool) -> pd.Series[str] | None:
    if source.site is None:
        return None
    table = source.read(source.site["table"], require_labels=require_labels)
    sites = table.frame[source.site["column"]].reindex(ids)
    return sites.map(str, na_action="ignore").fillna(UNKNOWN_SITE).rename("site")


def _groups(source: CohortFiles, ids: pd.Index[str], *, require_labels: bool) -> pd.Series[str] | None:
    if source.group is None:
        return None
    table = source.read(source.group["table"], require_labels=require_labels)
    return table.frame[source.group["column"]].reindex(ids).dropna().map(str).rename("group")
