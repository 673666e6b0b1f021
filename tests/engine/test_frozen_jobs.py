"""A job on a cohort folder learns from exactly the images that its frozen split says, and says what is amiss."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from xferviewer.checkpoints import Preprocessing, read_checkpoint
from xferviewer.cli import main
from xferviewer.engine.inference import load
from xferviewer.errors import UnusableChoice, UnusableFolder, UnusableSpec, UnusableTable
from xferviewer.evaluation.roc import auc_interval
from xferviewer.jobs.data_spec import CohortData, DataSpec
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.loss_spec import LossSpec, MixingSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec, parse_spec, render_spec
from xferviewer.networks import backbones
from xferviewer.networks.preprocessing import to_tensor
from xferviewer.studies.cohort import CohortDescription, CohortRow
from xferviewer.studies.cohort_folder import read_cohort, write_cohort
from xferviewer.studies.images import read_image
from xferviewer.studies.leakage import leakage_receipt
from xferviewer.studies.split_file import freeze, splits_folder, write_split
from xferviewer.studies.split_making import SplitPlan, groups_of
from xferviewer.studies.splitting import split_cohort
from xferviewer.training.finetune import run
from xferviewer.training.job_data import learnable, open_data

SIZE = 32


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def labels_of(number):
    """Left: bright on the left; right: so on the right, uncertain of every seventh, not stated of every eleventh."""
    right = None if number % 11 == 10 else -1 if number % 7 == 6 else number // 2 % 2
    return number % 2, right


@pytest.fixture
def cohort(tmp_path):
    """60 frames of 20 patients in 30 files of two frames, as a cohort folder; its files as arrays."""
    random = np.random.default_rng(0)
    films = tmp_path / "films"
    films.mkdir()
    rows = []
    for file in range(30):
        frames = []
        for frame in range(2):
            number = 2 * file + frame
            left, right = labels_of(number)
            pixels = random.integers(0, 60, (40, 40))
            pixels[:, :20] += 120 * left
            pixels[:, 20:] += 120 * (right == 1)
            pixels[0, :2] = 0, 255
            frames.append(pixels.astype(np.uint8))
            rows.append(CohortRow(f"{file}.npy", (left, right), frame=frame, patient=str(file * 2 // 3)))
        np.save(films / f"{file}.npy", np.stack(frames))
    folder = tmp_path / "cohort"
    write_cohort(
        folder, CohortDescription("halves", "Halves", "csv", films, "multi-label", ("left", "right"), "patient"), rows
    )
    return folder


def frozen(folder, name="first", **options):
    table = read_cohort(folder)
    split = split_cohort(table, name, SplitPlan(**options))
    write_split(splits_folder(folder), split, table)
    return split


def by_hand(folder, parts, **options):
    """A split whose parts somebody chose."""
    table = read_cohort(folder)
    receipt = leakage_receipt(parts, groups_of(table), table.images)
    write_split(splits_folder(folder), freeze(table, "first", parts, "by hand", {}, receipt, **options), table)


class Said:
    """What a job says, in place of its watch."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}

    def say(self, kind: str, message: str, **values: object) -> None:
        self.kinds[kind] = message


def opened(folder, **options):
    data = CohortData(str(folder), "first", **options)
    return open_data(DataSpec(cohort=data), ("right", "left"), lambda message: None)


def names(data, rows):
    return {(data.cohort.paths[row].name, data.cohort.frames[row]) for row in rows}


def spec_of(folder, **options):
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
        data=DataSpec(cohort=CohortData(str(folder), "first", **options)),
        recipe=Recipe(epochs=1, batch_size=16, learning_rate=3e-3, threads=1),
        license="Apache-2.0",
    )


def test_that_the_sides_are_those_of_the_split_with_frames_and_labels_in_the_order_asked_for(cohort):
    split, table = frozen(cohort), read_cohort(cohort)
    data = opened(cohort)
    for part, rows in (("training", data.split.training), ("validation", data.split.validation)):
        assert names(data, rows) == {(table.images[row], table.frames[row]) for row in split.rows(part)}
    assert {path.name for path in data.test.paths} == {table.images[row] for row in split.rows("test")}
    for path, frame, (right, left) in zip(data.cohort.paths, data.cohort.frames, data.cohort.labels, strict=True):
        expected = labels_of(2 * int(path.stem) + frame)
        assert left == expected[0]
        np.testing.assert_equal(float(right), np.nan if expected[1] in (None, -1) else expected[1])
    assert data.method == "first: by patient, stratified"
    assert data.receipt.compared == 60


