"""Importing data sets from the window: one dialog, and the command that makes a cohort of a folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from xferviewer.errors import XferviewerError
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.json_command import JsonCommand
from xferviewer.gui.views.training import ImportDatasetDialog
from xferviewer.studies.datasets import find_source


class ImportingDatasets(QObject):
    """The dialog is made when it is asked for, and goes when it is closed."""

    imported = Signal(object)  # Path of the new cohort
    told = Signal(str, str)  # what, details

    def __init__(self, cohorts: Path, window: QWidget, calculator: Calculator, parent: QObject) -> None:
        super().__init__(parent)
        self._cohorts = cohorts
        self._window = window
        self._calculator = calculator
        self.dialog: ImportDatasetDialog | None = None
        self._command = JsonCommand(self)
        self._command.answered.connect(self._take)
        self._command.progressed.connect(self._progress)
        self._command.failed.connect(self._refused)

    @Slot()
    def ask(self) -> None:
        """Open the dialog."""
        if self.dialog is None:
            self.dialog = ImportDatasetDialog(self._cohorts, self._window)
            self.dialog.folder_chosen.connect(self._look_at)
            self.dialog.import_asked.connect(self._import)
            self.dialog.stopped.connect(self._stop_command)
            self.dialog.finished.connect(self._closed)
        self.dialog.show()
        self.dialog.activateWindow()

    def stop(self) -> None:
        """Close the dialog, and end what it does."""
        self._calculator.forget(self)
        if self.dialog is not None:
            self.dialog.reject()

    @Slot(object)
    def _look_at(self, folder: Path) -> None:
        self._calculator.ask(self, str(folder), partial(_key_of, folder), partial(self._take_source, folder))

    def _take_source(self, folder: Path, key: str) -> None:
        if self.dialog is not None and Path(self.dialog.folder.text().strip()) == folder:
            self.dialog.take_source(key)

    @Slot(object)
    def _import(self, words: list[str]) -> None:
        if self.dialog is not None:
            self.dialog.show_working(self.tr("importing …"), working=True)
            self._command.ask(words, self.tr("The data set was not imported."))

    @Slot()
    def _stop_command(self) -> None:
        if self._command.running:
            self._command.stop()
            if self.dialog is not None:
                self.dialog.show_working(self.tr("Stopped; nothing was written."), working=False)

    @Slot(str)
    def _progress(self, words: str) -> None:
        if self.dialog is not None:
            self.dialog.show_working(words, working=True)

    @Slot(object)
    def _refused(self, error: XferviewerError) -> None:
        if self.dialog is not None:
            self.dialog.show_refusal(str(error))

    @Slot(object)
    def _take(self, said: dict[str, Any]) -> None:
        if self.dialog is not None:
            self.dialog.accept()
        folder = Path(said["cohort"])
        self.told.emit(self.tr("{0} is imported: {1} images.").format(folder.name, said["images"]), "")
        self.imported.emit(folder)

    @Slot()
    def _closed(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
        self.dialog = None


def _key_of(folder: Path) -> str:
    """In a thread: the key of the source whose layout the folder has; "" where it has none, or several."""
    try:
        return find_source(folder).key
    except XferviewerError:
        return ""
