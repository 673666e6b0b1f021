"""Frames a second as a DICOM header states them, and the shape of its pixels."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from xferviewer.studies.dicom_cine import frames_per_second
from xferviewer.studies.dicom_geometry import pixel_aspect
from xferviewer.studies.dicom_header import DicomHeader
from xferviewer.studies.film_measurements import quantities
from xferviewer.studies.film_notes import Measurement
from xferviewer.studies.images import read_image

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "dicom"


def header(frames: int = 9, **elements: object) -> DicomHeader:
    dataset = pydicom.Dataset()
    dataset.NumberOfFrames = frames
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return DicomHeader(dataset, pydicom.uid.ExplicitVRLittleEndian, None, 0)


@pytest.mark.parametrize(
    ("elements", "rate"),
    [
        ({}, None),
        ({"FrameTime": 40}, 25),
        ({"FrameTime": 40, "CineRate": 10}, 10),
        ({"CineRate": 10, "RecommendedDisplayFrameRate": 15}, 15),
        ({"FrameTimeVector": [0, 20, 20, 80]}, 25),
        ({"FrameTimeVector": [0]}, None),
        ({"FrameTime": 0}, None),
        ({"FrameTime": -1, "FrameTimeVector": [0, 100, 100]}, 10),
    ],
)
def test_that_the_rate_for_showing_goes_before_that_of_taking(elements: dict[str, object], rate: float | None) -> None:
    assert frames_per_second(header(**elements)) == rate
    assert frames_per_second(header(1, **elements)) is None


def test_that_the_aspect_is_vertical_to_horizontal_and_nonsense_is_a_square() -> None:
    assert pixel_aspect(header(PixelAspectRatio=[4, 3])) == 4 / 3
    assert pixel_aspect(header(PixelAspectRatio=[0, 3])) == 1
    assert pixel_aspect(header()) == 1


@pytest.mark.parametrize(
    ("name", "rate", "aspect"),
    [
        ("pydicom/examples_ybr_color.dcm", 1000 / 33.333, 1),
        ("pydicom-data/color-px.dcm", None, 4 / 3),
    ],
)
def test_that_real_files_come_with_rate_and_aspect(name: str, rate: float | None, aspect: float) -> None:
    if not (SHARED / name).exists():
        pytest.skip("the shared data are not beside this checkout")
    image = read_image(SHARED / name)
    assert (image.frames_per_second, image.pixel_height) == (pytest.approx(rate), pytest.approx(aspect))


def test_that_an_angle_on_pixels_of_known_shape_is_that_of_the_picture() -> None:
    if not (SHARED / "pydicom-data/color-px.dcm").exists():
        pytest.skip("the shared data are not beside this checkout")
    image = read_image(SHARED / "pydicom-data/color-px.dcm")
    (angle,) = quantities(Measurement("angle", ((40, 0), (0, 0), (40, 30))), image)
    assert angle.value == pytest.approx(45)  # 30 rows of four thirds
