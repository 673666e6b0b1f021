"""Polarity on the screen: negatives are negatives, and the same film stored the other way round is the same picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.film_raster import FilmRaster
from xferviewer.studies.images import Image, ImageFacts, read_image
from xferviewer.studies.indexing import index
from xferviewer.studies.voi import Window

LONG = 120_000
FILMS = Path(__file__).parents[2].parent / "shared" / "data" / "dicom" / "torchxrayvision"
NORMAL, NEGATIVE = "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm", "Fake_MONOHR1.dcm"


def drawn(path: Path, window: Window | None = None, *, inverted: bool = False) -> np.ndarray:
    """The whole film as the screen shows it, a pixel for a pixel."""
    raster = FilmRaster(read_image(path))
    rows, columns = raster.image.pixels.shape[:2]
    return raster.on_screen((0, 0, columns, rows), rows, columns, window, inverted=inverted)


@pytest.mark.skipif(not FILMS.exists(), reason="the shared data are not beside this checkout")
@pytest.mark.parametrize("window", [None, Window(128, 100), Window(90, 60, "SIGMOID")])
def test_that_two_files_of_the_same_values_and_opposite_polarity_are_exact_negatives(window: Window | None) -> None:
    film, negative = drawn(FILMS / NORMAL, window), drawn(FILMS / NEGATIVE, window)

    np.testing.assert_array_equal(negative, 255 - film)
    np.testing.assert_array_equal(drawn(FILMS / NEGATIVE, window, inverted=True), film)


def image(values: np.ndarray, window: Window | None, *, inverted: bool) -> FilmRaster:
    windows = (window,) if window is not None else ()
    return FilmRaster(Image(values, "", windows, None, inverted, None, None, "", 0, 1, ImageFacts()))


@given(
    values=arrays(np.uint16, (4, 6), elements=st.integers(0, 1023)),
    window=st.none() | st.builds(Window, st.integers(0, 1023), st.integers(1, 600), st.just("LINEAR_EXACT")),
)
def test_that_every_film_and_its_negative_add_up_to_white_and_the_inverted_one_is_the_same(
    values: np.ndarray, window: Window | None
) -> None:
    def shown(raster: FilmRaster) -> np.ndarray:
        return raster.on_screen((0, 0, 6, 4), 4, 6, None, inverted=False)

    mirrored = window and Window(1023 - window.centre, window.width, window.function)
    film = shown(image(values, window, inverted=False))

    if values.min() < values.max() or window is not None:  # one value alone is black, and so is its negative white
        np.testing.assert_array_equal(shown(image(1023 - values, mirrored, inverted=True)), film)
    np.testing.assert_array_equal(shown(image(values, window, inverted=True)), 255 - film)


@pytest.mark.parametrize("voi", ["window", "none", "table"])
def test_that_a_film_stored_inverted_is_the_same_picture_also_after_reset(
    make_application: Callable[..., Application], cohort: Path, tmp_path: Path, qtbot: QtBot, voi: str
) -> None:
    dataset = pydicom.dcmread(next(cohort.rglob("*.dcm")))
    dataset.decompress()
    dataset.pop("PresentationLUTShape", None)
    highest = 2**dataset.BitsStored - 1
    values = dataset.pixel_array.astype(np.uint16)
    centre, width = 0.45 * highest, 0.5 * highest
    pictures = []
    for name, photometric in (("a", "MONOCHROME2"), ("b", "MONOCHROME1")):
        dataset.PhotometricInterpretation = photometric
        stored = values if name == "a" else highest - values
        dataset.PixelData = stored.tobytes()
        for keyword in ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"):
            dataset.pop(keyword, None)
        if voi == "window":
            dataset.WindowCenter, dataset.WindowWidth = (centre if name == "a" else highest - centre), width
            dataset.VOILUTFunction = "LINEAR_EXACT"
        elif voi == "table":
            steps = np.linspace(0, 1, highest + 1) ** 2
            table = steps if name == "a" else 1 - steps[::-1]
            item = pydicom.Dataset()
            item.add_new("LUTDescriptor", "US", [(highest + 1) % 65536, 0, 16])
            item.add_new("LUTData", "OW", np.rint(table * 65535).astype("<u2").tobytes())
            dataset.VOILUTSequence = [item]
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{name == 'b':d}"
        dataset.StudyInstanceUID = f"1.2.4.{name == 'b':d}"
        (tmp_path / name).mkdir()
        dataset.save_as(tmp_path / name / "film.dcm")
        pictures.append(tmp_path / name / "film.dcm")

    application = make_application()
    for picture in pictures:
        index(picture, application.library.catalogue)
    application.library.refresh()
    application.window.show()
    compare = application.window.compare
    seen = []
    for row in range(2):
        application.library.show_study(row)
        path = application.session.studies[row].first_path
        qtbot.waitUntil(
            lambda path=path: (film := compare.standing.film(0)) is not None and film.path == path, timeout=LONG
        )
        film = compare.panes[0]._film
        first = film.image.copy()
        compare.looks.set_window(compare.focus, Window(0.2 * highest, 0.1 * highest))
        application.window.actions_by_name["invert"].trigger()
        assert not np.array_equal(film.image, first)
        compare.reset()
        np.testing.assert_array_equal(film.image, first)
        seen.append(first)

    assert seen[0].min() < seen[0].max()
    np.testing.assert_array_equal(seen[0], seen[1])
