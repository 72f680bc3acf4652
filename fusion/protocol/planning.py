"""A plan for a cohort: its fingerprint, a choice with a reason for each, and what so many patients can show.

Rules are fixed and few, as nnU-Net's are (Isensee et al., Nature Methods 2021): they look at counts, never at what
predicts the outcome, so that a plan leaks nothing. What data must decide belongs in `choose`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.contract.modality import COMPONENTS, MANY_COLUMNS, known_columns

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup

TABULATED = ("table", "features", "variants", "copy_number")
"""Kinds of modality, as presets name them, whose features the plain model reads."""

LIKE = 0.7
"""Correlation of two arms' scores on the same patients that the power statement assumes."""


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Counts of a cohort, before ingest.

    Attributes:
        patients: with a label and a modality.
        classes: class → patients.
        modalities: name → kind.
        have: name → patients who have it.
        columns: name → columns, where that is known before ingest.
        complete: patients who have all modalities.
        sites: how many; 0 where none is declared.
        groups: how many that hold several patients; 0 where none is declared.
        wide: name → columns of a file of features that attention would relate to one another, where they are many.
    """

    patients: int
    classes: Mapping[str, int]
    modalities: Mapping[str, str]
    have: Mapping[str, int]
    columns: Mapping[str, int]
    complete: int
    sites: int
    groups: int
    wide: Mapping[str, int] = field(default_factory=dict)

    @property
    def fewest(self) -> int:
        """Patients of the rarest class."""
        return min(self.classes.values())


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A key of a preset, its value and why."""

    key: str
    value: Any
    why: str


def fingerprint(setup: Setup, kinds: Mapping[str, str]) -> Fingerprint:
    """Count.

    Args:
        setup: opened, not ingested.
        kinds: modality → its kind, as presets name them.
    """
    cohort = setup.cohort
    ids = set(cohort.patient_ids)
    having = {name: modality.patients & ids for name, modality in setup.modalities.items()}
    columns = {
        name: len(modality.columns) for name, modality in setup.modalities.items() if hasattr(modality, "columns")
    }
    known = {name: known_columns(one) or 0 for name, one in setup.modalities.items() if kinds.get(name) == "features"}
    names = cohort.spec.endpoint.classes
    counts = np.bincount(cohort.labels.to_numpy(), minlength=len(names))
    families = cohort.groups.dropna().value_counts() if cohort.groups is not None else None
    return Fingerprint(
        patients=len(ids),
        classes={name: int(count) for name, count in zip(names, counts, strict=True)},
        modalities={name: kinds.get(name, "") for name in setup.modalities},
        have={name: len(part) for name, part in having.items()},
        columns=columns,
        complete=len(frozenset.intersection(*map(frozenset, having.values()))),
        sites=0 if cohort.sites is None else int(cohort.sites.nunique()),
        groups=0 if families is None else int((families > 1).sum()),
        wide={name: count for name, count in known.items() if count > MANY_COLUMNS},
    )


