"""A cohort run reads each image once, keeps what it computed, and goes on where it was stopped."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from xferviewer.checkpoints import FLIP
from xferviewer.engine.cohort_predictions import predict_cohort
from xferviewer.engine.columns import repeated
from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.engine.table import predict_table
from xferviewer.errors import Stopped
from xferviewer.evaluation.predictions import PredictionStore
from xferviewer.evaluation.run_progress import RunProgress
from xferviewer.networks.preprocessing import to_tensor
from xferviewer.studies.images import read_image
from xferviewer.studies.selection import select_images

CPU = torch.device("cpu")

# A reading process as it is, but for a line in a log for each image that it really reads.
_NOTING = """
import sys
from xferviewer.studies import reading_processes
read_image = reading_processes.read_image
def noted(path, frame):
    with open({log!r}, "a") as log:
        log.write(path.name + "\\n")
    return read_image(path, frame)
reading_processes.read_image = noted
sys.exit(reading_processes.main(sys.argv[-1:]))
"""


class Reads:
    """What reading processes have read since the last look."""

    def __init__(self, log: Path) -> None:
        self._log = log
        log.touch()

    def take(self) -> list[str]:
        names = sorted(self._log.read_text().split())
        self._log.write_text("")
        return names


@pytest.fixture
def reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reads:
    log, script = tmp_path / "reads", tmp_path / "reader.py"
    script.write_text(_NOTING.format(log=str(log)))
    command = [sys.executable, str(script)]
    monkeypatch.setattr("xferviewer.studies.reading_processes.own_command", lambda *_: command)
    return Reads(log)


@pytest.fixture
def two(make_checkpoint) -> list[LoadedCheckpoint]:
    """Two small networks that prepare an image differently."""
    return [load(make_checkpoint("test_efficientnet", size=size, seed=size), CPU) for size in (64, 48)]


@pytest.fixture
def store(tmp_path: Path):
    with PredictionStore(tmp_path / "logits.sqlite") as opened:
        yield opened


def test_that_each_image_is_read_once_whatever_the_number_of_checkpoints(two, pictures, store, reads):
    images = select_images(pictures[0].parent).images

    predicted = predict_cohort([*two, *repeated(two, [FLIP])], images, store)

    assert reads.take() == [path.name for path in pictures]
    assert [[values.shape for values in one.logits] for one in predicted.images] == [[(5,), (5,), (2, 5), (2, 5)]] * 6


def test_that_a_second_run_reads_nothing_and_says_the_same_to_the_bit(two, pictures, store, reads):
    images = select_images(pictures[0].parent).images
    asked = [*two, *repeated(two, [FLIP])]
    first = predict_cohort(asked, images, store)
    reads.take()

    second = predict_cohort(asked, images, store)

    assert reads.take() == []
    assert (first.computed, second.computed) == (6, 0)
    for one, other in zip(first.images, second.images, strict=True):
        assert all(map(np.array_equal, one.logits, other.logits))
        assert one.image == other.image


def test_that_a_further_checkpoint_and_a_further_image_cost_only_themselves(two, pictures, store, reads, monkeypatch):
    folder = pictures[0].parent
    pictures[5].rename(folder.parent / "later.png")
    predict_cohort(two[:1], select_images(folder).images, store)
    (folder.parent / "later.png").rename(pictures[5])
    reads.take()
    computed = []
    logits = LoadedCheckpoint.logits
    monkeypatch.setattr(LoadedCheckpoint, "logits", lambda one, batch: (computed.append(one), logits(one, batch))[1])

    predicted = predict_cohort(two, select_images(folder).images, store)

    assert predicted.computed == 6
    assert reads.take() == [path.name for path in pictures]
    assert [computed.count(one) for one in two] == [1, 6]


def test_that_a_table_of_paths_goes_on_from_the_store_too(two, pictures, tmp_path, reads):
    table = tmp_path / "images.csv"
    table.write_text("path,patient_id\n" + "".join(f"pictures/{path.name},p{path.stem}\n" for path in pictures))
    folders = [one.checkpoint.folder for one in two]
    first = predict_table(folders, table, tmp_path / "first.csv", device="cpu", store=tmp_path / "own.sqlite")
    reads.take()

    second = predict_table(folders, table, tmp_path / "second.csv", device="cpu", store=tmp_path / "own.sqlite")

    assert (first["computed"], second["computed"], reads.take()) == (6, 0, [])
    assert (tmp_path / "first.csv").read_text() == (tmp_path / "second.csv").read_text()


def test_that_a_broken_image_is_named_and_tried_again_by_the_next_run(two, pictures, store):
    whole = pictures[2].read_bytes()
    images = select_images(pictures[0].parent).images  # the index would have passed over what it can see is cut off
    pictures[2].write_bytes(whole[: len(whole) // 2])
    told: list[RunProgress] = []

    first = predict_cohort(two, images, store, progress=told.append)
    pictures[2].write_bytes(whole)
    second = predict_cohort(two, select_images(pictures[0].parent).images, store)

    assert [one.image.name for one in first.failed] == ["2.png"]
    assert "2.png" in str(first.failed[0].error)
    assert (len(first.images), told[-1].done, told[-1].failed) == (5, 6, 1)
    assert (second.failed, second.computed, len(second.images)) == ((), 1, 6)


def test_that_a_logit_that_is_no_number_is_a_failure_and_not_kept(two, pictures, store, monkeypatch):
    logits = LoadedCheckpoint.logits

    def overflowing(one: LoadedCheckpoint, batch: torch.Tensor) -> np.ndarray:
        return logits(one, batch) * (np.inf if one is two[1] else 1)

    monkeypatch.setattr(LoadedCheckpoint, "logits", overflowing)
    images = select_images(pictures[0].parent).images

    predicted = predict_cohort(two, images, store)

    assert (len(predicted.images), len(predicted.failed)) == (0, 6)
    assert "finite" in predicted.failed[0].error.why
    assert [row["images"] for row in store.summary()] == [6]


def test_that_what_torch_cannot_compute_costs_that_image_alone(two, pictures, store, monkeypatch):
    logits = LoadedCheckpoint.logits
    third = to_tensor(read_image(pictures[2]), two[0].preprocessing)

    def failing(one: LoadedCheckpoint, batch: torch.Tensor) -> np.ndarray:
        if any(torch.equal(image, third) for image in batch):
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        return logits(one, batch)

    monkeypatch.setattr(LoadedCheckpoint, "logits", failing)
    images = select_images(pictures[0].parent).images

    predicted = predict_cohort(two[:1], images, store)

    assert (len(predicted.images), len(predicted.failed)) == (5, 1)
    assert predicted.failed[0].image.path == pictures[2]
    assert "not enough memory" in predicted.failed[0].error.why


def test_that_larger_batches_are_near_the_single_images_and_kept_apart_from_them(two, pictures, store):
    images = select_images(pictures[0].parent).images
    alone = predict_cohort(two, images, store)

    together = predict_cohort(two, images, store, batch_size=4)

    assert together.computed == 6  # the last bits depend on the batch: what was computed alone is no answer to this
    for one, other in zip(alone.images, together.images, strict=True):
        assert np.allclose(np.concatenate(one.logits), np.concatenate(other.logits), atol=1e-4)
    assert predict_cohort(two, images, store, batch_size=4).computed == 0


def test_that_ctrl_c_keeps_what_was_computed(two, pictures, store):
    images = select_images(pictures[0].parent).images

    def stop(progress: RunProgress) -> None:
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(Stopped, match=r"4 of 6 images are done and kept in .*logits\.sqlite"):
        predict_cohort(two, images, store, progress=stop)

    assert [row["images"] for row in store.summary()] == [4, 4]
    assert predict_cohort(two, images, store).computed == 2


def test_that_ctrl_c_is_not_lost_where_python_would_lose_it(two, pictures, store):
    images = select_images(pictures[0].parent).images

    class Cleared:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)  # an exception that is raised here is printed and forgotten

    def clear(progress: RunProgress) -> None:
        if progress.done == 2:
            Cleared()

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match="2 of 6 images are done"):
        predict_cohort(two, images, store, progress=clear)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process")
def test_that_the_command_goes_on_after_ctrl_c_and_writes_the_same_table(make_checkpoint, tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(60):
        pixels = random.integers(0, 256, (64, 64), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    checkpoint = make_checkpoint("test_efficientnet")
    command = [sys.executable, "-m", "xferviewer", "predict", "--checkpoint", str(checkpoint.folder), "--device", "cpu"]
    command += ["--json", "--images", str(folder), "--out"]
    store = tmp_path / "part.logits.sqlite"

    # Reading processes that hold back, so that the signal surely comes in the middle.
    slow = tmp_path / "slow" / "sitecustomize.py"
    slow.parent.mkdir()
    slow.write_text(
        "import sys, time\n"
        "if 'read-images' in sys.argv or 'read-images' in getattr(sys, 'orig_argv', []):\n"
        "    from xferviewer.studies import reading_processes as r\n"
        "    read = r.read_image\n"
        "    r.read_image = lambda path, frame: (time.sleep(0.2), read(path, frame))[1]\n"
    )
    paths = os.pathsep.join([str(slow.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    running = subprocess.Popen(
        [*command, str(tmp_path / "part.csv")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths}, start_new_session=True,
    )  # fmt: skip
    given_up = time.monotonic() + 60
    while _kept(store) < 3 and time.monotonic() < given_up:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)  # a terminal sends it to the whole group
    told, _ = running.communicate(timeout=60)

    assert running.returncode == 2
    assert "again" in json.loads(told)["error"]["todo"]
    kept = _kept(store)
    assert 3 <= kept < 60
    assert not (tmp_path / "part.csv").exists()
    second = json.loads(subprocess.run([*command, str(tmp_path / "part.csv")], capture_output=True, check=True).stdout)
    assert (second["computed"], second["images"]) == (60 - kept, 60)
    subprocess.run([*command, str(tmp_path / "whole.csv")], capture_output=True, check=True)
    with (tmp_path / "part.csv").open() as part, (tmp_path / "whole.csv").open() as whole:
        assert list(csv.reader(part)) == list(csv.reader(whole))


def _kept(store: Path) -> int:
    if not store.exists():
        return 0
    with PredictionStore(store) as opened:
        return sum(row["images"] for row in opened.summary())
