"""A run that was interrupted goes on from its last step and ends in the very same weights."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from xferviewer.checkpoints import Preprocessing
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec
from xferviewer.training import loop
from xferviewer.training.finetune import run


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))


@pytest.fixture
def spec(tmp_path):
    """A small convolutional network with batch normalisation and dropout: 3 epochs of 5 steps, kept at each step."""
    random = np.random.default_rng(0)
    folder = tmp_path / "cohort"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "patient", "left"])
        for number in range(24):
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
            preprocessing=Preprocessing(size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3),
            options={"drop_rate": 0.3},
        ),
        data=DataSpec(folder=FolderData(str(folder)), validation_fraction=0.2),
        recipe=Recipe(epochs=3, batch_size=4, learning_rate=3e-3, threads=1),
        license="Apache-2.0",
        machine=MachineSpec(device="cpu", save_seconds=0.0),
    )


class Kill(BaseException):
    """Ends a run at a place where no code expects it, as a power cut would."""


def stop_after(monkeypatch, steps: int) -> None:
    """Let the next run end in the middle of its step number `steps`."""
    done = 0
    gradients = loop._gradients

    def counted(*arguments):
        nonlocal done
        done += 1
        if done > steps:
            raise Kill
        return gradients(*arguments)

    monkeypatch.setattr(loop, "_gradients", counted)


@pytest.mark.parametrize("pieces", [(1, 1, 1), (4,), (5,), (7, 6), (14,)])
def test_that_an_interrupted_run_ends_in_the_weights_of_one_that_was_not(tmp_path, spec, monkeypatch, pieces):
    whole = run(spec, JobFolder.create(tmp_path / "whole", spec))
    job = JobFolder.create(tmp_path / "pieces", spec)
    for steps in pieces:
        with monkeypatch.context() as patched:
            stop_after(patched, steps)
            with pytest.raises(Kill):
                run(spec, job)
    made = run(spec, job)
    assert made.weights_sha256 == whole.weights_sha256
    assert [event["kind"] for event in job.events()].count("resumed") == len(pieces)
    assert [event["epoch"] for event in job.events() if event["kind"] == "epoch"] == [1, 2, 3]
