"""NIfTI volumes written by nibabel: where each voxel comes to lie, which letters stand there, what is refused."""

from __future__ import annotations

import gzip
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue_writing import ImageEntry, Refusal
from xferviewer.studies.examination import examine, stamp_of
from xferviewer.studies.images import read_image

WORLD = {"L": (0, -1), "R": (0, 1), "P": (1, -1), "A": (1, 1), "F": (2, -1), "H": (2, 1)}
"""The axis of NIfTI's world (x to the right, y to the front, z to the head) and the direction that a letter means."""


def saved(path: Path, values: np.ndarray, affine: Any = None, kind: Any = nibabel.Nifti1Image, **header: Any) -> Path:
    image = kind(values, np.eye(4) if affine is None else affine)
    image.header.set_xyzt_units(header.pop("unit", "mm"))
    if not header.pop("placed", True):
        image.set_sform(None)
        image.set_qform(None)
    for key, value in header.items():
        image.header[key] = value
    nibabel.save(image, path)
    return path


def entry(path: Path) -> ImageEntry:
    examined = examine(stamp_of(str(path)))
    assert isinstance(examined, ImageEntry)
    return examined


def refusal(path: Path) -> UnreadableImage:
    examined = examine(stamp_of(str(path)))
    assert isinstance(examined, Refusal)
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert caught.value.as_dict() == examined.error.as_dict()
    return caught.value


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_that_pixels_lie_where_their_letters_say_they_lie(tmp_path, axes, signs):
    """Values are the voxel's own place in the world along each axis: they must rise towards the letters."""
    affine = np.zeros((4, 4))
    for stored, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[axis, stored] = sign * (1.0 + stored)
    affine[3, 3] = 1
    places = np.stack(np.meshgrid(*(np.arange(side) for side in (4, 5, 6)), indexing="ij"), axis=-1) @ affine[:3, :3].T
    for axis in range(3):
        path = saved(tmp_path / f"{axis}.nii", places[..., axis].astype(np.float32), affine)
        image = read_image(path, 2)
        assert image.orientation is not None
        for letter, along in zip(image.orientation, (1, 0), strict=True):
            world, sign = WORLD[letter]
            step = np.diff(image.pixels, axis=along)
            assert (np.sign(step) == (sign if world == axis else 0)).all()
        assert set(image.orientation) <= {"L", "P", "F"}
        assert image.orientation[1] != "L", "left to right is shown across"
        found = entry(path)
        assert (found.frames, found.rows, found.columns) == (6, *image.pixels.shape)
        stored = {4: 1.0, 5: 2.0}
        assert image.spacing_mm == (stored[image.pixels.shape[0]], stored[image.pixels.shape[1]])


def test_that_an_axial_slice_faces_the_reader(tmp_path):
    """RAS, as most programs write it: the patient's right is at the left of the picture, the front on top."""
    values = np.zeros((8, 10, 3), np.int16)
    values[7, 9, 1] = 5  # most to the right, most to the front
    image = read_image(saved(tmp_path / "head.nii", values), 1)
    assert image.orientation == ("L", "P")
    assert image.pixels.shape == (10, 8)
    assert image.pixels[0, 0] == 5
    assert image.pixels.dtype == np.int16


def test_that_a_volume_which_does_not_say_how_it_lies_bears_no_letters(tmp_path):
    values = np.arange(24, dtype=np.uint8).reshape(4, 6, 1)
    path = saved(tmp_path / "unknown.nii", values, placed=False, unit="unknown")
    image = read_image(path)
    assert image.orientation is None
    assert image.spacing_mm is None
    np.testing.assert_array_equal(image.pixels, values[..., 0].T)


