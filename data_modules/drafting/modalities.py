"""The modalities of a draft, as YAML."""

from __future__ import annotations

from data_modules.drafting.findings import DraftTable, Source
from data_modules.drafting.ids import Choices, Join
from data_modules.drafting.words import smell
from data_modules.drafting.yaml_words import FILL, comments, many, mapping, scalar, sequence, with_comment
from fusion.contract import some
from fusion.contract.modality import COMPONENTS, MANY_COLUMNS

_SCORES = "z-scores over all patients, those held out too: better the values themselves, where they are there"


def table_modality(table: DraftTable) -> list[str]:
    """Lines of a table's modality; none where all its columns are outcomes."""
    read, join = table.table, table.join
    if table.form == "columns":
        return [f"  {read.key}: {{table: {read.key}}}"] if table.inputs else []
    notes = [_SCORES, *read.notes] if "zscore" in read.key.replace("_", "") else list(read.notes)
    lines = [f"  {read.key}:", with_comment(f"    file: {scalar(read.file)}", "; ".join(notes))]
    lines += [f"    {key}: {scalar(value)}" for key, value in read.form.items()]
    turned = table.form == "turned"
    lines.append(with_comment(f"    id: {scalar(join.column or table.named_by)}", "" if turned else join.reason))
    lines += _pattern("id_pattern", join, table.choices, join.reason if turned else "")
    if table.form == "turned":
        count, why = table.features, "a row is a feature, named in id; a column is a patient"
        lines.append(with_comment("    transpose: true", why))
    else:
        seen = sum(column.facts.kind == "number" and column.hint is None for column in table.columns)
        count = seen + sum(smell(name) is None for name in read.unseen)
    why = f"when its {count} numbers were known: baseline, or they cannot be inputs"
    lines.append(with_comment(f"    time: {FILL}", why))
    lines += _reduced(count)
    left = [
        column.facts.name
        for column in table.columns
        if (column.facts.kind != "number" and column.facts.reason != "nothing is known in any row") or column.hint
    ]
    if table.form == "wide":
        left += filter(smell, read.unseen)
    if left:
        why = f"no numbers, or of a later time by their names: {some(left, 3)}"
        lines.append(with_comment(f"    exclude: {sequence(left)}", why))
    for key, (value, told) in table.settings.items():
        written = sequence(value) if isinstance(value, list) else scalar(value)
        lines.append(with_comment(f"    {key}: {written}", told))
    return lines


def _reduced(count: int) -> list[str]:
    """Of a wide table: components in the place of columns, for training to take minutes, or to be possible at all."""
    if count <= MANY_COLUMNS:
        return []
    why = f"principal components of training patients: {count} columns are many to relate to one another; # keeps them"
    return [with_comment(f"    components: {COMPONENTS}", why)]


def modality_lines(source: Source) -> list[str]:
    """Lines of a modality of files."""
    write = {
        "variants": _variants, "maf": _maf, "copy_number": _segments, "slides": _pictures,
        "tile_features": _pictures, "volumes": _volumes,
    }[source.kind]  # fmt: skip
    told = f"{many(len(source.files), 'file')}, {many(len(source.join.patients), 'patient')}"
    return [
        with_comment(f"  {source.key}:", told),
        *write(source),
        *_pattern("patient_pattern", source.join, source.choices, source.join.reason),
    ]


def _pattern(key: str, join: Join, choices: Choices | None, reason: str) -> list[str]:
    """The pattern that finds the patient; left to fill where it has to choose among samples of a patient."""
    if join.sheet is not None:
        file, name, patient = map(scalar, join.sheet)
        pairs = {"file": file, "key": name, "patient": patient}
        return [with_comment(f"    sample_sheet: {mapping(pairs)}", join.reason)]
    if join.pattern is None:
        return []
    if choices is None or not choices.choices:
        return [with_comment(f"    {key}: {scalar(join.pattern)}", reason)]
    told = [f"{many(choices.several, 'patient')} have several samples. Which are of baseline, and of the tumour?"]
    told += [f"  {scalar(one.pattern)}  {many(one.patients, 'patient')}, e.g. {one.example}" for one in choices.choices]
    why = "one of those above: it leaves other samples out"
    return [*comments(told, indent=4), with_comment(f"    {key}: {FILL}", why)]


def _variants(source: Source) -> list[str]:
    lines = ["    files:"]
    origins = {one.origin for one in source.genomes}
    for origin in sorted(origins, key=str):
        genomes = [one for one in source.genomes if one.origin == origin]
        alone = len(genomes) == 1 or (len(origins) > 1 and len(genomes) <= 20)
        paths = [one.file for one in genomes] if alone else source.patterns
        why = genomes[0].reason if origin else "somatic or germline: nothing in it tells"
        for path in paths:
            entry = mapping({"path": scalar(path), "origin": origin or FILL})
            lines.append(with_comment(f"      - {entry}", why))
    if source.names == "file":
        lines.append(with_comment("    inputs: {names: file}", "the patient is in the file's name, not in its column"))
    told = {one.annotation for one in source.genomes if one.annotation}
    if len(told) == 1:
        pairs = {key: scalar(value) for key, value in told.pop()}
        lines.append(
            with_comment(f"    annotation: {mapping(pairs)}", "tags of its header that may be gene and consequence")
        )
    return lines


def _maf(source: Source) -> list[str]:
    files = source.files if len(source.files) == 1 else source.patterns
    return [f"    files: {scalar(files[0]) if len(files) == 1 else sequence(files)}"]


def _segments(source: Source) -> list[str]:
    assert source.table is not None, "of segments"
    named = {part: scalar(name) for part, name in source.table.columns.items()}
    pairs = {**dict.fromkeys(("major", "minor", "log2"), "null"), **named}
    return [f"    file: {scalar(source.files[0])}", f"    columns: {mapping(pairs)}"]


def _pictures(source: Source) -> list[str]:
    assert source.pictures is not None, "of slides and features"
    files = scalar(source.patterns[0]) if len(source.patterns) == 1 else sequence(source.patterns)
    lines = [with_comment(f"    files: {files}", "; ".join(source.pictures.notes))]
    for key, (value, why) in source.pictures.settings.items():
        lines.append(with_comment(f"    {key}: {scalar(value)}", why))
    return lines


def _volumes(source: Source) -> list[str]:
    lines = [f"    files: {sequence(source.patterns)}", "    sequences:"]
    for name, (match, intensity, why) in source.sequences.items():
        pairs = {"match": scalar(match), "time": FILL, "intensity": scalar(intensity)}
        if name in source.copies:
            lines.append(f"      # {name}: {mapping(pairs)}  # left out: {source.copies[name]}")
            continue
        start = "      # " if name.startswith("mask_") else "      "
        told = f"{why}; a mask goes to mask: {{match, of}}" if name.startswith("mask_") else why
        lines.append(with_comment(f"{start}{name}: {mapping(pairs)}", told))
    return lines
