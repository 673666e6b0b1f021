"""Boxes and masks in the layouts of public data sets, on miniature trees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xferviewer.errors import UnusableRegions
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.indexing import index
from xferviewer.studies.phantom import write_cohort
from xferviewer.studies.region_files import is_region_table, read_regions, regions_beside, regions_of
from xferviewer.studies.regions import Box, Region, Regions

NIH = "Image Index,Finding Label,Bbox [x,y,w,h],,,"


def table(folder: Path, text: str, name: str = "boxes.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def mask(path: Path, *marked: tuple[slice, slice], size: int = 16, mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((size, size), np.uint8)
    for place in marked:
        values[place] = 255
    Image.fromarray(values).convert(mode).save(path)
    return path


def test_that_nihs_boxes_are_read_as_x_y_width_height_in_pixels_of_the_source(tmp_path):
    path = table(
        tmp_path,
        f"{NIH}\n00013118_008.png,Atelectasis,2.5,3,4,5,,\n00013118_008.png,Infiltrate,0,0,2,1,,\n",
        "BBox_List_2017.csv",
    )
    regions = read_regions(path)
    region = regions.of_finding(tmp_path / "images" / "00013118_008.png", "Atelectasis")
    assert region == Region("Atelectasis", (Box(2.5, 3, 6.5, 8),))
    expected = np.zeros((10, 12), bool)
    expected[3:8, 2:6] = True  # centres at 2.5 to 5.5 lie in [2.5, 6.5)
    assert np.array_equal(region.pixels(10, 12), expected)
    assert regions.of_finding(Path("00013118_008.png"), "Infiltration") is not None
    assert regions.of(Path("another.png")) == ()
    assert is_region_table(path)


def test_that_vindrs_annotations_count_the_boxes_of_all_readers_together(tmp_path):
    path = table(
        tmp_path,
        "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n"
        "0a1b,R8,Pleural effusion,2,2,5,6\n0a1b,R9,Pleural effusion,4,4,8,8\n"
        "0a1b,R9,Nodule/Mass,0,0,1,1\nffee,R1,No finding,,,,\n",
    )
    regions = read_regions(path)
    found = regions.of_finding(Path("/train/0a1b.dicom"), "pleural_effusion")
    assert found is not None
    assert found.pixels(10, 10).sum() == 3 * 4 + 4 * 4 - 1 * 2
    assert [region.finding for region in regions.of(Path("0a1b.dicom"))] == ["Pleural effusion", "Nodule/Mass"]
    assert regions.of(Path("ffee.dicom")) == ()


def test_that_the_kaggle_release_of_vindr_is_read_too(tmp_path):
    path = table(
        tmp_path,
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n0a,Cardiomegaly,3,R10,1.0,2.0,3.0,4.0\n"
        "0b,No finding,14,R1,,,,\n",
    )
    assert read_regions(path).of(Path("0a.png")) == (Region("Cardiomegaly", (Box(1, 2, 3, 4),)),)


def test_that_busis_masks_are_one_lesion_named_by_its_folder(tmp_path):
    folder = tmp_path / "Dataset_BUSI_with_GT" / "benign"
    image = mask(folder / "benign (100).png")
    mask(folder / "benign (100)_mask.png", (slice(0, 4), slice(0, 4)))
    mask(folder / "benign (100)_mask_1.png", (slice(8, 10), slice(8, 10)), mode="RGB")
    mask(folder / "benign (10).png")
    regions = read_regions(tmp_path)
    (region,) = regions.of(image)
    assert region.finding == "benign"
    assert region.pixels(16, 16).sum() == 16 + 4
    assert regions.of(folder / "benign (10).png") == ()
    assert len(regions) == 1


def test_that_masks_are_passed_over_by_the_index(tmp_path):
    mask(tmp_path / "benign" / "benign (1).png")
    mask(tmp_path / "benign" / "benign (1)_mask.png")
    mask(tmp_path / "benign" / "lonely_mask.png")
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        index(tmp_path / "benign", catalogue)
        assert sorted(Path(row.path).name for row in catalogue.all_images()) == ["benign (1).png", "lonely_mask.png"]
        assert [Path(row.path).name for row in catalogue.refused()] == ["benign (1)_mask.png"]


def test_that_masks_of_a_synthetic_cohort_are_found_beside_its_films(tmp_path):
    write_cohort(tmp_path / "A", 6, 5, "A", size=64)
    regions = read_regions(tmp_path)
    films = sorted((tmp_path / "A" / "images").iterdir())
    beside = regions_beside(films)
    masks = sorted((tmp_path / "A" / "masks").iterdir())
    assert masks
    assert sorted(beside.sources) == masks
    for film in films:
        named = [path.stem.removeprefix(f"{film.stem}_") for path in masks if path.stem.startswith(f"{film.stem}_")]
        assert sorted(region.finding for region in regions.of(film)) == sorted(named)
        assert beside.of(film) == regions.of(film)
    film = next(film for film in films if regions.of(film))
    region = regions.of(film)[0]
    with Image.open(region.masks[0]) as picture:
        assert np.array_equal(region.pixels(64, 64), np.asarray(picture) > 0)


def test_that_an_image_whose_name_begins_anothers_does_not_take_its_mask(tmp_path):
    mask(tmp_path / "images" / "a.png")
    long = mask(tmp_path / "images" / "a_1.png")
    mask(tmp_path / "masks" / "a_1_Pleural_Thickening.png", (slice(0, 1), slice(0, 1)))
    regions = read_regions(tmp_path)
    assert regions.of(tmp_path / "images" / "a.png") == ()
    assert [region.finding for region in regions.of(long)] == ["Pleural_Thickening"]


def test_that_images_of_one_name_at_two_sites_keep_their_own_masks(tmp_path):
    for site, rows in (("A", slice(0, 1)), ("B", slice(0, 3))):
        mask(tmp_path / site / "images" / "1.png")
        mask(tmp_path / site / "masks" / "1_Mass.png", (rows, slice(0, 1)))
    regions = read_regions(tmp_path)
    areas = [regions.of(tmp_path / site / "images" / "1.png")[0].pixels(16, 16).sum() for site in "AB"]
    assert areas == [1, 3]


def test_that_a_table_that_is_named_counts_before_the_mask_beside_the_image(tmp_path):
    image = mask(tmp_path / "images" / "1.png")
    mask(tmp_path / "masks" / "1_Mass.png", (slice(0, 1), slice(0, 1)))
    boxes = table(tmp_path, f"{NIH}\n1.png,Nodule,0,0,2,2,,\n")
    assert [region.finding for region in regions_of([image]).of(image)] == ["Mass"]
    named = regions_of([image], [boxes], {"nodule": "Lung nodule"})
    assert [region.finding for region in named.of(image)] == ["Lung nodule"]


def test_that_two_names_brought_to_one_are_one_region():
    regions = Regions({"1.png": [Region("Mass", (Box(0, 0, 1, 1),)), Region("Nodule", (Box(2, 2, 3, 3),))]})
    (both,) = regions.renamed({"Nodule": "Mass"}).of(Path("1.png"))
    assert both.pixels(4, 4).sum() == 2


@pytest.mark.parametrize(
    ("region", "why"),
    [(Region("Mass", (Box(0, 0, 900, 900),)), "900"), (Region("Mass", (Box(20, 20, 30, 30),)), "16 columns")],
)
def test_that_a_box_drawn_on_another_size_is_refused(region, why):
    with pytest.raises(UnusableRegions) as caught:
        region.pixels(16, 16)
    assert why in caught.value.why


def test_that_a_mask_of_another_size_is_refused(tmp_path):
    path = mask(tmp_path / "m.png", size=8)
    with pytest.raises(UnusableRegions) as caught:
        Region("Mass", masks=(path,)).pixels(16, 16)
    assert "8 rows and 8 columns" in caught.value.why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("path,Mass\n1.png,1\n", "columns are path, Mass"),
        (f"{NIH}\n1.png,Mass,a,0,1,1,,\n", "Line 2"),
        (f"{NIH}\n1.png,Mass,0,0,1,1,,\n2.png,Mass,0,0,-1,1,,\n", "Line 3"),
        (f"{NIH}\n", "no box"),
    ],
)
def test_that_a_table_that_cannot_be_used_is_refused_in_words(tmp_path, text, why):
    with pytest.raises(UnusableRegions) as caught:
        read_regions(table(tmp_path, text))
    assert why in caught.value.why


def test_that_a_label_table_is_no_table_of_boxes(tmp_path):
    assert not is_region_table(table(tmp_path, "Image Index,Finding Labels,Follow-up #\n1.png,Mass,0\n"))
