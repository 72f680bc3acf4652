"""A collection by name against a local server that answers as the IDC's guide and Amazon S3's say, faults included."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from data_modules.sources.idc import query
from data_modules.sources.idc.__main__ import main
from data_modules.sources.idc.bucket import list_instances
from data_modules.sources.idc.query import Series, choose, list_series
from data_modules.sources.web.http import Service
from fusion.contract import FusionError
from tests.helpers.served import Answers, Served, served


def uuid(number: int, part: int = 0) -> str:
    return f"{number:08x}-0000-4000-8000-{part:012x}"


@dataclass
class World(Served):
    """What the server has, too."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    listed: int = 1000

    def add(self, patient: str, modality: str, description: str, *, files: int = 3, licence: str = "CC BY 4.0") -> str:
        one = uuid(len(self.rows) + 1)
        bodies = {f"{one}/{uuid(len(self.rows) + 1, part + 1)}.dcm": f"{one}{part}".encode() * 50
                  for part in range(files)}  # fmt: skip
        self.files |= bodies
        self.tags |= {key: hashlib.md5(body).hexdigest() for key, body in bodies.items()}
        self.rows.append(
            {
                "collection_id": "ispy2", "PatientID": patient, "StudyInstanceUID": "1.2.3", "Modality": modality,
                "SeriesInstanceUID": f"1.2.3.{len(self.rows)}", "SeriesDescription": description,
                "crdc_series_uuid": one, "aws_bucket": "idc-open-data", "license_short_name": licence,
                "instance_count": str(files), "group_size": sum(map(len, bodies.values())),
            }
        )  # fmt: skip
        return one


class OfIdc(Answers):
    world: World

    def get(self) -> None:
        parts = urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/v2/collections":
            self.give({"collections": [{"collection_id": "ispy2"}, {"collection_id": "ispy1"}], "code": 200})
        elif parts.path == "/v2/cohorts/manifest/preview/nextPage":
            self.page(int(asked["next_page"]), int(asked["page_size"]), first=False)
        elif parts.path == "/bucket/idc-open-data/" and asked.get("list-type") == "2":
            self.listing(asked["prefix"], int(asked.get("continuation-token", 0)))
        elif (key := parts.path.removeprefix("/bucket/idc-open-data/")) in self.world.files:
            self.body(self.world.files[key])
        else:
            self.plain(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def post(self, payload: dict[str, Any]) -> None:
        assert self.path == "/v2/cohorts/manifest/preview"
        self.page(0, payload["page_size"], first=True)

    def page(self, start: int, size: int, *, first: bool) -> None:
        filters = self.world.payloads[-1]["cohort_def"]["filters"]
        every = [row for row in self.world.rows if row["Modality"] in filters["Modality"]]
        assert filters["collection_id"] == ["ispy2"]
        rows, end = every[start : start + size], start + size
        content = {
            "code": 200, "next_page": str(end) if end < len(every) else "",
            "manifest": {"manifest_data": rows, "rowsReturned": len(rows), "totalFound": len(every)},
        }  # fmt: skip
        if first:
            content["cohort_def"] = {"filterSet": {"filters": filters, "idc_data_version": "21.0"}}
        self.give(content)

    def listing(self, prefix: str, start: int) -> None:
        keys = sorted(key for key in self.world.files if key.startswith(prefix))
        part, more = keys[start : start + self.world.listed], start + self.world.listed < len(keys)
        items = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{self.world.tags[key]}&quot;</ETag><Size>{len(self.world.files[key])}</Size>"
            "<StorageClass>INTELLIGENT_TIERING</StorageClass></Contents>"
            for key in part
        )
        token = f"<NextContinuationToken>{start + self.world.listed}</NextContinuationToken>" if more else ""
        text = (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>idc-open-data</Name><Prefix>{prefix}</Prefix><KeyCount>{len(part)}</KeyCount>"
            f"<MaxKeys>1000</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}</ListBucketResult>"
        )
        self.plain(200, text.encode())


@pytest.fixture
def world() -> Iterator[World]:
    """Three patients with MR; one has a CT besides, one a segmentation under another licence."""
    world = World()
    for patient in ("ISPY2-002", "ISPY2-001", "ISPY2-003"):
        world.add(patient, "MR", "T1 DCE post")
    world.add("ISPY2-001", "MR", "LOCALIZER", files=1)
    world.add("ISPY2-001", "CT", "chest")
    world.add("ISPY2-003", "SEG", "tumour", licence="CC BY-NC 4.0")
    with served(world, OfIdc):
        yield world


def api(world: World) -> Service:
    return Service(host=f"{world.address}/v2", pause=0.0, timeout=5.0, tries=3)


def store(world: World) -> Service:
    return Service(host=f"{world.address}/bucket/idc-open-data", pause=0.0, timeout=5.0, tries=3)


def run(world: World, output: Path, *arguments: str) -> int:
    where = (f"api={world.address}/v2", f"store={world.address}/bucket/{{bucket}}", f"output={output}")
    return main(["collection=ispy2", *where, *arguments])


