"""Jobs as processes of their own: queued, paused, killed, found again, out of room, out of memory."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from xferviewer.checkpoints import Preprocessing, read_checkpoint
from xferviewer.engine.inference import load
from xferviewer.errors import UnusableFolder, XferviewerError
from xferviewer.jobs import control
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.optimiser_spec import OptimiserSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec
from xferviewer.training.finetune import run

SIDE = 32


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))


@pytest.fixture
def spec(tmp_path):
    """A small network with batch normalisation and dropout, on 40 pictures, kept at each step."""
    random = np.random.default_rng(0)
    folder = tmp_path / "cohort"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "patient", "left"])
        for number in range(40):
            pixels = random.integers(0, 255, (40, 40), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", number // 2, int(number % 3 == 0)])
    return TrainingSpec(
        name="small",
        title="Small",
        findings=("left",),
        network=NetworkSpec(
            architecture="test_resnet",
            setting="S5",
            preprocessing=Preprocessing(size=(SIDE, SIDE), mean=(0.5,) * 3, std=(0.5,) * 3),
            options={"drop_rate": 0.3},
        ),
        data=DataSpec(folder=FolderData(str(folder)), validation_fraction=0.2),
        recipe=Recipe(epochs=3, batch_size=8, learning_rate=3e-3, threads=1),
        license="Apache-2.0",
        machine=MachineSpec(device="cpu", save_seconds=0.0),
    )


@pytest.fixture
def jobs(spec):
    """Makes jobs among the window's; whatever still runs in the end is killed."""
    made = []

    def make(name: str, **recipe: object) -> JobFolder:
        told = replace(spec, recipe=replace(spec.recipe, **recipe))
        made.append(JobFolder.create(control.jobs_folder() / name, told))
        return made[-1]

    yield make
    for job in made:
        runner = job.runner()
        if runner is not None and runner.pid != os.getpid():
            os.kill(runner.pid, signal.SIGKILL)


def wait_until(true, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def steps_kept(job: JobFolder) -> int:
    """Changes with each step that is kept."""
    path = job.path / "resume" / "last.safetensors"
    return path.stat().st_mtime_ns if path.exists() else 0


def test_that_jobs_outlive_their_starter_wait_for_their_turn_and_end_in_the_same_weights_after_a_kill(spec, jobs):
    """One process starts two jobs and ends; they run one after the other; one is paused, killed and let go on."""
    whole = run(spec, JobFolder.create(control.jobs_folder() / "whole", spec))
    first, second = jobs("first", epochs=10_000), jobs("second")
    code = (
        "import sys; from xferviewer.jobs.control import find_job, start_job; "
        "[start_job(find_job(name)) for name in sys.argv[1:]]"
    )
    subprocess.run([sys.executable, "-c", code, "first"], check=True)
    wait_until(lambda: steps_kept(first))
    subprocess.run([sys.executable, "-c", code, "second"], check=True)
    wait_until(lambda: "Waits" in second.status().message)
    assert second.status().state == "queued"
    assert steps_kept(second) == 0
    with pytest.raises(UnusableFolder, match="works on it"):
        control.start_job(first)

    control.pause_job(first)  # hands the device on
    wait_until(lambda: first.status().state == "paused")
    wait_until(lambda: steps_kept(second))
    os.kill(second.runner().pid, signal.SIGKILL)
    wait_until(lambda: second.runner() is None)
    assert control.shown_state(second) in {"lost", "finished"}
    control.restart_left_alone(control.jobs_folder())
    wait_until(lambda: second.status().over)
    wait_until(lambda: second.runner() is None)
    assert read_checkpoint(second.checkpoint()).weights_sha256 == whole.weights_sha256

    control.resume_job(first)
    wait_until(lambda: first.status().state == "running")
    control.cancel_job(first)
    wait_until(lambda: first.runner() is None)
    assert first.status().state == "cancelled"
    assert steps_kept(first)


def test_that_an_image_that_breaks_in_the_middle_of_an_epoch_is_named_and_passed_over(
    tmp_path, spec, jobs, monkeypatch
):
    job = jobs("broken")
    image = tmp_path / "cohort" / "7.png"
    from xferviewer.training import loop

    gradients, steps = loop._gradients, []

    def counted(*arguments):
        steps.append(1)
        return gradients(*arguments)

    monkeypatch.setattr(loop, "_gradients", counted)
    image.write_bytes(image.read_bytes()[:200])  # torn after the first bytes
    run(job.spec(), job)
    assert job.status().state == "finished"
    assert [event["message"] for event in job.events() if event["kind"] == "refused"] != []
    assert any("7.png" in event["message"] for event in job.events() if event["kind"] == "refused")
    assert len(steps) == 3 * 4


class SmallMemory(nn.Module):
    """Refuses more than `room` images at once as a graphics card does."""

    def __init__(self, network: nn.Module, room: int) -> None:
        super().__init__()
        self.network, self.room, self.batches = network, room, []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(images))
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        answer: torch.Tensor = self.network(images)
        return answer


