"""What a reader of a run's scores of a cohort must know, each a sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from fusion.apply.matching import Matching
from fusion.apply.secondary import AppliedSecondary
from fusion.contract import CohortSpec, some

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup
    from fusion.run.folder import RunFolder


def notes_of(
    folder: RunFolder,
    setup: Setup,
    matches: Mapping[str, Matching],
    *,
    patients: Sequence[str],
    trained: Collection[str],
) -> list[str]:
    """Of all that is scored.

    Args:
        folder: of the run.
        setup: of the cohort that it is applied to.
        matches: modality → features matched, missing and extra.
        patients: who is scored.
        trained: whom the run trained on.
    """
    notes = [f"Scored without {name}: {why}." for name, why in setup.absent.items()]
    notes += setup.cohort.notes
    table = setup.cohort.reconciliation
    nothing = table.loc[~table["kept"], "patient_id"].tolist()
    if nothing:
        notes.append(
            f"{len(nothing)} patients are not scored, for they have none of {', '.join(setup.modalities)} "
            f"({some(nothing)})."
        )
    for name, match in matches.items():
        if match.missing:
            read = {"reference": "not mutated", "unknown": "unknown"}.get(str(match.absent_is), "missing values")
            notes.append(
                f"{len(match.missing)} of {len(match.missing) + len(match.matched)} named features of {name} are "
                f"nowhere in the files and count as {read} ({some(match.missing)})."
            )
        notes += [f"{name}: {note}" for note in match.notes]
    known = sum(one in trained for one in patients)
    if known:
        notes.append(
            f"{known} patients have ids that the run trained on; each is scored by the folds that left this id out."
        )
    twins = setup.source.twins([one for one in patients if one not in trained], trained)
    if twins:
        told = some([f"{one} and {other}" for one, other in twins])
        notes.append(
            f"{len(twins)} patients have ids that differ from ones the run trained on in letter case, separators or "
            f"leading zeros alone ({told}). Where they are the same patients, write the ids as in training: else they "
            "are scored by models that have seen them, and no figure of this cohort holds."
        )
    then, now = folder.cohort_spec().endpoint, setup.cohort.spec.endpoint
    if (then.name, then.classes) != (now.name, now.classes):
        notes.append(
            f"Trained on {then.name} ({' / '.join(then.classes)}); this cohort's outcome is {now.name} "
            f"({' / '.join(now.classes)})."
        )
    return notes


def beside_notes(spec: CohortSpec, arm: str, said: Sequence[AppliedSecondary], *, alone: int) -> list[str]:
    """Which secondary endpoints nothing is said of, and of whom; `alone` counts patients who trained them alone."""
    names = " and ".join(one.name for one in spec.secondary)
    unsaid = [one.name for one in spec.secondary if one.name not in [known.name for known in said]]
    if unsaid:
        return [f"Of {' and '.join(unsaid)}, trained beside {spec.endpoint.name}, the run kept no arm {arm}."]
    if not alone:
        return []
    return [
        f"{alone} patients without {spec.endpoint.name} trained {names} in every fold: of these secondary.csv says "
        f"nothing of them, and {spec.endpoint.name} is scored by networks that have seen them."
    ]
