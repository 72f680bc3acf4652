"""Plan a cohort's training: count who has what, and write a preset with a reason for every choice.

The plan is a file to read, edit and pass on: a preset that `fusion.train` takes by itself where it lies as
preset/<cohort>.yaml in the folder of --config-dir. It looks at counts alone, so it leaks nothing.

Examples:
  python -m fusion.plan --config-dir my_conf cohort=mine plan=my_conf/preset/mine.yaml
  python -m fusion.train --config-dir my_conf cohort=mine
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.config.command import run

if TYPE_CHECKING:
    from omegaconf import DictConfig


def plan(config: DictConfig) -> None:
    """Write the plan of a cohort, and show it.

    Raises:
        FusionError: the cohort cannot be read, or there is a plan already.
    """
    from omegaconf import OmegaConf

    from fusion.config.choices import GENERAL
    from fusion.config.declared import kind_of
    from fusion.config.files import find
    from fusion.contract import FusionError
    from fusion.protocol.planning import choices, fingerprint, plan_text
    from fusion.protocol.progress import JobProgress
    from fusion.protocol.setup import open_setup
    from fusion.run.files import replace_file

    path = Path(config.plan)
    if path.exists() and not config.overwrite:
        raise FusionError(f"{path}: there is a plan already. Edit it, set plan to another file, or overwrite=true.")
    with JobProgress() as progress:
        setup = open_setup(config, progress)
    general = find("preset", GENERAL, None)
    assert general is not None, "it comes with the package"
    kinds = OmegaConf.to_container(OmegaConf.load(general).kinds)
    name = setup.cohort.spec.name
    found = fingerprint(setup, {one: kind_of(config.modality[one]) or "" for one in setup.modalities})
    command = f"python -m fusion.train --config-dir <folder> cohort={name} preset={path.stem}"
    text = plan_text(name, found, choices(found), dict(kinds), command=command)  # type: ignore[arg-type]
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))
    sys.stdout.write(f"{text}\nPlan: {path}\n")


if __name__ == "__main__":
    run(plan, "plan")
