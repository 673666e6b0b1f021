"""From counts to stored values: the processing curve of a site's system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.phantom.texture import enlarge, shrink

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.phantom.projection import Field
    from xferviewer.studies.phantom.sites import Processing

# Where a linear (slope 0) system puts the span of the chest inside its range of stored values.
_LINEAR_FOOT, _LINEAR_SPAN = 0.15, 0.50


def develop(
    counts: Field, unattenuated: float, open_field: NDArray[np.bool_], processing: Processing, pitch_cm: float
) -> tuple[NDArray[np.uint16], tuple[float, float]]:
    """Stored values, and the window (centre, width) of DICOM PS3.3 C.11.2.1.2 to show them with.

    counts         of the detector, float32
    unattenuated   count behind no patient
    open_field     pixels that the collimator left open
    """
    from scipy.ndimage import gaussian_filter

    signal = np.log(np.float32(unattenuated)) - np.log(counts)
    sparse = signal[::4, ::4]
    body = sparse[(sparse > 0.9) & open_field[::4, ::4]]
    low, high = (float(v) for v in np.percentile(body, (2.0, 96.5))) if body.size else (0.0, 6.0)
    flattened = np.clip(signal, low - 0.8, high + 0.5)
    coarse = shrink(flattened, max(signal.shape[0] // 8, 8))
    sigma = 0.1 * processing.coarse_mm / (pitch_cm * signal.shape[0] / coarse.shape[0])
    coarse = gaussian_filter(coarse, sigma, mode="nearest")
    middle = 0.5 * (low + high)
    shown = signal - np.float32(1.0 - processing.latitude) * (enlarge(coarse, signal.shape[0]) - np.float32(middle))
    fine = shown - gaussian_filter(shown, 0.1 * processing.edge_mm / pitch_cm, truncate=3.0, mode="nearest")
    shown += np.float32(processing.edge) * fine
    low, high = (middle + processing.latitude**0.7 * (v - middle) for v in (low, high))
    tone = (shown - np.float32(low)) / np.float32(high - low)
    return _store(tone, open_field, processing)


def _store(
    tone: Field, open_field: NDArray[np.bool_], processing: Processing
) -> tuple[NDArray[np.uint16], tuple[float, float]]:
    """Tone (0 lung … 1 spine) to integers of Bits Stored."""
    largest = float(2**processing.bits - 1)
    if processing.slope:
        ends = [1.0 / (1.0 + np.exp(-processing.slope * (t - 0.5))) for t in (-0.30, 1.10)]
        value = 1.0 / (1.0 + np.exp(np.float32(-processing.slope) * (tone - np.float32(0.5))))
        value = (value - np.float32(ends[0])) / np.float32(ends[1] - ends[0])
        window = ((largest + 1.0) / 2.0, largest + 1.0)
    else:
        value = np.float32(_LINEAR_FOOT) + np.float32(_LINEAR_SPAN) * tone
        window = (largest * (_LINEAR_FOOT + 0.5 * _LINEAR_SPAN), largest * _LINEAR_SPAN * 1.12)
    if processing.shutter:
        value = np.where(open_field, value, np.float32(0.0))
    stored = np.rint(np.clip(value, 0.0, 1.0) * np.float32(largest)).astype(np.uint16)
    if processing.photometric == "MONOCHROME1":
        return np.uint16(largest) - stored, (round(largest - window[0], 1), round(window[1], 1))
    return stored, (round(window[0], 1), round(window[1], 1))
