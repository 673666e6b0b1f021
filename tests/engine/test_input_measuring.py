"""What is measured of an image on its way into a network, and where it is told."""

from __future__ import annotations

import csv
import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from xferviewer import cli
from xferviewer.checkpoints import Preprocessing, read_checkpoint
from xferviewer.checkpoints.input_measures import InputMeasures
from xferviewer.engine.inference import Prediction, load, predict_images
from xferviewer.evaluation.tables import read_predictions
from xferviewer.networks.input_measuring import measured_input
from xferviewer.networks.preprocessing import present_to_tensor
from xferviewer.studies.images import present, read_image

PREPROCESSING = Preprocessing(size=(64, 64), mean=(0.5,) * 3, std=(0.25,) * 3)


def measured(path: Path, preprocessing: Preprocessing = PREPROCESSING) -> InputMeasures:
    image = read_image(path)
    return measured_input(image, present(image), preprocessing)[1]


def saved(path: Path, pixels: np.ndarray) -> Path:
    Picture.fromarray(pixels).save(path)
    return path


def said(*words: str | Path) -> dict:
    """What a command prints with --json."""
    out = io.StringIO()
    with redirect_stdout(out):
        assert cli.main([*map(str, words), "--json"]) in (0, 1)
    return json.loads(out.getvalue())


def test_that_the_tensor_is_the_one_of_preprocessing_to_the_bit(pictures):
    image = read_image(pictures[0])
    tensor, _ = measured_input(image, present(image), PREPROCESSING)
    assert torch.equal(tensor, present_to_tensor(present(image), PREPROCESSING))


def test_that_measures_are_those_of_the_pixels(tmp_path):
    pixels = np.zeros((128, 64), dtype=np.uint8)
    pixels[:, 32:] = 255
    found = measured(saved(tmp_path / "half.png", pixels))
    assert (found.of("rows"), found.of("columns"), found.of("chroma")) == (128, 64, 0)
    assert (found.of("pixel_low"), found.of("pixel_high")) == (0, 255)
    assert (found.of("black"), found.of("white")) == (0.5, 0.5)
    assert found.of("mean") == pytest.approx(0.5, abs=1e-6)
    assert found.of("deviation") == pytest.approx(0.5, abs=1e-6)
    assert np.array_equal(found.thumbnail, np.tile([0, 0, 0, 0, 1, 1, 1, 1], (8, 1)))


def test_that_a_negative_and_a_card_with_inverted_polarity_cancel_out(tmp_path, pictures):
    inverted = Preprocessing(size=(64, 64), mean=(0.5,) * 3, std=(0.25,) * 3, polarity="inverted")
    pixels = np.asarray(Picture.open(pictures[0]))
    found = measured(saved(tmp_path / "negative.png", 255 - pixels), inverted)
    assert np.allclose(found.thumbnail, measured(pictures[0]).thumbnail, atol=1e-6)


def test_that_colour_and_pixels_that_are_no_numbers_are_noticed(tmp_path):
    red = np.zeros((64, 64, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert measured(saved(tmp_path / "red.png", red)).of("chroma") == 1
    values = np.ones((64, 64), dtype=np.float32)
    values[:16] = np.nan
    values[-1, -1] = 3.4e38
    found = measured(saved(tmp_path / "floats.tif", values))
    assert found.of("not_finite") == 0.25
    assert np.isfinite(found.values).all()


def test_that_every_prediction_comes_with_the_measures_of_each_checkpoints_input(make_checkpoint, pictures):
    loaded = [
        load(make_checkpoint("test_vit", size=64, img_size=64)),
        load(make_checkpoint("test_efficientnet", size=96)),
    ]
    answers = list(predict_images(loaded, [(path, 0) for path in pictures]))
    for path, answer in zip(pictures, answers, strict=True):
        assert isinstance(answer, Prediction)
        for one in loaded:
            measures = answer.inputs[one.preprocessing.digest]
            assert np.array_equal(measures.values, measured(path, one.preprocessing).values)


def test_that_describing_inputs_makes_negatives_flagged_in_table_and_json_and_changes_no_logit(
    make_checkpoint, tmp_path
):
    random = np.random.default_rng(0)
    ramp = np.linspace(20, 230, 80)[None, :].repeat(80, axis=0)
    for folder in ("training", "new"):
        (tmp_path / folder).mkdir()
    for number in range(24):
        pixels = np.clip(ramp + random.normal(0, 8, (80, 80)), 0, 255).astype(np.uint8)
        saved(tmp_path / "training" / f"{number:02}.png", pixels)
    last = np.asarray(Picture.open(tmp_path / "training" / "23.png"))
    saved(tmp_path / "new" / "right.png", last)
    saved(tmp_path / "new" / "wrong.png", 255 - last)
    folder = make_checkpoint("test_efficientnet").folder
    words = ("predict", "--checkpoint", folder, "--images", tmp_path / "new", "--device", "cpu", "--logits")
    before = said(*words, "--out", tmp_path / "before.csv")
    weights = read_checkpoint(folder).weights_sha256

    described = said("describe-inputs", "--checkpoint", folder, "--images", tmp_path / "training")
    after = said(*words, "--out", tmp_path / "after.csv")

    assert described["images"] == 24
    checkpoint = read_checkpoint(folder)
    assert checkpoint.weights_sha256 == weights
    assert checkpoint.card.training_inputs.source == "training"
    assert not before["flagged"]
    (flagged,) = after["flagged"]
    assert (flagged["path"], [flag["kind"] for flag in flagged["flags"]]) == ("wrong.png", ["polarity"])
    assert set(flagged["flags"][0]) == {"kind", "what", "why", "todo"}
    inputs = after["inputs"][checkpoint.name]
    assert (inputs["compared_with_training"], inputs["n_flagged"], inputs["marked"]) == (True, 1, True)
    with (tmp_path / "after.csv").open(newline="") as file:
        assert {row["image"]: row["input_flags"] for row in csv.DictReader(file)} == {
            "right.png": "", "wrong.png": "polarity"
        }  # fmt: skip
    tables = [read_predictions(tmp_path / name) for name in ("before.csv", "after.csv")]
    assert tables[0].findings == tables[1].findings
    assert np.array_equal(tables[0].scores, tables[1].scores)


def test_that_too_few_images_describe_nothing(make_checkpoint, pictures, capsys):
    folder = make_checkpoint("test_efficientnet").folder
    assert cli.main(["describe-inputs", "--checkpoint", str(folder), "--images", str(pictures[0].parent)]) == 2
    assert "6 different images" in capsys.readouterr().err
    assert read_checkpoint(folder).card.training_inputs is None


def test_that_explain_says_what_the_card_does_not_expect(make_checkpoint, tmp_path):
    folder = make_checkpoint("test_efficientnet").folder
    blank = saved(tmp_path / "blank.png", np.full((64, 64), 7, dtype=np.uint8))
    answer = said("explain", "--checkpoint", folder, "--image", blank, "--out", tmp_path / "maps", "--device", "cpu")
    assert [flag["kind"] for flag in answer["flags"]["test_efficientnet-0"]] == ["empty", "range"]
