"""``resume=true`` without ``output``: the newest unfinished run of the same name and configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion.config.compose import composed
from fusion.contract import FusionError


def resumed(overrides: Sequence[str], config_name: str, user_dir: Path | None) -> list[str]:
    """What the command line lacks to go on with that run: ``output=<its folder>``, or nothing.

    Args:
        overrides: of the command line, checked.
        config_name: of the primary configuration.
        user_dir: of ``--config-dir``.
    """
    keys = {text.partition("=")[0].lstrip("+") for text in overrides}
    if "resume" not in keys or "output" in keys or "hydra.run.dir" in keys:
        return []
    config = _plain(config_name, overrides, user_dir)
    if not config.get("resume"):
        return []
    found = newest_unfinished(Path(config["output"]).parent, config)
    return [] if found is None else [f"output='{_escaped(str(found))}'"]


def _plain(config_name: str, overrides: Sequence[str], user_dir: Path | None) -> dict[str, Any]:
    """The resolved configuration, plain containers, without Hydra's own part."""
    from omegaconf import OmegaConf

    config = composed(config_name, overrides, user_dir)
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    plain: Any = OmegaConf.to_container(own, resolve=True)
    return dict(plain)


def newest_unfinished(folder: Path, config: dict[str, Any]) -> Path | None:
    """Of the runs in a folder, the one begun last that is unfinished, has this configuration, and nobody works on."""
    from fusion.run.files import RunFolderError, locked
    from fusion.run.folder import RunFolder
    from fusion.run.integrity import changed_since

    found: list[tuple[str, Path]] = []
    for path in sorted(folder.glob("*/run.json")):
        run = RunFolder(path.parent)
        try:
            if run.status == "running" and not changed_since(run.config(), config):
                with locked(run.path):
                    found.append((str(run.record()["started"]), run.path))
        except (RunFolderError, FusionError):
            continue  # no run of this version, or one that another process works on
    return max(found)[1] if found else None


def _escaped(text: str) -> str:
    """Within single quotes of Hydra's grammar."""
    return text.replace("\\", "\\\\").replace("'", "\\'")
