"""Slides in panes: fine where one looks closely; films whose decoder crashes cost themselves alone; colour profiles."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PySide6.QtCore import QRectF
from pytestqt.qtbot import QtBot
from tests.unit.studies.test_colour_profiles import exchanged
from tests.unit.studies.test_slides import write_pyramid

from xferviewer.gui.app import Application
from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.films import FilmShelf
from xferviewer.gui.slide_detail import SlideDetail, best_level, place_of, region_of
from xferviewer.studies import slides
from xferviewer.studies.film_reading import FilmReading
from xferviewer.studies.image import Pyramid
from xferviewer.studies.images import read_image
from xferviewer.studies.indexing import index

LONG = 120_000
LEVELS = Pyramid(((4000, 8000), (1000, 2000), (250, 500)), 16.0)


@pytest.fixture
def levels() -> list[np.ndarray]:
    fine = np.random.default_rng(4).integers(0, 256, (320, 480, 3)).astype(np.uint8)
    return [fine, fine[::4, ::4].copy()]


@pytest.fixture
def slide(tmp_path: Path, levels: list[np.ndarray]) -> Path:
    return write_pyramid(tmp_path / "slide.tif", levels)


@pytest.mark.parametrize(
    ("overview_pixels", "level"), [(1.0, None), (4.0, None), (0.9, 1), (0.25, 1), (0.18, 1), (0.17, 0), (0.01, 0)]
)
def test_that_the_level_nearest_to_the_screen_is_read(overview_pixels: float, level: int | None) -> None:
    assert best_level(LEVELS, overview_pixels) == level


def test_that_a_region_covers_what_is_looked_at_and_stays_on_the_slide() -> None:
    for place in ((0.0, 0.0, 500.0, 250.0), (30.5, 20.25, 90.0, 60.0), (490.0, 240.0, 500.0, 250.0)):
        region = region_of(LEVELS, 1, place)
        left, top, right, bottom = place_of(LEVELS, region)
        assert left <= place[0]
        assert top <= place[1]
        assert right >= place[2]
        assert bottom >= place[3]
        assert 0 <= region.top < region.top + region.rows <= 1000
        assert 0 <= region.left < region.left + region.columns <= 2000


def test_that_finer_pixels_are_drawn_where_one_looks_closely(
    slide: Path, levels: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slides, "OVERVIEW_SIDE", 200)
    raster = FilmRaster(read_image(slide))
    assert raster.image.pixels.shape == (80, 120, 3)
    arrived: list[int] = []
    place = (20.0, 10.0, 40.0, 25.0)  # of the overview; of the finest level 80 to 160 across
    with ThreadPoolExecutor(1) as threads:
        raster.detail = SlideDetail(
            raster.image,
            raster.image.pyramid,
            lambda region: slides.read_region(slide, region),
            threads,
            lambda: arrived.append(1),
        )
        whole = raster.on_screen((0, 0, 120, 80), 80, 120, None, inverted=False)
        coarse = raster.on_screen(place, 60, 80, None, inverted=False)

    np.testing.assert_array_equal(whole, levels[1])
    assert arrived == [1]
    assert not np.array_equal(coarse, levels[0][40:100, 80:160])
    np.testing.assert_array_equal(raster.on_screen(place, 60, 80, None, inverted=False), levels[0][40:100, 80:160])
    np.testing.assert_array_equal(raster.on_screen(place, 60, 80, None, inverted=True), 255 - levels[0][40:100, 80:160])


def test_that_a_slide_in_the_window_becomes_fine_when_one_zooms_in(
    make_application: Callable[..., Application],
    qtbot: QtBot,
    slide: Path,
    levels: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slides, "OVERVIEW_SIDE", 200)
    monkeypatch.setattr("xferviewer.studies.film_reading.needs_a_decoder", lambda path: False)  # the rule above is here
    started = make_application()
    index(slide, started.library.catalogue)
    started.library.refresh()
    started.window.show()
    started.library.show_study(0)
    compare = started.window.compare
    qtbot.waitUntil(lambda: compare.image is not None and compare.image.pyramid is not None, timeout=LONG)
    raster = compare.standing.raster(0)
    assert raster is not None
    assert raster.detail is not None

    compare.looks.move(compare.focus, QRectF(30, 20, 12, 8))
    compare.panes[0].grab()  # painting asks for what it shows
    qtbot.waitUntil(lambda: raster.detail._patch is not None, timeout=LONG)

    patch = raster.detail._patch
    left, top, right, bottom = (round(4 * side) for side in patch.place)
    assert left <= 120 < 168 <= right
    np.testing.assert_array_equal(patch.pixels, levels[0][top:bottom, left:right])
    drawn = compare.panes[0].grab().toImage().pixelColor(compare.panes[0].rect().center())
    around = levels[0][90:102, 138:150].reshape(-1, 3)
    assert (around.min(axis=0) <= drawn.getRgb()[:3]).all()


def test_that_colours_are_drawn_as_their_profile_means_them_and_probed_as_stored(tmp_path: Path) -> None:
    colour = np.random.default_rng(2).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    PIL.Image.fromarray(colour).save(tmp_path / "a.png", icc_profile=exchanged())

    raster = FilmRaster(read_image(tmp_path / "a.png"))

    drawn = raster.on_screen((0, 0, 30, 20), 20, 30, None, inverted=False)
    np.testing.assert_allclose(drawn.astype(int), colour[..., ::-1], atol=2)
    np.testing.assert_array_equal(raster.image.pixels, colour)


_CRASHES = """
import os, sys
from xferviewer.studies import reading_processes
read = reading_processes.read_image
reading_processes.read_image = lambda path, frame: os.abort() if "crash" in path.name else read(path, frame)
sys.exit(reading_processes.main(sys.argv[-1:]))
"""


def test_that_a_film_that_crashes_its_decoder_says_so_and_the_next_one_is_shown(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text(_CRASHES)
    for name in ("crash.png", "good.png"):
        PIL.Image.fromarray(np.full((4, 5), 7, np.uint8)).save(tmp_path / name)
    reading = FilmReading(2, [sys.executable, str(tmp_path / "reader.py")])
    shelf = FilmShelf(reading)
    try:
        with qtbot.waitSignal(shelf.film_read, timeout=LONG) as crashed:
            shelf.want([(tmp_path / "crash.png", 0)], [])
        with qtbot.waitSignal(shelf.film_read, timeout=LONG) as shown:
            shelf.want([(tmp_path / "good.png", 0)], [])
    finally:
        reading.interrupt()
        shelf.close()
        reading.close()

    assert "crashed" in str(crashed.args[0].error)
    assert shown.args[0].image.pixels[0, 0] == 7


def test_that_neighbours_are_read_once_the_wanted_film_is_there(qtbot: QtBot, tmp_path: Path) -> None:
    for name in ("shown.png", "next.png"):
        PIL.Image.fromarray(np.full((4, 5), 7, np.uint8)).save(tmp_path / name)
    reading, read = FilmReading(2), []
    shelf = FilmShelf(reading)
    first = []
    shelf.film_read.connect(first.append)
    shelf._arrived.connect(lambda film: read.append(Path(film.path).name))
    try:
        with qtbot.waitSignal(shelf.film_read, timeout=LONG):
            shelf.want([(tmp_path / "shown.png", 0)], [(tmp_path / "next.png", 0)])
        assert read in ([], ["shown.png"])
        qtbot.waitUntil(lambda: read == ["shown.png", "next.png"], timeout=LONG)
        told = []
        shelf.film_read.connect(told.append)
        shelf.want([(tmp_path / "next.png", 0)], [])
        assert [Path(film.path).name for film in told] == ["next.png"]  # at once
        raster = first[0].raster  # what was made of it for the screen goes with it
        assert raster is not None
        raster.on_screen((0, 0, 5, 4), 4, 5, None, inverted=False)
        assert raster._values._made
        assert raster._shades._made
        qtbot.waitUntil(lambda: not raster._values._made and not raster._shades._made, timeout=LONG)
    finally:
        reading.interrupt()
        shelf.close()
        reading.close()
