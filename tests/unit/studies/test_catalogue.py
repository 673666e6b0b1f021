from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from xferviewer.studies import catalogue_format
from xferviewer.studies.catalogue import Catalogue, StudyRow, UnusableCatalogue
from xferviewer.studies.catalogue_writing import (
    FileStamp,
    ImageEntry,
    record_image,
    summarise,
    writing,
)
from xferviewer.studies.images import ImageFacts

FORMATS = Path(__file__).parents[2] / "data" / "formats"


@pytest.fixture
def catalogue(tmp_path: Path):
    with Catalogue(tmp_path / "catalogue.sqlite") as opened:
        yield opened


def add(catalogue: Catalogue, path: str, labels: dict[str, int] | None = None, frames: int = 1, **facts: object) -> int:
    with writing(catalogue) as connection:
        entry = ImageEntry(FileStamp(path, 10, 20), f"id of {path}", frames, 4, 5, ImageFacts(**facts))
        touched = record_image(connection, entry)
        image = catalogue.image_at(path)
        for finding, value in (labels or {}).items():
            connection.execute("INSERT INTO label VALUES (?, ?, ?)", [image.id, finding, value])
        summarise(connection, touched)
    return image.id


def paths(studies: list[StudyRow]) -> list[str]:
    return [study.first_path for study in studies]


def test_that_images_are_grouped_by_what_their_files_say(catalogue):
    add(catalogue, "/a/1", patient_id="P", study_uid="S", series_uid="1", view="PA", sex="F", age=40.0)
    add(catalogue, "/a/2", patient_id="P", study_uid="S", series_uid="2", view="LL")
    add(catalogue, "/a/3", patient_id="P", study_uid="T")

    first, second = catalogue.studies(order_by="first_path")

    assert (first.n_images, first.view, first.sex, first.age, first.first_path) == (2, "PA", "F", 40.0, "/a/1")
    assert (second.n_images, second.study_uid) == (1, "T")
    assert [image.path for image in catalogue.images(first.id)] == ["/a/1", "/a/2"]
    assert catalogue.counts() == (3, 3, 2, 1, 0)


def test_that_a_picture_of_no_stated_study_is_a_study_of_its_own(catalogue):
    add(catalogue, "/a/1.png")
    add(catalogue, "/a/2.png")

    assert catalogue.counts() == (2, 2, 2, 2, 0)


def test_that_an_image_that_moves_to_another_study_leaves_no_empty_one_behind(catalogue):
    add(catalogue, "/a/1", patient_id="P", study_uid="S")
    add(catalogue, "/a/1", patient_id="Q", study_uid="T")

    assert [(study.patient_id, study.study_uid) for study in catalogue.studies()] == [("Q", "T")]
    assert catalogue.counts().patients == 1


@pytest.fixture
def three(catalogue):
    add(catalogue, "/a/Ärmel_1.png", {"Edema": 1, "Mass": 0}, patient_id="p1", view="PA", sex="F", age=70.0)
    add(catalogue, "/a/b_2.png", {"Edema": -1, "Mass": 1}, patient_id="p2", view="AP", sex="M", age=30.0)
    add(catalogue, "/a/c_3.png", {"Edema": 0}, patient_id="p3", sex="F")
    return catalogue


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", ["p1", "p2", "p3"]),
        ("ärmel", ["p1"]),
        ("_ png", ["p1", "p2", "p3"]),
        ("P2", ["p2"]),
        ("edema", ["p1"]),
        ("mass png", ["p2"]),
        ("view:pa", ["p1"]),
        ("sex:F", ["p1", "p3"]),
        ("sex:F finding:edema", ["p1"]),
        ("%", []),
        ("p1 p2", []),
    ],
)
def test_that_all_words_of_a_search_are_found_whatever_their_case(three, search, expected):
    assert [study.patient_id for study in three.studies(search)] == expected


@pytest.mark.parametrize(
    ("order", "descending", "expected"),
    [
        ("age", False, ["p2", "p1", "p3"]),
        ("age", True, ["p1", "p2", "p3"]),
        ("view", False, ["p2", "p1", "p3"]),
        ("label:Edema", True, ["p1", "p3", "p2"]),
        ("label:Mass", True, ["p2", "p1", "p3"]),
        ("patient_id", True, ["p3", "p2", "p1"]),
    ],
)
def test_that_what_is_not_stated_sorts_last_in_either_direction(three, order, descending, expected):
    assert [study.patient_id for study in three.studies(order_by=order, descending=descending)] == expected


@pytest.mark.parametrize("order", ["path; DROP TABLE image", "searched", "label:Unheard"])
def test_that_only_known_columns_are_sorted_by(three, order):
    if order.startswith("label:"):
        assert len(three.studies(order_by=order)) == 3
    else:
        with pytest.raises(ValueError):
            three.studies(order_by=order)


def test_that_labels_are_told_by_image_by_study_and_in_words(three):
    assert three.label_findings() == ["Edema", "Mass"]
    first = three.studies()[0]
    assert three.labels_of(first.first_image) == {"Edema": 1, "Mass": 0}
    assert three.labels("Mass") == {first.first_image: 0, three.studies()[1].first_image: 1}
    assert [study.labels for study in three.studies()] == ["Edema", "Edema?, Mass", ""]


def test_that_a_study_has_a_finding_when_any_of_its_images_has(catalogue):
    for name, value in (("1", 0), ("2", -1), ("3", 1)):
        add(catalogue, f"/a/{name}", {"Edema": value}, patient_id="P", study_uid="S")
        assert list(catalogue.study_labels("Edema").values()) == [value]


