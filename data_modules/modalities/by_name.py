"""What names of slides and volumes give away: another stain, normal or frozen tissue, a later time than baseline."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fusion.contract import some

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TCGA = re.compile(
    r"TCGA-\w{2}-\w{4}-(?P<sample>\d{2})[A-Z]?(-\d{2}[A-Z]?)?(-(?P<slide>[A-Z]{2})[A-Z0-9]{1,2})?", re.IGNORECASE
)
_STAINS = re.compile(
    r"ihc|er|pr|ar|her2|ki67|mib1|cd\d{1,3}|pdl1|p53|p63|p16|foxp3|dab|pas|afb|gms|masson|trichrome|reticulin|giemsa|"
    r"dapi|cish|fish"
)
_SURGERY = re.compile(r"surgery|surgical|resection|resected")
_LATER = re.compile(
    r"followup|follow up|post ?(op|operative|treatment|therapy|tx|nac|chemo)|relapsed?|recurren(ce|t)|progression|"
    r"restaging|(week|wk|month|cycle) ?0*[1-9]\d*"
)
_FROZEN = ("TS", "BS", "MS")


def told_by_names(names: Mapping[str, str], *, key: str) -> tuple[str, ...]:
    """Clauses for an account; what all files have in common is no surprise, but for a later time.

    Args:
        names: name of a file or volume → its patient, whose id tells nothing of it.
        key: of the modality.
    """
    bare = {name: _words(name, patient) for name, patient in names.items()}
    samples = {name: found for name in names if (found := _TCGA.search(name))}
    mixed = {
        "another stain than H&E": [name for name, words in bare.items() if any(map(_STAINS.fullmatch, words))],
        "surgery, as others are not,": [name for name, words in bare.items() if any(map(_SURGERY.fullmatch, words))],
        "normal tissue (TCGA's sample types 10 to 19)": [
            name for name, found in samples.items() if found["sample"].startswith("1")
        ],
        "frozen sections (TCGA's TS, BS, MS)": [
            name for name, found in samples.items() if (found["slide"] or "").upper() in _FROZEN
        ],
    }
    told = [_clause(them, what, key) for what, them in mixed.items() if 0 < len(them) < len(names)]
    later = [name for name, words in bare.items() if re.search(rf"(?<!\S)({_LATER.pattern})(?!\S)", " ".join(words))]
    return (*told, *([_clause(later, "a later time than baseline", key)] if later else ()))


def _clause(names: Sequence[str], what: str, key: str) -> str:
    return f"{len(names)} are of {what} by their names ({some(sorted(names), 3)}): if so, leave them out of {key}.files"


def _words(name: str, patient: str) -> list[str]:
    """Lower-case words of a name, without its patient, its UUID and its barcode."""
    for known in (_UUID, _TCGA, re.compile(re.escape(patient))):
        name = known.sub(" ", name)
    parted = re.sub(r"(?<=[a-z]{2})(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-zA-Z0-9]+", parted.lower().replace("pd-l1", "pdl1")) if word]
