"""Every field of a recipe does something: the real loop, on a small network and pictures in memory, runs otherwise."""

from __future__ import annotations

import dataclasses
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xferviewer.checkpoints import Head, Preprocessing
from xferviewer.jobs.augmentation_spec import Augmentation
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.loss_spec import AveragingSpec, LossSpec, MixingSpec
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.optimiser_spec import LayerSpec, OptimiserSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.schedule_spec import ScheduleSpec
from xferviewer.jobs.spec import TrainingSpec
from xferviewer.networks import backbones
from xferviewer.training import hyper_rule, loop
from xferviewer.training.augmentation import Augmenter, of_epoch
from xferviewer.training.batches import Batch
from xferviewer.training.fabric import make_fabric
from xferviewer.training.head_start import start_head
from xferviewer.training.method import make_method
from xferviewer.training.optimisers import make_optimiser
from xferviewer.training.sampling import batch_starts, epoch_order
from xferviewer.training.seeds import deterministic
from xferviewer.training.state import TrainingState

SIZE = (32, 32)
COUNT = 21
RANDOM = np.random.default_rng(0)
LABELS = np.zeros((COUNT, 2), dtype=np.float32)
LABELS[np.arange(COUNT), (np.arange(COUNT) % 4 == 0).astype(int)] = 1
PICTURES = torch.from_numpy(RANDOM.random((COUNT, 3, *SIZE), dtype=np.float32))
PICTURES += torch.from_numpy(LABELS[:, 1]).reshape(-1, 1, 1, 1) * 0.4
BASE = Recipe(epochs=3, batch_size=6, learning_rate=3e-3, warmup_epochs=0.0)


def spec_of(
    recipe: Recipe, task: str = "multi-label", setting: str = "S5", counting: str = "corrected"
) -> TrainingSpec:
    return TrainingSpec(
        name="small",
        title="Small",
        findings=("a", "b"),
        network=NetworkSpec(
            "test_resnet",
            setting,
            Preprocessing(size=SIZE, mean=(0.5,) * 3, std=(0.5,) * 3),
            counting=counting,
            top_groups=2,
            head=Head(),
        ),
        data=DataSpec(folder=FolderData("nowhere")),
        recipe=recipe,
        license="CC0-1.0",
        task=task,
        machine=MachineSpec(device="cpu"),
    )


class Side:
    """Pictures in memory, in the order and with the moves that the job's own side of a split gives them."""

    def __init__(self, spec: TrainingSpec, rows: np.ndarray, units: tuple[str, ...] = ()) -> None:
        self._spec, self.units = spec, units
        self.rows, self.labels = np.arange(len(rows)), LABELS[rows]
        self._pictures = PICTURES[torch.from_numpy(rows)]
        recipe = spec.recipe
        self._augmenter = Augmenter(
            recipe.augmentation, spec.network.preprocessing, spec.seed, len(rows), recipe.batch_size
        )

    def part(self, network: torch.nn.Module) -> torch.nn.Module:
        return network

    def epoch(self, epoch: int, first: int = 0):
        recipe = self._spec.recipe
        order = epoch_order(recipe, self._spec.task, self.rows, self.labels, of_epoch(self._spec.seed, epoch))
        for number, start in enumerate(batch_starts(recipe, len(self.rows))[first:], first):
            rows = order[start : start + recipe.batch_size]
            views = np.full(len(rows), self._augmenter.view(epoch))
            sizes = np.full((len(rows), 2), SIZE[0])
            inputs = self._augmenter.inputs(self._pictures[torch.from_numpy(rows)], sizes, rows, views)
            yield Batch(number, inputs, torch.from_numpy(self.labels[rows]), rows)

    def batches(self):
        yield Batch(0, (self._pictures - 0.5) / 0.5, torch.from_numpy(self.labels), self.rows)


class Watching:
    """Takes down what a run says."""

    before_waiting = None

    def __init__(self) -> None:
        self.epochs: list[dict] = []
        self.steps: list[tuple] = []

    def working(self, message: str = "") -> None: ...

    def say(self, kind: str, message: str, **values: object) -> None:
        assert kind == "epoch"
        self.epochs.append(values)

    def stepped(self, step) -> None:
        self.steps.append((step.done, step.steps, round(float(step.loss), 9), step.learning_rate, step.images))

    def keep(self, write):
        return write()


