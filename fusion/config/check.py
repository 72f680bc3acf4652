"""Checks of a command line and of the configuration it composes; every complaint names the right spelling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from fusion.config.candidates import choosing
from fusion.config.compose import composed
from fusion.config.files import ConfigError, broken_files, conf_dir, find, read
from fusion.config.help import experiments_text, groups, options
from fusion.config.overrides import configured_sweeps, fold_file, jobs_of, parse, singles
from fusion.config.ranges import out_of_range
from fusion.config.schema import problems, schema
from fusion.config.spelling import dotted, suggest
from fusion.config.unfilled import unfilled

_TRAINS = {"train"}
_NAMED_BY_USERS = ("cohort.tables.", "cohort.endpoints.")
"""Below these, keys are names of the user's own: what is misspelt there would be a new one."""


class _UnknownKeysError(ConfigError):
    """Keys that no file sets; those that could be set nevertheless may be parameters that were left out."""

    def __init__(self, message: str, keys: Sequence[str]) -> None:
        super().__init__(message)
        self.keys = keys


def check_command(overrides: Sequence[str], config_name: str, user_dir: Path | None, *, multirun: bool) -> list[str]:
    """Check everything the command line asks for, by composing it.

    Returns:
        The overrides for Hydra, one for one; ``folds=<file>`` becomes ``folds.file=<file>``, and a parameter that no
        file sets, as ``cohort.max_unmatched=0.3``, gets the ``++`` without which Hydra takes those alone that are set.

    Raises:
        ConfigError: an unknown experiment, group, choice, key, parameter or kind of value; a folder of the user's with
            the name of a key that is set.
    """
    corrected = [fold_file(text) for text in overrides]
    parsed = [parse(text) for text in corrected]
    _refuse_folders([override.key_or_group for override in parsed], user_dir)
    for override in parsed:
        _check_choice(override, user_dir)
    if config_name in _TRAINS and not {"experiment", "cohort"} & {item.key_or_group for item in parsed}:
        raise ConfigError(
            f"Choose a cohort with cohort=<name> ({', '.join(options('cohort', user_dir))}) or an experiment with "
            f"+experiment=<name>:\n{experiments_text(user_dir)}"
        )
    try:
        _check_jobs(parsed, config_name, user_dir, multirun=multirun)
    except _UnknownKeysError as error:
        added = [
            f"++{text}" if override.key_or_group in error.keys else text
            for text, override in zip(corrected, parsed, strict=True)
        ]
        try:
            _check_jobs([parse(text) for text in added], config_name, user_dir, multirun=multirun)
        except ConfigError as other:
            # What is wrong with a value is said; else the key is unknown however it is written.
            raise (other if str(other).startswith(tuple(error.keys)) else error) from None
        return added
    return corrected


def _check_jobs(parsed: Sequence[Override], config_name: str, user_dir: Path | None, *, multirun: bool) -> None:
    for job in jobs_of(parsed, multirun=multirun):
        config = _checked(job, config_name, user_dir)
        for sweep in configured_sweeps(config):
            _check_choice(sweep, user_dir)
            for single in singles(sweep):
                _checked([*job, single], config_name, user_dir)


def _checked(job: Sequence[Override], config_name: str, user_dir: Path | None) -> DictConfig:
    """The configuration of one job, with every candidate of its `choose`: composed and checked."""

    def one(overrides: Sequence[str]) -> DictConfig:
        parsed = [parse(text) for text in overrides]
        for override in parsed:
            _check_choice(override, user_dir)
        config = _compose(parsed, config_name, user_dir)
        check_config(config, config_name, user_dir)
        return config

    overrides = [str(item.input_line) for item in job]
    return choosing(one(overrides), overrides, user_dir, one)


def check_config(config: DictConfig, config_name: str, user_dir: Path | None) -> None:
    """Check a composed configuration against the keys that exist and the signatures of its targets.

    Raises:
        ConfigError: every problem found, one a line.
    """
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    plain = OmegaConf.to_container(own)
    found = [*problems(plain, schema(config_name, user_dir)), *out_of_range(plain)]
    if found:
        raise ConfigError("\n".join(found))
    missing = [key for key, value in dotted(plain) if value == "???"]
    if missing:
        raise ConfigError(unfilled(missing, OmegaConf.select(config, "hydra.runtime.choices") or {}, user_dir))
    try:
        OmegaConf.resolve(own)
    except InterpolationKeyError as error:
        raise ConfigError(str(error)) from error


