"""`xferviewer calibrate`, from tables to the file beside the checkpoint."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from xferviewer.checkpoints import (
    Card,
    Preprocessing,
    TrainingData,
    read_calibration,
    read_checkpoint,
    write_card,
    write_checkpoint,
)
from xferviewer.cli import main
from xferviewer.evaluation.calibration import brier, expected_calibration_error, negative_log_likelihood
from xferviewer.evaluation.recalibration import fit, recalibrators_of
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec, render_spec
from xferviewer.studies.splits import split_patients

FINDINGS = ("Edema", "Effusion")
N = 240


class Cohort:
    """Labels and logits of one checkpoint on N images of N / 2 patients; too extreme logits, and a table of each."""

    def __init__(self, folder) -> None:
        self.folder = folder
        random = np.random.default_rng(8)
        self.logits = random.normal(-0.5, 2.5, (N, 2)).astype(np.float32)
        self.labels = (random.random((N, 2)) < 1 / (1 + np.exp(0.3 - self.logits / 2))).astype(float)
        self.labels[3, 0] = np.nan
        self.images = [f"site/{row:03d}.png" for row in range(N)]
        self.patients = [f"P{row // 2}" for row in range(N)]
        self.sites = ["A" if row % 3 else "B" for row in range(N)]
        card = Card(
            name="small", title="Small", architecture="test_vit", findings=FINDINGS, trained_findings=FINDINGS,
            task="multi-label", preprocessing=Preprocessing(size=(64, 64), mean=(0.5,) * 3, std=(0.25,) * 3),
            weights_sha256="", license="Apache-2.0", seed=4,
        )  # fmt: skip
        self.checkpoint = write_checkpoint(folder / "small", card, {}, {"bias": np.zeros(2, dtype=np.float32)})
        self.write_labels()
        self.write_predictions("logits.csv", self.logits)
        self.write_predictions("probabilities.csv", scores_from_logits(self.logits, "multi-label"))

    def write_labels(self) -> None:
        with (self.folder / "labels.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["path", "patient", "site", *FINDINGS])
            for row in range(N):
                cells = ["" if np.isnan(value) else int(value) for value in self.labels[row]]
                table.writerow([self.images[row], self.patients[row], self.sites[row], *cells])

    def write_predictions(self, name: str, scores: np.ndarray, checkpoint: str = "small") -> None:
        with (self.folder / name).open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["image", "checkpoint", *FINDINGS])
            for image, row in zip(self.images, scores, strict=True):
                table.writerow([image, checkpoint, *(repr(float(value)) for value in row)])

    def learned_from_these(self, seed: int = 4) -> np.ndarray:
        """Let the card say that the checkpoint learned from this very cohort; returns the rows of its validation."""
        names = [image.rsplit("/", 1)[-1] for image in self.images]
        split = split_patients(names, self.patients, 60, seed)
        n_training, n_validation = len(split.training), len(split.validation)
        data = TrainingData(
            "cohort", None, None, n_training, n_validation, n_training // 2, n_validation // 2, 0, split.digest
        )
        self.checkpoint = write_card(self.checkpoint, replace(self.checkpoint.card, data=data))
        return split.validation

    def arguments(self, *more: str, predictions: str = "logits.csv", method: str = "temperature") -> list[str]:
        return [
            "calibrate", "--checkpoint", str(self.checkpoint.folder), "--labels", str(self.folder / "labels.csv"),
            "--predictions", str(self.folder / predictions), "--method", method, "--split", "tuning", *more,
        ]  # fmt: skip


@pytest.fixture
def cohort(tmp_path) -> Cohort:
    return Cohort(tmp_path)


def answer(capsys, arguments: list[str]) -> tuple[int, dict]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic", "beta"])
def test_that_the_file_holds_the_fit_and_the_answer_what_it_changes(cohort, capsys, method):
    code, said = answer(capsys, cohort.arguments(method=method))
    assert code == 0
    assert (said["scores"], said["cases"], said["apart_from_training"]) == ("logits", N, None)
    calibration = read_calibration(read_checkpoint(cohort.checkpoint.folder))
    recalibrators = recalibrators_of(cohort.checkpoint, calibration)
    before = scores_from_logits(cohort.logits, "multi-label")
    after = scores_from_logits(cohort.logits, "multi-label", "calibrated probability", recalibrators)
    for k, finding in enumerate(FINDINGS):
        labels = cohort.labels[:, k]
        assert recalibrators[k] == fit(method, labels, cohort.logits[:, k])
        effect = said["findings"][finding]
        for moment, p in (("before", before[:, k]), ("after", after[:, k])):
            assert effect[moment] == {
                "ece": expected_calibration_error(labels, p),
                "nll": negative_log_likelihood(labels, p),
                "brier": brier(labels, p),
            }
        assert effect["after"]["nll"] < effect["before"]["nll"]
        assert effect["n_positive"] == calibration.findings[finding].n_positive == np.sum(labels == 1)
        assert effect["n_negative"] == calibration.findings[finding].n_negative == np.sum(labels == 0)
    assert (calibration.split, calibration.scores) == ("tuning", "logits")
    assert calibration.cases_sha256 == said["cases_sha256"]
    assert calibration.command.startswith("xferviewer ")
    assert set(calibration.libraries) == {"python", "xferviewer", "numpy", "scipy"}


def test_that_probabilities_are_told_from_logits_and_give_the_same_fit_to_their_precision(cohort, capsys):
    _, of_logits = answer(capsys, cohort.arguments())
    _, of_probabilities = answer(capsys, cohort.arguments(predictions="probabilities.csv"))
    assert of_probabilities["scores"] == "probabilities"
    for finding in FINDINGS:
        (one,), (other,) = (
            said["findings"][finding]["parameters"]["temperature"] for said in (of_logits, of_probabilities)
        )
        assert one == pytest.approx(other, rel=1e-5)


def test_that_an_image_without_a_score_is_no_case(cohort, capsys):
    cohort.logits[:30, 1] = np.nan
    cohort.write_predictions("logits.csv", cohort.logits)
    text = (cohort.folder / "logits.csv").read_text().replace("nan", "")
    (cohort.folder / "logits.csv").write_text(text)
    _, said = answer(capsys, cohort.arguments())
    expected = fit("temperature", cohort.labels[30:, 1], cohort.logits[30:, 1])
    effect = said["findings"]["Effusion"]
    assert effect["parameters"]["temperature"] == list(expected.parameters["temperature"])
    assert effect["n_positive"] + effect["n_negative"] == N - 30


def test_that_certain_probabilities_are_counted_in_a_warning(cohort, capsys):
    probabilities = scores_from_logits(cohort.logits, "multi-label")
    probabilities[:3, 0] = 1
    cohort.write_predictions("probabilities.csv", probabilities)
    _, said = answer(capsys, cohort.arguments(predictions="probabilities.csv"))
    assert any(warning.startswith("3 probabilities are exactly 0 or 1") for warning in said["warnings"])


def test_that_conditions_choose_the_rows_and_change_the_digest(cohort, capsys):
    _, everybody = answer(capsys, cohort.arguments())
    _, site = answer(capsys, cohort.arguments("--where", "site=B"))
    assert site["cases"] == 80
    assert site["cases_sha256"] != everybody["cases_sha256"]
    rows = np.array(cohort.sites) == "B"
    assert site["findings"]["Effusion"]["n_positive"] == np.sum(cohort.labels[rows, 1] == 1)
    _, one = answer(capsys, cohort.arguments("--where", "site=B", "--where", "patient=P0"))
    assert one["error"]["what"] == "small was not calibrated."  # one image of two: never both classes
    code, none = answer(capsys, cohort.arguments("--where", "site=C"))
    assert code == 2
    assert none["error"]["why"] == "No labelled image with a prediction has site = C."
    code, none = answer(capsys, cohort.arguments("--where", "ward=C"))
    assert code == 2
    assert "cannot be grouped by ward" in none["error"]["what"]


def test_that_the_digest_of_the_cases_does_not_depend_on_the_order_of_the_rows(cohort, capsys):
    _, forwards = answer(capsys, cohort.arguments())
    for name in ("images", "patients", "sites"):
        setattr(cohort, name, getattr(cohort, name)[::-1])
    cohort.labels, cohort.logits = cohort.labels[::-1], cohort.logits[::-1]
    cohort.write_labels()
    _, backwards = answer(capsys, cohort.arguments())
    assert forwards["cases_sha256"] == backwards["cases_sha256"]
    cohort.labels[0] = 1 - cohort.labels[0]
    cohort.write_labels()
    assert answer(capsys, cohort.arguments())[1]["cases_sha256"] != forwards["cases_sha256"]


def test_that_the_training_split_is_refused_and_the_validation_split_found(cohort, capsys):
    validation = cohort.learned_from_these()
    code, said = answer(capsys, cohort.arguments())
    assert code == 2
    assert f"{N - validation.size} of the {N} belong to its training split" in said["error"]["why"]
    assert read_calibration(cohort.checkpoint) is None
    code, said = answer(capsys, cohort.arguments("--where", "split=training"))
    assert code == 2
    code, said = answer(capsys, cohort.arguments("--where", "split=validation"))
    assert (code, said["cases"], said["apart_from_training"]) == (0, validation.size, True)
    expected = fit("temperature", cohort.labels[validation, 1], cohort.logits[validation, 1])
    assert said["findings"]["Effusion"]["parameters"]["temperature"] == list(expected.parameters["temperature"])


def test_that_the_seed_of_the_split_is_read_from_the_job_of_the_checkpoint(cohort, capsys, tmp_path):
    cohort.learned_from_these(seed=31)
    assert answer(capsys, cohort.arguments())[1]["apart_from_training"] is None
    result = tmp_path / "job" / "result"
    result.mkdir(parents=True)
    cohort.checkpoint = replace(cohort.checkpoint, folder=cohort.checkpoint.folder.rename(result / "small"))
    spec = TrainingSpec(
        name="small", title="Small", findings=FINDINGS, license="Apache-2.0",
        network=NetworkSpec("test_vit", "S5", cohort.checkpoint.preprocessing),
        data=DataSpec(folder=FolderData("cohort"), validation_fraction=0.25, split_seed=31),
        recipe=Recipe(epochs=1, batch_size=2, learning_rate=1e-3),
    )  # fmt: skip
    (tmp_path / "job" / "spec.toml").write_text("not = a job")
    assert answer(capsys, cohort.arguments())[1]["apart_from_training"] is None
    (tmp_path / "job" / "spec.toml").write_text(render_spec(spec))
    code, said = answer(capsys, cohort.arguments())
    assert code == 2
    assert "training split" in said["error"]["why"]


def test_that_a_finding_with_one_class_is_named_and_the_other_is_calibrated(cohort, capsys):
    cohort.labels[:, 0] = 0
    cohort.write_labels()
    code, said = answer(capsys, cohort.arguments())
    assert code == 1
    assert list(said["findings"]) == ["Effusion"]
    (failed,) = said["failed"]
    assert failed["what"] == "Edema was not calibrated."
    assert failed["why"] == f"0 positive and {N} negative cases are too few: both classes are needed."
    assert recalibrators_of(cohort.checkpoint, read_calibration(cohort.checkpoint))[0] is None


def test_that_few_cases_of_a_class_are_said(cohort, capsys):
    cohort.labels[:, 0] = 0
    cohort.labels[:19, 0] = np.linspace(0, 18, 19) % 2
    cohort.write_labels()
    _, said = answer(capsys, cohort.arguments(method="isotonic"))
    assert said["warnings"] == [f"Edema: 9 positive and {N - 9} negative cases are few to calibrate on."]


def test_that_predictions_of_another_checkpoint_are_refused_and_a_table_without_names_is_taken(cohort, capsys):
    cohort.write_predictions("other.csv", cohort.logits, "large")
    code, said = answer(capsys, cohort.arguments(predictions="other.csv"))
    assert code == 2
    assert said["error"]["why"] == "It is about large."
    text = (cohort.folder / "other.csv").read_text().replace(",large", "").replace(",checkpoint", "")
    (cohort.folder / "other.csv").write_text(text)
    assert answer(capsys, cohort.arguments(predictions="other.csv"))[0] == 0


def test_that_a_finding_that_the_checkpoint_was_not_trained_for_is_left_out(cohort, capsys):
    cohort.checkpoint = write_card(cohort.checkpoint, replace(cohort.checkpoint.card, trained_findings=("Effusion",)))
    assert list(answer(capsys, cohort.arguments())[1]["findings"]) == ["Effusion"]
    cohort.checkpoint = write_card(cohort.checkpoint, replace(cohort.checkpoint.card, trained_findings=()))
    code, said = answer(capsys, cohort.arguments())
    assert code == 2
    assert "no finding to calibrate" in said["error"]["what"]


def test_that_a_multi_class_checkpoint_gets_one_temperature_from_logits_and_from_probabilities(cohort, capsys):
    cohort.checkpoint = write_card(cohort.checkpoint, replace(cohort.checkpoint.card, task="multi-class"))
    cohort.labels[:, 0] = np.nan_to_num(cohort.labels[:, 0])
    cohort.labels[:, 1] = 1 - cohort.labels[:, 0]
    cohort.write_labels()
    cohort.write_predictions("probabilities.csv", scores_from_logits(cohort.logits, "multi-class"))
    temperatures = []
    for name in ("logits.csv", "probabilities.csv"):
        code, said = answer(capsys, cohort.arguments(predictions=name))
        assert code == 0
        one, other = (said["findings"][finding]["parameters"]["temperature"] for finding in FINDINGS)
        assert one == other
        assert said["findings"]["Edema"]["after"]["nll"] < said["findings"]["Edema"]["before"]["nll"]
        temperatures += one
    assert temperatures[0] == pytest.approx(temperatures[1], rel=1e-4)
    code, said = answer(capsys, cohort.arguments(method="platt"))
    assert code == 2
    assert "one temperature for all classes" in said["error"]["why"]
    cohort.labels[0] = 1
    cohort.write_labels()
    code, said = answer(capsys, cohort.arguments())
    assert code == 2
    assert "the label 1 in one class" in said["error"]["why"]


def test_that_people_read_what_changed_and_where_it_went(cohort, capsys):
    assert main(cohort.arguments()) == 0
    printed = capsys.readouterr().out
    assert "calibration.json: temperature on 240 cases, from logits" in printed
    assert "Effusion: " in printed
    assert "Brier score 0." in printed
    assert " → " in printed


def test_that_a_condition_without_an_equals_sign_is_a_wrong_argument(cohort):
    with pytest.raises(SystemExit) as stopped:
        main(cohort.arguments("--where", "site"))
    assert stopped.value.code == 2
