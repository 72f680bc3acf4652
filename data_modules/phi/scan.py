"""A folder looked through: names, texts, DICOM tags, slides."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_modules.phi.dicom import is_dicom, tags
from data_modules.phi.found import Finding
from data_modules.phi.ids import Ids, dates_in
from data_modules.phi.slides import ENDINGS, beside_tissue, text_of
from fusion.contract import FusionError

TEXTS = (
    ".html", ".htm", ".md", ".txt", ".json", ".jsonl", ".yaml", ".yml", ".csv", ".tsv", ".maf", ".svg", ".xml", ".log",
    ".vcf", ".wandb", ".ini", ".cfg", ".py", ".ipynb", ".bed", ".gff", ".sam",
)  # fmt: skip
LARGEST = 256_000_000
"""Bytes of a text that is searched whole; of a longer one the beginning."""
OUTGOING = ("report.html", "model_card.md", "tripod_ai.md", "metrics.json", "figures", "wandb")
"""What of a run folder is meant to leave it; predictions, explanations and cohort.csv name patients and stay."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What was looked at.

    Attributes:
        findings: in order of files.
        files: how many were looked at.
        unread: file, identifiers hidden → why it could not be looked into.
        unsearched: ids too short to be searched for.
    """

    findings: list[Finding]
    files: int
    unread: dict[str, str]
    unsearched: int

    @property
    def identifies(self) -> bool:
        """Whether anything tells who a patient is."""
        return any(one.weight == "identifies" for one in self.findings)


def files_of(root: Path) -> list[Path]:
    """What is looked at: of a run folder what is meant to leave it, else every file below, links not followed.

    Raises:
        FusionError: there is nothing.
    """
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise FusionError(f"{root}: there is no such file or folder.")
    run = (root / "run.json").is_file()
    tops = [root / name for name in OUTGOING if (root / name).exists()] if run else [root]
    found = [one for top in tops for one in ([top] if top.is_file() else sorted(top.rglob("*")))]
    files = [one for one in found if one.is_file() and not one.is_symlink()]
    if not files:
        raise FusionError(f"{root}: holds no file to look at.")
    return files


def scan(root: Path, ids: Ids, *, say: Callable[[int, int], None] = lambda done, total: None) -> Scan:
    """Look through a folder, or one file.

    Args:
        root: of it.
        ids: that must not leave.
        say: after every file, with how many are done and how many there are.

    Raises:
        FusionError: there is nothing to look at.
    """
    files = files_of(root)
    found: list[tuple[Path, str, str, str]] = []
    unread: dict[Path, str] = {}
    base = root if root.is_dir() else root.parent
    for number, path in enumerate(files, start=1):
        found += [(path, *one) for one in _name(path.relative_to(base), ids)]
        try:
            found += [(path, *one) for one in _inside(path, ids)]
        except FusionError as error:
            unread[path] = str(error)
        say(number, len(files))

    def place(path: Path) -> str:  # only now: a later file may have told what to hide in an earlier one's name
        return ids.hidden(path.relative_to(base).as_posix())

    return Scan(
        findings=[
            Finding(
                place=place(path), where=where, what=what, weight="identifies" if weight == "identifies" else "look"
            )
            for path, where, what, weight in found
        ],
        files=len(files),
        unread={place(path): why for path, why in unread.items()},
        unsearched=len(ids.known) - len(ids.searched),
    )


def _name(path: Path, ids: Ids) -> Iterator[tuple[str, str, str]]:
    if ids.count(path.as_posix()):
        yield "its name", "an id", "identifies"
    if dates_in(path.as_posix()):
        yield "its name", "a day", "look"


def _inside(path: Path, ids: Ids) -> Iterator[tuple[str, str, str]]:
    if is_dicom(path):
        yield from _told(tags(path), ids)
        return
    endings: Sequence[str] = [one.lower() for one in path.suffixes]
    last = endings[-1] if endings else ""
    if last in ENDINGS:
        yield from _told(beside_tissue(path), ids)
        number = ids.count(text_of(path))
    elif last in TEXTS or (last in (".gz", ".bgz") and len(endings) > 1 and endings[-2] in TEXTS):
        number = ids.count(_text(path, packed=last in (".gz", ".bgz")))
    else:
        return
    if number:
        yield "its text", f"{number} different ids", "identifies"


def _told(rows: Iterator[tuple[str, str, str, str]], ids: Ids) -> Iterator[tuple[str, str, str]]:
    """Each kind of place once a file; values are hidden in names from now on."""
    seen = set()
    for where, what, weight, value in rows:
        ids.learn([value])
        if where not in seen:
            seen.add(where)
            yield where, what, weight


def _text(path: Path, *, packed: bool) -> str:
    """As far as it is searched; bytes that are no UTF-8 part words."""
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            return file.read(LARGEST).decode("utf-8", errors="replace")
    except (OSError, EOFError, zlib.error) as error:
        raise FusionError(f"it cannot be read ({type(error).__name__})") from error
