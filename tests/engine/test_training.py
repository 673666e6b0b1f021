"""A job on generated pictures, from its spec to a checkpoint that predicts."""

from __future__ import annotations

import csv
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from xferviewer.checkpoints import Head, Preprocessing, image_mark, read_checkpoint, read_seen_images
from xferviewer.engine.inference import Prediction, load, predict_images
from xferviewer.errors import UnusableCheckpoint, UnusableSpec, UnusableTable, XferviewerError
from xferviewer.evaluation.roc import auc_interval
from xferviewer.jobs.augmentation_spec import Augmentation
from xferviewer.jobs.data_spec import DataSpec, FolderData, PhantomData
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec, read_spec
from xferviewer.networks import backbones
from xferviewer.networks.heads import ConvHead
from xferviewer.studies.images import read_image
from xferviewer.training import array_store
from xferviewer.training.augmentation import move
from xferviewer.training.epoch_metrics import EpochMetrics
from xferviewer.training.finetune import run
from xferviewer.training.losses import StatedLoss
from xferviewer.training.validation import Validation

SIZE = 32


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))


@pytest.fixture
def cohort(tmp_path):
    """48 noisy pictures of 24 patients: a bright left half is the finding "left", a bright right half "right"."""
    random = np.random.default_rng(0)
    folder = tmp_path / "cohort"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "patient", "left", "right"])
        for number in range(48):
            left, right = random.integers(0, 2, 2)
            pixels = random.integers(0, 60, (40, 40))
            pixels[:, :20] += 120 * left
            pixels[:, 20:] += 120 * right
            pixels[0, :2] = 0, 255  # every picture spans the same range
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", number // 2, left, right])
    return folder


@pytest.fixture
def spec(cohort):
    return TrainingSpec(
        name="halves",
        title="Halves",
        findings=("left", "right"),
        network=NetworkSpec(
            architecture="vit_tiny_patch16_224",
            setting="S5",
            preprocessing=Preprocessing(size=(SIZE, SIZE), mean=(0.5,) * 3, std=(0.5,) * 3),
            options={"depth": 1, "embed_dim": 48, "img_size": SIZE, "patch_size": 8},
        ),
        data=DataSpec(folder=FolderData(str(cohort)), validation_fraction=0.25),
        recipe=Recipe(epochs=6, batch_size=8, learning_rate=3e-3, threads=1),
        license="Apache-2.0",
    )


def test_that_a_job_ends_in_a_checkpoint_that_learned_and_predicts(tmp_path, spec, cohort):
    spec = replace(spec, recipe=replace(spec.recipe, epochs=40))
    job = JobFolder.create(tmp_path / "job", spec)

    made = run(spec, job, "xferviewer train halves.toml")

    checkpoint = read_checkpoint(job.checkpoint())
    assert made == checkpoint
    assert checkpoint.card.command == "xferviewer train halves.toml"
    assert checkpoint.card.data.shared_patients == 0
    assert job.status().state == "finished"
    epochs = [event for event in job.events() if event["kind"] == "epoch"]
    assert max(epoch["validation_auc"] for epoch in epochs) > 0.95
    receipt = next(event for event in job.events() if event["kind"] == "receipt")
    assert receipt["shared_patients"] == 0
    answers = list(predict_images([load(checkpoint, torch.device("cpu"))], [(cohort / "0.png", 0)]))
    assert isinstance(answers[0], Prediction)


def test_that_the_checkpoint_says_which_images_it_has_seen_without_naming_them(tmp_path, spec, cohort):
    checkpoint = run(replace(spec, recipe=replace(spec.recipe, epochs=1)), JobFolder.create(tmp_path / "job", spec))
    seen, data = read_seen_images(checkpoint), checkpoint.card.data
    assert (len(seen.training), len(seen.validation)) == (data.training, data.validation)
    marks = {image_mark(read_image(path).identity) for path in cohort.glob("*.png")}
    assert seen.training | seen.validation == marks
    text = (checkpoint.folder / "seen_images.txt").read_text()
    assert ".png" not in text
    (checkpoint.folder / "seen_images.txt").write_text(text.replace(data.split_digest, "0" * 64))
    with pytest.raises(UnusableCheckpoint, match="another split"):
        read_seen_images(checkpoint)


