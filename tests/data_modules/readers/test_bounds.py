"""What unpacks to more than memory is refused by name before memory goes; sound files of any packing are read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pysam
import pytest

from data_modules.genes.places import read_gene_places
from data_modules.ingest.variants.files.chain import write_chain
from data_modules.ingest.variants.files.vcf import open_vcf
from data_modules.ingest.variants.files.vcf_scan import scan
from data_modules.readers import bounds
from data_modules.readers.stream import lines_of
from data_modules.readers.tables import read_text_table
from data_modules.readers.unreadable import UnreadableError

ZEROS = b"0," * (1 << 19)
LINES = b"a\n" * (1 << 19)


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", content)
    return made.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize(("piece", "times"), [(ZEROS, 4000), (LINES, 40)], ids=["bytes", "lines"])
@pytest.mark.parametrize("ending", PACK)
def test_a_packed_table_that_unpacks_to_gigabytes(tmp_path: Path, ending: str, piece: bytes, times: int) -> None:
    """4 GB, or 20 million lines: as many members, one after another, as each of the three packings allows."""
    path = tmp_path / f"table.csv.{ending}"
    path.write_bytes(PACK[ending](piece) * times)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableError) as raised:
            read_text_table(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    told = str(raised.value)
    assert told.startswith(f"{path} unpacks to more than 256 MiB or 10,000,000 lines and more than 100 times its size")
    assert told.endswith("if it is sound, unpack it and name the file that comes out.")
    assert peak < 700 << 20, "the first 256 MiB, and what they are copied to as they grow"


def test_a_zip_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "table.zip"
    path.write_bytes(zipped(ZEROS * 257))
    with pytest.raises(UnreadableError, match=r"table\.zip unpacks to more than 256 MiB"):
        read_text_table(path)


@pytest.mark.parametrize("pack", [*PACK.values(), zipped], ids=[*PACK, "zip"])
def test_a_table_is_refused_only_where_it_is_large_and_packed_to_a_hundredth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    import random

    monkeypatch.setattr(bounds, "MOST_BYTES", 2000)
    monkeypatch.setattr(bounds, "MOST_LINES", 300)
    zeros, path = "id,x\n" + "P1,0\n" * 100, tmp_path / "table.csv"  # to less than a hundredth or not: it is small
    path.write_bytes(pack(zeros.encode()))
    assert len(read_text_table(path).frame) == 100
    draw = random.Random(1)
    drawn = "id,x\n" + "".join(f"P{number},{draw.random()}\n" for number in range(1000))
    path.write_bytes(pack(drawn.encode()))  # large, and not to a hundredth
    assert len(read_text_table(path).frame) == 1000
    # All at once, as one table of many lines or as one of long ones.
    for text in ("id,x\n" + "P1,0\n" * 20000, "id,x\n" + "P" * 100000 + ",0\n"):
        path.write_bytes(pack(text.encode()))
        with pytest.raises(UnreadableError, match="or 300 lines and more than 100 times"):
            read_text_table(path)


def workbook(path: Path, change: Callable[[bytes], bytes] = bytes, *, far: str | None = None) -> Path:
    """A small sheet of two columns, its XML changed."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["id", "x"])
    sheet.append(["P1", 1])
    if far is not None:
        sheet[far].number_format = "0.00"  # an empty cell that only has a format
    made = io.BytesIO()
    book.save(made)
    with zipfile.ZipFile(made) as given, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as changed:
        for part in given.infolist():
            content = given.read(part)
            changed.writestr(part.filename, change(content) if part.filename.endswith("sheet1.xml") else content)
    return path


def merge(where: str) -> Callable[[bytes], bytes]:
    cells = f'<mergeCells count="1"><mergeCell ref="{where}"/></mergeCells>'.encode()
    return lambda xml: xml.replace(b"</sheetData>", b"</sheetData>" + cells)


def test_a_workbook_of_a_hundred_megabytes(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "x.xlsx",
        lambda xml: xml.replace(b"</sheetData>", b"<row>" + b"<c/>" * (25 << 20) + b"</row></sheetData>"),
    )
    assert path.stat().st_size < 1_000_000
    with pytest.raises(UnreadableError, match=r"x\.xlsx unpacks to more than 32 MiB and more than 100 times its size"):
        read_text_table(path)


def test_a_small_workbook_is_read_however_well_it_packs(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "x.xlsx",
        lambda xml: xml.replace(b"</sheetData>", b"<!--" + b" " * 2_000_000 + b"--></sheetData>"),
    )
    with zipfile.ZipFile(path) as archive:
        assert sum(part.file_size for part in archive.infolist()) > 100 * path.stat().st_size
    assert read_text_table(path).frame.to_numpy().tolist() == [["P1", "1"]]


@pytest.mark.parametrize("where", ["A5:XFD1048576", "$B$5:$xfd$1048576"])
def test_a_workbook_of_kilobytes_whose_merged_cells_are_billions(tmp_path: Path, where: str) -> None:
    path = workbook(tmp_path / "x.xlsx", merge(where))
    assert path.stat().st_size < 10_000
    with pytest.raises(UnreadableError, match=r"what is merged has 17,1\d\d,\d{3},\d{3} cells with the empty ones"):
        read_text_table(path)


