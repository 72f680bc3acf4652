"""`choose`: settings that each outer fold decides by its inner folds, instead of the user by a look at results.

A mapping is a grid; a list holds several. Keys are the command line's, a value is a list or stands for itself::

    choose: {model/fuser: [concat, cross_attention], trainer.learning_rate: [0.001, 0.003]}     # four candidates
    choose:                                                                                      # three
      - {model/fuser: concat, trainer.learning_rate: 0.003}
      - {model/fuser: cross_attention, trainer.learning_rate: [0.001, 0.003]}

In a composed configuration every candidate stands whole, by its number, so that a run folder is complete without the
files it was composed of: ``choose: {'1': {settings: …, model: …, trainer: …, datamodule: …}, '2': …}``. Where
candidates read modalities differently the run's own settings are those of the first, and a candidate that reads
otherwise has a node ``modality`` as well.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fusion.config.files import ConfigError
from fusion.config.help import groups
from fusion.config.one_cohort import refuse_other_files
from fusion.config.overrides import parse
from fusion.contract import some
from fusion.run.integrity import changed_keys

NODES = ("model", "trainer", "datamodule")
"""How networks learn: every candidate has its own."""

MODALITY = "modality"
"""How modalities are read: candidates may have one of their own. All else is the same for everything compared."""

_MAY = re.compile(r"(model|trainer|datamodule|modality)([./@].+)?|preset")
_EXAMPLE = "choose: {model/fuser: [concat, cross_attention], trainer.learning_rate: [0.001, 0.003]}"
_DONE = "settings"


def candidates_of(asked: Any, known_groups: Sequence[str]) -> list[dict[str, Any]]:
    """The candidates, each key → value, in the order in which ties are decided.

    Args:
        asked: the value of `choose`, plain containers.
        known_groups: of the configuration; ``model.fuser`` is taken for the group ``model/fuser``.

    Raises:
        ConfigError: it is no grid, a list is empty, a key is none that may be chosen, or there are not two candidates.
    """
    grids = [asked] if isinstance(asked, Mapping) else asked
    if not isinstance(grids, list) or not all(isinstance(grid, Mapping) for grid in grids):
        raise ConfigError(f"choose must be a grid or a list of grids, not {asked!r}. For example:\n  {_EXAMPLE}")
    found = [candidate for grid in grids for candidate in _grid(grid, known_groups)]
    if len(found) < 2:
        raise ConfigError(
            f"choose has {'one candidate' if found else 'no candidate'}, and nothing is left to choose. Give a key two "
            f"values, or set the key itself and choose=null. For example:\n  {_EXAMPLE}"
        )
    for one, other in itertools.combinations(found, 2):
        if one == other:
            raise ConfigError(f"choose has the candidate {told(one)!r} twice. Leave one out.")
    return found


def told(settings: Mapping[str, Any]) -> str:
    """A candidate's settings as one types them: ``model/fuser=concat trainer.learning_rate=0.003``."""
    return " ".join(f"{key}={_word(value, bare=True)}" for key, value in settings.items())


def choosing(
    config: DictConfig, overrides: Sequence[str], user_dir: Path | None, compose: Callable[[list[str]], DictConfig]
) -> DictConfig:
    """A configuration with every candidate of its `choose` composed; as it is where there is none.

    Args:
        config: composed and completed.
        overrides: of the command line.
        user_dir: folder of the user's own YAML.
        compose: overrides → a configuration, composed and completed.

    Raises:
        ConfigError: see `candidates_of`; or a candidate cannot be composed, is set on the command line as well, or is
            another in what is no candidate's to change.
    """
    asked = OmegaConf.to_container(config.choose) if OmegaConf.is_config(config.get("choose")) else config.get("choose")
    if asked is None:
        return config
    given = [parse(text) for text in overrides]
    made: dict[str, Any] = {}
    for number, settings in enumerate(candidates_of(asked, groups(user_dir)), start=1):
        twice = [key for key in settings if key in {str(item.key_or_group) for item in given}]
        if twice:
            raise ConfigError(f"choose: {twice[0]} is set on the command line, too. Leave one of them out.")
        kept = [str(item.input_line) for item in given if item.key_or_group != "choose"]
        try:
            candidate = compose([*kept, "choose=null", *_overrides(settings, groups(user_dir))])
        except ConfigError as error:
            raise ConfigError(f"choose, candidate {told(settings)}: {error}") from error
        _refuse_others(config, candidate, settings)
        nodes = {node: _plain(candidate, node) for node in (*NODES, MODALITY)}
        refuse_other_files(_plain(config, MODALITY), nodes[MODALITY], told(settings))
        same = next((other for other in made.values() if all(other[node] == nodes[node] for node in nodes)), None)
        if same is not None:
            raise ConfigError(
                f"choose: the candidates {told(same[_DONE])!r} and {told(settings)!r} are the same settings in the "
                "end. Leave one out."
            )
        made[str(number)] = {_DONE: settings, **nodes}
    OmegaConf.set_struct(config, False)
    first = next(iter(made.values()))
    if any(one[MODALITY] != _plain(config, MODALITY) for one in made.values()):
        for node in (*NODES, MODALITY):
            config[node] = first[node]
    own = first[MODALITY]
    for one in made.values():
        if one[MODALITY] == own:
            del one[MODALITY]
    config.choose = OmegaConf.create(made)
    OmegaConf.set_struct(config, True)
    return config


