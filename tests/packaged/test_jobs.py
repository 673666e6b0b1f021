"""Fine-tuning with the packaged application: processes that read images, a kill, and how it goes on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.packaged.conftest import wait_until

if TYPE_CHECKING:
    import subprocess

    from tests.packaged.conftest import Packaged

SPEC = """
name = "{name}"
title = "Packaged"
findings = ["Effusion", "Cardiomegaly"]
license = "Apache-2.0"
[network]
architecture = "test_resnet"
setting = "S5"
[network.preprocessing]
size = [64, 64]
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[data]
folder = {{folder = "{films}"}}
validation_fraction = 0.25
[recipe]
epochs = {epochs}
batch_size = 4
learning_rate = 1e-3
threads = 1
[machine]
device = "cpu"
save_seconds = 0.0
"""


def spec(packaged: Packaged, films: Path, name: str, epochs: int) -> Path:
    path = packaged.home / f"{name}.toml"
    path.write_text(SPEC.format(name=name, films=films, epochs=epochs), encoding="utf-8")
    return path


def state(job: Path) -> str:
    found: str = json.loads((job / "status.json").read_text())["state"] if (job / "status.json").exists() else ""
    return found


def kept(job: Path) -> int:
    path = job / "resume" / "last.safetensors"
    return path.stat().st_mtime_ns if path.exists() else 0


def descendants(process: int) -> dict[int, str]:
    """Every process below `process` that lives, and its command line."""
    found: dict[int, str] = {}
    try:
        children = [
            int(child)
            for thread in Path(f"/proc/{process}/task").iterdir()
            for child in (thread / "children").read_text().split()
        ]
    except OSError:  # it has just ended
        return found
    for child in children:
        try:
            found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        found |= descendants(child)
    return found


@pytest.fixture(scope="module")
def whole(packaged: Packaged, films: Path) -> Path:
    """A job that nobody disturbed."""
    job = packaged.home / "whole"
    done = packaged.run("train", spec(packaged, films, "tuned", 8), "--out", job, "--now")
    assert done.returncode == 0, done.stderr
    return job


def weights(job: Path) -> bytes:
    (file,) = (job / "result").rglob("model.safetensors")
    return file.read_bytes()


def test_that_a_killed_job_goes_on_and_ends_in_the_weights_of_one_that_was_left_alone(
    packaged: Packaged, films: Path, whole: Path
) -> None:
    assert state(whole) == "finished"
    job = packaged.home / "killed"
    readers: set[int] = set()
    # a data folder of its own, because the other job's keeps the decoded images
    own = {"XFERVIEWER_HOME": str(packaged.home / "other data")}
    words = ["train", spec(packaged, films, "tuned", 8), "--out", job, "--now"]
    running: subprocess.Popen[bytes] = packaged.start(*words, **own)

    def reads_and_learns() -> bool:
        readers.update(child for child, line in descendants(running.pid).items() if "read-images" in line)
        assert running.poll() is None, running.communicate()[1].decode()
        return bool(readers) and kept(job) > 0

    wait_until(reads_and_learns)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert state(job) == "running"  # as the kill left it
    assert not (job / "result").exists()
    wait_until(lambda: not any(Path(f"/proc/{reader}").exists() for reader in readers))  # they end with who asked them

    done = packaged.run("train", "--job", job, "--now", **own)
    assert done.returncode == 0, done.stderr
    assert state(job) == "finished"
    assert weights(job) == weights(whole)


def test_that_a_detached_job_outlives_who_started_it(packaged: Packaged, films: Path) -> None:
    job = packaged.home / "background"
    done = packaged.run("train", spec(packaged, films, "background", 2), "--out", job, "--detach")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: state(job) in ("finished", "failed"), 300)
    assert state(job) == "finished", (job / "log.txt").read_text()
