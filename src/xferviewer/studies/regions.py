"""Where in an image a finding was marked by people: boxes and masks, in pixels of the image as it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnreadableImage, UnusableRegions

_HALF = 127


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the image: x to the right, y downwards; the first pixel reaches from 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Region:
    """What was marked of one finding in one image: the union of boxes and of masks.

    A mask is any file of the image's size that can be shown, non-zero where marked; a JPEG, above 127.
    """

    finding: str
    boxes: tuple[Box, ...] = ()
    masks: tuple[Path, ...] = ()

    def pixels(self, rows: int, columns: int) -> NDArray[np.bool_]:
        """(rows, columns): the pixels whose centres lie in a box, or that a mask marks.

        Raises UnusableRegions where a box lies outside of an image of that size, or a mask has another size: they were
        drawn on another version of the image.
        """
        marked = np.zeros((rows, columns), dtype=np.bool_)
        for box in self.boxes:
            if box.left >= columns or box.top >= rows or box.right > columns + 1 or box.bottom > rows + 1:
                raise UnusableRegions(
                    f"A box of {self.finding} does not fit its image.",
                    f"It reaches to column {box.right:g} and row {box.bottom:g}; the image has {columns} columns and "
                    f"{rows} rows.",
                    "Use the images at the size at which the boxes were drawn.",
                )
            top, bottom = (int(np.ceil(max(edge, 0) - 0.5)) for edge in (box.top, box.bottom))
            left, right = (int(np.ceil(max(edge, 0) - 0.5)) for edge in (box.left, box.right))
            marked[top:bottom, left:right] = True
        for mask in self.masks:
            marked |= _read_mask(mask, rows, columns)
        return marked


class Regions:
    """The regions of a collection of images, found by the image's file."""

    def __init__(self, regions: Mapping[str, Iterable[Region]], sources: Iterable[Path] = ()) -> None:
        """`regions`: by absolute path of the image, or by its name with or without its ending.

        sources  the files that they were read from
        """
        self._layers: tuple[dict[str, tuple[Region, ...]], ...]
        self._layers = ({key.casefold(): _merged(each) for key, each in regions.items()},)
        self.sources = tuple(sources)

    def of(self, image: Path) -> tuple[Region, ...]:
        """The regions of an image file, one for each finding; empty where none are known."""
        keys = [key.casefold() for key in (str(image.absolute()), image.name, image.stem)]
        found = (layer[key] for layer in reversed(self._layers) for key in keys if key in layer)
        return next(found, ())

    def of_finding(self, image: Path, finding: str) -> Region | None:
        """The region of one finding; names are compared without case, spaces, dashes and underscores."""
        wanted = folded(finding)
        return next((region for region in self.of(image) if folded(region.finding) == wanted), None)

    def findings(self) -> tuple[str, ...]:
        """All findings that are marked somewhere, in the order in which they come."""
        marked = (region for layer in self._layers for regions in layer.values() for region in regions)
        return tuple(dict.fromkeys(region.finding for region in marked))

    def renamed(self, names: Mapping[str, str]) -> Regions:
        """The same regions with other names of findings, where `names` has one (compared as `of_finding` does)."""
        others = {folded(name): other for name, other in names.items()}
        renamed = Regions({}, self.sources)
        renamed._layers = tuple(
            {
                key: _merged(replace(each, finding=others.get(folded(each.finding), each.finding)) for each in regions)
                for key, regions in layer.items()
            }
            for layer in self._layers
        )
        return renamed

    def __add__(self, other: Regions) -> Regions:
        """These and the other ones; what the other ones know of an image counts alone."""
        both = Regions({}, (*self.sources, *other.sources))
        both._layers = self._layers + other._layers
        return both

    def __len__(self) -> int:
        """How many images have regions."""
        return sum(map(len, self._layers))


def folded(name: str) -> str:
    """A finding's name without case, spaces and signs; NIH's table of boxes writes Infiltrate for Infiltration."""
    letters = "".join(letter for letter in name.casefold() if letter.isalnum())
    return "infiltration" if letters == "infiltrate" else letters


def _merged(regions: Iterable[Region]) -> tuple[Region, ...]:
    """One region for each finding, in the order of the first."""
    by_finding: dict[str, Region] = {}
    for region in regions:
        known = by_finding.get(folded(region.finding))
        by_finding[folded(region.finding)] = (
            region
            if known is None
            else replace(known, boxes=known.boxes + region.boxes, masks=known.masks + region.masks)
        )
    return tuple(by_finding.values())


def _read_mask(path: Path, rows: int, columns: int) -> NDArray[np.bool_]:
    from xferviewer.studies.images import read_image

    try:
        mask = read_image(path)
    except UnreadableImage as error:
        raise UnusableRegions(
            f"The mask {path.name} cannot be read.", error.why, "Copy it again from where it came."
        ) from error
    values = mask.pixels.max(axis=-1) if mask.is_colour else mask.pixels
    least = _HALF if mask.facts.file_format == "JPEG" else 0  # JPEG smears the edges of a mask
    if values.shape != (rows, columns):
        raise UnusableRegions(
            f"The mask {path.name} does not fit its image.",
            f"It has {values.shape[0]} rows and {values.shape[1]} columns, the image {rows} and {columns}.",
            "Use the images at the size at which the masks were drawn.",
        )
    return np.asarray(values > least, dtype=np.bool_)
