"""ICC profiles: applied for the screen, never to what networks are given."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PIL import ImageCms
from pydicom.dataset import Dataset

from xferviewer.studies.colour_profiles import in_srgb, usable_profile
from xferviewer.studies.film_reading import FilmReading
from xferviewer.studies.images import present, read_image

COLOUR = np.random.default_rng(2).integers(0, 256, (20, 30, 3)).astype(np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exchanged() -> bytes:
    """A profile whose red is sRGB's blue and the reverse, by the names of two of its tags (ICC.1 7.3)."""
    profile = SRGB.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)
    return profile.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))


def png(path: Path, pixels: np.ndarray, profile: bytes) -> Path:
    PIL.Image.fromarray(pixels).save(path, icc_profile=profile)
    return path


def colour_film(write_dicom, **elements) -> Path:
    return write_dicom(
        np.zeros((20, 30), np.uint8), PixelData=COLOUR.tobytes(), SamplesPerPixel=3, PlanarConfiguration=0,
        PhotometricInterpretation="RGB", **elements,
    )  # fmt: skip


def test_that_the_screen_shows_the_colours_that_the_profile_means():
    np.testing.assert_allclose(in_srgb(COLOUR, exchanged()).astype(int), COLOUR[..., ::-1], atol=2)


def test_that_networks_are_given_the_stored_values(tmp_path):
    image = read_image(png(tmp_path / "a.png", COLOUR, exchanged()))

    assert image.profile == exchanged()
    np.testing.assert_array_equal(image.pixels, COLOUR)
    np.testing.assert_array_equal(present(image), present(read_image(png(tmp_path / "b.png", COLOUR, SRGB))))


@pytest.mark.parametrize(
    "profile", [b"", SRGB, exchanged()[:200], b"x" * 300, exchanged().replace(b"RGB ", b"CMYK"), "no"]
)
def test_that_a_profile_that_changes_nothing_or_is_damaged_is_none(profile):
    assert usable_profile(profile) is None
    assert in_srgb(COLOUR, profile if isinstance(profile, bytes) else None) is COLOUR


def test_that_grey_pictures_have_no_profile(tmp_path):
    assert read_image(png(tmp_path / "a.png", COLOUR[..., :1].repeat(3, axis=2), exchanged())).profile is None


def test_that_dicom_keeps_it_in_the_image_or_its_optical_path(write_dicom):
    path = Dataset()
    path.ICCProfile = exchanged()

    for elements in ({"ICCProfile": exchanged()}, {"OpticalPathSequence": [path]}):
        assert read_image(colour_film(write_dicom, **elements)).profile.rstrip(b"\x00") == exchanged().rstrip(b"\x00")
    assert read_image(colour_film(write_dicom)).profile is None


def test_that_it_comes_over_from_another_process(tmp_path):
    reading = FilmReading(1)
    image = reading.read(png(tmp_path / "a.png", COLOUR, exchanged()))
    reading.close()

    assert image.profile == exchanged()


def test_that_the_picture_of_a_jpeg_has_the_same_profile(tmp_path):
    file = io.BytesIO()
    PIL.Image.fromarray(COLOUR).save(file, "JPEG", icc_profile=exchanged())
    (tmp_path / "a.png").write_bytes(file.getvalue())  # a wrong name

    assert read_image(tmp_path / "a.png").profile == exchanged()
