"""Modalities of files: variants, copy number, slides, tile features and volumes that are joined to the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_modules.drafting.copies import told_twice
from data_modules.drafting.findings import Source
from data_modules.drafting.genomes import Genome, barcodes
from data_modules.drafting.ids import Join, join_names
from data_modules.drafting.listing import Found, Listing
from data_modules.drafting.pictures import (
    Series,
    patterns_of,
    read_features,
    read_slides,
    sequences_of,
    volume_patterns,
)
from data_modules.drafting.tables import Table

_STRANGE = "no patient of the tables is found in its names"


@dataclass(frozen=True, kw_only=True)
class Named:
    """What names patients inside files: samples of VCFs, and DICOM folders."""

    genomes: tuple[Genome, ...] = ()
    series: tuple[Series, ...] = ()


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
    made = [*_variants(named.genomes, known, left), *_mafs(mafs, known, left), *_segments(segments, known, left)]
    made += [*_slides(listing, known, left), *_features(listing.of("features"), known, left)]
    made += _volumes(listing, named.series, known, left)
    return made, left


def _variants(genomes: Sequence[Genome], known: set[str], left: dict[str, str]) -> list[Source]:
    left |= {one.file: one.problem for one in genomes if one.problem}
    sound = [one for one in genomes if not one.problem]
    join = join_names((sample for one in sound for sample in one.samples), known)
    names = "column"
    if join is None and sound and all(len(one.samples) == 1 for one in sound):
        join, names = join_names((one.file for one in sound), known, paths=True), "file"
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


def _mafs(mafs: Sequence[Table], known: set[str], left: dict[str, str]) -> list[Source]:
    made = []
    for number, table in enumerate(mafs):
        join = join_names(barcodes(table), known)
        if join is None:
            left[table.file] = f"{_STRANGE}: {barcodes(table)[0]}"
            continue
        key = "mutations" if not number else f"mutations_{number + 1}"
        made.append(Source(key=key, kind="maf", join=join, files=(table.file,), patterns=(table.file,), table=table))
    return made


def _segments(segments: Sequence[Table], known: set[str], left: dict[str, str]) -> list[Source]:
    made = []
    for number, table in enumerate(segments):
        samples = list(dict.fromkeys(table.frame[table.columns["sample"]]))
        join = join_names(samples, known)
        if join is None:
            left[table.file] = f"{_STRANGE}: {samples[0]}"
            continue
        key = "copy_number" if not number else f"copy_number_{number + 1}"
        made.append(
            Source(key=key, kind="copy_number", join=join, files=(table.file,), patterns=(table.file,), table=table)
        )
    return made


def _slides(listing: Listing, known: set[str], left: dict[str, str]) -> list[Source]:
    made: list[Source] = []
    for files in (listing.of("slide"), listing.of("image")):
        join = _joined(files, known, left)
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


def _features(files: Sequence[Found], known: set[str], left: dict[str, str]) -> list[Source]:
    join = _joined(files, known, left)
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
    join = _joined(files, known, left)
    scans = join_names((one.patient for one in series), known)
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


def _joined(files: Sequence[Found], known: set[str], left: dict[str, str]) -> Join | None:
    join = join_names((file.name for file in files), known, paths=True)
    if join is None:
        left |= {file.name: _STRANGE for file in files}
    return join
