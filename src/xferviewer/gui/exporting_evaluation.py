"""The evaluation on screen leaves the window: as a command on the clipboard, or as files in a folder."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication

from xferviewer.errors import XferviewerError
from xferviewer.gui.evaluating import Evaluating
from xferviewer.gui.main_window import MainWindow


class ExportingEvaluation(QObject):
    """Tells what was written and where; the line of work shows that something is being written."""

    told = Signal(str, str)  # what, details
    failed = Signal(object)  # XferviewerError

    def __init__(
        self, evaluating: Evaluating, snapshots: Path, window: MainWindow, parent: QObject | None = None
    ) -> None:
        """`snapshots`: the folder for the tables that a copied command reads."""
        super().__init__(parent)
        self._evaluating = evaluating
        self._snapshots = snapshots
        self._work = window.status.work
        window.command_asked.connect(self._copy_command)
        window.choosing.evaluation_chosen.connect(self._export)
        evaluating.finished.connect(self._ended)
        evaluating.failed.connect(self._ended_early)

    @Slot()
    def _copy_command(self) -> None:
        try:
            snapshot = self._evaluating.snapshot(self._snapshots)
        except XferviewerError as error:
            self.failed.emit(error)
            return
        QGuiApplication.clipboard().setText(snapshot.text)
        self.told.emit(
            self.tr("The command is on the clipboard."),
            self.tr("It reads the labels and predictions in {0}; copy that folder to run it elsewhere.").format(
                snapshot.folder
            ),
        )

    @Slot(object)
    def _export(self, folder: Path) -> None:
        try:
            self._evaluating.export(folder)
        except XferviewerError as error:
            self.failed.emit(error)
        else:
            self._work.show_writing(running=True)

    @Slot(object)
    def _ended(self, folder: Path) -> None:
        self._work.show_writing(running=False)
        self.told.emit(self.tr("The evaluation is written."), str(folder))

    @Slot(object)
    def _ended_early(self, error: XferviewerError) -> None:
        self._work.show_writing(running=False)
        self.failed.emit(error)
