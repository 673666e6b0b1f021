"""Values of every width and place in their cells, colour of every kind: shown as stored, or refused by name."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess

import numpy as np
import PIL.Image
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, UID, JPEGBaseline8Bit, JPEGLSLossless
from tests.unit.studies.layouts import LAYOUTS

from xferviewer.errors import UnreadableImage
from xferviewer.studies.code_streams import CodeStream, code_stream
from xferviewer.studies.images import present, read_image

STATED = [layout for layout in LAYOUTS if layout.shown is not None]


@pytest.mark.parametrize("layout", STATED, ids=str)
def test_that_values_are_shown_as_they_were_stored(write_dicom, layout):
    image = read_image(layout.write(write_dicom))

    tolerance = 1 if "segments" in layout.name else 0  # how a line's points are rounded is nobody's rule
    assert image.pixels.shape == layout.shown.shape
    assert np.abs(image.pixels.astype(object) - layout.shown.astype(object)).max() <= tolerance
    assert image.pixels.dtype.isnative


# What dcmtk 3.6.7 does not read, and palettes that it believes where they state the wrong width: they come out black.
NOT_BY_DCMTK = ("64", "segments", "that says 16")


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcmtk is not installed (Debian: apt-get install dcmtk)")
@pytest.mark.parametrize("layout", [each for each in LAYOUTS if not any(w in each.name for w in NOT_BY_DCMTK)], ids=str)
def test_that_every_layout_is_presented_as_dcmtk_presents_it(write_dicom, tmp_path, layout):
    path = layout.write(write_dicom)
    drawn = tmp_path / "drawn.pnm"
    subprocess.run(["dcm2pnm", "-q", "--write-8-bit-pnm", "-O", "+Wm", path, drawn], check=True, timeout=60)
    with PIL.Image.open(drawn) as picture:
        expected = np.array(picture).astype(float)

    shown = present(read_image(path)) * 255

    # dcmtk's tables of YBR are of integers; its greyscale window ends half a step away from ours
    np.testing.assert_allclose(shown, expected, atol=2.5 if "YBR" in layout.name else 1.5)


@pytest.mark.parametrize("photometric", ["HSV", "ARGB", "CMYK", "YBR_PARTIAL_420", "XYB"])
def test_that_colour_which_is_not_read_is_refused_by_its_name(write_dicom, photometric):
    path = write_dicom(
        np.zeros((6, 8), np.uint8), PixelData=bytes(144), SamplesPerPixel=3, PhotometricInterpretation=photometric,
        PlanarConfiguration=0,
    )  # fmt: skip

    with pytest.raises(UnreadableImage, match=f"Photometric Interpretation is {photometric}"):
        read_image(path)


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_that_frames_of_12_bits_begin_in_the_middle_of_a_byte(write_dicom, frame):
    from tests.unit.studies.layouts import cells

    values = np.random.default_rng(1).integers(0, 4096, (3, 3, 5)).astype("<u2")
    path = write_dicom(
        np.zeros((3, 3, 5), np.uint8),
        PixelData=cells(values, 12) + b"\x00",
        BitsAllocated=12,
        BitsStored=12,
        HighBit=11,
    )

    np.testing.assert_array_equal(read_image(path, frame).pixels, values[frame])


def test_that_cells_of_12_bits_which_are_cut_off_are_refused(write_dicom):
    path = write_dicom(np.zeros((6, 8), np.uint8), PixelData=bytes(70), BitsAllocated=12, BitsStored=12, HighBit=11)

    with pytest.raises(UnreadableImage, match="cut off"):
        read_image(path)


def jpeg2000(rows: int, columns: int) -> bytes:
    import openjpeg

    return bytes(openjpeg.encode(np.zeros((rows, columns), np.uint16), bits_stored=12))


def jpeg(rows: int, columns: int) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(np.zeros((rows, columns), np.uint8)).save(file, "JPEG", comment=b"x" * 300)
    return file.getvalue()


def jpeg_ls(rows: int, columns: int) -> bytes:
    import jpeg_ls

    return bytes(jpeg_ls.encode_array(np.full((rows, columns), 255, np.uint8)))


@pytest.mark.parametrize(("make", "bits", "cosines"), [(jpeg, 8, True), (jpeg_ls, 8, False), (jpeg2000, 12, False)])
def test_that_a_code_stream_tells_its_size(make, bits, cosines):
    assert code_stream(make(40, 70)) == CodeStream(40, 70, 1, bits, cosines)
    assert code_stream(make(40, 70)[:9]) is None
    assert code_stream(b"RLE has none") is None


@pytest.mark.parametrize(
    ("make", "syntax", "place"),
    [(jpeg, JPEGBaseline8Bit, b"\xff\xc0"), (jpeg_ls, JPEGLSLossless, b"\xff\xf7"), (jpeg2000, JPEG2000, b"\xff\x51")],
)
def test_that_a_code_stream_far_larger_than_its_header_is_refused_before_it_is_decoded(
    write_dicom, make, syntax, place
):
    path = write_dicom(np.zeros((40, 70), np.uint16 if make is jpeg2000 else np.uint8))
    stream = bytearray(make(40, 70))
    at = stream.index(place) + (6 if place == b"\xff\x51" else 5)
    stream[at : at + (8 if place == b"\xff\x51" else 4)] = struct.pack(
        ">II" if place == b"\xff\x51" else ">HH", 60000, 60000
    )
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([bytes(stream)])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path)

    with pytest.raises(UnreadableImage, match="60000 by 60000 pixels, far more"):
        read_image(path)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.103", "1.2.840.10008.1.2.4.94"])
def test_that_a_transfer_syntax_without_a_decoder_is_refused_by_its_name(write_dicom, syntax):
    path = write_dicom(np.zeros((6, 8), np.uint8))
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([b"video"])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path, implicit_vr=False, little_endian=True)

    with pytest.raises(UnreadableImage) as refusal:
        read_image(path)

    assert UID(syntax).name in refusal.value.why
