"""Real files of many makers: each is read as it should be, or refused with its reason."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.images import present, read_image
from xferviewer.studies.indexing import index

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not beside this checkout")

# What pydicom's plugins alone do not decode, and this reader does: 12-bit JPEG, no transfer syntax, deflated frames,
# single bits in run-length coding, a last fragment that is cut off.
ALSO_READ = {
    "pydicom/JPEG-lossy.dcm": (1024, 256),
    "pydicom-data/OT-PAL-8-face.dcm": (480, 640, 3),
    "pydicom-data/emri_small_jpeg_2k_lossless_too_short.dcm": (64, 64),
    "pydicom-data/liver_deflate.dcm": (512, 512),
    "pydicom-data/liver_nonbyte_aligned_deflate.dcm": (510, 510),
    "pydicom-data/liver_rle.dcm": (512, 512),
    "pydicom-data/liver_nonbyte_aligned_rle.dcm": (510, 510),
}


def rows() -> list[dict[str, str]]:
    if not DATA.exists():
        return []
    with (DATA / "dicom" / "index.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["path"])
def test_that_each_dicom_file_is_read_or_refused_in_three_sentences(row):
    path = DATA / "dicom" / row["path"]
    if row["decode"] != "ok" and row["path"] not in ALSO_READ:
        with pytest.raises(UnreadableImage) as refusal:
            read_image(path)
        assert all(part.endswith(".") for part in refusal.value.as_dict().values())
        return

    image = read_image(path)
    if image.pyramid is not None:  # a slide, whose tiles are no images of their own
        assert row["SOPClassUID"] == "VL Whole Slide Microscopy Image Storage"
        assert image.frames == 1
        assert image.pixels.shape == (*image.pyramid.levels[0], 3)
        return

    shape = ALSO_READ.get(row["path"]) or ast.literal_eval(row["shape"])
    frames = int(row["NumberOfFrames"] or 1)
    if image.frames > 1 and row["decode"] == "ok":
        assert image.frames == frames == shape[0]
        shape = shape[1:]
    colour = (*shape, 3) if row["PhotometricInterpretation"] == "PALETTE COLOR" and len(shape) == 2 else shape
    assert image.pixels.shape == colour
    assert image.pixels.flags.c_contiguous
    assert image.pixels.dtype.isnative
    assert image.is_colour == (len(colour) == 3)
    assert image.inverted == (row["PhotometricInterpretation"] == "MONOCHROME1")
    brightness = present(image)
    assert brightness.dtype == np.float32
    assert 0 <= brightness.min() <= brightness.max() <= 1
    last = read_image(path, image.frames - 1)
    assert last.pixels.shape == image.pixels.shape
    assert last.identity.endswith(f"#{image.frames - 1}")


@pytest.mark.parametrize(
    "row",
    [row for row in rows() if row["decode"] == "ok" and row["SamplesPerPixel"] == "1"],
    ids=lambda row: row["path"],
)
def test_that_greyscale_equals_pydicom_after_its_own_modality_lut(row):
    path = DATA / "dicom" / row["path"]
    image = read_image(path)
    if image.is_colour:
        pytest.skip("palette colour")
    dataset = pydicom.dcmread(path, force=True)
    dataset.PhotometricInterpretation = "MONOCHROME2"
    stored = dataset.pixel_array[0] if image.frames > 1 else dataset.pixel_array
    expected = pydicom.pixels.apply_modality_lut(stored, dataset)
    transformation = "PixelValueTransformationSequence"
    for group in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        if group in dataset and transformation in dataset[group][0]:  # which pydicom leaves to its caller
            item = dataset[group][0][transformation][0]
            expected = stored * float(item.RescaleSlope) + float(item.RescaleIntercept)

    # pydicom asks gdcm first; two decoders of one lossy JPEG may round a value differently
    tolerance = 1 if row["transfer_syntax"].startswith(("JPEG Baseline", "JPEG Extended")) else 0
    difference = np.abs(image.pixels.astype(np.float64) - expected.astype(image.pixels.dtype))
    assert difference.max() <= tolerance


def test_that_opposite_polarities_of_the_same_values_are_exact_negatives():
    film = read_image(DATA / "dicom/torchxrayvision/1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm")
    negative = read_image(DATA / "dicom/torchxrayvision/Fake_MONOHR1.dcm")

    np.testing.assert_array_equal(negative.pixels, film.pixels)
    assert negative.inverted
    assert not film.inverted
    np.testing.assert_array_equal(present(negative), 1 - present(film))
    np.testing.assert_array_equal(present(film), 1 - present(negative))


def test_that_an_index_accounts_for_every_dicom_file(tmp_path):
    files = sum(path.is_file() for path in (DATA / "dicom").rglob("*"))
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        counts = index(DATA / "dicom", catalogue)

        assert counts.files == files == counts.images + counts.refused
        known = {image.path: image for image in catalogue.all_images()}
        for row in rows():
            path = str(DATA / "dicom" / row["path"])
            if row["decode"] == "ok" or row["path"] in ALSO_READ:
                assert known[path].identity == read_image(path).identity
        refused = {Path(row.path).name: row for row in catalogue.refused()}
        assert "directory" in refused["DICOMDIR"].what
        assert "Comprehensive SR Storage" in refused["test-SR.dcm"].why


@pytest.mark.parametrize("folder", ["cxr_nih14", "cxr_misc", "brain_mri", "dermoscopy", "histology/images"])
def test_that_pictures_of_public_data_sets_are_read_over_their_full_range(folder):
    paths = sorted((DATA / folder).rglob("*.[pjtPJT]*g")) + sorted((DATA / folder).rglob("*.tif"))
    assert paths
    for path in paths:
        image = read_image(path)
        assert image.pixels.dtype == np.uint8
        np.testing.assert_allclose(present(image), image.pixels / 255, atol=1e-7)


def test_that_the_label_tables_of_the_public_data_sets_find_all_their_images(tmp_path):
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        for folder, table_rows in (("cxr_nih14", 307), ("cxr_misc", 7), ("dermoscopy", 56)):
            index(DATA / folder, catalogue)
            (table,) = (row for row in catalogue.refused(DATA / folder) if row.path.endswith("/labels.csv"))
            assert f"{table_rows} of {table_rows} rows" in table.why
        assert len(catalogue.studies("finding:Effusion sex:F view:PA")) > 5
