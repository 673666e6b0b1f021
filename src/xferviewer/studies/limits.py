"""How large a frame may be: what the settings say, the same in every process that reads images."""

from __future__ import annotations

from functools import lru_cache

from xferviewer.errors import UnreadableImage
from xferviewer.settings import read_settings, settings_file


@lru_cache(maxsize=1)
def largest_frame_bytes() -> int:
    """Bytes of the largest frame that is decoded: `largest_frame_mib` of the settings, read once in each process."""
    settings, _ = read_settings(settings_file())
    return settings.largest_frame_mib << 20


def too_large(name: str, declared: str) -> UnreadableImage:
    """The refusal of a file whose frame would be over the limit; `declared` is what it declares ("3 by 4 pixels")."""
    return UnreadableImage(
        f"{name} is too large to be opened.",
        f"It declares {declared}, over the limit of {largest_frame_bytes() >> 20} MiB a frame.",
        "Raise largest_frame_mib in settings.toml if you trust it, or fetch it again if its header is damaged.",
    )