def too_small(monkeypatch, room: int) -> list[SmallMemory]:
    """The loop computes on a device with little room."""
    from lightning_fabric import Fabric

    setup, made = Fabric.setup, []

    def small(fabric, network, optimiser):
        made.append(SmallMemory(network, room))
        return setup(fabric, made[-1], optimiser)

    monkeypatch.setattr(Fabric, "setup", small)
    return made


def test_that_a_batch_too_large_is_halved_where_that_is_allowed_with_the_same_gradients(spec, jobs, monkeypatch):
    """Without batch normalisation and dropout parts of a batch give the gradients of the whole, up to rounding."""
    network = replace(
        spec.network,
        architecture="vit_tiny_patch16_224",
        options={"depth": 1, "embed_dim": 48, "img_size": SIDE, "patch_size": 8},
    )
    spec = replace(spec, network=network, machine=replace(spec.machine, allow_smaller_batch=True))
    plain = OptimiserSpec(kind="SGD", momentum=0.0, nesterov=False)  # Adam would forgive any factor of the gradients
    spec = replace(spec, recipe=replace(spec.recipe, epochs=1, optimiser=plain, learning_rate=0.1))
    whole = run(spec, JobFolder.create(control.jobs_folder() / "whole", spec))
    made = too_small(monkeypatch, 2)
    job = JobFolder.create(control.jobs_folder() / "halved", spec)

    halved = run(spec, job)

    assert made[0].batches[:4] == [8, 4, 2, 2]
    assert set(made[0].batches[4:]) == {2}
    assert [event["parts"] for event in job.events() if event["kind"] == "halved batch"] == [2, 4]
    ours, theirs = (load(one, torch.device("cpu")).network.state_dict() for one in (halved, whole))
    for name, values in theirs.items():
        torch.testing.assert_close(ours[name], values, rtol=1e-4, atol=1e-6)


def test_that_running_out_of_memory_is_explained_where_no_smaller_batch_is_allowed(jobs, monkeypatch):
    job = jobs("large")
    too_small(monkeypatch, 2)
    with pytest.raises(XferviewerError, match=r"no room for 8 images at a time.*machine\.allow_smaller_batch"):
        run(job.spec(), job)
    assert job.status().state == "failed"


