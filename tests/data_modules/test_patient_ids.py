"""One rule for whose a file is: its name less its endings, else a pattern on name and path, else a sheet."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.patient_ids import PatientIds, bare_name

ROOT = Path("/cohort")


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("P000.h5", "P000"),
        ("A.01.ome.tif", "A.01"),
        ("P7.g.vcf.gz", "P7"),
        ("P7.nii.gz", "P7"),
        ("TCGA-AB-1234-01Z.uuid.svs", "TCGA-AB-1234-01Z.uuid"),
        ("plain", "plain"),
    ],
)
def test_a_name_less_its_endings(name: str, bare: str) -> None:
    assert bare_name(name) == bare
    assert PatientIds(root=ROOT).map_files([ROOT / name])[0] == {ROOT / name: bare}


def test_a_pattern_finds_the_patient_in_the_name_else_in_the_path() -> None:
    paths = [ROOT / name for name in ("slides/P1/scan.svs", "slides/P1/P2_a.svs", "slides/x/scan.svs")]
    matched, stray = PatientIds(pattern=r"P\d", root=ROOT).map_files(paths)
    assert matched == {paths[0]: "P1", paths[1]: "P2"}
    assert stray == [paths[2]]
    folder = PatientIds(pattern=r"([^/]+)/[^/]+$", root=ROOT)
    assert list(folder.map_files(paths)[0].values()) == ["P1", "P1", "x"]
    # Above the cohort's root lies nobody's name.
    assert PatientIds(pattern="cohort", root=ROOT).map_files(paths)[1] == paths


def test_what_files_say_themselves_counts_where_nothing_is_set() -> None:
    path = ROOT / "DCM_0.dcm"
    assert PatientIds(root=ROOT).map_files([path], told={path: "P9"})[0] == {path: "P9"}
    assert PatientIds(pattern="DCM", root=ROOT).map_files([path], told={path: "P9"})[0] == {path: "DCM"}


def test_a_sheet_of_paths_names_or_bare_names(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text("file,who\na/x.svs,P1\ny.svs,P2\nz,P3\n")
    ids = PatientIds(sheet={"file": "sheet.csv", "key": "file", "patient": "who"}, root=tmp_path)
    paths = [tmp_path / name for name in ("a/x.svs", "b/x.svs", "b/y.svs", "b/z.ome.tif")]
    matched, stray = ids.map_files(paths)
    assert list(matched.values()) == ["P1", "P2", "P3"] and stray == [paths[1]]
    assert ids.unsure(paths) == []
    several = [*paths, tmp_path / "c/y.svs"]
    assert ids.unsure(several) == [tmp_path / "b/y.svs", tmp_path / "c/y.svs"]


def test_a_sheet_that_contradicts_itself_is_refused_and_paths_mend_it(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("file,who\nscan.svs,P1\nscan.svs,P2\n")
    ids = PatientIds(sheet={"file": "sheet.csv", "key": "file", "patient": "who"}, root=tmp_path)
    (problem,) = ids.check(key="modality.slides")
    assert "gives 1 names to several patients (scan.svs: P1 and P2)" in problem and "by their path" in problem
    sheet.write_text("file,who\nP1/scan.svs,P1\nP2/scan.svs,P2\n")
    assert ids.check(key="modality.slides") == []