def test_that_slices_of_later_volumes_follow_those_of_the_first(tmp_path):
    values = np.random.default_rng(1).normal(size=(4, 5, 3, 2)).astype(np.float32)
    path = saved(tmp_path / "series.nii", values, np.diag([-1.0, -1.0, 1.0, 1.0]))
    assert entry(path).frames == 6
    np.testing.assert_array_equal(read_image(path, 4).pixels, values[:, :, 1, 1].T)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_that_gzip_and_byte_order_do_not_change_the_values(tmp_path, kind):
    values = np.random.default_rng(2).integers(-1000, 3000, (6, 7, 2)).astype(np.int16)
    path = saved(tmp_path / "ct.nii", values, np.diag([-1.0, -1.0, 2.0, 1.0]), kind)
    packed = tmp_path / "ct.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    swapped = kind(values, np.diag([-1.0, -1.0, 2.0, 1.0]), kind.header_class(endianness=">"))
    nibabel.save(swapped, tmp_path / "swapped.nii")
    for each in (path, packed, tmp_path / "swapped.nii"):
        image = read_image(each, 1)
        np.testing.assert_array_equal(image.pixels, values[..., 1].T)
        assert image.pixels.dtype.isnative
        assert image.facts.file_format == ("NIfTI-2" if kind is nibabel.Nifti2Image else "NIfTI-1")
    assert read_image(packed).identity == read_image(path).identity


def test_that_values_are_scaled_and_whole_numbers_stay_whole(tmp_path):
    values = np.arange(20, dtype=np.int16).reshape(4, 5, 1)
    image = nibabel.Nifti1Image(values, np.diag([-1.0, -1.0, 1.0, 1.0]))
    image.header.set_slope_inter(2, -1024)
    nibabel.save(image, tmp_path / "whole.nii")
    shown = read_image(tmp_path / "whole.nii")
    np.testing.assert_array_equal(shown.pixels, np.asarray(nibabel.load(tmp_path / "whole.nii").dataobj)[..., 0].T)
    assert shown.pixels.dtype == np.int32
    image.header.set_slope_inter(0.1, 0.05)
    nibabel.save(image, tmp_path / "parts.nii")
    assert read_image(tmp_path / "parts.nii").pixels.dtype == np.float32


def test_that_the_display_range_is_the_window(tmp_path):
    values = np.zeros((4, 5, 1), np.float32)
    image = read_image(saved(tmp_path / "map.nii", values, cal_min=-2.0, cal_max=6.0))
    assert (image.default_window().centre, image.default_window().width) == (2.0, 8.0)


def test_that_colour_is_rgb(tmp_path):
    colour = np.random.default_rng(3).integers(0, 255, (4, 5, 2, 3)).astype(np.uint8)
    packed = np.ascontiguousarray(colour).view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    path = saved(tmp_path / "colour.nii", packed, np.diag([-1.0, -1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(read_image(path, 1).pixels, colour[:, :, 1].swapaxes(0, 1))


def test_that_a_header_whose_values_lie_elsewhere_is_refused_with_what_to_do(tmp_path):
    pair = nibabel.Nifti1Pair(np.zeros((4, 4, 4), np.int16), np.eye(4))
    nibabel.save(pair, tmp_path / "head.hdr")
    assert "header of a NIfTI pair" in refusal(tmp_path / "head.hdr").why


def test_that_a_volume_that_is_cut_off_or_damaged_is_refused(tmp_path):
    path = saved(tmp_path / "head.nii", np.zeros((40, 40, 10), np.int16))
    whole = path.read_bytes()
    for kept in (348, 352, len(whole) - 1):
        path.write_bytes(whole[:kept])
        assert "damaged or cut off" in refusal(path).why
    path.write_bytes(whole[:40] + b"\xff" * 16 + whole[56:])
    assert refusal(path).why


def test_that_complex_values_are_refused(tmp_path):
    assert "no slices of numbers" in refusal(saved(tmp_path / "k.nii", np.zeros((4, 4, 2), np.complex64))).why


def test_that_nothing_of_the_free_text_is_kept(tmp_path):
    path = saved(tmp_path / "named.nii", np.zeros((4, 4, 2), np.int16), descrip=b"DOE JANE", intent_name=b"DOE JANE")
    assert "DOE" not in repr(entry(path))
    assert "DOE" not in repr(read_image(path).facts)


def test_that_a_header_with_an_unknown_unit_is_refused_by_the_reader_and_by_the_index(tmp_path):
    data = bytearray(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)).to_bytes())
    data[123] = 0xF8  # xyzt_units: no such code
    (tmp_path / "volume.nii").write_bytes(data)

    with pytest.raises(UnreadableImage, match="damaged"):
        read_image(tmp_path / "volume.nii")
    assert isinstance(examine(stamp_of(str(tmp_path / "volume.nii"))), Refusal)
