"""The page of `fusion.check`: what is there, who has what, how folds fall, and what is to be looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.report.first.overlap import combinations, drawn, told
from fusion.report.page import environment
from fusion.run.files import replace_file, replace_json

if TYPE_CHECKING:
    from fusion.contract import Fold
    from fusion.protocol.setup import Setup


def write_check(setup: Setup, folds: Sequence[Fold], output: Path, *, wide: Sequence[str] = ()) -> str:
    """Write check.html and check.json.

    Args:
        setup: a cohort that passed every check, not ingested.
        folds: as they would be drawn.
        output: folder of both files.
        wide: what is to be known of modalities that are very wide.

    Returns:
        The same in a few lines, the page's path last.
    """
    content = contents(setup, folds, wide)
    cohort = setup.cohort
    patients = _patients(setup)
    html = (
        environment()
        .get_template("check.html.j2")
        .render(
            title=f"{cohort.spec.name}: checked",
            simulated=cohort.spec.simulated,
            check=content,
            overlap=drawn(patients),
            told=told(patients),
        )
    )
    replace_json(output / "check.json", content)
    replace_file(output / "check.html", lambda partial: partial.write_text(html, encoding="utf-8"))
    return _lines(content, output / "check.html")


def contents(setup: Setup, folds: Sequence[Fold], wide: Sequence[str] = ()) -> dict[str, Any]:
    """All that the page shows, JSON-able."""
    cohort = setup.cohort
    table = cohort.reconciliation
    dropped = table.loc[~table["kept"]]
    reasons = Counter(zip(dropped["dropped_at"], dropped["reason"], strict=True))
    classes = cohort.spec.endpoint.classes
    labels = cohort.labels
    return {
        "cohort": cohort.spec.name,
        "endpoint": cohort.spec.endpoint.name,
        "simulated": cohort.spec.simulated,
        "patients": len(cohort.patient_ids),
        "classes": {str(name): int((labels == at).sum()) for at, name in enumerate(classes)},
        "dropped": [{"at": at, "reason": why, "patients": count} for (at, why), count in reasons.most_common()],
        "inventory": [_inventory(setup, name) for name in setup.modalities],
        "tables": [
            {"file": str(name), "patients": int(table[name].sum())}
            for name in table.columns[4:]
            if name not in setup.modalities
        ],
        "combinations": [
            {"having": list(having), "patients": count} for having, count in combinations(_patients(setup))
        ],
        "folds": [
            {
                "name": fold.name,
                "train": len(fold.train),
                "test": len(fold.test),
                "classes": [int((labels.loc[list(fold.test)] == at).sum()) for at in range(len(classes))],
            }
            for fold in folds
        ],
        "notes": list(cohort.notes),
        "remarks": [
            *({"kind": one.kind, "text": one.text} for one in setup.remarks()),
            *({"kind": "wide", "text": text} for text in wide),
        ],
    }


def _patients(setup: Setup) -> dict[str, list[str]]:
    """Modality → kept patients who have it."""
    table = setup.cohort.reconciliation
    kept = table.loc[table["kept"]]
    return {name: kept.loc[kept[name], "patient_id"].tolist() for name in setup.modalities}


def _inventory(setup: Setup, name: str) -> dict[str, Any]:
    modality: Any = setup.modalities[name]
    account = getattr(modality, "account", None)
    files = len(modality.input_files)
    row: dict[str, Any] = {"name": name, "files": files, "patients": len(_patients(setup)[name])}
    if account is None:
        return row | {"found": files, "used": files, "noun": "files", "left_out": []}
    left = [{"why": why, "count": len(them), "names": list(them)[:5]} for why, them in account.left_out.items() if them]
    return row | {"found": account.found, "used": account.used, "noun": account.noun, "left_out": left}


def _lines(content: dict[str, Any], page: Path) -> str:
    stamp = "SIMULATED · " if content["simulated"] else ""
    counts = ", ".join(f"{count} {name}" for name, count in content["classes"].items())
    named = f"{stamp}{content['cohort']} → {content['endpoint']}"
    lines = [f"{named}: {content['patients']} patients would be trained on ({counts})."]
    lines += [f"  dropped: {row['patients']}, {row['reason']}" for row in content["dropped"][:8]]
    for row in content["inventory"]:
        left = "".join(f"; left out {part['count']}: {part['why']}" for part in row["left_out"])
        files = f", {row['used']} of {row['found']} {row['noun']}" if row["found"] else ""
        lines.append(f"  {row['name']}: {row['patients']} patients{files}{left}")
    lines += [f"  Note: {note}" for note in content["notes"]]
    if content["remarks"]:
        lines.append("Look at:")
        lines += [f"  {row['text']}" for row in content["remarks"][:12]]
        more = len(content["remarks"]) - 12
        lines += [f"  and {more} more, on the page"] if more > 0 else []
    lines.append("train would begin. Ingest (variants, slides, volumes) is its first step and is not run here.")
    return "\n".join([*lines, f"Report: {page}", ""])
