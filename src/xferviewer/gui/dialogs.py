"""The few dialogs: what needs to be read at leisure. None of them stops the work behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtWidgets import QDialog, QMessageBox, QTextBrowser, QTextEdit, QVBoxLayout, QWidget

from xferviewer import RESEARCH_NOTICE, __version__
from xferviewer.gui.actions import cheat_sheet
from xferviewer.studies.catalogue import RefusedRow

_SHEET = QSize(1180, 660)


def show_refused(window: QWidget, refused: Sequence[RefusedRow], *, hide_names: bool) -> QMessageBox:
    """The files that were refused, each with its reason. Files are often named after patients."""
    box = _box(window, _tr("Refused files"), _tr("{0} files were refused.").format(len(refused)))
    _set_details(box, _listed(refused, hide_names=hide_names))
    return box


def show_failed_images(window: QWidget, failed: Sequence[RefusedRow], *, hide_names: bool) -> QMessageBox:
    """The images that could not be predicted, each with its reason. Files are often named after patients."""
    if not failed:
        text = _tr("Every image that was asked for has its predictions.")
        return _box(window, _tr("Images that could not be predicted"), text)
    text = _tr("{0} images could not be predicted. “Go on predicting” tries them again.").format(len(failed))
    box = _box(window, _tr("Images that could not be predicted"), text)
    _set_details(box, _listed(failed, hide_names=hide_names))
    return box


def show_cheat_sheet(window: QWidget, keys: Mapping[str, tuple[str, ...]], mouse: Sequence[tuple[str, str]]) -> QDialog:
    """Keys, by the names of their actions, and mouse, to scroll through: there are more than a small screen holds."""
    dialog = QDialog(window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(_tr("Keys and mouse"))
    dialog.resize(_SHEET)
    sheet = QTextBrowser()
    sheet.setAccessibleName(_tr("Keys and mouse"))
    sheet.setHtml(cheat_sheet(keys, mouse))
    QVBoxLayout(dialog).addWidget(sheet)
    dialog.open()
    return dialog


def show_about(window: QWidget) -> QMessageBox:
    """Version and research notice."""
    return _box(window, _tr("About xferviewer"), f"<b>xferviewer {__version__}</b><p>{RESEARCH_NOTICE}</p>")


def show_devices(window: QWidget, details: str) -> QMessageBox:
    """What this computer has to compute on, and what each checkpoint computes on."""
    return _box(window, _tr("Device and precision"), details)


def _listed(rows: Sequence[RefusedRow], *, hide_names: bool) -> str:
    return "\n\n".join(
        _without_name(row, _tr("file {0}").format(place + 1)) if hide_names else f"{row.path}\n{_said(row)}"
        for place, row in enumerate(rows)
    )


def _said(row: RefusedRow) -> str:
    return f"{row.what} {row.why} {row.todo}"


def _without_name(row: RefusedRow, called: str) -> str:
    """What is said names the file by its path, or by the last part of that."""
    said = _said(row)
    for name in (str(row.path), Path(row.path).name):
        said = said.replace(name, called)
    return f"{called}\n{said}"


def _set_details(box: QMessageBox, details: str) -> None:
    box.setDetailedText(details)
    field = box.findChild(QTextEdit)
    if isinstance(field, QTextEdit):
        field.setAccessibleName(_tr("Each file with its reason"))


def _tr(text: str) -> str:
    return QCoreApplication.translate("dialogs", text)


def _box(window: QWidget, title: str, text: str) -> QMessageBox:
    box = QMessageBox(window)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle(title)
    box.setTextFormat(Qt.TextFormat.RichText)
    box.setText(text)
    box.open()
    return box
