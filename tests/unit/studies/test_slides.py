"""Whole slides: one rule for the overview, every level by region, the same bits through another process."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.errors import UnreadableImage
from xferviewer.studies import slides
from xferviewer.studies.catalogue_writing import ImageEntry
from xferviewer.studies.examination import examine, stamp_of
from xferviewer.studies.film_reading import FilmReading, needs_a_decoder
from xferviewer.studies.images import present, read_image
from xferviewer.studies.slides import Region, read_region

TILE = 16


def write_pyramid(path: Path, levels: list[np.ndarray]) -> Path:
    """A deflated tiled TIFF, whose further pages are reduced images of the first (TIFF 6.0, section 15)."""
    data = bytearray(b"II*\x00\x00\x00\x00\x00")
    link = 4
    for number, level in enumerate(levels):
        rows, columns = level.shape[:2]
        down, right = -(-rows // TILE), -(-columns // TILE)
        padded = np.zeros((down * TILE, right * TILE, 3), np.uint8)
        padded[:rows, :columns] = level
        offsets, sizes = [], []
        for row in range(down):
            for column in range(right):
                offsets.append(len(data))
                tile = zlib.compress(padded[row * TILE :, column * TILE :][:TILE, :TILE].tobytes())
                sizes.append(len(tile))
                data += tile
        lists = len(data)
        data += struct.pack(f"<{len(offsets)}I", *offsets)
        counts = len(data)
        data += struct.pack(f"<{len(offsets)}I", *sizes)
        bits = len(data)
        data += struct.pack("<3H", 8, 8, 8) + b"\x00\x00"
        several = len(offsets) > 1
        entries = [
            (254, 4, 1, int(number > 0)), (256, 4, 1, columns), (257, 4, 1, rows), (258, 3, 3, bits), (259, 3, 1, 8),
            (262, 3, 1, 2), (277, 3, 1, 3), (284, 3, 1, 1), (322, 4, 1, TILE), (323, 4, 1, TILE),
            (324, 4, len(offsets), lists if several else offsets[0]),
            (325, 4, len(offsets), counts if several else sizes[0]),
        ]  # fmt: skip
        data[link : link + 4] = struct.pack("<I", len(data))
        data += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        link = len(data)
        data += bytes(4)
    path.write_bytes(data)
    return path


@pytest.fixture
def levels() -> list[np.ndarray]:
    random = np.random.default_rng(8)
    return [random.integers(0, 256, (rows, columns, 3)).astype(np.uint8) for rows, columns in ((90, 120), (45, 60))]


@pytest.fixture
def slide(tmp_path, levels) -> Path:
    return write_pyramid(tmp_path / "Gewebe ä.tif", levels)


@pytest.mark.parametrize(("side", "level"), [(200, 0), (120, 0), (119, 1), (60, 1)])
def test_that_the_overview_is_the_finest_level_that_is_small_enough(slide, levels, side, level, monkeypatch):
    monkeypatch.setattr(slides, "OVERVIEW_SIDE", side)

    image = read_image(slide)

    np.testing.assert_array_equal(image.pixels, levels[level])
    np.testing.assert_allclose(present(image), levels[level] / 255, atol=1e-7)
    assert image.pyramid.levels == ((90, 120), (45, 60))
    assert image.pyramid.pixels_of_finest == 2**level
    assert (image.frames, image.identity[:6]) == (1, "slide:")


@pytest.mark.parametrize("strip", [1, 10**9])
def test_that_a_slide_without_a_small_level_is_averaged_over_whole_squares(slide, levels, monkeypatch, strip):
    monkeypatch.setattr(slides, "OVERVIEW_SIDE", 20)
    monkeypatch.setattr(slides, "_STRIP_BYTES", strip)

    image = read_image(slide)

    means = levels[1].reshape(15, 3, 20, 3, 3).mean(axis=(1, 3))
    assert image.pixels.shape == (15, 20, 3)
    assert np.abs(image.pixels - means).max() <= 0.5 + 1e-9
    assert image.pyramid.pixels_of_finest == 6


def test_that_a_region_of_any_level_is_what_was_stored_and_ground_beyond_it(slide, levels):
    for level, stored in enumerate(levels):
        np.testing.assert_array_equal(read_region(slide, Region(level, 4, 6, 20, 30)), stored[4:24, 6:36])
    beyond = read_region(slide, Region(0, 80, 110, 20, 20))
    np.testing.assert_array_equal(beyond[:10, :10], levels[0][80:, 110:])
    assert (beyond[10:] == 255).all()


@pytest.mark.parametrize("region", [Region(2, 0, 0, 5, 5), Region(-1, 0, 0, 5, 5), Region(0, 0, 0, 0, 5)])
def test_that_a_region_that_is_none_is_refused(slide, region):
    with pytest.raises(UnreadableImage, match="no such region"):
        read_region(slide, region)


def test_that_a_region_over_the_limit_is_refused_before_it_is_read(slide):
    with pytest.raises(UnreadableImage, match="largest_frame_mib"):
        read_region(slide, Region(0, 0, 0, 1 << 20, 1 << 20))


def test_that_a_slide_is_read_in_another_process_to_the_bit(slide, levels):
    assert needs_a_decoder(slide)
    reading = FilmReading(1)
    here, there = read_image(slide), reading.read(slide)
    region = reading.read_region(slide, Region(1, 3, 5, 7, 9))
    with pytest.raises(UnreadableImage, match="no such region"):
        reading.read_region(slide, Region(9, 0, 0, 1, 1))
    reading.close()

    np.testing.assert_array_equal(there.pixels, here.pixels)
    assert (there.pyramid, there.identity) == (here.pyramid, here.identity)
    np.testing.assert_array_equal(region, levels[1][3:10, 5:14])


def test_that_the_catalogue_knows_a_slide_as_it_is_shown(slide, monkeypatch):
    monkeypatch.setattr(slides, "OVERVIEW_SIDE", 20)
    entry, image = examine(stamp_of(str(slide))), read_image(slide)

    assert isinstance(entry, ImageEntry)
    assert (entry.identity, entry.rows, entry.columns, entry.frames) == (image.identity, *image.pixels.shape[:2], 1)
    assert (entry.facts.modality, entry.facts.file_format) == ("SM", "whole slide (generic-tiff)")


def test_that_a_small_tiled_picture_and_a_plain_tiff_stay_pictures(tmp_path, levels):
    tiled = write_pyramid(tmp_path / "one.tif", levels[1:])
    PIL.Image.fromarray(levels[0]).save(tmp_path / "plain.tif")

    assert read_image(tiled).identity.startswith("sha256:")
    np.testing.assert_array_equal(read_image(tiled).pixels, levels[1])
    assert read_image(tmp_path / "plain.tif").pyramid is None


def test_that_a_slide_has_one_frame_and_a_damaged_one_is_refused(slide, tmp_path):
    with pytest.raises(UnreadableImage, match="no frame 1"):
        read_image(slide, 1)
    data = slide.read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableImage):
        read_image(tmp_path / "cut.tif")


@given(side=st.integers(1, 130))
def test_that_no_overview_is_larger_than_its_side(side):
    class Slide:
        level_dimensions = ((120, 90), (60, 45), (31, 23))

    patch = pytest.MonkeyPatch()
    patch.setattr(slides, "OVERVIEW_SIDE", side)
    level, factor = slides._overview(Slide())
    patch.undo()

    shown = max(Slide.level_dimensions[level]) // factor
    assert shown <= side
    assert factor == 1 or level == 2


def test_that_a_real_slide_has_its_spacing_and_colours(shared):
    path = shared / "histology" / "wsi" / "cmu-1-small-region.svs"

    image = read_image(path)

    assert image.pixels.shape == (2967, 2220, 3)
    assert image.spacing_mm == pytest.approx((0.000499, 0.000499))
    assert image.facts.file_format == "whole slide (aperio)"
    assert 180 < image.pixels.mean() < 235  # pink tissue on bright ground


def test_that_a_dicom_slide_is_its_whole_matrix_and_keeps_its_facts(shared):
    image = read_image(shared / "dicom" / "highdicom" / "sm_image.dcm")

    assert image.pixels.shape == (50, 50, 3)
    assert (image.facts.modality, image.facts.file_format) == ("SM", "DICOM")
    tiles = read_image(shared / "dicom" / "highdicom" / "sm_image_jpegls.dcm")  # which openslide does not read
    assert (tiles.frames, tiles.pyramid) == (25, None)
