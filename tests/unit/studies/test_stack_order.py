"""A series is scrolled by where its slices lie, whatever their files are called and however they were numbered."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.image import ImageFacts
from xferviewer.studies.images import read_image
from xferviewer.studies.indexing import index
from xferviewer.studies.stack_order import StackPlace, place_in_stack

AXIAL, CORONAL, SAGITTAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]
PIXELS = np.zeros((4, 5), np.uint16)


def header(cosines: list[float] | None, corner: list[float] | None, number: object = None) -> Dataset:
    dataset = Dataset()
    for keyword, value in (
        ("ImageOrientationPatient", cosines), ("ImagePositionPatient", corner), ("InstanceNumber", number),
    ):  # fmt: skip
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("cosines", "plane", "first", "last"),
    [(AXIAL, "axial", [5, 6, 80], [5, 6, -80]), (CORONAL, "coronal", [5, -80, 6], [5, 80, 6]),
     (SAGITTAL, "sagittal", [-80, 5, 6], [80, 5, 6])],
)  # fmt: skip
@pytest.mark.parametrize("turn", [1, -1])
def test_that_places_grow_from_head_to_feet_from_front_to_back_and_from_right_to_left(
    cosines, plane, first, last, turn
):
    cosines = [turn * each for each in cosines[:3]] + cosines[3:]  # rows that run the other way turn the normal round

    assert place_in_stack(header(cosines, first)) == StackPlace(plane, -80.0)
    assert place_in_stack(header(cosines, last)) == StackPlace(plane, 80.0)


def test_that_a_tilted_stack_is_measured_along_its_normal():
    tilted = [1, 0, 0, 0, np.cos(0.3), np.sin(0.3)]
    normal = np.cross(tilted[:3], tilted[3:])

    places = [place_in_stack(header(tilted, list(7.5 * step * normal + [9, 9, 9]))) for step in range(3)]

    assert [place.plane for place in places] == ["axial"] * 3
    assert np.diff([place.slice_mm for place in places]) == pytest.approx([-7.5, -7.5], abs=0.011)


@pytest.mark.parametrize(
    ("cosines", "corner"),
    [(None, [1, 2, 3]), (AXIAL, None), ([0] * 6, [1, 2, 3]), ([1, 0, 0] * 2, [1, 2, 3]), ([1, 0], [1])],
)  # fmt: skip
def test_that_a_place_which_is_not_stated_or_makes_no_sense_is_none(cosines, corner):
    assert place_in_stack(header(cosines, corner, 4)) == StackPlace(instance=4)


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=7))
def test_that_no_bytes_of_a_header_raise_anything(parts):
    value = b"\\".join(parts)
    for keyword in ("ImageOrientationPatient", "ImagePositionPatient", "InstanceNumber"):
        dataset = header(AXIAL, [1, 2, 3], 4)
        tag = Tag(keyword)
        dataset[tag] = RawDataElement(tag, "DS", len(value), value, 0, is_implicit_VR=False, is_little_endian=True)
        assert isinstance(place_in_stack(dataset), StackPlace)


@pytest.fixture
def stack(write_dicom: Callable[..., Path], tmp_path: Path) -> Callable[..., list[str]]:
    """The names of the files of a study in the order in which the window shows them."""

    def ordered(slices: dict[str, dict[str, object]]) -> list[str]:
        folder = tmp_path / "study"
        folder.mkdir()
        for number, (name, elements) in enumerate(slices.items()):
            written = write_dicom(
                PIXELS, StudyInstanceUID="1.2.9", SOPInstanceUID=f"1.2.3.{number}",
                **{"SeriesInstanceUID": "1.2.8", **elements},
            )  # fmt: skip
            shutil.move(written, folder / name)
        with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
            index(folder, catalogue)
            (study,) = catalogue.studies()
            images = catalogue.images(study.id)
            assert (study.first_path, study.first_identity) == (images[0].path, images[0].identity)
            assert study.n_images == len(images)
            assert [image.id for image in catalogue.images_of([study.id])] == [image.id for image in images]
            return [Path(image.path).name for image in images]

    return ordered


def test_that_slices_come_by_place_and_not_by_name_or_number(stack):
    heights = {"a.dcm": (2, 10.0), "b.dcm": (4, 30.0), "c.dcm": (1, -5.0), "d.dcm": (3, 9.5)}

    order = stack(
        {
            name: {"ImageOrientationPatient": AXIAL, "ImagePositionPatient": [0, 0, height], "InstanceNumber": number}
            for name, (number, height) in heights.items()
        }
    )

    assert order == ["b.dcm", "a.dcm", "d.dcm", "c.dcm"]


def test_that_slices_of_one_place_come_by_their_number_and_planes_do_not_mix(stack):
    def at(cosines: list[float], corner: list[float], number: int) -> dict[str, object]:
        return {"ImageOrientationPatient": cosines, "ImagePositionPatient": corner, "InstanceNumber": number}

    order = stack(
        {
            "echo 2": at(AXIAL, [0, 0, 5], 10), "echo 1": at(AXIAL, [0, 0, 4.999], 9), "below": at(AXIAL, [0, 0, 0], 1),
            "side": at(SAGITTAL, [0, 0, 0], 2), "front": at(CORONAL, [0, -3, 0], 3),
        }
    )  # fmt: skip

    assert order == ["echo 1", "echo 2", "below", "front", "side"]


def test_that_films_without_a_place_come_by_their_number_and_then_by_name(stack):
    assert stack({"10": {"InstanceNumber": 2}, "9": {"InstanceNumber": 10}, "a": {"InstanceNumber": 1}, "b": {}}) == [
        "b", "a", "10", "9",
    ]  # fmt: skip


def test_that_series_do_not_mix(stack):
    slices = {
        name: {
            "SeriesInstanceUID": f"1.2.8.{series}", "ImageOrientationPatient": AXIAL,
            "ImagePositionPatient": [0, 0, height],
        }
        for name, series, height in (("a", 1, 0), ("b", 2, 20), ("c", 1, 10), ("d", 2, 30))
    }  # fmt: skip

    assert stack(slices) == ["c", "a", "d", "b"]


def test_that_the_catalogue_and_the_film_say_the_same_place(write_dicom):
    facts = read_image(
        write_dicom(PIXELS, ImageOrientationPatient=CORONAL, ImagePositionPatient=[1, 12.5, 3], InstanceNumber=7)
    ).facts

    assert (facts.plane, facts.slice_mm, facts.instance) == ("coronal", 12.5, 7)
    assert ImageFacts().slice_mm is None
