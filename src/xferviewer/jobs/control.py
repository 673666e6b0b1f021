"""What a person does with a job, from the window or the command line: the same functions for both."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xferviewer.errors import UnusableChoice, UnusableFolder, XferviewerError
from xferviewer.jobs.folder import JobFolder, list_jobs
from xferviewer.jobs.launch import start
from xferviewer.settings import data_folder

if TYPE_CHECKING:
    from xferviewer.jobs.spec import TrainingSpec

# A job that was started so often without coming a step further is not started again by itself.
_ATTEMPTS = 3


def jobs_folder() -> Path:
    """Where jobs are made unless somebody names another place."""
    return data_folder() / "jobs"


def new_job(spec: TrainingSpec, name: str, where: Path | None = None) -> JobFolder:
    """A queued job in a new folder, called after `name` and the time. Raises UnusableFolder."""
    return JobFolder.create(_unused((where or jobs_folder()) / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"), spec)


def find_job(named: str) -> JobFolder:
    """The job whose folder is called so among the window's jobs, or that lies at that path. Raises UnusableChoice."""
    for path in (jobs_folder() / named, Path(named)):
        if (path / "status.json").is_file() or (path / "spec.toml").is_file():
            return JobFolder(path)
    known = ", ".join(job.name for job in list_jobs(jobs_folder())) or "none"
    raise UnusableChoice(
        f"There is no job {named}.",
        f"The jobs of {jobs_folder()} are: {known}.",
        "Name one of these, or the folder of another.",
    )


def start_job(job: JobFolder) -> int:
    """Start the process of a job, or let it go on from its last kept step; the process's id.

    Raises UnusableFolder for a job that is finished or whose process lives.
    """
    runner = job.runner()
    if runner is not None:
        raise _refused(job, "started", f"Process {runner.pid} on {runner.host} works on it.", "Wait for it.")
    if job.status().state == "finished":
        raise _refused(job, "started", "It is finished.", "Clone it to run the same specification again.")
    job.request(None)
    job.write_status(replace(job.status(), state="queued", heartbeat=time.time(), error=None))
    return start(job)


def pause_job(job: JobFolder) -> None:
    """Let a job keep its state and wait. Raises UnusableFolder for one that is over."""
    if job.status().over:
        raise _refused(job, "paused", f"It is {job.status().state}.", "Nothing needs to be done.")
    job.request("pause")
    if job.runner() is None:
        job.write_status(replace(job.status(), state="paused", heartbeat=time.time()))


def resume_job(job: JobFolder) -> int | None:
    """Let a paused, lost, failed or cancelled job go on; the id of the new process where one was needed.

    Raises UnusableFolder for a finished one.
    """
    if job.runner() is not None:
        job.request(None)
        return None
    return start_job(job)


def cancel_job(job: JobFolder) -> None:
    """End a job; its state stays, so that it can still be resumed. Raises UnusableFolder for one that is over."""
    if job.status().over:
        raise _refused(job, "cancelled", f"It is {job.status().state}.", "Nothing needs to be done.")
    if job.runner() is not None:
        job.request("cancel")
        return
    job.request(None)
    job.write_status(replace(job.status(), state="cancelled", heartbeat=time.time(), message="Cancelled as asked."))


def clone_job(job: JobFolder) -> JobFolder:
    """A new queued job with the same specification, beside it; it begins anew. Raises UnusableFolder, UnusableSpec."""
    spec = job.spec()
    return JobFolder.create(_unused(job.path.with_name(f"{job.name}-clone")), spec)


def remove_job(job: JobFolder) -> None:
    """Delete a job's folder with all that it made. Raises UnusableFolder while a process works in it."""
    runner = job.runner()
    if runner is not None:
        raise _refused(job, "removed", f"Process {runner.pid} on {runner.host} works on it.", "Cancel it first.")
    try:
        shutil.rmtree(job.path)
    except OSError as error:
        raise _refused(job, "removed", f"{error.strerror or error}.", "Delete the folder by hand.") from error


def is_left_alone(job: JobFolder) -> bool:
    """It is to run, but its process is gone: killed, or stopped with the computer."""
    status = job.status_or_none()
    return status is not None and status.state in ("queued", "running") and job.runner() is None


def restart_left_alone(folder: Path) -> list[JobFolder]:
    """Let go on what a kill or a power cut stopped: those jobs of `folder`, oldest first; returned are the started.

    One that did not come a step further in its last starts is left: it would end the same way again. Raises
    UnusableFolder where none of several could be started.
    """
    started: list[JobFolder] = []
    failed: list[XferviewerError] = []
    for job in reversed(list_jobs(folder)):
        status = job.status_or_none()
        if status is not None and is_left_alone(job) and status.attempts < _ATTEMPTS:
            try:
                start_job(job)
            except XferviewerError as error:  # the others are started all the same
                failed.append(error)
            else:
                started.append(job)
    if failed and not started:
        raise failed[0]
    return started


def shown_state(job: JobFolder) -> str:
    """The state as people see it: "lost" and "stalled" besides those that a status can say, "unreadable" for no status.

    A job whose process is known to be gone is lost at once, one on another computer after a while of silence.
    """
    status = job.status_or_none()
    if status is None:
        return "unreadable"
    if status.state == "running" and (status.lost() or job.runner() is None):
        return "lost"
    return "stalled" if status.stalled() else status.state


def _unused(path: Path) -> Path:
    """`path`, or with the first number that makes it new."""
    number, found = 2, path
    while found.exists():
        found = path.with_name(f"{path.name}-{number}")
        number += 1
    return found


def _refused(job: JobFolder, done: str, why: str, todo: str) -> UnusableFolder:
    return UnusableFolder(f"The job {job.name} cannot be {done}.", why, todo)
