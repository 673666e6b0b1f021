"""A file that says who works here: made by one process at a time, also over a network, and recognised when left behind.

The system's own locks end with their process, but network mounts do not all keep them. A file that only one process
can create is kept everywhere; what it lacks, an end with its process, is made up for by what it says: which process of
which computer, and, by its time of change, when that process last said that it lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

# Whoever holds a lock renews it more often than this; after ten times as long it is taken for left behind.
RENEWAL_SECONDS = 5.0
SILENCE_SECONDS = 10 * RENEWAL_SECONDS

# The start of a process is told from the clock of the computer, which may be set right meanwhile.
_SAME_START_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told from every other one: `started` is in seconds since the epoch, `token` a lock of its own."""

    pid: int
    host: str
    started: float
    token: str

    @classmethod
    def here(cls) -> Owner:
        """This process, with a new token."""
        return cls(os.getpid(), socket.gethostname(), process_start(os.getpid()) or 0.0, uuid.uuid4().hex)

    def lives(self) -> bool | None:
        """Whether the process is there; None where only its own computer could say, or the clock was set meanwhile."""
        if self.host != socket.gethostname():
            return None
        started = process_start(self.pid)
        if started is None:
            return False
        return True if abs(started - self.started) < _SAME_START_SECONDS else None


class Lock:
    """A lock of this process on a path. Made by `take`."""

    def __init__(self, path: Path, owner: Owner) -> None:
        self.path, self.owner = path, owner

    def is_mine(self) -> bool:
        """False once somebody who took this process for gone has taken the lock over."""
        found = _read(self.path)
        return found is not None and found.token == self.owner.token

    def renew(self) -> None:
        """Say that this process lives. Raises OSError when the file is gone or the mount is."""
        os.utime(self.path)

    def release(self) -> None:
        """Let the next one in."""
        if self.is_mine():
            self.path.unlink(missing_ok=True)


def take(path: Path) -> Lock | Owner:
    """The lock on `path`, or who holds it. One that was left behind is taken over. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = Owner.here()
    while True:
        if _create(path, mine):
            return Lock(path, mine)
        held = _read(path)
        if held is None and path.exists() and _silence(path) < RENEWAL_SECONDS:
            continue  # it is being written at this moment
        if held is not None and not _left_behind(path, held):
            return held
        _put_away(path, held)


def holder(path: Path) -> Owner | None:
    """Who holds the lock on `path`; None where nobody does, or only somebody who is gone."""
    held = _read(path)
    return None if held is None or _left_behind(path, held) else held


def process_start(pid: int) -> float | None:
    """When a process of this computer began, in seconds since the epoch; None when it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def _left_behind(path: Path, held: Owner) -> bool:
    lives = held.lives()
    return not lives and (lives is False or _silence(path) > SILENCE_SECONDS)


def _silence(path: Path) -> float:
    """Seconds since a file was changed, both times by the clock of the disk it lies on; 0 where it is gone."""
    probe = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def _create(path: Path, owner: Owner) -> bool:
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump(asdict(owner), file)
    except FileExistsError:
        return False
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _read(path: Path) -> Owner | None:
    """None for a file that is gone, or not yet written."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Owner(int(said["pid"]), str(said["host"]), float(said["started"]), str(said["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _put_away(path: Path, judged: Owner | None) -> None:
    """Remove the lock that was judged to be left behind, and no other that somebody else made meanwhile."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    found = _read(aside)
    if found is not None and (judged is None or found.token != judged.token):
        _create(path, found)  # a living one: back it goes; should a third be there already, its owner sees that
    with contextlib.suppress(OSError):
        aside.unlink()
