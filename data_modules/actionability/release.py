"""A release of CIViC as its four tables: variants, molecular profiles and evidence, joined by their ids.

CIViC: Griffith et al., Nature Genetics 49 (2017), 170-174; content CC0. Nothing of it is shipped with this package: the
files are given by path, and what is shown of them carries their date and SHA-256.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from data_modules.hashes import file_hash
from fusion.contract import FusionError

_KINDS = {
    "evidence": ("ClinicalEvidenceSummaries", "molecular_profile_id disease doid therapies therapy_interaction_type "
                 "evidence_type evidence_direction evidence_level significance citation rating evidence_id "
                 "variant_origin evidence_civic_url is_flagged"),
    "profiles": ("MolecularProfileSummaries", "name molecular_profile_id variant_ids molecular_profile_civic_url "
                 "assertion_ids"),
    "variants": ("VariantSummaries", "variant_id gene variant chromosome start stop reference_bases variant_bases "
                 "reference_build variant_types hgvs_descriptions variant_civic_url"),
}  # fmt: skip
"""What each table is called in a file's name, and the columns that are read."""
_ASSERTIONS = ("AssertionSummaries", "assertion_id disease therapies therapy_interaction_type assertion_type "
               "assertion_direction significance amp_category assertion_civic_url")  # fmt: skip
"""The table that a release has beside them, and the only one that states AMP levels; it need not be there."""
_OPTIONAL = {"molecular_profile_civic_url", "assertion_ids", "therapy_interaction_type", "assertion_civic_url"}
_CELL = 1 << 20
_JOINS = {"Combination": " + ", "Substitutes": " or ", "Sequential": " then "}


@dataclass(frozen=True, kw_only=True)
class CivicVariant:
    """A variant as CIViC names it; cells that are empty there are empty here.

    Attributes:
        start: first base, 1-based, in `build`; None where CIViC has no coordinates.
        types: Sequence Ontology terms.
        hgvs: descriptions, genomic, coding and of the protein.
    """

    id: str
    gene: str
    name: str
    chromosome: str
    start: int | None
    stop: int | None
    reference: str
    alternate: str
    build: str
    types: tuple[str, ...]
    hgvs: tuple[str, ...]
    url: str


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A molecular profile: one variant, or several joined by AND, OR and NOT in `name`; ids of its assertions."""

    id: str
    name: str
    variants: tuple[str, ...]
    assertions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Assertion:
    """What CIViC's curators state over the evidence of a profile in a disease.

    Attributes:
        tier: the AMP/ASCO/CAP tier and level in CIViC's words (Li et al., J Mol Diagn 19:4-23, 2017); empty: none
            stated. It is never derived from evidence.
        effect: as of `Evidence`.
    """

    id: str
    kind: str
    effect: str
    tier: str
    regimen: str
    disease: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A row of evidence.

    Attributes:
        effect: e.g. ``sensitivity``; ``against sensitivity`` where the row says that it does *not* support it.
        therapies: single agents; how they are given together says `regimen`.
        regimen: ``A + B`` (combination), ``A or B`` (either is meant: CIViC's *Substitutes*), ``A then B``.
        level: A validated, B clinical, C case study, D preclinical, E inferential.
        flagged: CIViC's editors have marked the row for review.
    """

    id: str
    profile: str
    kind: str
    effect: str
    level: str
    therapies: tuple[str, ...]
    regimen: str
    disease: str
    doid: str
    rating: str
    origin: str
    citation: str
    url: str
    flagged: bool


@dataclass(frozen=True, kw_only=True)
class Release:
    """What the tables hold.

    Attributes:
        date: as in the files' names.
        hashes: file name → SHA-256.
    """

    date: str
    hashes: Mapping[str, str]
    variants: Mapping[str, CivicVariant]
    profiles: Mapping[str, Profile]
    evidence: Mapping[str, tuple[Evidence, ...]]
    """Profile id → its rows."""
    assertions: Mapping[str, Assertion] | None = None
    """By id; None where the table is not among the files."""