def test_that_the_digest_tells_which_images_were_learned_from(cohort):
    frozen(cohort)
    digests = {opened(cohort, training_fraction=share).split.digest for share in (1.0, 0.5, 0.25)}
    assert len(digests) == 3
    assert opened(cohort).split.digest in digests


def test_that_a_fraction_lies_in_a_larger_one_and_validation_stays(cohort):
    frozen(cohort)
    whole, half, quarter = (opened(cohort, training_fraction=share) for share in (1.0, 0.5, 0.25))
    sides = [names(data, data.split.training) for data in (quarter, half, whole)]
    assert sides[0] < sides[1] < sides[2]
    assert names(half, half.split.validation) == names(whole, whole.split.validation)


def test_that_a_fold_validates_and_the_others_are_learned_from(cohort):
    split, table = frozen(cohort, folds=3, test=0.0), read_cohort(cohort)
    seen = []
    for fold in (1, 2, 3):
        data = opened(cohort, fold=fold)
        inside = names(data, data.split.validation)
        assert inside == {(table.images[row], table.frames[row]) for row in split.rows(str(fold))}
        assert len(inside) + len(data.split.training) == 60
        assert data.test is None
        seen.append(inside)
    assert len(set.union(*seen)) == 60
    for wrong, why in (({}, "does not say which"), ({"fold": 4}, "no fold 4")):
        with pytest.raises(UnusableChoice, match=why):
            opened(cohort, **wrong)


@pytest.mark.parametrize(
    ("options", "uncertain", "blank"),
    [
        ({}, np.nan, np.nan),
        ({"uncertain": "U-Zeros"}, 0, np.nan),
        ({"uncertain": "U-Ones", "blank": "absent"}, 1, 0),
        ({"uncertain": "LSR-Ones"}, -1, np.nan),
        ({"uncertain": "U-MultiClass", "blank": "absent"}, -1, 0),
    ],
)
def test_that_uncertain_labels_follow_the_policy_in_training_and_are_left_out_of_validation(
    cohort, options, uncertain, blank
):
    frozen(cohort)
    data = opened(cohort, **options)
    for rows, of_uncertain in ((data.split.training, uncertain), (data.split.validation, np.nan)):
        for row in rows:
            given = labels_of(2 * int(data.cohort.paths[row].stem) + data.cohort.frames[row])[1]
            expected = {None: blank, -1: of_uncertain}.get(given, given)
            np.testing.assert_equal(float(data.cohort.labels[row, 0]), float(expected))


