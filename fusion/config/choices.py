"""Data apart from choices: a cohort says what data are, a preset how to learn from them; here the two meet.

A preset (conf/preset/<name>.yaml) names encoder, selection and sampling by the *kind* of a modality, or by a modality's
name, which overrules its kind; then fuser, head, training and folds::

    kinds:
      variants: {encoder: linear, selector: {features: 8}}
    modalities:
      slides: {encoder: {name: cnn, norm: group}, tile: {size: 32}}
    fuser: additive
    trainer: {max_epochs: 24}

For a cohort's modalities this becomes a layer of configuration (`layer`), which Hydra lays between the cohort and the
experiment: what experiment and command line say still counts most. A cohort file of earlier versions may hold choices
of its own: they count more than a preset's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.config.declared import KINDS, chain, declared
from fusion.config.files import ConfigError, find, merged, names, roots

AUTO, GENERAL = "auto", "general"
"""The preset that follows the cohort, and the one taken where none has the cohort's name."""

OWN = "the cohort file's own choices"
"""Stands for a preset where a cohort file of earlier versions holds choices."""


_BROKEN = "broken: "
_PLAIN = {"fuser": "cross_attention", "head": "response"}
_PARTS = ("kinds", "modalities", "fuser", "head")


def preset_of(cohort: str, preset: str, user_dir: Path | None) -> str:
    """The name of the preset that counts.

    Args:
        cohort: as chosen.
        preset: as chosen; ``auto`` follows the cohort.
        user_dir: folder of the user's own YAML.
    """
    if preset != AUTO:
        return preset
    if declared(cohort, user_dir).choices:
        return OWN
    return cohort if find("preset", cohort, user_dir) is not None else GENERAL


def layer(cohort: str, preset: str, user_dir: Path | None) -> dict[str, Any]:
    """The choices of a preset for the modalities of a cohort, as a configuration with a defaults list.

    Keys that the cohort file sets itself are left out.

    Raises:
        ConfigError: the preset names a kind or a key that there is not.
    """
    name = preset_of(cohort, preset, user_dir)
    facts = declared(cohort, user_dir)
    content: dict[str, Any] = dict(_PLAIN) if name == OWN else {**_PLAIN, **_preset(name, user_dir)}
    defaults: list[Any] = [{f"/model/{part}": content[part]} for part in ("fuser", "head")]
    body: dict[str, Any] = {key: value for key, value in content.items() if key not in _PARTS}
    for modality, kind in facts.modalities.items():
        entry = merged(content.get("kinds", {}).get(kind) or {}, content.get("modalities", {}).get(modality) or {})
        encoder = entry.pop("encoder", None)
        if encoder is not None and modality not in facts.encoders:
            options = {} if isinstance(encoder, str) else {key: encoder[key] for key in encoder if key != "name"}
            chosen = encoder if isinstance(encoder, str) else encoder["name"]
            defaults.append({f"/model/encoder@model.encoders.{modality}": chosen})
            body = merged(body, {"model": {"encoders": {modality: options}}} if options else {})
        body = merged(body, {"modality": {modality: entry}} if entry else {})
    return {"defaults": [*defaults, "_self_"], **_without(body, facts.content), "preset": name}


def encoder_of(kind: str | None, preset: str, user_dir: Path | None) -> str | None:
    """The encoder that a preset names for a kind of modality; None where it names none."""
    entry = (_preset(preset, user_dir).get("kinds") or {}).get(kind) or {}
    encoder = entry.get("encoder")
    return encoder["name"] if isinstance(encoder, Mapping) else encoder


def register(user_dir: Path | None) -> None:
    """Make the layer of every cohort with every preset known to Hydra, as ``choices/<cohort>/<preset>``.

    A file that is wrong counts only where it is chosen: then `refuse_broken` says what is wrong with it. What is known
    already stays known until a file changes, comes or goes.
    """
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    files = [file for root in roots(user_dir) for part in _READ for file in sorted((root / part).rglob("*.yaml"))]
    today = (id(store.repo), *((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))
    if _registered[:] == [today]:
        return
    store.repo.setdefault("choices", _Layers())
    plain = [{f"/model/{part}": name} for part, name in _PLAIN.items()]
    for cohort in names("cohort", user_dir):
        for preset in names("preset", user_dir):
            try:
                node = layer(cohort, preset, user_dir)
            except ConfigError as error:
                node = {"defaults": plain, "preset": f"{_BROKEN}{error}"}
            store.store(group=f"choices/{cohort}", name=preset, node=node, package="_global_", provider="oncofusion")
    _registered[:] = [today]


class _Layers(dict[str, Any]):
    """Of all cohorts; Hydra copies its whole store whenever it composes, and what it takes from it once more.

    A third of the time of a command's start went there.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> _Layers:
        return self


_READ = ("cohort", "preset", "modality", "model")
"""Groups whose files layers are made of."""

_registered: list[tuple[Any, ...]] = []
"""Of which files the layers are that Hydra knows: path, time and size of each."""


def refuse_broken(preset: object) -> None:
    """See `register`.

    Raises:
        ConfigError: the cohort's or the preset's file that was chosen is wrong.
    """
    if isinstance(preset, str) and preset.startswith(_BROKEN):
        raise ConfigError(preset.removeprefix(_BROKEN))


def _preset(name: str, user_dir: Path | None) -> Mapping[str, Any]:
    content: dict[str, Any] = {}
    for own, _ in chain("preset", name, user_dir):
        content = merged(content, own)
    strangers = [kind for kind in content.get("kinds") or {} if kind not in KINDS]
    if strangers:
        raise ConfigError(f"preset {name}: kinds.{strangers[0]} is no kind of modality: {', '.join(KINDS)}.")
    return content


def _without(body: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`body` less the keys that `own` sets, at any depth."""
    made = {}
    for key, value in body.items():
        if key not in own:
            made[key] = value
        elif isinstance(value, Mapping) and isinstance(own[key], Mapping):
            rest = _without(value, own[key])
            made |= {key: rest} if rest else {}
    return made
