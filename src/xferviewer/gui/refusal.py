"""Why no window opened, said in one: whoever starts the application from a menu sees nothing that it prints."""

from __future__ import annotations

import os

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox

from xferviewer.errors import CannotStart, XferviewerError
from xferviewer.gui.desktop_message import show_without_qt
from xferviewer.gui.running import make_qt_application

_NOBODY_LOOKS = ("offscreen", "minimal")


def show(error: XferviewerError) -> None:
    """Stay until it is read. Where Qt cannot open even this, a program of the desktop is asked to."""
    if os.environ.get("QT_QPA_PLATFORM") in _NOBODY_LOOKS:
        return
    try:
        make_qt_application()
    except CannotStart:
        show_without_qt(error)
    else:
        box(error).exec()


def box(error: XferviewerError) -> QMessageBox:
    """The three parts: what happened in bold, below it why and what to do."""
    made = QMessageBox()
    made.setIcon(QMessageBox.Icon.Critical)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWindowTitle(QCoreApplication.translate("refusal", "xferviewer"))
    made.setText(error.what)
    made.setInformativeText(f"{error.why}\n\n{error.todo}")
    return made
