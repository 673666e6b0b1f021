"""The folder of a job: all that a training process and those who watch it share, on this machine or over a network.

spec.toml      what the job was told
status.json    how it stands; replaced whole, at least every few seconds while it runs
events.jsonl   what happened, one JSON object a line, appended
log.txt        the same for people
request        "pause" or "cancel", written by who watches, read by the job; absent otherwise
lock           which process works here
resume/        the state of the run at its last step that was kept; the job goes on from there
tensorboard/   its curves as TensorBoard reads them
process.log    what a crash left on the process's standard streams
result/        the checkpoint folder, once the job has finished
last/          the weights of the last step as a checkpoint folder, beside those of the best epoch
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xferviewer.atomic_files import write_atomically
from xferviewer.checkpoints import find_checkpoints
from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping
from xferviewer.errors import UnusableFolder, UnusableSpec
from xferviewer.jobs.lock import Owner, holder
from xferviewer.jobs.spec import TrainingSpec, parse_spec, render_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

State = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]
Request = Literal["pause", "cancel"]

STATUS_VERSION = 2

# A job that runs says so more often than this; after ten times as long it is taken for dead.
HEARTBEAT_SECONDS = 5.0

# A running job is called stalled when it has not come further for this many of its usual steps, and a minute at least;
# before its first step, when images are prepared and networks built, ten minutes.
STALLED_STEPS = 20
STALLED_SECONDS = 60.0
STALLED_FIRST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Status:
    """How a job stands.

    heartbeat         seconds since the epoch when the job last said so
    pid, host         of the process that runs it
    step              optimiser steps done, of `steps`
    message           one sentence for people
    error             what, why and todo, when it failed
    started           when that process began
    progressed        when the work last came further, which a living process may fail to do
    seconds_per_step  usual of late; None before the second step
    device            on which it computes ("CPU fp32 · …"), empty until that is known
    memory            bytes that it holds there
    attempts          how often it was started since it last came further
    """

    state: State
    heartbeat: float
    pid: int = 0
    host: str = ""
    step: int = 0
    steps: int = 0
    message: str = ""
    error: dict[str, str] | None = None
    started: float = 0.0
    progressed: float = 0.0
    seconds_per_step: float | None = None
    device: str = ""
    memory: int = 0
    attempts: int = 0
    version: int = STATUS_VERSION

    @property
    def over(self) -> bool:
        """It will not go on by itself."""
        return self.state in ("finished", "failed", "cancelled")

    def lost(self, now: float | None = None) -> bool:
        """It says that it runs, but has said nothing for so long that its process must be gone."""
        silent = (time.time() if now is None else now) - self.heartbeat
        return self.state in ("running", "paused") and silent > 10 * HEARTBEAT_SECONDS

    def stalled(self, now: float | None = None) -> bool:
        """Its process lives, but its work has not come further for much longer than it usually takes."""
        moment = time.time() if now is None else now
        if self.state != "running" or self.lost(moment) or not self.progressed:
            return False
        pace = self.seconds_per_step
        patience = STALLED_FIRST_SECONDS if pace is None else max(STALLED_SECONDS, STALLED_STEPS * pace)
        return moment - self.progressed > patience

    @property
    def seconds_left(self) -> float | None:
        """Of the steps that are to come, at the present pace; None while there is none, or nothing runs."""
        if self.seconds_per_step is None or self.state != "running":
            return None
        return (self.steps - self.step) * self.seconds_per_step


class JobFolder:
    """A job folder on disk; holds no state of its own."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: Path | str, spec: TrainingSpec) -> JobFolder:
        """A new job in the state "queued". Raises UnusableFolder if `path` holds something already."""
        folder = cls(path)
        if folder.path.exists() and any(folder.path.iterdir()):
            raise UnusableFolder(
                f"The job folder {folder.path} cannot be used.",
                "It holds files already, perhaps of another job.",
                "Choose an empty folder, or remove that job first.",
            )
        write_atomically(folder.path / "spec.toml", render_spec(spec).encode())
        folder.write_status(Status("queued", time.time()))
        return folder

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def result(self) -> Path:
        """The folder in which the finished checkpoint lies, in a folder of its own name."""
        return self.path / "result"

    def checkpoint(self) -> Path | None:
        """The checkpoint folder that the job has made, None while there is none."""
        found = find_checkpoints(self.result) if self.result.is_dir() else []
        return found[0] if found else None

    def spec(self) -> TrainingSpec:
        """Raises UnusableSpec."""
        try:
            text = (self.path / "spec.toml").read_text(encoding="utf-8")
        except OSError as error:
            raise UnusableSpec(
                f"The job folder {self.path} cannot be read.",
                f"spec.toml: {error.strerror or error}.",
                "Choose a job folder, one that holds spec.toml and status.json.",
            ) from error
        return parse_spec(text, f"{self.name}/spec.toml")

    def status(self) -> Status:
        """Raises UnusableFolder when status.json is missing or is not one."""
        try:
            said = json.loads((self.path / "status.json").read_text(encoding="utf-8"))
            if isinstance(said, dict) and said.get("version", 1) not in range(1, STATUS_VERSION + 1):
                raise FieldError(f"status.json has version {said['version']}; this is {STATUS_VERSION}.")
            return from_mapping(Status, said)
        except (OSError, ValueError) as error:  # FieldError and JSONDecodeError are ValueErrors
            why = f"{error}" if isinstance(error, FieldError) else f"status.json: {error}."
            raise UnusableFolder(
                f"The job folder {self.path} cannot be read.", why, "Choose a job folder, or remove this one."
            ) from error

    def status_or_none(self) -> Status | None:
        """The same, None for a status that cannot be read."""
        try:
            return self.status()
        except UnusableFolder:
            return None

    def write_status(self, status: Status) -> None:
        write_atomically(self.path / "status.json", (json.dumps(to_mapping(status), indent=1) + "\n").encode())

    def append_event(self, kind: str, **values: Any) -> None:
        """Append one event: `kind`, the time, and values that JSON can hold."""
        line = json.dumps({"time": round(time.time(), 3), "kind": kind, **values})
        self._append("events.jsonl", line)

    def log(self, message: str) -> None:
        self._append("log.txt", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {message}")

    def events(self) -> Iterator[dict[str, Any]]:
        """The events so far, without a last line that is still being written, or that a power cut has torn.

        What was done after the last kept step is done again after a kill, and said again: the later event counts.
        """
        try:
            with (self.path / "events.jsonl").open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    with contextlib.suppress(ValueError):
                        if line.endswith("\n"):
                            yield json.loads(line)
        except FileNotFoundError:
            return

    def request(self, what: Request | None) -> None:
        """Ask the job to pause or to stop; None takes the request back, so that a paused job goes on."""
        path = self.path / "request"
        if what is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, what.encode())

    def requested(self) -> Request | None:
        """What the job is asked to do."""
        try:
            text = (self.path / "request").read_text(encoding="utf-8")
        except OSError:
            return None
        return "pause" if text == "pause" else "cancel" if text == "cancel" else None

    def runner(self) -> Owner | None:
        """The process that works in the folder; None where there is none, or it is known to be gone."""
        return holder(self.path / "lock")

    def _append(self, name: str, line: str) -> None:
        path = self.path / name
        try:
            with path.open("ab") as file:
                before = file.tell()
                if before and not _ends_its_line(path):
                    line = "\n" + line  # of what a kill has torn
                try:
                    file.write(f"{line}\n".encode())
                    file.flush()
                except OSError:
                    file.truncate(before)
                    raise
        except OSError as error:
            raise UnusableFolder(
                f"{name} of the job {self.name} could not be written.",
                f"{error.strerror or error}.",
                "Free space there; the job can then be started again.",
            ) from error


def _ends_its_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def list_jobs(folder: Path | str) -> list[JobFolder]:
    """The job folders directly in `folder`, newest first by the time of their status; none where there is no folder."""
    found = [JobFolder(path.parent) for path in Path(folder).glob("*/status.json")]
    return sorted(found, key=lambda job: (job.path / "status.json").stat().st_mtime, reverse=True)
