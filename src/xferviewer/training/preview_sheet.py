"""The preview of a job's training images as one picture: a row for each image, the original first, then its views."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from xferviewer.errors import UnusableFolder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.training.preview import Preview, Seen

_GAP, _TEXT, _SIDE = 8, 12, 160
_GROUND, _INK = (22, 24, 27), (216, 220, 224)  # the window's dark grey and the colour of its text


def write_sheet(preview: Preview, path: Path) -> list[dict[str, Any]]:
    """Write the picture as PNG; where each image and view lies on it: x, y, width, height in its pixels.

    No file is named on it: a file may be named after a patient. Raises UnusableFolder.
    """
    sheet, cells = draw_sheet(preview)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sheet).save(path, format="PNG")
    except OSError as error:
        raise UnusableFolder(
            f"{path.name} could not be written.",
            f"{path.parent}: {error.strerror or error}.",
            "Free space there, or choose a folder that you may write to.",
        ) from error
    return cells


def draw_sheet(preview: Preview) -> tuple[NDArray[np.uint8], list[dict[str, Any]]]:
    """uint8 (rows, columns, 3), and the place of each picture on it."""
    font = ImageFont.load_default(_TEXT)
    seen = [(one.original, *one.views) for one in preview.images]
    factor = max(1, math.ceil(_SIDE / max(seen[0][0].picture.shape[:2])))  # small pictures are shown by whole pixels
    height, width = (side * factor for side in seen[0][0].picture.shape[:2])
    lines = max(len(_told(one, preview.findings).splitlines()) for row in seen for one in row)
    words = _GAP + lines * (_TEXT + 3)
    across, down = width + _GAP, height + words
    head = _TEXT + 2 * _GAP
    sheet = Image.new("RGB", (len(seen[0]) * across + _GAP, head + len(seen) * down), _GROUND)
    pen = ImageDraw.Draw(sheet)
    cells = []
    for column in range(len(seen[0])):
        title = "as in validation" if column == 0 else f"epoch {column}"
        pen.text((_GAP + column * across, _GAP), title, fill=_INK, font=font)
    for row, pictures in enumerate(seen):
        for column, one in enumerate(pictures):
            left, top = _GAP + column * across, head + row * down
            picture = Image.fromarray(one.picture).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(picture, (left, top))
            pen.text((left, top + height + 2), _told(one, preview.findings), fill=_INK, font=font, spacing=3)
            cells.append({"image": row, "view": column, "rectangle": [left, top, width, height]})
    return np.asarray(sheet), cells


def _told(seen: Seen, findings: tuple[str, ...]) -> str:
    """The findings that are present, with their share where images are mixed; "none" where all are absent."""
    present = [
        finding if value == 1 else f"{finding} ?" if value == -1 else f"{finding} {value:.2f}"
        for finding, value in zip(findings, seen.labels.tolist(), strict=True)
        if value > 0 or value == -1
    ]
    if not present and np.isnan(seen.labels).all():
        return "not stated"
    return "\n".join(present[:4] + ([f"and {len(present) - 4} more"] if len(present) > 4 else [])) or "none"
