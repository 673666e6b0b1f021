"""Pixels and presentation against dcmtk (Debian package dcmtk), which shares no code with the decoders used here."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from pydicom.uid import JPEG2000Lossless
from tests.integration.conformance import stored

from xferviewer.studies.dicom_header import read_header
from xferviewer.studies.dicom_luts import modality_lut
from xferviewer.studies.gdcm_pixels import decode_with_gdcm
from xferviewer.studies.images import present, read_image
from xferviewer.studies.opening import opened

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "dicom"
DECOMPRESSORS = {
    "RLE Lossless": "dcmdrle",
    "JPEG-LS Lossless Image Compression": "dcmdjpls",
    "JPEG Lossless, Non-Hierarchical (Process 14)": "dcmdjpeg",
    "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])": "dcmdjpeg",
}
pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside this checkout"),
    pytest.mark.skipif(
        shutil.which("dcmdjpeg") is None, reason="dcmtk is not installed (Debian: apt-get install dcmtk)"
    ),
]


def files(*syntaxes: str) -> list[str]:
    if not DATA.exists():
        return []
    with (DATA / "index.csv").open(newline="") as file:
        return [
            row["path"] for row in csv.DictReader(file) if row["decode"] == "ok" and row["transfer_syntax"] in syntaxes
        ]


def transfer_syntax(path: str) -> str:
    return read_image(DATA / path).facts.transfer_syntax


@pytest.mark.parametrize("path", files(*DECOMPRESSORS))
def test_that_lossless_pixels_equal_those_of_dcmtk_to_the_bit(path, tmp_path):
    plain = tmp_path / "plain.dcm"
    command = [DECOMPRESSORS[transfer_syntax(path)], str(DATA / path), str(plain)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"dcmtk cannot decode it: {done.stderr.strip()[-120:]}")

    for ours, theirs in zip(stored(DATA / path), stored(plain), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("path", files(JPEG2000Lossless.name))
def test_that_lossless_jpeg2000_pixels_equal_those_of_gdcm_to_the_bit(path):
    if path.endswith("J2K_pixelrep_mismatch.dcm"):
        pytest.skip("gdcm believes the header about the sign, the code stream says otherwise")
    values, _ = decode_with_gdcm(DATA / path, 0)
    with opened(DATA / path) as source:
        modality = modality_lut(read_header(DATA / path, source), 0, signed=values.dtype.kind == "i")

    expected = values if values.ndim == 3 else modality.apply(values)

    np.testing.assert_array_equal(read_image(DATA / path).pixels, expected)


@pytest.mark.parametrize(
    "path", files("Explicit VR Little Endian", "Implicit VR Little Endian", "Explicit VR Big Endian")
)
def test_that_uncompressed_films_are_presented_as_dcmtk_presents_them(path, tmp_path):
    image = read_image(DATA / path)
    if image.is_colour or image.pixels.dtype.kind == "f" or image.pixels.size < 100:
        pytest.skip("colour, float or tiny")
    if image.facts.transfer_syntax == "Explicit VR Big Endian" and "rtdose" in path:
        pytest.skip("dcmtk takes big-endian words of 32 bits for pairs of 16")
    drawn = tmp_path / "drawn.pgm"
    low, high = image.value_range()
    voi = ["+Wl", "1"] if image.voi_lut else ["+Wi", "1"] if image.windows else []
    voi = voi or ["+Ww", str((low + high + 1) / 2), str(high - low + 1)]
    command = ["dcm2pnm", "-q", "--write-8-bit-pnm", "-O", "+F", "1", *voi, str(DATA / path), str(drawn)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode or not drawn.exists():
        pytest.skip(f"dcmtk cannot draw it: {done.stderr.strip()[-120:]}")

    with PIL.Image.open(drawn) as picture:
        expected = np.array(picture.convert("L"))

    np.testing.assert_allclose(present(image) * 255, expected, atol=1.5)
