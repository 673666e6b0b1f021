"""Windows that a person chooses: by dragging, from presets of the file and its modality, by the film's own values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.own_windows import OwnWindow
from xferviewer.studies.image import Image
from xferviewer.studies.voi import VoiLut, Window

STEPS_ACROSS = 512
"""Dragging over so many pixels of the screen goes through the film's range, however large the pane is."""

_NARROWEST_SHARE = 1e-3
_MOST_DEFAULT_WIDTHS = 4  # a single bright pixel must not make the steps of all others coarse
_AUTO_SHARE = 1.0  # per cent of the values on either side that auto level leaves black or white

_CT = (
    ("Lung", -600, 1500),
    ("Mediastinum", 50, 350),
    ("Abdomen", 50, 400),
    ("Liver", 30, 150),
    ("Bone", 400, 1800),
    ("Brain", 40, 80),
)
"""Centre and width in HU, as radiology teaches them (Radiopaedia, "Windowing (CT)")."""

_PET = (("SUV 0 to 5", 5), ("SUV 0 to 10", 10), ("SUV 0 to 15", 15), ("SUV 0 to 20", 20))


@dataclass(frozen=True, slots=True)
class Preset:
    """A window with its name. `window` None: as the file says, which may be a look-up table."""

    name: str
    window: Window | None


def presets(raster: FilmRaster, own: Iterable[OwnWindow] = ()) -> list[Preset]:
    """What the file says, in its order and with its explanations; then by the film's values; then what a person keeps
    for such films; then what radiology teaches of its modality.

    Colour has none: a window does not apply to it.
    """
    image = raster.image
    if image.is_colour:
        return []
    kept = [Preset(each.name, each.window) for each in own if each.is_for(image)]
    return [*_of_the_file(image), auto_level(raster), _whole_range(raster), *kept, *_of_the_modality(image)]


def _of_the_file(image: Image) -> list[Preset]:
    found = []
    if image.voi_lut is not None:
        found.append(Preset(image.voi_lut.explanation or "VOI LUT of the file", None))
    for number, window in enumerate(image.windows):
        is_default = number == 0 and image.voi_lut is None
        name = window.explanation.strip() or (f"Window {number + 1} of the file")
        found.append(Preset(name, None if is_default else window))
    return found or [Preset("Lowest to highest value", None)]


def auto_level(raster: FilmRaster) -> Preset:
    """From the 1st to the 99th percentile of the pixels that are not padding, taken from the film at reduced size."""
    low, high = raster.percentiles(_AUTO_SHARE, 100 - _AUTO_SHARE)
    if high <= low:
        low, high = raster.low, max(raster.high, np.nextafter(raster.low, np.inf))
    return Preset("Auto level", Window((low + high) / 2, high - low, "LINEAR_EXACT", "auto level"))


def _whole_range(raster: FilmRaster) -> Preset:
    width = max(raster.high - raster.low, 1.0 if raster.image.pixels.dtype.kind in "iu" else 1e-6)
    return Preset("Whole range", Window((raster.low + raster.high) / 2, width, "LINEAR_EXACT", "whole range"))


def _of_the_modality(image: Image) -> list[Preset]:
    """Only where the unit is known: windows of a CT mean nothing in stored values."""
    if image.facts.modality == "CT" and image.unit == "HU":
        return [Preset(name, Window(centre, width, "LINEAR", name)) for name, centre, width in _CT]
    if image.facts.modality == "PT" and image.unit == "GML":  # SUV by body weight, PS3.3 C.8.9.1.1.3
        return [Preset(name, Window(top / 2, top, "LINEAR_EXACT", name)) for name, top in _PET]
    return []


def dragged(
    raster: FilmRaster, window: Window | None, right: float, up: float, *, inverted: bool, up_is_brighter: bool = True
) -> Window:
    """The window after a drag of so many pixels of the screen to the right (wider) and up (brighter, or darker).

    A pixel is 1/512 of the film's range, or of four times its default width where that is less. `inverted`: what is
    shown is the negative of the film in stored polarity.
    """
    image = raster.image
    begun = window or image.default_window()
    step = min(raster.high - raster.low, _MOST_DEFAULT_WIDTHS * image.default_window().width) / STEPS_ACROSS
    if step <= 0:
        step = begun.width / STEPS_ACROSS
    narrowest = 1.0 if begun.function == "LINEAR" else step * STEPS_ACROSS * _NARROWEST_SHARE
    towards = -1.0 if inverted == image.inverted else 1.0  # a lower centre is brighter, unless shown as its negative
    brighter = 1.0 if up_is_brighter else -1.0
    return Window(
        begun.centre + brighter * towards * up * step,
        max(begun.width + right * step, narrowest),
        begun.function,
        "set by hand",
    )


def window_words(image: Image, window: Window | None, *, short: bool = False) -> str:
    """ "W 1500 L -600 HU Lung": what the film is shown with; empty for colour. `short`: its numbers alone."""
    if image.is_colour:
        return ""
    if window is None and isinstance(image.voi_lut, VoiLut):
        return "VOI LUT of the file"
    shown = window or image.default_window()
    digits = 0 if shown.width >= 20 else 2
    numbers = f"W {shown.width:.{digits}f} L {shown.centre:.{digits}f}"
    return numbers if short else " ".join(word for word in (numbers, image.unit, shown.explanation) if word)
