"""folds.json: every outer and inner fold by patient id, with its hash and what has to be said of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data_modules.errors import Problem
from data_modules.files import replace_file
from fusion.contract import Fold, FusionError, InnerFold

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Folds with what has to be known of them.

    Attributes:
        folds: outer, each with its inner ones.
        flags: what they were allowed although it may flatter scores, each a sentence for verdict and report.
        source: the published table they were read from: ``file`` and ``sha256``; empty where they were drawn.
    """

    folds: list[Fold]
    flags: tuple[str, ...] = ()
    source: Mapping[str, str] = field(default_factory=dict)


def folds_hash(folds: Sequence[Fold]) -> str:
    """SHA-256 over who is where."""
    return _hash([asdict(fold) for fold in folds])


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_folds(
    path: Path, folds: Sequence[Fold], *, flags: Sequence[str] = (), source: Mapping[str, str] | None = None
) -> None:
    """Write folds as JSON with their hash, atomically."""
    content = {
        "format": FORMAT,
        "sha256": folds_hash(folds),
        "flags": list(flags),
        "source": dict(source or {}),
        "folds": [asdict(fold) for fold in folds],
    }
    text = json.dumps(content, indent=1) + "\n"
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def load_folds(path: Path) -> Stored:
    """What a folds.json holds, whomever it is about.

    Raises:
        FusionError: no such file, no folds file, a newer format, or another hash than it states.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] > FORMAT:
            raise FusionError(
                f"folds.file={path} has format {content['format']}, newer than {FORMAT}. Update this package."
            )
        folds = [_fold(facts) for facts in content["folds"]]
        stored = content["sha256"]
        flags = tuple(str(flag) for flag in content.get("flags", ()))
        source = {str(key): str(value) for key, value in content.get("source", {}).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FusionError(
            f"folds.file={path} cannot be read ({error!r}). Point it to the folds.json of a run, or to a table "
            "(.csv or .tsv) with a column patient_id and a column fold."
        ) from error
    if stored != _hash(content["folds"]):
        raise FusionError(
            f"folds.file={path} was altered: its content does not have the SHA-256 it states. Restore it."
        )
    return Stored(folds=folds, flags=flags, source=source)


def unfit(path: Path, cohort: str, problems: Sequence[Problem]) -> FusionError:
    """The refusal of a file of folds, with everything that is wrong with it."""
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return FusionError(f"folds.file={path} does not fit cohort {cohort!r}:\n{lines}")


def _fold(facts: Mapping[str, Any]) -> Fold:
    return Fold(
        repeat=int(facts["repeat"]),
        index=int(facts["index"]),
        train=tuple(facts["train"]),
        test=tuple(facts["test"]),
        inner=tuple(InnerFold(train=tuple(one["train"]), val=tuple(one["val"])) for one in facts["inner"]),
    )
