"""What the system has to have before Qt can open a window, said in words where it has not. No Qt in here."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

from xferviewer.errors import CannotStart

# Of the libraries that no desktop is sure to have, or a server: the packages of Debian and Ubuntu, and of Fedora.
PACKAGES = {
    "libEGL.so.1": ("libegl1", "libglvnd-egl"),
    "libGL.so.1": ("libgl1", "libglvnd-glx"),
    "libOpenGL.so.0": ("libopengl0", "libglvnd-opengl"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig"),
    "libfreetype.so.6": ("libfreetype6", "freetype"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon"),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11"),
    "libX11-xcb.so.1": ("libx11-xcb1", "libX11-xcb"),
    "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor"),
    "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm"),
    "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image"),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms"),
    "libxcb-render-util.so.0": ("libxcb-render-util0", "xcb-util-renderutil"),
    "libxcb-randr.so.0": ("libxcb-randr0", "libxcb"),
    "libxcb-shape.so.0": ("libxcb-shape0", "libxcb"),
    "libxcb-shm.so.0": ("libxcb-shm0", "libxcb"),
    "libxcb-sync.so.1": ("libxcb-sync1", "libxcb"),
    "libxcb-xfixes.so.0": ("libxcb-xfixes0", "libxcb"),
    "libxcb-xkb.so.1": ("libxcb-xkb1", "libxcb"),
    "libwayland-cursor.so.0": ("libwayland-cursor0", "libwayland-cursor"),
    "libwayland-egl.so.1": ("libwayland-egl1", "libwayland-egl"),
}


def missing_library(error: OSError | ImportError) -> CannotStart:
    """What a failed load of Qt, or of its X11 platform, means for a person; the loader's words begin with the name."""
    found = re.match(r"([\w.+-]+\.so[\w.]*): cannot open shared object file", str(error))
    if found is None:
        why = f"Qt could not be loaded: {error}."
        return CannotStart("The window cannot be opened.", why, "Install xferviewer again (docs/deployment.md).")
    name = found[1]
    debian, fedora = PACKAGES.get(name, ("", ""))
    todo = (
        f"Install it: apt-get install {debian} (Debian, Ubuntu), dnf install {fedora} (Fedora)."
        if debian
        else "Install the package of your system that holds it."
    )
    return CannotStart("The window cannot be opened.", f"The system library {name} is missing.", todo)


def look_for_x11(plugin: Path) -> None:
    """Load Qt's X11 platform as Qt will: where one of its libraries is missing, Qt would abort. Raises CannotStart."""
    if plugin.is_file():
        try:
            ctypes.CDLL(str(plugin))
        except OSError as error:
            raise missing_library(error) from error
