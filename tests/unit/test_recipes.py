"""Published recipes stand for what was published, and impossible recipes are named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from xferviewer import cli
from xferviewer.checkpoints.fields import to_mapping
from xferviewer.errors import UnusableSpec
from xferviewer.jobs.augmentation_spec import Augmentation
from xferviewer.jobs.optimiser_spec import OptimiserSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.recipe_cards import RECIPE_CARDS, deviations, provenance
from xferviewer.jobs.recipe_page import page
from xferviewer.jobs.spec import parse_spec, read_spec, render_spec

ROOT = Path(__file__).parents[2]
FORMATS = ROOT / "tests" / "data" / "formats"

SPEC = """
name = "x"
title = "X"
findings = ["a", "b"]
license = "CC0-1.0"
{task}
[network]
architecture = "resnet50"
{network}
[data]
phantom = {{site = "A", count = 10, seed = 1}}
[recipe]
{recipe}
"""
PLAIN = "epochs = 4\nbatch_size = 8\nlearning_rate = 1e-3\n"
LAYOUT = 'setting = "S3"\npreprocessing = {size = [32, 32], mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]}'


def spec(recipe: str, network: str = "", task: str = ""):
    return parse_spec(SPEC.format(recipe=recipe, network=network, task=task), "x.toml")


def named(name: str, variant: str = "", *, as_published: bool = False, **more: str):
    lines = [f'name = "{name}"', f'variant = "{variant}"', f"as_published = {str(as_published).lower()}"]
    needs = "" if RECIPE_CARDS[name].content["network"].get("setting") or "RadImageNet" in name else 'setting = "S3"'
    return spec("\n".join(lines), more.pop("network", needs), **more)


# Name, variant: optimiser, nesterov, learning rate, weight decay, schedule, its least rate, warm-up (epochs, from),
# batch, epochs, patience, side of the image, selection, task
PUBLISHED = {
    ("P0", ""): ("Adam", 0, 1e-4, 0, "epoch cosine", 0, (0, 0), 32, 300, 0, 224, "validation AUC", "multi-class"),
    ("P1 grid", "cosine"): (
        "Adam", 0, 1e-4, 1e-5, "epoch cosine", 2e-5, (0, 0), 64, 5, 0, 256, "validation AUC", "multi-class",
    ),
    ("P1 grid", "beta"): ("Adam", 0, 1e-4, 1e-5, "beta", 0, (0, 0), 64, 5, 0, 256, "validation AUC", "multi-class"),
    ("P1 best", "breast"): (
        "SGD", 1, 5e-4, 0.1, "epoch cosine", 1e-4, (0, 0), 64, 30, 0, 256, "validation AUC", "multi-class",
    ),
    ("P1 best", "ACL"): (
        "SGD", 1, 1e-3, 0.4, "epoch cosine", 2e-4, (0, 0), 64, 30, 0, 256, "validation AUC", "multi-class",
    ),
    ("BenchmarkTransformers", ""): (
        "SGD", 0, 0.01, 0, "timm cosine", 1e-5, (20, 1e-6), 64, 200, 10, 224, "validation loss", "multi-label",
    ),
    ("BenchmarkTransformers", "ImageNet-supervised"): (
        "SGD", 0, 0.1, 0, "timm cosine", 1e-5, (20, 1e-6), 64, 200, 10, 224, "validation loss", "multi-label",
    ),
    ("P2 (a)", ""): (
        "AdamW", 0, 2.5e-6, 0.05, "timm cosine", 5e-7, (5, 1e-6), 64, 30, 10, 224, "validation loss", "multi-label",
    ),
    ("P2 (b)", "minimum 1e-5"): (
        "SGD", 0, 0.01, 0, "timm cosine", 1e-5, (0, 0), 64, 30, 0, 224, "validation loss", "multi-label",
    ),
    ("P2 (b)", "minimum 5e-7"): (
        "SGD", 0, 0.01, 0, "timm cosine", 5e-7, (0, 0), 64, 30, 0, 224, "validation loss", "multi-label",
    ),
    ("P2 ResNet50", ""): ("Adam", 0, 2e-4, 0, "plateau", 0, (0, 0), 64, 30, 0, 224, "validation loss", "multi-label"),
    ("BiT-HyperRule", ""): ("SGD", 0, 0.003, 0, "BiT-HyperRule", 0, (0, 0), 512, 0, 0, 480, "last", "multi-label"),
    ("BiT-HyperRule", "images below 96²"): (
        "SGD", 0, 0.003, 0, "BiT-HyperRule", 0, (0, 0), 512, 0, 0, 128, "last", "multi-label",
    ),
    ("RadImageNet authors", "frozen, 1e-2"): (
        "Adam", 0, 1e-2, 0, "constant", 0, (0, 0), 256, 30, 0, 256, "validation loss", "multi-class",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "variant"), PUBLISHED)
def test_that_a_recipe_by_name_is_the_published_one(name, variant):
    found = named(name, variant)
    recipe = found.recipe
    assert (
        recipe.optimiser.kind, int(recipe.optimiser.nesterov), recipe.learning_rate, recipe.weight_decay,
        recipe.schedule.kind, recipe.minimum_learning_rate, (recipe.warmup_epochs, recipe.schedule.warmup_from),
        recipe.batch_size, recipe.epochs, recipe.patience, found.network.preprocessing.size[0], recipe.selection,
        found.task,
    ) == PUBLISHED[name, variant]  # fmt: skip
    assert recipe.optimiser.momentum == (0.9 if recipe.optimiser.kind == "SGD" else None)
    assert recipe.variant == (variant or next(iter(RECIPE_CARDS[name].variants), ""))


def test_that_what_stands_beside_the_table_is_there_too():
    bit = named("BiT-HyperRule").recipe
    assert (bit.mixing.mixup, bit.mixing.least_examples) == (0.1, 20_000)
    assert (bit.scaled_to_batch, bit.sampler, bit.head_start) == (512, "filled", "zero")
    resnet = named("P2 ResNet50").recipe
    assert (resnet.schedule.factor, resnet.schedule.patience, resnet.schedule.threshold) == (0.5, 5, 1e-4)
    assert resnet.head_start == "normal"
    deit = named("DeiT-style")
    assert (deit.recipe.mixing.mixup, deit.recipe.mixing.cutmix, deit.recipe.loss.smoothing) == (0.8, 1.0, 0.1)
    assert deit.recipe.peak_learning_rate == 5e-4 * 64 / 512
    assert deit.network.options == {"drop_path_rate": 0.1}
    simmim = named("SimMIM fine-tune").recipe
    assert (simmim.layers.decay, simmim.clip_norm) == (0.65, 5.0)
    assert named("RadImageNet authors", "top layers, 1e-3").network.setting == "S2"
    assert named("P1 best", "breast").network.head.arguments["ratio"] == 1.0
    assert named("P1 best", "ACL").network.head.arguments["kernel_size"] == 4
    assert RECIPE_CARDS["BiT at 224"].deviation


def test_that_the_errors_of_the_published_code_come_only_when_they_are_asked_for():
    meant, published = (named("P1 best", "ACL", as_published=switch) for switch in (False, True))
    assert (meant.network.counting, meant.network.top_groups) == ("corrected", 4)
    assert (published.network.counting, published.network.top_groups) == ("as published", 5)
    assert published.network.head.arguments == {"dropout": 0.5, "ratio": 0.5, "filters": 16, "kernel_size": 2}
    assert (meant.recipe.layers.frozen_norm, published.recipe.layers.frozen_norm) == ("by counting", "train")
    for name in ("BenchmarkTransformers", "P2 (a)", "P2 (b)"):
        assert named(name, as_published=True).recipe.schedule.kind == "timm cosine by validation loss"
        assert not named(name, as_published=True).recipe.optimiser.nesterov
    for name, card in RECIPE_CARDS.items():
        assert bool(card.published) == bool(card.quirks)
        if not card.published:
            with pytest.raises(UnusableSpec, match="no code is known that does otherwise"):
                named(name, as_published=True)


@pytest.mark.parametrize("name", RECIPE_CARDS)
def test_that_a_recipe_survives_being_written_and_departs_nowhere_until_it_is_changed(name):
    card = RECIPE_CARDS[name]
    for variant in card.variants or ("",):
        for as_published in (False, True)[: 1 + bool(card.published)]:
            found = named(name, variant, as_published=as_published)
            assert parse_spec(render_spec(found), "again") == found
            assert deviations(found) == ()
    changed = dataclasses.replace(found, recipe=dataclasses.replace(found.recipe, clip_norm=9.0, threads=2))
    assert deviations(changed) == ("recipe.clip_norm",)
    assert parse_spec(render_spec(changed), "again") == changed


def test_that_a_file_comes_before_the_recipe_that_it_names_and_says_where():
    found = spec(
        'name = "P1 best"\nepochs = 2\noptimiser = {momentum = 0.8}\naugmentation = {flip = 0.0}\n'
        "loss = {smoothing = 0.1}",
        'head = {kind = "linear"}\nsetting = "S3"',
    )
    assert found.recipe.optimiser == OptimiserSpec("SGD", 0.8, nesterov=True, decays="all")
    assert found.recipe.learning_rate == 5e-4
    assert deviations(found) == (
        "network.head.kind", "network.head.parameters.filters", "network.head.parameters.kernel_size",
        "network.head.parameters.ratio", "network.setting", "recipe.augmentation.flip", "recipe.epochs",
        "recipe.loss.smoothing", "recipe.optimiser.momentum",
    )  # fmt: skip
    other = spec(
        'name = "P1 best"\noptimiser = {kind = "AdamW"}\nschedule = {kind = "constant"}\nminimum_learning_rate = 0'
    )
    assert other.recipe.optimiser == OptimiserSpec("AdamW")  # nothing of the other optimiser's is left
    assert "recipe.optimiser.kind" in deviations(other)
    assert deviations(spec(PLAIN, LAYOUT)) == ()


def test_that_what_the_source_left_open_is_said_unless_the_file_says_it():
    assert provenance(named("BiT at 224"))["departs"].startswith("images of 224²")
    found = provenance(spec('name = "P0"\nlearning_rate = 3e-4\noptimiser = {kind = "AdamW"}', 'setting = "S3"'))
    assert found["gaps"] == [
        "recipe.weight_decay", "recipe.schedule", "recipe.batch_size", "network.preprocessing.size",
    ]  # fmt: skip
    assert "recipe.learning_rate" in found["deviations"]
    assert provenance(spec(PLAIN, LAYOUT)) == {}


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ('name = "P7"', r"recipe\.name 'P7' is no known recipe; known are P0, P1 grid"),
        (
            'name = "P1 best"\nvariant = "knee"',
            r"recipe\.variant 'knee' is none of the recipe P1 best; it has breast, ACL",
        ),
        (PLAIN + "as_published = true", "as_published is for a recipe by name"),
        (PLAIN + 'optimiser = {kind = "Adam", momentum = 0.9}', r"recipe\.optimiser: momentum is no argument of Adam"),
        (PLAIN + 'optimiser = {kind = "SGD", betas = [0.9, 0.99]}', "betas is no argument of SGD"),
        (PLAIN + 'optimiser = {kind = "SGD", momentum = 0.0, nesterov = true}', "nesterov is for SGD and LARS with"),
        (PLAIN + 'optimiser = {kind = "SGD", momentum = 1.0}', "momentum 1.0 should be at least 0 and below 1"),
        (PLAIN + "optimiser = {betas = [0.9, 1.0]}", "betas"),
        (PLAIN + "optimiser = {epsilon = 0.0}", "epsilon"),
        (PLAIN + 'schedule = {kind = "cosine", factor = 0.5}', "factor is no argument of the schedule cosine"),
        (PLAIN + 'schedule = {kind = "step"}', "needs milestones"),
        (PLAIN + 'schedule = {kind = "step", milestones = [2, 1]}', "should be positive and ascend"),
        (PLAIN + 'schedule = {kind = "step", milestones = [4]}', "milestones should be fewer than epochs"),
        (PLAIN + 'schedule = {kind = "beta", factor = 2.0}', "factor 2.0"),
        (PLAIN + 'schedule = {kind = "plateau", patience = -1}', "patience should not be negative"),
        (PLAIN + 'schedule = {kind = "plateau", threshold = 1.0}', "threshold 1.0"),
        (PLAIN + 'schedule = {kind = "constant"}\nminimum_learning_rate = 1e-5', "has no minimum_learning_rate"),
        (PLAIN + 'schedule = {kind = "BiT-HyperRule"}', "epochs should be 0 under BiT-HyperRule"),
        (PLAIN.replace("4", "0") + 'schedule = {kind = "BiT-HyperRule"}', "has a warm-up of its own"),
        (PLAIN + 'schedule = {kind = "timm cosine"}', "warmup_epochs should be a whole number"),
        (PLAIN + "warmup_epochs = 0.0\nschedule = {warmup_from = 1e-6}", "is for a warm-up, and warmup_epochs is 0"),
        (PLAIN + "warmup_epochs = 4.0", "fewer than epochs"),
        (PLAIN + "scaled_to_batch = 512\nminimum_learning_rate = 1e-4", "not below minimum_learning_rate"),
        (PLAIN + "loss = {gamma = 2.0}", "gamma and alpha are for the focal loss"),
        (PLAIN + 'loss = {kind = "focal", alpha = 1.0}', "alpha 1.0 should lie between"),
        (PLAIN + 'loss = {kind = "hinge"}', r"recipe\.loss\.kind should be one of 'cross-entropy', 'focal'"),
        (PLAIN + "loss = {smoothing = 1.0}", "smoothing 1.0"),
        (PLAIN + "mixing = {mixup = -1.0}", "should not be negative"),
        (PLAIN + "mixing = {least_examples = 5}", "is for mixup and cutmix"),
        (PLAIN + "layers = {decay = 0.5, shares = [1.0]}", "name decay or shares, not both"),
        (PLAIN + "layers = {decay = 0.0}", "decay 0.0"),
        (PLAIN + "layers = {shares = [1.0, 0.0]}", "should be above 0"),
        (PLAIN + "layers = {unfreeze_every = 4}", "should be fewer than epochs"),
        (PLAIN + "averaging = {decay = 1.0}", "decay 1.0"),
        (PLAIN + "averaging = {decay = 0.9, final_decay = 0.5}", "from decay to 1"),
        (PLAIN + "averaging = {final_decay = 0.5}", "needs a decay"),
        (PLAIN + "accumulation = 5", "leave each part two images"),
        (PLAIN + "clip_norm = -1.0", "clip_norm should not be negative"),
        (PLAIN + 'patience = 3\nselection = "last"', "needs a selection other than last"),
        (PLAIN + 'aggregation = "mean"', "for the units study and patient"),
        (PLAIN + 'head_start = "ones"', r"recipe\.head_start should be one of 'as built', 'zero', 'normal'"),
    ],
)
def test_that_an_impossible_recipe_is_named(recipe, why):
    with pytest.raises(UnusableSpec, match=why):
        spec(recipe, LAYOUT)


@pytest.mark.parametrize(
    ("task", "recipe", "network", "why"),
    [
        ('task = "binary"', PLAIN, LAYOUT, "a binary task has one finding, not 2"),
        ('task = "multi-class"', PLAIN + 'loss = {kind = "focal", alpha = 0.3}', LAYOUT, "classes take weights"),
        ("", PLAIN + 'head_start = "zero"', LAYOUT + '\nhead = {kind = "conv"}', "is for a linear head"),
    ],
)
def test_that_a_recipe_that_does_not_suit_the_job_is_named(task, recipe, network, why):
    with pytest.raises(UnusableSpec, match=why):
        spec(recipe, network, task)
    assert spec(PLAIN, LAYOUT, 'task = "multi-class"').task == "multi-class"


def test_that_a_specification_of_version_1_means_what_it_meant():
    """AdamW on matrices, a cosine by steps after a warm-up by steps, the best validation AUC of images; no more."""
    found = read_spec(FORMATS / "spec-1.toml")
    assert (found.version, found.task) == (1, "multi-label")
    assert found.recipe == Recipe(
        epochs=3,
        batch_size=16,
        learning_rate=5e-4,
        minimum_learning_rate=1e-5,
        warmup_epochs=0.25,
        weight_decay=0.02,
        threads=1,
        augmentation=Augmentation(shift=0.04, scale=0.05, rotation=5.0),
    )
    kept = to_mapping(found.recipe)
    assert kept["optimiser"] == {
        "kind": "AdamW", "nesterov": False, "betas": [0.9, 0.999], "epsilon": 1e-8, "decays": "matrices",
    }  # fmt: skip
    assert kept["schedule"] == {"kind": "cosine", "milestones": [], "warmup_from": 0.0}
    assert kept["loss"] == {"kind": "cross-entropy", "weights": "none", "smoothing": 0.0}
    assert (kept["sampler"], kept["accumulation"], kept["selection"]) == ("shuffled", 1, "validation AUC")
    assert (kept["unit"], kept["clip_norm"], kept["patience"], kept["deterministic"]) == ("image", 0.0, 0, False)


def test_that_a_specification_of_version_2_is_read_for_ever():
    found = read_spec(FORMATS / "spec-2.toml")
    assert (found.version, found.task, found.network.counting) == (2, "multi-class", "as published")
    assert (found.recipe.epochs, found.recipe.weight_decay, found.recipe.averaging.decay) == (12, 0.1, 0.99)
    assert deviations(found) == ("network.setting", "recipe.averaging.decay", "recipe.clip_norm", "recipe.epochs")


def test_that_the_page_of_recipes_is_that_of_the_code():
    """To write it again: python -c "from xferviewer.jobs.recipe_page import page; print(page(), end='')"."""
    assert (ROOT / "docs" / "recipes.md").read_text("utf-8") == page()


def test_that_the_command_line_lists_recipes_and_prints_one_that_can_be_run(capsys):
    assert cli.main(["recipes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["recipes"]
    assert [one["name"] for one in listed] == list(RECIPE_CARDS)
    assert cli.main(["recipes", "P1 best", "--variant", "ACL", "--as-published"]) == 0
    printed = capsys.readouterr().out
    rest = 'name = "x"\ntitle = "X"\nfindings = ["a", "b"]\nlicense = "CC0-1.0"\n'
    rest += 'data = {phantom = {site = "A", count = 9, seed = 1}}\n'
    assert parse_spec(rest + printed, "x").recipe == named("P1 best", "ACL", as_published=True).recipe
    assert cli.main(["recipes", "P9"]) == 2
    assert "known are P0" in capsys.readouterr().err
