from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import pytest

from xferviewer.errors import UnreadableImage
from xferviewer.studies import thumbnails
from xferviewer.studies.images import read_image
from xferviewer.studies.summary import describe
from xferviewer.studies.thumbnails import thumbnail

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "Doe_Jane.png"
    PIL.Image.fromarray(np.full((100, 50), 200, np.uint8)).save(path)
    return path


def test_that_the_aspect_is_kept_on_black_ground(film):
    small = thumbnail(film, size=32)

    assert small.shape == (32, 32)
    assert small.dtype == np.uint8
    assert (small[:, 8:24] == 200).all()
    assert (small[:, :8] == 0).all()
    assert (small[:, 24:] == 0).all()


def test_that_colour_stays_colour(tmp_path):
    PIL.Image.fromarray(np.tile(np.array([255, 0, 9], np.uint8), (20, 20, 1))).save(tmp_path / "skin.png")

    assert thumbnail(tmp_path / "skin.png", size=16)[8, 8].tolist() == [255, 0, 9]


def test_that_a_kept_thumbnail_needs_no_file_and_its_name_tells_nothing(film, tmp_path):
    cache = tmp_path / "cache"
    identity = read_image(film).identity
    made = thumbnail(film, cache=cache)
    film.unlink()

    np.testing.assert_array_equal(thumbnail(film, identity=identity, cache=cache), made)
    (kept,) = (path for path in cache.rglob("*") if path.is_file())
    assert identity.removeprefix("sha256:") not in kept.name
    assert "Doe" not in str(kept.relative_to(cache))
    with pytest.raises(UnreadableImage):
        thumbnail(film, identity=identity, size=16, cache=cache)


def test_that_a_damaged_or_unwritable_cache_only_costs_time(film, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    made = thumbnail(film, cache=cache)
    (kept,) = (path for path in cache.rglob("*") if path.is_file())
    kept.write_bytes(kept.read_bytes()[:20])
    identity = read_image(film).identity

    np.testing.assert_array_equal(thumbnail(film, identity=identity, cache=cache), made)
    assert kept.stat().st_size > 20
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    np.testing.assert_array_equal(thumbnail(film, cache=in_the_way), made)


def test_that_each_frame_has_its_own_thumbnail(tmp_path):
    path, cache = tmp_path / "pages.tif", tmp_path / "cache"
    pages = [PIL.Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 20)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    identity = read_image(path).identity

    for _ in ("made", "kept"):
        assert [int(thumbnail(path, frame, 8, identity=identity, cache=cache)[4, 4]) for frame in (0, 1)] == [10, 20]
    assert len(list(cache.rglob("*.png"))) == 2


def test_that_an_image_is_described_without_the_patient(write_dicom):
    path = write_dicom(np.array([[1, 2], [3, 9]], np.uint16), WindowCenter=4, WindowWidth=6, PixelSpacing=[0.5, 0.2])

    said = describe(path)

    assert (said["kind"], said["rows"], said["columns"], said["frames"]) == ("image", 2, 2, 1)
    assert (said["lowest"], said["highest"], said["spacing_mm"]) == (1, 9, (0.5, 0.2))
    assert said["windows"] == [{"centre": 4, "width": 6, "function": "LINEAR", "explanation": ""}]
    assert said["transfer_syntax"] == "Explicit VR Little Endian"
    assert "Doe" not in str(said)
    assert thumbnails.thumbnail(path, size=4).shape == (4, 4)
