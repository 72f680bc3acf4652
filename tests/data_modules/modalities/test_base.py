from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from data_modules.errors import CohortError, Problem
from data_modules.files import find_files, list_files, replace_file
from data_modules.patient_ids import PatientIds
from fusion.contract import FusionError


def test_problems_are_numbered_counted_and_cut():
    problem = Problem(what="ids are strange", remedy="Mend cohort.x", examples=tuple("abcdefg"))
    text = str(CohortError("mine", [problem, "modality.y: gone. Look."]))
    assert text == (
        "cohort 'mine' has 2 problems:\n"
        "  1. ids are strange (7: a, b, c, d, e and 2 more). Mend cohort.x\n"
        "  2. modality.y: gone. Look."
    )
    assert "has 1 problem:" in str(CohortError("mine", ["x"]))


@pytest.mark.parametrize(
    ("pattern", "name", "patient"),
    [
        (None, "P1", "P1"),
        (r"^(SIM-BR-\d+)", "SIM-BR-0001-T", "SIM-BR-0001"),
        (r"^x(?P<junk>_)(?P<patient>\d+)", "x_12", "12"),
        (r"P\d+", "slide P7 b.tif", "P7"),
        (r"^(SIM-BR-\d+)", "TCGA-1", None),
    ],
)
def test_patient_of_a_name(pattern, name, patient):
    matched, stray = PatientIds(pattern=pattern).map([name])
    assert matched == ({} if patient is None else {name: patient})
    assert stray == ([] if patient else [name])


def test_patient_by_sample_sheet(tmp_path):
    (tmp_path / "sheet.tsv").write_text("\ufeffFile Name\tCase ID\na.tif\tP1\nb.tif\tP1\n", encoding="utf-8")
    ids = PatientIds(sheet={"file": "sheet.tsv", "key": "File Name", "patient": "Case ID"}, root=tmp_path)
    assert ids.check(key="modality.slides") == []
    assert ids.map(["a.tif", "b.tif", "c.tif"]) == ({"a.tif": "P1", "b.tif": "P1"}, ["c.tif"])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({"pattern": "(", "sheet": None}, r"modality.slides.patient_pattern='\(' is no regular expression"),
        ({"pattern": "x", "sheet": {"file": "a"}}, "both set"),
        ({"sheet": {"file": "none.tsv", "key": "a", "patient": "b"}}, "cannot be used"),
        ({"sheet": {"file": "sheet.tsv"}}, "cannot be used"),
        ({"sheet": {"file": "sheet.tsv", "key": "Name", "patient": "Case"}}, "cannot be used"),
    ],
)
def test_mappings_that_cannot_work(tmp_path, ids, message):
    (tmp_path / "sheet.tsv").write_text("File Name\tCase ID\na.tif\tP1\n")
    (problem,) = PatientIds(root=tmp_path, **ids).check(key="modality.slides")
    assert problem.startswith("modality.slides")
    assert __import__("re").search(message, problem)


def test_files_by_pattern(tmp_path):
    root = tmp_path / "a [folder]"
    for name in ("slides/b.tif", "slides/a.tif", "slides/deep/c.tif", "notes.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()

    def names(*patterns):
        found, empty = find_files(root, list(patterns))
        return [str(path.relative_to(root)) for path in found], empty

    assert names("slides/*.tif") == (["slides/a.tif", "slides/b.tif"], [])
    assert names("slides/*.tif", "slides/a.tif") == (["slides/a.tif", "slides/b.tif"], [])
    assert names("**/*.tif")[0] == ["slides/a.tif", "slides/b.tif", "slides/deep/c.tif"]
    assert names(f"{root}/slides/*.tif")[0] == ["slides/a.tif", "slides/b.tif"]
    assert names(str(root / "notes.txt"))[0] == ["notes.txt"]
    assert names("*.svs", "notes.txt") == (["notes.txt"], ["*.svs"])


def test_links_are_followed_hidden_files_left_out_and_dead_links_named(tmp_path):
    for name in ("root/a/one.h5", "root/a/.two.h5", "root/a/.old/three.h5", "store/four.h5"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    root = tmp_path / "root"
    (root / "b").symlink_to(tmp_path / "store")
    (root / "a/loop").symlink_to(root)
    (root / "a/gone.h5").symlink_to(tmp_path / "nowhere.h5")
    listing = list_files(root, "**/*.h5")
    below = {part: [path.relative_to(root).as_posix() for path in getattr(listing, part)] for part in
             ("found", "hidden", "dead")}  # fmt: skip
    assert below == {
        "found": ["a/one.h5", "b/four.h5"],
        "hidden": ["a/.old/three.h5", "a/.two.h5"],
        "dead": ["a/gone.h5"],
    }
    assert list_files(root, "*/*.h5").found == listing.found
    # A folder stands for what is below it, and a hidden one that is named by its name is not hidden.
    assert list_files(root, ["a", "b"], folders=True).found == listing.found
    assert list_files(root, "a/.old/*").found == [root / "a/.old/three.h5"]
    assert list_files(root, "a/.two.h5").found == [root / "a/.two.h5"]


def test_absolute_pattern_outside_the_root(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.tif").touch()
    assert find_files(tmp_path / "root", f"{tmp_path}/else*/*.tif")[0] == [tmp_path / "elsewhere" / "x.tif"]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file.txt"
    replace_file(path, lambda partial: partial.write_text("old"))

    def fail(partial: Path) -> None:
        partial.write_text("half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        replace_file(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]  # noqa: PTH208


@pytest.fixture
def closed(request):
    """A folder that others may look into, and the rights of nobody: root may read whatever it likes."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    for path in ("P1/a.txt", "P2/a.txt"):
        (folder / path).parent.mkdir()
        (folder / path).write_text("x")
    user = os.geteuid()

    def without(path):
        (folder / path).chmod(0)
        if not user:
            os.seteuid(65534)
        return folder

    yield without
    os.seteuid(user)
    for path in ("P2", "P2/a.txt"):
        (folder / path).chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("pattern", ["*/a.txt", "*/*.txt", "**/*.txt", "P2/*", "P2/a.txt", "P2"])
@pytest.mark.parametrize("path", ["P2", "P2/a.txt"])
def test_what_cannot_be_read_is_never_left_out_without_a_word(closed, pattern, path):
    folder = closed(path)
    with pytest.raises(FusionError, match=rf"{folder}/P2\S* cannot be read \(permission denied\)"):
        list_files(folder, pattern, folders=True)
    os.seteuid(os.getuid())
    (folder / path).chmod(0o755)
    found = list_files(folder, pattern, folders=True).found
    assert folder / "P2/a.txt" in found and len(found) == (1 if "P2" in pattern else 2)
