"""One process for a folder, one job for a device: with real processes, killed ones included."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from xferviewer.errors import EngineFailure
from xferviewer.jobs import lock as locks
from xferviewer.jobs import queue
from xferviewer.jobs.lock import Lock, Owner, holder, take
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.queue import Turn, Wish, wish

TAKE = """
import sys, time
from pathlib import Path
from xferviewer.jobs.lock import Lock, take
found = take(Path(sys.argv[1]))
print("mine" if isinstance(found, Lock) else found.pid, flush=True)
time.sleep(60)
"""
WAIT = """
import sys, time
from pathlib import Path
from xferviewer.jobs.queue import Turn, Wish
turn = Turn(Wish(tuple(sys.argv[1].split(",")), int(sys.argv[2])), Path("job"))
print("asks", flush=True)
while not turn.ask():
    time.sleep(0.01)
print(*turn.devices, flush=True)
sys.stdin.readline()
turn.release()
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))


@pytest.fixture
def run():
    """Starts Python code as a process of its own; whatever is left is killed in the end."""
    started = []

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_that_only_one_process_has_a_lock_and_a_killed_one_leaves_it_to_the_next(tmp_path, run):
    path = tmp_path / "lock"
    first = run(TAKE, str(path))
    assert first.stdout.readline() == "mine\n"
    held = take(path)
    assert isinstance(held, Owner)
    assert held.pid == first.pid
    assert holder(path) == held

    first.kill()
    first.wait()

    assert holder(path) is None
    mine = take(path)
    assert isinstance(mine, Lock)
    assert mine.is_mine()
    assert holder(path).pid == os.getpid()
    mine.release()
    assert not path.exists()
    assert list(tmp_path.iterdir()) == []


def test_that_a_killed_process_that_nobody_has_buried_is_gone_all_the_same(tmp_path, run):
    path = tmp_path / "lock"
    child = run(TAKE, str(path))
    child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)  # its parent, this process, does not ask how it ended: a zombie
    deadline = time.monotonic() + 10
    while not isinstance(found := take(path), Lock):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def test_that_of_many_processes_at_once_exactly_one_takes_over_a_lock_left_behind(tmp_path):
    path = tmp_path / "lock"
    for _ in range(20):
        gone = replace(Owner.here(), pid=2**22 + 12345, started=1.0)
        path.write_text(json.dumps(asdict(gone)))
        found = []
        barrier = threading.Barrier(8)

        def contend(found=found, barrier=barrier) -> None:
            barrier.wait()
            found.append(take(path))

        threads = [threading.Thread(target=contend) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = [one for one in found if isinstance(one, Lock)]
        assert sum(one.is_mine() for one in taken) == 1
        path.unlink()


def test_that_a_lock_that_was_taken_between_looking_and_removing_goes_back_to_its_owner(tmp_path):
    path = tmp_path / "lock"
    gone = replace(Owner.here(), pid=2**22 + 12345)
    quicker = take(path)
    locks._put_away(path, gone)  # judged before the quicker one came
    assert quicker.is_mine()
    locks._put_away(path, quicker.owner)
    assert list(tmp_path.iterdir()) == []


def test_that_a_process_of_another_computer_is_gone_once_it_is_silent(tmp_path):
    path = tmp_path / "lock"
    elsewhere = replace(Owner.here(), host="elsewhere")
    path.write_text(json.dumps(asdict(elsewhere)))
    assert take(path) == elsewhere
    os.utime(path, (0, time.time() - locks.SILENCE_SECONDS - 5))
    assert isinstance(take(path), Lock)


def test_that_another_process_with_the_same_number_is_told_apart_and_a_clock_set_right_is_no_death(tmp_path):
    path = tmp_path / "lock"
    earlier = replace(Owner.here(), started=Owner.here().started - 3600)
    path.write_text(json.dumps(asdict(earlier)))
    assert take(path) == earlier  # it was renewed a moment ago: perhaps the clock was set
    os.utime(path, (0, time.time() - locks.SILENCE_SECONDS - 5))
    assert isinstance(take(path), Lock)


def test_that_an_empty_lock_of_a_process_killed_while_making_it_is_taken_over_after_a_while(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    os.utime(path, (0, time.time() - locks.RENEWAL_SECONDS - 5))
    assert isinstance(take(path), Lock)


def test_that_jobs_come_to_a_device_one_after_the_other_in_the_order_of_asking(run):
    waiting = []
    for _ in range(3):
        process = run(WAIT, "cpu", "1")
        assert process.stdout.readline() == "asks\n"
        time.sleep(0.05)  # its ticket is there before the next one's
        waiting.append(process)
    for number, process in enumerate(waiting):
        assert process.stdout.readline() == "cpu\n"
        turn = Turn(Wish(("cpu",)), Path("mine"))
        assert not turn.ask()
        turn.release()
        if number == 1:
            process.kill()
        else:
            process.communicate("\n")


def test_that_whoever_was_killed_in_the_queue_holds_up_nobody(run):
    first = Turn(Wish(("cpu",)), Path("mine"))
    assert first.ask()
    killed = run(WAIT, "cpu", "1")
    killed.stdout.readline()
    last = Turn(Wish(("cpu",)), Path("mine"))
    time.sleep(0.1)
    assert not last.ask()
    killed.kill()
    killed.wait()
    first.release()
    assert last.ask()
    last.release()


def test_that_more_than_one_job_at_a_time_computes_where_somebody_wants_that():
    turns = [Turn(Wish(("cpu",)), Path("mine"), at_once=2) for _ in range(3)]
    assert [turn.ask() for turn in turns] == [True, True, False]
    turns[0].release()
    assert turns[2].ask()
    for turn in turns:
        turn.release()


def test_that_jobs_on_different_cards_do_not_wait_for_each_other_and_a_job_on_two_waits_for_both():
    both = ("cuda-0", "cuda-1")
    first = Turn(Wish(("cuda-1",)), Path("first"))
    assert first.ask()
    two = Turn(Wish(both, 2), Path("two"))
    assert not two.ask()
    any_card = Turn(Wish(both), Path("any"))
    assert not any_card.ask()  # in its turn, else the job on two would wait for ever
    cpu = Turn(Wish(("cpu",)), Path("cpu"))
    assert cpu.ask()
    first.release()
    assert two.ask()
    assert set(two.devices) == set(both)
    two.release()
    assert any_card.ask()
    any_card.release()
    cpu.release()


def test_that_a_job_wants_the_devices_that_its_specification_names(monkeypatch):
    there = {"automatic": "cuda", "devices": [{"kind": "cuda", "cards": 2, "absent": ""}, {"kind": "cpu", "cards": 1}]}
    monkeypatch.setattr(queue, "_devices", lambda: there)
    assert wish(MachineSpec(device="cpu")) == Wish(("cpu",))
    assert wish(MachineSpec(device="auto")) == Wish(("cuda-0", "cuda-1"))
    assert wish(MachineSpec(device="cuda:1")) == Wish(("cuda-1",))
    assert wish(MachineSpec(device="cuda", devices=2)) == Wish(("cuda-0", "cuda-1"), 2)
    for machine in (MachineSpec(device="cuda:2"), MachineSpec(device="cuda", devices=3)):
        with pytest.raises(EngineFailure, match="has 2 graphics cards"):
            wish(machine)
