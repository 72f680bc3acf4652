"""Runs below a folder, each with what a list says of it; a stranger's run folder is read within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusion.contract import FusionError
from fusion.evaluation.comparison import arm_label
from fusion.report.kinds import KINDS
from fusion.run.bounded import refuse_links, require_size
from fusion.run.measured import at
from fusion.run.reading import RunReading

DEPTH = 5
"""Folders between the root and a run, e.g. runs/<name>/<time>, multirun/<name>/<time>/<job>."""
MOST = 5_000
"""Runs that one page lists."""
_FOLDERS = 100_000
_SMALL = 16 << 20
"""Bytes of run.json or metrics.json: a hundred times what a large cohort's have."""
_TEXT = 300
_SAID = ("name", "endpoint.name", "endpoint.kind")
"""What of run.json's cohort the list shows."""


@dataclass(kw_only=True)
class Found:
    """One run as the list shows it.

    Attributes:
        name: posix path from the root.
        status: complete, running, clearing, or what is wrong with it.
        cohort: of the run.
        endpoint: likewise.
        started: when, as the run wrote it.
        simulated: whether its patients are.
        patients: how many; None where metrics are missing.
        judged: label of the judged arm.
        metric: label of the metric that decides.
        figure: value, low and high of the judged arm in it.
        verdict: its status, in a word.
        sentence: the verdict.
        pages: label → posix path in the run of a page to open.
        problem: why it cannot be read.
    """

    name: str
    status: str = ""
    cohort: str = ""
    endpoint: str = ""
    started: str = ""
    simulated: bool = False
    patients: int | None = None
    judged: str = ""
    metric: str = ""
    figure: tuple[float | None, float | None, float | None] = (None, None, None)
    verdict: str = ""
    sentence: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def run_folders(root: Path) -> Iterator[Path]:
    """Folders with a run.json, links not followed, in the order of their names; at most `MOST`."""
    pending, given, seen = [(root, 0)], 0, 0
    while pending and given < MOST and seen < _FOLDERS:
        folder, depth = pending.pop()
        seen += 1
        try:
            if (folder / "run.json").is_file():
                given += 1
                yield folder
                continue
            inside = sorted((one for one in folder.iterdir() if not one.name.startswith(".")), reverse=True)
        except OSError:
            continue
        if depth < DEPTH:
            pending += [(one, depth + 1) for one in inside if one.is_dir() and not one.is_symlink()]


class Catalogue:
    """The runs below a folder; each is read again only when its files changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[Path, tuple[tuple[int, ...], Found]] = {}

    def runs(self) -> list[Found]:
        """All of them, by name."""
        return [self._one(folder) for folder in run_folders(self.root)]

    def folder(self, name: str) -> Path | None:
        """Of the run of a name; None where the list has none."""
        return next((one for one in run_folders(self.root) if self._name(one) == name), None)

    def _name(self, folder: Path) -> str:
        return folder.relative_to(self.root).as_posix()

    def _one(self, folder: Path) -> Found:
        marks = tuple(_mark(folder / name) for name in ("run.json", "metrics.json", "report.html"))
        marks += tuple(_mark(folder / name) for name in ("explanations", "predictions"))
        known = self._known.get(folder)
        if known is None or known[0] != marks:
            known = self._known[folder] = (marks, summary(folder, self._name(folder)))
        return known[1]


def _mark(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return -1


def summary(folder: Path, name: str) -> Found:
    """What the list says of one run."""
    found = Found(name=name)
    try:
        refuse_links(folder, (), beside=("run.json", "metrics.json", "report.html", "explanations", "predictions"))
        require_size(folder / "run.json", _SMALL)
        run = RunReading(folder)
        record = run.record()
        found.status = _text(record.get("status"))
        said = {key: at(record, f"cohort.{key}", str, where=folder / "run.json") for key in _SAID}
        found.cohort, found.endpoint = _text(said["name"]), _text(said["endpoint.name"])
        found.started, found.simulated = _text(record.get("started")), bool(record.get("simulated"))
        found.pages = _pages(folder)
        if (folder / "metrics.json").is_file():
            require_size(folder / "metrics.json", _SMALL)
            _measured(found, run.metrics(), said["endpoint.kind"])
    except FusionError as error:
        found.problem = _text(error)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        found.problem = f"is not as a run writes it ({type(error).__name__})"
    return found


def _measured(found: Found, metrics: dict[str, Any], kind: str) -> None:
    verdict = metrics["verdict"]
    name, arm = verdict["metric"], verdict["reference"]
    value = metrics["arms"][arm][name]
    found.patients = metrics["patients"]
    found.judged = arm_label(arm)
    found.metric = KINDS[kind].labels.get(name, name) if kind in KINDS else name
    found.figure = (_number(value["value"]), _number(value["low"]), _number(value["high"]))
    found.verdict, found.sentence = _text(verdict["status"]), _text(verdict.get("text"))


def _pages(folder: Path) -> dict[str, str]:
    """Pages that are there: the report, explanations and predictions, the newest first."""
    found = {}
    if (folder / "report.html").is_file():
        found["report"] = "report.html"
    for label, name, page in (
        ("explanations", "explanations", "attribution_report.html"),
        ("predictions", "predictions", "prediction_report.html"),
    ):
        base = folder / name
        inside = sorted((one for one in base.iterdir() if one.is_dir() and not one.is_symlink()), reverse=True)[:5] if (
            base.is_dir()
        ) else []  # fmt: skip
        for one in [base, *inside]:
            if (one / page).is_file() and not one.name.startswith("."):
                said = label if one == base else f"{label} {_text(one.name)}"
                found[said] = (one / page).relative_to(folder).as_posix()
    return found


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
