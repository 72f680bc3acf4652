"""From the bytes of a file to its text: compression and encoding by content, whatever the name says."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from data_modules.readers.bounds import unpack
from data_modules.readers.characters import plain_characters
from data_modules.readers.unreadable import UnreadableError

PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"PK\x03\x04": "zip"}
_OPEN: dict[str, Callable[[IO[bytes]], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
"""Byte order marks; UTF-32 comes first, for its mark begins with that of UTF-16."""

_CFB = b"\xd0\xcf\x11\xe0"
_OTHERS = (
    (_CFB, "is an old Excel workbook (.xls)", "Save the sheet as .xlsx, or as CSV (UTF-8)"),
    (b"PAR1", "is a Parquet file", "Write it as CSV or TSV"),
    (b"RDX", "is an R data file", "Write it in R by write.csv(…, row.names = FALSE)"),
    (b"X\n\0", "is an R data file (RDS)", "Write it in R by write.csv(…, row.names = FALSE)"),
    (b"ARROW1", "is a Feather file", "Write it as CSV or TSV"),
    (b"SQLite format 3", "is an SQLite database", "Write its table as CSV or TSV"),
    (b"<stata_dta>", "is a Stata file", "Write it as CSV, e.g. by export delimited"),
    (b"\x80\x04\x95", "is a Python pickle", "Write it in pandas by to_csv(…, index=False)"),
    (b"\x93NUMPY", "is a NumPy array", "Write it as CSV, with a header and the patients"),
    (b"\x28\xb5\x2f\xfd", "is packed by zstd", "Unpack it by `zstd -d`, or pack it by gzip"),
    (b"7z\xbc\xaf", "is a 7z archive", "Unpack it"),
    (b"Rar!", "is a RAR archive", "Unpack it"),
    (b"$FL2", "is an SPSS file", "Save it as CSV (UTF-8)"),
    (b"\x89HDF", "is an HDF5 file", "Write it as CSV or TSV"),
    (b"%PDF", "is a PDF", "Give the table itself as CSV (UTF-8)"),
    (b"version https://git-lfs", "is the pointer of a Git LFS file, not the file", "Fetch it by `git lfs pull`"),
    (b"<!doctype", "is a web page, not a table", "Download the file itself; a log-in page may have come instead"),
    (b"<?xml", "is XML, not a table", "Write it as CSV or TSV"),
    (b'{"', "is JSON, not a table", "Write it as CSV or TSV"),
    (b"[{", "is JSON, not a table", "Write it as CSV or TSV"),
    (b"<html", "is a web page, not a table", "Download the file itself; a log-in page may have come instead"),
)


@dataclass(frozen=True, kw_only=True)
class Text:
    """A file's text.

    Attributes:
        path: the file.
        lines: without their ends; line 1 comes first.
        encoding: how it was written.
        packed: ``gzip``, ``bzip2``, ``xz``, ``zip`` or ``plain``.
        notes: what was left out of it, in words.
    """

    path: Path
    lines: list[str]
    encoding: str
    packed: str
    notes: tuple[str, ...] = ()


def unpacked(path: Path) -> tuple[bytes, str]:
    """The content of a file, and what it was packed with.

    Raises:
        UnreadableError: the packed data are cut or damaged, a zip holds several files, or they unpack to more than any
            table.
    """
    content = path.read_bytes()
    kind = next((name for magic, name in PACKED.items() if content.startswith(magic)), "plain")
    if kind == "plain" or is_workbook(content):
        return content, "plain"
    try:
        if kind == "zip":
            return _only_member(path, content), kind
        with _OPEN[kind](io.BytesIO(content)) as opened:
            return unpack(path, opened), kind
    except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise UnreadableError(f"{path}: its {kind} data are cut or damaged ({error})", "Fetch it again") from error
    except RuntimeError as error:  # a zip with a password, or packed in a way that Python does not know
        raise UnreadableError(f"{path} cannot be unpacked ({error})", "Unpack it, and name what comes out") from error


def is_workbook(content: bytes) -> bool:
    """Whether it is an Excel workbook (.xlsx), whatever its name says."""
    if not content.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _only_member(path: Path, content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
        if any(name.endswith(".iwa") for name in names):
            raise UnreadableError(f"{path} is a sheet of Apple Numbers", "Export it as CSV (UTF-8) or as .xlsx")
        if "content.xml" in names and "mimetype" in names:
            raise UnreadableError(f"{path} is an OpenDocument sheet", "Save it as CSV (UTF-8) or as .xlsx")
        if len(names) != 1:
            what = f"{path} is a zip of {len(names)} files ({', '.join(names[:5])})"
            raise UnreadableError(what, "Unpack it, and name one of them")
        with archive.open(names[0]) as stream:
            return unpack(path, stream)


def read_text(path: Path, *, encoding: str | None = None) -> Text:
    """A file's text.

    Args:
        path: packed or not.
        encoding: None tells by a byte order mark, else UTF-8.

    Raises:
        UnreadableError: it is empty, no text, or not in the encoding; the message names the line.
    """
    content, packed = unpacked(path)
    if not content.strip():
        raise UnreadableError(f"{path} is empty", "Fetch or write it again", empty=True)
    if content.startswith(_CFB) and "EncryptedPackage".encode("utf-16-le") in content:
        raise UnreadableError(
            f"{path} is an Excel workbook with a password", "Take the password off, or save it as CSV"
        )
    start = content[:200].lstrip().lower()
    for magic, what, remedy in _OTHERS:
        if start.startswith(magic.lower()):
            raise UnreadableError(f"{path} {what}", remedy)
    chosen = encoding or next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(chosen)
    except LookupError as error:
        raise UnreadableError(f"{path}: there is no encoding {chosen!r}", "Mend {key}.encoding") from error
    except UnicodeDecodeError as error:
        raise _not_encoded(path, content, error) from error
    if "\0" in text:
        what = f"{path} is no text: byte 0 stands in line {text.count(chr(10), 0, text.index(chr(0))) + 1}"
        raise UnreadableError(what, "Write it as UTF-8; if it is UTF-16 without a mark, set {key}.encoding=utf-16-le")
    text, notes = plain_characters(text.rstrip("\x1a"))  # what CP/M and DOS end a text with
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return Text(path=path, lines=lines, encoding=chosen, packed=packed, notes=notes)


def _not_encoded(path: Path, content: bytes, error: UnicodeDecodeError) -> UnreadableError:
    line = content.count(b"\n", 0, error.start) + 1
    begin = content.rfind(b"\n", 0, error.start) + 1
    end = content.find(b"\n", error.start)
    shown = content[begin : end if end >= 0 else None].rstrip(b"\r")
    around = shown[max(0, error.start - begin - 20) : error.start - begin + 20].decode("ascii", errors="replace")
    around = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in around)
    what = f"{path}, line {line}: byte 0x{content[error.start]:02x} is no {error.encoding.upper()} (… {around} …)"
    return UnreadableError(what, "Save the file as UTF-8, or set {key}.encoding, e.g. to latin-1 or cp1252")