def _plain(config: DictConfig, node: str) -> Any:
    return OmegaConf.to_container(config[node], resolve=True) if OmegaConf.is_config(config.get(node)) else {}


def settings_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Number → settings, as one types them, of a composed configuration's candidates; empty where nothing is chosen.

    Raises:
        ConfigError: what `choose` holds was not composed by `choosing`.
    """
    choose = config.get("choose") or {}
    try:
        return {str(number): told(candidate[_DONE]) for number, candidate in choose.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigError(f"choose: {str(choose)[:80]!r} holds no composed candidates.") from error


def candidate(config: Any, number: str) -> Any:
    """The configuration as the candidate has it.

    Raises:
        ConfigError: there is no such candidate.
    """
    known = settings_of(config)
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    plain: Any = OmegaConf.to_container(own, resolve=True)
    choose = plain.get("choose") or {}
    if number not in known or not all(node in choose[number] for node in NODES):
        there = ", ".join(known) or "none"
        raise ConfigError(f"choose: the configuration has no candidate {number!r}; there are {there}.")
    mine = {node: choose[number][node] for node in (*NODES, MODALITY) if node in choose[number]}
    return OmegaConf.create({**plain, "choose": None, **mine})


def every(config: Any) -> list[Any]:
    """The configuration as each candidate has it; itself where nothing is chosen."""
    return [candidate(config, number) for number in settings_of(config)] or [config]


def touching(config: Any, modalities: Sequence[str]) -> dict[str, Any]:
    """Number → configuration of the candidates that differ for a network over some modalities, the first of its like.

    Empty where nothing is chosen; one alone where no setting touches what the network is made of.
    """
    found: dict[str, Any] = {}
    for number in settings_of(config):
        one = candidate(config, number)
        for node in (one.model.encoders, one.get(MODALITY) or {}):
            for name in set(node) - set(modalities):
                del node[name]
        if all(any(one.get(node) != other.get(node) for node in (*NODES, MODALITY)) for other in found.values()):
            found[number] = one
    return found


def readings(config: Any, modalities: Sequence[str]) -> list[str]:
    """Numbers of the candidates that read some modalities differently, the first of its like; of one alone none."""
    found: dict[str, Any] = {}
    for number, nodes in (config.get("choose") or {}).items():
        read = nodes.get(MODALITY) or config.get(MODALITY) or {}
        mine = {name: read[name] for name in modalities if name in read}
        if mine not in found.values():
            found[str(number)] = mine
    return list(found) if len(found) > 1 else []


def _grid(grid: Mapping[Any, Any], known_groups: Sequence[str]) -> list[dict[str, Any]]:
    values: dict[str, list[Any]] = {}
    for written, value in grid.items():
        key = str(written).replace(".", "/") if str(written).replace(".", "/") in known_groups else str(written)
        if _MAY.fullmatch(key) is None:
            raise ConfigError(
                f"choose: {key} is not decided within folds. What may be is how modalities are read and how networks "
                f"learn: keys of {', '.join((MODALITY, *NODES))}, groups such as model/fuser, and preset. For example:"
                f"\n  {_EXAMPLE}"
            )
        if isinstance(value, list) and not value:
            raise ConfigError(f"choose: {key} has no values. Give it some, or leave it out.")
        values[key] = value if isinstance(value, list) else [value]
    return [dict(zip(values, one, strict=True)) for one in itertools.product(*values.values())] if values else []


def _overrides(settings: Mapping[str, Any], known_groups: Sequence[str]) -> list[str]:
    """Of the candidate, for Hydra; a key that its file does not name is added, for the check to know or refuse."""
    return [
        f"{'' if key.partition('@')[0] in known_groups else '++'}{key}={_word(value)}"
        for key, value in settings.items()
    ]


def _word(value: Any, *, bare: bool = False) -> str:
    """A value in Hydra's grammar; `bare` text stands without quotes, for readers."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_word(one, bare=bare)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_word(one, bare=bare) for one in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str) and not bare:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)


def _refuse_others(config: DictConfig, candidate: DictConfig, settings: Mapping[str, Any]) -> None:
    rest = [str(key) for key in config if key not in (*NODES, MODALITY, "choose", "preset", "hydra")]
    before, after = (OmegaConf.to_container(OmegaConf.masked_copy(one, rest)) for one in (config, candidate))
    changed = [one.partition(" ")[0] for one in changed_keys(before, after)]  # type: ignore[arg-type]
    if changed:
        raise ConfigError(
            f"choose: {told(settings)} changes {some(changed, 3)}. Who the patients are, the folds and "
            f"what is judged are the same for all candidates; they may differ in {', '.join((MODALITY, *NODES))}. Set "
            "these keys for all of them on the command line, or compare runs with --multirun."
        )
