"""Files of a run folder that may be a stranger's: read within bounds, and never through a name that leads elsewhere.

Everything is checked before it is read: a link, a name with a folder in it, a document or an archive that would unpack
to more than any run needs.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.run.files import RunFolderError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

YAML_LIMIT = 4 << 20
"""Bytes of config.yaml: a thousand times what a large one has."""
JSON_LIMIT = 256 << 20
"""Bytes of a JSON file; Python's objects take some ten times that."""
UNPACKED_LIMIT = 4 << 30
"""Bytes that one archive of arrays or one table may unpack to."""
FILES_LIMIT = 200_000
"""Files of a run folder."""
_DEPTH = 60
"""How deeply mappings and lists may nest."""
_NAME = re.compile(r"[^/\\\x00]+")


def plain_name(name: object, *, where: str) -> str:
    """A name that files are found by: text without a folder in it.

    Raises:
        RunFolderError: it would lead elsewhere.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None or name in (".", ".."):
        raise RunFolderError(f"{where}: {str(name)[:80]!r} is no plain name, and could lead out of the run folder.")
    return name


def refuse_links(folder: Path, names: tuple[str, ...], *, beside: tuple[str, ...] = ()) -> None:
    """Of what a run reads, everything lies in the folder itself; what is written into it stays there.

    Args:
        folder: of the run; may itself be reached by a link, which is the user's own.
        names: files and folders under it, which are looked through.
        beside: others, which are only no links themselves.

    Raises:
        RunFolderError: a link, a device or pipe, or more files than any run has.
    """
    shallow = {folder / name for name in beside}
    pending = [folder / name for name in (*names, *beside)]
    seen = 0
    while pending:
        path = pending.pop()
        seen += 1
        if seen > FILES_LIMIT:
            raise RunFolderError(f"{folder}: holds more than {FILES_LIMIT:,} files, which no run writes.")
        if path.is_symlink():
            raise RunFolderError(
                f"{path}: is a link, which may lead out of the run folder. If it is yours, replace it by what it "
                "points to."
            )
        if path.is_dir():
            pending += [] if path in shallow else path.iterdir()
        elif path.exists() and not path.is_file():
            raise RunFolderError(f"{path}: is neither a file nor a folder; no run writes that.")


def read_json(path: Path) -> Any:
    """A JSON document.

    Raises:
        OSError, ValueError: it cannot be read.
        RunFolderError: it is too large or nests too deeply.
    """
    require_size(path, JSON_LIMIT)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise RunFolderError(f"{path}: nests too deeply to be a run's.") from error


def read_yaml(path: Path) -> Any:
    """A YAML document of plain values: no tags, no aliases (which multiply a few lines to gigabytes).

    Raises:
        OSError, yaml.YAMLError: it cannot be read.
        RunFolderError: it is too large, nests too deeply, or has aliases.
    """
    import yaml

    require_size(path, YAML_LIMIT)
    text = path.read_text(encoding="utf-8")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise RunFolderError(f"{path}: repeats a part by an alias (*{event.anchor}), which no run writes.")
        if depth > _DEPTH:
            raise RunFolderError(f"{path}: nests more than {_DEPTH} levels deep, which no run does.")
    return yaml.safe_load(text)


def read_table(path: Path) -> pd.DataFrame:
    """A Parquet table.

    Raises:
        OSError, ValueError: it cannot be read.
        RunFolderError: it would unpack to too much.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    facts = pq.read_metadata(path)
    unpacked = sum(facts.row_group(number).total_byte_size for number in range(facts.num_row_groups))
    # A column of one repeated value is a few bytes whatever its length; in memory each cell takes eight and more.
    _refuse_unpacked(path, max(unpacked, 8 * facts.num_rows * max(1, facts.num_columns)))
    return pd.read_parquet(path)


def read_arrays(path: Path, names: list[str]) -> dict[str, NDArray[Any]]:
    """Arrays of an npz file by name; no objects.

    Raises:
        OSError, ValueError, KeyError: it cannot be read, or lacks one.
        RunFolderError: it would unpack to too much.
    """
    import numpy as np

    require_archive(path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    # A header may claim a shape that its bytes do not hold, and a directory sizes that its members do not have.
    except (MemoryError, zipfile.BadZipFile) as error:
        raise ValueError(f"an array is not as large as it says: {error}") from error


def require_archive(path: Path) -> None:
    """Refuse what is no zip archive, or would unpack to too much.

    Raises:
        OSError, ValueError: it cannot be read.
        RunFolderError: it would unpack to too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_unpacked(path, sum(member.file_size for member in archive.infolist()))
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error


def require_size(path: Path, limit: int) -> None:
    """Refuse a file that is larger than any run's.

    Raises:
        OSError: there is no such file.
        RunFolderError: it is larger than `limit` bytes.
    """
    size = path.stat().st_size
    if size > limit:
        raise RunFolderError(f"{path}: has {size / 1e6:.0f} MB where a run has at most {limit / 1e6:.0f}.")


def _refuse_unpacked(path: Path, size: int) -> None:
    if size > UNPACKED_LIMIT:
        raise RunFolderError(
            f"{path}: has {path.stat().st_size / 1e6:.1f} MB and would unpack to {size / 1e9:.1f} GB; a run's files "
            f"unpack to at most {UNPACKED_LIMIT / 1e9:.1f} GB."
        )


def as_mapping(content: Any, path: Path) -> dict[str, Any]:
    """What must be a mapping.

    Raises:
        RunFolderError: it is something else.
    """
    if not isinstance(content, Mapping):
        raise RunFolderError(f"{path}: holds no mapping, but {type(content).__name__}.")
    return dict(content)
