"""Moves of training images: torchvision's own numbers, drawn from the seed, the view and the row alone."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
import torch
from scipy import ndimage
from torchvision.transforms import InterpolationMode, v2

from xferviewer.checkpoints import Preprocessing
from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping
from xferviewer.jobs.augmentation_cards import AUGMENTATION_CARDS, augmentation_card
from xferviewer.jobs.augmentation_spec import Augmentation, Blur, ColourJitter, ResizedCrop
from xferviewer.training import augmentation
from xferviewer.training.augmentation import Augmenter, augmentation_digest, keras_matrix
from xferviewer.training.seeds import seed_of
from xferviewer.training.sides import training_planes

PREPROCESSING = Preprocessing((32, 40), (0.0,) * 3, (1.0,) * 3)
STILL = {"shift": 0.0, "scale": 0.0, "rotation": 0.0, "finer": False}


def augmenter(spec, seed=0, preprocessing=PREPROCESSING):
    return Augmenter(spec, preprocessing, seed, count=64, batch_size=8)


def planes_of(spec, count, channels=3, preprocessing=PREPROCESSING):
    random = np.random.default_rng(1)
    size = training_planes(preprocessing, spec).size
    planes = torch.from_numpy(random.random((count, channels, *size), dtype=np.float32))
    return planes, np.tile([100, 80], (count, 1))


def views_of(spec, rows, views, **options):
    """Views of one picture that stands in these rows."""
    planes, sizes = planes_of(spec, 1)
    planes, sizes = planes.expand(len(rows), -1, -1, -1), sizes.repeat(len(rows), axis=0)
    return augmenter(spec, **options).inputs(planes, sizes, np.array(rows), np.array(views))


@pytest.mark.parametrize("name", AUGMENTATION_CARDS)
def test_that_a_view_depends_on_seed_view_and_row_and_on_nothing_else(name):
    spec = augmentation_card(name).augmentation
    batch = views_of(spec, [3, 50, 7], [2, 2, 5])
    alone = views_of(spec, [50], [2])
    torch.testing.assert_close(batch[1:2], alone, rtol=0, atol=1e-6)
    assert batch.shape == (3, 3, 32, 40)
    if spec.random:
        many = views_of(spec, [50] * 8, range(8))
        assert len({one.numpy().tobytes() for one in many}) > 4
        assert not torch.equal(views_of(spec, [50] * 8, range(8), seed=1), many)
    else:
        assert torch.equal(views_of(spec, [50], [9]), alone)


def test_that_torchvisions_generator_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    views_of(augmentation_card("DeiT-style").augmentation, [1, 2], [0, 0])
    assert torch.equal(torch.get_rng_state(), before)


def test_that_p1_is_torchvisions_flip_rotation_and_affine_in_that_order():
    spec = augmentation_card("P1").augmentation
    planes, sizes = planes_of(spec, 12)
    ours = augmenter(spec, seed=5).inputs(planes, sizes, np.arange(12), np.full(12, 3))
    theirs = v2.Compose(
        [
            v2.RandomHorizontalFlip(0.5),
            v2.RandomRotation(10, InterpolationMode.NEAREST, fill=128 / 255),
            v2.RandomAffine(0, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=0.1),
        ]
    )
    for row, plane in enumerate(planes):
        torch.manual_seed(seed_of(5, 3, row, augmentation._MOVES))
        assert torch.equal(ours[row], theirs(plane))


def test_that_colour_jitter_and_blur_are_torchvisions():
    spec = Augmentation(**STILL, colour=ColourJitter(0.4, 0.3, 0.2, 0.1), blur=Blur((0.1, 2.0), 5))
    planes, sizes = planes_of(spec, 3)
    ours = augmenter(spec).inputs(planes, sizes, np.arange(3), np.zeros(3, dtype=int))
    theirs = v2.Compose([v2.ColorJitter(0.4, 0.3, 0.2, 0.1), v2.GaussianBlur(5, (0.1, 2.0))])
    torch.manual_seed(seed_of(0, 0, 2, augmentation._MOVES))
    assert torch.equal(ours[2], theirs(planes[2]))


def test_that_a_random_crop_of_a_whole_image_is_torchvisions_resized_crop():
    """With detail 1 and an image of the network's own size, plane and image are the same."""
    spec = Augmentation(**STILL, resized_crop=ResizedCrop(detail=1.0))
    planes, _ = planes_of(spec, 4)
    ours = augmenter(spec).inputs(planes, np.tile([32, 40], (4, 1)), np.arange(4), np.zeros(4, dtype=int))
    for row, plane in enumerate(planes):
        torch.manual_seed(seed_of(0, 0, row, augmentation._MOVES))
        assert torch.equal(ours[row], v2.RandomResizedCrop((32, 40), antialias=True)(plane))


def test_that_parts_are_drawn_in_the_image_as_it_is_not_as_the_square_that_is_kept():
    """Of a wide image, parts as wide as high are narrow in the square."""
    drawn = []

    def cut(plane, top, left, height, width, size, antialias):
        drawn.append((height / plane.shape[-2] * 100, width / plane.shape[-1] * 400))
        return torch.zeros(plane.shape[0], *size)

    spec = Augmentation(**STILL, resized_crop=ResizedCrop((0.05, 0.2), (0.8, 1.25), detail=4.0))
    square = Preprocessing((64, 64), (0.0,) * 3, (1.0,) * 3)
    planes, _ = planes_of(spec, 30, preprocessing=square)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(v2.functional, "resized_crop", cut)
        wide = np.tile([100, 400], (30, 1))
        augmenter(spec, preprocessing=square).inputs(planes, wide, np.arange(30), np.zeros(30, dtype=int))
    ratios = [width / height for height, width in drawn]
    assert 0.75 < min(ratios) < max(ratios) < 1.35


