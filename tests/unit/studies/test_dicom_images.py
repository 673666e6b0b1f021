from __future__ import annotations

import logging
import shutil
import traceback
import tracemalloc
import warnings
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue_writing import ImageEntry
from xferviewer.studies.examination import examine, stamp_of
from xferviewer.studies.images import Window, present, read_image

if TYPE_CHECKING:
    from pathlib import Path
from concurrent.futures import ThreadPoolExecutor

RAMP = np.arange(-8, 12, dtype=np.int16).reshape(4, 5)


def lut(values: list[int], first: int, bits: int, vr: str = "US") -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", vr, [len(values), first, bits])
    item.add_new("LUTData", "OW", np.array(values, "<u2").tobytes())
    return item


def sequence(**elements: object) -> Sequence:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return Sequence([item])


def test_that_an_integral_rescale_gives_integers_in_hounsfield_units(write_dicom):
    image = read_image(write_dicom(RAMP, Modality="CT", RescaleSlope=2, RescaleIntercept=-1024))

    assert image.unit == "HU"
    assert image.pixels.dtype == np.int16
    assert image.pixels.flags.c_contiguous
    np.testing.assert_array_equal(image.pixels, RAMP * 2 - 1024)


def test_that_rescaled_ct_is_in_hounsfield_units_unless_it_says_that_its_unit_is_unspecified(write_dicom):
    rescale = {"Modality": "CT", "RescaleSlope": 2, "RescaleIntercept": -1024}

    assert read_image(write_dicom(RAMP, RescaleType="US", **rescale)).unit == ""
    assert read_image(write_dicom(RAMP, RescaleType="", **rescale)).unit == "HU"


def test_that_an_integral_rescale_does_not_overflow_the_stored_dtype(write_dicom):
    stored = np.array([[-32768, 32767]], np.int16)

    image = read_image(write_dicom(stored, RescaleSlope=1, RescaleIntercept=-1024))

    assert image.pixels.tolist() == [[-33792, 31743]]


def test_that_a_fractional_rescale_gives_float32(write_dicom):
    image = read_image(write_dicom(RAMP, RescaleSlope=0.5, RescaleIntercept=0.25, RescaleType="OD"))

    assert image.unit == "OD"
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.pixels, RAMP * 0.5 + 0.25)


def test_that_a_modality_table_comes_before_a_rescale(write_dicom):
    table = lut([100, 200, 300], first=1, bits=16)
    table.ModalityLUTType = "HU"

    image = read_image(
        write_dicom(
            np.array([[0, 1, 2, 3, 4]], np.uint8), ModalityLUTSequence=[table], RescaleSlope=9, RescaleIntercept=9
        )
    )

    assert image.pixels.tolist() == [[100, 100, 200, 300, 300]]
    assert image.unit == "HU"


def test_that_windows_keep_their_order_function_and_explanation(write_dicom):
    path = write_dicom(
        RAMP,
        WindowCenter=[2, 3, 4],
        WindowWidth=[10, 0, 20],
        WindowCenterWidthExplanation=["SOFT", "BROKEN", "HARD"],
        VOILUTFunction="LINEAR_EXACT",
    )

    image = read_image(path)

    assert image.windows == (Window(2, 10, "LINEAR_EXACT", "SOFT"), Window(4, 20, "LINEAR_EXACT", "HARD"))
    assert image.default_window() == image.windows[0]


def test_that_a_voi_table_is_presented_before_a_window(write_dicom):
    path = write_dicom(
        np.array([[9, 10, 11, 12]], np.uint8), VOILUTSequence=[lut([0, 255, 128], 10, 8)], WindowCenter=5, WindowWidth=2
    )

    image = read_image(path)

    np.testing.assert_allclose(present(image), [[0, 0, 1, 128 / 255]], atol=1e-7)
    assert present(image, Window(11, 2, "LINEAR_EXACT")).tolist() == [[0, 0, 0.5, 1]]


def test_that_the_first_entry_of_a_voi_table_may_lie_below_zero_even_when_written_unsigned(write_dicom):
    path = write_dicom(np.array([[-2, -1, 0]], np.int16), VOILUTSequence=[lut([0, 50, 100], 0xFFFE, 8)])

    np.testing.assert_allclose(present(read_image(path)), [[0, 50 / 255, 100 / 255]], atol=1e-7)


