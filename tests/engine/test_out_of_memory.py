"""A device whose memory is too small for a batch computes it in parts, and says so once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from xferviewer import cli
from xferviewer.engine.device import is_out_of_memory
from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.errors import EngineFailure
from xferviewer.evaluation.tables import read_predictions

CPU = torch.device("cpu")


class SmallMemory(nn.Module):
    """A network that has room for `room` images at once, and refuses more with the error that it is given."""

    def __init__(self, network: nn.Module, room: int, error: Exception) -> None:
        super().__init__()
        self.network, self.room, self.error = network, room, error
        self.batches: list[int] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(images))
        if len(images) > self.room:
            raise self.error
        result: torch.Tensor = self.network(images)
        return result


CUDA_ERROR = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
CPU_ERROR = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: not enough memory: you tried"
)


class _Mean(nn.Module):
    """Three numbers of an image that its neighbours in a batch cannot change in their last bits."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :, 0, 0]


def small_memory(checkpoint, room: int, error: Exception = CUDA_ERROR) -> LoadedCheckpoint:
    return LoadedCheckpoint(checkpoint, SmallMemory(_Mean(), room, error), CPU, "fp32")


@pytest.fixture
def checkpoint(make_checkpoint):
    return make_checkpoint("vit_tiny_patch16_224", depth=1, img_size=64)


@pytest.mark.parametrize("error", [CUDA_ERROR, CPU_ERROR, MemoryError()])
@pytest.mark.parametrize(("images", "room"), [(16, 16), (16, 5), (16, 1), (13, 4), (7, 6), (1, 1), (2, 1)])
def test_that_a_batch_too_large_is_halved_until_it_fits_and_keeps_its_order(checkpoint, images, room, error):
    loaded = small_memory(checkpoint, room, error)
    batch = torch.randn(images, 3, 64, 64)

    logits = loaded.logits(batch)

    assert np.array_equal(logits, batch[:, :, 0, 0].numpy())
    assert [size for size in loaded.network.batches if size <= room] == _parts(images, loaded.limit.images)
    assert bool(loaded.warnings) == (images > room)


def _parts(images: int, limit: int | None) -> list[int]:
    size = limit or images
    return [min(size, images - start) for start in range(0, images, size)]


def test_that_the_size_that_fitted_is_remembered_and_said_in_three_parts(checkpoint):
    loaded = small_memory(checkpoint, 5)
    loaded.logits(torch.randn(16, 3, 64, 64))
    assert loaded.limit.images == 4
    said = list(loaded.warnings)
    assert said[-1].what == f"{checkpoint.name} computes 4 images at a time, not 8."
    assert said[-1].why
    assert said[-1].todo
    loaded.network.batches.clear()

    loaded.logits(torch.randn(16, 3, 64, 64))

    assert loaded.network.batches == [4, 4, 4, 4]
    assert loaded.warnings == said


def test_that_no_room_for_one_image_is_a_failure_of_this_checkpoint_in_three_parts(checkpoint):
    with pytest.raises(EngineFailure) as failure:
        small_memory(checkpoint, 0).logits(torch.randn(4, 3, 64, 64))

    assert checkpoint.name in failure.value.what
    assert "single image" in failure.value.why
    assert failure.value.todo


def test_that_other_errors_are_not_taken_for_too_little_memory(checkpoint):
    loaded = small_memory(checkpoint, 1, RuntimeError("expected scalar type Half but found Float"))

    with pytest.raises(RuntimeError, match="Half"):
        loaded.logits(torch.randn(4, 3, 64, 64))
    assert loaded.limit.images is None


def test_that_the_error_of_the_cpu_s_own_allocator_is_known():
    with pytest.raises(RuntimeError) as error:
        torch.empty(1 << 50)
    assert is_out_of_memory(error.value)


def test_that_predict_goes_on_in_smaller_batches_and_says_so(checkpoint, pictures, tmp_path, monkeypatch, capsys):
    def load_into_little_memory(*arguments: object) -> LoadedCheckpoint:
        loaded = load(*arguments)  # type: ignore[arg-type]
        return LoadedCheckpoint(loaded.checkpoint, SmallMemory(loaded.network, 2, CUDA_ERROR), CPU, "fp32")

    words = ["predict", "--checkpoint", str(checkpoint.folder), "--images", str(pictures[0].parent), "--device", "cpu"]
    assert cli.main([*words, "--out", str(tmp_path / "whole.csv"), "--batch-size", "2"]) == 0
    assert "note:" not in capsys.readouterr().err

    monkeypatch.setattr("xferviewer.engine.table.load", load_into_little_memory)
    assert cli.main([*words, "--out", str(tmp_path / "parts.csv"), "--batch-size", "4"]) == 0

    assert "computes 2 images at a time, not 4." in capsys.readouterr().err
    whole, parts = (read_predictions(tmp_path / name) for name in ("whole.csv", "parts.csv"))
    assert parts.image == whole.image
    assert np.allclose(parts.scores, whole.scores, atol=1e-6)
