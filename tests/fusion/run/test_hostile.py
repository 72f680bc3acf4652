"""Run folders of strangers: whatever lies in them, opening them follows no link, unpacks no bomb, leaves no folder."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from fusion.contract import FusionError
from fusion.run import bounded
from fusion.run.folder import RunFolder
from fusion.run.integrity import hash_files
from fusion.run.state import load_state
from fusion.run.trust import require_trusted


@pytest.fixture
def stranger(tmp_path: Path, make_run: Callable[..., RunFolder]) -> RunFolder:
    return make_run(tmp_path / "stranger", patients=40)


def signed(run: RunFolder) -> Path:
    """As its maker would: hashes recomputed, so that nothing looks altered."""
    names = [
        item.name
        for item in run.path.iterdir()
        if item.name not in ("run.json", "metrics.json", "report.html", "figures")
    ]
    record = json.loads((run.path / "run.json").read_text())
    record["files"] = hash_files(run.path, names)
    (run.path / "run.json").write_text(json.dumps(record))
    return run.path


def refused(run: RunFolder, words: str) -> None:
    with pytest.raises(FusionError, match=words):
        RunFolder.open(signed(run))


def change(run: RunFolder, **nodes: Any) -> None:
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    (run.path / "config.yaml").write_text(yaml.safe_dump(config | nodes))


def test_the_folder_of_the_fixture_is_opened(stranger: RunFolder) -> None:
    assert RunFolder.open(signed(stranger)) == stranger


def test_a_class_of_another_package_is_not_made(stranger: RunFolder, tmp_path: Path) -> None:
    handler = {"_target_": "logging.FileHandler", "filename": str(tmp_path / "owned")}
    change(stranger, model={"fuser": {"_target_": "fusion.fusers.concat.ConcatFuser", "trust": handler}})
    refused(stranger, r"model\.fuser\.trust\._target_ is logging\.FileHandler.*trust=\[logging\.FileHandler\]")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["config.yaml", "models/repeat0_fold0/predictions.parquet", "models", "id_salt"])
def test_links_are_not_followed(stranger: RunFolder, tmp_path: Path, name: str) -> None:
    link = stranger.path / name
    elsewhere = tmp_path / "elsewhere"
    if link.exists():
        link.rename(elsewhere)
    link.symlink_to(elsewhere)
    with pytest.raises(FusionError, match=r"is a link, which may lead out of the run folder"):
        RunFolder.open(stranger.path)


def test_explanations_are_not_written_through_a_link(stranger: RunFolder, tmp_path: Path) -> None:
    (stranger.path / "explanations").symlink_to(tmp_path)
    with pytest.raises(FusionError, match=r"explanations: is a link"):
        RunFolder.open(stranger.path)


def test_a_pipe_is_not_waited_for(stranger: RunFolder) -> None:
    os.mkfifo(stranger.path / "models" / "pipe")
    with pytest.raises(FusionError, match="neither a file nor a folder"):
        RunFolder.open(stranger.path)


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "models/../../secret"])
def test_names_of_files_stay_inside(stranger: RunFolder, name: str) -> None:
    stranger.note(files={name: "00"})
    with pytest.raises(FusionError, match="no plain name"):
        RunFolder.open(stranger.path)


@pytest.mark.parametrize("number", ["0/../../..", 1.5, None])
def test_numbers_of_folds_are_numbers(stranger: RunFolder, number: object) -> None:
    folds = json.loads(stranger.folds_path.read_text())
    folds["folds"][0]["index"] = number
    stranger.folds_path.write_text(json.dumps(folds))
    with pytest.raises(FusionError, match="must be whole numbers"):
        RunFolder.open(signed(stranger)).folds()
    stranger.folds_path.write_text('{"hash": "1"}')
    with pytest.raises(FusionError, match=r"folds\.json: has no list of folds"):
        RunFolder.open(signed(stranger)).folds()


def test_names_of_modalities_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"config": {}, "arrays": []}')
    (tmp_path / "run").mkdir()
    with pytest.raises(FusionError, match=r"'\.\./secret' is no plain name"):
        load_state(tmp_path / "run", "../secret")


def test_a_figure_from_elsewhere_is_not_put_into_the_report(stranger: RunFolder) -> None:
    part = {"modality": "x", "title": "x", "counts": {}, "notes": {}, "folder": "x", "figure": "../../../etc/passwd"}
    (stranger.path / "quality.json").write_text(json.dumps({"parts": [part]}))
    with pytest.raises(FusionError, match="no plain name"):
        stranger.quality()


def test_a_picture_from_the_network_is_not_put_into_the_report(stranger: RunFolder) -> None:
    (stranger.path / "examples.json").write_text(json.dumps({"examples": [{"image": "https://tracker.example/x.png"}]}))
    with pytest.raises(FusionError, match="picture that lies elsewhere"):
        stranger.examples()


def test_a_configuration_that_multiplies_by_aliases(stranger: RunFolder) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (stranger.path / "config.yaml").write_text("\n".join(lines))
    refused(stranger, "by an alias")


def test_a_configuration_that_nests_without_end(stranger: RunFolder) -> None:
    (stranger.path / "config.yaml").write_text("[" * 5000 + "]" * 5000)
    refused(stranger, "levels deep|nests")
    (stranger.path / "folds.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(FusionError, match="too deeply"):
        stranger.folds()


def test_a_configuration_with_a_tag_of_python(stranger: RunFolder) -> None:
    (stranger.path / "config.yaml").write_text("x: !!python/object/apply:os.system ['touch owned']\n")
    refused(stranger, "cannot be read")


def test_a_configuration_or_a_record_of_gigabytes(stranger: RunFolder) -> None:
    with (stranger.path / "config.yaml").open("r+b") as stream:
        stream.truncate(bounded.YAML_LIMIT + 1)  # a hole: takes no room
    with pytest.raises(FusionError, match="where a run has at most"):
        stranger.config()
    with (stranger.path / "run.json").open("r+b") as stream:
        stream.truncate(bounded.JSON_LIMIT + 1)
    with pytest.raises(FusionError, match="where a run has at most"):
        RunFolder.open(stranger.path)


def test_an_archive_that_unpacks_to_more_than_a_run_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bounded.UNPACKED_LIMIT == 4 << 30
    monkeypatch.setattr(bounded, "UNPACKED_LIMIT", 1 << 28)
    (tmp_path / "bomb.json").write_text('{"config": {}, "arrays": ["x"]}')
    chunk = b"\0" * (1 << 24)
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as member,
    ):
        header = io.BytesIO()
        rows = (bounded.UNPACKED_LIMIT >> 3) + 1
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (rows,)})
        member.write(header.getvalue())
        for _ in range(bounded.UNPACKED_LIMIT // len(chunk) + 1):
            member.write(chunk)
    assert (tmp_path / "bomb.npz").stat().st_size < 10_000_000
    with pytest.raises(FusionError, match="would unpack to"):
        load_state(tmp_path, "bomb")


def test_an_array_that_is_not_as_large_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "liar.json").write_text('{"config": {}, "arrays": ["x"]}')
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "liar.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + b"\0" * 64)
    with pytest.raises(FusionError, match="cannot be read"):
        load_state(tmp_path, "liar")


def test_a_table_of_more_rows_than_memory(stranger: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 5_000_000
    pq.write_table(pa.table({"x": pa.array(np.zeros(rows))}), stranger.path / "predictions.parquet")
    assert (stranger.path / "predictions.parquet").stat().st_size < 100_000
    monkeypatch.setattr(bounded, "UNPACKED_LIMIT", 8 * rows - 1)
    with pytest.raises(FusionError, match="would unpack to"):
        stranger.predictions()


def test_more_files_than_any_run_has(stranger: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "FILES_LIMIT", 5)
    with pytest.raises(FusionError, match="more than 5 files"):
        RunFolder.open(stranger.path)


def test_as_many_files_as_a_run_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    for name in ("a", "b"):
        (tmp_path / "models" / name).touch()
    monkeypatch.setattr(bounded, "FILES_LIMIT", 3)  # the folder is one
    bounded.refuse_links(tmp_path, ("models",))
    (tmp_path / "models" / "c").touch()
    with pytest.raises(FusionError, match="more than 3 files"):
        bounded.refuse_links(tmp_path, ("models",))


@pytest.mark.parametrize("content", ["[]", '"text"', "7", "null"])
def test_documents_of_another_kind(stranger: RunFolder, content: str) -> None:
    (stranger.path / "config.yaml").write_text(content)
    refused(stranger, "holds no mapping")
    (stranger.path / "run.json").write_text(content)
    with pytest.raises(FusionError, match="holds no mapping"):
        RunFolder.open(stranger.path)


def test_what_is_trusted_is_asked_before_anything_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('owned').touch()\nclass E: ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FusionError, match=r"evil\.E"):
        require_trusted({"model": {"fuser": {"_target_": "evil.E"}}}, where=tmp_path)
    assert not (tmp_path / "owned").exists()
