"""OME-XML of a TIFF: microns per pixel and significant bits of the image that a series holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree

UNKNOWN_UNIT = "oncofusion.unknown-unit"
"""Property of a slide that holds the unit of a physical size that is no length."""

_MICRONS = {
    "µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3, "pm": 1e-6, "Å": 1e-4, "mm": 1e3, "cm": 1e4, "dm": 1e5, "m": 1e6,
    "in": 25400.0, "thou": 25.4,
}  # fmt: skip
"""Microns in the units of length that OME's schema names; two characters are in use for micro."""


@dataclass(frozen=True, kw_only=True)
class OmeImage:
    """One ``Image`` of the metadata.

    Attributes:
        size: width and height in pixels.
        mpp: microns per pixel along x and y; None where it is not said.
        unknown: units that are no length.
        bits: significant bits of a sample; None where they are not said.
        name: what it is called, e.g. ``macro``.
    """

    size: tuple[int, int]
    mpp: tuple[float, float] | None
    unknown: tuple[str, ...]
    bits: int | None
    name: str


def read_ome(text: str) -> list[OmeImage]:
    """The images of OME-XML, in order.

    Raises:
        ValueError: it is no XML.
    """
    try:
        # Entities are expanded by expat, which limits how far (2.4 and later); none is fetched.
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError as error:
        raise ValueError(f"a TIFF whose OME-XML cannot be read ({error})") from error
    images = []
    for image in root.iter():
        if _tag(image) != "Image":
            continue
        pixels = next((part for part in image if _tag(part) == "Pixels"), None)
        if pixels is not None:
            images.append(_image(pixels, name=image.get("Name", "")))
    return images


def _image(pixels: ElementTree.Element, *, name: str) -> OmeImage:
    units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "XY"]
    sizes = [pixels.get(f"PhysicalSize{axis}") for axis in "XY"]
    unknown = tuple(dict.fromkeys(unit for unit in units if unit not in _MICRONS))
    mpp = None
    if None not in sizes and not unknown:
        x, y = (float(size or 0) * _MICRONS[unit] for size, unit in zip(sizes, units, strict=True))
        mpp = (x, y)
    bits = pixels.get("SignificantBits")
    return OmeImage(
        size=(int(pixels.get("SizeX", "0")), int(pixels.get("SizeY", "0"))),
        mpp=mpp,
        unknown=unknown if None not in sizes else (),
        bits=None if bits is None else int(bits),
        name=name,
    )


def image_of(images: Iterable[OmeImage], *, size: tuple[int, int], place: int) -> OmeImage | None:
    """The image of a series of this size at this place; None where several could be meant and disagree."""
    images = list(images)
    if place < len(images) and images[place].size == size:
        return images[place]
    fitting = [image for image in images if image.size == size]
    return fitting[0] if fitting and all(one.mpp == fitting[0].mpp for one in fitting) else None


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
