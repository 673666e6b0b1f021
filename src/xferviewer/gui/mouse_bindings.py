"""What the mouse does over a film: as reading rooms know it, unless a person chose otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

DRAGS = {
    "window": "window (right: wider) and level (up: brighter, or darker as chosen)",
    "pan": "pan",
    "zoom": "zoom",
    "step": "next or previous frame, image, study",
    "nothing": "nothing",
}
WHEELS = {"step": DRAGS["step"], "zoom": "zoom about the cursor", "nothing": "nothing"}
DOUBLE_CLICKS = {
    "maximise": "this pane alone, and back",
    "full_screen": "full screen, and back",
    "cine": "cine",
    "nothing": "nothing",
}


@dataclass(frozen=True, slots=True)
class Mouse:
    """What each gesture does: a name of `CHOICES`.

    With a tool chosen the left button measures, whatever it does otherwise.
    """

    left_drag: str = "window"
    middle_drag: str = "pan"
    right_drag: str = "zoom"
    wheel: str = "step"
    ctrl_wheel: str = "zoom"
    double_click: str = "maximise"

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) not in CHOICES[field.name]:
                raise ValueError(f"{field.name} does not do {getattr(self, field.name)!r}")


GESTURES = {
    "left_drag": "Left drag",
    "middle_drag": "Middle drag",
    "right_drag": "Right drag",
    "wheel": "Wheel",
    "ctrl_wheel": "Ctrl + wheel",
    "double_click": "Double click",
}
CHOICES = {
    "left_drag": DRAGS,
    "middle_drag": DRAGS,
    "right_drag": DRAGS,
    "wheel": WHEELS,
    "ctrl_wheel": WHEELS,
    "double_click": DOUBLE_CLICKS,
}
"""What each gesture can do, in words."""

STANDARD_MOUSE = Mouse()


def read_mouse(lines: Iterable[str]) -> Mouse:
    """From lines like "wheel = zoom"; one that this version does not know is passed over."""
    mouse = STANDARD_MOUSE
    for line in lines:
        gesture, _, does = (part.strip() for part in line.partition("="))
        if does in CHOICES.get(gesture, ()):
            mouse = replace(mouse, **{gesture: does})
    return mouse


def mouse_lines(mouse: Mouse) -> tuple[str, ...]:
    """The lines of those that differ from the standard."""
    return tuple(
        f"{gesture} = {getattr(mouse, gesture)}"
        for gesture in GESTURES
        if getattr(mouse, gesture) != getattr(STANDARD_MOUSE, gesture)
    )


def mouse_rows(mouse: Mouse) -> tuple[tuple[str, str], ...]:
    """Each gesture and what it does, in words, for the cheat sheet."""
    return (
        *((name, CHOICES[gesture][getattr(mouse, gesture)]) for gesture, name in GESTURES.items()),
        ("Ctrl + drag", "four times as far"),
        ("Right click", "what can be done with the film"),
    )
