"""`fusion.browse` with a stranger's run among one's own: over HTTP, and in Chromium as an attacker would have it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from fusion.contract import FusionError
from fusion.report.browse.files import NotHereError, parts_of, read_below
from fusion.report.browse.found import Catalogue
from fusion.report.browse.page import list_page
from fusion.report.browse.server import serve
from fusion.run.folder import RunFolder

SCRIPT = "<script>window.owned = 1</script>"
MINE = "<!doctype html><title>mine</title><p>P-SECRET scores 0.9"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., RunFolder]) -> Path:
    """Two runs of one's own, a stranger's, one that is none, and links that lead out."""
    folder = tmp_path_factory.mktemp("browse")
    root = folder / "runs"
    first = make_run(root / "own" / "a b", patients=40, simulated=False)
    first.report_path.write_text(MINE)
    shutil.copytree(first.path, root / "own" / "second")
    stranger = root / "stranger"
    shutil.copytree(first.path, stranger)
    record = json.loads((stranger / "run.json").read_text())
    record["cohort"] |= {"name": SCRIPT}
    (stranger / "run.json").write_text(json.dumps(record | {"started": SCRIPT, "simulated": True}))
    metrics = json.loads((stranger / "metrics.json").read_text())
    metrics["verdict"] |= {"text": SCRIPT, "status": f'"><img src=x onerror="window.owned=2">{SCRIPT}'}
    (stranger / "metrics.json").write_text(json.dumps(metrics))
    (stranger / "explanations").mkdir()
    (stranger / "explanations" / "attribution_report.html").write_text("<p>why")
    (root / "none").mkdir()
    (root / "none" / "run.json").write_text('{"format": 1, "status": "complete"}')
    (root / "huge").mkdir()
    (root / "huge" / "run.json").write_text(" " * (17 << 20))
    (folder / "outside.html").write_text("P-OUTSIDE")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "run.json").write_text('{"format": 1}')
    (stranger / "link.html").symlink_to(folder / "outside.html")
    (stranger / "folder").symlink_to(folder)
    (root / "linked").symlink_to(folder / "elsewhere")
    (stranger / ".hidden.html").write_text("hidden")
    (stranger / "notes.txt").write_text("text")
    os.mkfifo(stranger / "pipe.html")
    return root


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    server, address = serve(root, host="127.0.0.1", port=0, allow_remote=False)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield address
    server.shutdown()
    server.server_close()


def asked(address: str, path: str = "", *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """Exactly this path, which no client tidies up."""
    url = urlsplit(address)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=20)
    connection.putrequest(method, path if path.startswith("/") else url.path + path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def test_the_list_names_every_run_and_escapes_what_strangers_wrote(address: str) -> None:
    status, headers, html = asked(address)
    assert status == 200
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;") >= 4
    assert "5 of 5 runs" in html
    assert html.count('type="checkbox"') == 3
    assert "has 18 MB where a run has at most" in html
    assert "run.json: cohort is missing; the file is not as a run writes it." in html
    assert "linked" not in html
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_words_filter_and_keys_sort(root: Path) -> None:
    runs = Catalogue(root).runs()

    def order(**asked: str) -> list[str]:
        html = list_page(runs, base="/x/", root="r", **asked)
        return sorted((one.name for one in runs if f'value="{one.name}"' in html), key=lambda n: html.index(f'"{n}"'))

    assert order(sort="name") == ["own/a b", "own/second", "stranger"]
    assert order(query="HOSPITAL response") == ["own/a b", "own/second"]
    assert order(query="simulated") == ["stranger"]
    assert order(query="nobody") == []
    by_name = {one.name: one for one in runs}
    by_name["own/second"].figure = (2.0, None, None)
    by_name["own/a b"].started = "2031"
    assert [order(sort="figure")[0], order(sort="started")[1]] == ["own/second", "own/a b"]


def test_a_run_that_changes_is_read_again(root: Path) -> None:
    catalogue = Catalogue(root)
    before = {one.name: one for one in catalogue.runs()}
    again = {one.name: one for one in catalogue.runs()}
    assert all(before[name] is again[name] for name in before)
    file = root / "own" / "second" / "metrics.json"
    metrics = json.loads(file.read_text())
    metrics["patients"] = 41
    file.write_text(json.dumps(metrics))
    assert {one.name: one.patients for one in catalogue.runs()}["own/second"] == 41


def test_reports_are_served_under_a_sandbox(address: str) -> None:
    status, headers, html = asked(address, "run/own/a%20b/report.html")
    assert (status, html) == (200, MINE)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "allow-" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    status, headers, body = asked(address, "run/own/a%20b/report.html", method="HEAD")
    assert (status, body, headers["Content-Length"]) == (200, "", str(len(MINE)))
    assert asked(address, "run/stranger/explanations/attribution_report.html")[2] == "<p>why"


@pytest.mark.parametrize(
    "path",
    [
        "run/stranger/link.html",
        "run/stranger/folder/outside.html",
        "run/stranger/../../outside.html",
        "run/stranger/%2e%2e/%2e%2e/outside.html",
        "run/stranger/..%2f..%2foutside.html",
        "run/stranger/..%5c..%5coutside.html",
        "run//etc/passwd",
        "run/%2fetc%2fpasswd",
        "run/stranger/link.html%00.html",
        "run/stranger/%252e%252e/report.html",
        "run/stranger/.hidden.html",
        "run/stranger/pipe.html",
        "run/stranger/notes.txt",
        "run/stranger/run.json",
        "run/stranger/%ff%fe.html",
        "run/stranger",
        "run/",
        "compare?run=own/a%20b&run=../outside",
        "other",
        "/",
        "/run/own/a%20b/report.html",
        "/wrong-secret-wrong-secret/",
        "/" + "x" * 9000,
    ],
)
def test_nothing_else_is_given(address: str, path: str) -> None:
    status, _, html = asked(address, path)
    assert status == 404
    assert "OUTSIDE" not in html
    assert "<h1>Not found</h1>" in html and "<title>Not found</title>" in html
    assert "There is nothing here." in html


def test_names_and_files_are_checked_by_themselves(root: Path) -> None:
    assert parts_of("a%20b/c.html") == ["a b", "c.html"]
    with pytest.raises(NotHereError):
        parts_of("a/%2e%2e/c.html")
    with pytest.raises(NotHereError):
        read_below(root, ["stranger", "folder", "outside.html"], suffixes=(".html",))
    assert read_below(root, ["own", "a b", "report.html"], suffixes=(".html",)) == MINE.encode()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_only_reading_is_allowed(address: str, method: str) -> None:
    status, headers, _ = asked(address, method=method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_another_host_name_is_refused(address: str) -> None:
    port = urlsplit(address).port
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port}.evil.example", ""):
        status, _, html = asked(address, Host=name)
        assert (status, "own/" in html) == (421, False), name
    assert asked(address, Host=f"LOCALHOST:{port}")[0] == 200


def test_compared_runs_and_those_that_cannot_be(address: str) -> None:
    status, headers, html = asked(address, "compare?run=own/a%20b&run=none")
    assert (status, "cannot be compared" in html) == (400, True)
    status, headers, html = asked(address, "compare?run=own/a%20b")
    assert (status, "1 are ticked" in html) == (400, True)
    status, headers, html = asked(address, "compare?run=own/a%20b&run=stranger")
    assert (status, headers["Content-Security-Policy"][:7]) == (200, "sandbox")
    assert "40 patients whom all runs scored" in html
    assert "<script" not in html


def test_where_it_does_not_listen(tmp_path: Path, address: str) -> None:
    with pytest.raises(FusionError, match=r"host=0\.0\.0\.0: other machines could read .* allow_remote=true"):
        serve(tmp_path, host="0.0.0.0", port=0, allow_remote=False)
    with pytest.raises(FusionError, match="is no folder"):
        serve(tmp_path / "none", host="127.0.0.1", port=0, allow_remote=False)
    with pytest.raises(FusionError, match=r"port=\d+: is taken"):
        serve(tmp_path, host="127.0.0.1", port=int(urlsplit(address).port or 0), allow_remote=False)
    with pytest.raises(FusionError, match="cannot listen there"):
        serve(tmp_path, host="203.0.113.7", port=0, allow_remote=True)
    server, told = serve(tmp_path, host="0.0.0.0", port=0, allow_remote=True, names=["gpu3"])
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = urlsplit(told)
    here = f"http://127.0.0.1:{url.port}{url.path}"
    try:
        assert asked(here, Host=f"gpu3:{url.port}")[0] == 200
        assert asked(here, Host=f"gpu4:{url.port}")[0] == 421
        assert "There is no run in this folder yet" in asked(here, Host=f"gpu3:{url.port}")[2]
    finally:
        server.shutdown()
        server.server_close()


def test_the_command(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fusion.browse", str(root), "port=0"]

    def listen() -> None:  # where tests run in the background, Ctrl-C is ignored, and children inherit that
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, preexec_fn=listen) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == f"{root}: open\n"
            address = started.stdout.readline().strip()
            assert asked(address)[0] == 200
            started.send_signal(signal.SIGINT)
            assert started.wait(timeout=20) == 0
            assert started.stdout.read().endswith("Stopped.\n")
        finally:
            started.kill()
    assert list(tmp_path.iterdir()) == []


class Evil(BaseHTTPRequestHandler):
    """A stranger's web site that wants to read or frame the list; its page says what it got."""

    aim = ""

    def do_GET(self) -> None:
        page = f"""<!doctype html><iframe src="{self.aim}"></iframe><script>
        window.got = [];
        fetch("{self.aim}").then(a => a.text()).then(t => got.push(t)).catch(() => got.push("refused"));
        fetch("{self.aim}", {{mode: "no-cors"}}).then(a => a.text()).then(t => got.push("opaque" + t))
          .catch(() => got.push("blocked"));
        </script>""".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *arguments: object) -> None:
        return


