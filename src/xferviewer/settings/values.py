"""What can be set, the values that are possible, and what counts where nobody chose."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from xferviewer.saliency_methods import METHODS, SMOOTHINGS

DEVICES = ("cuda", "mps", "cpu")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set. Unknown keys of the file are kept out; a value of the wrong kind is replaced by its default.

    theme             "dark" or "light"
    device            "auto", "cuda", "mps" or "cpu"
    precision         "fp32", "bf16" or "fp16"
    colour_map        name of the saliency colour map
    overlay_opacity   0 to 1
    map_method        one of `saliency_methods.METHODS`
    map_layers        where maps are taken: a name of LAYER_SETS, or names of layers with commas
    map_smoothing     one of SMOOTHINGS
    drag_up           "brighter" or "darker": what dragging upwards does to the film (viewers disagree)
    unlinked          what panes do each for itself, of pan, zoom, window, frame and turn
    layouts           rows and columns of panes by modality, as gui/pane_layouts.py writes them: "CT 2x3"
    corner_text       how much text stands over films: "all", "minimal" or "none"
    cine_per_second   1 to 60 frames a second
    keys              keys that a person chose, as gui/key_bindings.py writes them: "invert = I"
    mouse             what the mouse does otherwise, as gui/mouse_bindings.py writes it: "wheel = zoom"
    window_presets    windows that a person keeps, as gui/own_windows.py has them: "CT | HU | 40 | 80 | LINEAR | Stroke"
    notice_seen       the research notice was acknowledged
    checkpoints       folders of the checkpoints to compare; empty: the bundled ones
    columns           what is compared beside them, as gui/columns.py writes it
    hub               "on": published weights that a person asks for by name may be fetched from the network; "off"
    mirror            a folder with files of published weights, looked into first; empty: none
    same_findings     names that mean the same finding beside the published ones: "Opacity = Lung Opacity"
    worklist_columns  names of the worklist's columns; empty: the usual ones
    saved_searches    of the worklist: "name = words"
    catalogue         the file of studies that is open; empty: the one in the data folder
    recent            what was opened of late, the newest first
    jobs_per_device   how many training jobs compute on one device at a time; the others wait for their turn
    largest_frame_mib    1 to 65536; a frame that would take more MiB, decoded, is refused before anything is decoded
    film_memory_mib   MiB of decoded films that the window keeps; 0: as the memory of the computer allows
    hide_identity     patients stand on the screen as "hidden"
    acknowledged_inputs  marks of inputs that were seen and set aside, as gui/input_guard.py writes them
    """

    theme: str = "dark"
    device: str = "auto"
    precision: str = "fp32"
    colour_map: str = "inferno"
    overlay_opacity: float = 0.5
    map_method: str = "gradcam"
    map_layers: str = "standard"
    map_smoothing: str = "none"
    drag_up: str = "brighter"
    unlinked: tuple[str, ...] = ()
    corner_text: str = "all"
    cine_per_second: int = 12
    keys: tuple[str, ...] = ()
    mouse: tuple[str, ...] = ()
    window_presets: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    notice_seen: bool = False
    checkpoints: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    hub: str = "off"
    mirror: str = ""
    same_findings: tuple[str, ...] = ()
    worklist_columns: tuple[str, ...] = ()
    saved_searches: tuple[str, ...] = ()
    catalogue: str = ""
    recent: tuple[str, ...] = ()
    largest_frame_mib: int = 1024
    acknowledged_inputs: tuple[str, ...] = ()
    jobs_per_device: int = 1
    film_memory_mib: int = 0
    hide_identity: bool = False


DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Settings)}
"""By name, what counts where nobody chose."""

_CHOICES = {
    "theme": ("dark", "light"),
    "device": ("auto", "cuda", "mps", "cpu"),
    "precision": ("fp32", "bf16", "fp16"),
    "drag_up": ("brighter", "darker"),
    "corner_text": ("all", "minimal", "none"),
    "hub": ("off", "on"),
    "map_method": tuple(METHODS),
    "map_smoothing": tuple(SMOOTHINGS),
}

RANGES = {
    "cine_per_second": (1, 60),
    "largest_frame_mib": (1, 1 << 16),
    "film_memory_mib": (0, 1 << 20),
    "jobs_per_device": (1, 64),
}
"""The least and the greatest value of a number."""


def usable(key: str, value: Any) -> Any:
    """`value` in the type of the setting, or None where it has another type or is not among the choices."""
    default = DEFAULTS[key]
    if isinstance(default, tuple):
        strings = isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value)
        return tuple(value) if strings else None
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if key in RANGES and isinstance(value, int) and not RANGES[key][0] <= value <= RANGES[key][1]:
        return None
    if type(value) is not type(default) or value not in _CHOICES.get(key, (value,)):
        return None
    return value


def possible(key: str) -> str:
    """Which values a setting can have, in words."""
    if key in _CHOICES:
        return f"It can be {', '.join(_CHOICES[key])}"
    if key in RANGES:
        return f"It can be a whole number from {RANGES[key][0]} to {RANGES[key][1]}"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list of texts"}
    return f"It can be {kinds[type(DEFAULTS[key])]}"