def test_that_the_same_spec_gives_the_same_weights_and_another_seed_others(tmp_path, spec):
    spec = replace(spec, recipe=replace(spec.recipe, epochs=2))
    digests = [
        run(again, JobFolder.create(tmp_path / f"job{number}", again)).weights_sha256
        for number, again in enumerate((spec, spec, replace(spec, seed=1)))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_that_the_weights_kept_are_those_of_the_best_epoch(tmp_path, spec, monkeypatch):
    """Epochs of equal validation AUC: the earlier one stays."""
    means = iter([0.6, 0.8, 0.8, 0.7])
    kept = []

    def validate(_spec: object, network: torch.nn.Module, *_: object) -> Validation:
        kept.append({name: values.clone() for name, values in network.state_dict().items()})
        area = auc_interval([0, 1], [0, 1])
        return Validation(0.5, EpochMetrics((replace(area, auc=next(means)),), (0.5,), 0.5, 0.5, majority=False))

    monkeypatch.setattr("xferviewer.training.loop.validate", validate)
    spec = replace(spec, findings=("left",), recipe=replace(spec.recipe, epochs=4))

    checkpoint = run(spec, JobFolder.create(tmp_path / "job", spec))

    weights = load(checkpoint, torch.device("cpu")).network.state_dict()
    equal = [all(torch.equal(weights[name], values) for name, values in epoch.items()) for epoch in kept]
    assert equal == [False, True, False, False]


def test_that_an_unreadable_image_is_left_out_and_named(tmp_path, spec, cohort):
    (cohort / "5.png").write_bytes(b"no image")
    spec = replace(spec, recipe=replace(spec.recipe, epochs=1))
    job = JobFolder.create(tmp_path / "job", spec)

    run(spec, job)

    refused = [event["message"] for event in job.events() if event["kind"] == "refused"]
    assert len(refused) == 1
    assert "5.png" in refused[0]
    assert job.status().state == "finished"


def test_that_a_job_pauses_while_the_disk_is_full_says_so_and_then_learns_the_same(tmp_path, spec, monkeypatch):
    spec = replace(spec, recipe=replace(spec.recipe, epochs=1))
    before = run(spec, JobFolder.create(tmp_path / "before", spec))
    monkeypatch.setattr("xferviewer.jobs.process._ROOM_SECONDS", (0.01, 0.02))
    job, seen = JobFolder.create(tmp_path / "after", spec), []
    append, full = array_store._append_whole, iter([False, True, True, False, True])

    def sometimes_full(file: object, content: memoryview) -> None:
        seen.append(job.status())
        if next(full, False):
            raise OSError(28, "No space left on device")
        append(file, content)

    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "another"))
    monkeypatch.setattr(array_store, "_append_whole", sometimes_full)

    after = run(spec, job)

    assert next(full, None) is None
    assert after.weights_sha256 == before.weights_sha256
    assert any(status.state == "paused" and "is full" in status.message for status in seen)
    assert job.status().state == "finished"
    assert "there is room again" in (job.path / "log.txt").read_text()


def test_that_a_second_job_takes_the_images_that_the_first_prepared(tmp_path, spec, monkeypatch):
    spec = replace(spec, recipe=replace(spec.recipe, epochs=1))
    run(spec, JobFolder.create(tmp_path / "one", spec))
    monkeypatch.setattr("xferviewer.training.planes.fit", None)  # whoever decoded again would fail
    run(spec, JobFolder.create(tmp_path / "two", spec))


def test_that_a_job_without_any_readable_image_fails_in_words(tmp_path, spec, cohort):
    for path in cohort.glob("*.png"):
        path.write_bytes(b"no image")
    job = JobFolder.create(tmp_path / "job", spec)
    with pytest.raises(UnusableTable, match="None of its"):
        run(spec, job)
    assert job.status().state == "failed"


