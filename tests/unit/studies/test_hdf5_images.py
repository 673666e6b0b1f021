"""HDF5 files as stacks: PatchCamelyon's layout, and files that want to lead elsewhere or to fill the memory."""

from __future__ import annotations

import gzip
import multiprocessing
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue_writing import ImageEntry, Refusal
from xferviewer.studies.examination import examine, stamp_of
from xferviewer.studies.hdf5 import read_numbers
from xferviewer.studies.images import present, read_image

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(5)
PATCHES = RNG.integers(0, 255, (7, 96, 96, 3), dtype=np.uint8)


def saved(path: Path, values: np.ndarray = PATCHES, name: str = "x", **options: object) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=values, **options)
    return path


def refusal(path: Path) -> UnreadableImage:
    examined = examine(stamp_of(str(path)))
    assert isinstance(examined, Refusal)
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert caught.value.as_dict() == examined.error.as_dict()
    return caught.value


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": (2, 96, 96, 3)},
        {"chunks": (3, 40, 50, 1), "compression": 9},
    ],
    ids=["whole", "gzip", "all filters", "cut across"],
)
def test_that_the_patches_of_patchcamelyon_are_frames(tmp_path, options):
    path = saved(tmp_path / "camelyonpatch_level_2_split_train_x.h5", **options)
    entry = examine(stamp_of(str(path)))
    assert isinstance(entry, ImageEntry)
    assert (entry.frames, entry.rows, entry.columns) == (7, 96, 96)
    assert (entry.facts.file_format, entry.facts.photometric) == ("HDF5", "RGB")
    for frame in (6, 0, 3):
        image = read_image(path, frame)
        np.testing.assert_array_equal(image.pixels, PATCHES[frame])
        assert image.identity == entry.identity.replace("#0", f"#{frame}")
    with pytest.raises(UnreadableImage):
        read_image(path, 7)


@settings(max_examples=20, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(4, 9), st.integers(4, 9)),
    chunk=st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)),
    kind=st.sampled_from(["u1", "<i2", ">u2", "<f4"]),
    options=st.sampled_from([{}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}]),
)
def test_that_any_chunks_give_the_same_frames(tmp_path_factory, shape, chunk, kind, options):
    values = RNG.integers(0, 200, shape).astype(kind)
    chunks = tuple(min(pair) for pair in zip(chunk, shape, strict=True))
    path = saved(tmp_path_factory.mktemp("h5") / "stack.h5", values, chunks=chunks, **options)
    for frame in range(shape[0]):
        np.testing.assert_array_equal(read_image(path, frame).pixels, values[frame])


def test_that_a_gzipped_file_is_unpacked_and_labels_are_no_images(tmp_path):
    packed = tmp_path / "x.h5.gz"
    packed.write_bytes(gzip.compress(saved(tmp_path / "x.h5").read_bytes()))
    np.testing.assert_array_equal(read_image(packed, 2).pixels, PATCHES[2])
    labels = saved(tmp_path / "y.h5", np.ones((7, 1, 1, 1), np.uint8), "y", compression="gzip")
    assert "rows and columns" in refusal(labels).why
    assert read_numbers(labels, "y").shape == (7, 1, 1, 1)
    with pytest.raises(UnreadableImage, match="no array z"):
        read_numbers(labels, "z")


def test_that_parts_that_were_never_written_hold_the_fill_value(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = file.create_dataset("x", (4, 8, 8), "u1", chunks=(1, 8, 8), fillvalue=9, compression="gzip")
        stored[1] = 100
    assert present(read_image(tmp_path / "x.h5", 1)).max() == pytest.approx(100 / 255)
    assert (read_image(tmp_path / "x.h5", 2).pixels == 9).all()


def test_that_a_link_to_another_file_is_not_followed(tmp_path):
    saved(tmp_path / "other.h5")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "/x")
    assert "link to another place" in refusal(tmp_path / "x.h5").why
    with h5py.File(tmp_path / "soft.h5", "w") as file:
        file["x"] = h5py.SoftLink("/elsewhere")
    assert "link to another place" in refusal(tmp_path / "soft.h5").why


def test_that_arrays_that_lie_in_other_files_are_refused(tmp_path):
    saved(tmp_path / "other.h5")
    layout = h5py.VirtualLayout((7, 96, 96, 3), "u1")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (7, 96, 96, 3))
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
    assert "lies in other files" in refusal(tmp_path / "virtual.h5").why
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(64))
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("x", (8, 8), "u1", external=[(str(secret), 0, 64)])
    assert "lies in other files" in refusal(tmp_path / "external.h5").why


def test_that_a_bomb_in_a_chunk_is_refused_before_it_fills_the_memory(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = file.create_dataset("x", (2, 64, 64), "u1", chunks=(1, 64, 64), compression="gzip")
        bomb = zlib.compress(bytes(8 << 20), 9)  # 8 MiB of zeros in a part that declares 4 KiB
        stored.id.write_direct_chunk((0, 0, 0), bomb)
        stored.id.write_direct_chunk((1, 0, 0), zlib.compress(bytes(100)))
    with pytest.raises(UnreadableImage, match="larger than they declare"):
        read_image(tmp_path / "x.h5", 0)
    with pytest.raises(UnreadableImage, match="damaged or cut off"):
        read_image(tmp_path / "x.h5", 1)


def test_that_unknown_filters_strange_numbers_and_empty_files_are_refused(tmp_path):
    assert "packed in a way" in refusal(saved(tmp_path / "lzf.h5", compression="lzf")).why
    assert "no plain numbers" in refusal(saved(tmp_path / "text.h5", np.array([b"abc"] * 4))).why
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file.create_group("x")
    assert "no arrays" in refusal(tmp_path / "empty.h5").why
    whole = saved(tmp_path / "cut.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refusal(tmp_path / "cut.h5").why


def test_that_a_frame_over_the_limit_is_refused_from_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr("xferviewer.studies.hdf5.largest_frame_bytes", lambda: 96 * 96 * 3 - 1)
    assert "96 by 96 values" in refusal(saved(tmp_path / "x.h5")).why


def _pixels(path: Path) -> int:
    return int(read_image(path, 4).pixels.sum())


def test_that_a_process_that_was_forked_opens_the_file_for_itself(tmp_path):
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    path = saved(tmp_path / "x.h5", compression="gzip")
    mine = _pixels(path)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_pixels, [path] * 4) == [mine] * 4
