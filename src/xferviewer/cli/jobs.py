"""`jobs`: what the window does with training jobs, for scripts and terminals."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    COULD_NOT_RUN,
    DONE,
    SOME_FAILED,
    command,
    print_json,
)
from xferviewer.errors import UnusableChoice, XferviewerError

if TYPE_CHECKING:
    from xferviewer.jobs.folder import JobFolder

_ACTIONS = ("list", "show", "start", "pause", "resume", "cancel", "clone", "remove")


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    jobs = command(commands, "jobs", _jobs, "list, show, start, pause, resume, cancel, clone or remove training jobs")
    jobs.add_argument("action", choices=_ACTIONS)
    jobs.add_argument("jobs", nargs="*", metavar="JOB", help="its name among the window's jobs, or its folder")
    jobs.add_argument("--folder", type=Path, help="where jobs lie (default: the window's)")
    jobs.add_argument("--left-alone", action="store_true", help="resume: every job whose process was killed")
    jobs.add_argument("--json", action="store_true")


def _jobs(options: argparse.Namespace) -> int:
    from xferviewer.jobs import control
    from xferviewer.jobs.folder import list_jobs

    folder = options.folder or control.jobs_folder()
    if options.action == "list":
        return _tell_list([summary(job) for job in list_jobs(folder)], options)
    if options.action == "resume" and options.left_alone:
        return _tell_list([summary(job) for job in control.restart_left_alone(folder)], options)
    if not options.jobs:
        raise UnusableChoice(
            f"jobs {options.action} could not be done.", "No job was named.", "Name one; `xferviewer jobs list` does."
        )
    done, failed = [], []
    for named in options.jobs:
        try:
            job = control.find_job(str(folder / named) if options.folder else named)
            done.append(_do(options.action, job))
        except XferviewerError as error:
            failed.append({"path": named, **error.as_dict()})
    return _tell(done, failed, options)


def _do(action: str, job: JobFolder) -> dict[str, Any]:
    """Carry out one action; how the job stands after it."""
    from xferviewer.jobs import control

    if action == "show":
        return {**summary(job), "spec": (job.path / "spec.toml").read_text(encoding="utf-8"), **_history(job)}
    if action == "clone":
        job = control.clone_job(job)
    elif action == "remove":
        control.remove_job(job)
        return {"name": job.name, "job": str(job.path), "state": "removed"}
    else:
        acts = {
            "start": control.start_job,
            "pause": control.pause_job,
            "resume": control.resume_job,
            "cancel": control.cancel_job,
        }
        acts[action](job)
    return summary(job)


def summary(job: JobFolder) -> dict[str, Any]:
    """How a job stands, as `--json` prints it."""
    from xferviewer.jobs import control

    status = job.status_or_none()
    if status is None:
        return {"name": job.name, "job": str(job.path), "state": "unreadable"}
    checkpoint = job.checkpoint()
    return {
        "name": job.name,
        "job": str(job.path),
        "state": control.shown_state(job),
        "step": status.step,
        "steps": status.steps,
        "seconds_per_step": status.seconds_per_step,
        "seconds_left": status.seconds_left,
        "device": status.device,
        "memory_bytes": status.memory,
        "message": status.message,
        "pid": status.pid,
        "host": status.host,
        "heartbeat": status.heartbeat,
        "error": status.error,
        "checkpoint": None if checkpoint is None else str(checkpoint),
    }


def _history(job: JobFolder) -> dict[str, Any]:
    return {"epochs": [event for event in job.events() if event["kind"] == "epoch"]}


def _tell_list(found: list[dict[str, Any]], options: argparse.Namespace) -> int:
    if options.json:
        print_json({"jobs": found})
    else:
        for one in found:
            print(_line(one))
    return DONE


def _tell(done: list[dict[str, Any]], failed: list[dict[str, Any]], options: argparse.Namespace) -> int:
    if options.json:
        print_json({"jobs": done, "failed": failed})
    else:
        for one in done:
            print(_line(one))
            if "spec" in one:
                _print_more(one)
    for entry in failed:
        print(f"failed: {entry['path']}: {entry['what']} {entry['why']} {entry['todo']}", file=sys.stderr)
    return (SOME_FAILED if done else COULD_NOT_RUN) if failed else DONE


def _line(one: dict[str, Any]) -> str:
    steps = f"{one['step']}/{one['steps']}" if one.get("steps") else ""
    left = one.get("seconds_left")
    remaining = f"{time.strftime('%H:%M:%S', time.gmtime(left))} left" if left is not None else ""
    message = one["error"]["what"] if one.get("error") else one.get("message", "")
    return "  ".join(part for part in (f"{one['state']:<9}", one["name"], steps, remaining, message) if part)


def _print_more(one: dict[str, Any]) -> None:
    for name in ("job", "device", "checkpoint"):
        if one[name]:
            print(f"  {name}: {one[name]}")
    for part in ("why", "todo"):
        if one["error"]:
            print(f"  {one['error'][part]}")
    for epoch in one["epochs"]:
        print(f"  {epoch['message']}")
    print(one["spec"])