def test_that_smoothed_labels_are_drawn_anew_each_epoch_within_their_bounds():
    import torch

    from xferviewer.training.batches import Batch
    from xferviewer.training.uncertain_side import with_uncertain

    labels = np.array([[1, -1], [-1, np.nan], [0, -1]], dtype=np.float32)

    class Side:
        def epoch(self, epoch, first=0):
            yield Batch(0, torch.zeros(3, 1), torch.from_numpy(labels.copy()), np.array([2, 0, 1]))

    spec = spec_of("nowhere", uncertain="LSR-Ones")
    side = with_uncertain(Side(), spec)
    first, again, second = (next(iter(side.epoch(epoch))).labels.numpy() for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    uncertain = labels == -1
    assert (first[uncertain] != second[uncertain]).all()
    assert ((first[uncertain] >= 0.55) & (first[uncertain] <= 0.85)).all()
    np.testing.assert_array_equal(first[~uncertain], labels[~uncertain])
    plain = Side()
    assert with_uncertain(plain, spec_of("nowhere")) is plain


def test_that_a_job_ends_with_its_split_on_receipt_card_and_page(cohort, tmp_path):
    frozen(cohort)
    folder = JobFolder.create(tmp_path / "job", spec_of(cohort, uncertain="LSR-Ones"))
    checkpoint = run(folder.spec(), folder)
    card = read_checkpoint(checkpoint.folder).card
    assert card.data.split == "first: by patient, stratified, uncertain labels by LSR-Ones"
    assert (card.data.leaks, card.data.shared_patients) == (False, 0)
    assert card.data.cohort_digest == read_cohort(cohort).digest
    assert [metric.cohort for metric in card.metrics] == ["halves, test of first"] * 2
    (receipt,) = [
        json.loads(line) for line in (folder.path / "events.jsonl").read_text().splitlines() if '"receipt"' in line
    ]
    assert receipt["receipt"]["compared"] == 60
    assert "Split: first: by patient" in (checkpoint.folder / "README.md").read_text()


@pytest.mark.parametrize("mixing", [MixingSpec(), MixingSpec(mixup=0.4)])
def test_that_a_job_learns_what_is_uncertain_and_ends_in_one_logit_a_finding(cohort, tmp_path, mixing):
    frozen(cohort)
    spec = spec_of(cohort, uncertain="U-MultiClass")
    spec = replace(spec, recipe=replace(spec.recipe, epochs=12, mixing=mixing))
    folder = JobFolder.create(tmp_path / "job", spec)
    checkpoint = run(folder.spec(), folder)
    card = read_checkpoint(checkpoint.folder).card
    assert card.recipe["learned_as"] == "absent, present, uncertain"
    assert card.data.split.endswith("uncertain labels by U-MultiClass")
    loaded = load(checkpoint, torch.device("cpu"))
    assert backbones.classifier_features(loaded.network) == 48
    assert loaded.network.head.out_features == 2
    epochs = [event for event in folder.events() if event["kind"] == "epoch"]
    best = max(epochs, key=lambda event: event["validation_auc"])
    assert best["validation_auc"] > 0.8  # a half of each picture is bright where it is present
    # the areas that the job counted of three outputs are those of the checkpoint's one
    data = opened(cohort, uncertain="U-MultiClass")
    rows = data.split.validation
    made = spec.network.preprocessing
    films = [read_image(data.cohort.paths[row], data.cohort.frames[row]) for row in rows]
    logits = loaded.logits(torch.stack([to_tensor(film, made) for film in films]))
    truth = data.cohort.labels[rows][:, ::-1].astype(float)  # of left, right
    for column, finding in enumerate(("left", "right")):
        area = auc_interval(truth[:, column], logits[:, column].astype(float)).auc
        assert area == pytest.approx(best["findings"][finding]["auc"], abs=1e-6)


def test_that_three_classes_of_a_finding_are_refused_where_they_mean_nothing(cohort):
    spec = spec_of(cohort, uncertain="U-MultiClass")
    with pytest.raises(ValueError, match="uncertain U-MultiClass is for findings"):
        replace(spec, task="multi-class")
    with pytest.raises(ValueError, match="U-MultiClass has three classes"):
        replace(spec, recipe=replace(spec.recipe, loss=LossSpec("focal", alpha=0.25)))


def test_that_a_published_leaking_split_is_learned_from_and_marked(cohort, tmp_path):
    """Frames of one patient lie in several parts of the image-level split."""
    table = read_cohort(cohort)
    rows = [
        CohortRow(image, (labels_of(number)[0],), frame=frame, patient=patient)
        for number, (image, frame, patient) in enumerate(zip(table.images, table.frames, table.patients, strict=True))
    ]
    description = replace(table.description, findings=("left",))
    write_cohort(cohort, description, rows, replace=True)
    assert frozen(cohort, method="p1-image-level").leaks
    folder = JobFolder.create(tmp_path / "job", replace(spec_of(cohort), findings=("left",)))
    checkpoint = run(folder.spec(), folder)
    card = read_checkpoint(checkpoint.folder).card
    assert card.data.leaks
    assert card.data.shared_patients > 0
    assert card.data.split == "first: P1 image level (leaks)"
    assert "**This split leaks**" in (checkpoint.folder / "README.md").read_text()
    assert "This split leaks" in (folder.path / "log.txt").read_text()
    (tmp_path / "labels.csv").write_text("image,left\na,1\nb,0\nc,1\nd,0\n")
    (tmp_path / "halves.csv").write_text("image,left\na,0.9\nb,0.2\nc,0.4\nd,0.5\n")
    words = ["evaluate", "--labels", str(tmp_path / "labels.csv"), "--predictions", str(tmp_path / "halves.csv")]
    assert main([*words, "--out", str(tmp_path / "out"), "--checkpoint", str(checkpoint.folder)]) == 0
    said = "halves learned from a split that leaks (first: P1 image level (leaks))"
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["warnings"][0].startswith(said)
    assert said in (tmp_path / "out" / "report.html").read_text()


def test_that_shared_patients_of_any_other_split_stop_the_job(cohort, tmp_path):
    by_hand(cohort, ["training"] * 31 + ["validation"] * 29)
    folder = JobFolder.create(tmp_path / "job", spec_of(cohort))
    with pytest.raises(UnusableSpec, match="Shared patients: 1 in training and validation"):
        run(folder.spec(), folder)
    assert folder.status().state == "failed"


def test_that_a_cohort_changed_since_the_split_stops_the_job_and_is_named(cohort):
    frozen(cohort)
    table = (cohort / "images.csv").read_text()
    (cohort / "images.csv").write_text(table.replace("0.npy,,0,", "0.npy,,7,", 1))
    with pytest.raises(UnusableTable, match="the patients of some images are others"):
        opened(cohort)


def test_that_empty_parts_and_absent_splits_cohorts_and_findings_are_named(cohort):
    by_hand(cohort, ["training"] * 60)
    with pytest.raises(UnusableChoice, match="validation part is empty"):
        opened(cohort)
    with pytest.raises(UnusableTable, match="has no split second"):
        open_data(DataSpec(cohort=CohortData(str(cohort), "second")), ("left",), lambda message: None)
    with pytest.raises(UnusableFolder, match="is no cohort"):
        open_data(DataSpec(cohort=CohortData("nowhere", "first")), ("left",), lambda message: None)
    with pytest.raises(UnusableTable, match="says nothing of Mass"):
        open_data(DataSpec(cohort=CohortData(str(cohort), "first")), ("Mass",), lambda message: None)


def parts_by(chosen):
    """Images into validation by number, all of a patient together; the rest into training."""
    return ["validation" if number // 3 in chosen else "training" for number in range(60)]


def test_that_a_finding_without_positives_is_named_and_the_job_goes_on_without_it(cohort):
    by_hand(cohort, parts_by({0, 1, 2}), leaks=True)
    data, said = opened(cohort), Said()
    validation, training = data.cohort.labels[data.split.validation], data.cohort.labels[data.split.training]
    validation[:, 0] = 0
    data.cohort.labels[data.split.validation] = validation
    assert learnable(data, ("right", "left"), "multi-label", said) == ("right", "left")
    assert said.kinds == {"no validation": "No area on the validation images: right (none present)."}
    training[:, 0] = np.nan
    data.cohort.labels[data.split.training] = training
    assert learnable(data, ("right", "left"), "multi-label", said) == ("left",)
    assert said.kinds["not learned"] == "Not learned, for want of training images: right (none present and absent)."
    with pytest.raises(UnusableSpec, match="Of right"):
        learnable(data, ("right", "left"), "multi-class", said)
    data.cohort.labels[data.split.validation] = 1
    with pytest.raises(UnusableSpec, match="no epoch is the best"):
        learnable(data, ("right", "left"), "multi-label", said)
    data.cohort.labels[data.split.training] = 1
    with pytest.raises(UnusableSpec, match="No finding has both present and absent images in training"):
        learnable(data, ("right", "left"), "multi-label", said)


def test_that_the_data_of_a_cohort_are_read_back_from_a_specification(cohort):
    spec = spec_of(cohort, fold=2, training_fraction=0.1, uncertain="U-Ones")
    assert parse_spec(render_spec(spec), "spec.toml").data == spec.data
    with pytest.raises(ValueError, match="name one of phantom, folder and cohort"):
        DataSpec()
    with pytest.raises(ValueError, match="training_fraction"):
        CohortData("a", "b", training_fraction=0.0)
