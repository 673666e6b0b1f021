"""NumPy files as stacks: the layouts of MRNet and MedMNIST, and files that are none."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue_writing import ImageEntry, Refusal
from xferviewer.studies.examination import examine, stamp_of
from xferviewer.studies.images import present, read_image

RNG = np.random.default_rng(3)


def saved(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


def refusal(path: Path) -> UnreadableImage:
    examined = examine(stamp_of(str(path)))
    assert isinstance(examined, Refusal)
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert caught.value.as_dict() == examined.error.as_dict()
    return caught.value


def entry(path: Path) -> ImageEntry:
    examined = examine(stamp_of(str(path)))
    assert isinstance(examined, ImageEntry)
    return examined


def test_that_the_slices_of_an_mrnet_series_are_frames_with_their_full_range(tmp_path):
    slices = RNG.integers(0, 255, (17, 32, 24), dtype=np.uint8)
    path = saved(tmp_path / "0000.npy", slices)
    found = entry(path)
    assert (found.frames, found.rows, found.columns, found.facts.file_format) == (17, 32, 24, "NPY")
    image = read_image(path, 16)
    np.testing.assert_array_equal(image.pixels, slices[16])
    assert image.identity == found.identity.replace("#0", "#16")
    assert present(image).max() == np.float32(slices[16].max() / 255)


def test_that_the_images_of_a_medmnist_archive_are_frames_and_its_labels_are_none(tmp_path):
    train, test = RNG.integers(0, 255, (5, 28, 28), dtype=np.uint8), RNG.integers(0, 255, (3, 28, 28), dtype=np.uint8)
    path = tmp_path / "pneumoniamnist.npz"
    labels = np.zeros((5, 1), np.uint8)
    np.savez_compressed(path, train_images=train, train_labels=labels, test_images=test, test_labels=labels[:3])
    assert entry(path).frames == 8
    np.testing.assert_array_equal(read_image(path, 4).pixels, train[4])
    np.testing.assert_array_equal(read_image(path, 5).pixels, test[0])
    with pytest.raises(UnreadableImage, match="has no frame 8"):
        read_image(path, 8)


def test_that_colour_is_rgb_and_equal_channels_are_grey(tmp_path):
    colour = RNG.integers(0, 255, (4, 28, 30, 3), dtype=np.uint8)
    colour[2] = colour[2, ..., :1]
    path = saved(tmp_path / "film.npy", colour)
    assert entry(path).facts.photometric == "RGB"
    np.testing.assert_array_equal(read_image(path, 3).pixels, colour[3])
    np.testing.assert_array_equal(read_image(path, 2).pixels, colour[2, ..., 0])


def test_that_a_volume_in_fortran_order_shows_the_same_slices(tmp_path):
    volume = RNG.normal(size=(6, 9, 11)).astype(np.float64)
    path = saved(tmp_path / "volume.npy", np.asfortranarray(volume))
    np.testing.assert_array_equal(read_image(path, 4).pixels, volume[4].astype(np.float32))


def test_that_a_gzipped_array_is_the_array(tmp_path):
    values = RNG.integers(0, 4000, (7, 9)).astype(">u2")
    path = saved(tmp_path / "film.npy", values)
    packed = tmp_path / "film.npy.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_image(packed).pixels, values)
    assert read_image(packed).identity == read_image(path).identity


@settings(max_examples=40, deadline=None)
@given(
    values=hnp.arrays(
        st.sampled_from([np.bool_, np.uint8, np.int16, np.uint16, np.int32, np.float16, np.float32]),
        hnp.array_shapes(min_dims=2, max_dims=4, min_side=2, max_side=5).filter(lambda shape: shape[-1] != 3),
    )
)
def test_that_every_frame_holds_the_values_of_the_array(tmp_path_factory, values):
    path = saved(tmp_path_factory.mktemp("arrays") / "stack.npy", values)
    frames = values.reshape(-1, *values.shape[-2:])
    assert entry(path).frames == len(frames)
    for number, frame in enumerate(frames):
        shown = frame.astype(np.uint8) * 255 if frame.dtype == np.bool_ else frame
        np.testing.assert_array_equal(read_image(path, number).pixels, shown)


class RunsACommand:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_that_an_array_of_objects_is_refused_and_not_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "trap.npy", np.array([[RunsACommand()]], dtype=object))
    assert "would run code" in refusal(path).why
    archive = tmp_path / "trap.npz"
    np.savez(archive, images=np.array([[RunsACommand(), 1], [2, 3]], dtype=object))
    assert "would run code" in refusal(archive).why
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(RunsACommand()))
    assert "neither DICOM" in refusal(tmp_path / "trap.pkl").why
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.zeros(7), "no rows and columns"),
        (np.zeros((4, 1)), "no rows and columns"),
        (np.zeros((0, 4, 4)), "no rows and columns"),
        (np.array([["a", "b"], ["c", "d"]]), "no rows and columns"),
        (np.zeros((4, 4, 3), np.float32), "8 bits only"),
        (np.zeros((30, 20, 4), np.uint8), "RGBA"),
        (np.zeros((4, 4), np.complex64), "no rows and columns"),
    ],
)
def test_that_arrays_which_are_no_images_are_refused_with_their_reason(tmp_path, values, why):
    assert why in refusal(saved(tmp_path / "array.npy", values)).why


def test_that_an_array_which_is_cut_off_is_refused(tmp_path):
    path = saved(tmp_path / "film.npy", RNG.integers(0, 9, (40, 40)))
    whole = path.read_bytes()
    for kept in (7, 60, len(whole) - 1):
        path.write_bytes(whole[:kept])
        assert "damaged or cut off" in refusal(path).why


def test_that_a_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "films.npz"
    np.savez_compressed(path, images=RNG.integers(0, 255, (3, 64, 64), dtype=np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert "damaged or cut off" in refusal(path).why
    path.write_bytes(whole[:3000] + bytes(200) + whole[3200:])
    with pytest.raises(UnreadableImage, match="damaged or cut off"):
        read_image(path, 2)


def test_that_another_zip_archive_is_no_image(tmp_path):
    import zipfile

    path = tmp_path / "letter.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert "neither DICOM nor a picture" in refusal(path).why


def test_that_a_header_which_declares_more_than_any_memory_is_refused_at_once(tmp_path):
    path = saved(tmp_path / "film.npy", np.zeros((10, 10), np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(10, 10), }      ", b"(9999999, 99999)}"))
    assert b"(9999999, 99999)" in path.read_bytes()
    assert "damaged or cut off" in refusal(path).why


def test_that_a_header_which_is_no_header_is_refused(tmp_path):
    path = saved(tmp_path / "film.npy", np.zeros((10, 10), np.uint8))
    path.write_bytes(path.read_bytes().replace(b"(10, 10)", b"(10, 1(("))
    assert "damaged or cut off" in refusal(path).why
