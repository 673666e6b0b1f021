"""A worklist of any length gives each row as it is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.catalogue_search import ORDERS
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry, forget, record_image, summarise, writing
from xferviewer.studies.images import ImageFacts
from xferviewer.studies.study_list import StudyList

STUDIES = 700


@pytest.fixture
def catalogue(tmp_path: Path):
    with Catalogue(tmp_path / "catalogue.sqlite") as opened:
        with writing(opened) as connection:
            touched: set[int] = set()
            for number in range(STUDIES):
                facts = ImageFacts(
                    patient_id=f"{number:04d}",
                    age=float(number % 90) if number % 7 else None,
                    view=("PA", "AP", "")[number % 3],
                )
                stamp = FileStamp(f"/{number:04d}.png", 1, 1)
                touched |= record_image(connection, ImageEntry(stamp, f"id {number}", 1, 1, 1, facts))
            stated = [(image, "Edema", image % 3 - 1) for image in range(1, STUDIES, 2)]
            connection.executemany("INSERT INTO label VALUES (?, ?, ?)", stated)
            summarise(connection, touched)
        yield opened


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order_by", ["patient_id", "age", "n_images", "labels"])
def test_that_its_rows_are_those_of_the_catalogue_at_once(catalogue: Catalogue, order_by: str, descending: bool):
    listed = StudyList(catalogue, catalogue.study_ids(order_by=order_by, descending=descending))
    assert list(listed) == catalogue.studies(order_by=order_by, descending=descending)
    assert listed[-1] == listed[len(listed) - 1]
    assert listed[300:302] == [listed[300], listed[301]]
    assert [listed.row_of(listed[row].id) for row in (0, 350, STUDIES - 1)] == [0, 350, STUDIES - 1]
    with pytest.raises(IndexError):
        listed[STUDIES]


def test_that_unstated_values_come_last_in_both_directions(catalogue: Catalogue):
    for descending in (False, True):
        ages = [study.age for study in catalogue.studies(order_by="age", descending=descending)]
        stated = [age for age in ages if age is not None]
        assert stated == sorted(stated, reverse=descending)
        assert ages == stated + [None] * (STUDIES // 7)


def test_that_only_pages_that_are_looked_at_are_read(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    read = catalogue.study_rows

    def counted(studies):
        asked.extend(studies)
        return read(studies)

    monkeypatch.setattr(catalogue, "study_rows", counted)
    listed = StudyList(catalogue, catalogue.study_ids())
    assert len(listed) == STUDIES
    assert asked == []
    for _ in range(3):
        assert listed[5].patient_id == "0005"
    assert len(asked) < STUDIES // 2


def test_that_a_sample_of_the_images_is_spread_evenly_over_all(catalogue: Catalogue):
    everything = sorted(image.identity for image in catalogue.all_images())
    assert catalogue.sampled_identities(STUDIES + 1) == everything
    assert catalogue.sampled_identities(STUDIES) == everything
    assert catalogue.sampled_identities(8) == [everything[place] for place in (0, 99, 199, 299, 399, 499, 599, 699)]
    assert catalogue.sampled_identities(1) == everything[:1]


def test_that_nothing_is_a_sample_of_no_images(tmp_path: Path):
    with Catalogue(tmp_path / "empty.sqlite") as empty:
        assert empty.sampled_identities(10) == []


def test_that_a_study_that_is_gone_keeps_its_place_and_says_nothing(catalogue: Catalogue):
    listed = StudyList(catalogue, catalogue.study_ids())
    gone = int(listed.ids[3])
    with writing(catalogue) as connection:
        summarise(connection, forget(connection, ["/0003.png"]))
    assert (listed[3].id, listed[3].patient_id, listed[3].first_identity) == (gone, "", "")
    assert listed[4].patient_id == "0004"


def test_that_a_list_of_another_order_and_an_empty_one_behave_alike(catalogue: Catalogue):
    listed = StudyList(catalogue, catalogue.study_ids())
    turned = listed.reordered(listed.ids[::-1])
    assert list(turned) == list(listed)[::-1]
    empty = StudyList()
    assert (len(empty), list(empty), empty.row_of(1), empty.first_identities()) == (0, [], -1, {})
    assert StudyList(catalogue, np.array([], np.int64))[:5] == []


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("search", ["", "1", "view:PA"])
@pytest.mark.parametrize("order_by", [*ORDERS, "label:Edema"])
def test_that_numbers_handed_out_as_one_text_keep_the_order_of_the_rows(
    catalogue: Catalogue, order_by: str, search: str, descending: bool
):
    numbers = catalogue.study_ids(search, order_by, descending=descending).tolist()
    rows = catalogue.connection.execute(
        "SELECT study.*, study_label.value AS edema FROM study "
        "LEFT JOIN study_label ON study_label.study = study.id AND study_label.finding = 'Edema'"
    )
    names = [name for name, *_ in rows.description]
    column, number = names.index("edema" if order_by.startswith("label:") else order_by), names.index("id")
    found = [row for row in rows if _holds(dict(zip(names, row, strict=True)), search)]
    stated = [row for row in found if row[column] not in (None, "")]
    stated.sort(key=lambda row: (row[column], row[number]), reverse=descending)
    silent = sorted(row[number] for row in found if row[column] in (None, ""))
    assert numbers == [row[number] for row in stated] + silent


def _holds(row: dict[str, object], search: str) -> bool:
    return row["view"] == "PA" if search.startswith("view:") else search in str(row["searched"])
