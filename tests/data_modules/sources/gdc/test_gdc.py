"""A project by name against a local server that answers as the GDC's guide says, faults of a real network included."""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_modules.sources.gdc import query
from data_modules.sources.gdc.__main__ import main
from data_modules.sources.gdc.query import Remote, choose, list_files
from data_modules.sources.web import download
from data_modules.sources.web.http import MissingError, Service
from fusion.contract import FusionError
from tests.helpers.served import Answers, Served, served


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


@dataclass
class World(Served):
    """What the server has, too."""

    hits: list[dict[str, Any]] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, kind: str, *patients: str, size: int = 5000, access: str = "open") -> str:
        one = uuid(len(self.hits) + 1)
        body = (name.encode() * (size // len(name) + 1))[:size]
        self.bodies[one] = body
        self.hits.append(
            {
                "id": one, "file_id": one, "file_name": name, "file_size": size, "state": "released",
                "md5sum": hashlib.md5(body).hexdigest(), "access": access, **query.KINDS[kind],
                "cases": [{"submitter_id": patient} for patient in patients],
            }
        )  # fmt: skip
        return one


def matches(hit: dict[str, Any], filters: dict[str, Any]) -> bool:
    assert filters["op"] == "and"
    for part in filters["content"]:
        assert part["op"] == "in"
        name, value = part["content"]["field"], part["content"]["value"]
        if name != "cases.project.project_id" and hit.get(name) not in value:
            return False
    return True


class OfGdc(Answers):
    world: World

    def get(self) -> None:
        if self.path == "/status":
            self.give({"status": "OK", "data_release": "Data Release 42.0 - January 30, 2025"})
        elif self.path == "/projects/TCGA-BRCA":
            self.give({"data": {"name": "Breast Invasive Carcinoma", "project_id": "TCGA-BRCA"}, "warnings": {}})
        elif self.path.startswith("/data/") and self.path[6:] in self.world.bodies:
            self.body(self.world.bodies[self.path[6:]])
        else:
            self.plain(404, b'{"message": "not found"}')

    def post(self, payload: dict[str, Any]) -> None:
        every = [hit for hit in self.world.hits if matches(hit, payload["filters"])]
        start, size = int(payload["from"]), int(payload["size"])
        told = {"count": len(every[start : start + size]), "total": len(every), "from": start, "size": size}
        self.give({"data": {"hits": every[start : start + size], "pagination": told}, "warnings": {}})


@pytest.fixture
def world() -> Iterator[World]:
    """Three patients; two have both mutations and a slide; one biotab of all; one controlled file."""
    world = World()
    world.add("clinical_patient.txt", "clinical", "TCGA-A1", "TCGA-A2", "TCGA-A3")
    for patient in ("TCGA-A3", "TCGA-A1", "TCGA-A2"):
        world.add(f"{patient}.maf.gz", "maf", patient)
    for patient in ("TCGA-A2", "TCGA-A3"):
        world.add(f"{patient}.svs", "slides", patient, size=70_000)
    world.add("secret.maf.gz", "maf", "TCGA-A1", access="controlled")
    with served(world, OfGdc):
        yield world


def service(world: World, **settings: Any) -> Service:
    return Service(host=world.address, **{"pause": 0.0, "timeout": 5.0, "tries": 3, **settings})


def run(world: World, output: Path, *arguments: str) -> int:
    given = ("project=TCGA-BRCA", f"output={output}", f"api={world.address}")
    return main([*given, *(arguments or ("data=[clinical,maf,slides]",))])


def fault(status: int, path: str = "/data/", **headers: str) -> Callable[[Any], bool]:
    def answer(handler: Any) -> bool:
        if not handler.path.startswith(path):
            return False
        handler.plain(status, b"wait", **headers)
        return True

    return answer


def remote(world: World, number: int) -> Remote:
    hit = world.hits[number]
    return Remote(
        kind="maf", uuid=hit["file_id"], name=hit["file_name"], size=hit["file_size"], md5=hit["md5sum"],
        state="released", patients=(),
    )  # fmt: skip


def test_a_project_arrives_whole_with_manifest_and_sheet(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, tmp_path) == 0
    told = capsys.readouterr().out
    assert "TCGA-BRCA (Breast Invasive Carcinoma), Data Release 42.0 - January 30, 2025: 6 files, 3 patients" in told
    assert told.index("Terms: open access") < told.index("[1/6]")
    for hit in world.hits[:-1]:
        folder = {"Clinical Supplement": "clinical_biotab", "Slide Image": "slides"}.get(hit["data_type"], "maf")
        assert (tmp_path / folder / hit["file_name"]).read_bytes() == world.bodies[hit["file_id"]]
    assert not (tmp_path / "maf" / "secret.maf.gz").exists()
    manifest = (tmp_path / "gdc_manifest.tsv").read_text().splitlines()
    assert manifest[0] == "id\tfilename\tmd5\tsize\tstate"
    first = world.hits[0]
    assert manifest[1] == "\t".join((first["file_id"], first["file_name"], first["md5sum"], "5000", "released"))
    with (tmp_path / "gdc_files.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["patient_id"] for row in rows if row["kind"] == "slides"] == ["TCGA-A2", "TCGA-A3"]
    assert (tmp_path / rows[-1]["file"]).is_file()
    assert not list(tmp_path.rglob("*.part"))
    asked = len(world.asked)
    assert run(world, tmp_path) == 0  # again: nothing is fetched
    assert [path for path, _ in world.asked[asked:] if path.startswith("/data/")] == []


def test_limit_takes_patients_who_have_everything(world: World, tmp_path: Path) -> None:
    assert run(world, tmp_path, "data=[clinical,maf,slides]", "limit=1", "dry=true") == 0
    names = [line.split("\t")[1] for line in (tmp_path / "gdc_manifest.tsv").read_text().splitlines()[1:]]
    assert names == ["clinical_patient.txt", "TCGA-A2.maf.gz", "TCGA-A2.svs"]
    assert not (tmp_path / "maf").exists()
    with pytest.raises(FusionError, match="no open files of copy_number"):
        choose({"maf": [remote(world, 1)], "copy_number": []}, None)
    with pytest.raises(FusionError, match="No patient has all of maf, slides"):
        choose({"maf": [remote(world, 1)], "slides": [remote(world, 4)]}, 1)


def test_lists_longer_than_a_page_and_answers_that_are_wrong(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "PAGE", 2)
    found = list_files(service(world), "TCGA-BRCA", "maf", controlled=False)
    assert [one.patients for one in found] == [("TCGA-A1",), ("TCGA-A2",), ("TCGA-A3",)]
    assert [(one["from"], one["size"]) for one in world.payloads] == [(0, 2), (2, 2)]
    assert len(list_files(service(world), "TCGA-BRCA", "maf", controlled=True)) == 4
    for key, value in (("file_name", "../up.maf"), ("file_id", "../../x"), ("md5sum", "abc"), ("file_name", ".ssh")):
        good = world.hits[1][key]
        world.hits[1][key] = value
        with pytest.raises(FusionError, match="answered otherwise than its guide says"):
            list_files(service(world), "TCGA-BRCA", "maf", controlled=False)
        world.hits[1][key] = good

    def controlled(handler: Any) -> bool:
        handler.give({"data": {"hits": [world.hits[-1]], "pagination": {"total": 1}}})
        return True

    world.faults = [controlled]
    with pytest.raises(FusionError, match="is controlled where open files were asked for"):
        list_files(service(world), "TCGA-BRCA", "maf", controlled=False)
    del world.hits[1]["md5sum"]
    with pytest.raises(FusionError, match=r"otherwise than its guide says \(KeyError\('md5sum'\)\)"):
        list_files(service(world), "TCGA-BRCA", "maf", controlled=False)


def test_half_a_file_is_gone_on_with(world: World, tmp_path: Path) -> None:
    """The connection breaks after 2,000 bytes; then the rest alone is asked for. So it is of an earlier command."""
    one, path = remote(world, 1), tmp_path / "one.maf.gz"
    body = world.bodies[one.uuid]

    def half(handler: Any) -> bool:
        handler.plain(200, body[:2000], claim=len(body))
        return True

    world.faults = [half]
    download.fetch(service(world), one, path)
    assert path.read_bytes() == body
    assert [headers.get("Range") for _, headers in world.asked] == [None, "bytes=2000-"]
    (tmp_path / ".two.part").write_bytes(body[:4999])
    download.fetch(service(world), one, tmp_path / "two")
    assert world.asked[-1][1]["Range"] == "bytes=4999-"
    assert (tmp_path / "two").read_bytes() == body


def test_a_server_that_does_not_know_ranges_gives_the_whole(world: World, tmp_path: Path) -> None:
    one = remote(world, 1)
    body = world.bodies[one.uuid]

    def whole(handler: Any) -> bool:
        handler.plain(200, body)
        return True

    def other_part(handler: Any) -> bool:
        handler.plain(206, body[7:], **{"Content-Range": f"bytes 7-{len(body) - 1}/{len(body)}"})
        return True

    for name, answer in (("a", whole), ("b", other_part)):
        (tmp_path / f".{name}.part").write_bytes(body[:100])
        world.faults = [answer]
        download.fetch(service(world), one, tmp_path / name)
        assert (tmp_path / name).read_bytes() == body


def test_a_wrong_checksum_is_fetched_once_more_and_then_refused(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = remote(world, 1)
    (tmp_path / ".x.part").write_bytes(b"of another release")
    download.fetch(service(world), one, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == world.bodies[one.uuid]
    world.bodies[one.uuid] = b"!" * one.size
    with pytest.raises(FusionError, match=rf"y \({one.uuid}\): its MD5 is \w+ where the service says {one.md5}, twice"):
        download.fetch(service(world), one, tmp_path / "y")
    assert len([1 for path, _ in world.asked if path.endswith(one.uuid)]) == 4
    world.bodies[one.uuid] = b"!" * (one.size + 100)  # longer than it says: never more than that is written
    sizes: list[int] = []
    monkeypatch.setattr(download, "_md5", lambda path: str(sizes.append(path.stat().st_size)))
    with pytest.raises(FusionError, match="its MD5 is"):
        download.fetch(service(world), one, tmp_path / "y")
    assert sizes == [one.size + 1, one.size + 1]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_too_many_requests_are_waited_for(world: World, tmp_path: Path) -> None:
    one = remote(world, 1)
    soon = formatdate(time.time() + 1, usegmt=True)
    world.faults = [fault(429, **{"Retry-After": "1"}), fault(503, **{"Retry-After": soon})]
    before = time.monotonic()
    download.fetch(service(world), one, tmp_path / "x")
    assert time.monotonic() - before >= 1.0
    assert len(world.asked) == 3
    world.faults = [fault(429), fault(500), fault(502)]
    with pytest.raises(FusionError, match=r"answers 502, 3 times\. Give the same command again later"):
        download.fetch(service(world), one, tmp_path / "y")
    world.faults = [fault(429, **{"Retry-After": "7200"})]
    with pytest.raises(FusionError, match="answers 429 and asks to wait 7200 s"):
        download.fetch(service(world), one, tmp_path / "y")


def test_what_is_not_there_is_named_and_the_rest_arrives(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del world.bodies[uuid(3)]
    assert run(world, tmp_path, "data=maf") == 2
    told = capsys.readouterr()
    assert f"1 files are listed and cannot be fetched:\n  maf/TCGA-A1.maf.gz ({uuid(3)}): not there (404)\n" in told.err
    assert sorted(path.name for path in (tmp_path / "maf").iterdir()) == ["TCGA-A2.maf.gz", "TCGA-A3.maf.gz"]
    world.bodies[uuid(2)] = b"!" * 5000  # the first patient's of another folder: those after it arrive
    assert run(world, tmp_path / "b", "data=maf") == 2
    assert "2 files are listed" in (said := capsys.readouterr().err)
    assert re.search(rf"\n  maf/TCGA-A3.maf.gz \({uuid(2)}\): its MD5 is \w+ where the service says \w+, twice\n", said)
    assert [path.name for path in (tmp_path / "b" / "maf").iterdir()] == ["TCGA-A2.maf.gz"]
    assert main(["project=TCGA-NONE", "data=maf", f"api={world.address}", f"output={tmp_path}"]) == 2
    assert "the GDC has no such project" in capsys.readouterr().err
    with pytest.raises(MissingError):
        service(world).ask("nowhere")
    assert run(world, tmp_path / "gdc.json" / "x", "data=maf") == 2
    assert "gdc.json/x: Not a directory. Free or open it, or set output=<another folder>." in capsys.readouterr().err


def test_a_disk_too_small_is_said_before_anything_is_fetched(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=(64 << 20) + 160_000 - 1))
    assert run(world, tmp_path) == 2
    assert "0.00 GB are to be fetched and 0.07 GB are free" in capsys.readouterr().err
    assert [path for path, _ in world.asked if path.startswith("/data/")] == []
    (tmp_path / "maf").mkdir()
    (tmp_path / "maf" / ".TCGA-A1.maf.gz.part").write_bytes(b"x")  # a byte is there already
    monkeypatch.setattr(download, "fetch_all", lambda *arguments: [])
    assert run(world, tmp_path) == 0


def test_a_token_goes_with_requests_and_opens_what_is_controlled(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token.txt").write_text("abc.def\n")
    world.faults = [fault(403, "/data/")]
    assert run(world, tmp_path / "out", "data=maf", f"token={tmp_path / 'token.txt'}") == 2
    assert "is not open to you (403)" in capsys.readouterr().err
    assert run(world, tmp_path / "out", "data=maf", f"token={tmp_path / 'token.txt'}") == 0
    assert (tmp_path / "out" / "maf" / "secret.maf.gz").is_file()
    assert world.asked[-1][1]["X-Auth-Token"] == "abc.def"
    assert not any("abc.def" in path.read_text() for path in (tmp_path / "out").glob("gdc*"))

    def elsewhere(handler: Any) -> bool:
        handler.plain(302, b"", Location="http://127.0.0.2:9/data")
        return True

    world.faults = [elsewhere]
    with pytest.raises(FusionError, match=r"sent on to another host, 127\.0\.0\.2:9, which is not followed"):
        service(world, token="abc").ask("status")
    (tmp_path / "token.txt").write_text("two\nlines\n")
    assert run(world, tmp_path / "out", "data=maf", f"token={tmp_path / 'token.txt'}") == 2
    assert "holds no token" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["projekt=X"], "the keys are project, data"),
        (["project=TCGA-BRCA"], "Give project=<id> and data"),
        (["project=TCGA-BRCA", "data=[mri]"], "data: mri is none of clinical, maf"),
        (["project=TCGA-BRCA", "data=[maf", "x"], "cannot be read"),
        (["project=TCGA-BRCA", "data=maf", "limit=0"], "limit=0"),
        (["project=TCGA-BRCA", "data=maf", "dry=3"], "dry=3"),
        (["project=TCGA-BRCA", "data=maf", "api=http://example.org"], "must begin with https://"),
        (["project=../up", "data=maf"], "is no project's id"),
    ],
)
def test_what_cannot_be_asked(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    given = arguments if any(one.startswith("api=") for one in arguments) else [*arguments, f"api={world.address}"]
    assert main([*given, f"output={tmp_path}"]) == 2
    assert words in capsys.readouterr().err


def test_nobody_answers_and_files_of_other_sizes(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FusionError, match=r"cannot be reached \(\[Errno 111\] Connection refused\), 2 times"):
        Service(host="http://127.0.0.1:9", tries=2, pause=0.0).ask("status")
    (tmp_path / "maf").mkdir()
    (tmp_path / "maf" / "TCGA-A1.maf.gz").write_text("mine")
    assert run(world, tmp_path, "data=maf") == 2
    assert "TCGA-A1.maf.gz (there is another of 5000 bytes)" in capsys.readouterr().err
    assert (tmp_path / "maf" / "TCGA-A1.maf.gz").read_text() == "mine"
    twins = [remote(world, 1), Remote(**{**vars(remote(world, 2)), "name": remote(world, 1).name})]
    placed = download.places(twins, tmp_path)
    assert [path.parent.name for path in placed.values()] == [uuid(2), uuid(3)]
