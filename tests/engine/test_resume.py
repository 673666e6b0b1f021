"""A run that was interrupted goes on from its last step and ends in the very same weights."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import nn

from xferviewer.checkpoints import Preprocessing
from xferviewer.errors import UnusableFolder, XferviewerError
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec
from xferviewer.training import loop
from xferviewer.training.finetune import run
from xferviewer.training.resume import Keeper
from xferviewer.training.state import TrainingState


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))


@pytest.fixture
def spec(tmp_path):
    """A small convolutional network with batch normalisation and dropout: 3 epochs of 5 steps, kept at each step."""
    random = np.random.default_rng(0)
    folder = tmp_path / "cohort"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "patient", "left"])
        for number in range(24):
            pixels = random.integers(0, 255, (40, 40), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", number // 2, int(number % 3 == 0)])
    return TrainingSpec(
        name="small",
        title="Small",
        findings=("left",),
        network=NetworkSpec(
            architecture="test_resnet",
            setting="S5",
            preprocessing=Preprocessing(size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3),
            options={"drop_rate": 0.3},
        ),
        data=DataSpec(folder=FolderData(str(folder)), validation_fraction=0.2),
        recipe=Recipe(epochs=3, batch_size=4, learning_rate=3e-3, threads=1),
        license="Apache-2.0",
        machine=MachineSpec(device="cpu", save_seconds=0.0),
    )


class Kill(BaseException):
    """Ends a run at a place where no code expects it, as a power cut would."""


def stop_after(monkeypatch, steps: int) -> None:
    """Let the next run end in the middle of its step number `steps`."""
    done = 0
    gradients = loop._gradients

    def counted(*arguments):
        nonlocal done
        done += 1
        if done > steps:
            raise Kill
        return gradients(*arguments)

    monkeypatch.setattr(loop, "_gradients", counted)


@pytest.mark.parametrize("pieces", [(1, 4), (5, 2), (14,)])
def test_that_an_interrupted_run_ends_in_the_weights_of_one_that_was_not(tmp_path, spec, monkeypatch, pieces):
    whole = run(spec, JobFolder.create(tmp_path / "whole", spec))
    job = JobFolder.create(tmp_path / "pieces", spec)
    for steps in pieces:
        with monkeypatch.context() as patched:
            stop_after(patched, steps)
            with pytest.raises(Kill):
                run(spec, job)
    made = run(spec, job)
    assert made.weights_sha256 == whole.weights_sha256
    assert [event["kind"] for event in job.events()].count("resumed") == len(pieces)
    assert [event["epoch"] for event in job.events() if event["kind"] == "epoch"] == [1, 2, 3]


def small_state(layout: torch.memory_format = torch.channels_last) -> TrainingState:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=layout)
    return TrainingState(network, torch.optim.AdamW(network.parameters(), betas=(0.8, 0.9)))


def learn_a_step(state: TrainingState) -> None:
    state.network(torch.randn(2, 3, 5, 5)).square().sum().backward()
    state.optimiser.step()
    state.step += 1


def test_that_a_state_comes_back_whole_in_its_layout_and_with_its_tuples_and_numbers(tmp_path):
    state = small_state()
    learn_a_step(state)
    state.loss.add(torch.tensor(0.1))
    state.epoch = 1
    state.keep_as_best(state.network)
    Keeper(tmp_path / "resume", "this run", 0.0).save(state)

    back = small_state()
    assert Keeper(tmp_path / "resume", "this run", 0.0).restore(back)

    assert (back.epoch, back.step, back.loss.mean(), back.best.epoch) == (1, 1, state.loss.mean(), 1)
    assert back.optimiser.param_groups[0]["betas"] == (0.8, 0.9)
    for ours, theirs in zip(back.optimiser.state.values(), state.optimiser.state.values(), strict=True):
        for name, values in theirs.items():
            assert torch.equal(ours[name], values)
            assert ours[name].stride() == values.stride()
    for name, values in state.network.state_dict().items():
        assert torch.equal(back.network.state_dict()[name], values)
        assert torch.equal(back.best.weights[name], values)


def test_that_the_file_holds_nothing_that_executes_and_no_older_best(tmp_path):
    state, keeper = small_state(), Keeper(tmp_path / "resume", "this run", 0.0)
    for epoch in (1, 2, 3):
        learn_a_step(state)
        state.epoch = epoch
        if epoch != 2:
            state.keep_as_best(state.network)
        keeper.save(state)
    assert sorted(path.name for path in (tmp_path / "resume").iterdir()) == ["best-3.safetensors", "last.safetensors"]
    with safe_open(tmp_path / "resume" / "last.safetensors", "pt") as file:
        assert json.loads(file.metadata()["rest"])["version"] == 1


def test_that_the_state_of_another_run_a_torn_or_a_newer_one_is_refused_in_words(tmp_path):
    folder = tmp_path / "resume"
    state = small_state()
    Keeper(folder, "this run", 0.0).save(state)
    with pytest.raises(UnusableFolder, match="of another specification, split"):
        Keeper(folder, "another run", 0.0).restore(small_state())
    other = TrainingState(nn.Linear(2, 2), torch.optim.SGD([torch.zeros(1)], lr=1.0))
    with pytest.raises(UnusableFolder, match="cannot be read: RuntimeError"):
        Keeper(folder, "this run", 0.0).restore(other)
    last = folder / "last.safetensors"
    content = last.read_bytes()
    last.write_bytes(content.replace(b'\\"version\\": 1', b'\\"version\\": 2'))
    with pytest.raises(UnusableFolder, match="version 2; this is 1"):
        Keeper(folder, "this run", 0.0).restore(small_state())
    last.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnusableFolder, match="cannot go on"):
        Keeper(folder, "this run", 0.0).restore(small_state())
    last.unlink()
    assert not Keeper(folder, "this run", 0.0).restore(small_state())


def test_that_a_network_with_tied_weights_is_kept(tmp_path):
    state = small_state()
    state.network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    state.network[1].weight = state.network[0].weight
    state.optimiser = torch.optim.SGD(state.network.parameters(), lr=1.0)
    Keeper(tmp_path / "resume", "this run", 0.0).save(state)
    assert Keeper(tmp_path / "resume", "this run", 0.0).restore(state)


def test_that_weights_that_are_no_numbers_are_never_kept(tmp_path, spec):
    from xferviewer.training.loop import _save

    state = small_state()
    state.loss.add(torch.tensor(0.1))
    with torch.no_grad():
        state.network[0].weight[0, 0, 0, 0] = float("inf")
    with pytest.raises(XferviewerError, match="no finite number"):
        _save(spec, state, 3, None, Keeper(tmp_path / "resume", "this run", 0.0))
    assert not (tmp_path / "resume").exists()


def test_that_a_job_whose_specification_was_edited_does_not_go_on_from_the_old_state(tmp_path, spec, monkeypatch):
    job = JobFolder.create(tmp_path / "job", spec)
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        with pytest.raises(Kill):
            run(spec, job)
    with pytest.raises(UnusableFolder, match="another specification"):
        run(replace(spec, recipe=replace(spec.recipe, learning_rate=1e-3)), job)
    run(replace(spec, machine=replace(spec.machine, save_seconds=5.0)), job)
    assert job.status().state == "finished"
