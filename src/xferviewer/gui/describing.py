"""Describing the training images of a checkpoint on its card: the command line does it, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.processes import own_command


class Describing(QObject):
    """Runs `xferviewer describe-inputs`, one checkpoint at a time."""

    finished = Signal(int)  # images described
    failed = Signal(object)  # XferviewerError

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None

    @property
    def running(self) -> bool:
        """Images are being measured."""
        return self._process is not None

    def start(self, checkpoint: Path, images: Path) -> None:
        """Measure the images (a folder, a table or a catalogue). Raises XferviewerError while others are measured."""
        if self._process is not None:
            raise XferviewerError(
                "Training images are being measured already.",
                "Two would disturb one another.",
                "Wait until it is done.",
            )
        process = QProcess(self)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._could_not_start)
        self._process = process
        command = own_command("describe-inputs", "--checkpoint", str(checkpoint), "--images", str(images), "--json")
        process.start(command[0], command[1:])

    def stop(self) -> None:
        """End it; the card stays as it was."""
        process, self._process = self._process, None
        if process is not None:
            process.finished.disconnect(self._ended)
            process.kill()
            process.waitForFinished(2000)

    @Slot(QProcess.ProcessError)
    def _could_not_start(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            why = self._process.errorString()
            self._process.deleteLater()
            self._process = None
            self.failed.emit(XferviewerError("Nothing was measured.", f"{why}.", "Install xferviewer again."))

    @Slot(int, QProcess.ExitStatus)
    def _ended(self, code: int, status: QProcess.ExitStatus) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            said = json.loads(bytes(process.readAllStandardOutput().data()))
        except ValueError:
            said = {}
        process.deleteLater()
        if "images" in said and status == QProcess.ExitStatus.NormalExit:
            self.finished.emit(said["images"])
            return
        error = said.get("error") or {
            "what": "The training images were not measured.",
            "why": f"The process that measured them ended with code {code}.",
            "todo": "Run xferviewer describe-inputs to see more.",
        }
        self.failed.emit(XferviewerError(error["what"], error["why"], error["todo"]))