def read_release(folder: Path) -> Release:
    """Read the tables of one release.

    Args:
        folder: holds ``<date>-ClinicalEvidenceSummaries.tsv``, ``…MolecularProfileSummaries.tsv`` and
            ``…VariantSummaries.tsv`` of one date.

    Raises:
        FusionError: a table is missing, of several dates, or lacks a column.
    """
    files = {kind: _only(folder, name) for kind, (name, _) in _KINDS.items()}
    stated = sorted(folder.glob(f"*{_ASSERTIONS[0]}.tsv"))
    if len(stated) > 1:
        raise FusionError(f"civic={folder} holds {len(stated)} files *{_ASSERTIONS[0]}.tsv. Keep one.")
    # Newer releases call what is accepted so: 01-Oct-2026-AcceptedClinicalEvidenceSummaries.tsv.
    dates = {
        path.name[: path.name.index(name)].removesuffix("Accepted").strip("-_")
        for path, (name, _) in [
            *((files[kind], named) for kind, named in _KINDS.items()), *((one, _ASSERTIONS) for one in stated)
        ]
    }  # fmt: skip
    if len(dates) > 1:
        raise FusionError(f"civic={folder} holds tables of several releases ({', '.join(sorted(dates))}). Keep one.")
    variants = {cells["variant_id"]: _variant(cells) for cells in _rows(files["variants"], *_KINDS["variants"])}
    profiles = {
        cells["molecular_profile_id"]: Profile(
            id=cells["molecular_profile_id"],
            name=cells["name"],
            variants=_list(cells["variant_ids"]),
            assertions=_list(cells.get("assertion_ids", "")),
        )
        for cells in _rows(files["profiles"], *_KINDS["profiles"])
    }
    evidence: dict[str, list[Evidence]] = {}
    for cells in _rows(files["evidence"], *_KINDS["evidence"]):
        evidence.setdefault(cells["molecular_profile_id"], []).append(_evidence(cells))
    return Release(
        date=dates.pop() or "not stated",
        hashes={path.name: file_hash(path) for path in (*files.values(), *stated)},
        variants=variants,
        profiles=profiles,
        evidence={profile: tuple(rows) for profile, rows in evidence.items()},
        assertions={
            cells["assertion_id"]: _assertion(cells) for path in stated for cells in _rows(path, *_ASSERTIONS)
        } if stated else None,
    )  # fmt: skip


def _only(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"*{name}.tsv")) if folder.is_dir() else []
    if len(found) != 1:
        what = f"holds {len(found)} files *{name}.tsv" if folder.is_dir() else "is no folder"
        raise FusionError(
            f"civic={folder} {what}. Give the folder of one release: its three tables ClinicalEvidenceSummaries, "
            "MolecularProfileSummaries and VariantSummaries (civicdb.org, Releases)."
        )
    return found[0]


def _rows(path: Path, named: str, columns: str) -> Iterator[dict[str, str]]:
    """Rows as text. The tables have no quoting: a quote in a statement is a character."""
    csv.field_size_limit(_CELL)
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        lacking = [one for one in columns.split() if one not in (reader.fieldnames or ()) and one not in _OPTIONAL]
        if lacking:
            raise FusionError(f"{path} lacks the columns {', '.join(lacking)}: is it CIViC's {named}?")
        for number, cells in enumerate(reader, start=2):
            if None in cells or None in cells.values():
                raise FusionError(f"{path}, line {number} has more or fewer fields than the header: fetch it again.")
            yield {name: cell.strip() for name, cell in cells.items()}


def _list(cell: str) -> tuple[str, ...]:
    return tuple(part for part in (one.strip() for one in cell.split(",")) if part and part != "N/A")


def _variant(cells: Mapping[str, str]) -> CivicVariant:
    def place(name: str) -> int | None:
        return int(cells[name]) if cells[name].isdigit() else None

    return CivicVariant(
        id=cells["variant_id"],
        gene=cells["gene"],
        name=re.sub(r"\s+", " ", cells["variant"]),
        chromosome=cells["chromosome"],
        start=place("start"),
        stop=place("stop"),
        reference=cells["reference_bases"].upper(),
        alternate=cells["variant_bases"].upper(),
        build=cells["reference_build"],
        types=_list(cells["variant_types"]),
        hgvs=_list(cells["hgvs_descriptions"]),
        url=cells["variant_civic_url"],
    )


def _evidence(cells: Mapping[str, str]) -> Evidence:
    agents, regimen = _therapies(cells)
    return Evidence(
        id=cells["evidence_id"],
        profile=cells["molecular_profile_id"],
        kind=cells["evidence_type"],
        effect=_effect(cells, "evidence_direction"),
        level=cells["evidence_level"],
        therapies=agents,
        regimen=regimen,
        disease=cells["disease"],
        doid=cells["doid"],
        rating=cells["rating"],
        origin=cells["variant_origin"],
        citation=cells["citation"],
        url=cells["evidence_civic_url"],
        flagged=cells["is_flagged"] == "true",
    )


def _therapies(cells: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """Single agents, and how they are given together."""
    joint = _JOINS.get(cells.get("therapy_interaction_type", ""))
    # A comma in the name of a single agent (2,4-pyrimidinediamine) separates nothing.
    agents = tuple(re.split(r",(?!\s)", cells["therapies"])) if joint else (cells["therapies"],)
    agents = tuple(agent.strip() for agent in agents if agent.strip())
    return agents, (joint or ", ").join(agents)


def _effect(cells: Mapping[str, str], direction: str) -> str:
    said = cells["significance"].lower().replace("sensitivity/response", "sensitivity")
    return f"against {said}" if cells[direction] == "Does Not Support" else said


def _assertion(cells: Mapping[str, str]) -> Assertion:
    return Assertion(
        id=cells["assertion_id"],
        kind=cells["assertion_type"],
        effect=_effect(cells, "assertion_direction"),
        tier=cells["amp_category"],
        regimen=_therapies(cells)[1],
        disease=cells["disease"],
        url=cells.get("assertion_civic_url", "") or f"https://civicdb.org/links/assertions/{cells['assertion_id']}",
    )