def run(spec: TrainingSpec) -> tuple[dict[str, torch.Tensor], list, list]:
    """Weights, epochs and steps of a training."""
    recipe = spec.recipe
    rows = np.arange(COUNT)
    validation, training = rows[rows % 3 == 1], rows[rows % 3 != 1]
    validation = np.concatenate([validation, training[:3]])
    units = tuple(f"patient {row // 6}" for row in validation) if recipe.unit == "patient" else ()
    units = tuple(f"study {row // 3}" for row in validation) if recipe.unit == "study" else units
    torch.manual_seed(spec.seed)
    network = backbones.create("test_resnet", 2, 3, {"drop_rate": 0.1})
    start_head(network, recipe)
    backbones.freeze(network, spec.network.trainable_groups, "corrected")
    side, watch = Side(spec, training), Watching()
    method = make_method(spec, network, side)
    state = TrainingState(network, make_optimiser(network, recipe), method.kept(), parts=recipe.accumulation)
    keeper = SimpleNamespace(due=False, save=lambda state: None)
    with deterministic(recipe.deterministic), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loop.fit(spec, make_fabric(spec), state, method, side, Side(spec, validation, units), watch, keeper)
    return dict(state.network.state_dict()), watch.epochs, watch.steps


def same(one: tuple, other: tuple) -> bool:
    weights = all(torch.equal(values, other[0][name]) for name, values in one[0].items())
    return weights and repr(one[1:]) == repr(other[1:])


def schedule(kind: str, **fields: object) -> dict[str, object]:
    return {"schedule": ScheduleSpec(kind, **fields)}


PLATEAU = {"learning_rate": 1e-3}
FOCAL = {"loss": LossSpec("focal")}

