"""A job killed at random again and again ends in the weights of one that was left in peace.

    python benchmarks/killed_jobs.py [--kills 30] [--seed 0]

Real processes, started detached as the window starts them, and SIGKILL: in the middle of a step, of a write, of the
start. Prints one line a kill and a verdict; ends with 1 when a single bit of the weights differs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from safetensors import safe_open

from xferviewer.checkpoints import Preprocessing, read_checkpoint
from xferviewer.jobs.control import resume_job, start_job
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

_START_SECONDS = 4.0  # about what a process takes to its first step: some kills fall into it


def main(arguments: Sequence[str] = ()) -> int:
    """Two jobs, one of them killed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["XFERVIEWER_HOME"] = str(home)
        spec = _spec(home / "cohort", steps=60 * options.kills)
        whole = JobFolder.create(home / "jobs" / "whole", spec)
        start_job(whole)
        _wait_for_end(whole)
        killed = JobFolder.create(home / "jobs" / "killed", spec)
        _kill(killed, options.kills, random.Random(options.seed))
        digests = [read_checkpoint(job.checkpoint()).weights_sha256 for job in (whole, killed)]
        resumed = sum(event["kind"] == "resumed" for event in killed.events())
        equal = digests[0] == digests[1]
        print(f"{options.kills} kills, {resumed} resumed runs: the weights are {'equal' if equal else 'NOT EQUAL'}")
        return 0 if equal else 1


def _kill(job: JobFolder, kills: int, chance: random.Random) -> None:
    """Start, kill, start again; at last let it come to its end."""
    for number in range(kills):
        state = job.path / "resume" / "last.safetensors"
        before = state.stat().st_mtime_ns if state.exists() else 0
        pid = resume_job(job)
        assert pid is not None, "the folder was still held by the process that was killed"
        if chance.random() < 0.2:
            where, delay = "while it starts", chance.uniform(0.0, _START_SECONDS)
        else:
            where, delay = "while it trains", chance.uniform(0.0, 0.5)
            while (state.stat().st_mtime_ns if state.exists() else 0) == before:
                time.sleep(0.005)
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        while job.runner() is not None:
            time.sleep(0.01)
        print(f"kill {number + 1} {where}; kept are {_kept(state)}", flush=True)
        assert not job.status().over, job.status()
    resume_job(job)
    _wait_for_end(job)


def _kept(state: Path) -> str:
    if not state.exists():
        return "no steps"
    with safe_open(state, "np") as file:
        said = dict(json.loads(file.metadata()["rest"])["state"]["map"])
    return f"{said['epoch']} epochs and {said['step']} steps"


def _wait_for_end(job: JobFolder) -> None:
    while not job.status().over:
        time.sleep(0.1)
    assert job.status().state == "finished", job.status()
    while job.runner() is not None:
        time.sleep(0.1)


def _spec(folder: Path, steps: int) -> TrainingSpec:
    """A small convolutional network with batch normalisation and dropout, kept at each step."""
    pixels = np.random.default_rng(0)
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "patient", "left"])
        for number in range(100):
            Image.fromarray(pixels.integers(0, 255, (40, 40), dtype=np.uint8)).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", number // 2, int(number % 3 == 0)])
    return TrainingSpec(
        name="killed",
        title="Killed at random",
        findings=("left",),
        network=NetworkSpec(
            architecture="test_resnet",
            setting="S5",
            preprocessing=Preprocessing(size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3),
            options={"drop_rate": 0.3},
        ),
        data=DataSpec(folder=FolderData(str(folder)), validation_fraction=0.2),
        recipe=Recipe(epochs=max(1, steps // 20), batch_size=4, learning_rate=1e-3, threads=1),
        license="Apache-2.0",
        machine=MachineSpec(device="cpu", save_seconds=0.0),
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
