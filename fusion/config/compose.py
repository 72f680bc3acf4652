"""A configuration, composed by Hydra and completed: what every command and every ingest starts with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fusion.config.candidates import choosing
from fusion.config.choices import GENERAL, encoder_of, refuse_broken, register
from fusion.config.declared import kind_of
from fusion.config.files import ConfigError, conf_dir, find, read
from fusion.contract.places import modernise

_COHORT = "data_modules.cohort.source.CohortSource"
_NEEDED = {
    "_target_": f"_target_: {_COHORT}",
    "name": "name: <name of the cohort>",
    "root": "root: <folder of its files>",
    "tables": "tables: {clinical: {file: <file>, id: <column of ids>, columns: {<column>: {time: baseline}}}}",
    "endpoints": "endpoints: {response: {table: clinical, column: <column>, positive: [<value>], negative: [<value>]}}",
}
"""What a cohort cannot do without → the line to add under ``cohort:``."""


def composed(
    config_name: str, overrides: Sequence[str], user_dir: Path | None, *, candidates: bool = True
) -> DictConfig:
    """The whole configuration of a command, completed, with Hydra's own part.

    Args:
        config_name: of the primary file, e.g. ``train``.
        overrides: as on the command line.
        user_dir: folder of the user's own YAML.
        candidates: compose those of `choose`, too.

    Raises:
        ConfigError: the cohort forgets what it cannot do without.
        HydraException, OmegaConfBaseException: what Hydra refuses.
    """
    config = hydra_compose(config_name, overrides, user_dir)
    made = completed(OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]), user_dir)
    OmegaConf.set_struct(made, False)
    made.hydra = config.hydra
    return with_candidates(made, config_name, overrides, user_dir) if candidates else made


def with_candidates(
    config: DictConfig, config_name: str, overrides: Sequence[str], user_dir: Path | None
) -> DictConfig:
    """A composed configuration with the candidates of its `choose` composed; see `fusion.config.candidates`."""
    return choosing(config, overrides, user_dir, lambda more: composed(config_name, more, user_dir))


def hydra_compose(config_name: str, overrides: Sequence[str], user_dir: Path | None) -> DictConfig:
    """What Hydra makes of the files and overrides."""
    from hydra import compose
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_search_path import SearchPathQuery
    from hydra.core.global_hydra import GlobalHydra

    register(user_dir)
    path = create_config_search_path(str(conf_dir()))
    if user_dir is not None:
        path.prepend("command-line", f"file://{user_dir}", anchor=SearchPathQuery(provider="schema"))
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    Hydra.create_main_hydra2(task_name=config_name, config_search_path=path)
    try:
        return compose(config_name, list(overrides), return_hydra_config=True)
    finally:
        GlobalHydra.instance().clear()
        GlobalHydra.instance().hydra = before


def completed(config: DictConfig, user_dir: Path | None) -> DictConfig:
    """The configuration with what need not be typed: places of today, the cohort's cache and endpoint, encoders.

    A modality for which neither preset nor user names an encoder gets the one of its kind in the preset ``general``.

    Raises:
        ConfigError: the cohort forgets what it cannot do without (the message has the line to add), or a chosen file is
            wrong.
    """
    plain: Any = modernise(OmegaConf.to_container(config))
    refuse_broken(plain.get("preset"))
    if isinstance(plain.get("cohort"), dict):
        _complete_cohort(plain["cohort"])
    _leave_out(plain)
    if "model" in plain:
        encoders = plain["model"].setdefault("encoders", {})
        for name, node in (plain.get("modality") or {}).items():
            if name not in encoders and isinstance(node, Mapping):
                choice = encoder_of(kind_of(node), GENERAL, user_dir)
                file = None if choice is None else find("model/encoder", choice, user_dir)
                encoders |= {} if file is None else {name: read(file)}
    made: DictConfig = OmegaConf.create(plain)
    OmegaConf.set_struct(made, True)
    return made


def _leave_out(plain: dict[str, Any]) -> None:
    """Take out modalities that this cohort has not: those whose ``only`` names other values of keys of the cohort.

    Raises:
        ConfigError: an ``only`` that is no mapping of the cohort's keys to lists.
    """
    cohort = plain.get("cohort") or {}
    for name, node in list((plain.get("modality") or {}).items()):
        if not isinstance(node, dict) or "only" not in node:
            continue
        only = node.pop("only")
        if not isinstance(only, Mapping) or not all(
            key in cohort and isinstance(one, list) for key, one in only.items()
        ):
            raise ConfigError(
                f"modality.{name}.only is {only!r}: it maps keys of the cohort to the values for which there is this "
                "modality, e.g. {cancer: [brca]}."
            )
        if any(cohort[key] not in values for key, values in only.items()):
            del plain["modality"][name]
            ((plain.get("model") or {}).get("encoders") or {}).pop(name, None)


def _complete_cohort(cohort: dict[str, Any]) -> None:
    deeper = [key for key in ("cohort", "modality") if key in cohort]
    if deeper:
        raise ConfigError(
            f"cohort: its file sets cohort.{deeper[0]}, for it lacks its first line. Add this as line 1 of that YAML:\n"
            "# @package _global_"
        )
    own = cohort.get("_target_", _COHORT) == _COHORT
    lacking = [line for key, line in _NEEDED.items() if own and key not in cohort]
    if lacking:
        lines = "".join(f"\n  {line}" for line in lacking)
        raise ConfigError(f"cohort: its file forgets {len(lacking)} of what a cohort needs. Add under cohort: …{lines}")
    cohort.setdefault("cache", "${cache}")
    cohort.setdefault("endpoint", "${endpoint}")
