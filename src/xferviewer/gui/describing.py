"""Describing the training images of a checkpoint on its card: the command line does it, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.gui.child_command import ChildCommand, CommandEnd
from xferviewer.gui.session import Session


class Describing(QObject):
    """Runs `xferviewer describe-inputs`, one checkpoint at a time."""

    finished = Signal(int)  # images described
    failed = Signal(object)  # XferviewerError
    told = Signal(str)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._command = ChildCommand(self)
        self._command.finished.connect(self._ended)
        self._command.not_started.connect(self._could_not_start)

    @property
    def running(self) -> bool:
        """Images are being measured."""
        return self._command.running

    @Slot(object)
    def start(self, images: Path) -> None:
        """Measure the training images (a folder, a table or a catalogue) of the active checkpoint, for its card."""
        checkpoint = self._session.classifiers.checkpoint(self._session.active)
        if checkpoint is None:
            return
        if self.running:
            self.failed.emit(
                XferviewerError(
                    "Training images are being measured already.",
                    "Two would disturb one another.",
                    "Wait until it is done.",
                )
            )
            return
        words = ["describe-inputs", "--checkpoint", str(checkpoint.folder), "--images", str(images), "--json"]
        self._command.start(words)
        self.told.emit(self.tr("Measuring the training images of {0} …").format(checkpoint.name))

    def stop(self) -> None:
        """End it; the card stays as it was."""
        self._command.stop()

    @Slot(str)
    def _could_not_start(self, why: str) -> None:
        self.failed.emit(XferviewerError("Nothing was measured.", f"{why}.", "Install xferviewer again."))

    @Slot(object)
    def _ended(self, end: CommandEnd) -> None:
        try:
            said = json.loads(end.output)
        except ValueError:
            said = {}
        if "images" in said and end.code is not None:
            self.finished.emit(said["images"])
            text = self.tr("{0} training images were measured; the card describes them.")
            self.told.emit(text.format(said["images"]))
            return
        error = said.get("error") or {
            "what": "The training images were not measured.",
            "why": "The process that measured them ended before it was done.",
            "todo": "Run xferviewer describe-inputs to see more.",
        }
        self.failed.emit(XferviewerError(error["what"], error["why"], error["todo"]))