# The path of each field, what the recipe is before and after it changes, and what else the job needs. A string says why
# a field must not change a run.
FIELDS: dict[str, tuple[dict, dict, dict] | tuple[dict, dict] | str] = {
    "epochs": ({}, {"epochs": 2}),
    "batch_size": ({}, {"batch_size": 4}),
    "learning_rate": ({}, {"learning_rate": 1e-3}),
    "minimum_learning_rate": ({}, {"minimum_learning_rate": 1e-3}),
    "warmup_epochs": ({}, {"warmup_epochs": 1.0}),
    "weight_decay": ({}, {"weight_decay": 0.5}),
    "precision": ({}, {"precision": "bf16"}),
    "threads": "sets how many threads of the CPU compute, before the network is built; last bits may follow",
    "augmentation": ({}, {"augmentation": Augmentation(shift=0.2)}),
    "scaled_to_batch": ({}, {"scaled_to_batch": 12}),
    "sampler": ({}, {"sampler": "balanced"}),
    "sampler filled": ({"batch_size": 40}, {"batch_size": 40, "sampler": "filled"}),
    "accumulation": ({}, {"accumulation": 3}),
    "clip_norm": ({}, {"clip_norm": 1e-3}),
    "selection": ({}, {"selection": "validation loss"}),
    "selection last": ({}, {"selection": "last"}),
    "patience": ({"epochs": 5}, {"epochs": 5, "patience": 1}),
    "unit": ({}, {"unit": "patient"}),
    "unit study": ({"unit": "patient"}, {"unit": "study"}),
    "aggregation": ({"unit": "patient"}, {"unit": "patient", "aggregation": "mean"}),
    "aggregation noisy-or": (
        {"unit": "patient", "aggregation": "mean"},
        {"unit": "patient", "aggregation": "noisy-or"},
    ),
    "head_start": ({}, {"head_start": "zero"}),
    "head_start normal": ({"head_start": "zero"}, {"head_start": "normal"}),
    "deterministic": "asks for algorithms that give the same bits; on the CPU all do",
    "name": "a label of the card; what it stands for is in the other fields",
    "variant": "the same",
    "as_published": "the same",
    "optimiser.kind": ({}, {"optimiser": OptimiserSpec("Adam")}),
    "optimiser.kind RAdam": ({"optimiser": OptimiserSpec("Adam")}, {"optimiser": OptimiserSpec("RAdam")}),
    "optimiser.kind LARS": ({"optimiser": OptimiserSpec("SGD")}, {"optimiser": OptimiserSpec("LARS")}),
    "optimiser.momentum": ({"optimiser": OptimiserSpec("SGD")}, {"optimiser": OptimiserSpec("SGD", 0.5)}),
    "optimiser.nesterov": ({"optimiser": OptimiserSpec("SGD")}, {"optimiser": OptimiserSpec("SGD", nesterov=True)}),
    "optimiser.betas": ({}, {"optimiser": OptimiserSpec(betas=(0.8, 0.9))}),
    "optimiser.epsilon": ({}, {"optimiser": OptimiserSpec(epsilon=1e-3)}),
    "optimiser.decays": ({"weight_decay": 0.5}, {"weight_decay": 0.5, "optimiser": OptimiserSpec(decays="all")}),
    "schedule.kind": ({}, schedule("epoch cosine")),
    "schedule.kind constant": (schedule("epoch cosine"), schedule("constant")),
    "schedule.kind beta": (schedule("constant"), schedule("beta")),
    "schedule.kind timm cosine": (
        {"warmup_epochs": 1.0},
        {"warmup_epochs": 1.0, **schedule("timm cosine")},
    ),
    "schedule.kind by loss": (schedule("timm cosine"), schedule("timm cosine by validation loss")),
    "schedule.kind BiT": ({}, {"epochs": 0, **schedule("BiT-HyperRule")}),
    "schedule.factor": (schedule("beta"), schedule("beta", factor=0.9)),
    "schedule.milestones": (schedule("step", milestones=(1,)), schedule("step", milestones=(2,))),
    "schedule.patience": (
        {**PLATEAU, **schedule("plateau", patience=0, threshold=0.9)},
        {**PLATEAU, **schedule("plateau", patience=1, threshold=0.9)},
    ),
    "schedule.threshold": (
        {**PLATEAU, **schedule("plateau", patience=0, threshold=0.9)},
        {**PLATEAU, **schedule("plateau", patience=0, threshold=0.0)},
    ),
    "schedule.warmup_from": (
        {"warmup_epochs": 1.0},
        {"warmup_epochs": 1.0, **schedule("cosine", warmup_from=1e-3)},
    ),
    "loss.kind": ({}, FOCAL),
    "loss.gamma": (FOCAL, {"loss": LossSpec("focal", gamma=1.0)}),
    "loss.alpha": (FOCAL, {"loss": LossSpec("focal", alpha=0.5)}),
    "loss.weights": ({}, {"loss": LossSpec(weights="balanced")}),
    "loss.weights of classes": ({}, {"loss": LossSpec(weights="balanced")}, {"task": "multi-class"}),
    "loss.smoothing": ({}, {"loss": LossSpec(smoothing=0.2)}),
    "loss.smoothing of classes": ({}, {"loss": LossSpec(smoothing=0.2)}, {"task": "multi-class"}),
    "mixing.mixup": ({}, {"mixing": MixingSpec(mixup=0.4)}),
    "mixing.cutmix": ({}, {"mixing": MixingSpec(cutmix=1.0)}),
    "mixing.least_examples": ({"mixing": MixingSpec(0.4)}, {"mixing": MixingSpec(0.4, least_examples=100)}),
    "layers.decay": ({}, {"layers": LayerSpec(decay=0.5)}),
    "layers.shares": ({}, {"layers": LayerSpec(shares=(1.0, 0.1))}),
    "layers.unfreeze_every": ({}, {"layers": LayerSpec(unfreeze_every=1)}),
    "layers.frozen_norm": ({}, {"layers": LayerSpec(frozen_norm="train")}, {"setting": "S4"}),
    "averaging.decay": ({}, {"averaging": AveragingSpec(0.9)}),
    "averaging.final_decay": ({"averaging": AveragingSpec(0.5)}, {"averaging": AveragingSpec(0.5, 1.0)}),
}


def paths(kind: type, before: str = "") -> set[str]:
    """Of every field, those inside too; the moves of images have tests of their own."""
    found = set()
    for field in dataclasses.fields(kind):
        value = getattr(BASE, field.name) if kind is Recipe else None
        if dataclasses.is_dataclass(value) and field.name != "augmentation":
            found |= paths(type(value), f"{field.name}.")
        else:
            found.add(before + field.name)
    return found


def test_that_no_field_of_a_recipe_is_left_out_here():
    assert {name.split(" ")[0] for name in FIELDS} == paths(Recipe)


