"""Which series a collection has, by version 2 of the IDC's API: manifests of a previewed cohort, page by page.

POST /cohorts/manifest/preview takes filters and the fields wanted; with a series' id among them there is one row a
series, with its size and its number of files. A busy service answers 202 with a token; so does a page that is not the
last. Either is gone on with by GET /cohorts/manifest/preview/nextPage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from data_modules.sources.web.http import Service
from fusion.contract import FusionError, some

API = "https://api.imaging.datacommons.cancer.gov/v2"
PAGE = 1000
"""Rows an answer."""
FIELDS = (
    "collection_id", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesDescription",
    "crdc_series_uuid", "aws_bucket", "license_short_name",
)  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BUCKET = re.compile(r"idc-[a-z0-9-]{1,50}")
_COLLECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One DICOM series.

    Attributes:
        uuid: its folder in the bucket.
        bucket: of Amazon S3.
        patient: PatientID.
        study: StudyInstanceUID.
        uid: SeriesInstanceUID.
        modality: as DICOM has it.
        description: SeriesDescription.
        licence: short name.
        files: how many.
        size: bytes.
    """

    uuid: str
    bucket: str
    patient: str
    study: str
    uid: str
    modality: str
    description: str
    licence: str
    files: int
    size: int

    @property
    def folder(self) -> str:
        """Where it is put below the output: a folder a patient, in it one a series."""
        patient = re.sub(r"[^A-Za-z0-9_.-]", "_", self.patient)
        return f"volumes/{patient if patient.strip('.') else '_'}/{self.uuid}"


def check_collection(service: Service, collection: str) -> str:
    """The collection's id as the service writes it.

    Raises:
        FusionError: there is none of this name.
    """
    if _COLLECTION.fullmatch(collection) is None:
        raise FusionError(f"collection={collection}: is no collection's id; they are like ispy2 or tcga_brca.")
    answer = service.ask("collections")
    try:
        known = [str(one["collection_id"]) for one in answer["collections"]]
    except (KeyError, TypeError) as error:
        raise FusionError(f"{service.host}/collections: answered otherwise than its guide says ({error!r}).") from error
    wanted = collection.lower().replace("-", "_")
    found = [one for one in known if one.lower().replace("-", "_") == wanted]
    if not found:
        near = [one for one in known if wanted[:4] in one.lower()]
        raise FusionError(
            f"collection={collection}: the IDC has no such collection"
            + (f"; near it are {some(sorted(near), 5)}." if near else ".")
        )
    return found[0]


def list_series(service: Service, collection: str, modalities: Sequence[str]) -> tuple[list[Series], str]:
    """Every series of a collection, by patient, description and id; and the IDC's data version.

    Raises:
        FusionError: the answer is not as documented, or a series is told of in two ways.
    """
    found: dict[str, Series] = {}
    version = "unknown"
    for answer in _pages(service, collection, modalities):
        try:
            told = answer.get("cohort_def", {}).get("filterSet", {}).get("idc_data_version")
            version = str(told or version)
            new = [_series(row) for row in answer["manifest"]["manifest_data"]]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FusionError(f"{service.host}: answered otherwise than its guide says ({error!r}).") from error
        for one in new:
            same = found.get(one.uuid)
            if same is None:
                found[one.uuid] = one
            elif replace(same, files=one.files, size=one.size) == one:  # rows of a series that differ in nothing asked
                found[one.uuid] = replace(one, files=same.files + one.files, size=same.size + one.size)
            else:
                raise FusionError(f"{service.host}: tells of series {one.uuid} in two ways. Try again later.")
    return sorted(found.values(), key=lambda one: (one.patient, one.modality, one.description, one.uuid)), version


def _pages(service: Service, collection: str, modalities: Sequence[str]) -> Iterator[dict[str, Any]]:
    filters: dict[str, list[str]] = {"collection_id": [collection]}
    if modalities:
        filters["Modality"] = list(modalities)
    body = {
        "cohort_def": {"name": "oncofusion", "description": "", "filters": filters},
        "fields": list(FIELDS), "counts": True, "group_size": True, "sql": False, "page_size": PAGE,
    }  # fmt: skip
    answer = service.ask("cohorts/manifest/preview", body)
    total, rows, idle = None, 0, 0
    while True:
        manifest = answer.get("manifest")
        if manifest is not None:
            try:
                rows += len(manifest["manifest_data"])
                total = int(manifest["totalFound"])
            except (KeyError, TypeError, ValueError) as error:
                raise FusionError(f"{service.host}: answered otherwise than its guide says ({error!r}).") from error
            idle = 0 if manifest["manifest_data"] else idle + 1
            yield answer
        else:  # 202: not done yet
            idle += 1
        token = answer.get("next_page")
        if not token:
            if total is None or rows != total:
                raise FusionError(f"{service.host}: says {total} series and lists {rows}. Try again later.")
            return
        if idle:
            service.wait(idle - 1, f"{service.host}/cohorts/manifest/preview: is not done yet")
        answer = service.ask(
            "cohorts/manifest/preview/nextPage?" + urlencode({"next_page": str(token), "page_size": PAGE})
        )


def _series(row: Mapping[str, Any]) -> Series:
    lower = {str(key).lower(): value for key, value in row.items()}  # the guide writes patientID and PatientID
    uuid, bucket = str(lower["crdc_series_uuid"]), str(lower["aws_bucket"])
    if _UUID.fullmatch(uuid) is None or _BUCKET.fullmatch(bucket) is None:
        raise ValueError(f"{uuid[:60]!r} in {bucket[:60]!r} is no series in a bucket")
    files, size = int(lower["instance_count"]), int(lower["group_size"])
    if files < 1 or size < 0 or not str(lower["patientid"] or "").strip():
        raise ValueError(f"series {uuid} has {files} files, {size} bytes and patient {lower['patientid']!r}")
    return Series(
        uuid=uuid, bucket=bucket, patient=str(lower["patientid"]).strip(), study=str(lower["studyinstanceuid"]),
        uid=str(lower["seriesinstanceuid"]), modality=str(lower["modality"] or ""),
        description=str(lower["seriesdescription"] or ""), licence=str(lower["license_short_name"] or "not stated"),
        files=files, size=size,
    )  # fmt: skip


def choose(series: Sequence[Series], description: str | None, limit: int | None) -> list[Series]:
    """Series whose description matches, of the first patients by id.

    Raises:
        FusionError: the expression cannot be read, or nothing is left.
    """
    if not series:
        raise FusionError("The collection has no series of these modalities. Leave modality out to see all it has.")
    try:
        kept = [one for one in series if description is None or re.search(description, one.description)]
    except re.error as error:
        raise FusionError(f"description={description}: is no regular expression ({error}).") from error
    if not kept:
        said = list(dict.fromkeys(one.description for one in series))
        raise FusionError(f"description={description}: matches none of {len(said)} descriptions, e.g. {some(said, 5)}.")
    first = set(sorted({one.patient for one in kept})[:limit])
    return [one for one in kept if one.patient in first]