def listed(world: World, *modalities: str) -> list[Series]:
    return list_series(api(world), "ispy2", modalities or ("MR", "CT"))[0]


def test_a_collection_arrives_as_folders_of_patients_and_series(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(world, tmp_path, "modality=[MR,SEG]", "description=T1|tumour") == 0
    told = capsys.readouterr().out
    assert "ispy2, IDC data version 21.0: 4 series, 12 files, 3 patients\n" in told
    assert "  MR                  3 series      0.000 GB\n" in told
    assert "  described     T1 DCE post (3), tumour (1)\n" in told
    assert "  licence       CC BY-NC 4.0 (1 series)\n" in told
    assert told.index("Terms: each series") < told.index("[1/4]")
    assert "All 12 files of 4 series are in" in told and "no checksum" not in told
    for row in (*world.rows[:3], world.rows[5]):
        folder = tmp_path / "volumes" / row["PatientID"] / row["crdc_series_uuid"]
        wanted = {key.split("/")[1]: body for key, body in world.files.items() if key.startswith(folder.name)}
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == wanted
    assert not (tmp_path / "volumes" / "ISPY2-001" / world.rows[3]["crdc_series_uuid"]).exists()
    with (tmp_path / "idc_series.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["patient_id"] for row in rows] == ["ISPY2-001", "ISPY2-002", "ISPY2-003", "ISPY2-003"]
    assert rows[0]["bytes"] == str(world.rows[1]["group_size"]) and (tmp_path / rows[0]["folder"]).is_dir()
    assert json.loads((tmp_path / "idc.json").read_text())["version"] == "21.0"
    body = world.payloads[0]
    assert body["cohort_def"]["filters"] == {"collection_id": ["ispy2"], "Modality": ["MR", "SEG"]}
    assert (body["counts"], body["group_size"], body["fields"]) == (True, True, list(query.FIELDS))
    before = len(world.asked)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=64 << 20))  # room for no byte more
    assert run(world, tmp_path, "modality=[MR,SEG]", "description=T1|tumour") == 0  # again: no file is fetched
    assert [path for path, _ in world.asked[before:] if path.endswith(".dcm")] == []
    assert "To fetch: 0.000 GB" in capsys.readouterr().out