def test_in_the_browser(root: Path, address: str, launch: Callable[..., Any]) -> None:
    """The list as one uses it; a stranger's report; a stranger's web site; DNS rebinding."""
    mine = f"{address}run/{quote('own/a b/report.html')}"
    evil_page = f"""<!doctype html><title>evil</title><p id=said>evil</p><iframe src="{mine}"></iframe>
    <img src="{address}"><script>window.owned = 1; fetch("{mine}").then(a => a.text()).then(t => owned = t)</script>
    <style>@import "{address}"; p {{ background: url({address}) }}</style><object data="{mine}"></object>"""
    (root / "stranger" / "report.html").write_text(evil_page)
    Evil.aim = address
    site = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    Thread(target=site.serve_forever, daemon=True).start()
    browser = launch("--host-resolver-rules=MAP *.test 127.0.0.1")
    try:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(f"{address}?sort=name")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("window.owned") is None
        page.fill("input[type=search]", "hospital")
        page.click("text=Filter")
        assert page.locator("tbody tr").count() == 2
        page.click("tbody tr:first-child >> text=report")
        assert "P-SECRET" in page.inner_text("body")
        assert page.evaluate("self.origin") == "null"

        asked_for: list[str] = []
        page.on("response", lambda answer: asked_for.append(answer.url))
        page.goto(f"{address}run/stranger/report.html")
        page.wait_for_timeout(300)
        assert page.inner_text("#said") == "evil"
        assert page.evaluate("window.owned") is None
        assert asked_for == [f"{address}run/stranger/report.html"]

        page.goto(f"http://site.test:{site.server_address[1]}/")
        page.wait_for_function("window.got.length == 2")
        assert sorted(page.evaluate("window.got")) == ["blocked", "refused"]
        assert all("own/" not in frame.content() for frame in page.frames)

        rebound = page.goto(address.replace("127.0.0.1", "rebound.test"))
        assert rebound is not None
        assert (rebound.status, "own/" in page.content()) == (421, False)
    finally:
        browser.close()
        site.shutdown()
        site.server_close()
