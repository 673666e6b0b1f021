"""Whole slides of histology: pyramids of tiles, far larger than any screen or network (openslide).

The image of a slide is its overview, by one rule for the screen and for every network: the finest level whose longer
side is at most OVERVIEW_SIDE pixels; where no level is that small, the coarsest one, averaged over whole squares of
pixels until it is. What lies beneath is read region by region.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.errors import UnreadableImage
from xferviewer.studies.colour_profiles import usable_profile
from xferviewer.studies.content import refuse_missing_frame
from xferviewer.studies.image import Image, ImageFacts, Pyramid
from xferviewer.studies.limits import largest_frame_bytes, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.studies.opening import OpenedFile

OVERVIEW_SIDE = 4096
"""Pixels of the longer side of an overview, at most. Another number would give networks other inputs (0104)."""

_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_ZEISS = b"ZISRAWFILE"
_JPEG = b"\xff\xd8\xff"
_MIRAX = ".mrxs"  # a JPEG beside the folder that holds the slide; nothing but its name tells it
_DICOM_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"  # VL Whole Slide Microscopy Image Storage
_BYTES_A_PIXEL = 4
_STRIP_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a level of a slide, in pixels of that level; level 0 is the finest."""

    level: int
    top: int
    left: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class SlideEntry:
    """What the catalogue keeps of a slide: its identity, the size of its overview, its facts."""

    identity: str
    rows: int
    columns: int
    facts: ImageFacts


def is_slide(path: Path, source: OpenedFile, sop_class: str = "") -> bool:
    """True for what openslide reads as a pyramid. A plain TIFF of one small level stays a picture.

    `sop_class` is that of a DICOM file, which must say that it is a slide; without it other formats are meant.
    """
    if source.gzipped or source.deflated or not _may_be_slide(path, source, sop_class):
        return False
    try:
        with _opened(path) as slide:
            vendor = slide.properties.get("openslide.vendor", "")
            large = max(slide.dimensions) > OVERVIEW_SIDE
            return bool(vendor != "generic-tiff" or slide.level_count > 1 or large)
    except Exception:  # noqa: BLE001 - whatever openslide says of it, other readers are asked next
        return False


def _may_be_slide(path: Path, source: OpenedFile, sop_class: str) -> bool:
    if sop_class:
        return sop_class == _DICOM_SLIDE
    head = source.head
    return head.startswith((*_TIFF, _ZEISS)) or (head.startswith(_JPEG) and path.suffix.lower() == _MIRAX)


def read_slide(path: Path, frame: int, facts: ImageFacts | None = None) -> Image:
    """The overview of a slide, RGB; it is its only frame. Raises UnreadableImage."""
    refuse_missing_frame(path, frame, 1)
    with _slide(path) as slide:
        level, factor = _overview(slide)
        pixels = _averaged(slide, level, factor)
        scale = float(slide.level_downsamples[level]) * factor
        spacing = _spacing(slide, scale)
        return Image(
            pixels=pixels,
            unit="",
            windows=(),
            voi_lut=None,
            inverted=False,
            spacing_mm=spacing,
            spacing_source="on the slide" if spacing is not None else "",
            orientation=None,
            identity=_identity(slide),
            frame=0,
            frames=1,
            facts=_facts(slide, facts),
            profile=usable_profile(slide.color_profile and slide.color_profile.tobytes()),
            pyramid=Pyramid(
                levels=tuple((rows, columns) for columns, rows in slide.level_dimensions), pixels_of_finest=scale
            ),
        )


