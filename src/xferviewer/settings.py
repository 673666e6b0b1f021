"""What a user or an IT department may set, each in one TOML file, and the folders the application writes to."""

from __future__ import annotations

import contextlib
import getpass
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import platformdirs
import tomli_w

from xferviewer.errors import CannotStart, UnusableChoice, UnusableFolder
from xferviewer.policy import Policy, read_policy, unusable_policy
from xferviewer.saliency_methods import METHODS, SMOOTHINGS

DEVICES = ("cuda", "mps", "cpu")

PERSONAL = ("notice_seen", "recent", "acknowledged_inputs")
"""Settings that speak of one person; no policy can hold them."""
LOCKABLE = ("hub", "mirror", "hide_identity", "largest_frame_mib", "film_memory_mib", "jobs_per_device")
"""Settings that a policy can lock; all but the personal ones can have their default there."""
DEFAULTS_BESIDE = ("data_folder",)
LOCKS_BESIDE = ("allowed_devices", "data_folder")
"""What beside settings may stand in a policy's tables; docs/deployment.md says what it means."""

Origin = Literal["built in", "policy default", "settings file", "policy lock"]


def policy_in_force() -> Policy:
    """The policy of this computer, every value of it checked. Raises CannotStart where one cannot be used."""
    policy = read_policy()
    if policy.file is None:
        return policy
    settable = tuple(field.name for field in fields(Settings) if field.name not in PERSONAL)
    for name, table, known in (
        ("defaults", policy.defaults, (*settable, *DEFAULTS_BESIDE)),
        ("locked", policy.locked, (*LOCKABLE, *LOCKS_BESIDE)),
    ):
        for key, value in table.items():
            if key not in known:
                raise unusable_policy(policy.file, f"{key} is nothing that its table {name} can hold.")
            if _usable_in_policy(key, value) is None:
                raise unusable_policy(policy.file, f"{key} = {value!r} is not possible.")
    return policy


def _usable_in_policy(key: str, value: Any) -> Any:
    if key == "data_folder":
        return value if isinstance(value, str) and _is_absolute(value) else None
    if key == "allowed_devices":  # without the CPU no other device could be checked against it (0047)
        good = isinstance(value, list) and all(kind in DEVICES for kind in value) and "cpu" in value
        return value if good else None
    return _usable(key, value, _defaults()[key])


def _expanded(folder: str) -> Path:
    """A folder of the policy for whoever runs this: `~` is their home, `{user}` their name."""
    return Path(folder.replace("{user}", getpass.getuser()) if "{user}" in folder else folder).expanduser()


def _is_absolute(folder: str) -> bool:
    try:
        return _expanded(folder).is_absolute()
    except (OSError, KeyError, RuntimeError):  # who runs this has no name, or no home
        return False


def allowed_devices() -> tuple[str, ...]:
    """The kinds of devices that may compute here, of DEVICES and in their order; always with "cpu"."""
    allowed = policy_in_force().locked.get("allowed_devices", DEVICES)
    return tuple(kind for kind in DEVICES if kind in allowed)


def data_folder() -> Path:
    """Where the catalogue, predictions and jobs live. The variable XFERVIEWER_HOME moves it, or the policy does.

    Raises CannotStart where the variable contradicts a policy that locks the folder.
    """
    home, policy = os.environ.get("XFERVIEWER_HOME"), policy_in_force()
    locked = policy.locked.get("data_folder")
    if locked is not None and home and Path(home) != _expanded(locked):
        raise CannotStart(
            "The variable XFERVIEWER_HOME cannot be used here.",
            policy.lock_of("data_folder").replace("sets it", f"sets the data folder to {_expanded(locked)}"),
            "Unset the variable, and start again.",
        )
    chosen = locked or home or policy.defaults.get("data_folder")
    return _expanded(chosen) if chosen else platformdirs.user_data_path("xferviewer", appauthor=False)


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


