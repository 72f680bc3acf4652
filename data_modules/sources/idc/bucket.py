"""Files of a series in its bucket: ListObjectsV2 of Amazon S3, without signing in.

A bucket's files lie at ``<series uuid>/<instance uuid>.dcm``. The ETag of an object that was written in one part is its
MD5; of several parts it is none (it ends with ``-`` and their number), so that the size alone can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree

from data_modules.sources.idc.query import Series
from data_modules.sources.web.http import Service
from fusion.contract import FusionError

STORE = "https://{bucket}.s3.amazonaws.com"
_LARGEST = 16 << 20
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.dcm")
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One file of a series.

    Attributes:
        series: of which it is.
        name: ``<uuid>.dcm``.
        size: bytes.
        md5: hexadecimal, where the bucket has one.
    """

    series: Series
    name: str
    size: int
    md5: str | None

    @property
    def uuid(self) -> str:
        """Its id."""
        return self.name.removesuffix(".dcm")

    @property
    def address(self) -> str:
        """Of its bytes, below the bucket."""
        return f"{self.series.uuid}/{self.name}"

    @property
    def folder(self) -> str:
        """Where it is put below the output."""
        return self.series.folder


def list_instances(service: Service, series: Series) -> list[Instance]:
    """A series' files, by name.

    Raises:
        FusionError: the listing is not as documented, or has other files than the series says.
    """
    found = [_instance(service, series, item) for item in _items(service, series)]
    if len(found) != series.files:
        raise FusionError(
            f"{service.host}: lists {len(found)} files of series {series.uuid} where the IDC says {series.files}. "
            "Try again later; a series that was just revised is listed before its files are there."
        )
    return sorted(found, key=lambda one: one.name)


def _items(service: Service, series: Series) -> Iterator[ElementTree.Element]:
    token: str | None = None
    while True:
        asked = {"list-type": "2", "prefix": f"{series.uuid}/"}
        asked |= {} if token is None else {"continuation-token": token}
        with service.open(f"?{urlencode(asked)}") as answer:
            text = answer.read(_LARGEST + 1)
        try:
            # A listing has no document type: entities, by which a small text becomes a large one, need one.
            if len(text) > _LARGEST or b"<!DOCTYPE" in text:
                raise ValueError("it is no listing of a bucket")
            root = ElementTree.fromstring(text)  # noqa: S314
            if _bare(root) != "ListBucketResult":
                raise ValueError(f"it is a {_bare(root)}")
        except (ElementTree.ParseError, ValueError) as error:
            raise FusionError(f"{service.host}: lists {series.uuid} otherwise than S3 does ({error}).") from error
        yield from (one for one in root if _bare(one) == "Contents")
        before, token = token, _text(root, "NextContinuationToken")
        if _text(root, "IsTruncated") != "true":
            return
        if token is None or token == before:
            raise FusionError(f"{service.host}: says that more of {series.uuid} follows, and not where.")


def _instance(service: Service, series: Series, item: ElementTree.Element) -> Instance:
    key, tag = _text(item, "Key") or "", (_text(item, "ETag") or "").strip('"').lower()
    folder, _, name = key.partition("/")
    size = _text(item, "Size") or ""
    if folder != series.uuid or _KEY.fullmatch(name) is None or not size.isdecimal():
        raise FusionError(f"{service.host}: series {series.uuid} holds {key[:120]!r}, which is no file of it.")
    return Instance(series=series, name=name, size=int(size), md5=tag if _MD5.fullmatch(tag) else None)


def _bare(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element, name: str) -> str | None:
    return next((one.text for one in element if _bare(one) == name), None)
