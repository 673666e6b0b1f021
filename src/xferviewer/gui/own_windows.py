"""Windows that a person keeps under a name, for films of one modality and unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xferviewer.studies.image import Image
from xferviewer.studies.voi import Window

_PARTS = 6


@dataclass(frozen=True, slots=True)
class OwnWindow:
    """modality, unit: of the films that it is for, either may be empty; window: with its name as explanation."""

    modality: str
    unit: str
    window: Window

    @property
    def name(self) -> str:
        """What it is called."""
        return self.window.explanation

    def is_for(self, image: Image) -> bool:
        """Numbers mean nothing in another unit, and little in another modality."""
        return not image.is_colour and (self.modality, self.unit) == (image.facts.modality, image.unit)


def own_window(name: str, image: Image, window: Window) -> OwnWindow:
    """This window of a film, to be kept under a name. Raises ValueError for an empty name."""
    named = " ".join(name.replace("|", " ").split())
    if not named:
        raise ValueError("a window that is kept needs a name")
    kept = Window(float(window.centre), float(window.width), window.function, named)
    return OwnWindow(image.facts.modality, image.unit, kept)


def with_window(known: Iterable[OwnWindow], new: OwnWindow) -> tuple[OwnWindow, ...]:
    """Together with a new one, in place of one of the same name, modality and unit."""
    kept = tuple(known)
    key = (new.modality, new.unit, new.name)
    places = [place for place, own in enumerate(kept) if (own.modality, own.unit, own.name) == key]
    return tuple(new if place in places else own for place, own in enumerate(kept)) if places else (*kept, new)


def read_own_windows(lines: Iterable[str]) -> tuple[OwnWindow, ...]:
    """From lines like "CT | HU | 40 | 80 | LINEAR | Stroke": modality, unit, centre, width, function, name.

    A line that says something else is passed over.
    """
    found: tuple[OwnWindow, ...] = ()
    for line in lines:
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == _PARTS and parts[-1]:
            modality, unit, centre, width, function, name = parts
            try:
                own = OwnWindow(modality, unit, Window(float(centre), float(width), function, name))
            except ValueError:
                continue
            found = with_window(found, own)
    return found


def own_window_lines(windows: Iterable[OwnWindow]) -> tuple[str, ...]:
    """The lines that `read_own_windows` reads."""
    return tuple(
        " | ".join(
            (own.modality, own.unit, repr(own.window.centre), repr(own.window.width), own.window.function, own.name)
        )
        for own in windows
    )
