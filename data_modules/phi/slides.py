"""What a slide carries beside its tissue: a photograph of its label, the whole glass, and the scanner's notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data_modules.phi.found import Weight

ENDINGS = (".svs", ".tif", ".tiff", ".ndpi", ".scn", ".mrxs", ".vms", ".vmu", ".bif", ".svslide", ".czi")
_PICTURES: dict[str, tuple[str, Weight]] = {
    "label": ("photograph of the label, which mostly names the patient or the block", "identifies"),
    "macro": ("photograph of the whole glass, which may show the label", "look"),
    "barcode": ("photograph of the barcode", "identifies"),
}
_NOTES: dict[str, tuple[str, Weight]] = {
    "user": ("name of a person", "identifies"), "operator": ("name of a person", "identifies"),
    "artist": ("name of a person", "identifies"),
    "barcode": ("number of a patient or block", "identifies"), "title": ("free text", "look"),
    "filename": ("name under which it was scanned", "look"),
    "date": ("day or time", "identifies"), "datetime": ("day or time", "identifies"), "time": ("day or time", "look"),
    "slide id": ("number of a patient or block", "look"), "slidename": ("name under which it was scanned", "look"),
    "hostcomputer": ("name of a computer", "look"),
}  # fmt: skip
"""Last part of a property's name → what it holds."""
_PAIR = re.compile(r"\|\s*([A-Za-z ]+?)\s*=\s*([^|\r\n]*)")


def beside_tissue(path: Path) -> Iterator[tuple[str, str, Weight, str]]:
    """Picture or property, what it holds, how that weighs, and a property's value (to be hidden).

    Raises:
        FusionError: neither OpenSlide nor tifffile reads the file.
    """
    from fusion.contract import FusionError

    try:
        pictures, notes = _facts(path)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise FusionError(f"it cannot be read as a slide ({type(error).__name__})") from error
    for kind, (what, weight) in _PICTURES.items():
        if any(kind in name.lower() for name in pictures):
            yield f"picture {kind}", what, weight, ""
    seen: set[str] = set()
    for name, value in notes.items():
        kind = re.split(r"[.:]", name)[-1].strip().lower()
        if kind in _NOTES and value.strip() and kind not in seen:
            seen.add(kind)
            what, weight = _NOTES[kind]
            yield f"property {name}", what, weight, value.strip() if weight == "identifies" else ""


def text_of(path: Path) -> str:
    """All that a slide's properties say, to be searched for ids; empty where it cannot be read."""
    try:
        return "\n".join(_facts(path)[1].values())
    except (OSError, ValueError, KeyError, IndexError):
        return ""


def _facts(path: Path) -> tuple[list[str], dict[str, str]]:
    """Names of pictures beside the tissue, and properties: what OpenSlide says, and of a TIFF its pages too.

    OpenSlide tells of a plain TIFF's first pyramid alone; a label kept as a further page it passes over.
    """
    import openslide

    try:
        with openslide.OpenSlide(str(path)) as slide:
            pictures, notes = (
                list(slide.associated_images),
                {str(key): str(one) for key, one in slide.properties.items()},
            )
    except openslide.OpenSlideError:
        return _of_tiff(path)
    try:
        more, said = _of_tiff(path)
    except (OSError, ValueError, KeyError, IndexError):
        return pictures, notes
    return [*pictures, *more], notes | said


def _of_tiff(path: Path) -> tuple[list[str], dict[str, str]]:
    import tifffile

    pictures: list[str] = []
    notes: dict[str, str] = {}
    with tifffile.TiffFile(path) as file:
        if not len(file.pages):
            raise ValueError("no page")
        for number in range(len(file.pages)):
            page = file.pages[number]
            page = page if isinstance(page, tifffile.TiffPage) else page.aspage()
            said = str(page.description)
            first = " ".join(said.splitlines()[:2]).lower()
            pictures += [kind for kind in _PICTURES if kind in first]
            notes |= {f"page {number}.{key}": value for key, value in _PAIR.findall(said)}
            if said:
                notes[f"page {number}.ImageDescription"] = said
            for tag in ("DateTime", "Artist", "HostComputer"):
                if tag in page.tags:
                    notes[f"page {number}.{tag}"] = str(page.tags[tag].value)
    return pictures, notes
