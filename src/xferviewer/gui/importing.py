"""Importing checkpoints from the window: which files, one dialog after the other, and what becomes of the result."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from xferviewer.gui.import_choices import WEIGHT_SUFFIXES, refusal
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.session import Session
from xferviewer.gui.views.import_dialog import ImportDialog
from xferviewer.gui.views.import_dialog.published_dialog import PublishedDialog


class Importing(QObject):
    """At most one dialog is open; further files wait for it."""

    imported = Signal(object)  # dict, as `xferviewer import-checkpoint --json` prints it
    refused = Signal(object)  # XferviewerError

    def __init__(
        self, session: Session, settings: KeptSettings, checkpoints_folder: Path, window: QWidget, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self._folder = checkpoints_folder
        self._window = window
        self._waiting: deque[tuple[Path, str]] = deque()
        self.dialog: ImportDialog | None = None
        self.published: PublishedDialog | None = None

    @Slot()
    def ask(self) -> None:
        """Ask for a file of weights."""
        file = self._ask_for_file()
        if file is not None:
            self.open(file)

    @Slot()
    def ask_published(self) -> None:
        """Ask for weights that timm or torchvision publish."""
        if self.published is None:
            self.published = PublishedDialog(self._settings, self._window)
            self.published.obtained.connect(self._open_published)
            self.published.finished.connect(self._forget_published)
            self.published.show()
        self.published.activateWindow()

    @Slot(str, object)
    def _open_published(self, name: str, file: Path) -> None:
        self.open(file, name)

    @Slot()
    def _forget_published(self) -> None:
        self.published = None

    def open(self, file: Path, published: str = "") -> None:
        """Open the dialog on a file, or say why it cannot be imported; `published`: its name, where it has one."""
        error = refusal(file)
        if error is not None:
            self.refused.emit(error)
            return
        self._waiting.append((file, published))
        if self.dialog is None:
            self._open_next()

    def stop(self) -> None:
        """Close the dialog, and with it the process behind it."""
        self._waiting.clear()
        for dialog in (self.published, self.dialog):
            if dialog is not None:
                dialog.reject()

    def _open_next(self) -> None:
        if self._waiting:
            self.dialog = ImportDialog(self._session, self._folder, self._window)
            self.dialog.imported.connect(self.imported)
            self.dialog.file_asked.connect(self._ask_for_another)
            self.dialog.finished.connect(self._closed)
            self.dialog.show_file(*self._waiting.popleft())

    @Slot()
    def _closed(self) -> None:
        self.dialog = None
        self._open_next()

    @Slot()
    def _ask_for_another(self) -> None:
        file = self._ask_for_file()
        if file is not None and self.dialog is not None:
            error = refusal(file)
            if error is None:
                self.dialog.show_file(file)
            else:
                self.refused.emit(error)

    def _ask_for_file(self) -> Path | None:
        endings = " ".join(f"*{suffix}" for suffix in WEIGHT_SUFFIXES)
        chosen, _ = QFileDialog.getOpenFileName(
            self.dialog or self._window,
            self.tr("Import a checkpoint"),
            filter=self.tr("Weights ({0});;All files (*)").format(endings),
        )
        return Path(chosen) if chosen else None
