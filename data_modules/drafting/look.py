"""A folder looked at: its tables and other files, what joins them, what may be an outcome, who would be kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from data_modules.drafting.columns import ALMOST_EMPTY, column_facts
from data_modules.drafting.endpoints import candidates_of
from data_modules.drafting.findings import Candidate, DraftColumn, DraftTable, Findings
from data_modules.drafting.genomes import barcodes, maf_build, read_genomes
from data_modules.drafting.ids import Join, candidates, join_tables, sample_choices
from data_modules.drafting.keys import keys_of, plain_key
from data_modules.drafting.listing import Listing, list_folder
from data_modules.drafting.pictures import read_dicom
from data_modules.drafting.questions.times import with_questions
from data_modules.drafting.shapes.several import with_rows
from data_modules.drafting.shapes.sheets import of_files
from data_modules.drafting.shapes.turned import turned_table, wide_settings
from data_modules.drafting.sources import Named, sources_of
from data_modules.drafting.tables import Table, is_list_of_mutations, read_tables
from data_modules.drafting.twice import told_twice
from data_modules.drafting.words import is_id, smell, smell_of_values, smells_of_outcome, tokens
from data_modules.drafting.yaml_words import OPEN, by_reason, many, one_line
from fusion.contract import FusionError, some

_MUTATIONS = (
    "a list of mutations that is no MAF: name its columns as a MAF's (Tumor_Sample_Barcode, Hugo_Symbol, Chromosome, "
    "Start_Position, Reference_Allele, Tumor_Seq_Allele2, Variant_Classification)"
)
_SHEETS = "for sample_sheet: {file, key, patient} of a modality whose file names do not"
WIDE = 60
"""Columns of numbers above which a table becomes a modality of features, which are reduced on training patients."""


def look_at(folder: Path, *, name: str, told: Callable[[str, int, int], None]) -> Findings:
    """Look at a folder.

    Args:
        folder: of a cohort's files.
        name: of the cohort.
        told: step, done, total.

    Raises:
        FusionError: there is no such folder, it holds nothing to read, or its files share no patient.
    """
    if not folder.is_dir():
        raise FusionError(f"folder={folder}: there is no such folder.")
    listing = list_folder(folder, lambda done: told("Listing files", done, 0))
    if not listing.files:
        raise FusionError(f"folder={folder}: it holds no file. Give the folder of the cohort's files.")
    files = listing.of("table")
    told("Reading tables", 0, len(files))
    read, left = read_tables(files, keys_of([file.name for file in files]))
    left |= {file.name: file.why for file in listing.of("other", "unreadable", "bcf", "matrix_table") if file.why}
    left |= {file.name: "declared by hand: conf/modality/variants.yaml" for file in listing.of("bcf", "matrix_table")}
    told("Reading headers", 0, 0)
    series, broken, skipped = read_dicom(listing.of("dicom"))
    left |= broken
    patients = [table for table in read if table.sort == "patients"]
    named = Named(genomes=tuple(read_genomes(listing.of("vcf"))), series=tuple(series), sheets=tuple(patients))
    names = {file.name for file in listing.files}
    lists = [one for one in patients if is_list_of_mutations(one)]
    patients = [one for one in patients if one not in lists]
    left |= {one.file: _MUTATIONS for one in lists}
    of_others = {one.file: column for one in patients if (column := of_files(one, names)) is not None}
    patients = [one for one in patients if one.file not in of_others]
    left |= {file: f"its column {column} says whose files are: {_SHEETS}" for file, column in of_others.items()}
    mafs, segments = ([table for table in read if table.sort == sort] for sort in ("maf", "segments"))
    others = _names(listing, named, mafs, segments)
    joins = join_tables(patients, others)
    known = {one for join in joins.values() for one in join.patients}
    told("Reading columns", 0, len(joins))
    tables, why = _tables(patients, joins, known)
    left |= why
    sources, why = sources_of(listing, named, mafs, segments, known)
    left |= why
    said = [f"Left out: {one_line('; '.join(by_reason(left)[:3]))}."] if left else []
    _refuse_strangers(tables, len(sources), patients, others, joins, " ".join(["", *said, *listing.notes]))
    tables, notes = told_twice(tables)
    empty = [table for table in tables if table.form == "columns" and not table.declared]
    for table in empty:
        each = some([f"{column.facts.name}: {column.left_out}" for column in table.columns], 2)
        left[table.table.file] = f"nothing in it to learn from ({each})"
    tables = [with_questions(table) for table in tables if table not in empty]
    if skipped:
        notes.append(f"{skipped} folders of DICOM files are not looked at.")
    ids = {table.table.key: set(table.join.patients) for table in tables}
    ids |= {source.key: set(source.join.patients) for source in sources}
    found = candidates_of(tables)
    builds = {one.build for one in named.genomes if not one.problem} | {maf_build(table) for table in mafs}
    variants = [source for source in sources if source.kind in ("variants", "maf")]
    kept, dropped = _who(found, tables, ids)
    return Findings(
        name=name, root=str(folder), listing=listing, tables=tuple(tables),
        sources=tuple(sources), left=left, candidates=tuple(found), notes=(*listing.notes, *notes),
        alone=_alone(ids), build=_build(builds) if variants else None, kept=kept, dropped=dropped,
    )  # fmt: skip


def _names(listing: Listing, named: Named, mafs: Sequence[Table], segments: Sequence[Table]) -> dict[str, list[str]]:
    """Source → names that may hold patients."""
    others = {
        "variants": [sample for genome in named.genomes for sample in genome.samples],
        **{f"maf {table.file}": barcodes(table) for table in mafs},
        **{f"segments {table.file}": list(dict.fromkeys(table.frame[table.columns["sample"]])) for table in segments},
        **{kind: [file.name for file in listing.of(kind)] for kind in ("slide", "image", "features", "volume")},
        "dicom": [one.patient for one in named.series],
        "folders of dicom": [one.folder for one in named.series],
    }
    return {key: names for key, names in others.items() if names}


def _tables(
    tables: Sequence[Table], joins: dict[str, Join], known: set[str]
) -> tuple[list[DraftTable], dict[str, str]]:
    made: list[DraftTable] = []
    left: dict[str, str] = {}
    for table in tables:
        where = table.file + (f", sheet {table.form['sheet']}" if "sheet" in table.form else "")
        join = joins.get(table.key)
        turned = turned_table(table, known) if join is None else None
        if turned is not None:
            made.append(turned)
            continue
        if join is None:
            left[where] = _strange(table, known)
            continue
        drafted = with_rows(_table(table, join))
        if drafted is None:
            several = [patient for patient, rows in Counter(join.patients).items() if rows > 1]
            left[where] = (
                f"{many(len(several), 'patient')} with several rows ({some(several, 3)}): say by reduce, order and "
                "until how they become one, docs/inputs.md"
            )
        else:
            made.append(drafted)
    return made, left


def _strange(table: Table, known: set[str]) -> str:
    """Why a table is left out that nothing joins to the others."""
    ids = candidates(table)
    if not ids:
        return "no column of ids"
    first = next(iter(ids.values()))[0]
    other = min(known, default="")
    if first.isdigit() and not other.isdigit() and other[-1:].isdigit():
        return (
            f"its ids are numbers (e.g. {first}) where others are as {other}: write them alike in the file, if they "
            "are the same patients' numbers and not of its rows"
        )
    return f"its ids fit no other file's (e.g. {first})"


def _table(table: Table, join: Join) -> DraftTable:
    outcome = smells_of_outcome(plain_key(table.file.rpartition("/")[2])) or smells_of_outcome(table.key)
    columns = []
    for name in table.frame.columns:
        if name == join.column:
            continue
        facts = column_facts(name, list(table.frame[name]))
        left = facts.reason if facts.kind is None else ""
        if not left and facts.missing >= ALMOST_EMPTY:
            left = f"{facts.missing:.0%} missing"
        if not left and is_id(name) and facts.kind == "category":
            left = "an id by its name"
        if tokens(str(name)) == ["fold"]:
            left = "folds of a cross-validation, which train takes by folds=<file>"
        hint = smell(name) or smell_of_values([value for value, _ in facts.counts]) or outcome
        columns.append(DraftColumn(facts=facts, hint=hint, left_out=left))
    numbers = sum(column.facts.kind == "number" for column in columns)
    wide = len(columns) > WIDE and numbers >= 0.9 * len(columns) and outcome is None and not table.skipped
    settings = wide_settings(columns) if wide else {}
    choices = sample_choices(table.frame[join.column], join.pattern) if wide else None
    return DraftTable(
        table=table, join=join, columns=tuple(columns), form="wide" if wide else "columns", outcome=outcome,
        settings=settings, choices=choices,
    )  # fmt: skip


def _refuse_strangers(
    tables: Sequence[DraftTable],
    sources: int,
    every: Sequence[Table],
    others: dict[str, list[str]],
    joins: dict[str, Join],
    why: str,
) -> None:
    """No patients at all, or none in two files; `why` ends the first: what was left out."""
    examples = {table.file: next(iter(found.values()))[0] for table in every if (found := candidates(table))}
    examples |= {source: names[0] for source, names in others.items() if source != "image"}
    told = some([f"{one!r} in {where}" for where, one in examples.items()], 6)
    if not tables:
        if not examples:
            raise FusionError(
                f"folder: no table names patients. A cohort needs a table with the outcome, one row a patient.{why}"
            )
        raise FusionError(f"folder: no table with one row a patient was found. Files name: {told}.{why}")
    alone = len(tables) + sources == 1 and tables[0].form == "columns"
    if alone and len(examples) > 1 and not joins[tables[0].table.key].shared:
        raise FusionError(f"folder: no two files share patients. They are written {told}: write them alike.")


def _alone(ids: dict[str, set[str]]) -> dict[str, float]:
    made = {}
    for key, patients in ids.items():
        others = set().union(*(found for other, found in ids.items() if other != key))
        made[key] = len(patients - others) / len(patients) if others and patients else 0.0
    return made


def _build(builds: Iterable[str | None]) -> str:
    said = {build for build in builds if build is not None}
    return said.pop() if len(said) == 1 else OPEN


def _who(
    found: Sequence[Candidate], tables: Sequence[DraftTable], ids: dict[str, set[str]]
) -> tuple[int, dict[str, int]]:
    """Of the first candidate: patients with a label and an input, and why others are dropped."""
    if not found:
        return 0, {}
    first = found[0]
    table = next(one for one in tables if one.table.key == first.table)
    cells, labelled = set(filter(None, table.owners)), set(table.by_patient(first.column))
    outcomes = {one.table.key for one in tables if one.form == "columns" and not one.inputs}
    somewhere = set().union(*(patients for key, patients in ids.items() if key not in outcomes))
    everyone = set().union(*ids.values())
    dropped = {
        f"no row in {table.table.file}": len(everyone - cells),
        f"{first.column} is missing": len(cells - labelled),
        "nothing to learn from": len(labelled - somewhere),
    }
    return len(labelled & somewhere), {why: count for why, count in dropped.items() if count}
