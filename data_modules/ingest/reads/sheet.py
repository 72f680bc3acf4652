"""The sample sheet: a row a lane of a sample, from a folder's file names or read, and what speaks against it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from data_modules.files import list_files
from data_modules.ingest.reads.settings import ReadsSettings
from fusion.contract import FusionError, some

Kind = Literal["germline", "tumour", "normal"]
COLUMNS = ("sample", "patient", "kind", "unit", "fastq_1", "fastq_2", "bam")
FASTQ = (".fastq.gz", ".fq.gz", ".fastq", ".fq")
ALIGNED = (".bam", ".cram")
_BY_PRODUCT = re.compile(r"^Undetermined(?:_|$)|_I[12](?:_001)?$")
"""As Illumina names them."""
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A lane of a sample: one FASTQ, a pair of them, or an alignment.

    Attributes:
        sample: whose column in a VCF it becomes.
        patient: whose sample it is.
        kind: ``germline``, or ``tumour`` and ``normal`` of a pair.
        unit: lane; unique within the sample.
        fastq_1: reads, or first mates.
        fastq_2: second mates.
        bam: BAM or CRAM instead.
    """

    sample: str
    patient: str
    kind: Kind
    unit: str
    fastq_1: Path | None = None
    fastq_2: Path | None = None
    bam: Path | None = None

    @property
    def files(self) -> list[Path]:
        """One or two."""
        return [path for path in (self.fastq_1, self.fastq_2, self.bam) if path is not None]


def from_folder(folder: Path, settings: ReadsSettings) -> list[Unit]:
    """A row for each lane that the file names tell, in the order of their names.

    Raises:
        FusionError: no reads, a name that says no sample, or two files for one place.
    """
    found = [path for path in _reads_below(folder) if not _BY_PRODUCT.search(_stem(path))]
    if not found:
        endings = ", ".join((*FASTQ, *ALIGNED))
        raise FusionError(f"{folder} holds no reads ({endings}). Point modality.variants.reads.folder to them.")
    places: dict[tuple[str, str], dict[str, Path]] = {}
    problems: list[str] = []
    for path in found:
        told = re.search(settings.sample_pattern, _stem(path))
        groups = told.groupdict() if told else {}
        sample = groups.get("sample")
        if not sample:
            problems.append(f"{path}: its name says no sample by reads.sample_pattern. Rename it, or write a sheet.")
            continue
        aligned = path.name.lower().endswith(ALIGNED)
        unit = groups.get("unit") or ("aligned" if aligned else "1")
        key = "bam" if aligned else f"fastq_{groups.get('mate') or '1'}"
        place = places.setdefault((sample, unit), {})
        if key in place:
            problems.append(
                f"{path} and {place[key]} are both {key} of sample {sample}, unit {unit}: a sample twice. Remove one, "
                "or name the lanes apart (…_L001_…, …_L002_…)."
            )
        place[key] = path
    units = []
    for (sample, unit), files in places.items():
        if "fastq_1" not in files and "fastq_2" in files:
            problems.append(f"{files['fastq_2']}: second mates without a file of first mates. Add it.")
        units.append(_unit(sample, unit, files, settings))
    problems += _both_kinds(units)
    if problems:
        raise FusionError("\n".join(problems))
    return units


def by_products(folder: Path) -> list[Path]:
    """Files that a demultiplexer leaves beside samples: reads of no sample, and reads of indices. No rows are made of
    them.
    """
    return [path for path in _reads_below(folder) if _BY_PRODUCT.search(_stem(path))]


def _reads_below(folder: Path) -> list[Path]:
    return [path for path in list_files(folder, ".", folders=True).found if _ending(path)]


def _stem(path: Path) -> str:
    return path.name[: -len(_ending(path))]


def _both_kinds(units: Sequence[Unit]) -> list[str]:
    """Reads beside their own alignment, which would count twice."""
    raw = {unit.sample: unit.fastq_1 or unit.fastq_2 for unit in units if unit.bam is None}
    return [
        f"{unit.bam} and {raw[unit.sample]} are both of sample {unit.sample}: reads and their alignment, a sample "
        "twice. Remove one, or write a sheet (reads.sheet), in which both may stand as units of their own."
        for unit in units
        if unit.bam is not None and unit.sample in raw
    ]


def _ending(path: Path) -> str:
    return next((end for end in (*FASTQ, *ALIGNED) if path.name.lower().endswith(end)), "")


