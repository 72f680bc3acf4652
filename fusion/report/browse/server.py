"""The server of the page: one user, this machine, GET and HEAD alone.

What guards patients, each tested with a hostile run folder:

- it listens on the loopback interface, and on others only when told;
- every path begins with a secret that is drawn at start, so that other users of the machine find nothing;
- a request whose Host is not this server's is refused: a stranger's web page may give its own name the address
  127.0.0.1 (DNS rebinding), but its requests still carry that name;
- reports get ``Content-Security-Policy: sandbox``: no script, and an origin that equals no other, so that a stranger's
  report cannot read the list or another report; nothing may be framed or embedded elsewhere;
- files are opened folder by folder without following a link (`files.read_below`), and only pages are.
"""

from __future__ import annotations

import errno
import ipaddress
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs, urlsplit

from fusion.contract import FusionError
from fusion.report.browse.files import NotHereError, parts_of, read_below
from fusion.report.browse.found import Catalogue
from fusion.report.browse.page import list_page, message_page
from fusion.report.compare.page import PAGE, write_comparison

_NOTHING = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
OWN = f"{_NOTHING}; form-action 'self'"
"""Policy of the list."""
SANDBOX = f"sandbox; {_NOTHING}; form-action 'none'"
"""Policy of everything that is made of a run's texts."""
MOST_COMPARED = 6
_LONGEST = 8_000


@dataclass(kw_only=True)
class Browser:
    """What requests are answered from.

    Attributes:
        root: folder of the runs, resolved.
        names: host names, with port, by which the server may be reached.
        secret: first part of every path.
    """

    root: Path
    names: frozenset[str]
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def __post_init__(self) -> None:
        self.catalogue = Catalogue(self.root)
        self._comparing = Lock()  # matplotlib's settings are of the process

    @property
    def base(self) -> str:
        """Path of the list."""
        return f"/{self.secret}/"

    def answer(self, target: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, policy and page for a request's target."""
        url = urlsplit(target)
        if len(target) > _LONGEST or not secrets.compare_digest(
            url.path[: len(self.base)].encode(), self.base.encode()
        ):
            return self._nothing()
        path, asked = url.path[len(self.base) :], parse_qs(url.query, max_num_fields=40)
        try:
            if path == "":
                page = list_page(
                    self.catalogue.runs(),
                    base=self.base,
                    root=str(self.root),
                    query=asked.get("q", [""])[0],
                    sort=asked.get("sort", ["started"])[0],
                )
                return HTTPStatus.OK, OWN, page.encode()
            if path == "compare":
                return self._compare(asked.get("run", []))
            if path.startswith("run/"):
                parts = parts_of(path.removeprefix("run/"))
                return HTTPStatus.OK, SANDBOX, read_below(self.root, parts, suffixes=(".html",))
        except (NotHereError, ValueError):
            pass
        return self._nothing(self.base)

    def _compare(self, names: Sequence[str]) -> tuple[HTTPStatus, str, bytes]:
        if not 2 <= len(names) <= MOST_COMPARED:
            text = f"Tick two to {MOST_COMPARED} finished runs of one endpoint; {len(names)} are ticked."
            return HTTPStatus.BAD_REQUEST, OWN, message_page("Nothing to compare", text, base=self.base).encode()
        folders = [self.catalogue.folder(name) for name in names]
        if None in folders:
            return self._nothing(self.base)
        try:
            with self._comparing, tempfile.TemporaryDirectory(prefix="oncofusion_compare_") as output:
                write_comparison([str(one) for one in folders], Path(output), arm="fusion", draws=2000, seed=0)
                return HTTPStatus.OK, SANDBOX, (Path(output) / PAGE).read_bytes()
        except FusionError as error:
            page = message_page("These runs cannot be compared", str(error), base=self.base)
            return HTTPStatus.BAD_REQUEST, OWN, page.encode()

    def _nothing(self, base: str = "") -> tuple[HTTPStatus, str, bytes]:
        text = "There is nothing here." + ("" if base else " Open the address that the command printed, whole.")
        return HTTPStatus.NOT_FOUND, OWN, message_page("Not found", text, base=base).encode()


def handler(browser: Browser) -> type[BaseHTTPRequestHandler]:
    """Of requests."""

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        timeout = 30
        server_version, sys_version = "oncofusion", ""

        def do_GET(self) -> None:
            self._give(lambda: browser.answer(self.path))

        def do_HEAD(self) -> None:
            self._give(lambda: browser.answer(self.path))

        def _refuse(self) -> None:
            page = message_page("Read-only", "This page takes GET and HEAD alone.", base="").encode()
            self._send(HTTPStatus.METHOD_NOT_ALLOWED, OWN, page, Allow="GET, HEAD")

        def _give(self, answer: Callable[[], tuple[HTTPStatus, str, bytes]]) -> None:
            if self.headers.get_all("Host", []) == [] or not all(
                name.lower() in browser.names for name in self.headers.get_all("Host", [])
            ):
                text = "This server does not go by that name."
                self._send(HTTPStatus.MISDIRECTED_REQUEST, OWN, message_page("Another host", text, base="").encode())
                return
            self._send(*answer())

        def _send(self, status: HTTPStatus, policy: str, page: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {
                "Content-Type": "text/html; charset=utf-8",
                "Content-Length": str(len(page)),
                "Content-Security-Policy": policy,
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Cross-Origin-Opener-Policy": "same-origin",
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-store",
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(page)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Paths name patients; nothing is written down."""

    for verb in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"):
        setattr(Handler, f"do_{verb}", Handler._refuse)
    return Handler


def serve(
    runs: Path, *, host: str, port: int, allow_remote: bool, names: Sequence[str] = ()
) -> tuple[ThreadingHTTPServer, str]:
    """A server that listens; its `serve_forever` answers. And the address to open.

    Args:
        runs: folder of runs.
        host: address to listen on.
        port: 0 takes any that is free.
        allow_remote: whether `host` may be reached from other machines.
        names: further host names by which a browser reaches it.

    Raises:
        FusionError: there is no such folder, the address is not this machine's own, or the port is taken.
    """
    if not runs.is_dir():
        raise FusionError(f"{runs}: is no folder. Set runs=<folder of runs>.")
    local = host == "localhost" or _loopback(host)
    if not local and not allow_remote:
        raise FusionError(
            f"host={host}: other machines could read the runs, patients' scores among them, without encryption. Leave "
            "it out (an SSH tunnel reaches 127.0.0.1), or say so: allow_remote=true."
        )
    try:
        server = ThreadingHTTPServer((host, port), BaseHTTPRequestHandler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise FusionError(f"port={port}: is taken. Set port=<another>, or port=0 for any.") from error
        raise FusionError(f"host={host} port={port}: cannot listen there ({error.strerror or error}).") from error
    server.daemon_threads = True
    at = server.server_address[1]
    known = {host, "127.0.0.1", "localhost"} if local else {host, server.server_name}
    browser = Browser(root=runs.resolve(), names=frozenset(f"{name}:{at}".lower() for name in {*known, *names}))
    server.RequestHandlerClass = handler(browser)
    return server, f"http://{host}:{at}{browser.base}"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