def test_that_a_loss_that_is_no_number_stops_the_job_with_the_state_from_before(jobs, monkeypatch):
    job = jobs("diverged")
    spec = replace(job.spec(), machine=MachineSpec(device="cpu"))  # kept at the end of an epoch of 4 steps
    from xferviewer.training import loop

    gradients, steps = loop._gradients, []

    def spoilt(*arguments):
        steps.append(1)
        loss = gradients(*arguments)
        return loss * float("nan") if len(steps) == 6 else loss

    with monkeypatch.context() as patched:
        patched.setattr(loop, "_gradients", spoilt)
        with pytest.raises(XferviewerError, match=r"stopped at step 6\. Its loss is no finite number"):
            run(spec, job)
    assert job.status().state == "failed"
    run(spec, job)  # from the kept state, which is from before
    assert [event["step"] for event in job.events() if event["kind"] == "resumed"] == [4]
    assert job.status().state == "finished"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes; where this person may not mount one, the test is left out."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_that_a_full_disk_pauses_a_job_which_says_so_there_and_goes_on_when_there_is_room(
    spec, small_disk, monkeypatch
):
    whole = run(spec, JobFolder.create(control.jobs_folder() / "whole", spec))
    monkeypatch.setattr("xferviewer.jobs.process._ROOM_SECONDS", (0.05, 0.1))
    job = JobFolder.create(small_disk / "job", spec)
    (small_disk / "films").write_bytes(bytes(1_900_000))
    done = []
    worker = threading.Thread(target=lambda: done.append(run(spec, job)))
    worker.start()
    wait_until(lambda: job.status().state == "paused")
    assert "is full" in job.status().message
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    worker.join(60)
    assert done[0].weights_sha256 == whole.weights_sha256
    assert job.status().state == "finished"
    assert all(
        line.startswith("{") and line.endswith("}") for line in (job.path / "events.jsonl").read_text().split("\n")[:-1]
    )


def test_that_tensorboard_reads_the_curves_of_a_job(jobs, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setattr("xferviewer.training.watch._STEP_EVENT_SECONDS", 0.0)
    job = jobs("curves")
    run(job.spec(), job)
    read = EventAccumulator(str(job.path / "tensorboard"))
    read.Reload()
    epochs = [event for event in job.events() if event["kind"] == "epoch"]
    steps = [event for event in job.events() if event["kind"] == "step"]
    assert [point.step for point in read.Scalars("loss/validation")] == [4, 8, 12]
    assert [point.value for point in read.Scalars("loss/validation")] == pytest.approx(
        [epoch["validation_loss"] for epoch in epochs]
    )
    assert [point.value for point in read.Scalars("auc/left")] == pytest.approx(
        [epoch["findings"]["left"]["auc"] for epoch in epochs]
    )
    assert [point.value for point in read.Scalars("learning_rate")][: len(steps)] != []


def test_that_the_best_and_the_last_weights_are_both_checkpoints(jobs):
    job = jobs("both", selection="validation AUC")
    best = run(job.spec(), job)
    last = read_checkpoint(job.path / "last" / "small-last")
    assert last.card.title.endswith("as the last step left it")
    assert job.checkpoint() == best.folder
    assert not (job.path / "resume").exists()
    chosen = [event["epoch"] for event in job.events() if event["kind"] == "epoch" and event["best"]]
    assert (last.weights_sha256 == best.weights_sha256) == (chosen[-1] == 3)


def test_that_two_processes_share_each_batch_and_learn_what_one_does_up_to_rounding(spec, jobs):
    """Without batch normalisation and dropout, which see the part of each process alone."""
    network = replace(
        spec.network,
        architecture="vit_tiny_patch16_224",
        options={"depth": 1, "embed_dim": 48, "img_size": SIDE, "patch_size": 8},
    )
    spec = replace(
        spec,
        network=network,
        recipe=replace(spec.recipe, epochs=2, learning_rate=0.1, optimiser=OptimiserSpec(kind="SGD", momentum=0.9)),
    )
    one = run(spec, JobFolder.create(control.jobs_folder() / "one", spec))
    spec = replace(spec, machine=replace(spec.machine, devices=2))
    job = JobFolder.create(control.jobs_folder() / "two", spec)
    two = run(spec, job)
    ours, theirs = (load(made, torch.device("cpu")).network.state_dict() for made in (two, one))
    for name, values in theirs.items():
        torch.testing.assert_close(ours[name], values, rtol=1e-4, atol=1e-5)
    losses = [
        [event["training_loss"] for event in JobFolder(folder).events() if event["kind"] == "epoch"]
        for folder in (control.jobs_folder() / "one", job.path)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert not torch.distributed.is_initialized()
