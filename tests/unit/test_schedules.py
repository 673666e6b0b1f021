"""Learning rates are those of the published formulas, digit by digit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.recipe_cards import recipe_card
from xferviewer.jobs.schedule_spec import ScheduleSpec
from xferviewer.jobs.spec import parse_spec
from xferviewer.training import hyper_rule
from xferviewer.training.schedules import epoch_rates, make_schedule, warmup_cosine

SPEC = """
name = "x"
title = "X"
findings = ["a", "b"]
license = "CC0-1.0"
[network]
architecture = "resnet18"
setting = "S3"
[data]
phantom = {{site = "A", count = 10, seed = 1}}
[recipe]
name = "{name}"
{more}
"""


def card(name: str, more: str = "") -> Recipe:
    """The recipe that a file with nothing but a card's name means."""
    assert recipe_card(name)
    return parse_spec(SPEC.format(name=name, more=more), "x").recipe


def recipe(kind: str, **fields: object) -> Recipe:
    told = {name: fields.pop(name) for name in ("factor", "milestones", "patience", "warmup_from") if name in fields}
    made = {"epochs": 5, "batch_size": 8, "learning_rate": 1e-4, "warmup_epochs": 0.0, **fields}
    return Recipe(schedule=ScheduleSpec(kind, **told), **made)


def rates(of: Recipe, steps_per_epoch: int = 1, examples: int = 100) -> list[float]:
    schedule = make_schedule(of, steps_per_epoch, examples)
    return [schedule.rate(step) for step in range(schedule.steps)]


def test_that_the_published_factor_halves_the_rate_at_each_epochs_end():
    of_card = rates(card("P1 grid", 'variant = "beta"'))
    assert of_card == pytest.approx([1e-4, 5e-5, 2.5e-5, 1.25e-5, 6.25e-6])
    assert rates(recipe("beta"), steps_per_epoch=2) == pytest.approx(np.repeat(of_card, 2))


def test_that_the_published_cosine_goes_by_epochs_to_a_fifth():
    published = [1e-4, 9.2361e-5, 7.2361e-5, 4.7639e-5, 2.7639e-5]
    assert rates(card("P1 grid", 'variant = "cosine"')) == pytest.approx(published, abs=5e-10)


def test_that_a_warm_up_by_steps_includes_its_end_and_the_cosine_starts_after_it():
    """Base 1, final 0, 4 epochs of 5 steps, one of them warm-up."""
    found = rates(recipe("cosine", epochs=4, learning_rate=1.0, warmup_epochs=1.0), steps_per_epoch=5)
    assert found[:5] == [0, 0.25, 0.5, 0.75, 1]
    published = [1, 0.989074, 0.956773, 0.904508, 0.834565, 0.75, 0.654508]
    assert found[5:12] == pytest.approx(published, abs=5e-7)
    assert found[-1] == pytest.approx(0.010926, abs=5e-7)
    assert len(found) == 20


def test_that_an_average_ends_where_its_decay_is_told_to():
    found = warmup_cosine(20, 0, 0.996, 1.0)
    assert found[:3] == pytest.approx([0.996, 0.9960246, 0.9960979], abs=5e-8)
    assert found[-1] == pytest.approx(0.9999754, abs=5e-8)


def test_that_timms_cosine_jumps_at_the_end_of_its_warm_up():
    found = rates(card("P2 (a)"))
    assert found[:6] == pytest.approx([1e-6, 1.3e-6, 1.6e-6, 1.9e-6, 2.2e-6, 2.37e-6], abs=5e-9)
    assert found[29] == pytest.approx(5.05e-7, abs=5e-10)
    assert found[5] - found[4] < 0.3e-6 - 1e-7  # the cosine has gone on meanwhile


@pytest.mark.parametrize(("variant", "last"), [("minimum 1e-5", 3.74e-5), ("minimum 5e-7", 2.79e-5)])
def test_that_timms_cosine_without_warm_up_ends_at_its_published_rates(variant, last):
    found = rates(card("P2 (b)", f'variant = "{variant}"'))
    assert found[:4] == pytest.approx([0.01, 0.00997, 0.00989, 0.00976], abs=5e-6)
    assert found[29] == pytest.approx(last, abs=5e-8)