def test_a_workbook_of_kilobytes_with_a_cell_at_the_far_corner(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", far="XFD1048576")
    with pytest.raises(UnreadableError, match=r"sheet 'Sheet' has 17,179,869,184 cells with the empty ones"):
        read_text_table(path)


def test_a_workbook_with_a_format_far_below_and_a_few_merged_cells(tmp_path: Path) -> None:
    """Someone formatted a column as a whole: cells that hold nothing are no bomb."""
    assert read_text_table(workbook(tmp_path / "x.xlsx", far="B5000")).frame.to_numpy().tolist() == [["P1", "1"]]
    with pytest.raises(UnreadableError, match="cells A5:B6 are merged"):
        read_text_table(workbook(tmp_path / "y.xlsx", merge("A5:B6")))


def test_a_workbook_whose_entities_multiply(tmp_path: Path) -> None:
    entities = b'<!ENTITY a "hahaha">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + step, b"&%c;" % (97 + step) * 50) for step in range(8)
    )
    path = workbook(
        tmp_path / "x.xlsx",
        lambda xml: b"<!DOCTYPE x [" + entities + b"]>" + xml.replace(b"<v>1</v>", b"<v>&i;</v>"),
    )
    with pytest.raises(UnreadableError, match=r"cannot be opened \(limit on input amplification factor"):
        read_text_table(path)


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    """Python cannot write one: the bit that says so is set by hand, in the entry and in the directory."""
    content = bytearray(zipped(b"id,x\nP1,1\n"))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    (tmp_path / "table.zip").write_bytes(content)
    with pytest.raises(UnreadableError, match=r"cannot be unpacked \(.*password.*\)\. Unpack it"):
        read_text_table(tmp_path / "table.zip")


def vcf(long: int) -> bytes:
    """Four lines; the last is `long` bytes long, without its end."""
    head = b'##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    names = b"\t".join(b"#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT P1".split()) + b"\n"
    begin, end = b"chr1\t5\t.\tA\tC\t.\tPASS\tX=", b"\tGT\t0/1"
    return head + names + begin + b"A" * (long - len(begin) - len(end)) + end + b"\n"


@pytest.mark.parametrize("kind", ["plain", "gzip", "bgzip"])
def test_a_vcf_with_a_line_longer_than_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(bounds, "LONGEST_LINE", 1000)
    monkeypatch.setattr(bounds, "_CHUNK", 100)
    path = tmp_path / "x.vcf"
    for long, told in ((999, None), (1010, "is no VCF: line 4 has more than 1,000 characters")):
        content = vcf(long)
        if kind == "bgzip":
            with pysam.BGZFile(str(path), "wb") as stream:
                stream.write(content)
        else:
            path.write_bytes(gzip.compress(content) if kind == "gzip" else content)
        facts = scan(path)
        assert facts.compression == kind
        assert (facts.problem is None) if told is None else str(facts.problem).startswith(told)
        assert facts.records == (told is None)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100, 1 << 20])
@pytest.mark.parametrize("content", [b"", b"\n", b"a", b"a\n", b"\n\na\nbcd\n\ne", b"ab\r\ncd\r\n"])
def test_lines_of_blocks_are_the_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, chunk: int
) -> None:
    monkeypatch.setattr(bounds, "_CHUNK", chunk)
    path = tmp_path / "x.vcf.gz"
    with pysam.BGZFile(str(path), "wb") as stream:
        stream.write(content)
    with open_vcf(path) as lines:
        assert list(lines) == [line.removesuffix(b"\n") for line in io.BytesIO(content)]


def test_a_line_without_end_is_not_held(tmp_path: Path) -> None:
    """A mutation table of megabytes with 300 MB in its second line; and one with as much in many lines is read on."""
    path = tmp_path / "x.maf.gz"
    path.write_bytes(gzip.compress(b"Hugo_Symbol\n") + gzip.compress(ZEROS) * 300)
    lines = lines_of(path)
    assert next(lines) == "Hugo_Symbol"
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableError, match=r"x\.maf\.gz, line 2 has more than 268,435,456 characters"):
            next(lines)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1200 << 20
    path.write_bytes(gzip.compress(LINES) * 20)
    assert sum(1 for _ in lines_of(path)) == 20 << 19


@pytest.mark.parametrize("packed", [False, True])
def test_genes_and_chains_with_a_line_longer_than_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(bounds, "LONGEST_LINE", 1000)
    path = tmp_path / "x"
    for long in (1000, 1001):
        line = b"chr1\t100\t200\t".ljust(long - 1, b"G") + b"\n"
        path.write_bytes(gzip.compress(line) if packed else line)
        if long == 1000:
            assert read_gene_places(path, key="genes")[0][:3] == ("1", 101, 200)
            continue
        with pytest.raises(UnreadableError, match="line 1 has more than 1,000 characters"):
            read_gene_places(path, key="genes")
        with pytest.raises(UnreadableError, match="line 1 has more than 1,000 characters"):
            write_chain(path, tmp_path / "out", source="GRCh37", build="GRCh38")
