"""Draft a cohort's YAML from a folder of files: what lies there, what joins it, and what only you can say.

Every guess carries its reason as a comment. What cannot be guessed is left to fill (???): when a value is known, and
which values of the outcome are which class. A page shows what the files hold.

  <output>/cohort/<name>.yaml    the draft
  <output>/cohort/<name>.html    its tables, column by column, and which patients have what

Examples:
  python -m fusion.draft path/to/files
  python -m fusion.draft path/to/files name=mine --interactive
  python -m fusion.check --config-dir my_conf cohort=mine
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.config.command import run
from fusion.config.overrides import bare_first

if TYPE_CHECKING:
    from omegaconf import DictConfig


def draft(config: DictConfig) -> None:
    """Write the draft of a folder's cohort and its page.

    Raises:
        FusionError: there is nothing to draft, or a YAML of that name already.
    """
    from hydra.utils import instantiate

    from fusion.config.files import find
    from fusion.contract import FusionError
    from fusion.protocol.progress import JobProgress
    from fusion.report.first.profile import write_profile
    from fusion.run.files import replace_file

    output = Path(config.output)
    shown = output.relative_to(Path.cwd()) if output.is_relative_to(Path.cwd()) else output
    name = str(config.name or _name(Path(config.folder)))
    path = shown / "cohort" / f"{name}.yaml"
    if path.exists() and not config.overwrite:
        raise FusionError(f"{path}: there is one already, and it is kept. Set name=<another>, or overwrite=true.")
    if find("cohort", name, None) is not None:
        raise FusionError(f"name={name}: the package has a cohort of that name. Set name=<another>.")
    drafting = instantiate(config.drafting)
    with JobProgress() as progress:

        def ask(question: str) -> str:
            progress.pause()  # which would draw over what is asked
            return _answer(question)

        made = drafting(
            str(config.folder), name=name, config_dir=str(shown), progress=progress,
            ask=ask if config.interactive else None,
        )  # fmt: skip
    replace_file(path, lambda partial: partial.write_text(made.text, encoding="utf-8"))
    page = write_profile(made.profile, path.with_suffix(".html"))
    then = f"python -m fusion.check --config-dir {shown} cohort={name}"
    if made.waiting:
        sys.stdout.write(
            f"{made.waiting} columns are not read yet: no name tells when they were known. See '# ' lines.\n"
        )
    sys.stdout.write(f"{made.open} values are left to fill ('???'). Then: {then}\nProfile: {page}\nDraft: {path}\n")


def _name(folder: Path) -> str:
    """The folder's name as a cohort's; with ``my_`` where the package has a cohort of that name."""
    from fusion.config.files import find

    key = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_") or "cohort"
    return f"my_{key}" if find("cohort", key, None) is not None else key


def _answer(question: str) -> str:
    from fusion.contract import FusionError

    sys.stderr.write(question)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise FusionError("interactive=true: the answers ended. Give it a terminal, or leave interactive out.")
    return answer


if __name__ == "__main__":
    given = ["interactive=true" if text == "--interactive" else text for text in sys.argv[1:]]
    sys.argv[1:] = bare_first(given, "folder")
    run(draft, "draft")
