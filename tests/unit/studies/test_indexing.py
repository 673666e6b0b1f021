from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from xferviewer.errors import UnusableFolder
from xferviewer.studies import examination, examiners, indexing
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.images import read_image
from xferviewer.studies.indexing import Progress, index
from xferviewer.studies.phantom import write_cohort
from xferviewer.studies.summary import describe_index


@pytest.fixture
def catalogue(tmp_path: Path):
    with Catalogue(tmp_path / "catalogue" / "catalogue.sqlite") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "films"
    made.mkdir()
    return made


def picture(path: Path, value: int = 7) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.full((3, 5), value, np.uint8)).save(path, format="PNG")
    return path


def names(catalogue: Catalogue, folder: Path | None = None) -> list[str]:
    return [Path(image.path).name for image in catalogue.all_images(folder)]


def test_that_every_file_is_an_image_or_refused_with_its_reason(catalogue, folder, write_dicom):
    picture(folder / "Größe" / "胸部.png")
    picture(folder / "wrong.txt")
    shutil.move(write_dicom(np.zeros((3, 4), np.uint16)), folder / "film")
    (folder / "README").write_text("films")
    (folder / ".hidden").write_bytes(b"\x00\x01\x02\x03" * 40)
    (folder / "empty.png").touch()
    (folder / "cut.dcm").write_bytes((folder / "film").read_bytes()[:-4])
    (folder / "gone.png").symlink_to(folder / "nothing.png")
    os.mkfifo(folder / "pipe")

    counts = index(folder, catalogue)

    assert counts == (9, 3, 3, 3, 6)
    assert names(catalogue) == ["胸部.png", "film", "wrong.txt"]
    reasons = {Path(row.path).name: row.why for row in catalogue.refused()}
    assert reasons == {
        ".hidden": "Its content is neither DICOM nor a picture format that is read here.",
        "README": "It holds text, not pixels.",
        "cut.dcm": "Its header declares 1 frame(s) of 3 by 4 pixels, and the file holds fewer bytes.",
        "empty.png": "The file is empty.",
        "gone.png": "The system says: No such file or directory.",
        "pipe": "It is a device, a pipe or a socket.",
    }
    assert catalogue.unfinished_roots() == []


def test_that_the_catalogue_says_of_an_image_what_reading_it_says(catalogue, folder, write_dicom):
    elements = {"PatientSex": "F", "PatientAge": "061Y", "ViewPosition": "PA", "StudyDate": "20200131"}
    shutil.move(write_dicom(np.zeros((2, 6, 4), np.uint8), **elements), folder / "film")
    picture(folder / "film.png")

    index(folder, catalogue)

    for row in catalogue.all_images():
        image = read_image(row.path)
        assert row.identity == image.identity
        assert (row.frames, row.rows, row.columns) == (image.frames, *image.pixels.shape)
        assert (row.sex, row.age, row.view) == (image.facts.sex, image.facts.age, image.facts.view)
        assert row.study_date == image.facts.study_date


def test_that_the_size_of_a_turned_picture_is_that_of_its_pixels(catalogue, folder):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(np.zeros((2, 9), np.uint8)).save(folder / "turned.png", exif=exif)

    index(folder, catalogue)

    (row,) = catalogue.all_images()
    assert (row.rows, row.columns) == read_image(row.path).pixels.shape == (9, 2)


def test_that_unchanged_files_are_not_opened_again_and_changed_ones_are(catalogue, folder, monkeypatch):
    picture(folder / "same.png")
    changed = picture(folder / "changed.png", 1)
    index(folder, catalogue)
    before = {row.path: row for row in catalogue.all_images()}
    PIL.Image.fromarray(np.zeros((8, 8), np.uint8)).save(changed, format="PNG")
    opened: list[str] = []
    examine = examiners.examine
    monkeypatch.setattr(examiners, "examine", lambda stamp: opened.append(stamp.path) or examine(stamp))

    index(folder, catalogue)

    assert opened == [str(changed)]
    after = catalogue.image_at(changed)
    assert after.rows == 8
    assert after.id == before[str(changed)].id
    assert after.identity != before[str(changed)].identity


def test_that_a_file_may_turn_from_image_to_refused_and_back(catalogue, folder):
    film = picture(folder / "film.png")
    content = film.read_bytes()
    for state, images in ((content, 1), (b"text", 0), (content + b"\x00", 1)):
        film.write_bytes(state)
        assert index(folder, catalogue) == (1, images, images, images, 1 - images)


def test_that_vanished_files_are_dropped_but_not_those_of_a_neighbour_folder(catalogue, folder, tmp_path):
    gone = picture(folder / "gone.png")
    picture(folder / "kept.png")
    (folder / "note.txt").write_text("x")
    neighbour = picture(tmp_path / "films-2" / "other.png").parent
    index(folder, catalogue)
    index(neighbour, catalogue)
    gone.unlink()
    (folder / "note.txt").unlink()

    counts = index(folder, catalogue)

    assert counts == (1, 1, 1, 1, 0)
    assert names(catalogue) == ["other.png", "kept.png"]


def test_that_a_cancelled_index_keeps_what_it_has_and_the_next_one_ends_it(catalogue, folder):
    for number in range(10):
        picture(folder / f"{number}.png", number)
    asked = iter([False] * 4 + [True])

    counts = index(folder, catalogue, cancelled=lambda: next(asked, True))

    assert counts.images == 4
    assert catalogue.unfinished_roots() == [folder]
    assert index(folder, catalogue).images == 10
    assert catalogue.unfinished_roots() == []