def test_that_labels_as_columns_are_those_of_the_images(catalogue):
    for name, value in (("1", 0), ("2", -1), ("3", 1), ("4", 0)):
        add(catalogue, f"/a/{name}", {"Edema": value} if name != "4" else {"Mass": 1})
    for finding in ("Edema", "Mass", "unheard of"):
        images, values = catalogue.label_values(finding)
        assert dict(zip(images.tolist(), values.tolist(), strict=True)) == catalogue.labels(finding)
        assert images.tolist() == sorted(images.tolist())


def test_that_images_and_what_is_stated_of_them_come_from_one_moment(catalogue):
    """Between two questions an index in another process may write labels, and values would go to other images."""
    add(catalogue, "/a/1", {"Edema": 1})
    asked: list[str] = []
    catalogue.connection.set_trace_callback(asked.append)
    catalogue.label_values("Edema")
    catalogue.connection.set_trace_callback(None)
    assert len(asked) == 1


def test_that_counts_and_lists_of_a_folder_leave_out_its_neighbours(catalogue):
    for path in ("/a/b/1", "/a/b/c/2", "/a/b-2/3", "/a/b.png", "/a/b0"):
        add(catalogue, path)

    assert catalogue.counts(Path("/a/b")).images == 2
    assert [image.path for image in catalogue.all_images(Path("/a/b"))] == ["/a/b/1", "/a/b/c/2"]
    assert catalogue.counts(Path("/")).images == 5


def test_that_rows_come_in_the_order_asked_for_even_over_many_queries(catalogue):
    with writing(catalogue) as connection:
        touched: set[int] = set()
        for number in range(2500):
            touched |= record_image(
                connection, ImageEntry(FileStamp(f"/{number}", 1, 1), str(number), 1, 1, 1, ImageFacts())
            )
        summarise(connection, touched)
    ids = catalogue.study_ids(order_by="id", descending=True).tolist()

    assert [row.id for row in catalogue.study_rows(ids)] == ids
    assert len(ids) == 2500


def test_that_a_batch_that_fails_leaves_nothing_behind(catalogue):
    def fail_half_way() -> None:
        with writing(catalogue) as connection:
            record_image(connection, ImageEntry(FileStamp("/x", 1, 1), "x", 1, 1, 1, ImageFacts()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert catalogue.counts().images == 0
    add(catalogue, "/y")
    assert catalogue.counts().images == 1


def test_that_a_newer_format_is_refused_in_words_and_left_as_it_is(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    Catalogue(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {catalogue_format.FORMAT + 1}")
    before = path.read_bytes()

    with pytest.raises(UnusableCatalogue, match="newer version") as refusal:
        Catalogue(path)

    assert "Update xferviewer" in refusal.value.todo
    assert path.read_bytes() == before


def test_that_a_file_of_format_1_is_migrated_on_a_copy_with_all_that_it_says(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    shutil.copy(FORMATS / "catalogue-1.sqlite", path)

    with Catalogue(path) as migrated:
        studies = migrated.studies()
        assert [study.patient_id for study in studies] == ["P1", "P2", ""]
        assert [study.labels for study in studies] == ["", "Edema, Mass?", "Mass"]
        assert studies[0].first_identity == "1.2.1#0"
        add(migrated, "/a/new", patient_id="P0")
        assert migrated.studies()[0].patient_id == "P0"
        plan = migrated.connection.execute("EXPLAIN QUERY PLAN SELECT id FROM study WHERE age NOT NULL ORDER BY age")
        assert "study_by_age" in " ".join(str(row) for row in plan)

    with closing(sqlite3.connect(tmp_path / "catalogue.sqlite.format-1")) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (1,)
        assert kept.execute("SELECT count(*) FROM image").fetchone() == (3,)


def test_that_a_file_of_format_2_has_its_stacks_looked_at_anew_and_nothing_else(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    shutil.copy(FORMATS / "catalogue-2.sqlite", path)

    with Catalogue(path) as migrated:
        (stack,) = (study.id for study in migrated.studies() if study.modality == "CT")
        assert [image.path for image in migrated.images(stack)] == ["/a/ct/1.dcm", "/a/ct/2.dcm", "/a/ct/3.dcm"]
        times = dict(migrated.connection.execute("SELECT path, mtime_ns FROM image"))
        assert times == {"/a/ct/1.dcm": -1, "/a/ct/2.dcm": -1, "/a/ct/3.dcm": -1, "/a/film.dcm": 23}


def test_that_a_migration_that_fails_leaves_the_original(tmp_path, monkeypatch):
    path = tmp_path / "catalogue.sqlite"
    with Catalogue(path) as old:
        add(old, "/a/1")
    present = catalogue_format.FORMAT
    monkeypatch.setattr(catalogue_format, "FORMAT", present + 1)
    monkeypatch.setitem(catalogue_format.MIGRATIONS, present, lambda connection: connection.execute("not SQL"))
    with pytest.raises(UnusableCatalogue):
        Catalogue(path)
    monkeypatch.undo()

    with Catalogue(path) as untouched:
        assert untouched.counts().images == 1


@pytest.mark.parametrize("content", [b"this is a text and no database, whatever its name says" * 99, None])
def test_that_other_files_are_not_taken_for_a_catalogue(tmp_path, content):
    path = tmp_path / "catalogue.sqlite"
    if content is None:
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE bookmarks (url TEXT)")
    else:
        path.write_bytes(content)
    before = path.read_bytes()

    with pytest.raises(UnusableCatalogue):
        Catalogue(path)

    assert path.read_bytes() == before
