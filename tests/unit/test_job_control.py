"""What people do with jobs, without training anything: folders, states, what is refused."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace

import pytest

from xferviewer import cli
from xferviewer.errors import UnusableChoice, UnusableFolder, XferviewerError
from xferviewer.jobs import control
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.folder import STALLED_SECONDS, STALLED_STEPS, JobFolder, Status
from xferviewer.jobs.heart import Heart
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.process import Cancelled, JobProcess, is_disk_full
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))


@pytest.fixture
def spec():
    from xferviewer.checkpoints import Preprocessing

    return TrainingSpec(
        name="small",
        title="Small",
        findings=("left",),
        network=NetworkSpec("test_resnet", "S5", Preprocessing(size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3)),
        data=DataSpec(folder=FolderData("nowhere")),
        recipe=Recipe(epochs=1, batch_size=8, learning_rate=1e-3),
        license="Apache-2.0",
        machine=MachineSpec(device="cpu"),
    )


@pytest.fixture
def job(spec):
    return JobFolder.create(control.jobs_folder() / "one", spec)


@pytest.fixture
def started(monkeypatch):
    """Jobs whose process would have been started."""
    jobs = []

    def start(job: JobFolder) -> int:
        jobs.append(job.name)
        return 4711

    monkeypatch.setattr(control, "start", start)
    return jobs


def test_that_a_second_process_on_one_folder_is_refused_and_names_the_first(job):
    heart = Heart(job)
    with pytest.raises(UnusableFolder, match=r"runs already.*Process \d+ on"):
        Heart(job)
    with pytest.raises(UnusableFolder, match="works on it"):
        control.start_job(job)
    with pytest.raises(UnusableFolder, match="Cancel it first"):
        control.remove_job(job)
    heart.stop("failed", "Done.")
    Heart(job).stop("failed", "Done.")


def test_that_a_job_that_lost_its_folder_to_another_process_stops_and_leaves_the_status_alone(job, monkeypatch):
    monkeypatch.setattr("xferviewer.jobs.heart.HEARTBEAT_SECONDS", 0.01)

    def work() -> None:
        with JobProcess(job) as process:
            lock = job.path / "lock"
            lock.write_text(lock.read_text().replace(process.heart._lock.owner.token, "0" * 32))
            job.write_status(replace(job.status(), message="The other one."))
            deadline = time.monotonic() + 5
            while not process.heart.lost:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.obey(None)

    with pytest.raises(XferviewerError, match="taken over by another process"):
        work()
    assert job.status().message == "The other one."
    assert (job.path / "lock").exists()


def test_that_the_heart_says_that_the_process_lives_while_the_work_does_not_come_further(job, monkeypatch):
    monkeypatch.setattr("xferviewer.jobs.heart.HEARTBEAT_SECONDS", 0.02)
    heart = Heart(job)
    heart.stepped(1, 10)
    before = heart.status
    time.sleep(0.2)
    after = job.status()
    heart.stop("failed", "Done.")
    assert after.heartbeat > before.heartbeat
    assert after.progressed == before.progressed


def test_that_a_stalled_job_is_told_from_a_slow_and_from_a_lost_one():
    slow = Status("running", 1000.0, progressed=1000.0, seconds_per_step=30.0)
    assert not slow.stalled(now=1000.0 + 19 * 30)
    late = 1000.0 + (STALLED_STEPS + 1) * 30
    assert replace(slow, heartbeat=late).stalled(now=late)
    assert slow.lost(now=late)
    assert not slow.stalled(now=late)
    fast = replace(slow, seconds_per_step=0.01, heartbeat=1000.0 + STALLED_SECONDS)
    assert not fast.stalled(now=1000.0 + STALLED_SECONDS - 1)
    assert fast.stalled(now=1000.0 + STALLED_SECONDS + 1)
    assert not replace(fast, state="paused").stalled(now=2000.0)


def test_that_the_pace_follows_the_steps_and_tells_the_time_left(job, monkeypatch):
    now = 50.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    heart = Heart(job)
    for step in range(1, 200):
        now += 2.0 if step < 20 else 1.0
        heart.stepped(step, 400)
    assert heart.status.seconds_per_step == pytest.approx(1.0, abs=0.01)
    assert heart.status.seconds_left == pytest.approx(201, abs=3)
    monkeypatch.undo()
    heart.stop("failed", "Done.")


def test_that_a_killed_job_is_found_again_and_let_go_on_unless_it_never_comes_further(job, spec, started):
    waiting = JobFolder.create(control.jobs_folder() / "two", spec)
    finished = JobFolder.create(control.jobs_folder() / "three", spec)
    finished.write_status(Status("finished", time.time()))
    hopeless = JobFolder.create(control.jobs_folder() / "four", spec)
    hopeless.write_status(Status("running", time.time(), pid=1, attempts=3))
    job.write_status(Status("running", time.time(), pid=2**22 + 12345, step=7, steps=9))
    assert control.shown_state(job) == "lost"
    assert control.is_left_alone(job)
    assert not control.is_left_alone(finished)

    assert {found.name for found in control.restart_left_alone(control.jobs_folder())} == {job.name, waiting.name}

    assert set(started) == {job.name, waiting.name}
    assert job.status().step == 7


def test_that_pause_resume_and_cancel_reach_a_job_without_process_at_once(job, started):
    control.pause_job(job)
    assert job.status().state == "paused"
    assert control.resume_job(job) == 4711
    assert started == ["one"]
    assert job.requested() is None
    control.cancel_job(job)
    assert job.status().state == "cancelled"
    with pytest.raises(UnusableFolder, match="It is cancelled"):
        control.pause_job(job)
    assert control.resume_job(job) == 4711  # a cancelled job keeps its state
    job.write_status(Status("finished", time.time()))
    with pytest.raises(UnusableFolder, match="Clone it"):
        control.resume_job(job)


def test_that_pause_and_cancel_reach_a_waiting_process(job):
    with JobProcess(job) as process:
        control.cancel_job(job)
        process.obey(None)
    assert job.status().state == "cancelled"
    assert job.requested() is None
    assert job.runner() is None


@pytest.mark.parametrize(("number", "state"), [(signal.SIGTERM, "queued"), (signal.SIGINT, "paused")])
def test_that_a_job_that_is_told_to_end_keeps_its_state_first(job, number, state):
    """By the system, it goes on at the next start; by Ctrl-C, when somebody wants it to."""
    kept = []
    with JobProcess(job) as process:
        os.kill(os.getpid(), number)
        process.obey(lambda: kept.append("the state"))
        kept.append("nothing more")
    assert kept == ["the state"]
    assert job.status().state == state
    assert control.is_left_alone(job) == (state == "queued")


def test_that_a_clone_has_the_specification_and_nothing_else(job, spec):
    job.append_event("epoch", epoch=1)
    clone, another = control.clone_job(job), control.clone_job(job)
    assert [clone.name, another.name] == ["one-clone", "one-clone-2"]
    assert clone.spec() == spec
    assert clone.status().state == "queued"
    assert list(clone.events()) == []
    control.remove_job(job)
    assert not job.path.exists()


def test_that_an_unforeseen_end_is_said_in_three_parts_and_passed_on(job):
    with pytest.raises(ZeroDivisionError), JobProcess(job):
        _ = 1 // 0
    status = job.status()
    assert status.state == "failed"
    assert "ZeroDivisionError" in status.error["why"]
    assert "ZeroDivisionError" in (job.path / "log.txt").read_text()
    with JobProcess(job):
        raise Cancelled
    assert job.status().state == "cancelled"


def test_that_a_line_torn_by_a_power_cut_costs_only_itself(job):
    job.append_event("epoch", epoch=1)
    with (job.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "epo')
    job.append_event("epoch", epoch=2)
    assert [event["epoch"] for event in job.events()] == [1, 2]


@pytest.mark.parametrize(
    "error",
    [OSError(28, "x"), OSError(122, "x"), RuntimeError("I/O error: No space left on device (os error 28)")],
)
def test_that_a_full_disk_is_known_however_it_is_told(error):
    told = UnusableFolder("a", "b", "c")
    told.__cause__ = error
    assert is_disk_full(told)
    assert not is_disk_full(OSError(13, "Permission denied"))


def test_that_the_command_line_lists_shows_and_names_what_is_not_there(job, capsys):
    assert cli.main(["jobs", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["jobs"]
    assert (listed["name"], listed["state"], listed["checkpoint"]) == ("one", "queued", None)

    assert cli.main(["jobs", "show", "one"]) == 0
    assert 'architecture = "test_resnet"' in capsys.readouterr().out

    assert cli.main(["jobs", "pause", "one", "nobody", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [one["state"] for one in said["jobs"]] == ["paused"]
    assert said["failed"][0]["what"] == "There is no job nobody."

    assert cli.main(["jobs", "clone", "one", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["jobs"][0]["name"] == "one-clone"
    assert cli.main(["jobs", "remove", "one", "one-clone"]) == 0
    assert cli.main(["jobs", "list", "--json"]) == 0
    assert '"jobs": []' in capsys.readouterr().out
    assert cli.main(["jobs", "cancel"]) == 2
    with pytest.raises(UnusableChoice):
        control.find_job("one")