def test_that_kerass_matrix_zooms_shears_shifts_and_turns_a_point_in_this_order():
    row, column = 0.9 * 3.0, 1.1 * 5.0
    slant, turn = np.radians(20), np.radians(30)
    row, column = row - np.sin(slant) * column, np.cos(slant) * column
    row, column = row + 2.0, column - 1.0
    turned = np.cos(turn) * row - np.sin(turn) * column, np.sin(turn) * row + np.cos(turn) * column
    point = keras_matrix(30.0, (2.0, -1.0), 20.0, (0.9, 1.1)) @ [3.0, 5.0, 1.0]
    np.testing.assert_allclose(point, [*turned, 1.0])


def test_that_kerass_moves_are_scipys_affine_transform_with_repeated_edges():
    """ImageDataGenerator hands its matrix, about the middle, to scipy.ndimage.affine_transform, order 1, nearest."""
    picture = np.random.default_rng(0).random((30, 44)).astype(np.float32)
    matrix = keras_matrix(7.0, (2.5, -4.25), 0.1, (0.93, 1.08))
    middle = np.array([30 / 2 - 0.5, 44 / 2 - 0.5])
    offset = matrix[:2, 2] + middle - matrix[:2, :2] @ middle
    expected = ndimage.affine_transform(picture, matrix[:2, :2], offset, order=1, mode="nearest")
    ours = augmentation._resampled_to_edge(torch.from_numpy(picture)[None], matrix)[0]
    np.testing.assert_allclose(ours.numpy(), expected, atol=2e-5)


def test_that_a_chest_film_is_not_mirrored_unless_laterality_is_free():
    chest = augmentation_card("P2").augmentation
    assert chest.flip == 0.5
    assert chest.flips == 0
    assert augmentation_card("P1").augmentation.flips == 0.5
    free = from_mapping(Augmentation, {"card": "P2", "laterality": "free"})
    assert free.flips == 0.5
    assert free.resized_crop == chest.resized_crop


def test_that_erasing_leaves_noise_in_a_quarter_of_the_images():
    spec = from_mapping(Augmentation, {"card": "none", "erasing": {"probability": 0.25}})
    inputs = augmenter(spec).inputs(
        torch.zeros(64, 3, 32, 40), np.ones((64, 2)), np.arange(64), np.zeros(64, dtype=int)
    )
    erased = [one for one in inputs if one.any()]
    assert 8 < len(erased) < 26
    noise = torch.cat([one[one != 0] for one in erased])
    assert abs(float(noise.mean())) < 0.05
    assert abs(float(noise.std()) - 1) < 0.05


def test_that_views_are_used_in_turns_and_an_image_drawn_twice_shows_two():
    turns = augmenter(Augmentation(views=3))
    assert [turns.view(epoch) for epoch in range(5)] == [0, 1, 2, 0, 1]
    assert turns.view(4, 1) == 2
    always = augmenter(Augmentation())
    assert len({always.view(epoch, again) for epoch in range(50) for again in range(4)}) == 200
    assert [augmenter(augmentation_card("none").augmentation).view(epoch) for epoch in range(3)] == [0, 0, 0]


def test_that_the_three_oldest_moves_are_drawn_as_version_1_of_the_specification_drew_them():
    """One generator an epoch: the order, then for each batch scale, angle, shift across and shift down."""
    random = torch.Generator().manual_seed(3 * 100_003 + 2)
    order = torch.randperm(20, generator=random)
    for start in range(0, 20, 8):
        rows = order[start : start + 8]
        drawn = [torch.rand(len(rows), generator=random) for _ in range(4)]
        table = augmentation._epoch_moves(3, 2, 20, 8)[rows.numpy()]
        np.testing.assert_array_equal(table, torch.stack(drawn, dim=1).numpy())


def test_that_a_card_survives_the_specification_and_may_be_departed_from():
    for name, card in AUGMENTATION_CARDS.items():
        assert from_mapping(Augmentation, to_mapping(card.augmentation)) == card.augmentation
        assert from_mapping(Augmentation, {"card": name}) in (card.augmentation, Augmentation(card="default"))
    departed = from_mapping(Augmentation, tomllib.loads('card = "P1"\nturn = {degrees = 0.0}\nviews = 4'))
    assert departed.turn.degrees == 0
    assert departed.affine == augmentation_card("P1").augmentation.affine
    with pytest.raises(FieldError, match="no augmentation is called P9; known are default"):
        from_mapping(Augmentation, {"card": "P9"})
    with pytest.raises(FieldError, match="random crop brings the image to its size"):
        from_mapping(Augmentation, {"resized_crop": {}})


def test_that_the_digest_of_moves_knows_every_part_of_them_and_neither_name_nor_count():
    plain = augmentation_digest(Augmentation())
    assert augmentation_digest(Augmentation(views=4)) == plain
    assert augmentation_digest(Augmentation(rotation=8.0)) != plain
    assert (
        len({augmentation_digest(card.augmentation) for card in AUGMENTATION_CARDS.values()}) == 8
    )  # none = P0, P2 = BT


def test_that_the_published_evaluations_are_those_of_their_preprocessing():
    p1 = augmentation_card("P1").evaluation(PREPROCESSING)
    assert (p1.size, p1.channel_order, p1.std) == ((256, 256), "BGR", (0.225, 0.224, 0.229))
    transformers = augmentation_card("BenchmarkTransformers")
    assert (transformers.evaluation(PREPROCESSING).crop_fraction, transformers.passes) == (0.875, "ten-crop")
    assert augmentation_card("default").evaluation(PREPROCESSING) is PREPROCESSING
