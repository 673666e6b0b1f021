"""How large a frame may be: what the settings say, the same in every process that reads images."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from xferviewer.errors import UnreadableImage
from xferviewer.settings import policy_in_force, read_settings, settings_file


def largest_frame_bytes() -> int:
    """Bytes of the largest frame that is decoded: `largest_frame_mib` of the settings, as they are now."""
    path = settings_file()
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _largest_frame_bytes(str(path), changed)


@lru_cache(maxsize=1)
def _largest_frame_bytes(path: str, changed: int) -> int:  # noqa: ARG001 - a file that was changed is read again
    settings, _ = read_settings(Path(path))
    return settings.largest_frame_mib << 20


def too_large(name: str, declared: str) -> UnreadableImage:
    """The refusal of a file whose frame would be over the limit; `declared` is what it declares ("3 by 4 pixels")."""
    locked = policy_in_force().lock_of("largest_frame_mib")
    return UnreadableImage(
        f"{name} is too large to be opened.",
        f"It declares {declared}, over the limit of {largest_frame_bytes() >> 20} MiB a frame. {locked}".rstrip(),
        "Ask whoever looks after this computer, or fetch it again if its header is damaged."
        if locked
        else "Raise it in the preferences or by `xferviewer settings --set largest_frame_mib=…` if you trust the file, "
        "or fetch it again if its header is damaged.",
    )
