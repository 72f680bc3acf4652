"""What a project has of each kind of data: filters of the GDC's files endpoint, and its answers checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_modules.sources.web.http import MissingError, Service
from fusion.contract import FusionError, some

HOST = "https://api.gdc.cancer.gov"

KINDS: Mapping[str, Mapping[str, str]] = {
    "clinical": {"data_type": "Clinical Supplement", "data_format": "BCR Biotab"},
    "maf": {"data_type": "Masked Somatic Mutation", "data_format": "MAF"},
    "slides": {"data_type": "Slide Image", "experimental_strategy": "Diagnostic Slide"},
    "tissue_slides": {"data_type": "Slide Image", "experimental_strategy": "Tissue Slide"},
    "copy_number": {"data_type": "Allele-specific Copy Number Segment"},
}
"""Kind → fields of the files endpoint and the value that each must have."""

FOLDERS: Mapping[str, str] = {"clinical": "clinical_biotab"}
"""Kind → folder of its files, where it is not the kind's name: what conf/cohort/tcga_brca.yaml reads."""

_OF_ALL = frozenset({"clinical"})
"""Kinds whose files hold the whole project."""
_FIELDS = ("file_id", "file_name", "file_size", "md5sum", "access", "state", "cases.submitter_id")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[^/\\\x00-\x1f]{1,240}")
PAGE = 1000
"""Files an answer."""


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One file of the service.

    Attributes:
        kind: of `KINDS`.
        uuid: of the file.
        name: its file name, plain.
        size: bytes.
        md5: hexadecimal.
        state: as the service says.
        patients: submitter ids of its cases.
    """

    kind: str
    uuid: str
    name: str
    size: int
    md5: str
    state: str
    patients: tuple[str, ...]

    @property
    def address(self) -> str:
        """Of its bytes, below the service's host."""
        return f"data/{self.uuid}"

    @property
    def folder(self) -> str:
        """Where it is put below the output."""
        return FOLDERS.get(self.kind, self.kind)


def check_project(service: Service, project: str) -> str:
    """The project's name.

    Raises:
        FusionError: there is none of this id.
    """
    if _PROJECT.fullmatch(project) is None:
        raise FusionError(f"project={project}: is no project's id; they are like TCGA-BRCA.")
    try:
        content = service.ask(f"projects/{project}")
    except MissingError as error:
        raise FusionError(f"project={project}: the GDC has no such project. Ids are like TCGA-BRCA.") from error
    return str(content.get("data", {}).get("name", ""))


def list_files(service: Service, project: str, kind: str, *, controlled: bool) -> list[Remote]:
    """Every file of a kind, by patient and name.

    Args:
        service: to ask.
        project: its id.
        kind: of `KINDS`.
        controlled: whether files of controlled access are wanted too.

    Raises:
        FusionError: the answer is not as documented.
    """
    wanted = {"cases.project.project_id": [project], **{field: [value] for field, value in KINDS[kind].items()}}
    wanted["access"] = ["open", "controlled"] if controlled else ["open"]
    content = [{"op": "in", "content": {"field": field, "value": value}} for field, value in wanted.items()]
    found: dict[str, Remote] = {}
    while True:
        payload = {
            "filters": {"op": "and", "content": content},
            "fields": ",".join(_FIELDS),
            "format": "JSON",
            "sort": "file_id:asc",
            "from": len(found),
            "size": PAGE,
        }
        answer = service.ask("files", payload)
        try:
            hits, total = answer["data"]["hits"], int(answer["data"]["pagination"]["total"])
            new = [_remote(kind, hit, controlled=controlled) for hit in hits]
        except (KeyError, TypeError, ValueError) as error:
            raise FusionError(f"{service.host}/files: answered otherwise than its guide says ({error!r}).") from error
        before = len(found)
        found |= {one.uuid: one for one in new}
        if len(found) >= total:
            return sorted(found.values(), key=lambda one: (one.patients, one.name, one.uuid))
        if len(found) == before:
            raise FusionError(f"{service.host}/files: says {total} files and lists {len(found)}. Try again later.")


def _remote(kind: str, hit: Mapping[str, Any], *, controlled: bool) -> Remote:
    uuid, name, md5 = str(hit["file_id"]), str(hit["file_name"]), str(hit["md5sum"]).lower()
    size = int(hit["file_size"])
    if hit["access"] != "open" and not controlled:
        raise ValueError(f"{uuid} is {hit['access']} where open files were asked for")
    if _UUID.fullmatch(uuid) is None or _MD5.fullmatch(md5) is None or size < 0:
        raise ValueError(f"{uuid[:60]!r} has an id, checksum or size that is none")
    if _NAME.fullmatch(name) is None or name.startswith("."):
        raise ValueError(f"{uuid} has the file name {name[:60]!r}")
    patients = tuple(sorted({str(case["submitter_id"]) for case in hit.get("cases", [])}))
    return Remote(
        kind=kind, uuid=uuid, name=name, size=size, md5=md5, state=str(hit.get("state", "")), patients=patients
    )


def choose(files: Mapping[str, Sequence[Remote]], limit: int | None) -> tuple[list[Remote], list[str]]:
    """Files of the first patients, by id, who have every kind asked for; and who they are.

    Files that hold the whole project are taken whole. Without a limit all files are.

    Raises:
        FusionError: a kind has no file, or no patient has all kinds.
    """
    empty = [kind for kind, listed in files.items() if not listed]
    if empty:
        raise FusionError(
            f"The project has no open files of {some(empty)}. Leave it out of data, or look at the portal."
        )
    by_patient = {kind: listed for kind, listed in files.items() if kind not in _OF_ALL}
    have = [set(_patients(listed)) for listed in by_patient.values()]
    everyone = sorted(set.union(*have)) if have else []
    if limit is None or not have:
        return [one for listed in files.values() for one in listed], everyone
    both = sorted(set.intersection(*have))[:limit]
    if not both:
        raise FusionError(f"No patient has all of {', '.join(by_patient)}. Ask for them one at a time.")
    kept = set(both)
    chosen = [one for kind, listed in files.items() for one in listed if kind in _OF_ALL or kept & set(one.patients)]
    return chosen, both


def _patients(files: Iterable[Remote]) -> list[str]:
    return [patient for one in files for patient in one.patients]