def choices(found: Fingerprint) -> list[Choice]:
    """The plan, in the order in which it is written."""
    outer = int(np.clip(found.fewest // 5, 2, 5))
    inner = 5 if found.patients < 250 and found.fewest // outer * (outer - 1) >= 25 else 3
    tabulated = [name for name, kind in found.modalities.items() if kind in TABULATED]
    lacking = 1 - found.complete / found.patients
    small = found.patients <= 400 and len(tabulated) == len(found.modalities)
    batch = 32 if found.patients > 500 else 16
    classical = ["classical_lr", "classical_elastic", "classical_forest", "classical_boosting"]
    arms = ["fusion", "singles", *classical, "late", "stacked"]
    return [
        *_reduced(found, batch),
        Choice(
            key="folds.outer", value=outer,
            why=f"a test part holds some {found.fewest // outer} of the {found.fewest} patients of the rarest class",
        ),
        Choice(
            key="folds.inner", value=inner,
            why="few patients: what a member trains on matters more than what it stops on" if inner == 5
            else "each inner part must hold enough of every class to stop and to calibrate on",
        ),
        Choice(
            key="folds.repeats", value=3 if small else 1,
            why="tables train in minutes, and a verdict that one split makes is weak" if small
            else "time; three would show how much the split matters",
        ),
        Choice(
            key="folds.site", value="stratify",
            why=f"{found.sites} sites are spread over folds; group holds whole sites out, for a claim on new hospitals"
            if found.sites else "no site is declared, so this changes nothing",
        ),
        Choice(
            key="model.base", value="choose",
            why="fusion starts from a plain model of all features, those of tiles and patches pooled over the patient",
        ),
        Choice(
            key="model.modality_dropout", value=0.2 if lacking > 0.02 else 0.0,
            why=f"{100 * lacking:.0f} % of patients lack a modality: networks train to go without" if lacking > 0.02
            else "everybody has every modality: hiding one would teach to rely on what is weaker",
        ),
        Choice(
            key="datamodule.batch_size", value=batch,
            why=f"{found.patients} patients make {-(-found.patients // batch)} steps an epoch",
        ),
        Choice(key="datamodule.tiles_per_patient", value="auto", why="some hundreds of a large bag, anew an epoch"),
        Choice(key="arms", value=arms, why="every plain rival is cheap beside the networks; one classical arm decides"),
    ]  # fmt: skip


def _reduced(found: Fingerprint, batch: int) -> list[Choice]:
    """Components in the place of columns too many to be tokens, as a draft proposes them too."""
    from fusion.fusers.cross_attention import CrossAttentionFuser
    from fusion.network.room import gigabytes, heads_of

    def taken(count: int) -> float:
        return gigabytes(
            CrossAttentionFuser, count, patients=min(batch, found.patients), heads=heads_of(CrossAttentionFuser)
        )

    return [
        Choice(
            key=f"modalities.{name}", value={"components": COMPONENTS},
            why=f"principal components of training patients: attention would relate {count:,} columns to one another, "
            f"{taken(count):.1f} GB a batch, and slow; without this line it does",
        )
        for name, count in found.wide.items()
    ]  # fmt: skip


def detectable(found: Fingerprint, *, auroc: float = 0.75) -> float:
    """The least difference in AUROC between two arms whose 95 % interval would leave 0, at the counts of the cohort.

    1.96 standard errors of a paired difference, √(2 SE² (1 − r)), with SE of Hanley and McNeil (Radiology 1982) and r
    as `LIKE` says (their paper of 1983 tabulates it). The rarest class against all others.
    """
    few, rest = found.fewest, found.patients - found.fewest
    q1, q2 = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    variance = (auroc * (1 - auroc) + (few - 1) * (q1 - auroc**2) + (rest - 1) * (q2 - auroc**2)) / (few * rest)
    return float(1.96 * np.sqrt(2 * variance * (1 - LIKE)))


def plan_text(name: str, found: Fingerprint, plan: Sequence[Choice], kinds: Mapping[str, Any], *, command: str) -> str:
    """A preset in YAML, with the fingerprint and every reason as comments.

    Args:
        name: of the cohort.
        found: its fingerprint.
        plan: the choices.
        kinds: kind → encoder, as the general preset has it.
        command: how to train with it.
    """
    import yaml

    def line(key: str, value: Any, why: str, indent: str = "") -> str:
        shown = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip().removesuffix("\n...").strip()
        return f"{indent}{key}: {shown}  # {why}"

    used = {kind: kinds[kind] for kind in dict.fromkeys(found.modalities.values()) if kind in kinds}
    lines = [
        f"# A plan for the cohort {name}: counts decided it, nothing that predicts the outcome. Read it, edit it,",
        f"#   {command}",
        "#",
        f"# {found.patients} patients: {', '.join(f'{count} {label}' for label, count in found.classes.items())}.",
        *(
            f"# {modality} ({kind or 'of your own'}): {found.have[modality]} patients"
            + (f", {found.columns[modality]} columns" if modality in found.columns else "")
            + "."
            for modality, kind in found.modalities.items()
        ),
        f"# All modalities: {found.complete} patients."
        + (f" {found.sites} sites." if found.sites else "")
        + (f" {found.groups} groups of several patients." if found.groups else ""),
        f"# With {found.fewest} patients of the rarest class a difference in AUROC below {detectable(found):.2f}",
        f"# cannot be seen (at 0.75, arms correlated at {LIKE}). The rest: `choose`, see docs/choosing.md.",
        "kinds:  # encoders, as the general preset has them",
        *(line(kind, entry, ", ".join(one for one, of in found.modalities.items() if of == kind), "  ")
          for kind, entry in used.items()),
        "fuser: cross_attention  # choose={model/fuser:[cross_attention,concat]} lets each outer fold decide",
        "head: by_endpoint",
    ]  # fmt: skip
    section = ""
    for one in plan:
        head, _, key = one.key.partition(".")
        if not key:
            lines.append(line(head, one.value, one.why))
            continue
        if head != section:
            lines.append(f"{head}:")
            section = head
        lines.append(line(key, one.value, one.why, "  "))
    return "\n".join(lines) + "\n"
