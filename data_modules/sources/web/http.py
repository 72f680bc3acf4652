"""Requests to an archive: JSON queries and files, with patience where it asks for some.

Nothing of this has met a real service: it was written from their guides (docs.gdc.cancer.gov/API/Users_Guide,
learn.canceridc.dev) and tested against local servers that answer as the guides say.
"""

from __future__ import annotations

import email.utils
import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fusion.contract import FusionError

_AGAIN = frozenset({429, 500, 502, 503, 504})
_LARGEST_ANSWER = 256 << 20
_LONGEST_WAIT = 600.0


class MissingError(FusionError):
    """The service has no such thing (404)."""


class _SameHost(urllib.request.HTTPRedirectHandler):
    """A token goes to the host that it was given for, and to no other."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            raise FusionError(f"{req.full_url}: is sent on to another host, {after.netloc}, which is not followed.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True, kw_only=True)
class Service:
    """Where requests go.

    Attributes:
        host: beginning of every address.
        closed: what to do where the service says that something is not open.
        token: of controlled access; None for the open tier.
        tries: of one request before it is given up.
        pause: seconds before the second try; doubled at each.
        timeout: seconds without a byte.
    """

    host: str
    closed: str = ""
    token: str | None = None
    tries: int = 6
    pause: float = 1.0
    timeout: float = 60.0

    def __post_init__(self) -> None:
        url = urlsplit(self.host)
        if url.scheme != "https" and not (url.scheme == "http" and _loopback(url.hostname)):
            raise FusionError(f"api={self.host}: must begin with https://.")

    def ask(self, path: str, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON answer to a GET, or to a POST of `payload`.

        Raises:
            MissingError: 404.
            FusionError: it cannot be reached, refuses, or answers otherwise than the guide says.
        """
        body = None if payload is None else json.dumps(payload).encode()
        for number in range(self.tries):
            try:
                with self.open(path, body=body) as answer:
                    text = answer.read(_LARGEST_ANSWER)
                content = json.loads(text)
            except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
                self.wait(number, f"{self.host}/{path}: the answer ended early ({type(error).__name__})")
                continue
            except ValueError as error:
                raise FusionError(f"{self.host}/{path}: answered no JSON ({error}).") from error
            if not isinstance(content, dict):
                raise FusionError(f"{self.host}/{path}: answered {type(content).__name__}, not an object.")
            return content
        raise AssertionError("`wait` ends the last try")

    def open(self, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """The open answer of a request, after waiting as often as the service asks for it.

        Raises:
            MissingError: 404.
            FusionError: it cannot be reached, or refuses.
        """
        address = f"{self.host}/{path}"
        told = {"User-Agent": "oncofusion", "Accept-Encoding": "identity", **(headers or {})}
        if body is not None:
            told["Content-Type"] = "application/json"
        if self.token is not None:
            told["X-Auth-Token"] = self.token
        opener = urllib.request.build_opener(_SameHost)
        for number in range(self.tries):
            request = urllib.request.Request(address, data=body, headers=told)  # noqa: S310  https, or this machine
            try:
                return opener.open(request, timeout=self.timeout)
            except urllib.error.HTTPError as error:
                with error:
                    said = error.read(300).decode(errors="replace").strip()
                if error.code in _AGAIN:
                    self.wait(number, f"{address}: answers {error.code}", asked=error.headers.get("Retry-After"))
                    continue
                if error.code == 404:
                    raise MissingError(f"{address}: there is none (404).") from error
                if error.code == 416:
                    return None
                if error.code in (401, 403):
                    raise FusionError(
                        f"{address}: is not open to you ({error.code}). {self.closed}".rstrip()
                    ) from error
                raise FusionError(f"{address}: answers {error.code}: {said}") from error
            except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
                reason = getattr(error, "reason", error)
                self.wait(number, f"{address}: cannot be reached ({reason})")
        raise AssertionError("`wait` ends the last try")

    def wait(self, number: int, what: str, *, asked: str | None = None) -> None:
        """Wait before the next try.

        Raises:
            FusionError: it was the last, or the service asks for more than ten minutes.
        """
        if number + 1 >= self.tries:
            raise FusionError(f"{what}, {self.tries} times. Give the same command again later: it goes on.")
        seconds = self.pause * 2**number if asked is None else _seconds(asked, self.pause)
        if seconds > _LONGEST_WAIT:
            raise FusionError(f"{what} and asks to wait {seconds:.0f} s. Give the same command again then: it goes on.")
        time.sleep(seconds)


def _seconds(asked: str, otherwise: float) -> float:
    """Retry-After: seconds, or a date."""
    if asked.strip().isdecimal():
        return float(asked)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except (TypeError, ValueError):
        return otherwise


def _loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
