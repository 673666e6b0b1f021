"""The jobs of a folder, read again and again: which there are, how they stand, which have ended since the last look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, QTimer, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.jobs.folder import JobFolder, Status, list_jobs

_LOOK_EVERY_MS = 1000
_LOOK_UNSEEN_EVERY_MS = 5000
_KEPT = "jobs/unfinished"


@dataclass(frozen=True, slots=True)
class WatchedJob:
    """A job folder and how it stood at the last look; no status where that cannot be read.

    state  a word: that of the status; "lost" where it should run and its process is gone, "stalled" where it lives
           without coming further, "unreadable"
    """

    folder: JobFolder
    status: Status | None
    state: str

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def active(self) -> bool:
        """It runs, or waits for its turn or for a person."""
        return self.state in ("queued", "running", "stalled", "paused")


def watched(folder: JobFolder, status: Status | None) -> WatchedJob:
    """How a job stands now."""
    if status is None:
        return WatchedJob(folder, None, "unreadable")
    if status.state == "running" and (status.lost() or folder.runner() is None):
        return WatchedJob(folder, status, "lost")
    return WatchedJob(folder, status, "stalled" if status.stalled() else status.state)


class JobWatch(QObject):
    """Looks every second while somebody looks at jobs, every few seconds otherwise.

    A status that says that its job is over is read again only when its file has changed. Which jobs were not over when
    the window was closed is kept in `layout`, so that the next start can tell of those that have finished meanwhile.
    """

    looked = Signal()
    running_changed = Signal(object)  # how many jobs run
    ended = Signal(object)  # WatchedJob that has finished or failed since the last look

    def __init__(self, folder: Path, layout: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self.jobs: list[WatchedJob] = []
        self.running = 0
        self._layout = layout
        self._read: dict[Path, tuple[int, Status]] = {}
        self._unfinished: set[str] = self._kept()
        self._timer = QTimer(self, interval=_LOOK_UNSEEN_EVERY_MS)
        self._timer.timeout.connect(self.look)

    def job(self, name: str) -> WatchedJob | None:
        """The job of this name, as it stood at the last look."""
        return next((job for job in self.jobs if job.name == name), None)

    def set_watching(self, watching: bool) -> None:
        """Somebody looks at jobs, and sees them at once, or at something else."""
        self._timer.setInterval(_LOOK_EVERY_MS if watching else _LOOK_UNSEEN_EVERY_MS)
        self._timer.start()
        if watching:
            self.look()

    def stop(self) -> None:
        """Look no more, and keep which jobs have not ended."""
        self._timer.stop()
        settings = QSettings(str(self._layout), QSettings.Format.IniFormat)
        settings.setValue(_KEPT, sorted(self._unfinished))
        settings.sync()

    @Slot()
    def look(self) -> None:
        """Read what has changed."""
        self.jobs = [self._job(folder) for folder in sorted(list_jobs(self.folder), key=_made, reverse=True)]
        self._read = {path: read for path, read in self._read.items() if any(j.folder.path == path for j in self.jobs)}
        self.looked.emit()
        running = sum(job.state in ("running", "stalled") for job in self.jobs)
        if running != self.running:
            self.running = running
            self.running_changed.emit(running)
        for job in self.jobs:
            if job.name in self._unfinished and job.state in ("finished", "failed"):
                self.ended.emit(job)
        self._unfinished = {job.name for job in self.jobs if job.active or job.state == "lost"}

    def _job(self, folder: JobFolder) -> WatchedJob:
        try:
            changed = (folder.path / "status.json").stat().st_mtime_ns
            before = self._read.get(folder.path)
            status = before[1] if before is not None and before[0] == changed else folder.status()
            self._read[folder.path] = (changed, status)
        except (XferviewerError, OSError):
            return watched(folder, None)
        return watched(folder, status)

    def _kept(self) -> set[str]:
        value = QSettings(str(self._layout), QSettings.Format.IniFormat).value(_KEPT)
        names = value if isinstance(value, list) else [value]  # Qt gives a list of one as the text alone
        return {name for name in names if isinstance(name, str) and name}


def _made(folder: JobFolder) -> tuple[float, str]:
    """When a job was told what to do, which does not change while it runs, and its name."""
    try:
        return (folder.path / "spec.toml").stat().st_mtime, folder.name
    except OSError:
        return 0.0, folder.name
