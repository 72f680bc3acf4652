"""The file of ``python -m data_modules.actionability`` beside the model's attribution of the same genes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import FusionError

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ("source", "said", "settings", "patients")


def read_evidence(path: str | Path | None) -> dict[str, Any] | None:
    """The file's content; None where none is named.

    Raises:
        FusionError: it cannot be read or is no such file.
    """
    if path is None:
        return None
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FusionError(f"actionability={path}: cannot be read ({error}).") from error
    if not isinstance(content, dict) or not all(key in content for key in _KEYS):
        raise FusionError(
            f"actionability={path}: is not what `python -m data_modules.actionability` writes (actionability.json)."
        )
    return content


def beside(evidence: Mapping[str, Any], patient: str, rows: pd.DataFrame) -> dict[str, Any]:
    """One patient's evidence, each profile with what the model attributes to its genes.

    A gene's attribution is the sum of its own features and of its part of sums over gene sets (`gene_parts`), so that
    genes and the rest still add up; ``features`` says of how many, 0 where the model reads nothing of the gene.

    Args:
        evidence: of `read_evidence`.
        patient: id in the cohort.
        rows: of attributions.parquet, of this patient.

    Returns:
        ``listed`` (whether the file has the patient), ``profiles`` (``profile``, ``url``, ``nearness``, ``variants``,
        ``evidence``: rows not folded away, ``folded``: how many were, ``assertions``: CIViC's, with the AMP tier that
        it states or None, ``genes``: ``gene``, ``attribution``, ``features``), and ``no_match``: variants of which the
        release holds nothing.
    """
    found = evidence["patients"].get(patient)
    if found is None:
        return {"listed": False, "profiles": [], "no_match": []}
    return {
        "listed": True,
        "profiles": [_profile(one, rows) for one in found["profiles"]],
        "no_match": [one["variant"] for one in found["no_match"]],
    }


def _profile(profile: Mapping[str, Any], rows: pd.DataFrame) -> dict[str, Any]:
    matches = profile["matches"]
    genes = dict.fromkeys(one.get("gene") or str(one["civic"]).split(" ", 1)[0] for one in matches)
    return {
        "profile": profile["profile"],
        "url": _link(profile["url"]),
        "nearness": profile["nearness"],
        "variants": list(dict.fromkeys(one["variant"] for one in matches)),
        "evidence": [row | {"url": _link(row["url"])} for row in profile["evidence"] if not row["folded"]],
        "folded": profile["folded"],
        "assertions": [one | {"url": _link(one["url"])} for one in profile.get("assertions", ())],
        "genes": [_gene(gene, rows) for gene in genes],
    }


def _gene(gene: str, rows: pd.DataFrame) -> dict[str, Any]:
    named = rows["gene"].fillna("").astype(str).str.upper().str.split(";")
    mine = rows[[gene.upper() in one for one in named]]
    return {"gene": gene, "attribution": float(mine["attribution"].sum()), "features": len(mine)}


def _link(url: Any) -> str:
    """Addresses of the web alone: a file from elsewhere puts nothing else behind a link."""
    return str(url) if str(url).startswith("https://") else ""


def evidence_text(evidence: Mapping[str, Any], told: Mapping[str, Mapping[str, Any]], *, scale: str, arm: str) -> str:
    """evidence.json: the release, what is said of it, and each patient (as named in the output) of `beside`.

    Args:
        evidence: of `read_evidence`.
        told: patient → of `beside`.
        scale: of attributions, in words.
        arm: that is explained.
    """
    content = {
        "source": evidence["source"], "said": evidence["said"], "settings": evidence["settings"],
        "attribution": {"arm": arm, "scale": scale}, "patients": dict(told),
    }  # fmt: skip
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