def test_that_an_unknown_architecture_fails_in_three_sentences_that_the_folder_keeps(tmp_path, spec):
    spec = replace(spec, network=replace(spec.network, architecture="resnet51"))
    job = JobFolder.create(tmp_path / "job", spec)

    with pytest.raises(UnusableSpec, match="resnet51"):
        run(spec, job)

    status = job.status()
    assert status.state == "failed"
    assert "resnet51" in status.error["why"]
    assert "resnet51" in (job.path / "log.txt").read_text()


def test_that_a_loss_that_is_no_number_stops_the_job(tmp_path, spec):
    spec = replace(spec, recipe=replace(spec.recipe, learning_rate=1e30, warmup_epochs=0.0, epochs=5))
    job = JobFolder.create(tmp_path / "job", spec)
    with pytest.raises(XferviewerError, match="finite"):
        run(spec, job)
    assert job.status().state == "failed"


def test_that_a_job_pauses_goes_on_and_is_cancelled_when_asked(tmp_path, spec):
    spec = replace(spec, recipe=replace(spec.recipe, epochs=10_000))
    job = JobFolder.create(tmp_path / "job", spec)
    results = []
    worker = threading.Thread(target=lambda: results.append(run(spec, job)))

    def wait_for(state: str) -> None:
        deadline = time.monotonic() + 20
        while job.status().state != state:
            assert time.monotonic() < deadline, job.status()
            time.sleep(0.02)

    worker.start()
    wait_for("running")
    job.request("pause")
    wait_for("paused")
    job.request(None)
    wait_for("running")
    job.request("cancel")
    worker.join(20)

    assert results == [None]
    assert job.status().state == "cancelled"


def test_that_held_out_films_get_their_auc_on_the_card(tmp_path, spec):
    findings = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion")
    spec = replace(
        spec,
        findings=findings,
        data=DataSpec(phantom=PhantomData("B", 12, 1), validation_fraction=0.3),
        recipe=replace(spec.recipe, epochs=1),
        held_out=(PhantomData("B", 10, 2), PhantomData("C", 10, 2)),
    )

    checkpoint = run(spec, JobFolder.create(tmp_path / "job", spec))

    assert [metric.finding for metric in checkpoint.card.metrics] == [*findings, *findings]
    assert {(metric.site, metric.positive + metric.negative) for metric in checkpoint.card.metrics} == {
        ("B", 10),
        ("C", 10),
    }
    assert read_checkpoint(checkpoint.folder).card == checkpoint.card


def test_that_a_job_trains_the_head_that_its_spec_names(tmp_path, spec):
    head = Head("conv-skip", {"filters": 2.0, "ratio": 0.05})
    spec = replace(spec, network=replace(spec.network, head=head), recipe=replace(spec.recipe, epochs=1))
    job = JobFolder.create(tmp_path / "job", spec)
    assert read_spec(job.path / "spec.toml") == spec

    checkpoint = read_checkpoint(run(spec, job).folder)

    assert checkpoint.head == head
    assert isinstance(load(checkpoint).network.get_classifier(), ConvHead)


def test_that_a_job_takes_torchvisions_name_and_starts_from_torchvisions_file(tmp_path, spec):
    donor = torchvision.models.mobilenet_v2()
    torch.save(donor.state_dict(), tmp_path / "tv.pth")
    network = NetworkSpec("mobilenet_v2", "S1", spec.network.preprocessing, weights=str(tmp_path / "tv.pth"))
    spec = replace(spec, network=network, recipe=replace(spec.recipe, epochs=1))

    checkpoint = run(spec, JobFolder.create(tmp_path / "job", spec))

    assert checkpoint.architecture == "mobilenetv2_100"
    assert torch.equal(load(checkpoint, torch.device("cpu")).network.conv_stem.weight, donor.features[0][0].weight)


def test_that_labels_that_are_not_stated_teach_nothing():
    logits = torch.tensor([[0.3, -2.0], [1.0, 5.0]], requires_grad=True)
    labels = torch.tensor([[1.0, float("nan")], [0.0, float("nan")]])

    mean = StatedLoss("multi-label", Recipe(epochs=1, batch_size=2, learning_rate=1.0), None)
    loss = mean(logits, labels)
    loss.backward()

    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], labels[:, 0])
    torch.testing.assert_close(loss, expected)
    assert torch.equal(logits.grad[:, 1], torch.zeros(2))
    assert mean(logits, torch.full((2, 2), float("nan"))) == 0


