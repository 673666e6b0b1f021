"""Compressed pictures against headers that state another size, width, planar configuration or colour."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.filewriter import dcmwrite
from pydicom.uid import JPEG2000, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from xferviewer.errors import UnreadableImage
from xferviewer.studies.code_streams import code_stream
from xferviewer.studies.images import read_image

SIDE = 64
QUARTERS = np.kron(
    np.array([[(250, 20, 20), (20, 250, 20)], [(20, 20, 250), (200, 150, 40)]], np.uint8),
    np.ones((32, 32, 1), np.uint8),
)
MIDDLES = ((16, 16), (16, 48), (48, 16), (48, 48))
PALE = np.linspace(0, 255, SIDE * SIDE).astype(np.uint8).reshape(SIDE, SIDE)

_JFIF = 0xE0
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"


def jpeg(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", quality=98, **options)
    return file.getvalue()


def without_jfif(data: bytes) -> bytes:
    assert data[3] == _JFIF
    return data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]


def marked(data: bytes, transform: int) -> bytes:
    """With Adobe's mark in place of JFIF's."""
    plain = without_jfif(data)
    return plain[:2] + _ADOBE + bytes([transform]) + plain[2:]


def untransformed() -> bytes:
    """RGB as it is, marked so by Adobe, its components numbered and not named."""
    data = bytearray(jpeg(QUARTERS, keep_rgb=True))
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    for number in range(3):
        data[frame + 10 + 3 * number] = data[scan + 5 + 2 * number] = number + 1
    return bytes(data)


def jpeg2000(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG2000", no_jp2=True, num_resolutions=2, **options)
    return file.getvalue()


def jpeg_ls(pixels: np.ndarray) -> bytes:
    import jpeg_ls as encoder

    return bytes(encoder.encode_array(np.ascontiguousarray(pixels)))


@pytest.fixture
def compressed(write_dicom: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a file of a compressed frame, its header as the keywords say."""

    def write(data: bytes, syntax: str, rows: int = SIDE, columns: int = SIDE, **elements: Any) -> Path:
        path = write_dicom(np.zeros((rows, columns), np.uint8), "compressed.dcm", **elements)
        dataset = dcmread(path)
        dataset.PixelData = encapsulate([data])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
        dcmwrite(path, dataset)
        return path

    return write


def colour(photometric: str, planar: int = 0) -> dict[str, Any]:
    return {"SamplesPerPixel": 3, "PlanarConfiguration": planar, "PhotometricInterpretation": photometric}


def assert_quarters(path: Path) -> None:
    pixels = read_image(path).pixels
    for place in MIDDLES:
        np.testing.assert_allclose(pixels[place].astype(int), QUARTERS[place].astype(int), atol=3)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize(
    ("data", "syntax", "photometric"),
    [(jpeg(QUARTERS), JPEGBaseline8Bit, "YBR_FULL_422"), (jpeg(QUARTERS, keep_rgb=True), JPEGBaseline8Bit, "RGB"),
     (jpeg2000(QUARTERS, mct=1), JPEG2000, "YBR_RCT"), (jpeg2000(QUARTERS, mct=0), JPEG2000, "RGB")],
    ids=["JPEG of YCbCr", "JPEG of RGB", "JPEG 2000 of RCT", "JPEG 2000 of RGB"],
)  # fmt: skip
def test_that_the_planar_configuration_of_a_header_does_not_reach_into_a_code_stream(
    compressed, data, syntax, photometric, planar
):
    assert_quarters(compressed(data, syntax, **colour(photometric, planar)))


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_that_lossless_colour_is_equal_to_the_bit_whichever_planar_configuration_the_header_states(
    write_dicom, syntax, planar
):
    path = write_dicom(
        np.zeros((SIDE, SIDE), np.uint8), PixelData=QUARTERS.tobytes(), SamplesPerPixel=3,
        PhotometricInterpretation="RGB", PlanarConfiguration=0,
    )  # fmt: skip
    dataset = dcmread(path)
    dataset.compress(syntax)
    dataset.PlanarConfiguration = planar
    dataset.save_as(path)

    np.testing.assert_array_equal(read_image(path).pixels, QUARTERS)