@pytest.fixture(scope="module")
def runs() -> dict[str, tuple]:
    return {}


@pytest.fixture(autouse=True)
def short_rule(monkeypatch):
    """BiT's rule has 500 steps or more; here 10."""
    monkeypatch.setattr(hyper_rule, "supports", lambda examples: (2, 4, 6, 8, 10))


@pytest.mark.parametrize("name", [name for name, change in FIELDS.items() if not isinstance(change, str)])
def test_that_a_field_changes_the_run(name, runs):
    before, after, *rest = FIELDS[name]
    job = rest[0] if rest else {}
    key = repr((before, job))
    if key not in runs:
        runs[key] = run(spec_of(dataclasses.replace(BASE, **before), **job))
    assert not same(runs[key], run(spec_of(dataclasses.replace(BASE, **after), **job)))


def test_that_a_run_repeats_itself_and_labels_and_determinism_do_not_change_it():
    first = run(spec_of(BASE))
    assert same(first, run(spec_of(BASE)))
    assert same(first, run(spec_of(dataclasses.replace(BASE, name="P1 best", variant="breast", as_published=True))))
    assert same(first, run(spec_of(dataclasses.replace(BASE, deterministic=True))))


def test_that_deterministic_algorithms_are_asked_for_while_it_trains_and_no_longer():
    seen = []
    for wanted in (True, False):
        with deterministic(wanted):
            seen.append(torch.are_deterministic_algorithms_enabled())
        seen.append(torch.are_deterministic_algorithms_enabled())
    assert seen == [True, False, False, False]


def test_that_classes_are_learned_as_classes():
    of_findings, of_classes = run(spec_of(BASE)), run(spec_of(BASE, task="multi-class"))
    assert not same(of_findings, of_classes)
    assert of_classes[1][-1]["validation_accuracy"] is not None


def test_that_frozen_layers_keep_their_statistics_unless_groups_are_counted_as_published():
    start = backbones.create("test_resnet", 2)
    frozen = [name for name in start.state_dict() if name.startswith("bn1.running_mean")]
    assert frozen
    for counting, moves in (("corrected", False), ("as published", True)):
        weights, _, _ = run(spec_of(BASE, setting="S4", counting=counting))
        assert bool(weights[frozen[0]].any()) == moves


def test_that_the_parts_of_a_batch_sum_to_it_where_no_norm_looks_at_the_batch(monkeypatch):
    monkeypatch.setattr(backbones, "train_mode", lambda network, frozen_norm: network.eval())
    monkeypatch.setattr(loop, "train_mode", lambda network, frozen_norm: network.eval())
    whole = run(spec_of(dataclasses.replace(BASE, optimiser=OptimiserSpec("SGD"))))
    parts = run(spec_of(dataclasses.replace(BASE, optimiser=OptimiserSpec("SGD"), accumulation=3)))
    for name, values in whole[0].items():
        torch.testing.assert_close(values, parts[0][name], rtol=1e-4, atol=1e-5)


def test_that_an_averaged_network_is_what_is_judged_and_kept():
    plain, averaged = run(spec_of(BASE)), run(spec_of(dataclasses.replace(BASE, averaging=AveragingSpec(0.9999))))
    torch.manual_seed(0)
    start = backbones.create("test_resnet", 2, 3, {"drop_rate": 0.1}).state_dict()
    name = "fc.weight"
    assert (averaged[0][name] - start[name]).abs().max() < 0.01 * (plain[0][name] - start[name]).abs().max()
    assert [step[2] for step in plain[2]] == [step[2] for step in averaged[2]]  # it does not disturb the learning


def test_that_a_training_without_patience_stops_and_bits_rule_says_how_long():
    impatient = dataclasses.replace(BASE, epochs=20, learning_rate=1e-9, patience=2)
    assert len(run(spec_of(impatient))[1]) < 20
    ruled = dataclasses.replace(BASE, epochs=0, schedule=ScheduleSpec("BiT-HyperRule"))
    _, epochs, steps = run(spec_of(ruled))
    assert steps[-1][:2] == (10, 10)
    assert len(epochs) == 4  # of three steps each; the last one is cut short
    assert [step[3] for step in steps] == pytest.approx(3e-3 * np.array([0, 0.5, 1, 1, 1, 0.1, 0.1, 0.01, 0.01, 1e-3]))
