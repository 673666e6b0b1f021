"""What a job will take is known before it starts, and what the device cannot hold does not start."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import accumulate

import pytest
import torch

from xferviewer import cli
from xferviewer.checkpoints import Head, Preprocessing
from xferviewer.errors import UnusableSpec
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.optimiser_spec import OptimiserSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec, render_spec
from xferviewer.training import memory
from xferviewer.training.estimate import in_words
from xferviewer.training.finetune import run
from xferviewer.training.memory import training_memory

CPU = torch.device("cpu")
HEAD, BACKBONE = 603_553_922, 23_508_032


@pytest.fixture
def spec():
    return TrainingSpec(
        name="small",
        title="Small",
        findings=("left", "right"),
        network=NetworkSpec("test_resnet", "S5", Preprocessing(size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3)),
        data=DataSpec(folder=FolderData("nowhere")),
        recipe=Recipe(epochs=3, batch_size=8, learning_rate=1e-3),
        license="Apache-2.0",
        machine=MachineSpec(device="cpu"),
    )


@pytest.fixture
def published(spec):
    """The head of 603,553,922 parameters on a frozen ResNet50, in a batch of 16."""
    network = replace(
        spec.network, architecture="resnet50", setting="S1", head=Head("conv-skip", {"filters": 16.0}), hub="x"
    )
    return replace(spec, network=network, recipe=replace(spec.recipe, batch_size=16))


def test_that_the_published_head_is_counted_and_refused_where_its_twelve_gigabytes_do_not_fit(
    tmp_path, published, monkeypatch
):
    """Weights, their best copy, gradients and Adam's two means are 20 bytes of each parameter; none is allocated."""
    found = training_memory(published)
    assert found.parameters == HEAD + BACKBONE
    assert found.learning == HEAD
    counters = 4 * 13  # Adam counts its steps for each tensor
    assert found.gradients + found.optimiser <= 12 * HEAD + counters
    assert found.gradients + found.optimiser >= 12 * HEAD
    assert 20 * HEAD + 8 * BACKBONE < found.kept < 20 * HEAD + 8 * BACKBONE + 2_000_000  # running means

    monkeypatch.setattr(memory, "device_memory", lambda _: 8_000_000_000)
    with pytest.raises(UnusableSpec, match=r"627,061,954 parameters; training it keeps 12\.\d GB .* CPU has 8\.0 GB"):
        memory.check_memory(published, CPU)


@pytest.mark.parametrize(
    ("optimiser", "slots"),
    [
        (OptimiserSpec(kind="AdamW"), 2),
        (OptimiserSpec(kind="SGD", momentum=0.9), 1),
        (OptimiserSpec(kind="SGD", momentum=0.0), 0),
    ],
)
def test_that_each_optimiser_is_counted_by_what_it_keeps(spec, optimiser, slots):
    found = training_memory(replace(spec, recipe=replace(spec.recipe, optimiser=optimiser)))
    tensors = 200
    assert 0 <= found.optimiser - slots * 4 * found.learning <= 4 * tensors  # counters of steps


def test_that_activations_are_those_that_a_real_pass_saves(spec):
    """On the CPU the same network saves the same bytes for the way back, for each size of batch."""
    from torch.autograd.graph import saved_tensors_hooks

    from xferviewer.networks import backbones

    network = backbones.create("test_resnet", 2)
    for images in (2, 6, 9):
        seen: dict[int, int] = {}
        own = {tensor.untyped_storage().data_ptr() for tensor in network.state_dict().values()}
        kept = []

        def keep(tensor: torch.Tensor, seen=seen, own=own, kept=kept) -> torch.Tensor:
            kept.append(tensor)
            if tensor.untyped_storage().data_ptr() not in own:
                seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        inputs = torch.rand(images, 3, 32, 32)
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            network(inputs).sum()
        counted = training_memory(replace(spec, recipe=replace(spec.recipe, batch_size=images))).activations
        extra = 2 * max(seen.values()) + inputs.nbytes
        assert counted == pytest.approx(sum(seen.values()) + extra, rel=0.02)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_that_activations_and_gradients_are_near_the_measured_peak_of_a_step(spec, precision):
    """What torch allocates in a step on the CPU, by its own profiler; autocast holds half of most activations."""
    from torch.profiler import ProfilerActivity, profile

    from xferviewer.engine.device import autocast
    from xferviewer.networks import backbones
    from xferviewer.training.optimisers import make_optimiser

    made = replace(spec.network, architecture="tf_efficientnet_lite0", preprocessing=spec.network.preprocessing)
    made = replace(made, preprocessing=replace(made.preprocessing, size=(64, 64)))
    spec = replace(spec, network=made, recipe=replace(spec.recipe, batch_size=16, precision=precision))
    network = backbones.create(made.architecture, 2).train()
    optimiser = make_optimiser(network, spec.recipe)

    def step() -> None:
        optimiser.zero_grad()
        with autocast(CPU, precision):
            logits = network(torch.randn(16, 3, 64, 64))
        logits.float().square().mean().backward()
        optimiser.step()

    step()
    optimiser.zero_grad()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = profiler.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    peak = max(accumulate(size for _, size in changes))
    counted = training_memory(spec)
    assert counted.activations + counted.gradients == pytest.approx(peak, rel=0.25)
    other = replace(spec, recipe=replace(spec.recipe, precision="bf16" if precision == "fp32" else "fp32"))
    half, whole = sorted((counted.activations, training_memory(other).activations))
    assert 0.45 < half / whole < 0.65
    assert training_memory(other).kept == counted.kept  # weights and what the optimiser keeps stay float32