def describe_slide(path: Path, facts: ImageFacts | None = None) -> SlideEntry:
    """What the catalogue keeps; no pixel is read. Raises UnreadableImage."""
    with _slide(path) as slide:
        level, factor = _overview(slide)
        columns, rows = (side // factor for side in slide.level_dimensions[level])
        return SlideEntry(_identity(slide), rows, columns, _facts(slide, facts))


def read_region(path: Path, region: Region) -> NDArray[np.uint8]:
    """(rows, columns, 3) uint8 RGB; what lies outside of the slide is its ground. Raises UnreadableImage."""
    with _slide(path) as slide:
        if not 0 <= region.level < slide.level_count or min(region.rows, region.columns) < 1:
            raise UnreadableImage(
                f"{path.name} has no such region.",
                f"It has {slide.level_count} level(s), counted from 0, and a region has at least one pixel.",
                "Choose one of them.",
            )
        if region.rows * region.columns * _BYTES_A_PIXEL > largest_frame_bytes():
            raise too_large(path.name, f"a region of {region.rows} by {region.columns} pixels")
        return _pixels(slide, region)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import openslide  # its library is loaded when the first file that may be a slide is met

    with openslide.OpenSlide(path) as slide:
        yield slide


@contextmanager
def _slide(path: Path) -> Iterator[Any]:
    try:
        with _opened(path) as slide:
            yield slide
    except (UnreadableImage, MemoryError):
        raise
    except Exception as error:
        raise UnreadableImage(
            f"{path.name} could not be read.",
            "It is a whole slide that is damaged, cut off, or lacks the files that belong to it.",
            "Fetch the slide again with all its files.",
        ) from error


def _overview(slide: Any) -> tuple[int, int]:
    """The level, and how many of its pixels are averaged to one, in each direction."""
    sides = [max(size) for size in slide.level_dimensions]
    small = [level for level, side in enumerate(sides) if side <= OVERVIEW_SIDE]
    return (small[0], 1) if small else (len(sides) - 1, math.ceil(sides[-1] / OVERVIEW_SIDE))


def _averaged(slide: Any, level: int, factor: int) -> NDArray[np.uint8]:
    """A whole level in squares of `factor` pixels; the rest of a row or column that fills no square is left out."""
    columns, rows = (side // factor for side in slide.level_dimensions[level])
    if factor == 1:
        return _pixels(slide, Region(level, 0, 0, rows, columns))
    made = np.empty((rows, columns, 3), np.uint8)
    strip = max(1, _STRIP_BYTES // (columns * factor * factor * _BYTES_A_PIXEL))
    for top in range(0, rows, strip):
        count = min(strip, rows - top)
        part = _pixels(slide, Region(level, top * factor, 0, count * factor, columns * factor))
        squares = part.reshape(count, factor, columns, factor, 3).sum(axis=(1, 3), dtype=np.uint32)
        made[top : top + count] = (squares + factor * factor // 2) // (factor * factor)
    return made


def _pixels(slide: Any, region: Region) -> NDArray[np.uint8]:
    """RGB on the slide's own ground, white where it names none: a missing tile is glass, not tissue."""
    import PIL.Image

    downsample = float(slide.level_downsamples[region.level])
    corner = round(region.left * downsample), round(region.top * downsample)
    layered = slide.read_region(corner, region.level, (region.columns, region.rows))
    if layered.getextrema()[3] == (255, 255):  # no tile is missing
        return np.array(layered.convert("RGB"))
    ground = PIL.Image.new("RGBA", layered.size, "#" + slide.properties.get("openslide.background-color", "FFFFFF"))
    return np.array(PIL.Image.alpha_composite(ground, layered).convert("RGB"))


def _identity(slide: Any) -> str:
    """openslide's own digest of the coarsest level and the header: to hash gigabytes would take a minute."""
    digest = slide.properties.get("openslide.quickhash-1")
    if not digest:
        raise ValueError("a slide that openslide cannot tell from others")
    return f"slide:{digest}"


def _facts(slide: Any, facts: ImageFacts | None) -> ImageFacts:
    vendor = slide.properties.get("openslide.vendor", "unknown")
    return facts or ImageFacts(modality="SM", file_format=f"whole slide ({vendor})", photometric="RGB")


def _spacing(slide: Any, scale: float) -> tuple[float, float] | None:
    """Micrometres of the finest level, as millimetres of the overview."""
    try:
        row, column = (float(slide.properties[f"openslide.mpp-{axis}"]) * scale / 1000 for axis in ("y", "x"))
    except (KeyError, ValueError):
        return None
    return (row, column) if min(row, column) > 0 and math.isfinite(row * column) else None