_COLOURED = {
    "JFIF": jpeg(QUARTERS, subsampling=0),
    "JFIF, chroma of every second pixel": jpeg(QUARTERS, subsampling=1),
    "chroma of every second pixel": without_jfif(jpeg(QUARTERS, subsampling=1)),
    "chroma of every second pixel and row": without_jfif(jpeg(QUARTERS, subsampling=2)),
    "Adobe's mark": marked(jpeg(QUARTERS, subsampling=0), 1),
}


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"])
@pytest.mark.parametrize("data", _COLOURED.values(), ids=_COLOURED.keys())
def test_that_a_jpeg_which_says_its_colour_is_believed_whatever_the_header_declares(compressed, data, photometric):
    assert_quarters(compressed(data, JPEGBaseline8Bit, **colour(photometric)))


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
def test_that_a_jpeg_whose_components_are_named_r_g_b_is_rgb(compressed, photometric):
    assert_quarters(compressed(jpeg(QUARTERS, keep_rgb=True), JPEGBaseline8Bit, **colour(photometric)))


@pytest.mark.parametrize(
    ("data", "photometric"),
    [(untransformed(), "RGB"), (without_jfif(jpeg(QUARTERS, subsampling=0)), "YBR_FULL_422")],
    ids=["RGB", "YBR_FULL_422"],
)
def test_that_the_header_says_the_colour_of_a_jpeg_that_does_not(compressed, data, photometric):
    assert_quarters(compressed(data, JPEGBaseline8Bit, **colour(photometric)))


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT"])
def test_that_components_which_jpeg2000_transformed_are_rgb_whatever_the_header_declares(compressed, photometric):
    assert_quarters(compressed(jpeg2000(QUARTERS, mct=1), JPEG2000, **colour(photometric)))


def test_that_components_which_jpeg2000_did_not_transform_are_what_the_header_declares(compressed):
    ycbcr = np.array(PIL.Image.fromarray(QUARTERS).convert("YCbCr"))

    assert_quarters(compressed(jpeg2000(ycbcr, mct=0), JPEG2000, **colour("YBR_FULL")))


