"""Files that were packed as a whole: gzip, and the deflated transfer syntax."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from xferviewer.errors import UnreadableImage
from xferviewer.studies import opening
from xferviewer.studies.catalogue_writing import ImageEntry, Refusal
from xferviewer.studies.examination import examine, stamp_of
from xferviewer.studies.images import read_image

RAMP = np.arange(-30, 30, dtype=np.int16).reshape(6, 10)


def zipped(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def refusal(path: Path) -> UnreadableImage:
    examined = examine(stamp_of(str(path)))
    assert isinstance(examined, Refusal)
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert caught.value.as_dict() == examined.error.as_dict()
    return caught.value


def test_that_a_gzipped_film_is_the_film(write_dicom):
    path = write_dicom(RAMP)
    image, packed = read_image(path), read_image(zipped(path))
    np.testing.assert_array_equal(packed.pixels, image.pixels)
    assert (packed.identity, packed.facts) == (image.identity, image.facts)


def test_that_a_gzipped_picture_has_the_identity_of_the_picture(tmp_path):
    path = tmp_path / "film.png"
    PIL.Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10)).save(path)
    image, packed = read_image(path), read_image(zipped(path))
    np.testing.assert_array_equal(packed.pixels, image.pixels)
    assert packed.identity == image.identity
    entry = examine(stamp_of(str(zipped(path))))
    assert isinstance(entry, ImageEntry)
    assert entry.identity == image.identity


def test_that_a_deflated_film_says_so_and_is_indexed_as_the_film(write_dicom):
    path = write_dicom(RAMP, syntax=DeflatedExplicitVRLittleEndian)
    assert read_image(path).facts.transfer_syntax == "Deflated Explicit VR Little Endian"
    entry = examine(stamp_of(str(path)))
    assert isinstance(entry, ImageEntry)
    assert (entry.identity, entry.rows, entry.columns) == (read_image(path).identity, 6, 10)


def test_that_a_film_which_only_mentions_deflation_is_not_inflated(write_dicom):
    path = write_dicom(RAMP, PatientComments=f"once stored as {DeflatedExplicitVRLittleEndian}")
    np.testing.assert_array_equal(read_image(path).pixels, RAMP)


def test_that_a_file_of_zeros_packed_small_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "LARGEST_UNPACKED_BYTES", 1 << 20)
    bomb = tmp_path / "film.dcm.gz"
    bomb.write_bytes(gzip.compress(bytes(200 << 20)))
    tracemalloc.start()
    assert "takes more than 1 MiB" in refusal(bomb).why
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_that_a_deflated_data_set_that_grows_without_bound_is_refused(write_dicom, monkeypatch):
    monkeypatch.setattr(opening, "LARGEST_UNPACKED_BYTES", 1 << 20)
    path = write_dicom(RAMP, syntax=DeflatedExplicitVRLittleEndian)
    whole = path.read_bytes()
    begin = 144 + int.from_bytes(whole[140:144], "little")
    pack = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    path.write_bytes(whole[:begin] + pack.compress(bytes(200 << 20)) + pack.flush())
    tracemalloc.start()
    assert "takes more than 1 MiB" in refusal(path).why
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("kept", [3, 15, 200])
def test_that_a_gzip_file_that_is_cut_off_is_refused_with_its_reason(write_dicom, kept):
    packed = zipped(write_dicom(np.random.default_rng(1).integers(0, 999, (40, 40), dtype=np.int16)))
    packed.write_bytes(packed.read_bytes()[:kept])
    assert "damaged or cut off" in refusal(packed).why


def test_that_a_deflated_film_with_damaged_data_is_refused_with_its_reason(write_dicom):
    path = write_dicom(RAMP, syntax=DeflatedExplicitVRLittleEndian)
    whole = bytearray(path.read_bytes())
    begin = 144 + int.from_bytes(whole[140:144], "little")
    whole[begin : begin + 4] = b"\xff" * 4
    path.write_bytes(whole)
    assert "damaged or cut off" in refusal(path).why


def test_that_a_gzip_file_of_something_else_is_no_image(tmp_path):
    path = tmp_path / "notes.gz"
    path.write_bytes(gzip.compress(b"words\n" * 40))
    assert refusal(path).why == "It holds text, not pixels."


def test_that_gzip_within_gzip_is_unpacked_once(tmp_path):
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.zeros((4, 4), np.uint8)).save(buffer, "PNG")
    path = tmp_path / "twice.gz"
    path.write_bytes(gzip.compress(gzip.compress(buffer.getvalue())))
    assert "neither DICOM nor a picture" in refusal(path).why
