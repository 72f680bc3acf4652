"""Modalities of files: variants, copy number, slides, tile features and volumes that are joined to the tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data_modules.drafting.copies import told_twice
from data_modules.drafting.findings import Source
from data_modules.drafting.genomes import Genome, barcodes
from data_modules.drafting.ids import Join, join_names, sample_choices
from data_modules.drafting.listing import Found, Listing
from data_modules.drafting.pictures import (
    Series,
    patterns_of,
    read_features,
    read_slides,
    sequences_of,
    volume_patterns,
)
from data_modules.drafting.shapes.sheets import join_by_sheet
from data_modules.drafting.tables import Table

_STRANGE = "no patient of the tables is found in its names"


@dataclass(frozen=True, kw_only=True)
class Named:
    """What names patients: samples of VCFs, DICOM folders, and tables that may say whose a file or sample is."""

    genomes: tuple[Genome, ...] = ()
    series: tuple[Series, ...] = ()
    sheets: tuple[Table, ...] = ()

    def join(self, names: Iterable[str], known: set[str], *, paths: bool = False) -> Join | None:
        """By the names themselves, else by a table that says whose they are."""
        names = list(names)
        return join_names(names, known, paths=paths) or join_by_sheet(names, known, self.sheets, paths=paths)


def sources_of(
    listing: Listing, named: Named, mafs: Sequence[Table], segments: Sequence[Table], known: set[str]
) -> tuple[list[Source], dict[str, str]]:
    """The modalities of files, and file → why it is left out.

    Args:
        listing: of the folder.
        named: what names patients inside files.
        mafs: tables of mutations.
        segments: tables of copy number.
        known: patients of the tables.
    """
    left: dict[str, str] = {}
    made = [*_variants(named, known, left), *_mafs(mafs, named, known, left), *_segments(segments, named, known, left)]
    made += [*_slides(listing, named, known, left), *_features(listing.of("features"), named, known, left)]
    made += _volumes(listing, named.series, known, left)
    return made, left


def _variants(named: Named, known: set[str], left: dict[str, str]) -> list[Source]:
    left |= {one.file: one.problem for one in named.genomes if one.problem}
    sound = [one for one in named.genomes if not one.problem]
    join = join_names((sample for one in sound for sample in one.samples), known)
    names = "column"
    if join is None and sound and all(len(one.samples) == 1 for one in sound):
        join, names = join_names((one.file for one in sound), known, paths=True), "file"
    if join is None:
        join, names = named.join((sample for one in sound for sample in one.samples), known), "column"
    if join is None:
        left |= {one.file: f"{_STRANGE}: {one.samples[0]}" for one in sound}
        return []
    files = tuple(one.file for one in sound)
    return [
        Source(
            key="variants",
            kind="variants",
            join=join,
            files=files,
            patterns=patterns_of(files),
            genomes=tuple(sound),
            names=names,
        )
    ]


def _mafs(mafs: Sequence[Table], named: Named, known: set[str], left: dict[str, str]) -> list[Source]:
    """A modality of all files of different samples: one a patient; a file that names samples of another is its own."""
    groups: list[tuple[dict[str, None], dict[str, None]]] = []  # files, samples
    tables = {table.file: table for table in mafs}
    for table in mafs:
        found = dict.fromkeys(barcodes(table))
        if found and named.join(found, known) is None:
            left[table.file] = f"{_STRANGE}: {next(iter(found))}"
            continue
        group = next((one for one in groups if one[1].keys().isdisjoint(found)), None)
        if group is None:
            groups.append(({table.file: None}, found))
        else:
            group[0].update({table.file: None})
            group[1].update(found)
    made: list[Source] = []
    for files, names in groups:
        samples = list(names)
        join = named.join(samples, known)
        if join is None:
            left |= dict.fromkeys(files, f"{_STRANGE}, e.g. {samples[0]}" if samples else "no line in it")
            continue
        key = "mutations" if not made else f"mutations_{len(made) + 1}"
        made.append(
            Source(
                key=key, kind="maf", join=join, files=tuple(files), table=tables[next(iter(files))],
                patterns=patterns_of(files) if len(files) == len(mafs) else tuple(files),
                choices=sample_choices(samples, join.pattern),
            )
        )  # fmt: skip
    return made


def _segments(segments: Sequence[Table], named: Named, known: set[str], left: dict[str, str]) -> list[Source]:
    made = []
    for number, table in enumerate(segments):
        samples = list(dict.fromkeys(table.frame[table.columns["sample"]]))
        join = named.join(samples, known)
        if join is None:
            left[table.file] = f"{_STRANGE}: {samples[0]}"
            continue
        key = "copy_number" if not number else f"copy_number_{number + 1}"
        made.append(
            Source(
                key=key,
                kind="copy_number",
                join=join,
                files=(table.file,),
                patterns=(table.file,),
                table=table,
                choices=sample_choices(samples, join.pattern),
            )
        )
    return made


def _slides(listing: Listing, named: Named, known: set[str], left: dict[str, str]) -> list[Source]:
    made: list[Source] = []
    for files in (listing.of("slide"), listing.of("image")):
        join = _joined(files, named, known, left)
        if join is None:
            continue
        pictures = read_slides(files)
        left |= pictures.problems
        made.append(
            Source(
                key="slides" if not made else "images",
                kind="slides",
                join=join,
                files=pictures.files,
                patterns=pictures.patterns,
                pictures=pictures,
            )
        )
    images = listing.of("image")
    if images and images[0].name in left:
        hint = "no patient in its name; folders of images by class: cohort=histology_tiles, docs/histology_tiles.md"
        left |= {file.name: hint for file in images}
    return made


def _features(files: Sequence[Found], named: Named, known: set[str], left: dict[str, str]) -> list[Source]:
    join = _joined(files, named, known, left)
    if join is None:
        return []
    pictures = read_features(files)
    left |= pictures.problems
    return [
        Source(
            key="tile_features",
            kind="tile_features",
            join=join,
            files=pictures.files,
            patterns=pictures.patterns,
            pictures=pictures,
        )
    ]


def _volumes(listing: Listing, series: Sequence[Series], known: set[str], left: dict[str, str]) -> list[Source]:
    files = listing.of("volume")
    join = _joined(files, Named(), known, left)
    # Anonymised files lie in folders that still name the patient; a name is folder, PatientID and description.
    told = (f"{one.folder}/{one.patient}/{one.description}" for one in series)
    scans = join_names((one.patient for one in series), known) or join_names(told, known)
    if scans is None:
        left |= {one.folder: f"{_STRANGE}: PatientID {one.patient!r}" for one in series}
    joins = [one for one in (join, scans) if one is not None]
    if not joins:
        return []
    names = [file.name for file in files] if join is not None else []
    folders = [one.folder for one in series] if scans is not None else []
    pattern = next((one.pattern for one in joins if one.pattern), None)
    patients = tuple(dict.fromkeys(patient for one in joins for patient in one.patients))
    whole = Join(patients=patients, pattern=pattern, reason=joins[0].reason, shared=sum(one.shared for one in joins))
    slices = [file.name for file in listing.of("dicom")] if scans is not None else []
    others = (file.name for file in listing.of("slide", "image", "features", "vcf", "bcf"))
    patterns = volume_patterns(names, slices, others)
    sequences = sequences_of(names, pattern, series if scans is not None else ())
    copies = told_twice(sequences, files, listing.of("dicom"), series, pattern) if len(joins) == 2 else {}
    return [
        Source(
            key="volumes", kind="volumes", join=whole, files=(*names, *folders), patterns=patterns,
            sequences=sequences, copies=copies,
        )
    ]  # fmt: skip


def _joined(files: Sequence[Found], named: Named, known: set[str], left: dict[str, str]) -> Join | None:
    join = named.join((file.name for file in files), known, paths=True)
    if join is None:
        left |= {file.name: _STRANGE for file in files}
    return join
