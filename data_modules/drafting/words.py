"""What a name of a column or file gives away: outcome, follow-up, baseline, unit, site; each with its reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_OUTCOME = {
    "pcr": "pathological complete response", "rcb": "residual cancer burden", "response": "response",
    "responder": "response", "recist": "response", "outcome": "an outcome", "survival": "survival", "os": "survival",
    "pfs": "survival", "dfs": "survival", "dss": "survival", "pfi": "survival", "rfs": "survival", "efs": "survival",
    "dmfs": "survival", "death": "death", "dead": "death", "died": "death", "vital": "vital status",
    "deceased": "death", "relapse": "relapse", "recurrence": "relapse", "recurred": "relapse",
    "progression": "progression", "progressed": "progression", "event": "an event", "followup": "follow-up",
    "censored": "follow-up", "residual": "what therapy left", "benefit": "benefit of therapy", "label": "a label",
    "labels": "a label", "target": "a label", "nte": "a new tumour event", "toxicity": "toxicity",
    "remission": "response", "endpoint": "an outcome", "bor": "best overall response", "orr": "response",
    "dcr": "disease control", "cbr": "clinical benefit", "dfi": "survival", "ttp": "progression",
    "survived": "survival", "mortality": "death", "rezidiv": "relapse", "progress": "progression",
    "ansprechen": "response", "verstorben": "death", "tod": "death", "todesdatum": "death", "nachsorge": "follow-up",
    "gesamtueberleben": "survival", "récidive": "relapse", "recidive": "relapse", "décès": "death", "deces": "death",
    "réponse": "response", "reponse": "response", "respuesta": "response", "muerte": "death",
}  # fmt: skip
_OUTCOME_PHRASES = {
    "follow_up": "follow-up", "last_contact": "follow-up", "new_tumor": "a new tumour event", "rd": "residual disease",
    "tumor_status": "the tumour's state at follow-up", "new_neoplasm": "a new tumour event",
    "last_known": "follow-up", "cause_of": "cause of death", "lost_to": "follow-up", "clinical_benefit": "benefit",
}  # fmt: skip
_LATER = {
    "surgery": "surgery, after neoadjuvant therapy", "surgical": "surgery", "margin": "the resection margin",
    "margins": "the resection margin", "cycles": "cycles received", "received": "what was received",
    "adjuvant": "adjuvant therapy", "resection": "the resection", "removed": "what was removed", "ypt": "after therapy",
    "ypn": "after therapy", "post": "a later time", "posttreatment": "a later time", "after": "a later time",
    "completed": "how therapy went", "discontinued": "how therapy went", "numcycles": "cycles received",
    "zyklen": "cycles received", "operation": "surgery",
    "ended": "how therapy went", "necropsy": "a later time", "autopsy": "a later time",
}  # fmt: skip
_SITES = frozenset(["hospital", "center", "centre", "institution", "institute", "clinic", "tss"])
_BASELINE = {
    *_SITES,
    "age", "sex", "gender", "female", "male", "race", "ethnicity", "ethnic", "menopause", "menopausal",
    "bmi", "diagnosis", "grade", "stage", "histology", "histological", "oncotree", "icd", "er", "pr",
    "her2", "ki67", "hr", "baseline", "pre", "pretreatment", "biopsy", "arm", "smoking", "ecog", "height",
    "weight", "subtype", "pam50", "site", "planned", "prior", "history", "family",
}  # fmt: skip
_RECIST = frozenset(["cr", "pr", "sd", "pd"])
_OF_SURGERY = frozenset(["pathologic", "pathological", "excision", "specimen"])
"""Words of a name beside which none of `_BASELINE` tells anything: the stage at surgery is not the stage before it."""
_UNITS = {
    "mm": "mm", "cm": "cm", "days": "days", "day": "days", "months": "months", "month": "months", "years": "years",
    "yrs": "years", "percent": "%", "pct": "%", "perc": "%", "kg": "kg", "kgm2": "kg/m²", "ml": "ml",
    "mb": "Mb", "um": "µm", "weeks": "weeks", "mm3": "mm³", "cc": "ml",
}  # fmt: skip
_IDS = re.compile(r"patient|participant|subject|donor|case|individual|person|barcode|sample|submitter|specimen|mrn")

Smell = Literal["outcome", "post_baseline"]


@dataclass(frozen=True, kw_only=True)
class Hint:
    """When a value may be known, by the column's name.

    Attributes:
        time: proposed.
        reason: in words.
    """

    time: Smell
    reason: str


def tokens(name: str) -> list[str]:
    """``pCR.RD``, ``vitalStatus``, ``Max_LN-size`` → lower-case words."""
    parted = re.sub(r"(?<=[a-z]{2})(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W_]+", parted.lower()) if word]


def smell(name: str) -> Hint | None:
    """What a name says of a time after baseline; None where it says nothing of the kind."""
    words = tokens(name)
    joined = f"_{'_'.join(words)}_"
    neoadjuvant = "neo_adjuvant" in joined
    for word in words:
        if word in _OUTCOME:
            return Hint(time="outcome", reason=f"its name has '{word}': {_OUTCOME[word]}")
    for phrase, what in _OUTCOME_PHRASES.items():
        if f"_{phrase}_" in joined:
            return Hint(time="outcome", reason=f"its name has '{phrase.replace('_', ' ')}': {what}")
    for word in words:
        if word in _LATER and not (word == "adjuvant" and neoadjuvant) and "planned" not in words:
            return Hint(time="post_baseline", reason=f"its name has '{word}': {_LATER[word]}")
    return None


def smell_of_values(values: Sequence[str]) -> Hint | None:
    """What a column's values say, whatever its name: RECIST's categories, alone or with their meaning behind them."""
    codes = [tokens(value)[0] if tokens(value) else "" for value in values]
    if len({*codes} & _RECIST) >= 2 and set(codes) <= {*_RECIST, "ne", "nd"}:
        return Hint(time="outcome", reason=f"its values are RECIST's ({', '.join(values[:3])}): response")
    return None


def smells_of_outcome(file: str) -> Hint | None:
    """What a file's name says of all its columns."""
    found = smell(file)
    return found if found is not None and found.time == "outcome" else None


def baseline_word(name: str) -> str | None:
    """A word of a name that is usually known before therapy."""
    words = tokens(name)
    return next((word for word in words if word in _BASELINE), None) if _OF_SURGERY.isdisjoint(words) else None


def unit_of(name: str) -> str | None:
    """The unit that a name ends with."""
    words = tokens(name)
    return _UNITS.get(words[-1]) if len(words) > 1 else None


def is_site(name: str) -> bool:
    """Whether a column may be the hospital."""
    words = tokens(name)
    return not _SITES.isdisjoint(words) or words in (["site"], ["study", "site"], ["tissue", "source", "site"])


def is_id(name: str) -> bool:
    """Whether a column's name says that it holds ids."""
    words = tokens(name)
    return bool(words) and (_IDS.search("_".join(words)) is not None or words[-1] in ("id", "ids", "uuid", "unnamed"))
