"""Where the files are that come with the application: icons, colour maps, demo studies, demo checkpoints."""

from __future__ import annotations

from pathlib import Path

from xferviewer.errors import CannotStart

_PACKAGE = Path(__file__).resolve().parent
# In a wheel the two folders lie inside the package; in a checkout two levels above it.
_ROOTS = (_PACKAGE / "_bundled", _PACKAGE.parents[1])


def _find(folder: str, name: str) -> Path:
    for root in _ROOTS:
        path = root / folder / name
        if path.exists():
            return path
    raise CannotStart(
        f"The bundled file {folder}/{name} is missing.",
        "The installation is incomplete.",
        "Install xferviewer again.",
    )


def resource(name: str) -> Path:
    """Path of a file or folder under `resources/`, in a checkout as in a wheel. Raises CannotStart if it is missing."""
    return _find("resources", name)


def bundled_checkpoints() -> list[Path]:
    """The folders of the checkpoints that come with the application, by name. Raises CannotStart if there are none."""
    models = _find("models", "")
    return sorted(card.parent for card in models.glob("*/README.md"))
