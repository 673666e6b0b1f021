"""A command of our own run by the window in a process of its own, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Signal, Slot

from xferviewer.processes import own_command


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How it ended: its exit code (None where it crashed or was killed from outside), and what it printed."""

    code: int | None
    output: bytes
    messages: str


class ChildCommand(QObject):
    """`finished` follows each `start` that is not stopped, or `not_started` with the system's reason."""

    finished = Signal(object)  # CommandEnd
    said = Signal(str)  # the last line of its messages so far
    not_started = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._messages = b""

    @property
    def running(self) -> bool:
        """It has been started and has not ended."""
        return self._process is not None

    def start(self, words: Sequence[str], folder: Path | None = None) -> None:
        """Run `xferviewer WORDS`, in `folder` where one is given."""
        process = QProcess(self)
        if folder is not None:
            process.setWorkingDirectory(str(folder))
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._could_not_start)
        process.readyReadStandardError.connect(self._hear)
        self._process, self._messages = process, b""
        command = own_command(*words)
        process.start(command[0], command[1:])

    def stop(self) -> None:
        """End it; nothing is told of it any more."""
        process, self._process = self._process, None
        if process is not None:
            process.finished.disconnect(self._ended)
            process.readyReadStandardError.disconnect(self._hear)
            process.kill()
            process.waitForFinished(2000)

    @Slot()
    def _hear(self) -> None:
        if self._process is not None:
            self._messages += bytes(self._process.readAllStandardError().data())
            lines = self._messages.decode(errors="replace").splitlines()
            if lines:
                self.said.emit(lines[-1])

    @Slot(QProcess.ProcessError)
    def _could_not_start(self, error: QProcess.ProcessError) -> None:
        process = self._process
        if error == QProcess.ProcessError.FailedToStart and process is not None:
            self._process = None
            why = process.errorString()
            process.deleteLater()
            self.not_started.emit(why)

    @Slot(int, QProcess.ExitStatus)
    def _ended(self, code: int, status: QProcess.ExitStatus) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        output = bytes(process.readAllStandardOutput().data())
        rest = bytes(process.readAllStandardError().data())
        messages = (self._messages + rest).decode(errors="replace").strip()
        process.deleteLater()
        self.finished.emit(CommandEnd(code if status == QProcess.ExitStatus.NormalExit else None, output, messages))