def test_that_progress_ends_with_every_file_counted(catalogue, folder, monkeypatch):
    monkeypatch.setattr(indexing, "_BATCH_FILES", 2)
    for number in range(5):
        picture(folder / f"{number}.png", number)
    (folder / "sub").mkdir()
    (folder / "sub" / "note").write_text("x")
    told: list[Progress] = []

    index(folder, catalogue, progress=told.append)

    assert [step.files for step in told] == sorted(step.files for step in told)
    assert len(told) >= 3
    assert all(step.files == step.images + step.refused for step in told)
    last = told[-1]
    assert (last.files, last.images, last.refused, last.folders, last.folder) == (6, 5, 1, 2, "sub")
    assert last.files_per_second > 0


def test_that_a_link_back_to_the_folder_itself_is_not_followed_for_ever(catalogue, folder):
    picture(folder / "sub" / "film.png")
    (folder / "sub" / "loop").symlink_to(folder)

    assert index(folder, catalogue) == (1, 1, 1, 1, 0)


def test_that_a_name_that_is_no_utf8_is_refused_with_its_reason(catalogue, folder):
    name = os.fsencode(folder) + b"/caf\xe9.png"
    try:
        shutil.copyfile(picture(folder / "film.png"), name)
    except OSError:
        pytest.skip("this file system only takes names in UTF-8")

    assert index(folder, catalogue) == (2, 1, 1, 1, 1)
    assert index(folder, catalogue) == (2, 1, 1, 1, 1)
    assert catalogue.refused()[0].why == "Its name is not written in UTF-8."


def test_that_a_folder_that_may_not_be_listed_is_refused(catalogue, folder, monkeypatch):
    picture(folder / "film.png")
    picture(folder / "locked" / "film.png")
    list_folder = os.scandir

    def forbid(path: str):  # root, who often runs the tests, may list every folder
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", forbid)

    assert index(folder, catalogue) == (2, 1, 1, 1, 1)
    assert catalogue.refused()[0].why == "The system says: Permission denied."


def test_that_a_single_file_is_indexed_without_becoming_a_folder(catalogue, folder):
    film = picture(folder / "film.png")
    picture(folder / "other.png")

    assert index(film, catalogue) == (1, 1, 1, 1, 0)
    assert catalogue.roots() == []


def test_that_a_missing_folder_is_refused(catalogue, folder):
    with pytest.raises(UnusableFolder, match="nothing of this name"):
        index(folder / "nowhere", catalogue)


def test_that_a_label_table_in_the_folder_is_joined_and_says_so(catalogue, folder):
    picture(folder / "images" / "1.png", 1)
    picture(folder / "images" / "2.png", 2)
    (folder / "labels.csv").write_text("path,Edema,note\nimages/1.png,1,x\nimages/9.png,0,y\n")

    index(folder, catalogue)

    assert list(catalogue.labels("Edema").values()) == [1]
    (table,) = catalogue.refused()
    assert table.what == "labels.csv is a table, not an image."
    assert "1 of 2 rows" in table.why
    assert "row 3 (images/9.png)" in table.why
    assert "note" in table.why


def test_that_labels_are_joined_again_only_where_a_file_or_the_table_has_changed(catalogue, folder, monkeypatch):
    picture(folder / "1.png")
    table = folder / "labels.csv"
    table.write_text("path,Edema\n1.png,1\n2.png,1\n")
    joined: list[Path] = []
    read_labels = indexing.read_labels
    monkeypatch.setattr(indexing, "read_labels", lambda path: joined.append(path) or read_labels(path))

    for change, times in (
        (lambda: None, 1),
        (lambda: None, 1),
        (lambda: picture(folder / "2.png"), 2),
        (lambda: table.write_text("path,Edema\n1.png,0\n"), 3),
        (lambda: catalogue.connection.execute("UPDATE root SET state = 'indexing'"), 4),
    ):
        change()
        index(folder, catalogue)
        assert len(joined) == times
    assert catalogue.labels_of(catalogue.image_at(folder / "1.png").id) == {"Edema": 0}


def test_that_an_unusable_label_table_does_not_stop_the_index(catalogue, folder):
    picture(folder / "1.png")
    (folder / "labels.csv").write_text("colour\nred\n")

    assert index(folder, catalogue) == (2, 1, 1, 1, 1)
    assert "None of its columns names an image" in catalogue.refused()[0].why


def test_that_the_json_of_an_index_accounts_for_every_file_relative_to_the_folder(catalogue, folder):
    picture(folder / "1.png")
    (folder / "sub").mkdir()
    (folder / "sub" / "note.txt").write_text("x")
    index(folder, catalogue)

    said = describe_index(catalogue, folder)

    assert said["files"] == said["images"] + len(said["refused"]) == 2
    assert said["refused"][0]["path"] == os.path.join("sub", "note.txt")  # noqa: PTH118
    assert said["refused"][0]["why"] == "It holds text, not pixels."


def test_that_masks_beside_images_are_refused_as_masks(catalogue: Catalogue, tmp_path: Path) -> None:
    write_cohort(tmp_path / "cohort", 12, 5, "B", size=64, masks=True)
    masks = len(list((tmp_path / "cohort" / "masks").iterdir()))
    counts = index(tmp_path / "cohort", catalogue)
    refused = [row for row in catalogue.refused() if "is a mask" in row.what]
    assert masks > 0
    assert (counts.images, len(refused)) == (12, masks)


def test_that_damage_which_no_reader_foresaw_costs_one_file_and_not_the_index(write_dicom, tmp_path, monkeypatch):
    folder = write_dicom(np.zeros((3, 4), np.uint8)).parent
    monkeypatch.setattr(examination, "_examine_dicom", lambda *_: {}["Doe^Jane"])
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        counts = index(folder / "film.dcm", catalogue)

        assert (counts.images, counts.refused) == (0, 1)
        assert "Doe" not in str(catalogue.refused())