def _unit(sample: str, unit: str, files: dict[str, Path], settings: ReadsSettings) -> Unit:
    patterns: tuple[tuple[Kind, str], ...] = (("tumour", settings.tumour_pattern), ("normal", settings.normal_pattern))
    for kind, pattern in patterns:
        told = re.search(pattern, sample, re.IGNORECASE)
        if told:
            return Unit(sample=sample, patient=told["patient"], kind=kind, unit=unit, **files)
    return Unit(sample=sample, patient=sample, kind="germline", unit=unit, **files)


def read_sheet(path: Path) -> list[Unit]:
    """The rows of a sheet; relative paths start at its folder.

    Raises:
        FusionError: it cannot be read, lacks a column, or a row says something that cannot be.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        raise FusionError(f"modality.variants.reads.sheet={path} cannot be read ({error}).") from error
    lacking = [name for name in ("sample", "kind") if rows and name not in rows[0]]
    if not rows or lacking:
        raise FusionError(
            f"{path}: {f'lacks {some(lacking)}' if lacking else 'has no rows'}. Columns: {', '.join(COLUMNS)}."
        )
    units, problems = [], []
    for number, row in enumerate(rows, start=2):
        given = {key: (value or "").strip() for key, value in row.items() if key}
        files = {key: path.parent / given[key] for key in ("fastq_1", "fastq_2", "bam") if given.get(key)}
        if given["kind"] not in get_args(Kind):
            problems.append(f"{path}, row {number}: kind is {given['kind']!r}. It is germline, tumour or normal.")
            continue
        if ("fastq_1" in files) == ("bam" in files):
            problems.append(f"{path}, row {number} ({given['sample']}): set fastq_1 (and fastq_2), or bam.")
            continue
        units.append(
            Unit(
                sample=given["sample"],
                patient=given.get("patient") or given["sample"],
                kind=given["kind"],  # type: ignore[arg-type]
                unit=given.get("unit") or "1",
                **files,
            )
        )
    if problems:
        raise FusionError("\n".join(problems))
    return units


def write_sheet(units: Sequence[Unit]) -> str:
    """As TSV, with absolute paths."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for unit in units:
        values = (getattr(unit, name) for name in COLUMNS)
        writer.writerow(
            ["" if value is None else value.absolute() if isinstance(value, Path) else value for value in values]
        )
    return stream.getvalue()


def sheet_problems(units: Sequence[Unit], settings: ReadsSettings) -> list[str]:
    """Names that a workflow cannot take, a sample twice, one file in two places, tumours without a normal."""
    problems = []
    for unit in units:
        wrong = [name for name in (unit.sample, unit.patient, unit.unit) if not _NAME.match(name)]
        if wrong:
            problems.append(f"sample {unit.sample}: {wrong[0]!r} may hold letters, digits, - and _ alone. Rename it.")
    lanes = Counter((unit.sample, unit.unit) for unit in units)
    problems += [
        f"sample {name}, unit {lane} is there twice. Remove a row."
        for (name, lane), often in lanes.items()
        if often > 1
    ]
    used: dict[Path, str] = {}
    for unit in units:
        for path in unit.files:
            if not path.is_file():
                problems.append(f"sample {unit.sample}: there is no file {path}. Mend the sheet.")
            elif path.resolve() in used:
                problems.append(
                    f"{path} is of sample {used[path.resolve()]} and of {unit.sample}: a sample twice. Remove one."
                )
            used.setdefault(path.resolve(), unit.sample)
    facts: dict[str, set[tuple[str, str]]] = {}
    for unit in units:
        facts.setdefault(unit.sample, set()).add((unit.patient, unit.kind))
    problems += [
        f"sample {name} is of several patients or kinds ({some(sorted(said))})."
        for name, said in facts.items()
        if len(said) > 1
    ]
    return problems + _pair_problems(units, settings)


def _pair_problems(units: Sequence[Unit], settings: ReadsSettings) -> list[str]:
    samples = {unit.sample: unit for unit in units}
    normals = Counter(unit.patient for unit in samples.values() if unit.kind == "normal")
    problems = [
        f"patient {name} has {often} normals, of which one could be meant."
        for name, often in normals.items()
        if often > 1
    ]
    alone = [unit.sample for unit in samples.values() if unit.kind == "tumour" and unit.patient not in normals]
    if alone and settings.caller != "gatk":
        problems.append(
            f"tumours without a normal of their patient ({some(alone)}): {settings.caller} cannot tell what is somatic "
            "in them. Add the normals, or set reads.caller=gatk with reads.gatk.panel_of_normals."
        )
    elif alone and settings.gatk.panel_of_normals is None:
        problems.append(f"tumours without a normal ({some(alone)}) need reads.gatk.panel_of_normals. Set it.")
    return problems
