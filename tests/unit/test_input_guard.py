"""Images that a checkpoint does not expect are flagged; those that it does are not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.checkpoints import Card, Preprocessing, read_checkpoint, read_seen_images
from xferviewer.checkpoints.card import ExpectedHeader, parse_card, render_card
from xferviewer.checkpoints.fields import FieldError
from xferviewer.checkpoints.input_drift import cohort_inputs, critical_distance, distance_to
from xferviewer.checkpoints.input_guard import flags_of
from xferviewer.checkpoints.input_measures import LENGTH, QUANTILES, InputMeasures, agreement, measures_from
from xferviewer.checkpoints.training_flags import CHEST
from xferviewer.checkpoints.training_inputs import LEVELS, summarise_inputs
from xferviewer.checkpoints.vocabulary import are_of_the_chest
from xferviewer.resources import bundled_checkpoints

PREPROCESSING = Preprocessing(size=(64, 64), mean=(0.5,) * 3, std=(0.5,) * 3)
CARD = Card(
    name="c", title="C", architecture="test_vit", findings=("Nevus", "Scar"), task="multi-label",
    preprocessing=PREPROCESSING, weights_sha256="", trained_findings=("Nevus", "Scar"), license="unknown",
)  # fmt: skip


def film(seed: int = 0, *, negative: bool = False, stretch: float = 1.0, **changes: float) -> InputMeasures:
    """Measures of something laid out like a chest, each film a little different."""
    random = np.random.default_rng(seed)
    fields = np.clip(CHEST * stretch + random.normal(0, 0.04, CHEST.shape), 0, 1)
    fields = 1 - fields if negative else fields
    numbers = {
        "rows": 512.0, "columns": 400.0, "chroma": 0.0, "pixel_low": 0.0, "pixel_high": 4095.0, "not_finite": 0.0,
        "black": 0.05, "white": 0.0, "mean": float(fields.mean()), "deviation": float(fields.std()),
        **{f"quantile_{100 * level:02.0f}": float(np.quantile(fields, level)) for level in QUANTILES},
    }  # fmt: skip
    return measures_from(numbers | changes, fields.astype(np.float32))


FILMS = [film(seed) for seed in range(200)]
TRAINED = replace(CARD, training_inputs=summarise_inputs(FILMS, map(str, range(200)), "made up", PREPROCESSING.digest))


def kinds(measures: InputMeasures, card: Card = TRAINED) -> set[str]:
    return {flag.kind for flag in flags_of(measures, card)}


def test_that_no_training_image_and_no_image_like_them_is_flagged():
    assert not any(kinds(film(seed)) for seed in range(400))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"not_finite": 0.01}, "not finite"),
        ({"quantile_01": 0.5, "quantile_99": 0.55}, "empty"),
        ({"pixel_high": 255.0, "quantile_01": 0.0, "quantile_99": 0.2}, "range"),
        ({"black": 0.6, "white": 0.35}, "clipped"),
        ({"rows": 30.0, "columns": 28.0}, "size"),
        ({"rows": 1000.0, "columns": 500.0}, "aspect"),
        ({"chroma": 0.3}, "colour"),
        ({"mean": 0.95}, "brightness"),
    ],
)
def test_that_each_fault_is_flagged_by_its_name_and_in_three_parts(changes, kind):
    (flag,) = [flag for flag in flags_of(film(**changes), TRAINED) if flag.kind == kind]
    assert all(text.endswith((".", ")")) and len(text) > 10 for text in (flag.what, flag.why, flag.todo))
    assert kind not in kinds(film())


def test_that_a_negative_is_told_by_the_training_images_and_said_once():
    assert kinds(film(negative=True)) == {"polarity"}


def test_that_a_negative_of_the_chest_is_told_without_training_images_and_of_other_things_is_not():
    chest = replace(CARD, findings=("Pneumothorax", "Pleural effusion"), trained_findings=("Pneumothorax",))
    assert kinds(film(negative=True), chest) == {"polarity"}
    assert not kinds(film(), chest)
    assert not kinds(film(negative=True), CARD)
    stated = InputMeasures(film(negative=True).values, "DX", "CHEST")
    assert kinds(stated, CARD) == {"polarity"}
    assert not kinds(InputMeasures(stated.values, "DX", "HAND"), chest)


def test_that_images_laid_out_otherwise_are_no_negatives():
    turned = film()
    values = turned.values.copy()
    values[-64:] = turned.thumbnail[::-1].ravel()
    assert kinds(InputMeasures(values)) == {"layout"}


def test_that_training_images_without_a_common_layout_say_nothing_of_polarity():
    random = np.random.default_rng(0)
    tiles = []
    for one in FILMS:
        values = one.values.copy()
        values[-64:] = random.random(64)
        tiles.append(InputMeasures(values))
    card = replace(CARD, training_inputs=summarise_inputs(tiles, map(str, range(200)), "tiles", PREPROCESSING.digest))
    assert not kinds(film(negative=True), card) & {"polarity", "layout"}


def test_that_constants_of_0_to_255_on_a_card_are_flagged_with_every_image():
    wrong = replace(PREPROCESSING, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    assert "constants" in kinds(film(), replace(CARD, preprocessing=wrong))


def test_that_training_images_under_another_preprocessing_say_nothing():
    other = replace(TRAINED, preprocessing=replace(PREPROCESSING, polarity="inverted"))
    assert not kinds(film(negative=True), other)
    assert not cohort_inputs({"a": film(negative=True)}, other).compared


def test_that_headers_are_compared_only_where_card_and_header_state_something():
    card = replace(CARD, expects=ExpectedHeader(("DX", "CR"), ("CHEST",)))
    assert kinds(InputMeasures(film().values, "CT", "chest"), card) == {"modality"}
    assert kinds(InputMeasures(film().values, "DX", "HAND"), card) == {"body part"}
    assert not kinds(film(), card)
    assert not kinds(InputMeasures(film().values, "CT", "HAND"), CARD)


def test_that_a_cohort_of_the_same_kind_is_not_marked_and_another_one_is():
    same = cohort_inputs({str(seed): film(seed) for seed in range(1000, 1100)}, TRAINED)
    assert (same.marked, same.shifts, same.sentences()) == (False, (), [])
    darker = cohort_inputs({str(seed): film(seed, stretch=0.94) for seed in range(100)}, TRAINED)
    assert darker.marked
    assert "mean" in {shift.feature for shift in darker.shifts}
    assert not darker.n_flagged  # no single film is: together they are
    assert "mean brightness" in darker.sentences()[0]


def test_that_one_or_two_images_are_no_cohort_that_differs():
    assert not cohort_inputs({"a": film(stretch=0.94)}, TRAINED).shifts


def test_that_the_same_images_in_another_order_give_the_same_answer():
    films = {str(seed): film(seed, stretch=0.94) for seed in range(60)}
    assert cohort_inputs(films, TRAINED) == cohort_inputs(dict(reversed(films.items())), TRAINED)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_that_the_distance_lies_between_0_and_1_and_grows_to_1_beyond_all_quantiles(values):
    quantiles = np.linspace(0, 1, len(LEVELS))
    assert 0 <= distance_to(np.array(values), quantiles) <= 1
    assert distance_to(np.array(values) + 2, quantiles) == 1
    assert distance_to(np.array(values) - 2, quantiles) == 1


def test_that_the_distance_is_scipys_where_quantiles_are_dense_or_tied():
    from scipy.stats import kstest

    random = np.random.default_rng(3)
    values = random.beta(2, 3, 80)
    levels = np.array(LEVELS)  # a uniform distribution has its levels as quantiles
    assert distance_to(values, levels) == pytest.approx(kstest(values, "uniform").statistic, abs=1e-12)
    half_zero = np.where(levels <= 0.5, 0.0, 2 * levels - 1)  # half of it at zero
    mixed = np.where(random.random(400) < 0.5, 0.0, random.random(400))
    assert distance_to(mixed, half_zero) < 0.1
    assert distance_to(np.zeros(10), half_zero) == pytest.approx(0.5)


def test_that_the_critical_distance_keeps_false_alarms_below_one_in_a_thousand():
    random, alarms = np.random.default_rng(4), 0
    for _ in range(2000):
        trained, here = random.random(500), random.random(40)
        alarms += distance_to(here, np.quantile(trained, LEVELS)) > critical_distance(40, 500)
    assert alarms <= 2  # a sixth of a thousandth each, for one of six features


def test_that_the_section_comes_back_from_the_card_and_older_cards_have_none():
    assert parse_card(render_card(TRAINED)) == TRAINED
    older = re.sub(r"card_version: \d+", "card_version: 1", render_card(CARD)).replace("training_inputs: null\n", "")
    older = older.replace("expects:\n  modalities: []\n  body_parts: []\n", "")
    assert "training_inputs" not in older
    assert "expects" not in older.split("---")[1]
    read = parse_card(older)
    assert (read.training_inputs, read.expects, read.card_version) == (None, ExpectedHeader(), 1)


def test_that_a_section_with_quantiles_out_of_order_is_refused():
    assert TRAINED.training_inputs is not None
    broken = render_card(TRAINED).replace("    mean: [0.4", "    mean: [0.9", 1)
    with pytest.raises(FieldError, match=r"training_inputs: quantiles.mean should have 27 values in ascending order"):
        parse_card(broken)


def test_that_negatives_have_the_opposite_agreement_and_one_brightness_has_none():
    one = film().thumbnail
    assert agreement(1 - one, CHEST) == pytest.approx(-agreement(one, CHEST), abs=1e-6)
    assert agreement(np.full((8, 8), 0.3, dtype=np.float32), CHEST) == 0
    assert one.shape == (8, 8)
    assert film().values.shape == (LENGTH,)


def test_that_only_findings_of_the_chest_speak_of_the_chest():
    assert are_of_the_chest(["Effusion", "Pneumothorax"])
    assert not are_of_the_chest(["Pleural Effusion", "Effusion"])
    assert not are_of_the_chest(["Tumour", "Edema"])


@pytest.mark.parametrize("folder", bundled_checkpoints(), ids=lambda folder: folder.name)
def test_that_bundled_cards_describe_all_images_that_they_learned_from(folder: Path):
    checkpoint = read_checkpoint(folder)
    card, seen = checkpoint.card, read_seen_images(checkpoint)
    assert card.training_inputs is not None
    assert card.data is not None
    assert card.training_inputs.images == card.data.training
    assert card.training_inputs.preprocessing_digest == card.preprocessing.digest
    assert seen is not None
    # each film as PNG and as DICOM
    assert (len(seen.training), len(seen.validation)) == (2 * card.data.training, 2 * card.data.validation)
