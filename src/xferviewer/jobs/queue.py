"""Whose turn it is on a device of this computer: in the order of asking, one job at a time unless more are wanted.

Each waiting process puts a ticket into a folder; the first whose device is free takes the device's lock and its ticket
away. Tickets and locks of processes that are gone count for nothing, so that nobody has to clean up.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xferviewer.errors import EngineFailure
from xferviewer.jobs.lock import Lock, Owner, take
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.processes import own_command
from xferviewer.settings import data_folder


@dataclass(frozen=True, slots=True)
class Wish:
    """The devices that a job could compute on ("cpu", "cuda-0"), in the order of its liking, and how many it needs."""

    devices: tuple[str, ...]
    count: int = 1


def wish(machine: MachineSpec) -> Wish:
    """What a job wants of this computer. Where it leaves the kind open, a child that imports torch is asked.

    Raises EngineFailure for graphics cards that are not there.
    """
    kind, _, number = machine.device.partition(":")
    if kind == "cpu":
        return Wish(("cpu",))
    there = _devices()
    if kind == "auto":
        kind = there["automatic"]
    if kind != "cuda":
        return Wish((kind,))
    cuda = next(one for one in there["devices"] if one["kind"] == "cuda")
    cards = cuda["cards"]
    wanted = [int(number)] if number else range(cards)
    if len(wanted) < machine.devices or any(card >= cards for card in wanted):
        has = f"It wants {(number and 'card ' + number) or machine.devices}; this computer has {cards} graphics cards."
        raise EngineFailure(
            f"The job cannot compute on {machine.device}.",
            f"{has} {cuda['absent']}".rstrip(),
            "Correct the section machine of the job, and start it again.",
        )
    return Wish(tuple(f"cuda-{card}" for card in wanted), machine.devices)


class Turn:
    """A place in the queue, and then the devices; both end with `release`, or with the process."""

    def __init__(self, wish: Wish, job: Path, at_once: int = 1) -> None:
        self._wish, self._at_once = wish, at_once
        self._folder = data_folder() / "queue" / socket.gethostname()
        self._owner = Owner.here()
        self._ticket: Path | None = None
        self._job = job
        self.devices: dict[str, Lock] = {}

    def ask(self) -> bool:
        """Whether it is this job's turn. Asked again and again; the first time it takes its place in the queue."""
        if len(self.devices) == self._wish.count:
            return True
        if self._ticket is None:
            self._ticket = self._take_ticket()
        if self._somebody_before():
            return False
        for device in self._wish.devices:
            if len(self.devices) < self._wish.count and device not in self.devices and (lock := self._free(device)):
                self.devices[device] = lock
        if len(self.devices) < self._wish.count:
            return False
        self._ticket.unlink(missing_ok=True)
        self._ticket = None
        return True

    def renew(self) -> None:
        """Say that the process lives."""
        for lock in self.devices.values():
            lock.renew()

    def release(self) -> None:
        """Let the next one in."""
        for lock in self.devices.values():
            lock.release()
        self.devices = {}
        if self._ticket is not None:
            self._ticket.unlink(missing_ok=True)
            self._ticket = None

    def _take_ticket(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{time.time_ns():020d}-{self._owner.token}.ticket"
        said = {"owner": asdict(self._owner), "devices": self._wish.devices, "job": str(self._job)}
        beside = path.with_name(f".{uuid.uuid4().hex}")
        beside.write_text(json.dumps(said), encoding="utf-8")
        return beside.rename(path)

    def _somebody_before(self) -> bool:
        """Whether an earlier ticket of a living process is for one of the same devices."""
        for path in sorted(self._folder.glob("*.ticket")):
            if path == self._ticket:
                return False
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                owner, devices = Owner(**said["owner"]), said["devices"]
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if owner.lives() is False:
                path.unlink(missing_ok=True)
            elif set(devices) & set(self._wish.devices):
                return True
        return False

    def _free(self, device: str) -> Lock | None:
        for place in range(self._at_once):
            found = take(self._folder / f"{device}.{place}.lock")
            if isinstance(found, Lock):
                return found
        return None


def _devices() -> Any:
    asked = subprocess.run(own_command("devices", "--json"), capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise EngineFailure(
            "The devices of this computer could not be asked for.",
            asked.stderr.strip().rpartition("\n")[2] or f"The command ended with {asked.returncode}.",
            "Run `xferviewer devices`; or name cpu as machine.device of the job.",
        )
    return json.loads(asked.stdout)
