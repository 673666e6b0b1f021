"""A device at a precision counts after it gave the CPU's numbers; else another one computes, and that is said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from xferviewer.checkpoints import write_checkpoint
from xferviewer.engine import device, parity
from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.settings import data_folder

CPU = torch.device("cpu")
HALVES = [precision for precision in ("bf16", "fp16") if not device._why_not("cpu", precision)]
VIT = {"depth": 2, "img_size": 64}


@pytest.fixture
def small(make_checkpoint):
    """A transformer whose halves pass on any CPU."""
    return make_checkpoint("vit_tiny_patch16_224", **VIT)


@pytest.fixture
def steep(make_checkpoint):
    """The same with a head a hundred times as steep: roundings that were nothing move its probabilities."""
    checkpoint = make_checkpoint("vit_tiny_patch16_224", seed=1, **VIT)
    weights = load_file(checkpoint.weights)
    weights["head.weight"] = weights["head.weight"] * 100
    return write_checkpoint(checkpoint.folder, checkpoint.card, checkpoint.options, weights)


def kept() -> list[dict]:
    return [json.loads(path.read_text()) for path in (data_folder() / "parity").glob("*.json")]


@pytest.mark.parametrize("precision", HALVES)
def test_that_a_precision_that_agrees_is_used_and_its_check_is_remembered(small, precision):
    loaded = load(small, CPU, precision)

    assert (loaded.device.type, loaded.precision, loaded.warnings) == ("cpu", precision, [])
    (check,) = loaded.checks
    assert check.passed
    assert 0 < check.logit_difference <= check.logit_tolerance
    assert 0 < check.probability_difference <= check.probability_tolerance
    (remembered,) = kept()
    assert remembered["key"]["weights"] == small.weights_sha256
    assert remembered["key"]["precision"] == precision
    assert str(torch.__version__) in remembered["key"]["software"]
    assert load(small, CPU, precision).checks == (check,)


def test_that_the_cpu_in_float32_is_the_reference_and_needs_no_check(small):
    assert load(small, CPU).checks == ()
    assert not (data_folder() / "parity").exists()


@pytest.mark.parametrize("precision", HALVES)
def test_that_the_check_says_how_far_the_logits_of_its_inputs_are_apart(small, precision):
    inputs = parity.fixed_inputs(small.preprocessing)
    exact, coarse = load(small, CPU), load(small, CPU, precision)
    reference = np.concatenate([exact.logits(one[None]) for one in inputs])
    answers = [np.concatenate([coarse.logits(one[None]) for one in inputs]), coarse.logits(inputs)]

    (check,) = coarse.checks
    assert check.logit_difference == max(np.abs(answer - reference).max() for answer in answers)
    shown = scores_from_logits(reference, "multi-label")
    apart = max(np.abs(scores_from_logits(answer, "multi-label") - shown).max() for answer in answers)
    assert check.probability_difference == apart


def test_that_the_inputs_are_the_same_each_time_and_as_the_card_says(make_checkpoint):
    card = make_checkpoint("vit_tiny_patch16_224", **VIT).preprocessing
    inputs = parity.fixed_inputs(card)

    assert inputs.shape == (8, 3, 64, 64)
    assert torch.equal(inputs, parity.fixed_inputs(card))
    assert len({tuple(one.flatten()[:9].tolist()) for one in inputs}) == 8
    assert inputs.min() >= -1
    assert inputs.max() <= 1
    inverted = parity.fixed_inputs(replace(card, polarity="inverted"))
    assert torch.allclose(inverted, -inputs, atol=1e-5)


def test_that_half_precision_that_disagrees_falls_back_to_the_very_numbers_of_float32(steep):
    fallen = load(steep, CPU, "bf16")

    assert (fallen.device.type, fallen.precision) == ("cpu", "fp32")
    (check,) = fallen.checks
    assert not check.passed
    assert check.probability_difference > check.probability_tolerance
    (warning,) = fallen.warnings
    assert warning.what == f"{steep.name} computes on CPU fp32, not on CPU bf16."
    assert f"a probability differs by {check.probability_difference:.2g}" in warning.why
    assert warning.todo
    inputs = parity.fixed_inputs(steep.preprocessing)
    assert np.array_equal(fallen.logits(inputs[:1]), load(steep, CPU).logits(inputs[:1]))


def test_that_a_failed_check_is_remembered_and_said_again_without_being_made_again(steep, monkeypatch):
    first = load(steep, CPU, "bf16")
    monkeypatch.setattr(parity, "fixed_inputs", lambda preprocessing: pytest.fail("it was checked again"))

    again = load(steep, CPU, "bf16")

    assert again.checks == first.checks
    assert [warning.what for warning in again.warnings] == [warning.what for warning in first.warnings]


def test_that_other_weights_or_another_torch_are_checked_anew(make_checkpoint, monkeypatch):
    load(make_checkpoint("vit_tiny_patch16_224", **VIT), CPU, "bf16")
    load(make_checkpoint("vit_tiny_patch16_224", seed=5, **VIT), CPU, "bf16")
    assert len(kept()) == 2

    monkeypatch.setattr(parity, "software", lambda kind: "torch 99.0")
    load(make_checkpoint("vit_tiny_patch16_224", **VIT), CPU, "bf16")
    assert len(kept()) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": 1, "check": {}}'])
def test_that_a_damaged_memory_is_checked_anew_and_replaced(small, content):
    load(small, CPU, "bf16")
    (path,) = (data_folder() / "parity").glob("*.json")
    whole = path.read_bytes()
    path.write_bytes(content)

    assert load(small, CPU, "bf16").precision == "bf16"
    assert path.read_bytes() == whole


def test_that_a_data_folder_that_cannot_be_written_costs_the_memory_alone(small, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "file"))

    assert load(small, CPU, "bf16").checks[0].passed


def compared(small, precision: str, apart: float):
    """The check of answers that are `apart` from a reference of logits up to 2."""
    loaded = LoadedCheckpoint(small, nn.Identity(), CPU, precision)
    reference = np.linspace(-2, 2, 40, dtype=np.float32).reshape(8, 5)
    return parity.compare(loaded, reference, reference, reference + np.float32(apart))


@pytest.mark.parametrize(
    ("precision", "passes", "fails"), [("fp32", 5e-5, 1e-3), ("fp16", 5e-3, 0.02), ("bf16", 0.02, 0.1)]
)
def test_that_roundings_of_the_precision_pass_and_larger_differences_do_not(small, precision, passes, fails):
    assert compared(small, precision, passes).passed
    assert not compared(small, precision, fails).passed


def test_that_the_rounding_of_tf32_does_not_pass_for_float32(small):
    assert not compared(small, "fp32", 2 * 2**-11).passed


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_that_numbers_that_are_not_finite_do_not_pass(small, value):
    check = compared(small, "bf16", value)

    assert not check.passed
    assert (check.logit_difference, check.probability_difference)[0] is None
    assert "finite" in check.why


class _Refusing(nn.Module):
    """Computes in float32, and has no operation for any other type, as a device may."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if torch.is_autocast_enabled("cpu"):
            raise NotImplementedError("no kernel for this type\nand much more")
        return images.mean((2, 3))


def test_that_a_device_that_lacks_an_operation_falls_back_and_is_asked_again(small):
    exact = LoadedCheckpoint(small, _Refusing(), CPU, "fp32")

    settled = parity.settle(exact, CPU, "bf16", anew=False)

    assert settled.precision == "fp32"
    assert settled.warnings[0].why == "It could not compute there: no kernel for this type."
    assert not (data_folder() / "parity").exists()
