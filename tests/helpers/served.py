"""A local server that stands where a public service is, with the faults of a real network that a test asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Served:
    """What the server does wrong, what it was asked, and where it is."""

    faults: list[Callable[[Any], bool]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    payloads: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""


class Answers(BaseHTTPRequestHandler):
    """Answers of every such service; those of one are `get` and `post`."""

    protocol_version = "HTTP/1.1"
    world: Served

    def get(self) -> None:
        """Answer `path`."""
        raise NotImplementedError

    def post(self, payload: dict[str, Any]) -> None:
        """Answer `path` with what was sent."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.world.asked.append((self.path, dict(self.headers)))
        if not self.fails():
            self.get()

    def do_POST(self) -> None:
        self.world.asked.append((self.path, dict(self.headers)))
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.world.payloads.append(payload)
        if not self.fails():
            self.post(payload)

    def fails(self) -> bool:
        """The next fault, taken away before it answers: the test goes on as soon as it has the answer."""
        fault = self.world.faults.pop(0) if self.world.faults else None
        if fault is None or fault(self):
            return fault is not None
        self.world.faults.insert(0, fault)
        return False

    def give(self, content: dict[str, Any], status: int = 200) -> None:
        """Answer with JSON."""
        self.plain(status, json.dumps(content).encode())

    def body(self, whole: bytes) -> None:
        """Answer with a file, or the part of it that is asked for."""
        asked = self.headers.get("Range")
        if asked is None:
            self.plain(200, whole)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(whole):
            self.plain(416, b"")
            return
        self.plain(206, whole[start:], **{"Content-Range": f"bytes {start}-{len(whole) - 1}/{len(whole)}"})

    def plain(self, status: int, body: bytes, *, claim: int | None = None, **headers: str) -> None:
        """Answer with bytes; `claim` says another length than they have, and the connection ends."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body) if claim is None else claim), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if claim is not None:
            self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        return


@contextmanager
def served(world: Served, answers: type[Answers]) -> Iterator[None]:
    """The server, while the block runs; its address goes into `world`."""
    handler = type("Handler", (answers,), {"world": world})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    world.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
