"""Whole jobs by a recipe: what they say, what their card says, and that a resumed one ends the same."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from xferviewer.checkpoints import read_checkpoint
from xferviewer.engine.inference import load, predict_images
from xferviewer.errors import UnusableTable
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.loss_spec import AveragingSpec, MixingSpec
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.optimiser_spec import LayerSpec
from xferviewer.jobs.schedule_spec import ScheduleSpec
from xferviewer.jobs.spec import TrainingSpec, parse_spec
from xferviewer.training import loop
from xferviewer.training.finetune import run

SPEC = """
name = "classes"
title = "Dark, middle, bright"
findings = ["dark", "middle", "bright"]
license = "CC0-1.0"
task = "multi-class"

[network]
architecture = "test_resnet"
setting = "S5"
options = {{drop_rate = 0.1}}
head = {{kind = "linear"}}

[network.preprocessing]
size = [32, 32]

[data]
folder = {{folder = "{folder}"}}
validation_fraction = 0.3

[recipe]
name = "P2 (b)"
variant = "minimum 5e-7"
as_published = true
epochs = 4
batch_size = 6
unit = "patient"
threads = 1
augmentation = {{card = "none"}}

[machine]
device = "cpu"
save_seconds = 0.0
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))


@pytest.fixture
def spec(tmp_path) -> TrainingSpec:
    """30 pictures of 15 patients, each of one of three brightnesses."""
    random, folder = np.random.default_rng(0), tmp_path / "cohort"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "patient", "dark", "middle", "bright"])
        for number in range(30):
            kind = number // 2 % 3
            pixels = random.integers(0, 60, (40, 40)) + 80 * kind
            pixels[0, :2] = 0, 255
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", number // 2, *(int(kind == one) for one in range(3))])
    return parse_spec(SPEC.format(folder=folder), "classes.toml")


def test_that_classes_are_learned_by_a_published_recipe_and_the_card_says_so(tmp_path, spec):
    job = JobFolder.create(tmp_path / "job", spec)
    run(spec, job)

    card = read_checkpoint(job.checkpoint()).card
    assert card.task == "multi-class"
    assert (card.recipe["name"], card.recipe["variant"], card.recipe["as_published"]) == (
        "P2 (b)",
        "minimum 5e-7",
        True,
    )
    told = next(event for event in job.events() if event["kind"] == "recipe")
    assert told["as_published"]
    assert "its errors included" in told["message"]
    departs = {
        "task",
        "network.setting",
        "recipe.augmentation.card",
        "recipe.epochs",
        "recipe.unit",
        "recipe.batch_size",
    }
    assert departs <= set(told["deviations"]) == set(card.recipe["deviations"])
    epochs = [event for event in job.events() if event["kind"] == "epoch"]
    rates = [event["learning_rate"] for event in epochs]
    assert rates[0] == 0.01  # then as if the epoch were the loss
    for before, rate in zip(epochs, rates[1:], strict=False):
        cosine = 5e-7 + (0.01 - 5e-7) * (1 + np.cos(np.pi * min(before["validation_loss"] / 4, 1))) / 2
        assert rate == pytest.approx(cosine, rel=1e-4)
    assert set(epochs[0]["findings"]["dark"]) == {"auc", "lower", "upper", "f1"}
    assert epochs[0]["validation_accuracy"] is not None
    assert isinstance(epochs[0]["training_majority_guess"], bool)
    images = [(tmp_path / "cohort" / f"{number}.png", 0) for number in (0, 2, 4)]
    answers = list(predict_images([load(read_checkpoint(job.checkpoint()), torch.device("cpu"))], images))
    probabilities = scores_from_logits(np.stack([answer.logits[0] for answer in answers]), card.task)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_that_all_that_a_recipe_remembers_survives_a_kill(tmp_path, spec, monkeypatch):
    """Averaged weights, a schedule that listens, patience, mixing, unfreezing; killed in the middle of two epochs."""
    recipe = replace(
        spec.recipe,
        averaging=AveragingSpec(0.9, 0.99),
        mixing=MixingSpec(mixup=0.2, cutmix=1.0),
        layers=LayerSpec(unfreeze_every=1),
        accumulation=2,
        clip_norm=1.0,
        sampler="balanced",
        patience=3,
        deterministic=True,
    )
    spec = replace(spec, recipe=recipe)
    whole = run(spec, JobFolder.create(tmp_path / "whole", spec))
    job, gradients = JobFolder.create(tmp_path / "pieces", spec), loop._gradients

    class Kill(BaseException):
        """A power cut."""

    for steps in (5, 6):
        done = iter(range(steps))

        def counted(*arguments, done=done):
            if next(done, None) is None:
                raise Kill
            return gradients(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(loop, "_gradients", counted)
            with pytest.raises(Kill):
                run(spec, job)
    assert run(spec, job).weights_sha256 == whole.weights_sha256
    assert torch.are_deterministic_algorithms_enabled() is False


def test_that_a_job_begins_with_the_head_that_its_recipe_asks_for(tmp_path, spec):
    still = replace(spec.recipe, epochs=1, learning_rate=1e-30, minimum_learning_rate=0.0, head_start="zero")
    spec = replace(spec, recipe=replace(still, as_published=False, schedule=ScheduleSpec("constant")))
    checkpoint = run(spec, JobFolder.create(tmp_path / "job", spec))
    weights = load(checkpoint, torch.device("cpu")).network.state_dict()
    assert weights["fc.weight"].abs().max() < 1e-20
    assert weights["conv1.0.weight"].abs().max() > 1e-3


def test_that_what_cannot_be_is_said_before_the_network_is_built(tmp_path, spec):
    by_study = replace(spec, recipe=replace(spec.recipe, unit="study"))
    with pytest.raises(UnusableTable, match="does not say of every image which study"):
        run(by_study, JobFolder.create(tmp_path / "other", by_study))
    (tmp_path / "cohort" / "labels.csv").write_text(
        "path,patient,dark,middle,bright\n0.png,0,1,1,0\n2.png,1,0,1,0\n4.png,2,0,0,1\n"
    )
    with pytest.raises(UnusableTable, match="do not have exactly one of dark, middle, bright"):
        run(spec, JobFolder.create(tmp_path / "job", spec))
    gradual, two = replace(spec.recipe, layers=LayerSpec(unfreeze_every=1)), MachineSpec(device="cpu", devices=2)
    with pytest.raises(ValueError, match="needs one device"):
        replace(spec, recipe=gradual, machine=two)
