"""The report and its plots as a W&B artifact, with nobody's name in it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fusion.report.loggers import RunLogger

_PICTURE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"(<(?:style|script)\b.*?</(?:style|script)>|<[^>]*>)", re.IGNORECASE | re.DOTALL)


def log_report(logger: RunLogger, page: Path, figures: Sequence[Path], *, folder: Path) -> None:
    """Hand over report.html and the PNG figures; nothing where the logger is not W&B.

    Where ids are hashed, the page's texts are, and its pictures (tissue, volumes, contact sheets) are taken out, for
    nobody reads pixels for names; where ids are as short as "7" the page stays, for they cannot be found in text.

    Args:
        logger: open.
        page: report.html.
        figures: PNG, which must not show any id.
        folder: of the run, for what W&B keeps aside.
    """
    run = logger.wandb
    if run is None:
        return
    import wandb

    with _kept_in(folder / "wandb" / "data"):
        artifact = wandb.Artifact(f"report-{run.id}", type="report")
        if logger.searchable:
            with artifact.new_file("report.html", mode="w", encoding="utf-8") as stream:
                stream.write(scrubbed(page.read_text(encoding="utf-8"), logger.scrub if logger.private else None))
        for file in figures:
            artifact.add_file(str(file), name=f"figures/{file.name}")
        run.log_artifact(artifact)


def scrubbed(html: str, scrub: Callable[[Any], Any] | None) -> str:
    """A page without pictures, its texts and attributes without ids and paths; as it is where `scrub` is None."""
    if scrub is None:
        return html
    parts = _TAG.split(_PICTURE.sub("", html))
    return "".join(_tag(part, scrub) if part.startswith("<") else scrub(part) for part in parts)


def _tag(tag: str, scrub: Callable[[Any], Any]) -> str:
    """Attributes hold ids too; a tag's own slashes are no path."""
    return re.sub(r'"([^"]*)"', lambda found: f'"{scrub(found[1])}"', tag)


@contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """W&B copies an artifact's files aside, by itself into the home folder."""
    before = os.environ.get("WANDB_DATA_DIR")
    os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["WANDB_DATA_DIR"]
        else:
            os.environ["WANDB_DATA_DIR"] = before
