"""The draft: findings as a cohort's YAML, with the reason of every guess beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from data_modules.drafting.endpoints import is_of_response
from data_modules.drafting.findings import Candidate, DraftColumn, DraftTable, Findings
from data_modules.drafting.ids import shape_of
from data_modules.drafting.keys import plain_key, unused
from data_modules.drafting.modalities import modality_lines, table_modality
from data_modules.drafting.words import baseline_word, is_site, unit_of
from data_modules.drafting.yaml_words import (
    FILL,
    OPEN,
    by_reason,
    comments,
    many,
    mapping,
    scalar,
    sequence,
    with_comment,
)
from fusion.contract import some

TOLERATED = 0.1
"""What `max_unmatched` is where nothing is set."""

_SHOWN = 30
_SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}


def draft_text(found: Findings, *, config_dir: str) -> str:
    """A cohort's YAML.

    Args:
        found: in its folder.
        config_dir: where the YAML will lie, for the commands in its head.
    """
    lines = ["# @package _global_", *comments(_head(found, config_dir)), "defaults:"]
    for key, kind in _modalities(found):
        lines.append(f"  - /modality@modality.{key}: {kind}")
    lines += ["", "cohort:", "  _target_: data_modules.cohort.source.CohortSource", f"  name: {scalar(found.name)}"]
    lines.append(with_comment(f"  root: {scalar(found.root)}", "the folder of the files"))
    lines += [*_genome(found), *_ids(found)]
    lines += [
        "",
        *comments(
            ["time: when a value is known (baseline, post_baseline, outcome). Only baseline columns can be inputs."],
            indent=2,
        ),
    ]
    lines.append("  tables:")
    for table in found.tables:
        lines += _table(table)
    lines += ["", *_endpoints(found.candidates), *_site(found), "", "modality:"]
    lines += [line for table in found.tables for line in table_modality(table)]
    lines += [line for source in found.sources for line in modality_lines(source)]
    return "\n".join([*lines, *_left(found), ""])


def _modalities(found: Findings) -> list[tuple[str, str]]:
    made = [(table.table.key, "table" if table.form == "columns" else "features") for table in found.tables]
    outcomes = {table.table.key for table in found.tables if table.form == "columns" and not table.inputs}
    return [one for one in made if one[0] not in outcomes] + [(one.key, one.kind) for one in found.sources]


def _head(found: Findings, config_dir: str) -> list[str]:
    lines = [
        f"{found.name}: drafted from the files in {found.root}.",
        "Every value with a reason beside it is a guess: read it through.",
        f"Fill in every {FILL} (train refuses them), delete what is not wanted, then:",
        f"  python -m fusion.check --config-dir {config_dir} cohort={found.name}",
        f"  python -m fusion.train --config-dir {config_dir} cohort={found.name}",
    ]
    if found.candidates:
        first = found.candidates[0]
        told = "".join(f"; dropped: {count} {why}" for why, count in found.dropped.items())
        lines.append(f"With {first.column} as the outcome {found.kept} patients would be kept{told}.")
    return [*lines, *(f"LOOK: {note}" for note in found.notes)]


def _genome(found: Findings) -> list[str]:
    if found.build is None:
        return ["  build: null" + "  # no variants are read"]
    why = "as the files say" if found.build != OPEN else "GRCh37 or GRCh38: the files do not say, or not the same"
    return [with_comment(f"  build: {scalar(found.build)}", why), *_absent(found)]


def _absent(found: Findings) -> list[str]:
    genomes = [one for source in found.sources for one in source.genomes]
    # Files of different samples list each its own sites, those of a tumour and its normal too.
    several = len({one.samples for one in genomes}) > 1
    single = [one for one in genomes if several or len(one.samples) == 1]
    maf = any(source.kind == "maf" for source in found.sources)
    if any(one.origin != "somatic" for one in single):
        why = "reference or unknown: what a site means that a patient's file does not list"
        return [with_comment(f"  absent_is: {FILL}", why)]
    if maf or single:
        why = "such files list the mutations found: what they do not list of a patient whom they name is not mutated"
        return [with_comment("  absent_is: reference", why)]
    why = "each file lists every site for all of its samples, so this counts for new patients alone"
    return [with_comment("  absent_is: unknown", why)]


def _ids(found: Findings) -> list[str]:
    lines = []
    most = max(found.alone, key=lambda key: found.alone[key], default=None)
    if most is not None and found.alone[most] > TOLERATED:
        value = min(1.0, math.ceil(100 * found.alone[most]) / 100)
        why = f"{found.alone[most]:.0%} of the patients of {most} are in no other file"
        lines.append(with_comment(f"  max_unmatched: {value}", why))
    patients = {one for table in found.tables for one in table.join.patients}
    shape = shape_of(patients)
    if shape is not None:
        told = f"patients_pattern: {scalar(shape)}   (all ids of the tables match it; without # others are refused)"
        lines += comments([told], indent=2)
    return lines


def _table(table: DraftTable) -> list[str]:
    columns = list(table.columns)
    if table.form != "columns":
        columns = [column for column in columns if column.hint is not None and not column.left_out]
        if not columns:
            return []
    read, join = table.table, table.join
    lines = [f"    {read.key}:"]
    how = _SEPARATORS.get(read.separator, repr(read.separator))
    where = f"sheet {read.form['sheet']}" if "sheet" in read.form else f"separated by {how}"
    notes = "".join(f"; {note}" for note in read.notes)
    lines.append(with_comment(f"      file: {scalar(read.file)}", f"{len(read.frame)} rows, {where}{notes}"))
    for key, value in read.form.items():
        lines.append(with_comment(f"      {key}: {scalar(value)}", "it is not UTF-8" if key == "encoding" else ""))
    lines.append(with_comment(f"      id: {scalar(join.column)}", join.reason))
    if join.pattern:
        lines.append(with_comment(f"      id_pattern: {scalar(join.pattern)}", "finds the patients of the other files"))
    if read.skipped:
        lines.append(with_comment(f"      skip_rows: {sequence(read.skipped)}", "these lines describe columns"))
    lines += _several(table)
    lines += _question(table)
    lines.append("      columns:")
    return lines + [_column(column, mixed=table.mixed) for column in columns]


def _several(table: DraftTable) -> list[str]:
    """How rows of one patient become one."""
    if not table.several or table.form != "columns":
        return []
    told = f"{many(table.several, 'patient')} with several rows"
    if table.rows is None:
        return [with_comment("      reduce: mean", f"{told}: columns that are the same in all of them are read")]
    name, counts = table.rows
    kinds = ", ".join(f"{scalar(value)} ({number})" for value, number in counts)
    lines = comments([f"{told}: which are of baseline, by {name}? {kinds}"], indent=6)
    return [
        *lines,
        with_comment(f"      rows: {mapping({scalar(name): FILL})}", "a value, or a list: others are left out"),
    ]


def _question(table: DraftTable) -> list[str]:
    """One value for the columns that are asked together."""
    together = [column.facts.name for column in table.columns if column.ask == "table"]
    if not together:
        return []
    count = many(len(together), "column")
    if not table.mixed:
        why = f"when was this known, {count}? No name tells of a later time; a column may say its own"
    elif any(baseline_word(name) is not None for name in together):
        why = f"when was this known, {count} without a time below? By their names often baseline: {some(together, 5)}"
    else:
        why = f"when was this known, {count} without a time below? No name tells: look at each"
    return [with_comment(f"      time: {FILL}", why)]


def _column(column: DraftColumn, *, mixed: bool) -> str:
    facts = column.facts
    name = scalar(facts.name)
    if column.left_out and not column.waits:
        return with_comment(f"        # {name}:", f"left out: {column.left_out}")
    pairs: dict[str, str] = {}
    if column.hint is not None or column.ask == "own":
        pairs["time"] = column.hint.time if column.hint else FILL
    if facts.kind != "category":
        pairs["kind"] = str(facts.kind)
    if facts.levels:
        pairs["levels"] = sequence(facts.levels)
    unit = facts.unit or unit_of(facts.name)
    if unit and facts.kind == "number":
        pairs["unit"] = scalar(unit)
    if facts.beyond:
        pairs["limits"] = "value"
    if facts.words:
        pairs["missing"] = sequence(facts.words)
    told = [f"{facts.missing:.0%} missing", _values(column)]
    if column.hint is not None:
        told.insert(0, f"proposed, for {column.hint.reason}")
    elif column.waits:
        told.insert(0, column.left_out)
    elif mixed and (word := baseline_word(facts.name)) is not None:
        told.insert(0, f"'{word}' is often known before therapy")
    if facts.kind == "ordered" or facts.beyond or "codes" in facts.reason or "level" in facts.reason:
        told.append(facts.reason)
    start = "        # " if column.waits else "        "
    body = f"{name}: {mapping(pairs)}" if pairs else f"{name}: {{}}"
    return with_comment(f"{start}{body}", "; ".join(told))


def _values(column: DraftColumn) -> str:
    facts = column.facts
    if (facts.kind == "number" and len(facts.counts) > 5) or not facts.counts:
        return f"{facts.low:g} to {facts.high:g}" if facts.low is not None else f"{facts.distinct} different"
    return ", ".join(f"{value} ({count})" for value, count in facts.counts[:6])


def _endpoints(candidates: Sequence[Candidate]) -> list[str]:
    lines = comments(
        ["Which values are of which class; the first endpoint is predicted, endpoint=<name> takes another."], indent=2
    )
    lines.append("  endpoints:")
    if not candidates:
        pairs = dict.fromkeys(("table", "column", "positive", "negative"), FILL)
        why = "no name of a column tells an outcome: name it, and give it time: outcome in its table"
        return [*lines, with_comment(f"    outcome: {mapping(pairs)}", why)]
    taken: list[str] = []
    for place, one in enumerate(candidates):
        key = unused(plain_key(one.column), taken)
        taken.append(key)
        pairs = {"table": one.table, "column": scalar(one.column)}
        counts = ", ".join(f"{value} ({count})" for value, count in one.counts)
        if one.time is not None:
            lines.append(_survival("    " if not place else "    # ", key, one, counts))
            continue
        pairs |= {"positive": FILL, "negative": FILL}
        if len(one.counts) == 2 and not is_of_response(one):
            pairs["classes"] = "[negative, positive]"  # their names; a run says else: no response, response
        if len(one.counts) > 2:
            counts += "; instead of positive and negative: classes: {<name>: [<values>], …}"
        proposed = f"positive: {_classes(one.positive)}, negative: {_classes(one.negative)}?; " if one.positive else ""
        start = "    " if not place else "    # "
        lines.append(with_comment(f"{start}{key}: {mapping(pairs)}", f"{proposed}{counts}"))
    return lines


def _survival(start: str, key: str, one: Candidate, counts: str) -> str:
    pairs = {"kind": "survival", "table": one.table, "time": scalar(one.time), "event": scalar(one.column)}
    pairs |= {"event_values": FILL, "censored_values": FILL}
    pairs |= {"unit": one.unit} if one.unit else {}
    if one.positive:
        counts = f"event_values: {_classes(one.positive)}, censored_values: {_classes(one.negative)}?; {counts}"
    told = f"{counts}; a time until an event, by their names; add time_zero: what times count from"
    return with_comment(f"{start}{key}: {mapping(pairs)}", told)


def _classes(values: Sequence[str]) -> str:
    """Codes without quotes: both ways of writing them are read."""
    return sequence(int(value) if value.isdigit() else value for value in values)


def _site(found: Findings) -> list[str]:
    for table in found.tables:
        for column in table.declared:
            if is_site(column.facts.name) and column.facts.kind == "category":
                pairs = {"table": table.table.key, "column": scalar(column.facts.name)}
                told = f"site: {mapping(pairs)}   (if this is the hospital or batch: folds then spread it)"
                return comments([told], indent=2)
    return []


def _left(found: Findings) -> list[str]:
    if not found.left:
        return []
    reasons = by_reason(found.left)
    told = [f"  {one}" for one in reasons[:_SHOWN]]
    if len(reasons) > _SHOWN:
        told.append(f"  and {len(reasons) - _SHOWN} more reasons")
    return ["", *comments([f"Left out, {many(len(found.left), 'file')}:", *told])]