def test_that_monochrome1_is_inverted_after_the_window(write_dicom):
    voi = {"WindowCenter": 0, "WindowWidth": 8}
    film = read_image(write_dicom(RAMP, **voi))

    negative = read_image(write_dicom(RAMP, PhotometricInterpretation="MONOCHROME1", **voi))

    np.testing.assert_array_equal(negative.pixels, film.pixels)
    np.testing.assert_array_equal(present(negative), 1 - present(film))


def test_that_monochrome1_and_an_inverse_presentation_shape_do_not_cancel_out(write_dicom):
    path = write_dicom(RAMP, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")

    assert read_image(path).inverted
    assert read_image(write_dicom(RAMP, PresentationLUTShape="INVERSE")).inverted
    assert not read_image(write_dicom(RAMP, PresentationLUTShape="IDENTITY")).inverted


@pytest.mark.parametrize("voi", [None, "LINEAR", "LINEAR_EXACT"])
def test_that_a_film_stored_inverted_and_declared_monochrome1_is_the_same_picture_to_the_bit(write_dicom, voi):
    stored = np.random.default_rng(3).integers(0, 4096, (64, 64)).astype(np.uint16)
    shift = 1 if voi == "LINEAR" else 0  # of the asymmetry of LINEAR, C.11.2.1.2.1
    window, mirrored = {}, {}
    if voi:
        window = {"WindowCenter": 1500, "WindowWidth": 1777, "VOILUTFunction": voi}
        mirrored = {**window, "WindowCenter": 4095 - 1500 + shift}

    film = read_image(write_dicom(stored, **window))
    negative = read_image(write_dicom(4095 - stored, PhotometricInterpretation="MONOCHROME1", **mirrored))

    np.testing.assert_array_equal(present(negative), present(film))


@pytest.mark.parametrize("range_limit", [{}, {"PixelPaddingRangeLimit": -1990}])
def test_that_padding_does_not_widen_the_default_window(write_dicom, range_limit):
    stored = np.array([[-2000, -2000, 10, 30]], np.int16)
    if range_limit:
        stored[0, 1] = -1995
    image = read_image(write_dicom(stored, PixelPaddingValue=-2000, RescaleSlope=2, RescaleIntercept=0, **range_limit))

    assert image.padding == -4000
    assert image.value_range() == (20, 60)
    assert present(image).tolist() == [[0, 0, 0, 1]]


def test_that_an_empty_picture_is_black_and_padding_counts_where_nothing_else_is_left(write_dicom):
    assert (present(read_image(write_dicom(np.full((3, 3), 7, np.uint8)))) == 0).all()
    label_map = np.array([[0, 0, 5]], np.uint8)
    assert present(read_image(write_dicom(label_map, PixelPaddingValue=0))).tolist() == [[0, 0, 1]]


def test_that_single_bits_are_shown_over_their_full_range_even_where_a_frame_is_full(write_dicom):
    path = write_dicom(np.full((1, 8), 255, np.uint8), Columns=64, BitsAllocated=1, BitsStored=1, HighBit=0)

    assert (present(read_image(path)) == 1).all()


@pytest.mark.parametrize("shape", [(9, 5, 7), (9, 3, 3), (4, 8, 8), (5, 1, 13)])
@pytest.mark.parametrize(
    ("syntax", "vr"),
    [(ExplicitVRLittleEndian, "OB"), (ExplicitVRLittleEndian, "OW"), (ImplicitVRLittleEndian, "OW"),
     (DeflatedExplicitVRLittleEndian, "OB"), (ExplicitVRBigEndian, "OB"), (ExplicitVRBigEndian, "OW")],
)  # fmt: skip
def test_that_frames_of_single_bits_may_begin_and_end_within_a_byte(write_dicom, shape, syntax, vr):
    bits = np.random.default_rng(4).integers(0, 2, shape).astype(np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    even = np.frombuffer(packed + b"\x00" * (len(packed) % 2), "<u2")
    data = even.astype(">u2" if (syntax, vr) == (ExplicitVRBigEndian, "OW") else "<u2").tobytes()
    path = write_dicom(bits, syntax=syntax, PixelData=data, BitsAllocated=1, BitsStored=1, HighBit=0)
    dataset = dcmread(path)
    dataset["PixelData"].VR = vr
    dataset.save_as(path)

    for frame, expected in enumerate(bits):
        np.testing.assert_array_equal(read_image(path, frame).pixels, expected)


def test_that_padding_written_unsigned_is_found_in_signed_pixels(write_dicom):
    path = write_dicom(np.array([[-2000, 10, 30]], np.int16))
    dataset = dcmread(path)
    dataset.add_new("PixelPaddingValue", "US", 65536 - 2000)
    dataset.save_as(path)

    assert read_image(path).padding == -2000


def test_that_an_enhanced_frame_has_the_rescale_and_window_of_its_own_functional_group(write_dicom):
    frames = np.stack([RAMP, RAMP + 1])
    groups = []
    for slope in (1, 10):
        group = Dataset()
        group.PixelValueTransformationSequence = sequence(RescaleSlope=slope, RescaleIntercept=0, RescaleType="HU")
        group.FrameVOILUTSequence = sequence(WindowCenter=slope, WindowWidth=7)
        groups.append(group)
    shared = Dataset()
    shared.PixelMeasuresSequence = sequence(PixelSpacing=[0.5, 0.25])
    path = write_dicom(
        frames, PerFrameFunctionalGroupsSequence=groups, SharedFunctionalGroupsSequence=[shared], RescaleSlope=99
    )

    second = read_image(path, 1)

    np.testing.assert_array_equal(second.pixels, (RAMP + 1) * 10)
    assert second.windows == (Window(10, 7),)
    assert second.unit == "HU"
    assert second.spacing_mm == (0.5, 0.25)
    assert (second.frame, second.frames) == (1, 2)
    assert second.identity == f"{second.facts.sop_uid}#1"


def test_that_spacing_plane_and_window_come_from_the_frame_else_from_all_frames_else_from_the_file(write_dicom):
    frames = np.stack([RAMP] * 3)
    sagittal, coronal = [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]
    own, other = Dataset(), Dataset()
    own.PixelMeasuresSequence = sequence(PixelSpacing=[0.5, 0.25])
    own.PlaneOrientationSequence = sequence(ImageOrientationPatient=coronal)
    shared = Dataset()
    shared.PixelMeasuresSequence = sequence(PixelSpacing=[2, 2])
    shared.PlaneOrientationSequence = sequence(ImageOrientationPatient=sagittal)
    shared.FrameVOILUTSequence = sequence(
        WindowCenter=[40, 50], WindowWidth=[80, 90], WindowCenterWidthExplanation=["BRAIN", "BONE"],
        VOILUTFunction="SIGMOID",
    )  # fmt: skip
    path = write_dicom(
        frames, PerFrameFunctionalGroupsSequence=[own, other], SharedFunctionalGroupsSequence=[shared],
        WindowCenter=1, WindowWidth=2, PixelSpacing=[9, 9],
    )  # fmt: skip

    first, second, third = (read_image(path, frame) for frame in range(3))  # the third has no group of its own

    assert [image.spacing_mm for image in (first, second, third)] == [(0.5, 0.25), (2, 2), (2, 2)]
    assert [image.orientation for image in (first, second, third)] == [("L", "F"), ("P", "F"), ("P", "F")]
    for image in (first, second, third):
        assert image.windows == (Window(40, 80, "SIGMOID", "BRAIN"), Window(50, 90, "SIGMOID", "BONE"))


@pytest.mark.parametrize(
    "frame_types", [("FloatPixelData", np.float32, "OF"), ("DoubleFloatPixelData", np.float64, "OD")]
)
def test_that_floating_point_pixels_are_read_as_they_are_and_rescaled(write_dicom, frame_types):
    keyword, dtype, _ = frame_types
    values = (np.arange(20).reshape(4, 5) / 7 - 1).astype(dtype)
    path = write_dicom(RAMP, RescaleSlope=2, RescaleIntercept=1, RescaleType="Bq")
    dataset = dcmread(path)
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = 8 * values.dtype.itemsize
    setattr(dataset, keyword, values.astype(values.dtype.newbyteorder("<")).tobytes())
    dataset.save_as(path)

    image = read_image(path)

    assert (image.pixels.dtype, image.unit) == (np.float32, "Bq")
    np.testing.assert_array_equal(image.pixels, (values.astype(np.float64) * 2 + 1).astype(np.float32))


@pytest.mark.parametrize(
    ("character_set", "written", "read"),
    [("ISO_IR 100", "Müller-1", "Müller-1"), ("ISO_IR 192", "患者 7", "患者 7"), ("ISO_IR 144", "Пациент", "Пациент"),
     ("GB18030", "病人", "病人"), ("ISO 2022 IR 87", "山田", "山田")],
)  # fmt: skip
def test_that_identifiers_are_read_in_the_characters_of_the_file(write_dicom, character_set, written, read):
    encoded = [character_set] if not character_set.startswith("ISO 2022") else ["", character_set]
    path = write_dicom(RAMP, SpecificCharacterSet=encoded, PatientID=written)

    assert read_image(path).facts.patient_id == read
    entry = examine(stamp_of(str(path)))
    assert isinstance(entry, ImageEntry)
    assert entry.facts.patient_id == read


def test_that_films_in_folders_of_any_script_are_read_by_every_decoder(write_dicom, shared, tmp_path):
    folder = tmp_path / "Röntgen 患者 снимки"
    folder.mkdir()
    for number, name in enumerate(("pydicom/JPEG-lossy.dcm", "pydicom/JPEG2000.dcm", "pydicom/MR_small_RLE.dcm")):
        shutil.copy(shared / "dicom" / name, folder / f"снимок {number}.dcm")  # the first is left to gdcm, a child

        copied = read_image(folder / f"снимок {number}.dcm")

        np.testing.assert_array_equal(copied.pixels, read_image(shared / "dicom" / name).pixels)


def test_that_only_the_wanted_frame_is_read_into_memory(write_dicom):
    frames = np.zeros((200, 128, 128), np.uint16)
    frames[150] = 7
    path = write_dicom(frames)
    read_image(path)  # what is imported and cached on the first call is not to be counted

    tracemalloc.start()
    image = read_image(path, 150)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (image.pixels == 7).all()
    assert peak < frames.nbytes / 10


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_that_byte_order_implicit_vr_and_deflation_do_not_change_the_pixels(write_dicom, syntax):
    image = read_image(write_dicom(RAMP, syntax=syntax, RescaleSlope=1, RescaleIntercept=0))

    np.testing.assert_array_equal(image.pixels, RAMP)
    assert image.pixels.dtype == np.dtype("int16")


def test_that_a_file_without_preamble_and_meta_information_is_read(write_dicom, tmp_path):
    dataset = dcmread(write_dicom(RAMP))
    del dataset.file_meta
    bare = tmp_path / "bare"
    dataset.save_as(bare, implicit_vr=True, little_endian=True, enforce_file_format=False)

    np.testing.assert_array_equal(read_image(bare).pixels, RAMP)


def test_that_single_bits_compressed_by_run_length_are_unpacked(write_dicom):
    bits = np.random.default_rng(1).integers(0, 2, (6, 7)).astype(np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little")
    segment = bytes([packed.size - 1]) + packed.tobytes()  # one literal run, PS3.5 G.3.1
    segment += b"\x00" * (len(segment) % 2)
    frame = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + b"\x00" * 56 + segment
    path = write_dicom(np.zeros((6, 7), np.uint8))
    dataset = dcmread(path)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)

    np.testing.assert_array_equal(read_image(path).pixels, bits)


def test_that_a_sixteen_bit_palette_becomes_eight_bit_colour(write_dicom):
    colours = np.array([0x0000, 0x80FF, 0xFFFF], "<u2")
    path = write_dicom(np.array([[0, 1, 2]], np.uint8), PhotometricInterpretation="PALETTE COLOR")
    dataset = dcmread(path)
    for channel in ("Red", "Green", "Blue"):
        dataset.add_new(f"{channel}PaletteColorLookupTableDescriptor", "US", [3, 0, 16])
        dataset.add_new(f"{channel}PaletteColorLookupTableData", "OW", colours.tobytes())
    dataset.save_as(path)

    image = read_image(path)

    assert image.is_colour
    assert image.pixels[..., 1].tolist() == [[0, 0x80, 255]]


def test_that_orientation_is_as_stated_else_from_the_plane_else_unknown(write_dicom):
    plane = [1, 0, 0, 0, 0, -1]

    assert read_image(write_dicom(RAMP, PatientOrientation=["L", "F"])).orientation == ("L", "F")
    assert read_image(write_dicom(RAMP, ImageOrientationPatient=plane)).orientation == ("L", "F")
    assert read_image(write_dicom(RAMP)).orientation is None


@pytest.mark.parametrize(("age", "expected"), [("058Y", 58.0), ("006M", 0.5), ("014D", 14 / 365.25), ("", None)])
def test_that_ages_are_in_years(write_dicom, age, expected):
    assert read_image(write_dicom(RAMP, PatientAge=age)).facts.age == pytest.approx(expected)


def refused(path: Path, frame: int = 0) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as refusal:
        read_image(path, frame)
    for sentence in (refusal.value.what, refusal.value.why, refusal.value.todo):
        assert sentence[0].isupper() or path.name in sentence
        assert sentence.endswith(".")
        assert "Doe" not in sentence
    return refusal.value


def test_that_pixel_data_cut_short_are_refused(write_dicom):
    path = write_dicom(np.zeros((32, 32), np.uint16))
    path.write_bytes(path.read_bytes()[:-100])

    assert "cut off" in refused(path).what


def test_that_a_size_over_the_limit_is_refused_before_anything_is_decoded(write_dicom):
    assert "too large" in refused(write_dicom(RAMP, Rows=65535, Columns=65535)).what


def test_that_a_compressed_frame_of_a_few_bytes_cannot_declare_hundreds_of_mebibytes(write_dicom):
    path = write_dicom(np.zeros((8, 8), np.uint8))
    dataset = dcmread(path)
    dataset.compress(RLELossless)
    dataset.Rows, dataset.Columns = 20000, 20000
    dataset.save_as(path)

    assert "cut off" in refused(path).what


def test_that_a_compressed_frame_cut_short_is_refused_rather_than_shown_in_part(write_dicom):
    path = write_dicom(np.random.default_rng(2).integers(0, 4000, (64, 64)).astype(np.uint16))
    dataset = dcmread(path)
    dataset.compress(JPEGLSLossless)
    dataset.save_as(path)
    assert read_image(path).pixels.max() > 3000
    path.write_bytes(path.read_bytes()[:-1000])

    assert "cut off" in refused(path).what


def test_that_a_decoder_that_panics_costs_this_file_alone(write_dicom):
    path = write_dicom(np.zeros((64, 64), np.uint16))
    dataset = dcmread(path)
    dataset.compress(RLELossless)
    dataset.Rows = 32  # the compressed segments now hold twice the pixels that are declared
    dataset.save_as(path)

    assert "could not be decoded" in refused(path).what


def test_that_odd_files_are_read_by_many_threads_without_a_warning(write_dicom):
    path = write_dicom(RAMP, PatientAge="058Y")
    path.write_bytes(path.read_bytes().replace(b"058Y", b"58!Y"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(8) as pool:
            images = list(pool.map(read_image, [path] * 64))

    assert all(np.array_equal(image.pixels, RAMP) for image in images)


def test_that_a_report_a_directory_and_a_missing_frame_are_refused_by_what_they_are(write_dicom):
    path = write_dicom(RAMP)
    assert "no frame 3" in refused(path, 3).what

    dataset = dcmread(path)
    del dataset.PixelData
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    dataset.save_as(path)
    assert "Comprehensive SR Storage" in refused(path).why

    dataset.DirectoryRecordSequence = []
    dataset.save_as(path)
    assert "directory" in refused(path).what


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_that_no_damage_raises_anything_but_a_refusal_or_names_the_patient(write_dicom, caplog, capfd, data):
    path = write_dicom(RAMP, WindowCenter=3, WindowWidth=4, PatientAge="058Y", SOPInstanceUID="1.2.3")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(132, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(140, len(content)))])

    with caplog.at_level(logging.DEBUG):
        said = ""
        try:
            present(read_image(path))
        except UnreadableImage as refusal:
            said = "".join(traceback.format_exception(refusal))
    assert "Doe" not in said
    assert "Doe" not in caplog.text
    assert "Doe" not in "".join(capfd.readouterr())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    arrays(st.sampled_from([np.uint8, np.int16, np.uint16]), (3, 5)),
    st.integers(-50, 50).filter(bool),
    st.integers(-2000, 2000),
)
def test_that_any_integral_rescale_is_exact(write_dicom, stored, slope, intercept):
    image = read_image(write_dicom(stored, RescaleSlope=slope, RescaleIntercept=intercept))

    assert image.pixels.dtype.kind in "iu"
    np.testing.assert_array_equal(image.pixels, stored.astype(np.int64) * slope + intercept)


def test_that_a_deflated_frame_is_inflated(write_dicom):
    path = write_dicom(RAMP)
    dataset = dcmread(path)
    deflate = zlib.compressobj(wbits=-15)
    dataset.PixelData = encapsulate([deflate.compress(RAMP.astype("<i2").tobytes()) + deflate.flush()])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.save_as(path)
    path.write_bytes(path.read_bytes().replace(JPEGBaseline8Bit.encode(), b"1.2.840.10008.1.2.8.1\x00"))

    np.testing.assert_array_equal(read_image(path).pixels, RAMP)
