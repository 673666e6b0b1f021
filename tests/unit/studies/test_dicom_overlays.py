"""Overlays of 60xx are planes over the image; the pixels know nothing of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from xferviewer.studies.dicom_overlays import _placed
from xferviewer.studies.images import present, read_image

FILM = np.arange(35, dtype=np.uint16).reshape(5, 7)
DRAWN = np.random.default_rng(3).random((5, 7)) < 0.4


def packed(bits: np.ndarray, *, big: bool = False) -> bytes:
    values = np.packbits(bits.reshape(-1), bitorder="little")
    values = np.pad(values, (0, values.size % 2))
    return (values.reshape(-1, 2)[:, ::-1] if big else values).tobytes()


def overlay(path: Path, bits: np.ndarray | None, group: int = 0x6000, vr: str = "OW", **elements: Any) -> Path:
    """Write an overlay into a file; elements by their names below."""
    tags = {"rows": (0x10, "US"), "columns": (0x11, "US"), "frames": (0x15, "IS"), "first_frame": (0x51, "US"),
            "kind": (0x40, "CS"), "origin": (0x50, "SS"), "allocated": (0x100, "US"), "bit": (0x102, "US"),
            "label": (0x1500, "LO"), "description": (0x22, "LO")}  # fmt: skip
    dataset = dcmread(path)
    if bits is not None:
        elements = {"rows": bits.shape[-2], "columns": bits.shape[-1], **elements}
        big = dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian and vr == "OW"
        dataset.add_new((group, 0x3000), vr, packed(bits, big=big))
    elements = {"kind": "G", "origin": [1, 1], "allocated": 1, "bit": 0, **elements}
    for name, value in elements.items():
        dataset.add_new((group, tags[name][0]), tags[name][1], value)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("vr", ["OW", "OB"])
def test_that_a_separate_plane_is_unpacked_bit_by_bit_in_every_byte_order(write_dicom, syntax, vr):
    path = overlay(write_dicom(FILM, syntax=syntax), DRAWN, vr=vr, label="ruler")

    image = read_image(path)

    (plane,) = image.overlays
    np.testing.assert_array_equal(plane.pixels, DRAWN)
    assert (plane.kind, plane.label) == ("graphics", "ruler")


def test_that_pixels_and_presentation_are_those_of_the_film_without_its_overlays(write_dicom):
    plain = read_image(write_dicom(FILM))
    image = read_image(overlay(write_dicom(FILM), DRAWN))

    assert image.overlaid() is not None
    assert plain.overlaid() is None
    np.testing.assert_array_equal(image.pixels, plain.pixels)
    np.testing.assert_array_equal(present(image), present(plain))


def test_that_several_planes_come_in_the_order_of_their_groups_with_kind_and_label(write_dicom):
    path = overlay(write_dicom(FILM), DRAWN, group=0x601E, kind="R", description="lung")
    path = overlay(path, ~DRAWN, group=0x6002)

    planes = read_image(path).overlays

    assert [(plane.kind, plane.label) for plane in planes] == [("graphics", ""), ("region", "lung")]
    np.testing.assert_array_equal(planes[0].pixels, ~DRAWN)
    assert read_image(path).overlaid().all()


def test_that_an_embedded_plane_is_the_unused_bit_of_each_word_and_not_part_of_the_pixel(write_dicom):
    words = FILM | (DRAWN.astype(np.uint16) << 13)
    path = overlay(write_dicom(words, BitsStored=12, HighBit=11), None, allocated=16, bit=13)

    image = read_image(path)

    np.testing.assert_array_equal(image.pixels, FILM)
    np.testing.assert_array_equal(image.overlays[0].pixels, DRAWN)


def test_that_an_embedded_plane_survives_run_length_coding(write_dicom):
    words = FILM | (DRAWN.astype(np.uint16) << 12)
    path = overlay(write_dicom(words, BitsStored=12, HighBit=11), None, allocated=16, bit=12)
    dataset = dcmread(path)
    dataset.compress(RLELossless)
    dataset.save_as(path)

    image = read_image(path)

    np.testing.assert_array_equal(image.pixels, FILM)
    np.testing.assert_array_equal(image.overlays[0].pixels, DRAWN)


def test_that_a_bit_of_the_pixel_itself_is_no_overlay(write_dicom):
    assert read_image(overlay(write_dicom(FILM, BitsStored=12, HighBit=11), None, allocated=16, bit=3)).overlays == ()


def test_that_frames_of_a_plane_lie_over_the_frames_that_they_name(write_dicom):
    film = np.zeros((4, 5, 7), np.uint8)
    path = overlay(write_dicom(film), np.stack([DRAWN, ~DRAWN]), frames=2, first_frame=2)

    shown = [read_image(path, frame).overlays for frame in range(4)]

    assert shown[0] == shown[3] == ()
    np.testing.assert_array_equal(shown[1][0].pixels, DRAWN)
    np.testing.assert_array_equal(shown[2][0].pixels, ~DRAWN)


def test_that_a_plane_without_frames_lies_over_every_frame(write_dicom):
    path = overlay(write_dicom(np.zeros((2, 5, 7), np.uint8)), DRAWN)

    for frame in range(2):
        np.testing.assert_array_equal(read_image(path, frame).overlays[0].pixels, DRAWN)


@given(
    bits=arrays(np.bool_, st.tuples(st.integers(1, 6), st.integers(1, 6))),
    top=st.integers(-9, 9),
    left=st.integers(-9, 9),
)
def test_that_a_plane_lies_where_its_origin_says_and_is_cut_at_the_image(bits, top, left):
    placed = _placed(bits, (5, 7), top, left)

    for row in range(5):
        for column in range(7):
            there = (row - top, column - left)
            inside = 0 <= there[0] < bits.shape[0] and 0 <= there[1] < bits.shape[1]
            assert placed[row, column] == (inside and bits[there])


def test_that_a_damaged_plane_costs_neither_the_film_nor_another_plane(write_dicom):
    path = overlay(write_dicom(FILM), DRAWN, rows=500)
    path = overlay(path, DRAWN, group=0x6002)

    image = read_image(path)

    np.testing.assert_array_equal(image.pixels, FILM)
    assert len(image.overlays) == 1


@pytest.mark.parametrize(
    ("name", "drawn"), [("pydicom/examples_overlay.dcm", 222), ("pydicom-data/MR-SIEMENS-DICOM-WithOverlays.dcm", 323)]
)
def test_that_overlays_of_real_files_are_those_of_pydicom(shared, name, drawn):
    path = shared / "dicom" / name

    (plane,) = read_image(path).overlays

    np.testing.assert_array_equal(plane.pixels, dcmread(path).overlay_array(0x6000))
    assert plane.pixels.sum() == drawn
