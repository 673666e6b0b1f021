"""What a user or an IT department may set, in one TOML file, and the folders the application writes to."""

from __future__ import annotations

import contextlib
import os
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from xferviewer.errors import UnusableFolder
from xferviewer.saliency_methods import METHODS, SMOOTHINGS


def data_folder() -> Path:
    """Where the catalogue, predictions and jobs live. The variable XFERVIEWER_HOME moves it."""
    home = os.environ.get("XFERVIEWER_HOME")
    return Path(home) if home else platformdirs.user_data_path("xferviewer", appauthor=False)


def settings_file() -> Path:
    """The user's settings.toml; beside the data when XFERVIEWER_HOME is set."""
    home = os.environ.get("XFERVIEWER_HOME")
    folder = Path(home) if home else platformdirs.user_config_path("xferviewer", appauthor=False)
    return folder / "settings.toml"


def weights_folder() -> Path:
    """Where published weights that were fetched are kept."""
    return data_folder() / "weights"


def log_folder() -> Path:
    """Where each process keeps its log."""
    home = os.environ.get("XFERVIEWER_HOME")
    return Path(home) / "log" if home else platformdirs.user_log_path("xferviewer", appauthor=False)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, or leave it as it was: a full disk or a power cut never leaves half a file.

    Raises UnusableFolder where the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # where the parent is a file, nothing beside it can be removed either
            beside.unlink()
        raise UnusableFolder(
            f"{path.name} could not be written.",
            f"{path.parent}: {error.strerror or error}.",
            "Free space there, or choose a folder that you may write to.",
        ) from error


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


_RANGES = {"cine_per_second": (1, 60), "largest_frame_mib": (1, 1 << 16)}


def read_settings(path: Path) -> tuple[Settings, list[str]]:
    """The settings in a TOML file, and a sentence for each key that could not be used. A bad key costs only itself."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings(), []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Settings(), [f"The settings file {path.name} cannot be read ({error}); the defaults are used."]
    good: dict[str, Any] = {}
    bad: list[str] = []
    defaults = {field.name: field.default for field in fields(Settings)}
    for key, value in written.items():
        if key not in defaults:
            bad.append(f"The setting {key} is not known to this version and is ignored.")
        elif (usable := _usable(key, value, defaults[key])) is None:
            bad.append(f"The setting {key} = {value!r} cannot be used; {defaults[key]!r} is used instead.")
        else:
            good[key] = usable
    return Settings(**good), bad


def _usable(key: str, value: Any, default: Any) -> Any:
    """`value` in the type of `default`, or None where it has another type or is not among the choices."""
    if isinstance(default, tuple):
        strings = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
        return tuple(value) if strings else None
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if key in _RANGES and isinstance(value, int) and not _RANGES[key][0] <= value <= _RANGES[key][1]:
        return None
    if type(value) is not type(default) or value not in _CHOICES.get(key, (value,)):
        return None
    return value


def write_settings(path: Path, settings: Settings) -> None:
    """Replace the settings file. Raises UnusableFolder where it cannot be written."""
    write_atomically(path, tomli_w.dumps(asdict(settings)).encode())
