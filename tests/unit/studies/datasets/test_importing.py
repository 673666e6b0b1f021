"""What all importers share: terms, choices, progress, cancelling, places, and the line that repeats an import."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

import pytest

from xferviewer.errors import Stopped, UnusableChoice, UnusableFolder
from xferviewer.studies.cohort_folder import cohorts_folder, read_cohort
from xferviewer.studies.datasets import SOURCES, find_source, import_dataset, source_of
from xferviewer.studies.datasets.listing import Listing


@pytest.fixture
def ham(tree):
    tree.pictures("HAM10000_images_part_1/ISIC_1.jpg", "HAM10000_images_part_1/ISIC_2.jpg")
    tree.text("HAM10000_metadata.csv", "lesion_id,image_id,dx,dx_type,age,sex,localization",
              "HAM_1,ISIC_1,mel,histo,80,male,back", '"HAM_2 ",ISIC_2,"nv\n",histo,80,male,back')  # fmt: skip
    return tree


def test_that_terms_have_to_be_accepted_and_are_kept_with_the_cohort(ham, tmp_path):
    with pytest.raises(UnusableChoice, match=r"CC BY-NC 4.0.*--accept-terms"):
        import_dataset(source_of("ham10000"), ham.root, tmp_path / "c")
    assert not (tmp_path / "c").exists()
    import_dataset(source_of("ham10000"), ham.root, tmp_path / "c", accept_terms=True)
    terms = read_cohort(tmp_path / "c").description.terms
    assert terms.accepted
    assert "not for commercial use" in terms.text
    assert terms.link.startswith("https://")


def test_that_every_published_source_states_its_terms_and_its_key_once():
    keys = [source.key for source in SOURCES]
    assert len(set(keys)) == len(keys)
    generic = {"dicom-tree", "csv-table", "folder-per-class"}
    assert {source.key for source in SOURCES if not source.terms.text} == generic
    assert all(source.terms.link.startswith("https://") for source in SOURCES if source.key not in generic)
    with pytest.raises(UnusableChoice, match="There is no source mnist"):
        source_of("mnist")


def test_that_nothing_below_the_source_changes(ham, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in ham.root.rglob("*")}
    import_dataset(source_of("ham10000"), ham.root, tmp_path / "c", accept_terms=True)
    assert {path: path.stat().st_mtime_ns for path in ham.root.rglob("*")} == before
    for out in (ham.root / "cohort", ham.root):
        with pytest.raises(UnusableFolder, match="left as it is"):
            import_dataset(source_of("ham10000"), ham.root, out, accept_terms=True)
    with pytest.raises(UnusableFolder, match="left as it is"):  # beside the layout, in the folder that was named
        import_dataset(source_of("ham10000"), ham.root.parent, ham.root.parent / "c", accept_terms=True)


def test_that_a_cohort_lies_below_the_data_folder_by_its_name(ham, tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    result = import_dataset(source_of("ham10000"), ham.root, name="skin", accept_terms=True)
    assert result.folder == cohorts_folder() / "skin" == tmp_path / "home" / "cohorts" / "skin"
    assert (result.description.name, result.images, result.groups) == ("skin", 2, 2)
    with pytest.raises(UnusableFolder, match="of this name already"):
        import_dataset(source_of("ham10000"), ham.root, name="skin", accept_terms=True)
    again = import_dataset(source_of("ham10000"), ham.root, name="skin", accept_terms=True, replace_cohort=True)
    assert again.digest == result.digest


def test_that_unknown_choices_and_values_are_refused(ham, tmp_path):
    with pytest.raises(UnusableChoice, match="has no choice of view"):
        import_dataset(source_of("ham10000"), ham.root, tmp_path / "c", chosen={"view": "PA"}, accept_terms=True)
    with pytest.raises(UnusableChoice, match="view cannot be oblique"):
        import_dataset(source_of("chexpert"), ham.root, tmp_path / "c", chosen={"view": "oblique"}, accept_terms=True)
    with pytest.raises(UnusableFolder, match="not in the layout of CheXpert"):
        import_dataset(source_of("chexpert"), ham.root, tmp_path / "c", accept_terms=True)
    with pytest.raises(UnusableFolder, match="no folder of this name"):
        import_dataset(source_of("chexpert"), ham.root / "gone", tmp_path / "c", accept_terms=True)


def test_that_the_tables_are_named_with_their_digests_and_the_line_repeats_the_import(ham, tmp_path):
    from xferviewer import cli

    result = import_dataset(source_of("ham10000"), ham.root, tmp_path / "a b", accept_terms=True)
    description = result.description
    table = ham.root / "HAM10000_metadata.csv"
    assert description.tables == {table.name: hashlib.sha256(table.read_bytes()).hexdigest()}
    words = shlex.split(description.command)
    assert words[:3] == ["xferviewer", "import-dataset", "ham10000"]
    (tmp_path / "a b").rename(tmp_path / "first")
    assert cli.main(words[1:]) == 0
    assert read_cohort(tmp_path / "a b").digest == result.digest


def test_that_progress_is_told_and_a_cancelled_import_leaves_nothing(tree, tmp_path):
    tree.text("labels.csv", "path,tumor", *(f"{n}.png,{n % 2}" for n in range(2100)))
    for n in range(2100):
        (tree.root / f"{n}.png").touch()
    told: list[int] = []
    import_dataset(source_of("csv-table"), tree.root, tmp_path / "c", progress=lambda so_far: told.append(so_far.rows))
    assert told == sorted(told)
    assert told[-1] == 2100
    assert len(told) > 2
    with pytest.raises(Stopped):
        import_dataset(source_of("csv-table"), tree.root, tmp_path / "d", cancelled=lambda: True)
    assert not (tmp_path / "d").exists()


def test_that_published_shares_are_met_by_what_rounds_to_them(tmp_path):
    from xferviewer.studies.cohort import CohortRow
    from xferviewer.studies.datasets.reading import Reading

    rows = [CohortRow(f"{n}.png", (int(n < 96), int(n < 7))) for n in range(1000)]
    reading = Reading(tmp_path)
    reading.expect_shares("train", rows, {0: "9.6", 1: ".7"})
    reading.expect_shares("test", rows, {0: "9.7", 1: "1"})
    assert reading.notes() == (
        "Per cent of train that show a finding, as published: 9.6, .7.",
        "Per cent of test that show a finding, not as published: 9.6 for 9.7.",
    )


def test_that_tables_in_other_encodings_and_damaged_rows_cost_only_themselves(tree, imported, note):
    tree.pictures("HAM10000_images_part_1/ISIC_1.jpg")
    table = tree.text("HAM10000_metadata.csv", "lesion_id,image_id,dx,age")
    table.write_bytes("\ufefflesion_id,image_id,dx,age\r\nHAM_1,ISIC_1,mel,80\r\nHAM_2,ISIC_2,".encode()
                      + b"\xff\x00\n,,\n")  # fmt: skip
    cohort = imported("ham10000")
    assert cohort.ages == (80.0,)
    assert note(cohort, "not wholly UTF-8")


def test_that_a_folder_with_two_layouts_has_to_be_named(ham, tmp_path):
    ham.pictures("benign/benign (1).png", "malignant/malignant (1).png", "normal/normal (1).png")
    with pytest.raises(UnusableFolder, match="busi, ham10000"):
        find_source(ham.root)
    assert source_of("busi").detect(ham.root) == ham.root


def test_that_links_are_not_followed_into_the_name_of_the_root(ham, tmp_path):
    link = tmp_path / "link"
    try:
        link.symlink_to(ham.root, target_is_directory=True)
    except OSError:
        pytest.skip("this system does not let links be made")
    result = import_dataset(source_of("ham10000"), Path(link), tmp_path / "c", accept_terms=True)
    assert result.description.root == link


def test_that_a_link_back_to_a_folder_above_is_not_followed_for_ever(ham, imported):
    try:
        (ham.root / "HAM10000_images_part_1" / "again").symlink_to(ham.root, target_is_directory=True)
    except OSError:
        pytest.skip("this system does not let links be made")
    assert len(imported("ham10000")) == 2
    assert sorted(path.rpartition("/")[2] for path in Listing(ham.root).below()) == [
        "HAM10000_metadata.csv", "ISIC_1.jpg", "ISIC_2.jpg"
    ]  # fmt: skip


def test_that_a_folder_that_may_not_be_listed_is_named(ham, imported, note, monkeypatch):
    (ham.root / "HAM10000_images_part_2").mkdir()
    monkeypatch.setattr("xferviewer.studies.datasets.listing.os.access", lambda path, _: "part_2" not in str(path))
    assert note(imported("ham10000"), "may not be listed") == "The folder HAM10000_images_part_2 may not be listed."


def test_that_a_name_is_no_path(ham, tmp_path):
    with pytest.raises(UnusableChoice, match="That is a path"):
        import_dataset(source_of("ham10000"), ham.root, tmp_path / "c", name="../c", accept_terms=True)