def test_dry_and_limit(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(world, tmp_path, "limit=1", "dry=true") == 0
    assert "3 series, 7 files, 1 patients" in capsys.readouterr().out
    assert not (tmp_path / "volumes").exists()
    assert not any("/bucket/" in path for path, _ in world.asked)
    assert {one.patient for one in choose(listed(world), None, 2)} == {"ISPY2-001", "ISPY2-002"}
    assert run(world, tmp_path, "description=[L]O", "dry=true") == 0  # taken as it is written, not as a list
    assert "1 series, 1 files, 1 patients" in capsys.readouterr().out
    with pytest.raises(FusionError, match=r"matches none of 3 descriptions, e\.g\. chest, LOCALIZER"):
        choose(listed(world), "T2", None)


def test_pages_and_a_service_that_is_not_done_yet(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "PAGE", 2)

    def busy(handler: Any) -> bool:
        handler.give({"code": 202, "message": "Request timed out", "next_page": "0"}, 202)
        return True

    world.faults = [busy, busy]
    found = listed(world)
    assert [one.patient for one in found] == ["ISPY2-001", "ISPY2-001", "ISPY2-001", "ISPY2-002", "ISPY2-003"]
    asked = [path for path, _ in world.asked]
    assert asked[0] == "/v2/cohorts/manifest/preview"
    assert [path.partition("?")[2] for path in asked[1:]] == [
        "next_page=0&page_size=2", "next_page=0&page_size=2", "next_page=2&page_size=2", "next_page=4&page_size=2",
    ]  # fmt: skip
    world.faults = [busy] * 9
    with pytest.raises(FusionError, match="is not done yet, 3 times"):
        listed(world)


def test_answers_that_are_wrong(world: World) -> None:
    for key, value in (
        ("crdc_series_uuid", "../../x"), ("aws_bucket", "evil.example.org/x"), ("instance_count", "many"),
        ("group_size", -1), ("PatientID", ""),
    ):  # fmt: skip
        good = world.rows[0][key]
        world.rows[0][key] = value
        with pytest.raises(FusionError, match="answered otherwise than its guide says"):
            listed(world)
        world.rows[0][key] = good
    other = {**world.rows[0], "PatientID": "ISPY2-009"}
    world.rows.append(other)
    with pytest.raises(FusionError, match="in two ways"):
        listed(world)
    other["PatientID"] = "ISPY2-002"  # the same series in two rows that differ in nothing asked: its files together
    assert next(one for one in listed(world) if one.patient == "ISPY2-002").files == 6

    def short(handler: Any) -> bool:
        handler.give({"code": 200, "next_page": "", "manifest": {"manifest_data": [], "totalFound": 7}})
        return True

    world.faults = [short]
    with pytest.raises(FusionError, match="says 7 series and lists 0"):
        listed(world)


def test_a_patient_of_any_name_is_a_folder_below_the_output(world: World) -> None:
    world.rows[0]["PatientID"] = "../../a b/é"
    assert listed(world)[0].folder == f"volumes/.._.._a_b__/{world.rows[0]['crdc_series_uuid']}"
    world.rows[0]["PatientID"] = ".."
    assert listed(world)[0].folder.startswith("volumes/_/")


def test_a_bucket_is_listed_to_its_end(world: World) -> None:
    world.listed = 2
    one = listed(world)[1]
    found = list_instances(store(world), one)
    assert [instance.address for instance in found] == sorted(key for key in world.files if key.startswith(one.uuid))
    assert [instance.md5 for instance in found] == [world.tags[instance.address] for instance in found]

    def answer(text: bytes) -> Callable[[Any], bool]:
        return lambda handler: handler.plain(200, text) or True

    other = f"{uuid(9)}/{uuid(9, 1)}.dcm"  # a file as others are, of another series
    for text, words in (
        (b"<html><body>portal</body></html>", "it is a html"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult/>", "no listing of a bucket"),
        (b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "and not where"),
        (b"<ListBucketResult><Contents><Key>" + one.uuid.encode() + b"/../x.dcm</Key><Size>3</Size></Contents>"
         b"</ListBucketResult>", "which is no file of it"),
        (f"<ListBucketResult><Contents><Key>{other}</Key><Size>3</Size></Contents></ListBucketResult>".encode(),
         "which is no file of it"),
        (b"<ListBucketResult/>", "lists 0 files of series"),
    ):  # fmt: skip
        world.faults = [answer(text)]
        with pytest.raises(FusionError, match=words):
            list_instances(store(world), one)


def test_half_a_file_is_gone_on_with_and_a_wrong_one_refused(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = sorted(key for key in world.files if key.startswith(uuid(1)))[0]

    def half(handler: Any) -> bool:
        if not handler.path.endswith(first):
            return False
        handler.plain(200, world.files[first][:100], claim=len(world.files[first]))
        return True

    world.faults = [half]
    assert run(world, tmp_path, "description=T1") == 0
    ranges = [headers.get("Range") for path, headers in world.asked if path.endswith(first)]
    assert ranges == [None, "bytes=100-"]
    assert (tmp_path / "volumes" / "ISPY2-002" / first).read_bytes() == world.files[first]
    world.files[first] = b"!" * len(world.files[first])
    assert run(world, tmp_path / "other", "description=T1") == 2
    assert "its MD5 is" in capsys.readouterr().err
    assert not (tmp_path / "other" / "volumes" / "ISPY2-002" / first).exists()


def test_of_a_file_in_several_parts_the_size_is_compared(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = sorted(world.files)[0]
    world.tags[key] = "0123456789abcdef0123456789abcdef-2"
    assert run(world, tmp_path, "description=T1") == 0
    assert (
        "their checksums right; of 1 the bucket gives no checksum, and their size is right" in capsys.readouterr().out
    )
    instance = list_instances(store(world), listed(world)[3])[0]
    assert (instance.address, instance.md5) == (key, None)

    def longer(handler: Any) -> bool:
        return handler.path.endswith(key) and (handler.plain(200, world.files[key] + b"more") or True)

    world.faults = [longer, longer]
    assert run(world, tmp_path / "other", "description=T1") == 2
    assert f"its size is not {len(world.files[key])} bytes, twice" in capsys.readouterr().err


def test_what_is_not_there_is_named_and_a_disk_too_small_said_before(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = sorted(world.files)[0]

    def gone(handler: Any) -> bool:
        return handler.path.endswith(key) and (handler.plain(404, b"") or True)

    world.faults = [gone]
    assert run(world, tmp_path, "description=T1") == 2
    assert "1 files are listed and cannot be fetched" in capsys.readouterr().err
    assert len(list((tmp_path / "volumes").rglob("*.dcm"))) == 8, "the rest arrives"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert run(world, tmp_path / "small") == 2
    assert "are to be fetched and 0.00 GB are free" in capsys.readouterr().err
    assert not (tmp_path / "small" / "volumes").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["modality=MR"], "Give collection=<id>"),
        (["collection=ispy2", "modality=[XX]"], "modality: XX is none of MR, CT"),
        (["collection=ispy2", "limit=0"], "limit=0: give a number of patients"),
        (["collection=ispy2", "dry=1"], "dry=1: give true or false"),
        (["collection=ispy2", "store=https://x.org"], "put {bucket} where"),
        (["collection=ispy2", "api=http://x.org"], "must begin with https://"),
        (["collection=../x"], "is no collection's id"),
        (["collection=ispy3"], "the IDC has no such collection; near it are ispy1, ispy2"),
        (["collection=ispy2", "modality=NM"], "has no series of these modalities"),
        (["collection=ispy2", "description=(", "dry=true"], "is no regular expression"),
    ],
)
def test_what_cannot_be_asked(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    given = arguments if any(one.startswith("api=") for one in arguments) else [*arguments, f"api={world.address}/v2"]
    assert main([*given, f"output={tmp_path}"]) == 2
    assert words in capsys.readouterr().err
