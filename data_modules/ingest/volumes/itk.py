"""NRRD and MetaImage, through SimpleITK; and pixels of DICOM whose compression pydicom cannot undo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.ingest.common.no_content import no_content
from data_modules.ingest.volumes.files import VolumeFile, as_rows, usable_affine

if TYPE_CHECKING:
    from numpy.typing import NDArray

ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_HEADER = 1 << 16
"""Bytes in which a header's text is looked for."""
_SPACES = ("ras", "las", "lps", "right-anterior-superior", "left-anterior-superior", "left-posterior-superior")
"""NRRD's spaces whose axes are the patient's; others, such as scanner-xyz, say no side."""


def itk_header(path: Path, *, name: str) -> VolumeFile:
    """What an NRRD or MetaImage file says of itself; `VolumeFile.problem` where that is not enough."""
    import SimpleITK

    text = _text(path)
    data, wrong = _data_file(path, text)  # before ITK looks for it, wherever that is
    if wrong is not None:
        return VolumeFile(name=name, kind="itk", paths=(path,), problem=f"{name} {wrong}")
    itk: Any = SimpleITK
    reader = itk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        reason = no_content(path) or str(error).strip().splitlines()[-1].strip()
        problem = f"{name} does not open as {path.suffix[1:].upper()} ({reason})"
        return VolumeFile(name=name, kind="itk", paths=(path,), problem=problem)
    shape = tuple(int(length) for length in reader.GetSize())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    parts = int(reader.GetNumberOfComponents())
    if parts != 1:
        wrong = f"has {parts} numbers a voxel (colour, vectors or several volumes), not one"
    elif len(shape) != 3:
        wrong = f"has {len(shape)} dimensions ({' × '.join(map(str, shape))}), not the 3 of one volume"
    elif min(shape) < 2:
        wrong = f"is a single slice ({' × '.join(map(str, shape))}), not a volume"
    else:
        wrong = _place(path, text)
    affine = _affine(reader) if wrong is None else None
    if affine is not None and not usable_affine(affine):
        wrong = f"does not say a usable spacing ({', '.join(f'{x:g}' for x in reader.GetSpacing())})"
    return VolumeFile(
        name=name,
        kind="itk",
        paths=(path,) if data is None else (path, data),
        shape=shape,
        problem=None if wrong is None else f"{name} {wrong}",
        affine=None if affine is None or wrong is not None else as_rows(affine),
    )


def read_itk(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Voxels ``(x, y, z)`` and the affine in RAS."""
    import SimpleITK

    image = SimpleITK.ReadImage(str(path))
    values = np.asarray(SimpleITK.GetArrayViewFromImage(image), dtype=np.float32)
    return np.ascontiguousarray(values.reshape(values.shape[-3:]).transpose(2, 1, 0)), _affine(image)


def read_slice(path: Path) -> NDArray[np.float32]:
    """One DICOM slice ``(row, column)``, with slope and intercept applied."""
    import SimpleITK

    values = np.asarray(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))), dtype=np.float32)
    return np.asarray(values[0])


def _affine(image: Any) -> NDArray[np.float64]:
    """ITK counts in LPS."""
    number = image.GetDimension()
    affine = np.eye(4)
    turn = np.asarray(image.GetDirection(), dtype=np.float64).reshape(number, number)[:3, :3]
    affine[:3, :3] = turn * np.asarray(image.GetSpacing()[:3])
    affine[:3, 3] = image.GetOrigin()[:3]
    return np.asarray(_LPS_TO_RAS @ affine)


def _text(path: Path) -> str:
    """The header's text, to where the voxels begin."""
    with path.open("rb") as stream:
        head = stream.read(_HEADER).replace(b"\r\n", b"\n")
    return head.partition(b"\n\n")[0].decode("latin-1")


def _said(text: str, key: str) -> str | None:
    """What a line of the header says: ``key: value`` in NRRD, ``key = value`` in MetaImage."""
    found = re.search(rf"^{key}[ \t]*[:=][ \t]*(\S.*?)[ \t]*$", text, re.IGNORECASE | re.MULTILINE)
    return None if found is None else found[1]


def _data_file(path: Path, text: str) -> tuple[Path | None, str | None]:
    """The file of the voxels, where it is not the header's own; or why it cannot be used."""
    name = _said(text, "data ?file" if path.suffix.lower() in (".nrrd", ".nhdr") else "ElementDataFile")
    if name is None or name.upper() == "LOCAL":
        return None, None
    if name.upper().startswith("LIST") or "%" in name:
        return None, f"keeps its voxels in several files ({name}): save it as one .nrrd or .mha"
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return None, f"keeps its voxels outside of its folder ({name}): save it as one .nrrd or .mha"
    data = path.parent / name
    return (data, None) if data.is_file() else (None, f"keeps its voxels in {name}, which is not there: copy it there")


def _place(path: Path, text: str) -> str | None:
    """Why nobody knows where its voxels lie; ITK takes the identity, LPS and millimetres where it is not said."""
    if path.suffix.lower() not in (".nrrd", ".nhdr"):
        if any(_said(text, word) for word in ("TransformMatrix", "Orientation", "Rotation")):
            return None
        return "does not say its orientation (TransformMatrix)"
    space = _said(text, "space")
    if space is None or _said(text, "space directions") is None:
        return "does not say its orientation (space, space directions)"
    if space.lower().removesuffix("-time").removesuffix("t") not in _SPACES:
        return f"says a space that has no sides of the patient ({space}): write it in {_SPACES[-1]}"
    units = _said(text, "space units")
    strange = sorted(set(re.findall(r'"([^"]*)"', units or "")) - {"mm", "", "???", "s", "ms"})
    if strange:
        return f"says that its places are in {', '.join(strange)} (space units), not in mm: write them in millimetres"
    return None
