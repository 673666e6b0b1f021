"""One image: what a file says about it, and its pixels with all that is needed to present them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.studies.voi import VoiLut, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a file says about an image beside its pixels; empty where it says nothing. Never the patient's name.

    sex         M, F or O
    age         years; a fraction for infants
    view        view position: PA, AP, LL, CC, MLO …
    study_date  YYYY-MM-DD
    plane       of a slice: "axial", "coronal" or "sagittal", whichever is nearest
    slice_mm    where it lies along its stack, growing from head to feet, from right to left, from front to back
    instance    Instance Number: the order that the maker gave it, which is no place
    """

    patient_id: str = ""
    study_uid: str = ""
    series_uid: str = ""
    sop_uid: str = ""
    modality: str = ""
    sex: str = ""
    age: float | None = None
    view: str = ""
    study_date: str = ""
    body_part: str = ""
    manufacturer: str = ""
    transfer_syntax: str = ""
    photometric: str = ""
    file_format: str = ""
    plane: str = ""
    slice_mm: float | None = None
    instance: int | None = None


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The levels of a whole slide, of which an image shows one as an overview.

    levels            (rows, columns) of each, the finest first
    pixels_of_finest  how many pixels of the finest level a pixel of the image spans, in each direction
    """

    levels: tuple[tuple[int, int], ...]
    pixels_of_finest: float


@dataclass(frozen=True, slots=True, eq=False)
class OverlayPlane:
    """What the file draws over its own image (DICOM 60xx): for a person's eyes, never part of a network's input.

    pixels  (rows, columns) bool, as large as the image: True where the plane draws
    kind    "graphics", or "region" of interest (PS3.3 C.9.2.1.1)
    label   what the file calls it, often empty
    """

    pixels: NDArray[np.bool_]
    kind: str = "graphics"
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One frame, with all that is needed to present it.

    pixels       (rows, columns) greyscale after the modality LUT, in `unit`: an integer dtype where the modality LUT
                 maps integers to integers, else float32; or (rows, columns, 3) uint8 RGB. C-contiguous, native order
    unit         "HU", the file's Rescale Type, or "" for stored values
    windows      as the file states them, in `unit`; empty when it says nothing. An 8-bit picture and a mask of single
                 bits state their full range
    voi_lut      the file's VOI look-up table
    inverted     low values are shown bright (MONOCHROME1, Presentation LUT Shape INVERSE), applied after the VOI
    spacing_mm   (row, column) distance of pixel centres; None when the file does not say. Of a projection film it is
                 measured at the detector unless the file says more
    orientation  where the rows and the columns run to ("L", "F"), PS3.3 C.7.6.1.1.1; None when the file does not say
    identity     "SOPInstanceUID#frame" for DICOM, frames counted from 0; "sha256:HEX" of the file's bytes otherwise,
                 with "#frame" where a file holds several; "slide:HEX" for a whole slide
    padding      pixel padding value in `unit`; with `padding_limit` the other end of a range of such values
    pyramid      of a whole slide, whose overview `pixels` are; None for all else
    profile      ICC profile of a colour image, for the screen alone (`colour_profiles.in_srgb`); None where the file
                 has none, or one that changes nothing
    spacing_source  where `spacing_mm` holds, in words: "in the patient", "at the detector" …; empty without it
    overlays     planes that the file lays over the image; `pixels` and what `present` makes of them are without
    pixel_aspect  height of a pixel over its width as the file states it (PS3.3 C.7.6.3.1.7); `spacing_mm` says it, too
    frames_per_second  at which the frames of the file are to be shown; None where it does not say
    """

    pixels: NDArray[Any]
    unit: str
    windows: tuple[Window, ...]
    voi_lut: VoiLut | None
    inverted: bool
    spacing_mm: tuple[float, float] | None
    orientation: tuple[str, str] | None
    identity: str
    frame: int
    frames: int
    facts: ImageFacts
    padding: float | None = None
    padding_limit: float | None = None
    overlays: tuple[OverlayPlane, ...] = ()
    pyramid: Pyramid | None = None
    profile: bytes | None = None
    spacing_source: str = ""
    pixel_aspect: float = 1.0
    frames_per_second: float | None = None

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.ndim != 2 and not (self.pixels.ndim == 3 and shape[2] == 3 and self.pixels.dtype == np.uint8):
            raise ValueError(
                f"expected (rows, columns) or (rows, columns, 3) uint8 pixels, got {shape} {self.pixels.dtype}"
            )

    @property
    def is_colour(self) -> bool:
        return self.pixels.ndim == 3

    @property
    def pixel_height(self) -> float:
        """Height of a pixel over its width, by the distances of pixels where they are stated. 1: it is a square."""
        return self.spacing_mm[0] / self.spacing_mm[1] if self.spacing_mm is not None else self.pixel_aspect

    def overlaid(self) -> NDArray[np.bool_] | None:
        """(rows, columns) bool: where any overlay plane draws; None where the file has none."""
        if not self.overlays:
            return None
        return np.asarray(np.logical_or.reduce([plane.pixels for plane in self.overlays]), np.bool_)

    def default_window(self) -> Window:
        """The file's first window, else one from the lowest to the highest pixel that is not padding."""
        if self.windows:
            return self.windows[0]
        low, high = self.value_range()
        if low == high:  # an empty picture is black, like the empty frames of a mask
            return Window(low + 0.5, 1.0, "LINEAR_EXACT", "one value")
        return Window((low + high) / 2, high - low, "LINEAR_EXACT", "lowest to highest value")

    def percentiles(self, low: float, high: float) -> tuple[float, float]:
        """Two percentiles (0 to 100, linear between values) of the finite pixels that are not padding."""
        values = self._shown_values()
        if not values.size:
            return 0.0, 0.0
        found = np.percentile(values, (low, high))
        return float(found[0]), float(found[1])

    def value_range(self) -> tuple[float, float]:
        """Lowest and highest finite pixel that is not padding; of all, where that leaves fewer than two values."""
        values = self._shown_values()
        return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)

    def _shown_values(self) -> NDArray[Any]:
        values: NDArray[Any] = self.pixels[np.isfinite(self.pixels)] if self.pixels.dtype.kind == "f" else self.pixels
        if self.padding is not None:
            limit = self.padding if self.padding_limit is None else self.padding_limit
            low, high = sorted((self.padding, limit))
            shown = values[(values < low) | (values > high)]
            if shown.size and shown.min() < shown.max():
                values = shown
        return values
