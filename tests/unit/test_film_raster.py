"""Films at the size of the screen: the brightness that networks see, means where a pixel stands for many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xferviewer.gui.film_raster import FilmRaster
from xferviewer.studies.image import Image, ImageFacts
from xferviewer.studies.images import present
from xferviewer.studies.voi import VoiLut, Window


def film(pixels: np.ndarray, **changes: object) -> Image:
    given = {"unit": "", "windows": (), "voi_lut": None, "inverted": False, "spacing_mm": None, "orientation": None}
    return Image(pixels, **{**given, **changes}, identity="film", frame=0, frames=1, facts=ImageFacts())


def whole(image: Image, window: Window | None = None, *, inverted: bool = False) -> np.ndarray:
    rows, columns = image.pixels.shape[:2]
    return FilmRaster(image).on_screen((0, 0, columns, rows), rows, columns, window, inverted=inverted)


KINDS = st.sampled_from([np.uint8, np.int8, np.uint16, np.int16, np.int32, np.float32])


@given(
    kind=KINDS,
    values=arrays(np.int16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-128, 127)),
    low_is_bright=st.booleans(),
    centre=st.integers(-200, 200),
    width=st.integers(2, 400),
)
def test_that_pixel_for_pixel_the_screen_is_the_presentation_that_networks_see(
    kind: type, values: np.ndarray, low_is_bright: bool, centre: int, width: int
) -> None:
    pixels = np.abs(values).astype(kind) if np.dtype(kind).kind == "u" else values.astype(kind)
    image, window = film(pixels, inverted=low_is_bright), Window(centre, width)
    assert (whole(image, window) == np.rint(present(image, window) * 255)).all()
    assert (whole(image, window, inverted=True) == 255 - whole(image, window)).mean() == 1


def test_that_the_file_s_own_table_is_used_until_a_window_is_chosen() -> None:
    pixels = np.arange(16, dtype=np.uint16).reshape(4, 4)
    image = film(pixels, voi_lut=VoiLut(0, np.linspace(0, 1, 16) ** 2))
    assert (whole(image) == np.rint(255 * (np.arange(16) / 15).reshape(4, 4) ** 2)).all()
    assert not (whole(image, Window(8, 16)) == whole(image)).all()


@given(size=st.integers(1, 3), seed=st.integers(0, 99))
def test_that_a_pixel_of_the_screen_that_stands_for_many_is_windowed_from_their_mean(size: int, seed: int) -> None:
    factor = 2**size
    pixels = np.random.default_rng(seed).integers(0, 60_000, (512, 512)).astype(np.uint16)
    window = Window(30_000, 60_000, "LINEAR_EXACT")
    small = 512 // factor
    drawn = FilmRaster(film(pixels)).on_screen((0, 0, 512, 512), small, small, window, inverted=False)
    means = pixels.reshape(small, factor, small, factor).mean(axis=(1, 3))
    assert np.abs(drawn - 255 * means / 60_000).max() <= 1  # of 256 steps


def test_that_between_pixels_the_value_is_interpolated_and_the_edge_goes_on() -> None:
    image = film(np.array([[0, 100], [0, 100]], dtype=np.uint8))
    window = Window(50, 100, "LINEAR_EXACT")
    drawn = FilmRaster(image).on_screen((0, 0, 2, 2), 8, 8, window, inverted=False)
    expected = np.rint(np.clip((np.arange(8) + 0.5) / 4 - 0.5, 0, 1) * 100) / 100 * 255
    assert np.abs(drawn - expected).max() <= 1
    assert (drawn == drawn[:1]).all()


def test_that_a_part_of_a_film_is_drawn_as_it_is_in_the_whole() -> None:
    pixels = np.random.default_rng(1).integers(-1000, 3000, (300, 400)).astype(np.int16)
    image = film(pixels)
    part = FilmRaster(image).on_screen((40, 30, 140, 80), 50, 100, None, inverted=False)
    assert (part == whole(image)[30:80, 40:140]).all()


def test_that_colour_is_shown_as_it_is_and_no_window_changes_it() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    image = film(pixels)
    assert (whole(image, Window(3, 4)) == pixels).all()
    assert (whole(image, inverted=True) == 255 - pixels).all()


def test_that_padding_does_not_count_in_range_and_percentiles() -> None:
    pixels = np.full((200, 200), -2000, dtype=np.int16)
    pixels[50:150, 50:150] = np.arange(10_000).reshape(100, 100) // 10
    raster = FilmRaster(film(pixels, padding=-2000.0))
    assert (raster.low, raster.high) == (0, 999)
    assert raster.percentiles(0, 50, 100) == pytest.approx([0, 499.5, 999], abs=1)


def test_that_a_step_of_the_window_is_a_look_up_and_samples_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from xferviewer.gui import film_raster

    raster = FilmRaster(film(np.zeros((300, 300), np.uint16)))
    sampled = []
    original = film_raster._interpolated
    monkeypatch.setattr(film_raster, "_interpolated", lambda *of: (sampled.append(1), original(*of))[1])
    for width in range(10, 20):
        raster.on_screen((0, 0, 300, 300), 111, 111, Window(5, width), inverted=False)
    assert len(sampled) == 1
