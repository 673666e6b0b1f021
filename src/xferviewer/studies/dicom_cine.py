"""How fast the frames of a DICOM file follow one another (PS3.3 C.7.6.5 Cine, C.7.6.6 Multi-frame)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xferviewer.studies.dicom_header import DicomHeader


def frames_per_second(header: DicomHeader) -> float | None:
    """What is recommended for showing, else at which rate the frames were taken; None where the file does not say.

    Recommended Display Frame Rate and Cine Rate are frames a second; Frame Time and Frame Time Vector, whose first
    value stands before the first frame, are milliseconds.
    """
    if header.frames < 2:
        return None
    dataset = header.dataset
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = _positive(dataset.get(keyword))
        if rate is not None:
            return rate
    time = _positive(dataset.get("FrameTime"))
    if time is None:
        vector = dataset.get("FrameTimeVector")
        steps = list(vector)[1:] if vector is not None and not isinstance(vector, str | float) else []
        times = [_positive(step) for step in steps]
        known = [step for step in times if step is not None]
        time = sum(known) / len(known) if known else None
    return 1000 / time if time is not None else None


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