def test_that_augmentation_by_nothing_is_only_the_resize_and_by_a_shift_moves_the_picture():
    picture = torch.zeros(1, 1, 20, 40)
    picture[..., 8:12, 18:22] = 1
    random = torch.Generator().manual_seed(0)

    still = move(
        picture, (20, 40), Augmentation(shift=0.0, scale=0.0, rotation=0.0), torch.rand(1, 4, generator=random)
    )
    sideways = Augmentation(shift=0.25, scale=0.0, rotation=0.0)
    moved = move(picture.expand(200, -1, -1, -1), (20, 40), sideways, torch.rand(200, 4, generator=random))

    torch.testing.assert_close(still, picture)
    weights = moved[:, 0] / moved[:, 0].sum(dim=(1, 2), keepdim=True)
    column = (weights * torch.arange(40.0)).sum(dim=(1, 2)) - 19.5
    assert 8.5 < column.abs().max() <= 10.01  # a quarter of 40


def test_that_a_turned_picture_keeps_its_shape_when_it_is_not_square():
    picture = torch.zeros(1, 1, 40, 80)
    picture[..., 10:30, 30:50] = 1  # a square of 400 pixels

    only_turned = Augmentation(shift=0.0, scale=0.0, rotation=45.0)
    turned = move(picture.expand(50, -1, -1, -1), (40, 80), only_turned, torch.rand(50, 4, generator=torch.Generator()))

    np.testing.assert_allclose(turned.sum(dim=(1, 2, 3)), 400, rtol=0.02)


@pytest.mark.parametrize(
    ("architecture", "groups"),
    [
        ("resnet50", ["stem", "stage 1", "stage 2", "stage 3", "stage 4"]),
        ("densenet121", ["stem", "block 1", "block 2", "block 3", "block 4"]),
        ("tf_efficientnet_lite0", ["stem", *(f"stage {i}" for i in range(1, 8)), "head convolution"]),
        ("vit_tiny_patch16_224", ["embedding", *(f"block {i}" for i in range(1, 13)), "norm"]),
    ],
)
def test_that_every_parameter_of_a_backbone_belongs_to_one_group(architecture, groups):
    network = backbones.create(architecture, 2)
    found = backbones.layer_groups(network)
    assert [group.name for group in found] == groups
    classifier = {id(parameter) for parameter in network.get_classifier().parameters()}
    for name, parameter in network.named_parameters():
        owners = [group.name for group in found if name.startswith(group.prefixes)]
        assert len(owners) == (0 if id(parameter) in classifier else 1), name


def test_that_the_topmost_groups_of_resnet50_have_the_published_parameter_counts():
    """layer4 14,964,736, with layer3 22,063,104, with layer2 23,282,688, with layer1 23,498,496, all 23,508,032."""
    network = backbones.create("resnet50", 2)
    counts = []
    for groups in (0, 1, 2, 3, 4, None):
        backbones.freeze(network, groups)
        head = sum(parameter.numel() for parameter in network.get_classifier().parameters())
        counts.append(sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad) - head)
    assert counts == [0, 14_964_736, 22_063_104, 23_282_688, 23_498_496, 23_508_032]


def test_that_a_killed_job_leaves_a_folder_that_can_be_read_and_no_half_checkpoint(tmp_path, spec):
    spec = replace(spec, recipe=replace(spec.recipe, epochs=100_000))
    job = JobFolder.create(tmp_path / "job", spec)
    code = (
        "import sys; from xferviewer.jobs.folder import JobFolder; from xferviewer.training.finetune import run; "
        "job = JobFolder(sys.argv[1]); run(job.spec(), job)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(job.path)])
    deadline = time.monotonic() + 60
    while sum(event["kind"] == "epoch" for event in job.events()) < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)

    process.kill()
    process.wait()

    status = job.status()
    assert status.state == "running"
    assert status.pid == process.pid
    assert status.lost(now=time.time() + 60)
    assert [event["epoch"] for event in job.events() if event["kind"] == "epoch"][:3] == [1, 2, 3]
    assert job.checkpoint() is None
