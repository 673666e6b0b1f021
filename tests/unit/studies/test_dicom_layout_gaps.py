"""Headers that leave out, misspell or contradict how their pixels lie: shown where they mean one thing, or refused."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue_writing import ImageEntry, Refusal
from xferviewer.studies.examination import examine, stamp_of
from xferviewer.studies.images import present, read_image

FILM = np.arange(0, 4000, 200, dtype=np.uint16).reshape(4, 5)
BYTES = np.arange(20, dtype=np.uint8).reshape(4, 5)
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"


def changed(path: Path, *removed: str, **elements: Any) -> Path:
    """The file without the elements `removed`, and with others written as they are, right or wrong."""
    dataset = dcmread(path)
    for keyword in removed:
        delattr(dataset, keyword)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=False)
    return path


def refused(path: Path) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as refusal:
        read_image(path)
    assert all(part.endswith(".") for part in refusal.value.as_dict().values())
    return refusal.value


@pytest.mark.parametrize(
    "keyword", ["BitsStored", "HighBit", "SamplesPerPixel", "PhotometricInterpretation", "PixelRepresentation"]
)
def test_that_what_can_mean_one_thing_only_may_be_left_out(write_dicom, keyword):
    path = changed(write_dicom(BYTES), keyword)

    np.testing.assert_array_equal(read_image(path).pixels, BYTES)
    assert not read_image(path).inverted


def test_that_the_highest_bit_says_how_many_are_stored_where_nothing_else_does(write_dicom):
    path = changed(write_dicom(FILM | 0xF000, HighBit=11), "BitsStored")

    np.testing.assert_array_equal(read_image(path).pixels, FILM)


def test_that_the_samples_of_colour_may_be_left_out_and_their_order_too(write_dicom):
    colour = np.random.default_rng(1).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    path = write_dicom(BYTES, PixelData=colour.tobytes(), PhotometricInterpretation="RGB")

    np.testing.assert_array_equal(read_image(changed(path, "SamplesPerPixel")).pixels, colour)
    np.testing.assert_array_equal(read_image(changed(path, SamplesPerPixel=3)).pixels, colour)


def test_that_words_whose_sign_is_not_stated_are_refused_rather_than_guessed(write_dicom):
    assert "PixelRepresentation" in refused(changed(write_dicom(FILM), "PixelRepresentation")).why


@pytest.mark.parametrize(("allocated", "stored"), [(8, 12), (16, 32)])
def test_that_more_bits_stored_than_allocated_are_refused_by_their_numbers(write_dicom, allocated, stored):
    path = write_dicom(BYTES if allocated == 8 else FILM, BitsStored=stored, HighBit=stored - 1)

    assert f"of {allocated} bits of each value {stored} are used" in refused(path).why


@pytest.mark.parametrize(("photometric", "samples"), [("MONOCHROME2", 3), ("RGB", 1), ("PALETTE COLOR", 3)])
def test_that_samples_which_contradict_the_colour_are_refused(write_dicom, photometric, samples):
    path = write_dicom(BYTES, PixelData=bytes(60), SamplesPerPixel=samples, PhotometricInterpretation=photometric)

    assert f"{photometric} has {samples} sample" in refused(path).why


def spelt_as(path: Path, spelt: bytes) -> Path:
    """The file with this Photometric Interpretation, which pydicom would not write."""
    data = path.read_bytes()
    stated = next(name for name in (b"MONOCHROME1 ", b"MONOCHROME2 ") if name in data)
    path.write_bytes(data.replace(stated, spelt.ljust(len(stated)), 1))
    return path


@pytest.mark.parametrize("spelt", [b"monochrome1", b"MONOCHROME 1", b"Monochrome1", b"MONOCHROME_1"])
def test_that_case_and_blanks_of_a_photometric_interpretation_do_not_matter(write_dicom, spelt):
    path = spelt_as(write_dicom(FILM, PhotometricInterpretation="MONOCHROME1"), spelt)
    standard = read_image(write_dicom(FILM, "standard.dcm", PhotometricInterpretation="MONOCHROME1"))

    image = read_image(path)

    assert image.inverted
    np.testing.assert_array_equal(present(image), present(standard))
    entry = examine(stamp_of(str(path)))
    assert isinstance(entry, ImageEntry)
    assert entry.facts.photometric == image.facts.photometric == "MONOCHROME1"


def test_that_a_missing_palette_and_a_short_one_are_refused_by_what_they_lack(write_dicom):
    path = write_dicom(BYTES, PhotometricInterpretation="PALETTE COLOR")
    assert "palette, which is missing" in refused(path).why

    dataset = dcmread(path)
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", bytes(200))
    dataset.save_as(path)
    assert "fewer entries" in refused(path).why


def with_syntax(path: Path, syntax: str, data: bytes) -> Path:
    """The file, its pixel data in fragments, under a transfer syntax that pydicom would not write so."""
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([data[: len(data) // 2], data[len(data) // 2 :]]) if dataset.get(
        "NumberOfFrames"
    ) else encapsulate([data])  # fmt: skip
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    written = JPEGBaseline8Bit.encode()
    path.write_bytes(path.read_bytes().replace(written, syntax.encode().ljust(len(written), b"\x00"), 1))
    return path


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ENCAPSULATED_UNCOMPRESSED])
def test_that_uncompressed_pixels_in_fragments_are_their_values_and_not_the_fragments_headers(write_dicom, syntax):
    frames = np.stack([FILM, FILM[::-1]])
    path = with_syntax(write_dicom(frames), syntax, frames.tobytes())

    np.testing.assert_array_equal(read_image(path, 0).pixels, frames[0])
    np.testing.assert_array_equal(read_image(path, 1).pixels, frames[1])


def test_that_pixels_which_were_unpacked_under_the_transfer_syntax_of_before_are_shown(write_dicom):
    path = write_dicom(BYTES)
    data = path.read_bytes()
    stated = b"UI" + (20).to_bytes(2, "little") + ExplicitVRLittleEndian.encode() + b"\x00"
    compressed = b"UI" + (22).to_bytes(2, "little") + JPEGBaseline8Bit.encode()
    assert stated in data
    path.write_bytes(data.replace(stated, compressed, 1))

    np.testing.assert_array_equal(read_image(path).pixels, BYTES)


def test_that_compressed_pixels_which_are_not_packed_as_their_syntax_takes_are_refused_by_that(write_dicom):
    file = io.BytesIO()
    PIL.Image.fromarray(np.zeros((64, 64), np.uint8)).save(file, "JPEG")
    path = write_dicom(np.zeros((64, 64), np.uint8), PixelData=file.getvalue()[: len(file.getvalue()) // 2 * 2])
    data = path.read_bytes()
    stated = b"UI" + (20).to_bytes(2, "little") + ExplicitVRLittleEndian.encode() + b"\x00"
    path.write_bytes(data.replace(stated, b"UI" + (22).to_bytes(2, "little") + JPEGBaseline8Bit.encode(), 1))

    assert "not packed as that takes" in refused(path).why
    entry = examine(stamp_of(str(path)))
    assert isinstance(entry, Refusal)
    assert entry.error.why == refused(path).why


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcmtk is not installed (Debian: apt-get install dcmtk)")
@pytest.mark.parametrize("spelt", [b"monochrome2", b"MONOCHROME 2"])
def test_that_dcmtk_understands_the_same_spellings(write_dicom, tmp_path, spelt):
    path = spelt_as(write_dicom(FILM), spelt)
    drawn = tmp_path / "drawn.pnm"
    subprocess.run(["dcm2pnm", "-q", "--write-8-bit-pnm", "-O", "+Wm", path, drawn], check=True, timeout=60)

    with PIL.Image.open(drawn) as picture:
        np.testing.assert_allclose(present(read_image(path)) * 255, np.array(picture).astype(float), atol=1.5)


def _icon() -> Dataset:
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.SamplesPerPixel, icon.PhotometricInterpretation = 1, "MONOCHROME1"
    icon.BitsAllocated = icon.BitsStored = 8
    icon.HighBit, icon.PixelRepresentation, icon.PixelData = 7, 0, b"\x01\x02\x03\x04"
    return icon


def _private(dataset: Dataset) -> None:
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", b"\xe0\x7f\x10\x00OW" * 9)
    block.add_new(0x11, "SQ", [_icon()])


_AROUND: dict[str, Callable[[Dataset], None]] = {
    "an icon": lambda dataset: setattr(dataset, "IconImageSequence", [_icon()]),
    "private elements": _private,
    "padding behind": lambda dataset: dataset.add_new("DataSetTrailingPadding", "OB", bytes(64)),
    "no name": lambda dataset: setattr(dataset, "PatientName", ""),
    "more pixels than frames": lambda dataset: setattr(dataset, "PixelData", dataset.PixelData + bytes(40)),
    "frames of zero": lambda dataset: setattr(dataset, "NumberOfFrames", 0),
}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("change", _AROUND.values(), ids=_AROUND.keys())
def test_that_what_lies_around_the_pixels_does_not_change_them(write_dicom, syntax, change):
    path = write_dicom(FILM, syntax=syntax)
    dataset = dcmread(path)
    change(dataset)
    dataset.save_as(path)

    image = read_image(path)

    np.testing.assert_array_equal(image.pixels, FILM)
    assert (image.frames, image.inverted) == (1, False)


def test_that_a_character_set_which_nobody_knows_costs_no_film(write_dicom):
    path = write_dicom(FILM, SpecificCharacterSet="ISO_IR 100", PatientID="Müller")
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 9XX"))

    np.testing.assert_array_equal(read_image(path).pixels, FILM)
    assert isinstance(examine(stamp_of(str(path))), ImageEntry)


@pytest.mark.parametrize(
    "storage", ["1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.88.11",
                "1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.5.1.4.1.1.66"],
    ids=["PDF", "presentation state", "report", "structures", "key objects", "raw data"],
)  # fmt: skip
def test_that_an_object_which_is_no_image_is_refused_by_the_name_of_its_class(write_dicom, storage):
    path = changed(write_dicom(FILM), "PixelData", SOPClassUID=storage)

    assert UID(storage).name in refused(path).why
