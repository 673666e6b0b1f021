"""Measurements and agreement as tables: the command line writes them, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from xferviewer.gui.decisions import Decisions
from xferviewer.gui.json_command import JsonCommand
from xferviewer.gui.library import Library


class ExportingNotes(QObject):
    """Asks for a folder, and runs `xferviewer notes` on the catalogue that is open."""

    told = Signal(str, str)  # what, details
    failed = Signal(object)  # XferviewerError

    def __init__(self, library: Library, decisions: Decisions, window: QWidget) -> None:
        super().__init__(window)
        self._library = library
        self._decisions = decisions
        self._window = window
        self._folder = Path()
        self._command = JsonCommand(self)
        self._command.answered.connect(self._written)
        self._command.failed.connect(self.failed)

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for each action."""
        return {"export_notes": self.ask}

    def ask(self) -> None:
        """Ask where to, and write."""
        chosen = QFileDialog.getExistingDirectory(
            self._window, self.tr("Write measurements and agreement into a folder")
        )
        if chosen:
            self.write(Path(chosen))

    def write(self, folder: Path) -> None:
        """Write the tables of the images of the open catalogue into this folder."""
        self._folder = folder
        catalogue, notes = self._library.catalogue.path, self._decisions.path
        words = ["notes", "--out", str(folder), "--images", str(catalogue), "--notes", str(notes)]
        self._command.ask(words, self.tr("Measurements and agreement were not written."))

    def stop(self) -> None:
        """End what is under way."""
        self._command.stop()

    @Slot(object)
    def _written(self, said: dict[str, Any]) -> None:
        what = self.tr("{0} measurements and {1} notes of agreement on {2} images are written.").format(
            said["measurements"], said["verdicts"], said["images"]
        )
        lines = [str(self._folder)]
        if said["elsewhere"]:
            lines.append(self.tr("{0} images with notes are not in this catalogue.").format(said["elsewhere"]))
        lines += [f"{each['path']}: {each['what']} {each['why']} {each['todo']}" for each in said["failed"]]
        self.told.emit(what, "\n".join(lines))
