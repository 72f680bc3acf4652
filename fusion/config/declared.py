"""What a cohort file declares, read without Hydra: its modalities by kind, and choices that do not belong there.

A cohort file of earlier versions holds choices beside its data: they still count in training, with a line that says
where they belong; commands that take all choices from a finished run leave them out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fusion.config.files import find, merged, read
from fusion.contract.places import current

DATA = frozenset({"cohort", "modality", "defaults"})
"""Top-level keys of a cohort file that say what data are; all others are choices."""

_KINDS = {
    "data_modules.modalities.tables.table.Table": "table",
    "data_modules.modalities.tables.regimen.Regimen": "table",
    "data_modules.modalities.tables.features.Features": "features",
    "data_modules.modalities.variants.vcf.Variants": "variants",
    "data_modules.modalities.variants.maf.MafVariants": "variants",
    "data_modules.modalities.copy_number.copy_number.CopyNumber": "copy_number",
    "data_modules.modalities.slides.slides.Slides": "slides",
    "data_modules.modalities.slides.images.Images": "images",
    "data_modules.modalities.slides.tile_features.TileFeatures": "embeddings",
    "data_modules.modalities.volumes.volumes.Volumes": "volumes",
}
KINDS = tuple(dict.fromkeys(_KINDS.values()))
"""What `kinds` of a preset may name."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a cohort file and those that it extends say.

    Attributes:
        modalities: name → its kind; None where the class is not one of this package.
        encoders: modalities whose encoder the file chooses itself.
        content: the file, merged with those it extends.
        chosen: groups that its defaults choose, e.g. ``model/fuser``.
    """

    modalities: Mapping[str, str | None]
    encoders: frozenset[str] = frozenset()
    content: Mapping[str, Any] = field(default_factory=dict)
    chosen: frozenset[str] = frozenset()

    @property
    def choices(self) -> tuple[str, ...]:
        """Choices that the file holds, by their keys: what belongs into a preset."""
        keys = sorted(set(self.content) - DATA)
        return (*(f"model.encoders.{name}" for name in sorted(self.encoders)), *sorted(self.chosen), *keys)


def kind_of(node: Mapping[str, Any]) -> str | None:
    """The kind of a modality's node; slides whose tiles are embedded count as embeddings."""
    kind = _KINDS.get(current(str(node.get("_target_", ""))))
    return "embeddings" if kind == "slides" and node.get("embed") else kind


def declared(cohort: str, user_dir: Path | None) -> Declared:
    """What a cohort file says; nothing, where there is no such file.

    Raises:
        ConfigError: it is no YAML.
    """
    content: dict[str, Any] = {}
    options: dict[str, Mapping[str, Any]] = {}
    encoders: set[str] = set()
    chosen: set[str] = set()
    for own, choices in chain("cohort", cohort, user_dir):
        content = merged(content, own)
        for group, at, choice in choices:
            if group == "modality" and at.startswith("modality."):
                options[at.removeprefix("modality.")] = _option(choice, user_dir)
            elif group == "model/encoder":
                encoders.add(at.removeprefix("model.encoders."))
            elif group in ("model/fuser", "model/head", "trainer"):
                chosen.add(group)
    inline = content.get("modality") or {}
    nodes = {name: merged(options.get(name, {}), inline.get(name) or {}) for name in [*options, *inline]}
    encoders |= {name for name in (content.get("model") or {}).get("encoders", {}) if name in nodes}
    return Declared(
        modalities={name: kind_of(node) for name, node in nodes.items()},
        encoders=frozenset(encoders),
        content={key: value for key, value in content.items() if key != "defaults"},
        chosen=frozenset(chosen),
    )


def chain(group: str, name: str, user_dir: Path | None) -> Iterator[tuple[dict[str, Any], list[tuple[str, str, str]]]]:
    """A file and those of its group that it extends, the farthest first: content, and (group, package, choice)."""
    path = find(group, name, user_dir)
    if path is None:
        return
    content = read(path)
    choices: list[tuple[str, str, str]] = []
    for entry in content.get("defaults") or ():
        if isinstance(entry, str) and entry != "_self_":
            yield from chain(group, entry, user_dir)
        elif isinstance(entry, Mapping):
            key, value = next(iter(entry.items()))
            where, _, at = str(key).removeprefix("override ").removeprefix("optional ").lstrip("/").partition("@")
            choices += [(where, at, str(one)) for one in (value if isinstance(value, list) else [value])]
    yield {key: value for key, value in content.items() if key != "defaults"}, choices


def _option(name: str, user_dir: Path | None) -> Mapping[str, Any]:
    """A choice of the group ``modality``, with what it extends."""
    content: dict[str, Any] = {}
    for own, _ in chain("modality", name, user_dir):
        content = merged(content, own)
    return content


def advice(cohort: str, user_dir: Path | None) -> str | None:
    """One line on what a cohort file of earlier versions holds and where it belongs; None where it holds data alone."""
    path = find("cohort", cohort, user_dir)
    choices = declared(cohort, user_dir).choices if path is not None else ()
    if path is None or not choices:
        return None
    return (
        f"{path}: holds choices ({', '.join(choices)}), which still count. Move them to "
        f"{path.parent.parent / 'preset' / path.name}, so that the cohort says what data are and nothing else."
    )


def stripped(content: Mapping[str, Any]) -> dict[str, Any]:
    """A cohort file's content with its data alone, for commands that take all choices from a finished run."""

    def data(entry: Any) -> bool:
        key = entry if isinstance(entry, str) else str(next(iter(entry)))
        return not key.removeprefix("override ").lstrip("/").startswith(("model/", "trainer", "preset"))

    kept = {key: value for key, value in content.items() if key in DATA}
    if "defaults" in kept:
        kept["defaults"] = [entry for entry in kept["defaults"] if data(entry)]
    return kept


def overlay(user_dir: Path, target: Path) -> bool:
    """Copy a user's YAML to `target`, cohort files with their data alone; False, and no copy, where none holds choices.

    Raises:
        ConfigError: a cohort file is no YAML.
    """
    holding = [
        file.stem for file in sorted((user_dir / "cohort").glob("*.yaml")) if declared(file.stem, user_dir).choices
    ]
    if not holding:
        return False
    for file in user_dir.rglob("*.yaml"):
        place = target / file.relative_to(user_dir)
        place.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8")
        if file.parent == user_dir / "cohort" and file.stem in holding:
            header = "".join(f"{line}\n" for line in text.splitlines() if line.startswith("# @package"))
            text = header + yaml.safe_dump(stripped(read(file)), sort_keys=False, allow_unicode=True)
        place.write_text(text, encoding="utf-8")
    return True
