"""With patients' identities hidden nothing on the screen names one: files and folders are often named after them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QMenu, QMessageBox, QTableView
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application

NAME = "MUSTERMANN"
LONG = 120_000


@pytest.fixture
def named(opened: Application, tmp_path: Path, qtbot: QtBot) -> Application:
    """The window after a folder was opened that is named like its one file, which is no image."""
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / f"{NAME}.dcm").write_text("no film")
    with qtbot.waitSignal(opened.library.index_finished, timeout=LONG):
        opened.opening.open([folder])
    return opened


def details(application: Application) -> str:
    boxes = application.window.findChildren(QMessageBox)
    text = "\n".join(box.text() + box.detailedText() for box in boxes)
    for box in boxes:
        box.close()
    return text


def test_that_what_was_opened_and_refused_is_told_without_names(
    named: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[QAction] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, *_: shown.extend(menu.actions()))
    for hidden in (False, True):
        if hidden:
            named.window.actions_by_name["hide_identity"].trigger()
        shown.clear()
        named.window.actions_by_name["open_recent"].trigger()
        assert any(NAME in action.text() for action in shown) != hidden
        named.window.actions_by_name["refused_files"].trigger()
        said = details(named)
        assert " files were refused." in said
        assert (NAME in said) != hidden
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # the first dialog


def test_that_cells_corners_and_tool_tips_name_nobody(named: Application) -> None:
    session, window = named.session, named.window
    window.actions_by_name["hide_identity"].trigger()
    patients = {study.patient_id for study in (session.studies[row] for row in range(len(session.studies)))}
    words = [window.windowTitle()]
    for label in window.findChildren(QLabel):
        words += [label.text(), label.toolTip(), label.accessibleDescription()]
    for table in window.findChildren(QTableView):
        model = table.model()
        for row in range(model.rowCount()):
            for column in range(model.columnCount()):
                cell = model.index(row, column)
                words += [str(cell.data(role)) for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)]
    assert not [word for word in words if any(patient in word for patient in patients if len(patient) > 3)]
