"""Where configuration files lie, and the error that names what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from fusion.contract import FusionError


class ConfigError(FusionError):
    """The command line or a YAML file asks for something that does not exist."""


def conf_dir() -> Path:
    """The package's configuration files: ``fusion/conf`` in a wheel, ``conf`` beside ``fusion`` in the tree."""
    here = Path(__file__).resolve().parent.parent
    return here / "conf" if (here / "conf").is_dir() else here.parent / "conf"