def test_that_a_batch_in_parts_needs_less_and_is_refused_later(spec, monkeypatch):
    spec = replace(spec, network=replace(spec.network, architecture="resnet18"))
    whole = training_memory(replace(spec, recipe=replace(spec.recipe, batch_size=64)))
    parts = training_memory(replace(spec, recipe=replace(spec.recipe, batch_size=64, accumulation=8)))
    assert parts.activations < whole.activations / 6

    monkeypatch.setattr(memory, "device_memory", lambda _: whole.kept + whole.activations // 2)
    large = replace(spec, recipe=replace(spec.recipe, batch_size=64))
    with pytest.raises(UnusableSpec, match=r"machine\.allow_smaller_batch"):
        memory.check_memory(large, CPU)
    assert memory.check_memory(replace(large, machine=MachineSpec(allow_smaller_batch=True)), CPU).total == whole.total


def test_that_the_command_says_parameters_memory_and_time_and_makes_no_job(tmp_path, spec, capsys):
    folder = tmp_path / "cohort"
    folder.mkdir()
    rows = "".join(f"{n}.png,{n},{n % 2},{n % 3 // 2}\n" for n in range(40))
    (folder / "labels.csv").write_text(f"path,patient,left,right\n{rows}")
    spec = replace(spec, data=DataSpec(folder=FolderData(str(folder)), validation_fraction=0.2))
    (tmp_path / "small.toml").write_text(render_spec(spec))

    assert cli.main(["train", str(tmp_path / "small.toml"), "--estimate", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["parameters"] == training_memory(spec).parameters
    assert found["steps"] == 3 * 4  # 32 of 40 images in batches of 8
    assert found["bytes"]["total"] == sum(found["bytes"][part] for part in found["bytes"] if part != "total")
    assert found["seconds"] == pytest.approx(found["steps"] * found["seconds_per_step"], rel=1e-3, abs=1e-3)
    assert found["seconds_per_step"] > 0
    assert not (tmp_path / "home" / "jobs").exists()


def test_that_a_network_made_for_another_size_is_refused_before_it_is_built(tmp_path, spec):
    folder = tmp_path / "cohort"
    folder.mkdir()
    rows = "".join(f"{n}.png,{n},{n % 2},{n % 3 // 2}\n" for n in range(40))
    (folder / "labels.csv").write_text(f"path,patient,left,right\n{rows}")
    vit = replace(spec.network, architecture="vit_tiny_patch16_224")
    spec = replace(spec, network=vit, data=DataSpec(folder=FolderData(str(folder)), validation_fraction=0.2))
    with pytest.raises(UnusableSpec, match=r"does not take images of 32 × 32: Input height \(32\).* option img_size"):
        run(spec, JobFolder.create(tmp_path / "job", spec))
    fitting = replace(vit, options={"img_size": 32, "depth": 1})
    assert training_memory(replace(spec, network=fitting)).parameters < 10_000_000


def test_that_a_job_says_its_estimate_before_its_network_is_built(tmp_path, spec, monkeypatch):
    folder = tmp_path / "cohort"
    folder.mkdir()
    rows = "".join(f"{n}.png,{n},{n % 2},{n % 3 // 2}\n" for n in range(40))
    (folder / "labels.csv").write_text(f"path,patient,left,right\n{rows}")
    spec = replace(spec, data=DataSpec(folder=FolderData(str(folder)), validation_fraction=0.2))
    job = JobFolder.create(tmp_path / "job", spec)
    monkeypatch.setattr(memory, "device_memory", lambda _: 1000)
    with pytest.raises(UnusableSpec, match="does not start"):
        run(spec, job)
    assert job.status().state == "failed"
    assert "network" not in [event["kind"] for event in job.events()]


@pytest.mark.parametrize(("seconds", "words"), [(3.2, "3 s"), (600, "10 min"), (9000, "2.5 h")])
def test_that_durations_are_told_as_people_tell_them(seconds, words):
    assert in_words(seconds) == words
