"""The cohort folder: what is written is read again, and what cannot be read is named."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.errors import UnusableFolder, UnusableTable
from xferviewer.studies import cohort_folder
from xferviewer.studies.cohort_folder import (
    CohortDescription,
    CohortRow,
    RegionRow,
    Terms,
    is_cohort_folder,
    read_cohort,
    write_cohort,
)

FORMATS = Path(__file__).parents[2] / "data" / "formats"
DESCRIPTION = CohortDescription(
    name="small",
    title="Two films of one patient",
    source="csv-table",
    root=Path("/films").absolute(),
    task="multi-label",
    findings=("Effusion", "Edema"),
    group="patient",
    modality="DX",
    terms=Terms("No redistribution.", "https://example.org/terms", accepted=True),
    notes=("1 row names an image that is not there: c.png.",),
    tables={"labels.csv": "00" * 32},
    command="xferviewer import-dataset csv-table /films",
    xferviewer="0.1.0",
)
ROWS = (
    CohortRow("a/1.png", (1, None), patient="7", study="s", view="PA", sex="F", age=61.0, split="train"),
    CohortRow("a/2.npy", (-1, 0), frame=3, patient="7", site="A", split="test"),
)
REGIONS = (RegionRow("a/1.png", "Effusion", (1.5, 2, 30, 40.25)), RegionRow("a/2.npy", "Edema", None, "m/2.png", 3))

_WORD = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=8)
_IMAGE = st.lists(_WORD.filter(lambda part: part.strip(".") and "/" not in part and ":" not in part
                               and "\\" not in part), min_size=1, max_size=3).map("/".join)  # fmt: skip
_ROW = st.builds(
    CohortRow, image=_IMAGE, values=st.tuples(*[st.sampled_from([1, 0, -1, None])] * 2),
    frame=st.integers(0, 10**6), patient=_WORD, study=_WORD, site=_WORD, view=_WORD, sex=st.sampled_from("MFO"),
    age=st.none() | st.integers(0, 120).map(float), split=st.sampled_from(["train", "validation", "test", ""]),
)  # fmt: skip


def test_that_a_cohort_is_read_as_it_was_written(tmp_path):
    digest = write_cohort(tmp_path / "small", DESCRIPTION, ROWS, REGIONS)
    cohort = read_cohort(tmp_path / "small")
    assert cohort.description == DESCRIPTION
    assert (cohort.images, cohort.frames) == (("a/1.png", "a/2.npy"), (0, 3))
    assert (cohort.patients, cohort.studies, cohort.sites) == (("7", "7"), ("s", ""), ("", "A"))
    assert (cohort.views, cohort.sexes, cohort.ages) == (("PA", ""), ("F", ""), (61.0, None))
    assert (cohort.splits, cohort.regions) == (("train", "test"), REGIONS)
    assert cohort.labels.dtype == np.float32
    np.testing.assert_array_equal(cohort.labels, [[1, np.nan], [-1, 0]])
    assert cohort.path(1) == DESCRIPTION.root / "a" / "2.npy"
    assert digest == cohort.digest == hashlib.sha256((tmp_path / "small" / "images.csv").read_bytes()).hexdigest()


@settings(max_examples=40, deadline=None)
@given(st.lists(_ROW, min_size=1, max_size=6, unique_by=lambda row: (row.image, row.frame)))
def test_that_any_rows_come_back_in_their_order(rows):
    with tempfile.TemporaryDirectory() as folder:
        write_cohort(Path(folder, "c"), DESCRIPTION, rows)
        cohort = read_cohort(Path(folder, "c"))
    read = [
        CohortRow(*each[:1], tuple(None if np.isnan(v) else int(v) for v in each[1]), *each[2:])
        for each in zip(cohort.images, cohort.labels, cohort.frames, cohort.patients, cohort.studies, cohort.sites,
                        cohort.views, cohort.sexes, cohort.ages, cohort.splits, strict=True)
    ]  # fmt: skip
    assert read == rows


def test_that_boxes_and_masks_are_found_by_the_file_of_their_image(tmp_path):
    write_cohort(tmp_path / "small", DESCRIPTION, ROWS, REGIONS)
    marked = read_cohort(tmp_path / "small").marked()
    (region,) = marked.of(DESCRIPTION.root / "a" / "1.png")
    assert (region.boxes[0].right, region.boxes[0].bottom) == (31.5, 42.25)
    assert marked.of_finding(DESCRIPTION.root / "a" / "2.npy", "edema").masks == (DESCRIPTION.root / "m" / "2.png",)


def test_that_a_cohort_of_the_first_format_is_still_read():
    cohort = read_cohort(FORMATS / "cohort-1")
    assert (len(cohort), cohort.description.task, len(cohort.regions)) == (2, "multi-label", 2)


def test_that_a_cohort_is_never_written_into_the_source(tmp_path):
    described = replace(DESCRIPTION, root=tmp_path / "films")
    for place in (tmp_path / "films", tmp_path / "films" / "cohort"):
        with pytest.raises(UnusableFolder, match="left as it is"):
            write_cohort(place, described, ROWS)
    assert not (tmp_path / "films").exists()


def test_that_a_cohort_is_replaced_only_when_that_is_said_and_keeps_its_splits(tmp_path):
    write_cohort(tmp_path / "c", DESCRIPTION, ROWS, REGIONS)
    (tmp_path / "c" / "splits").mkdir()
    with pytest.raises(UnusableFolder, match="of this name already"):
        write_cohort(tmp_path / "c", DESCRIPTION, ROWS[:1])
    write_cohort(tmp_path / "c", DESCRIPTION, ROWS[:1], replace=True)
    cohort = read_cohort(tmp_path / "c")
    assert (len(cohort), cohort.regions) == (1, ())
    assert (tmp_path / "c" / "splits").is_dir()


def test_that_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(UnusableFolder, match="other files"):
        write_cohort(tmp_path, DESCRIPTION, ROWS, replace=True)


def test_that_a_broken_off_import_leaves_no_cohort(tmp_path, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        if path.name == "cohort.toml":
            raise UnusableFolder("cohort.toml could not be written.", "No space.", "Free some.")
        path.write_bytes(content)

    monkeypatch.setattr(cohort_folder, "write_atomically", full)
    with pytest.raises(UnusableFolder, match="No space"):
        write_cohort(tmp_path / "c", DESCRIPTION, ROWS)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    write_cohort(tmp_path / "c", DESCRIPTION, ROWS)
    monkeypatch.setattr(cohort_folder, "write_atomically", full)
    with pytest.raises(UnusableFolder, match="No space"):
        write_cohort(tmp_path / "c", DESCRIPTION, ROWS[:1], replace=True)
    assert not is_cohort_folder(tmp_path / "c")
    with pytest.raises(UnusableFolder, match="not written to its end"):
        read_cohort(tmp_path / "c")


@pytest.mark.parametrize(
    ("file", "before", "after", "why"),
    [
        ("images.csv", "Effusion,Edema", "Effusion", "Its columns are"),
        ("images.csv", ",-1,0", ",2,0", "Row 3: '2' is none of 1, 0, -1"),
        ("images.csv", ",-1,0", ",-1", "Row 3: it has 10 cells"),
        ("images.csv", "a/2.npy,3", "a/2.npy,x", "Row 3: the frame 'x'"),
        ("images.csv", "a/2.npy,3", "a/1.png,", "Row 3: it names the image of row 2 again"),
        ("images.csv", "a/2.npy", "../2.npy", "no path below the root"),
        ("images.csv", "a/2.npy", "/2.npy", "no path below the root"),
        ("images.csv", "a/2.npy", "C:\\2.npy", "no path below the root"),
        ("images.csv", "a/2.npy", "a\\..\\..\\2.npy", "no path below the root"),
        ("images.csv", ",61,", ",old,", "Row 2"),
        ("images.csv", ",61,", ",nan,", "Row 2: the age"),
        ("images.csv", ",train,", ",training,", "the split 'training'"),
        ("images.csv", "a/1", "\udcff", "UTF-8"),
        ("cohort.toml", "version = 1", "version = 2", "of version 2"),
        ("cohort.toml", "version = 1", "version = [", "not TOML"),
        ("cohort.toml", 'task = "multi-label"', 'task = "regression"', "regression"),
        ("cohort.toml", 'task = "multi-label"', 'task = "multi-class"', "Row 2: it belongs to no class"),
        ("cohort.toml", "findings = [", "findings = 3 # [", "findings"),
        ("regions.csv", "1.5,2,30,40.25", ",,,", "Row 2: it has neither"),
        ("regions.csv", "1.5,2,30,40.25", "1.5,2,30,wide", "Row 2"),
        ("regions.csv", "width", "w", "Its columns"),
    ],
)
def test_that_a_damaged_cohort_is_refused_with_its_place(tmp_path, file, before, after, why):
    write_cohort(tmp_path / "c", DESCRIPTION, ROWS, REGIONS)
    path = tmp_path / "c" / file
    text = path.read_text()
    if file == "cohort.toml" and before == "findings = [":
        after = "findings = 3\nothers = ["
    assert before in text
    path.write_bytes(text.replace(before, after, 1).encode(errors="surrogateescape"))
    with pytest.raises(UnusableTable, match=why) as caught:
        read_cohort(tmp_path / "c")
    assert caught.value.todo


def test_that_what_could_not_be_read_is_not_written(tmp_path):
    with pytest.raises(UnusableTable, match="no images"):
        write_cohort(tmp_path / "c", DESCRIPTION, [])
    with pytest.raises(UnusableTable, match="again"):
        write_cohort(tmp_path / "c", DESCRIPTION, [ROWS[0], ROWS[0]])
    assert not (tmp_path / "c").exists()


def test_that_a_cohort_moved_with_its_folder_stays_the_same(tmp_path):
    digest = write_cohort(tmp_path / "c", DESCRIPTION, ROWS)
    shutil.move(tmp_path / "c", tmp_path / "d")
    assert read_cohort(tmp_path / "d").digest == digest
