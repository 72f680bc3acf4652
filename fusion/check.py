"""Check a cohort before it is trained on: everything that train would refuse, and what is to be looked at.

Nothing is ingested and nothing learned, so it takes minutes at most. It ends with exit code 2 and train's own message
where train would refuse, else with 0 and a page: what was found, used and left out and why, who has what, folds,
outliers, patients who may be one, columns that may hold the outcome.

  <output>/check.html    the page
  <output>/check.json    the same for programs

Examples:
  python -m fusion.check --config-dir my_conf cohort=mine
  python -m fusion.check +experiment=breast_tcga
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.config.command import run
from fusion.config.overrides import beside_others

if TYPE_CHECKING:
    from omegaconf import DictConfig

OUTPUT = "output=checks/${name}"
"""Where the page goes, where the command line does not say."""


def check(config: DictConfig) -> None:
    """Do what `fusion.train` does before its first long work, and write what was found.

    Raises:
        FusionError: what `fusion.train` would raise.
    """
    from fusion.protocol.progress import JobProgress
    from fusion.protocol.ready import check_settings, open_checked
    from fusion.report.first.checked import write_check
    from fusion.report.loggers import check_logger

    check_settings(config, say=lambda line: sys.stderr.write(f"{line}\n"))
    check_logger(config)
    with JobProgress() as progress:
        progress.say("Reading tables and the headers of files …")
        wide: list[str] = []
        setup, folds = open_checked(config, progress, say=wide.append)
    output = Path(config.output)
    shown = output.relative_to(Path.cwd()) if output.is_relative_to(Path.cwd()) else output
    sys.stdout.write(write_check(setup, folds, shown, wide=wide))


if __name__ == "__main__":
    if not any(text.lstrip("+").startswith(("output=", "hydra.run.dir=")) for text in sys.argv[1:]):
        sys.argv[1:] = beside_others(sys.argv[1:], OUTPUT)
    run(check, "train")
