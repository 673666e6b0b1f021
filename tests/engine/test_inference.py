"""Logits are those of the network whatever stands beside an image, and a bad file costs nothing but itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from safetensors.numpy import load_file

from xferviewer.checkpoints import Preprocessing, write_card, write_checkpoint
from xferviewer.engine import device
from xferviewer.engine.inference import Failure, LoadedCheckpoint, Prediction, load, predict_images
from xferviewer.errors import EngineFailure, UnusableCheckpoint
from xferviewer.networks.input_measuring import measured_input
from xferviewer.networks.preprocessing import to_tensor
from xferviewer.studies.images import Image, read_image

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("architecture", "options"),
    [("tf_efficientnet_lite0", {}), ("vit_tiny_patch16_224", {"depth": 2, "img_size": 64})],
)
def test_that_plain_timm_opens_the_folder_with_equal_logits(make_checkpoint, architecture, options):
    checkpoint = make_checkpoint(architecture, **options)
    batch = torch.randn(1, 3, 64, 64)

    by_timm = timm.create_model(f"local-dir:{checkpoint.folder}", pretrained=True).eval()

    with torch.inference_mode():
        assert np.array_equal(load(checkpoint, CPU).logits(batch), by_timm(batch).numpy())


def test_that_every_image_gets_the_logits_that_it_gets_alone(make_checkpoint, pictures):
    loaded = load(make_checkpoint("tf_efficientnet_lite0"), CPU)

    together = list(predict_images([loaded], [(path, 0) for path in pictures]))

    for path, prediction in zip(pictures, together, strict=True):
        alone = loaded.logits(to_tensor(read_image(path), loaded.checkpoint.preprocessing)[None])[0]
        assert isinstance(prediction, Prediction)
        assert np.array_equal(prediction.logits[0], alone)


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_that_a_broken_file_is_named_in_its_place_and_passed(make_checkpoint, pictures, batch_size):
    loaded = load(make_checkpoint("tf_efficientnet_lite0"), CPU)
    pictures[2].write_bytes(b"no image")
    pictures[3].unlink()

    answers = list(predict_images([loaded], [(path, 0) for path in pictures], batch_size))

    assert [answer.path for answer in answers] == pictures
    assert [isinstance(answer, Failure) for answer in answers] == [False, False, True, True, False, False]
    failure = answers[2]
    assert isinstance(failure, Failure)
    assert failure.error.todo


def test_that_each_image_is_preprocessed_once_per_distinct_preprocessing(make_checkpoint, pictures, monkeypatch):
    three = [
        load(make_checkpoint("tf_efficientnet_lite0", size=size, seed=seed), CPU)
        for size, seed in ((64, 0), (64, 1), (48, 2))
    ]
    calls = []

    def counted(image: Image, presentation: np.ndarray, preprocessing: Preprocessing) -> tuple[torch.Tensor, object]:
        calls.append(preprocessing.size)
        return measured_input(image, presentation, preprocessing)

    monkeypatch.setattr("xferviewer.engine.inference.measured_input", counted)
    (answer,) = predict_images(three, [(pictures[0], 0)])

    assert sorted(calls) == [(48, 48), (64, 64)]
    assert [len(logits) for logits in answer.logits] == [5, 5, 5]


def test_that_whoever_stops_asking_in_the_middle_leaves_no_thread(make_checkpoint, pictures):
    import threading

    loaded = load(make_checkpoint("tf_efficientnet_lite0"), CPU)
    answers = predict_images([loaded], [(path, 0) for path in pictures])
    next(answers)
    answers.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


class _Elsewhere:
    """Something that answers on another device, and notes how many images it was asked of at once."""

    device = torch.device("meta")

    def __init__(self, preprocessing):
        self.preprocessing = preprocessing
        self.asked: list[int] = []

    def answers(self, batch, identities):
        self.asked.append(len(batch))
        return np.zeros((len(identities), 1), np.float32)


def test_that_a_checkpoint_on_the_cpu_computes_alone_also_beside_one_that_takes_batches(make_checkpoint, pictures):
    loaded = load(make_checkpoint("tf_efficientnet_lite0"), CPU)
    images = [(path, 0) for path in pictures]
    elsewhere = _Elsewhere(loaded.preprocessing)

    together = list(predict_images([elsewhere, loaded], images))

    assert elsewhere.asked == [len(pictures)]
    for both, alone in zip(together, predict_images([loaded], images), strict=True):
        assert np.array_equal(both.logits[1], alone.logits[0])


def test_that_a_checkpoint_without_room_for_an_image_says_so_of_each_and_ends_nothing(make_checkpoint, pictures):
    class Full(torch.nn.Module):
        def forward(self, images):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    checkpoint = make_checkpoint("tf_efficientnet_lite0")
    answers = list(
        predict_images([LoadedCheckpoint(checkpoint, Full(), CPU, "fp32")], [(path, 0) for path in pictures])
    )

    assert [answer.path for answer in answers] == pictures
    assert {answer.error.why for answer in answers} == {"Its memory does not suffice for a single image."}


def test_that_weights_other_than_the_card_says_are_refused(make_checkpoint):
    checkpoint = make_checkpoint("tf_efficientnet_lite0")
    content = bytearray(checkpoint.weights.read_bytes())
    content[-1] ^= 1
    checkpoint.weights.write_bytes(content)

    with pytest.raises(UnusableCheckpoint, match="SHA-256"):
        load(checkpoint.folder, CPU)


def test_that_weights_of_another_network_are_refused_naming_the_first_tensor(make_checkpoint):
    checkpoint = make_checkpoint("vit_tiny_patch16_224", depth=2, img_size=64)
    config = checkpoint.folder / "config.json"
    config.write_text(config.read_text().replace('"depth": 2', '"depth": 3'))

    with pytest.raises(UnusableCheckpoint, match=r"blocks\.2\.norm1\.weight"):
        load(checkpoint.folder, CPU)


def test_that_weights_that_are_not_finite_are_refused(make_checkpoint):
    checkpoint = make_checkpoint("vit_tiny_patch16_224", depth=1, img_size=64)
    weights = load_file(checkpoint.weights)
    weights["head.weight"][3, 5] = np.nan
    broken = write_checkpoint(checkpoint.folder, checkpoint.card, checkpoint.options, weights)

    with pytest.raises(UnusableCheckpoint, match=r"head\.weight holds values that are not finite"):
        load(broken, CPU)


def test_that_an_architecture_that_timm_does_not_know_is_refused(make_checkpoint):
    checkpoint = make_checkpoint("tf_efficientnet_lite0")
    config = checkpoint.folder / "config.json"
    config.write_text(config.read_text().replace("tf_efficientnet_lite0", "efficientnet_heavy"))
    write_card(checkpoint, replace(checkpoint.card, architecture="efficientnet_heavy"))

    with pytest.raises(UnusableCheckpoint, match="efficientnet_heavy"):
        load(checkpoint.folder, CPU)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a CUDA device")
def test_that_an_absent_device_is_refused_in_words():
    with pytest.raises(EngineFailure, match="cuda"):
        device.choose_device("cuda")
    assert device.choose_device("auto").type in {"mps", "cpu"}


def test_that_bfloat16_logits_are_near_those_of_float32(make_checkpoint):
    checkpoint = make_checkpoint("vit_tiny_patch16_224", depth=2, img_size=64)
    batch = torch.randn(1, 3, 64, 64)

    exact, coarse = (load(checkpoint, CPU, precision).logits(batch) for precision in ("fp32", "bf16"))

    assert np.abs(exact - coarse).max() < 0.05 * max(1.0, np.abs(exact).max())
    assert not np.array_equal(exact, coarse)