def _refuse_folders(keys: Sequence[str], user_dir: Path | None) -> None:
    """A folder beside the user's YAML makes a group of files to choose from of the key whose name it has."""
    for key in keys:
        folder = None if user_dir is None or "/" in key else user_dir / key
        if folder is not None and folder.is_dir() and not (conf_dir() / key).is_dir():
            raise ConfigError(
                f"{folder}: a folder of --config-dir that is called as the key {key} is, so {key}=… would choose a "
                "YAML in it. Rename the folder, or give --config-dir a folder that holds nothing but YAML."
            )


def _check_choice(override: Override, user_dir: Path | None) -> None:
    """A group's choice must exist; a group without a default is chosen with ``+``."""
    group = override.key_or_group
    if group not in groups(user_dir) or override.is_delete():
        return
    choices = options(group, user_dir)
    asked = [single.value() for single in singles(override)]
    for value in (item for entry in asked for item in (entry if isinstance(entry, list) else [entry])):
        if value is not None and str(value) not in choices:
            listing = experiments_text(user_dir) if group == "experiment" else f"  {', '.join(choices)}"
            kind = "experiments" if group == "experiment" else f"choices of {group}"
            raise ConfigError(
                f"{group}={value}: no such choice.{suggest(str(value), choices)} The {kind} are:\n{listing}"
            )
        file = None if value is None else find(group, str(value), user_dir)
        if file is not None:
            read(file)  # which says what is wrong with it better than Hydra does
    if group in ("experiment", "sweep") and not override.is_add():
        raise ConfigError(f"Write +{override.input_line} (with a plus): {group} is chosen on top of the defaults.")


def _compose(job: Sequence[Override], config_name: str, user_dir: Path | None) -> DictConfig:
    """The configuration of one job, with Hydra's own part.

    Raises:
        ConfigError: in our words, for what Hydra refuses.
    """
    try:
        return composed(config_name, [str(item.input_line) for item in job], user_dir, candidates=False)
    except MissingConfigException as error:
        wanted = str(error.missing_cfg_file or "")
        hint = suggest(wanted.rpartition("/")[2], {str(item): "" for item in error.options or ()})
        raise ConfigError(f"{error}{hint}") from error
    except ConfigCompositionException as error:
        unknown = _unknown_keys(job, config_name, user_dir)
        if unknown:
            keys = [key for key in unknown if not key.startswith(_NAMED_BY_USERS)]
            raise _UnknownKeysError("\n".join(unknown.values()), keys) from error
        raise ConfigError(_with_cause(error)) from error
    except OmegaConfBaseException as error:
        raise ConfigError(str(error)) from error
    except yaml.YAMLError as error:
        raise ConfigError("\n".join(broken_files(user_dir)) or str(error)) from error


def _unknown_keys(job: Sequence[Override], config_name: str, user_dir: Path | None) -> dict[str, str]:
    """Keys of overrides that do not exist, tested on the configuration without them, each with what is said of it."""
    known_groups = groups(user_dir)
    chosen = [item for item in job if item.key_or_group in known_groups]
    if len(chosen) == len(job):
        return {}
    try:
        config = composed(config_name, [str(item.input_line) for item in chosen], user_dir)
    except ConfigCompositionException:
        return {}  # something else is wrong, and is said instead
    keys = {key: "" for key, _ in dotted(OmegaConf.to_container(config)) if not key.startswith("hydra.")}
    wrong = [
        item
        for item in job
        if item not in chosen
        and not item.is_add()
        and item.key_or_group not in keys
        and not item.key_or_group.startswith("hydra.")
    ]
    names = keys | dict.fromkeys(known_groups, "")
    return {
        item.key_or_group: f"Unknown key {item.key_or_group!r}.{suggest(item.key_or_group, names)}" for item in wrong
    }


def _with_cause(error: Exception) -> str:
    cause = error.__cause__
    return str(error) if cause is None or str(cause) in str(error) else f"{error}\n{cause}"
