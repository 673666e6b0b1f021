"""calibration.json beside a checkpoint: read back as written, refused in words, never executed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from xferviewer.checkpoints import (
    Calibration,
    Card,
    FindingCalibration,
    Preprocessing,
    read_calibration,
    read_checkpoint,
    write_calibration,
    write_card,
    write_checkpoint,
)
from xferviewer.errors import UnusableCheckpoint, UnusableFolder
from xferviewer.evaluation.recalibration import Recalibrator, recalibrators_of

CARD = Card(
    name="small",
    title="Small",
    architecture="test_vit",
    findings=("Edema", "Effusion", "Mass"),
    trained_findings=("Edema", "Effusion"),
    task="multi-label",
    preprocessing=Preprocessing(size=(64, 64), mean=(0.5,) * 3, std=(0.25,) * 3),
    weights_sha256="",
    license="Apache-2.0",
)


@pytest.fixture
def checkpoint(tmp_path):
    return write_checkpoint(tmp_path / "small", CARD, {}, {"bias": np.arange(2, dtype=np.float32)})


@pytest.fixture
def calibration(checkpoint):
    return Calibration(
        findings={
            "Edema": FindingCalibration("temperature", {"temperature": (1 / 3,)}, 12, 80),
            "Effusion": FindingCalibration("isotonic", {"logits": (-0.1, 0.2), "probabilities": (0.1, 0.7)}, 30, 62),
        },
        split="site A, 2024",
        cases_sha256="ab" * 32,
        scores="logits",
        weights_sha256=checkpoint.weights_sha256,
        preprocessing_digest=checkpoint.preprocessing.digest,
        time="2026-01-02T03:04:05+00:00",
        command="xferviewer calibrate --split 'site A, 2024'",
        libraries={"numpy": "2.4.6"},
    )


def edit(checkpoint, **changes) -> None:
    path = checkpoint.folder / "calibration.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_that_a_calibration_is_read_back_as_it_was_written(checkpoint, calibration):
    assert read_calibration(checkpoint) is None
    write_calibration(checkpoint, calibration)
    assert read_calibration(checkpoint) == calibration
    assert [path.name for path in checkpoint.folder.iterdir() if path.name.startswith(".")] == []
    assert read_calibration(read_checkpoint(checkpoint.folder)) == calibration


def test_that_its_functions_stand_in_the_order_of_the_logits_with_none_for_the_others(checkpoint, calibration):
    temperature, isotonic, none = recalibrators_of(checkpoint, calibration)
    assert temperature == Recalibrator("temperature", {"temperature": (1 / 3,)})
    assert isotonic.method == "isotonic"
    assert none is None


def test_that_a_newer_version_is_refused_in_words(checkpoint, calibration):
    write_calibration(checkpoint, replace(calibration, version=2))
    with pytest.raises(UnusableCheckpoint, match="version 2; this xferviewer reads up to version 1"):
        read_calibration(checkpoint)


def test_that_other_weights_and_another_preprocessing_are_refused_in_words(checkpoint, calibration):
    write_calibration(checkpoint, replace(calibration, weights_sha256="cd" * 32))
    with pytest.raises(UnusableCheckpoint, match="other weights: SHA-256 cdcdcdcdcdcd…"):
        read_calibration(checkpoint)
    write_calibration(checkpoint, calibration)
    inverted = replace(checkpoint.card, preprocessing=replace(CARD.preprocessing, polarity="inverted"))
    with pytest.raises(UnusableCheckpoint, match="another preprocessing"):
        read_calibration(write_card(checkpoint, inverted))


def test_that_new_weights_in_the_folder_take_the_old_calibration_away(checkpoint, calibration):
    write_calibration(checkpoint, calibration)
    again = write_checkpoint(checkpoint.folder, CARD, {}, {"bias": np.ones(2, dtype=np.float32)})
    assert read_calibration(again) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "no version"),
        (b'{"version": "1"}', "no version"),
        (b'{"version": 1, "split": NaN}', "NaN, which is no number"),
        (b'{"version": 1}', "findings is missing"),
        (b'{"version": 1, "run": "rm -rf"}', "Unknown key run"),
    ],
)
def test_that_a_damaged_file_says_what_is_wrong_with_it(checkpoint, content, why):
    (checkpoint.folder / "calibration.json").write_bytes(content)
    with pytest.raises(UnusableCheckpoint, match=why) as refused:
        read_calibration(checkpoint)
    assert refused.value.what == "The calibration of small cannot be used."


def test_that_a_strange_finding_and_an_impossible_method_are_refused(checkpoint, calibration):
    write_calibration(checkpoint, calibration)
    one = {"method": "temperature", "parameters": {"temperature": [1.0]}, "n_positive": 1, "n_negative": 1}
    edit(checkpoint, findings={"Hernia": one})
    with pytest.raises(UnusableCheckpoint, match="Hernia, which is no finding"):
        read_calibration(checkpoint)
    for damaged in (one | {"method": "__import__('os')"}, one | {"parameters": {"temperature": [-1.0]}}):
        edit(checkpoint, findings={"Edema": damaged})
        stored = read_calibration(checkpoint)
        with pytest.raises(UnusableCheckpoint, match="Edema: the "):
            recalibrators_of(checkpoint, stored)


def test_that_a_number_that_json_has_no_word_for_is_not_written(checkpoint, calibration):
    infinite = FindingCalibration("temperature", {"temperature": (float("inf"),)}, 1, 1)
    with pytest.raises(ValueError):
        write_calibration(checkpoint, replace(calibration, findings={"Edema": infinite}))
    assert read_calibration(checkpoint) is None


def test_that_a_folder_that_is_gone_is_named(checkpoint, calibration, tmp_path):
    (tmp_path / "file").write_text("")
    lost = replace(checkpoint, folder=tmp_path / "file" / "small")
    with pytest.raises(UnusableFolder, match=r"calibration.json could not be written"):
        write_calibration(lost, calibration)
