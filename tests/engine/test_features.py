"""A frozen backbone computes each view of each image once; the job learns what it would have learned without that."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from xferviewer.checkpoints import Preprocessing
from xferviewer.checkpoints.fields import from_mapping, to_mapping
from xferviewer.engine.inference import load
from xferviewer.errors import UnusableCheckpoint, UnusableChoice
from xferviewer.jobs.augmentation_cards import augmentation_card
from xferviewer.jobs.augmentation_spec import Augmentation
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec
from xferviewer.networks import backbones
from xferviewer.training import features
from xferviewer.training.finetune import estimate_job, run
from xferviewer.training.frozen_backbone import frozen_backbone
from xferviewer.training.method import make_method


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """24 pictures of 12 patients, a frozen network with batch normalisation."""
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    random = np.random.default_rng(0)
    folder = tmp_path / "cohort"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "patient", "bright"])
        for number in range(24):
            bright = number % 2
            pixels = random.integers(0, 60, (40, 40)) + 120 * bright * (np.arange(40) > 20)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", number // 2, int(bright)])
    torch.manual_seed(0)
    weights = tmp_path / "weights.pth"
    torch.save(timm.create_model("test_efficientnet", num_classes=1).state_dict(), weights)
    return TrainingSpec(
        name="frozen",
        title="Frozen",
        findings=("bright",),
        network=NetworkSpec(
            "test_efficientnet", "S1", Preprocessing((32, 32), (0.5,) * 3, (0.5,) * 3), weights=str(weights)
        ),
        data=DataSpec(folder=FolderData(str(folder)), validation_fraction=0.25),
        recipe=Recipe(epochs=3, batch_size=8, learning_rate=1e-2, threads=1),
        license="Apache-2.0",
    )


def _run(spec, path):
    job = JobFolder.create(path, spec)
    checkpoint = run(spec, job)
    weights = load(checkpoint, torch.device("cpu")).network.state_dict()
    return weights, [event for event in job.events() if event["kind"] == "epoch"], _said(job)


def _said(job):
    return [event for event in job.events() if event["kind"] == "features"]


@pytest.mark.parametrize(
    "augmentation", [Augmentation(), Augmentation(views=2), augmentation_card("none").augmentation]
)
def test_that_a_job_learns_the_same_with_kept_features_as_without(tmp_path, spec, augmentation):
    spec = replace(spec, recipe=replace(spec.recipe, augmentation=augmentation))
    kept, kept_epochs, said = _run(spec, tmp_path / "kept")
    plain, plain_epochs, _ = _run(replace(spec, machine=MachineSpec(keep_features=False)), tmp_path / "plain")

    views = {0: 3, 2: 2, 1: 1}[augmentation.views]
    assert (said[0]["kept"], said[0]["views"], said[1]["computed"]) == (True, views, 18 * views + 6)
    for name, values in plain.items():
        torch.testing.assert_close(kept[name], values, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(kept_epochs, plain_epochs, strict=True):
        for number in ("training_loss", "validation_loss", "validation_auc"):
            assert ours[number] == pytest.approx(theirs[number], abs=1e-5)


def test_that_a_second_job_computes_no_feature_and_other_weights_all(tmp_path, spec):
    _run(spec, tmp_path / "one")
    longer = replace(spec, recipe=replace(spec.recipe, learning_rate=1e-3))
    assert _run(longer, tmp_path / "two")[2][1]["computed"] == 0
    assert _run(replace(longer, seed=1), tmp_path / "moved otherwise")[2][1]["computed"] == 3 * 18
    os.utime(tmp_path / "cohort" / "7.png", (1, 1))  # a file that changed
    assert 1 <= _run(longer, tmp_path / "changed")[2][1]["computed"] <= 3
    state = torch.load(spec.network.weights)
    state["conv_stem.weight"] *= 1.01
    torch.save(state, spec.network.weights)
    assert _run(spec, tmp_path / "four")[2][1]["computed"] == 3 * 18 + 6


@dataclass(frozen=True)
class _Side:
    """All that a recipe asks of a training side."""

    labels: np.ndarray
    rows: np.ndarray


def _backbone(spec):
    """What the job of a specification makes of its backbone, without running it."""
    network = backbones.create(spec.network.architecture, 1, options=spec.network.options)
    backbones.freeze(network, spec.network.trainable_groups)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    found = frozen_backbone(spec, network, make_method(spec, network, _Side(np.eye(8, 1), np.arange(8))))
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
    return found


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"network": {"setting": "S3"}}, "The backbone learns"),
        ({"network": {"options": {"drop_path_rate": 0.5}}}, "drops some"),
        ({"recipe": {"layers": {"frozen_norm": "train"}}}, "takes in every batch"),
        ({"recipe": {"mixing": {"mixup": 0.5}}}, "mixed with each other"),
        ({"machine": {"keep_features": False}}, "asks for none"),
        ({"network": {"architecture": "deit_tiny_distilled_patch16_224", "options": {"depth": 1}}}, "no single"),
    ],
)
def test_that_features_that_would_change_are_not_kept_and_the_reason_is_said(spec, change, why):
    mapping = to_mapping(spec)
    for section, values in change.items():
        for name, value in values.items():
            known = mapping[section].get(name, {})
            mapping[section][name] = {**known, **value} if isinstance(value, dict) else value
    assert why in _backbone(from_mapping(TrainingSpec, mapping))


@pytest.mark.parametrize(
    "architecture", ["test_resnet", "test_vit", "test_convnext", "test_mambaout", "resnetv2_50x1_bit"]
)
def test_that_the_classifier_of_a_frozen_network_says_what_the_network_says(spec, architecture):
    """Linear layers and a convolution of 1 × 1; the last begins with zeros."""
    size = timm.get_pretrained_cfg(architecture).input_size[1:] if architecture.startswith("test") else (32, 32)
    made = replace(spec.network.preprocessing, size=tuple(size))
    spec = replace(spec, network=replace(spec.network, architecture=architecture, preprocessing=made))
    frozen = _backbone(spec)
    assert frozen.features == backbones.classifier_features(frozen.network)


def test_that_a_network_that_goes_on_after_its_classifier_is_found_out_also_where_that_begins_with_zeros(spec):
    network = backbones.create("test_efficientnet", 1)
    backbones.freeze(network, 0)
    for parameter in network.classifier.parameters():
        torch.nn.init.zeros_(parameter)
    network.forward = lambda inputs: 2 * type(network).forward(network, inputs)
    found = frozen_backbone(spec, network, make_method(spec, network, _Side(np.eye(8, 1), np.arange(8))))
    assert "More than a classifier" in found


def test_that_features_larger_than_their_limit_are_not_kept(tmp_path, spec, monkeypatch):
    monkeypatch.setattr(features, "LIMIT_BYTES", 1000)
    _, _, said = _run(replace(spec, recipe=replace(spec.recipe, epochs=1)), tmp_path / "job")
    assert [one["kept"] for one in said] == [False]
    assert said[0]["why"].startswith("They would take")


def test_that_an_unreadable_image_is_passed_over_with_features_too(tmp_path, spec):
    (tmp_path / "cohort" / "5.png").write_bytes(b"no image")
    kept, _, _ = _run(spec, tmp_path / "kept")
    plain, _, _ = _run(replace(spec, machine=MachineSpec(keep_features=False)), tmp_path / "plain")
    for name, values in plain.items():
        torch.testing.assert_close(kept[name], values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("laterality", "words"), [("matters", "None is: left and right"), ("free", "50% of the images are mirrored")]
)
def test_that_a_job_says_whether_it_mirrors_images(tmp_path, spec, laterality, words):
    moves = replace(augmentation_card("P2").augmentation, laterality=laterality)
    job = JobFolder.create(tmp_path / "job", replace(spec, recipe=replace(spec.recipe, augmentation=moves, epochs=1)))
    run(job.spec(), job)
    said = next(event["message"] for event in job.events() if event["kind"] == "augmentation")
    assert words in said
    assert "evaluated by the preprocessing imagenet-squash, this job is by another" in said


def test_that_an_estimate_knows_which_features_are_kept_and_writes_nothing(tmp_path, spec, monkeypatch):
    fresh = estimate_job(spec)
    assert (fresh.features.views, fresh.features.kept) == (3 * 18, 0)
    assert fresh.seconds > fresh.steps * fresh.seconds_per_step
    assert not (tmp_path / "home" / "features").exists()
    job = JobFolder.create(tmp_path / "job", spec)
    run(spec, job)
    (said,) = [event for event in job.events() if event["kind"] == "estimate"]
    assert said["features"]["views"] == 54
    assert said["features"]["kept"] == 0
    assert "0 of 54 views are kept" in said["message"]

    again = estimate_job(spec)
    assert (again.features.views, again.features.kept) == (54, 54)
    assert again.seconds == again.steps * again.seconds_per_step
    longer = estimate_job(replace(spec, recipe=replace(spec.recipe, epochs=5)))
    assert (longer.features.views, longer.features.kept) == (5 * 18, 54)
    assert longer.features.seconds == pytest.approx(36 * longer.features.seconds_per_view)
    assert estimate_job(replace(spec, seed=1)).features.kept == 0
    assert estimate_job(replace(spec, machine=MachineSpec(keep_features=False))).features is None
    learns = replace(spec, network=replace(spec.network, setting="S3"))
    assert estimate_job(learns).features is None
    monkeypatch.setattr(features, "LIMIT_BYTES", 1000)
    assert estimate_job(replace(spec, seed=1)).features is None  # there would be no room for them


@pytest.mark.parametrize("setting", ["S1", "S3"])
def test_that_an_estimate_refuses_weights_that_do_not_fit(spec, setting):
    network = replace(spec.network, setting=setting, architecture="test_resnet")
    with pytest.raises(UnusableCheckpoint, match=r"cannot start from weights\.pth"):
        estimate_job(replace(spec, network=network))


def test_that_an_estimate_fetches_no_weights(spec, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    network = replace(spec.network, architecture="resnet18", weights=None, hub="timm/resnet18.a1_in1k")
    assert estimate_job(replace(spec, network=network)).features.kept == 0
    with pytest.raises(UnusableChoice, match="were not fetched"):
        run(replace(spec, network=network), JobFolder.create(Path(spec.data.folder.folder).parent / "job", spec))