@pytest.mark.parametrize(
    ("name", "loss", "published", "digits"),
    [
        ("P2 (a)", 0.15, 1.045e-6, 5e-10),
        ("P2 (a)", 0.2, 1.06e-6, 5e-10),
        ("P2 (b)", 0.15, 0.0099993, 1e-7),
        ("BenchmarkTransformers", 0.15, 1e-6 + 0.15 * (0.01 - 1e-6) / 20, 1e-12),
    ],
)
def test_that_the_published_error_leaves_the_rate_where_it_starts(name, loss, published, digits):
    schedule = make_schedule(card(name, "as_published = true"), 3, 100)
    start = schedule.rate(0)
    assert start == (0.01 if name == "P2 (b)" else 1e-6)
    schedule.epoch_ended(loss)
    assert [schedule.rate(step) for step in (3, 50)] == pytest.approx([published] * 2, abs=digits)
    schedule.epoch_ended(math.nan)  # timm would have refused; the rate stays
    assert schedule.rate(6) == pytest.approx(published, abs=digits)
    again = make_schedule(card(name, "as_published = true"), 3, 100)
    again.load_state_dict(schedule.state_dict())
    assert again.rate(6) == schedule.rate(6)


def test_that_a_plateau_halves_the_rate_after_more_than_its_patience():
    schedule = make_schedule(card("P2 ResNet50"), 1, 100)
    losses = [1.0, *[1.0] * 5]
    for loss in losses:
        schedule.epoch_ended(loss)
        assert schedule.rate(0) == 2e-4
    schedule.epoch_ended(0.99995)  # no fall by a ten-thousandth
    assert schedule.rate(0) == 1e-4
    schedule.epoch_ended(0.5)
    again = make_schedule(card("P2 ResNet50"), 1, 100)
    again.load_state_dict(schedule.state_dict())
    for _ in range(6):
        again.epoch_ended(0.5)
    assert again.rate(0) == 5e-5


def test_that_steps_fall_after_their_epochs_and_a_warm_up_stands_before_any_schedule():
    told = recipe("step", epochs=4, learning_rate=1.0, milestones=(1, 3), warmup_epochs=0.75, warmup_from=0.25)
    assert rates(told, steps_per_epoch=4)[:4] == [0.25, 0.625, 1, 1]
    assert rates(told, steps_per_epoch=4)[4::4] == pytest.approx([0.1, 0.1, 0.01])
    assert epoch_rates(recipe("constant", learning_rate=2.0)).tolist() == [2.0] * 5
    plateau = recipe("plateau", epochs=4, learning_rate=1.0, warmup_epochs=1.0)
    assert rates(plateau, steps_per_epoch=3)[:5] == [0, 0.5, 1, 1, 1]


def test_that_bits_rule_has_its_published_rates():
    schedule = make_schedule(card("BiT-HyperRule"), 98, 50_000)
    assert schedule.steps == 10_000  # at which it stops
    found = [schedule.rate(step) for step in (0, 250, 500, 3000, 3001, 6001, 9001, 9999)]
    assert found == pytest.approx([0, 0.0015, 0.003, 0.003, 3e-4, 3e-5, 3e-6, 3e-6], rel=1e-12)


def test_that_bits_rate_grows_with_the_batch():
    assert max(rates(card("BiT-HyperRule", "batch_size = 64"))) == pytest.approx(0.003 / 8)


@pytest.mark.parametrize(
    ("examples", "supports"),
    [
        (19_999, (100, 200, 300, 400, 500)),
        (20_000, (500, 3000, 6000, 9000, 10_000)),
        (499_999, (500, 3000, 6000, 9000, 10_000)),
        (500_000, (500, 6000, 12_000, 18_000, 20_000)),
    ],
)
def test_that_bits_rule_is_longer_for_more_images(examples, supports):
    assert hyper_rule.supports(examples) == supports
    assert len(hyper_rule.rates(examples, 1.0)) == supports[-1]


def test_that_bits_rule_takes_small_images_small():
    large, small = card("BiT-HyperRule"), card("BiT-HyperRule", 'variant = "images below 96²"')
    assert large.augmentation.random_crop.before == (512, 512)  # out of which 480² are cut
    assert small.augmentation.random_crop.before == (160, 160)  # and 128²


@given(
    kind=st.sampled_from(["cosine", "epoch cosine", "beta", "constant", "timm cosine", "step"]),
    epochs=st.integers(2, 12),
    per_epoch=st.integers(1, 9),
    warmup=st.integers(0, 1),
)
def test_that_no_rate_leaves_its_limits(kind, epochs, per_epoch, warmup):
    told = {"milestones": (1,)} if kind == "step" else {}
    found = rates(recipe(kind, epochs=epochs, learning_rate=0.1, warmup_epochs=float(warmup), **told), per_epoch)
    assert len(found) == epochs * per_epoch
    assert all(0 <= rate <= 0.1 * (1 + 1e-12) for rate in found)