@dataclass(frozen=True, slots=True)
class InForce:
    """The settings that count, where each comes from, and a sentence for each key that could not be used."""

    settings: Settings
    origins: Mapping[str, Origin]
    policy: Policy
    complaints: list[str]


def read_settings(path: Path) -> tuple[Settings, list[str]]:
    """The settings that count, from a TOML file and the policy, and a sentence for each key that could not be used."""
    found = settings_in_force(path)
    return found.settings, found.complaints


def settings_in_force(path: Path) -> InForce:
    """The defaults, the policy's defaults, the TOML file, the policy's locks: the later one counts.

    A bad key of the file costs only itself. Raises CannotStart where the policy cannot be used.
    """
    policy = policy_in_force()
    good = {key: value for key, value in policy.defaults.items() if key not in DEFAULTS_BESIDE}
    origins: dict[str, Origin] = {field.name: "built in" for field in fields(Settings)}
    origins |= dict.fromkeys(good, "policy default")
    defaults = _defaults()
    written, complaints = _written(path)
    for key, value in written.items():
        if key not in defaults:
            complaints.append(f"The setting {key} is not known to this version and is ignored.")
        elif (usable := _usable(key, value, defaults[key])) is None:
            used = good.get(key, defaults[key])
            complaints.append(f"The setting {key} = {value!r} cannot be used; {used!r} is used instead.")
        else:
            good[key] = usable
            origins[key] = "settings file"
    locked = {key: value for key, value in policy.locked.items() if key not in LOCKS_BESIDE}
    origins |= dict.fromkeys(locked, "policy lock")
    typed = {key: _usable(key, value, defaults[key]) for key, value in (good | locked).items()}
    return InForce(Settings(**typed), origins, policy, complaints)


def _written(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What a settings file holds, and why it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), []
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, [f"The settings file {path.name} cannot be read ({error}); the defaults are used."]


def _defaults() -> dict[str, Any]:
    return {field.name: field.default for field in fields(Settings)}


def _usable(key: str, value: Any, default: Any) -> Any:
    """`value` in the type of `default`, or None where it has another type or is not among the choices."""
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


def change_settings(path: Path, changes: Mapping[str, Any], forget: Collection[str] = ()) -> None:
    """Write what a person chose into their settings file, and nothing else: what they left alone follows its default.

    Keys of other versions stay, and so does a file that is no TOML, as `.unreadable` beside the new one. `forget` are
    keys to follow their default again.

    Raises UnusableChoice for a key that is none, a value that is not possible or one that the policy locks, and
    UnusableFolder where the file cannot be written.
    """
    policy, defaults = policy_in_force(), _defaults()
    for key in (*changes, *forget):
        if key not in defaults:
            raise UnusableChoice(
                f"The setting {key} does not exist.",
                f"This version has {', '.join(sorted(defaults))}.",
                "Choose one of these; `xferviewer settings` lists them with their values.",
            )
        if policy.lock_of(key):
            raise UnusableChoice(
                f"The setting {key} cannot be changed.",
                policy.lock_of(key),
                "Ask whoever looks after this computer.",
            )
    for key, value in changes.items():
        if _usable(key, value, defaults[key]) is None:
            raise UnusableChoice(
                f"The setting {key} cannot be {value!r}.", f"{_possible(key, defaults[key])}.", "Choose another value."
            )
    written, unreadable = _written(path)
    kept = {key: value for key, value in written.items() if key not in forget}
    if unreadable:
        _set_aside(path)
    write_atomically(path, tomli_w.dumps(kept | dict(changes)).encode())


def _possible(key: str, default: Any) -> str:
    """Which values a setting can have, in words."""
    if key in _CHOICES:
        return f"It can be {', '.join(_CHOICES[key])}"
    if key in RANGES:
        return f"It can be a whole number from {RANGES[key][0]} to {RANGES[key][1]}"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list of texts"}
    return f"It can be {kinds[type(default)]}"


def _set_aside(path: Path) -> None:
    with contextlib.suppress(OSError):  # what can be neither read nor moved is told when the new one is written
        path.replace(path.with_name(f"{path.name}.unreadable"))
