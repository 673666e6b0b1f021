"""Films for the screen: what may bring its decoder down is decoded in another process, everything else here."""

from __future__ import annotations

import gzip
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    VLWholeSlideMicroscopyImageStorage,
)

from xferviewer.errors import UnreadableImage
from xferviewer.settings import change_settings, settings_file
from xferviewer.studies.film_reading import FilmReading, needs_a_decoder
from xferviewer.studies.images import read_image

FILM = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)


@pytest.fixture
def compressed(write_dicom) -> Path:
    path = write_dicom(FILM, name="compressed.dcm")
    dataset = dcmread(path)
    dataset.compress(RLELossless)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_that_uncompressed_films_need_no_decoder(write_dicom, syntax):
    assert not needs_a_decoder(write_dicom(FILM, syntax=syntax))


def test_that_compressed_films_and_pictures_need_one(compressed, tmp_path):
    PIL.Image.fromarray(FILM).save(tmp_path / "film.png")
    (tmp_path / "film.gz").write_bytes(gzip.compress(compressed.read_bytes()))

    assert all(needs_a_decoder(path) for path in (compressed, tmp_path / "film.png", tmp_path / "film.gz"))


def test_that_slides_and_colour_profiles_need_one_also_where_they_are_not_compressed(write_dicom):
    assert needs_a_decoder(write_dicom(FILM, ICCProfile=bytes(128)))
    assert needs_a_decoder(write_dicom(FILM, SOPClassUID=VLWholeSlideMicroscopyImageStorage))


def test_that_a_film_is_the_same_whichever_way_it_is_read(compressed, write_dicom):
    reading = FilmReading(1)
    try:
        for path in (compressed, write_dicom(FILM)):
            film = reading.read(path)
            np.testing.assert_array_equal(film.pixels, read_image(path).pixels)
            assert film.identity == read_image(path).identity
    finally:
        reading.close()


_CRASHES = """
import os, sys, time
from xferviewer.studies import reading_processes
def read_image(path, frame):
    if path.name == "hang.dcm":
        time.sleep(600)
    os.abort()
reading_processes.read_image = read_image
sys.exit(reading_processes.main(sys.argv[-1:]))
"""


def test_that_a_decoder_that_crashes_or_hangs_costs_one_film_and_is_not_asked_twice(compressed, tmp_path):
    (tmp_path / "reader.py").write_text(_CRASHES)
    hanging = compressed.rename(tmp_path / "hang.dcm")
    crashing = tmp_path / "crash.dcm"
    crashing.write_bytes(hanging.read_bytes())
    reading = FilmReading(2, [sys.executable, str(tmp_path / "reader.py")], most_seconds=3.0)

    with ThreadPoolExecutor(2) as threads:
        held = threads.submit(reading.read, hanging)
        with pytest.raises(UnreadableImage, match="crashed"):
            reading.read(crashing)
        assert not held.done()  # one film that holds its decoder holds no other
        with pytest.raises(UnreadableImage, match="still at work after 3 s"):
            held.result(20)
    reading.close()


_GREEDY = """
import sys
import numpy as np
from xferviewer.studies import reading_processes
def read_image(path, frame):
    np.ones(12 << 30, np.uint8)
    raise SystemExit("the memory was there")
reading_processes.read_image = read_image
sys.exit(reading_processes.main(sys.argv[-1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a process's own memory")
def test_that_a_decoder_cannot_take_more_memory_than_films_need(compressed, tmp_path):
    (tmp_path / "reader.py").write_text(_GREEDY)
    reading = FilmReading(1, [sys.executable, str(tmp_path / "reader.py")], most_seconds=20.0)

    with pytest.raises(UnreadableImage, match="ran out of memory"):
        reading.read(compressed)
    reading.close()


@pytest.fixture
def small_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path))
    (tmp_path / "settings.toml").write_text("largest_frame_mib = 1\n")


def test_that_a_frame_over_the_limit_of_the_settings_is_refused_with_its_name(small_limit, write_dicom, tmp_path):
    large = np.zeros((1024, 513), np.uint16)
    PIL.Image.fromarray(large).save(tmp_path / "film.png")
    np.save(tmp_path / "film.npy", large)
    for path in (write_dicom(large), tmp_path / "film.png", tmp_path / "film.npy"):
        with pytest.raises(UnreadableImage, match=r"1024 by 513 .*limit of 1 MiB.*largest_frame_mib"):
            read_image(path)
    assert read_image(write_dicom(large[:1000])).pixels.shape == (1000, 513)


def test_that_the_limit_holds_in_the_processes_that_decode(small_limit, compressed):
    large = dcmread(compressed)
    large.decompress()
    large.Rows, large.Columns = 1024, 513
    large.PixelData = bytes(1024 * 513 * 2)
    large.compress(RLELossless)
    large.save_as(compressed)
    reading = FilmReading(1)

    with pytest.raises(UnreadableImage, match="limit of 1 MiB"):
        reading.read(compressed)
    reading.close()


def test_that_a_limit_that_is_raised_counts_at_once_also_where_somebody_reads_already(small_limit, tmp_path):
    PIL.Image.fromarray(np.zeros((1024, 513), np.uint8)).save(tmp_path / "film.png")
    reading = FilmReading(1)
    with pytest.raises(UnreadableImage, match="over the limit of 1 MiB"):
        reading.read(tmp_path / "film.png")
    change_settings(settings_file(), {"largest_frame_mib": 64})

    assert reading.read(tmp_path / "film.png").pixels.shape == (1024, 513)
    reading.close()
