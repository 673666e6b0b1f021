"""Rescale, look-up tables, windows and padding as makers write them, not only as the standard wants them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from xferviewer.errors import UnreadableImage
from xferviewer.studies.images import Window, present, read_image

SIGNED = np.arange(-8, 12, dtype=np.int16).reshape(4, 5)
WORDS = np.arange(0, 2000, 100, dtype=np.uint16).reshape(4, 5)
BYTES = np.arange(20, dtype=np.uint8).reshape(4, 5)
STEPS = np.arange(0, 200, 10)
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]


def table(descriptor: list[int], data: Any, vr: str = "US", data_vr: str = "OW") -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", vr, descriptor)
    item.add_new("LUTData", data_vr, data)
    return item


def words(values: np.ndarray, syntax: str = ExplicitVRLittleEndian) -> bytes:
    return values.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("first", "vr"), [(-8, "SS"), (65528, "US")])
def test_that_a_modality_table_of_signed_pixels_begins_below_zero_however_it_was_written(
    write_dicom, syntax, first, vr
):
    item = table([20, first, 16], words(STEPS, syntax), vr)

    image = read_image(write_dicom(SIGNED, syntax=syntax, ModalityLUTSequence=[item]))

    np.testing.assert_array_equal(image.pixels.ravel(), STEPS)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_that_a_table_of_more_than_32767_entries_is_whole_where_the_pixels_are_signed(write_dicom, syntax):
    values = np.arange(40_000)
    item = table([40_000, -20_000, 16], words(values, syntax), "SS")
    stored = np.array([[-20_000, 0, 19_999]], np.int16)

    voi = read_image(write_dicom(stored, "voi.dcm", syntax, VOILUTSequence=[item])).voi_lut
    modality = read_image(write_dicom(stored, "modality.dcm", syntax, ModalityLUTSequence=[item]))

    assert voi is not None
    assert (voi.first, voi.values.size) == (-20_000, 40_000)
    assert modality.pixels.tolist() == [[0, 20_000, 39_999]]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("data_vr", ["US", "OW"])
def test_that_entries_of_8_bits_may_be_packed_two_to_a_word(write_dicom, syntax, data_vr):
    packed = STEPS.astype(np.uint8).view("<u2")
    data = packed.tolist() if data_vr == "US" else words(packed, syntax)
    path = write_dicom(BYTES, syntax=syntax, VOILUTSequence=[table([20, 0, 8], data, data_vr=data_vr)])

    np.testing.assert_allclose(present(read_image(path)).ravel(), STEPS / 255, atol=1e-6)


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcmtk is not installed (Debian: apt-get install dcmtk)")
@pytest.mark.parametrize(
    "item", [table([20, 0, 8], STEPS.astype(np.uint8).view("<u2").tolist(), data_vr="US"),
             table([20, 0, 16], words(np.linspace(0, 65535, 20))), table([20, 0, 12], words(np.linspace(0, 4095, 20))),
             table([20, 0, 16], words(np.linspace(0, 4095, 20))), table([10, 5, 16], words(np.linspace(65535, 0, 10)))],
    ids=["8 bits packed", "16 bits", "12 bits", "16 bits said and 12 used", "falling, begins at 5"],
)  # fmt: skip
def test_that_voi_tables_are_presented_as_dcmtk_presents_them(write_dicom, tmp_path, item):
    path = write_dicom(BYTES, VOILUTSequence=[item])
    drawn = tmp_path / "drawn.pnm"
    subprocess.run(["dcm2pnm", "-q", "--write-8-bit-pnm", "-O", "+Wl", "1", path, drawn], check=True, timeout=60)

    with PIL.Image.open(drawn) as picture:
        np.testing.assert_allclose(present(read_image(path)) * 255, np.array(picture).astype(float), atol=1.01)


@pytest.mark.parametrize("item", [Dataset(), table([20, 0, 16], bytes(10)), table([20, 0], bytes(40))],
                         ids=["empty", "short", "half a descriptor"])  # fmt: skip
def test_that_a_voi_table_which_makes_no_sense_leaves_the_windows_and_a_modality_table_refuses_the_file(
    write_dicom, item
):
    usable = table([20, 0, 8], STEPS.astype(np.uint8).tobytes())

    image = read_image(write_dicom(BYTES, VOILUTSequence=[item], WindowCenter=8, WindowWidth=4))
    assert image.voi_lut is None
    np.testing.assert_array_equal(present(image), present(image, Window(8, 4)))
    assert read_image(write_dicom(BYTES, VOILUTSequence=[item, usable])).voi_lut is not None

    with pytest.raises(UnreadableImage, match="element of its header"):
        read_image(write_dicom(BYTES, ModalityLUTSequence=[item]))


def test_that_a_voi_table_of_rescaled_pixels_begins_below_zero_where_those_do(write_dicom):
    item = table([20, 65536 - 1024, 8], STEPS.astype(np.uint8).tobytes())

    image = read_image(
        write_dicom(BYTES.astype(np.uint16), RescaleSlope=1, RescaleIntercept=-1024, VOILUTSequence=[item])
    )

    np.testing.assert_allclose(present(image).ravel(), STEPS / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [({"RescaleIntercept": -1024}, WORDS.astype(int) - 1024), ({"RescaleSlope": 2}, WORDS.astype(int) * 2),
     ({"RescaleSlope": "", "RescaleIntercept": -1024}, WORDS.astype(int) - 1024),
     ({"RescaleSlope": 0, "RescaleIntercept": -1024}, WORDS), ({}, WORDS)],
    ids=["intercept", "slope", "empty slope", "slope of zero", "nothing"],
)  # fmt: skip
def test_that_the_missing_half_of_a_rescale_changes_nothing_and_a_slope_of_zero_is_none(write_dicom, stated, expected):
    image = read_image(write_dicom(WORDS, Modality="CT", **stated))

    np.testing.assert_array_equal(image.pixels, expected)
    assert image.unit == ("" if np.array_equal(expected, WORDS) else "HU")


@pytest.mark.parametrize(
    ("centre", "width", "shown"),
    [(40, 0, ()), (40, -5, ()), (40, 0.5, ()), (["40", "50"], "400", (Window(40, 400),)),
     (["40", ""], ["400", ""], (Window(40, 400),)), ("", "", ())],
)  # fmt: skip
def test_that_windows_which_cannot_be_are_left_out_and_the_others_stay(write_dicom, centre, width, shown):
    image = read_image(write_dicom(WORDS, WindowCenter=centre, WindowWidth=width))

    assert image.windows == shown
    assert present(image).max() == 1


@pytest.mark.parametrize("damaged", [b"40,5", b"N/A "])
def test_that_a_window_which_is_no_number_costs_only_itself(write_dicom, damaged):
    path = write_dicom(WORDS, WindowCenter="40.5", WindowWidth="400")
    path.write_bytes(path.read_bytes().replace(b"40.5", damaged))

    np.testing.assert_array_equal(read_image(path).pixels, WORDS)
    assert read_image(path).windows == ()


def test_that_a_window_narrower_than_one_counts_where_pixels_are_fractions(write_dicom):
    image = read_image(write_dicom(WORDS, RescaleSlope=0.001, RescaleIntercept=0, WindowCenter=0.5, WindowWidth=0.8))

    assert image.windows == (Window(0.5, 0.8, "LINEAR_EXACT"),)
    np.testing.assert_allclose(present(image), np.clip((WORDS * 0.001 - 0.1) / 0.8, 0, 1), atol=1e-6)


def as_floats(path: Path, values: np.ndarray, prefix: str, **padding: float) -> Path:
    dataset = dcmread(path)
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = 8 * values.dtype.itemsize
    setattr(dataset, f"{prefix}PixelData", values.tobytes())
    for name, value in padding.items():
        setattr(dataset, f"{prefix}{name}", value)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize(("prefix", "dtype"), [("Float", "<f4"), ("DoubleFloat", "<f8")])
def test_that_padding_of_floating_point_pixels_does_not_widen_the_default_window(write_dicom, prefix, dtype):
    values = np.array([[-9999, -9500, np.nan, 0.25, 0.5, 0.75]], dtype)
    path = as_floats(
        write_dicom(np.zeros((1, 6), np.uint16)), values, prefix, PixelPaddingValue=-9999.0,
        PixelPaddingRangeLimit=-9000.0,
    )  # fmt: skip

    image = read_image(path)

    assert (image.padding, image.padding_limit) == (-9999, -9000)
    assert present(image).tolist() == [[0, 0, 0, 0, 0.5, 1]]


@pytest.mark.parametrize(
    ("dtype", "stated", "vr", "padding"),
    [(np.uint8, 65535, "US", None), (np.uint8, 256, "US", None), (np.uint8, 255, "US", 255), (np.int8, 65535, "US", -1),
     (np.int16, 63536, "US", -2000), (np.uint16, -2000, "SS", 63536), (np.uint16, [7, 9], "US", 7)],
)  # fmt: skip
def test_that_padding_which_no_pixel_can_have_is_none_and_a_wrong_sign_is_mended(
    write_dicom, dtype, stated, vr, padding
):
    path = write_dicom(np.arange(20, dtype=dtype).reshape(4, 5))
    dataset = dcmread(path)
    dataset.add_new("PixelPaddingValue", vr, stated)
    dataset.save_as(path)

    assert read_image(path).padding == padding
