"""Colour as the camera or scanner meant it: an ICC profile applied for the screen, and for the screen alone (0105).

ICC.1:2022; where DICOM keeps it: PS3.3 C.11.15. Networks are given the stored values, as they were in training.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_PROFILE_BYTES = 16 << 20
"""Scanners' profiles of look-up tables have about 1 MiB."""


def in_srgb(pixels: NDArray[np.uint8], profile: bytes | None) -> NDArray[np.uint8]:
    """(rows, columns, 3) uint8 in the colours of an sRGB screen; as they are where there is no usable profile.

    Rendering intent as the profile states it (relative colorimetric for most), black point as it is.
    """
    if profile is None or (transform := _transform(profile)) is None:
        return pixels
    from PIL import Image, ImageCms

    converted = ImageCms.applyTransform(Image.fromarray(pixels), transform)
    return pixels if converted is None else np.array(converted)


def usable_profile(profile: Any) -> bytes | None:
    """The profile, if it is one that changes an RGB picture: no damaged one, none of grey, none that is sRGB itself."""
    if not isinstance(profile, bytes) or not 0 < len(profile) <= LARGEST_PROFILE_BYTES:
        return None
    return profile if _transform(profile) is not None else None


@lru_cache(maxsize=8)
def _transform(profile: bytes) -> Any:
    from PIL import ImageCms  # LittleCMS is loaded when the first profile is met

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB" or _is_srgb(source):
            return None
        intent = ImageCms.Intent(source.profile.rendering_intent)
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB", intent)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # a damaged one
        return None


def _is_srgb(profile: Any) -> bool:
    from PIL import ImageCms

    return "srgb" in ImageCms.getProfileDescription(profile).lower()