@pytest.mark.skipif(shutil.which("dcmj2pnm") is None, reason="dcmtk is not installed (Debian: apt-get install dcmtk)")
@pytest.mark.parametrize("name", _COLOURED)
def test_that_colour_jpegs_are_presented_as_dcmtk_presents_them_where_the_header_is_right(compressed, tmp_path, name):
    path = compressed(_COLOURED[name], JPEGBaseline8Bit, **colour("YBR_FULL_422"))
    subprocess.run(["dcmj2pnm", "-q", "--write-8-bit-pnm", "-O", path, tmp_path / "drawn.pnm"], check=True, timeout=60)
    with PIL.Image.open(tmp_path / "drawn.pnm") as picture:
        expected = np.array(picture)

    pixels = read_image(path).pixels
    away_from_edges = np.abs(np.arange(SIDE) - SIDE // 2) > 12  # what lies between two samples of chroma is nobody's
    inside = np.ix_(away_from_edges, away_from_edges)
    np.testing.assert_allclose(pixels[inside].astype(int), expected[inside].astype(int), atol=3)


_MAKERS = [(jpeg, JPEGBaseline8Bit), (jpeg_ls, JPEGLSLossless), (jpeg2000, JPEG2000)]


@pytest.mark.parametrize(("make", "syntax"), _MAKERS)
@pytest.mark.parametrize(
    ("rows", "columns"), [(SIDE, SIDE // 2), (SIDE, SIDE), (SIDE // 4, SIDE)], ids=["turned", "more", "fewer"]
)
def test_that_a_picture_of_another_size_than_its_header_declares_is_refused_with_both(
    compressed, make, syntax, rows, columns
):
    path = compressed(make(PALE[: SIDE // 2]), syntax, rows, columns)

    with pytest.raises(UnreadableImage, match=rf"{SIDE // 2} by {SIDE} pixels.*{rows} by {columns} of 1"):
        read_image(path)


@pytest.mark.parametrize(("make", "syntax"), [_MAKERS[0], _MAKERS[2]])
@pytest.mark.parametrize(("pixels", "found", "declared"), [(QUARTERS, 3, 1), (PALE, 1, 3)], ids=["colour", "grey"])
def test_that_a_picture_of_other_samples_than_its_header_declares_is_refused_with_both(
    compressed, make, syntax, pixels, found, declared
):
    path = compressed(make(pixels), syntax, **(colour("RGB") if declared == 3 else {}))

    with pytest.raises(UnreadableImage, match=rf"pixels of {found} sample.* of {declared}\."):
        read_image(path)


@pytest.mark.parametrize(("make", "syntax"), _MAKERS)
def test_that_eight_bits_in_words_of_sixteen_are_shown(compressed, make, syntax):
    path = compressed(make(PALE), syntax, BitsAllocated=16, BitsStored=8, HighBit=7)

    np.testing.assert_allclose(read_image(path).pixels.astype(int), PALE.astype(int), atol=3)


def test_that_eight_bit_colour_in_a_header_of_sixteen_bits_is_not_shifted_away(compressed):
    path = compressed(jpeg(QUARTERS), JPEGBaseline8Bit, **colour("YBR_FULL_422"), BitsAllocated=16, BitsStored=16,
                      HighBit=15)  # fmt: skip

    assert_quarters(path)


def test_that_a_progressive_jpeg_is_shown_under_the_retired_syntax_and_under_that_of_baseline(compressed):
    data = jpeg(QUARTERS, progressive=True)
    assert b"\xff\xc2" in data

    for syntax in ("1.2.840.10008.1.2.4.55", JPEGBaseline8Bit):
        assert_quarters(compressed(data, syntax, **colour("YBR_FULL_422")))


@pytest.mark.skipif(shutil.which("dcmcjpeg") is None, reason="dcmtk is not installed (Debian: apt-get install dcmtk)")
@pytest.mark.parametrize("process", ["+es", "+ep", "+ee", "+el", "+e1"])
@pytest.mark.parametrize("stored", ["12 bits", "12 signed bits"])
def test_that_what_dcmtk_encodes_by_any_process_of_jpeg_is_what_dcmtk_decodes(write_dicom, tmp_path, process, stored):
    values = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint16) * 32
    values = values.astype(np.int16) - 2048 if "signed" in stored else values
    path = write_dicom(values, BitsStored=12, HighBit=11)
    coded, plain = tmp_path / "coded.dcm", tmp_path / "plain.dcm"
    subprocess.run(["dcmcjpeg", process, path, coded], check=True, timeout=60)
    subprocess.run(["dcmdjpeg", coded, plain], check=True, timeout=60)

    ours, theirs = read_image(coded).pixels.astype(int), read_image(plain).pixels.astype(int)

    lossy = process in ("+es", "+ep", "+ee")  # two decoders of cosines may round a value differently
    assert np.abs(ours - theirs).max() <= int(lossy)
    assert lossy or np.array_equal(ours, values)


def test_that_a_jpeg2000_in_the_boxes_of_a_file_format_is_shown_and_its_size_is_known(compressed):
    file = io.BytesIO()
    PIL.Image.fromarray(PALE).save(file, "JPEG2000", num_resolutions=2)
    assert file.getvalue()[4:8] == b"jP  "

    np.testing.assert_array_equal(read_image(compressed(file.getvalue(), JPEG2000)).pixels, PALE)
    with pytest.raises(UnreadableImage, match=f"{SIDE} by {SIDE} pixels of 1"):
        read_image(compressed(file.getvalue(), JPEG2000, SIDE * 2, SIDE // 2))


@pytest.mark.parametrize(
    ("offsets", "fragments"), [("none", 1), ("none", 3), ("basic", 1), ("basic", 3), ("extended", 1)]
)
def test_that_each_frame_is_found_whatever_table_of_offsets_there_is(write_dicom, offsets, fragments):
    frames = np.stack([PALE, PALE[::-1], PALE.T])
    path = write_dicom(frames)
    dataset = dcmread(path)
    coded = [jpeg_ls(frame) for frame in frames]
    if offsets == "extended":
        made = encapsulate_extended(coded)
        dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = made
    else:
        dataset.PixelData = encapsulate(coded, fragments_per_frame=fragments, has_bot=offsets == "basic")
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    dcmwrite(path, dataset)

    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(read_image(path, number).pixels, frame)


def test_that_a_code_stream_behind_more_than_64_kibibytes_of_comments_still_tells_its_size():
    comment = b"\xff\xfe" + (60_000).to_bytes(2, "big") + b"x" * 59_998
    data = jpeg(PALE)

    stream = code_stream(data[:2] + 3 * comment + data[2:])

    assert stream is not None
    assert (stream.rows, stream.columns) == (SIDE, SIDE)


def test_that_fill_bytes_between_segments_are_passed_over(compressed):
    data = jpeg(QUARTERS)
    filled = data[:2] + b"\xff\xff\xff" + data[2:]

    assert code_stream(filled) == code_stream(data)
    assert_quarters(compressed(filled, JPEGBaseline8Bit, **colour("RGB")))
