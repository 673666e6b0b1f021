"""Images of a job from files to batches: in a defined order, decoded ahead, the broken ones passed over."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import torch
from PIL import Image

from xferviewer.checkpoints import Preprocessing
from xferviewer.errors import UnusableTable
from xferviewer.jobs.augmentation_cards import augmentation_card
from xferviewer.jobs.recipe import Recipe
from xferviewer.networks.preprocessing import present_to_tensor
from xferviewer.studies.images import present, read_image
from xferviewer.studies.reading_processes import ReadingProcesses
from xferviewer.training.augmentation import Augmenter
from xferviewer.training.batches import TrainingImages, ValidationImages
from xferviewer.training.cohort import Cohort
from xferviewer.training.planes import Planes, Precision, planes_folder
from xferviewer.training.sides import training_planes

PREPROCESSING = Preprocessing((16, 16), (0.5,) * 3, (0.25,) * 3)


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Makes planes of cohorts; all of them are closed in the end."""
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    with ExitStack() as stack:

        def make(cohort, preprocessing=PREPROCESSING, precision=Precision.FLOAT32):
            refused = []
            reading = stack.enter_context(ReadingProcesses(1))
            planes = stack.enter_context(Planes(cohort, preprocessing, precision, reading, refused.append))
            return planes, refused

        yield make


def cohort_of(folder, count, colour=()):
    """Noise of 20 × 24; a grey PNG each, RGB those of `colour`."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    paths = []
    for number in range(count):
        shape = (20, 24, 3) if number in colour else (20, 24)
        paths.append(folder / f"{number}.png")
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(paths[-1])
    return cohort_from(paths)


def cohort_from(paths, frames=()):
    labels = np.arange(len(paths), dtype=np.float32)[:, None]
    return Cohort("noise", None, tuple(paths), tuple(map(str, range(len(paths)))), labels, tuple(frames))


def training(planes, cohort, card="none", batch_size=4, seed=0):
    spec = augmentation_card(card).augmentation
    augmenter = Augmenter(spec, PREPROCESSING, seed, len(planes), batch_size)
    recipe = Recipe(epochs=2, batch_size=batch_size, learning_rate=1e-3, augmentation=spec)
    return TrainingImages("noise", planes, cohort.labels, lambda write: write(), augmenter, recipe, "multi-label")


def test_that_validation_sees_what_inference_sees_grey_and_colour_in_one_cohort(tmp_path, opened):
    cohort = cohort_of(tmp_path / "files", 5, colour=(1, 4))
    planes, _ = opened(cohort)
    side = ValidationImages("noise", planes, cohort.labels, lambda write: write(), PREPROCESSING, batch_size=2)
    inputs = torch.cat([batch.inputs for batch in side.batches()])
    for path, ours in zip(cohort.paths, inputs, strict=True):
        assert torch.equal(ours, present_to_tensor(present(read_image(path)), PREPROCESSING))


def test_that_an_epoch_shows_each_image_once_in_an_order_of_its_seed_and_goes_on_in_the_middle(tmp_path, opened):
    cohort = cohort_of(tmp_path / "files", 9)
    planes, _ = opened(cohort, precision=Precision.UINT8)
    side = training(planes, cohort)
    whole = list(side.epoch(0))
    orders = [[row for batch in side.epoch(epoch) for row in batch.rows] for epoch in (0, 1)]
    assert [len(batch.rows) for batch in whole] == [4, 4]  # nobody learns from a batch of one
    assert len(set(orders[0])) == 8
    assert orders[0] != orders[1]
    rest = list(side.epoch(0, first=1))
    assert [batch.number for batch in rest] == [1]
    assert torch.equal(rest[0].inputs, whole[1].inputs)
    assert (whole[0].labels[:, 0] == torch.from_numpy(whole[0].rows)).all()


def test_that_an_unreadable_image_costs_itself_alone_and_leaves_the_other_batches_as_they_were(tmp_path, opened):
    cohort = cohort_of(tmp_path / "files", 12)
    before = {batch.number: batch for batch in training(opened(cohort)[0], cohort, "default").epoch(1)}
    broken = before[1].rows[2]
    cohort.paths[broken].write_bytes(b"no image")
    planes, refused = opened(cohort)
    side = training(planes, cohort, "default")
    for _ in range(2):
        after = list(side.epoch(1))
        assert [len(batch.rows) for batch in after] == [4, 3, 4]
        for batch in after:
            kept = np.isin(before[batch.number].rows, batch.rows)
            assert torch.equal(batch.inputs, before[batch.number].inputs[torch.from_numpy(kept)])
    assert [error.what for error in refused] == [error.what for error in refused[:1]]
    assert cohort.paths[broken].name in refused[0].what


def test_that_a_batch_with_a_single_readable_image_is_left_out(tmp_path, opened):
    cohort = cohort_of(tmp_path / "files", 6)
    planes, _ = opened(cohort, precision=Precision.UINT8)
    side = training(planes, cohort, batch_size=2)
    (one, _other), *_ = [planned.rows for planned in side.plan(0)]
    cohort.paths[one].write_bytes(b"no image")
    assert [batch.number for batch in side.epoch(0)] == [1, 2]


def test_that_a_cohort_without_a_readable_image_is_refused(tmp_path, opened):
    cohort = cohort_of(tmp_path / "files", 3)
    for path in cohort.paths:
        path.write_bytes(b"no image")
    planes, refused = opened(cohort)
    with pytest.raises(UnusableTable, match="None of its 3 training images"):
        list(training(planes, cohort).epoch(0))
    assert len(refused) == 3


def test_that_frames_of_a_stack_are_images_of_their_own(tmp_path, opened):
    stack = np.random.default_rng(0).integers(0, 256, (5, 20, 20), dtype=np.uint8)
    np.save(tmp_path / "exam.npy", stack)
    cohort = cohort_from([tmp_path / "exam.npy"] * 3, frames=(0, 4, 2))
    planes, _ = opened(cohort)
    seen = planes.batch(planes.wait(np.arange(3)))
    for number, frame in enumerate((0, 4, 2)):
        alone = present_to_tensor(present(read_image(tmp_path / "exam.npy", frame)), PREPROCESSING)
        assert torch.equal((seen[number] - 0.5) / 0.25, alone[0][None])


def test_that_what_was_decoded_is_taken_from_disk_by_the_next_and_a_changed_file_is_not(tmp_path, opened, monkeypatch):
    cohort = cohort_of(tmp_path / "files", 4)
    planes, _ = opened(
        cohort, training_planes(PREPROCESSING, augmentation_card("default").augmentation), Precision.UINT8
    )
    first = planes.batch(planes.wait(np.arange(4)))
    planes.close()
    Image.fromarray(np.zeros((20, 24), dtype=np.uint8)).save(cohort.paths[2])
    read = []
    monkeypatch.setattr(
        ReadingProcesses, "read", lambda _self, path, frame: read.append(path) or read_image(path, frame)
    )
    again, _ = opened(
        cohort, training_planes(PREPROCESSING, augmentation_card("default").augmentation), Precision.UINT8
    )
    second = again.batch(again.wait(np.arange(4)))
    assert read == [cohort.paths[2]]
    assert [torch.equal(*pair) for pair in zip(first, second, strict=True)] == [True, True, False, True]
    assert all("files" not in path.name for path in planes_folder().rglob("*"))
