"""The second decoder in its process, as it runs where nobody set anything for Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.data import get_testdata_file

from xferviewer.studies.gdcm_pixels import decode_with_gdcm

if TYPE_CHECKING:
    import pytest


def test_that_jpeg_of_12_bits_comes_back_through_a_pipe_that_is_buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """With PYTHONUNBUFFERED numpy takes another way, on which a pipe without a position is no error."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    path = get_testdata_file("JPEG-lossy.dcm", download=False)
    assert isinstance(path, str)
    values, photometric = decode_with_gdcm(Path(path), 0)
    assert photometric == "MONOCHROME2"
    assert values.shape == (1024, 256)
    assert values.dtype == np.uint16
    assert 255 < values.max() < 4096
