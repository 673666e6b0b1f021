"""Opening films, label tables and checkpoints by dropping them on the window; the engine is the real one."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from PySide6.QtWidgets import QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.notify import Toast
from xferviewer.settings import Settings
from xferviewer.studies.cohort_folder import read_cohort
from xferviewer.studies.datasets import find_source, import_dataset

LONG = 120_000
Drop = Callable[[QWidget, list[Path]], None]


def toasts(application: Application) -> dict[str, str]:
    """What the messages on the screen say, with their details."""
    return {toast.what: toast.details for toast in application.window.findChildren(Toast) if not toast.isHidden()}


@pytest.fixture
def application(make_application: Callable[..., Application], qtbot: QtBot) -> Application:
    """A window on an empty home, without an engine."""
    made: Application = make_application()
    made.window.show()
    qtbot.waitExposed(made.window)
    return made


def test_that_a_dropped_folder_is_indexed_beside_the_window_and_fills_the_worklist(
    application: Application, cohort: Path, drop: Drop, qtbot: QtBot
) -> None:
    heard = []
    application.library.index_finished.connect(heard.append)
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        drop(application.window, [cohort])
        assert application.library.indexing
        assert application.library._process.processId() > 0
    table = application.window.worklist.table
    assert table.model().rowCount() == len(application.session.studies) == 24
    assert heard[0].images == 24
    assert {study.site for study in application.session.studies} == {"A", "B"}
    qtbot.waitUntil(lambda: application.window.compare.image is not None, timeout=LONG)
    assert application.session.position() == 0
    assert table.currentIndex().row() == 0
    assert application.window.compare.panes[0]._film.image.shape == application.window.compare.image.pixels.shape
    assert any("24 images indexed" in what for what in toasts(application))


def test_that_refused_files_are_listed_with_their_reasons(
    application: Application, cohort: Path, tmp_path: Path, drop: Drop, qtbot: QtBot
) -> None:
    folder = tmp_path / "films"
    shutil.copytree(cohort / "A" / "images", folder)
    whole = sorted(folder.glob("*.dcm"))[0]
    (folder / "truncated.dcm").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (folder / "notes.docx").write_bytes(b"not an image")
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG) as ended:
        drop(application.window, [folder])
    assert (ended.args[0].images, ended.args[0].refused) == (12, 2)
    application.window.actions_by_name["refused_files"].trigger()
    box = application.window.findChild(QMessageBox)
    assert "2 files were refused" in box.text()
    for row in application.library.catalogue.refused():
        assert row.path in box.detailedText()
        assert row.what
        assert row.why in box.detailedText()
        assert row.todo in box.detailedText()
    box.close()


def test_that_a_label_table_in_the_folder_is_joined(
    application: Application, cohort: Path, drop: Drop, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        drop(application.window, [cohort])
    stated = {}
    with (cohort.parent / "all_labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            stated[row["sop_instance_uid"] + "#0"] = float(row["Effusion"])
    found = {identity: application.session.cohort.label(identity, "Effusion") for identity in stated}
    assert found == stated


def test_that_a_dropped_cohort_folder_shows_its_films_with_its_labels(
    application: Application, cohort: Path, tmp_path: Path, drop: Drop, qtbot: QtBot
) -> None:
    out = tmp_path / "imported"
    import_dataset(find_source(cohort / "A"), cohort / "A", out)
    table = out / "images.csv"
    *kept, _ = table.read_text(encoding="utf-8").splitlines()  # a part of the films
    table.write_text("\n".join(kept) + "\n", encoding="utf-8")
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG) as ended:
        drop(application.window, [out])
    assert (ended.args[0].images, ended.args[0].refused, ended.args[0].why) == (11, 0, "")
    stated = read_cohort(out)
    column = stated.description.findings.index("Effusion")
    for row in range(len(stated)):
        (film,) = (each for each in application.library.catalogue.all_images() if each.path == str(stated.path(row)))
        assert application.session.cohort.label(film.identity, "Effusion") == stated.labels[row, column]
        assert film.patient_id == stated.patients[row]
    assert len(application.session.studies) == len(set(stated.studies))


def test_that_the_boxes_of_a_dropped_cohort_are_marked_on_its_films(
    application: Application, tmp_path: Path, drop: Drop, qtbot: QtBot
) -> None:
    folder = tmp_path / "source"
    (folder / "images").mkdir(parents=True)
    PIL.Image.new("L", (64, 48), 90).save(folder / "images" / "00000001_000.png")
    (folder / "Data_Entry_2017.csv").write_text(
        "Image Index,Finding Labels,Patient ID\n00000001_000.png,Mass,1\n", encoding="utf-8"
    )
    (folder / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000001_000.png,Mass,10,20,30,5,,,\n", encoding="utf-8"
    )
    import_dataset(find_source(folder), folder, tmp_path / "imported", accept_terms=True)
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        drop(application.window, [tmp_path / "imported"])
    assert any("Regions of 1 images" in what for what in toasts(application))
    qtbot.waitUntil(lambda: bool(application.session.marked))
    (region,) = application.session.marked
    assert (region.finding, region.boxes[0].right, region.boxes[0].bottom) == ("Mass", 40, 25)


def test_that_unknown_columns_and_unmatched_rows_of_a_dropped_table_are_told(
    application: Application, cohort: Path, tmp_path: Path, drop: Drop, qtbot: QtBot
) -> None:
    folder = tmp_path / "films"
    shutil.copytree(cohort / "A" / "images", folder)
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        drop(application.window, [folder])
    table = tmp_path / "finding list.csv"
    table.write_text("image,Effusion,Remark\nA-000000.dcm,1,seen twice\nelsewhere.dcm,0,\n", encoding="utf-8")
    drop(application.window, [table])
    first = next(image for image in application.library.catalogue.all_images() if image.path.endswith("A-000000.dcm"))
    assert application.session.cohort.label(first.identity, "Effusion") == 1.0
    details = next(details for what, details in toasts(application).items() if "1 images labelled" in what)
    assert "elsewhere.dcm" in details
    assert "Remark" in details
    assert "11 images have no row" in details


def test_that_a_table_without_a_key_is_refused_in_three_parts_and_the_labels_stay(
    application: Application, cohort: Path, tmp_path: Path, drop: Drop, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        drop(application.window, [cohort])
    before = application.session.cohort.labels.copy()
    table = tmp_path / "wrong.csv"
    table.write_text("colour,Effusion\nred,1\n", encoding="utf-8")
    drop(application.window, [table])
    details = next(details for what, details in toasts(application).items() if "wrong.csv" in what)
    assert "colour" in details  # why: its columns
    assert details.count(".") >= 2  # and what to do
    np.testing.assert_array_equal(application.session.cohort.labels, before)


def test_that_a_dropped_checkpoint_folder_is_compared_and_remembered(
    application: Application, checkpoints: list[Path], drop: Drop, tmp_path: Path
) -> None:
    drop(application.window, [checkpoints[1]])
    drop(application.window, [checkpoints[0]])
    assert [checkpoint.name for checkpoint in application.session.classifiers.checkpoints] == ["vit", "efficientnet"]
    assert len(application.window.compare.panes) == 2
    assert str(checkpoints[1]) in (tmp_path / "home" / "settings.toml").read_text(encoding="utf-8")
    remembered = application.settings.now.checkpoints
    assert remembered == (str(checkpoints[1]), str(checkpoints[0]))


def test_that_a_missing_folder_is_told_and_the_worklist_stays(
    application: Application, cohort: Path, tmp_path: Path, drop: Drop, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        drop(application.window, [cohort])
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        drop(application.window, [tmp_path / "gone"])
    assert any("gone" in details for details in toasts(application).values())
    assert len(application.session.studies) == 24


def test_that_checkpoints_that_cannot_be_used_are_named_and_the_others_work(
    make_application: Callable[..., Application], checkpoints: list[Path], tmp_path: Path, cohort: Path, qtbot: QtBot
) -> None:
    wrong, cardless = tmp_path / "wrong digest", tmp_path / "cardless"
    for copy in (wrong, cardless):
        shutil.copytree(checkpoints[1], copy)
    weights = bytearray((wrong / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (wrong / "model.safetensors").write_bytes(weights)
    (cardless / "README.md").unlink()
    chosen = Settings(
        device="cpu",
        notice_seen=True,
        checkpoints=(str(wrong), str(cardless), str(checkpoints[0]), str(tmp_path / "gone")),
    )
    application: Application = make_application(chosen=chosen)
    application.window.show()
    opened = []
    application.engine.checkpoint_opened.connect(opened.append)
    application.start()
    application.opening.open([cohort / "A"])
    qtbot.waitUntil(lambda: application.session.shown is not None, timeout=LONG)
    good = next(c for c in application.session.classifiers.checkpoints if c.folder == checkpoints[0])
    qtbot.waitUntil(lambda: len(list(application.session.scores.identities(good.weights_sha256))) == 12, timeout=LONG)
    assert [message.folder for message in opened] == [str(checkpoints[0])]
    said = " ".join(f"{what} {details}" for what, details in toasts(application).items())
    for name in ("vit cannot be used", "SHA-256", "cardless", "gone"):
        assert name in said
    assert "no prediction" in application.window.compare.panes[0]._corners["top_right"].text()
    qtbot.waitUntil(lambda: not application.predicting.running, timeout=LONG)
