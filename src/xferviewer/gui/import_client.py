"""The window's side of the process that looks at files of weights and imports them (engine.import_assistant)."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QProcess, Signal, Slot

from xferviewer.checkpoints.fields import from_mapping
from xferviewer.checkpoints.import_report import FileReport, InputPreview
from xferviewer.errors import XferviewerError
from xferviewer.processes import own_command
from xferviewer.settings import weights_folder

log = logging.getLogger(__name__)

Work = Literal["look", "preview", "import", "names", "describe", "fetch"]
_FIRST: tuple[Work, ...] = ("look", "import", "fetch", "describe", "names", "preview")


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """What the process is at; `done` of `total`, which is 0 while nobody knows it."""

    work: Work
    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class _Request:
    work: Work
    content: dict[str, Any] = field(default_factory=dict)


class ImportClient(QObject):
    """One request at a time; of those that wait, only the newest of a kind counts."""

    progressed = Signal(object)  # ImportProgress
    looked = Signal(object)  # FileReport
    previewed = Signal(object)  # InputPreview
    imported = Signal(object)  # dict, as `xferviewer import-checkpoint --json` prints it
    named = Signal(object)  # list of the names of published weights
    described = Signal(object)  # dict, as `xferviewer import-checkpoint NAME --from-hub --look --json` prints it
    fetched = Signal(object)  # Path of published weights on this machine
    failed = Signal(str, object)  # Work, XferviewerError

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._at: _Request | None = None
        self._waiting: dict[Work, _Request] = {}
        self._id = 0
        self._read_so_far = b""
        self._half_written: _HalfWritten | _HalfFetched | None = None

    @property
    def work(self) -> Work | None:
        """What is being done now."""
        return self._at.work if self._at is not None else None

    @property
    def process_id(self) -> int:
        """The process id of the child; 0 while there is none."""
        return int(self._process.processId()) if self._process is not None else 0

    def look(self, file: Path, architecture: str | None = None, published: str = "") -> None:
        """Ask what a file is. What was asked of another file before is of no interest any more.

        published  its name, where it is one of published weights: who publishes them says more than the file
        """
        if self._at is not None and self._at.work == "look":
            self.stop()
        self._waiting.clear()
        self._ask(_Request("look", {"file": str(file), "architecture": architecture, "published": published}))

    def name_published(self) -> None:
        """Ask for the names of published weights."""
        self._ask(_Request("names"))

    def describe(self, name: str) -> None:
        """Ask what published weights are and where they would come from."""
        self._ask(_Request("describe", {"name": name}))

    def fetch(self, name: str) -> None:
        """Have published weights on this machine: from the mirror, or fetched where the settings let it."""
        self._half_written = _HalfFetched(weights_folder())
        self._ask(_Request("fetch", {"name": name}))

    def preview(self, words: Sequence[str], image: Path, frame: int) -> None:
        """Ask what the network that these words of the command line describe sees of a film."""
        self._ask(_Request("preview", {"words": list(words), "image": str(image), "frame": frame}))

    def run_import(self, words: Sequence[str], out: Path) -> None:
        """Write the checkpoint folder `out` as these words of the command line say."""
        self._waiting.pop("preview", None)
        self._half_written = _HalfWritten(out)
        self._ask(_Request("import", {"words": list(words)}))

    def stop(self) -> None:
        """End the child and what it does; nothing half-written stays. It is started again when it is needed."""
        process, self._process = self._process, None
        self._at, self._read_so_far = None, b""
        self._waiting.clear()
        if process is not None:
            process.finished.disconnect(self._ended)
            process.kill()
            process.waitForFinished(5000)
            process.deleteLater()
        self._clean_up()

    def _clean_up(self) -> None:
        if self._half_written is not None:
            self._half_written.remove()
            self._half_written = None

    def _ask(self, request: _Request) -> None:
        self._waiting[request.work] = request
        if self._process is None:
            self._start()
        self._send_next()

    def _start(self) -> None:
        process = QProcess(self)
        process.setStandardErrorFile(QProcess.nullDevice())  # it may name files, and through them patients
        process.readyReadStandardOutput.connect(self._read)
        process.errorOccurred.connect(self._could_not_start)
        process.finished.connect(self._ended)
        self._process, self._read_so_far = process, b""
        command = own_command("import-assistant")
        process.start(command[0], command[1:])

    def _send_next(self) -> None:
        if self._at is not None or self._process is None:
            return
        work = next((work for work in _FIRST if work in self._waiting), None)
        if work is not None:
            self._at = self._waiting.pop(work)
            self._id += 1
            line = json.dumps({"id": self._id, "do": work, **self._at.content}) + "\n"
            self._process.write(line.encode())

    @Slot()
    def _read(self) -> None:
        if self._process is None:
            return
        self._read_so_far += bytes(self._process.readAllStandardOutput().data())
        *lines, self._read_so_far = self._read_so_far.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["id"] == self._id and self._at is not None:
                self._receive(self._at.work, message)

    def _receive(self, work: Work, message: dict[str, Any]) -> None:
        if "progress" in message:
            told = message["progress"]
            self.progressed.emit(ImportProgress(work, told["stage"], told["done"], told["total"]))
            return
        self._at = None
        if work in ("import", "fetch"):
            self._half_written = None  # whole, or removed by the process itself
        if "error" in message:
            self.failed.emit(work, XferviewerError(**message["error"]))
        elif work == "look":
            self.looked.emit(from_mapping(FileReport, message["done"]))
        elif work == "preview":
            self.previewed.emit(from_mapping(InputPreview, message["done"]))
        elif work == "fetch":
            self.fetched.emit(Path(message["done"]))
        else:
            {"import": self.imported, "names": self.named, "describe": self.described}[work].emit(message["done"])
        self._send_next()

    @Slot(QProcess.ProcessError)
    def _could_not_start(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            self._give_up(f"{self._process.errorString()}.", "Install xferviewer again.")

    @Slot(int, QProcess.ExitStatus)
    def _ended(self, code: int, status: QProcess.ExitStatus) -> None:
        log.error("the process that imports ended with code %d", code)
        self._give_up(
            "The process that reads weights ended unexpectedly; memory may have run out.",
            "Close other programs and try again. Nothing was written.",
        )

    def _give_up(self, why: str, todo: str) -> None:
        process, self._process = self._process, None
        at, self._at = self._at, None
        self._waiting.clear()
        if process is not None:
            process.deleteLater()
        self._clean_up()
        if at is not None:
            self.failed.emit(at.work, XferviewerError("The weights could not be read to the end.", why, todo))


class _HalfWritten:
    """What an import that is ended may leave: the folder itself, or the one beside it that it is written to first."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._was_there = out.exists()
        self._before = self._beside()

    def remove(self) -> None:
        for left in self._beside() - self._before:
            shutil.rmtree(left, ignore_errors=True)
        if not self._was_there:
            shutil.rmtree(self._out, ignore_errors=True)

    def _beside(self) -> set[Path]:
        prefix = f".{self._out.name}."
        try:
            return {path for path in self._out.parent.iterdir() if path.name.startswith(prefix)}
        except OSError:
            return set()


class _HalfFetched:
    """What a download that is ended may leave in the folder of fetched weights."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = self._parts()

    def remove(self) -> None:
        for left in self._parts() - self._before:
            left.unlink(missing_ok=True)

    def _parts(self) -> set[Path]:
        return set(self._folder.glob(".*.part"))
