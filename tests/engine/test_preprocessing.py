"""Preprocessing computes what its constants say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms.v2 import functional

from xferviewer.checkpoints import Preprocessing
from xferviewer.networks.preprocessing import present_to_tensor, to_tensor
from xferviewer.studies.images import read_image
from xferviewer.studies.voi import Window


def plain(**constants: object) -> Preprocessing:
    values = {"size": (32, 48), "mean": (0.0,), "std": (1.0,), "channel_order": "grey"} | constants
    return Preprocessing(**values)


def test_that_a_grey_image_fills_every_channel_with_its_own_mean_and_deviation():
    grey = np.linspace(0, 1, 32 * 48, dtype=np.float32).reshape(32, 48)

    tensor = present_to_tensor(grey, plain(channel_order="RGB", mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0)))

    assert tensor.dtype == torch.float32
    for channel, (mean, std) in enumerate(((0.1, 1.0), (0.2, 2.0), (0.3, 4.0))):
        np.testing.assert_allclose(tensor[channel].numpy(), (grey - mean) / std, atol=1e-6)


def test_that_colour_becomes_grey_by_the_weights_of_bt601_as_in_pillow():
    colour = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    by_pillow = np.asarray(Image.fromarray(colour).convert("L"), dtype=np.float32)

    grey = present_to_tensor(colour.astype(np.float32) / 255, plain())[0].numpy() * 255

    assert np.abs(grey - by_pillow).max() <= 0.51  # Pillow rounds to whole numbers


def test_that_bgr_is_rgb_backwards():
    colour = np.random.default_rng(0).random((32, 48, 3), dtype=np.float32)
    constants = {"mean": (0.5,) * 3, "std": (0.5,) * 3}

    rgb, bgr = (present_to_tensor(colour, plain(channel_order=order, **constants)) for order in ("RGB", "BGR"))

    assert torch.equal(rgb.flip(0), bgr)


def film_of(tmp_path: Path, values: np.ndarray):
    Image.fromarray(values).save(tmp_path / "film.png")
    return read_image(tmp_path / "film.png")


def input_of(film, **constants: object) -> np.ndarray:
    return to_tensor(film, plain(size=film.pixels.shape, **constants))[0].numpy()


def test_that_a_16_bit_picture_is_divided_by_65535_where_the_card_says_full_range(tmp_path):
    """PadChest as published; stretched by default."""
    values = np.random.default_rng(0).integers(300, 5000, (40, 50)).astype(np.uint16)
    film = film_of(tmp_path, values)
    np.testing.assert_allclose(input_of(film, window="full range"), values / 65535, atol=1e-6)
    stretched = input_of(film)
    assert (stretched.min(), stretched.max()) == (0, 1)
    small = film_of(tmp_path, (values // 20).astype(np.uint8))  # 8 bits always have it
    np.testing.assert_array_equal(input_of(small, window="full range"), input_of(small))


def test_that_a_range_is_in_the_unit_of_the_image_and_percentiles_are_of_its_values(tmp_path):
    film = replace(film_of(tmp_path, np.zeros((40, 50), np.uint8)), windows=(Window(0, 10),), unit="HU")
    values = np.random.default_rng(0).integers(-1024, 2000, (40, 50)).astype(np.int16)
    film = replace(film, pixels=values)
    lung = input_of(film, window="range", window_range=(-1000.0, 400.0))
    np.testing.assert_allclose(lung, ((values + 1000.0) / 1400).clip(0, 1), atol=1e-6)
    low, high = np.percentile(values, (1, 99))
    cut = input_of(film, window="percentiles", window_range=(1.0, 99.0))
    np.testing.assert_allclose(cut, ((values - low) / (high - low)).clip(0, 1), atol=1e-6)
    np.testing.assert_allclose(input_of(film), ((values + 0.5) / 9 + 0.5).clip(0, 1), atol=1e-6)  # the file's own


@pytest.mark.parametrize(
    ("constants", "why"),
    [
        ({"window": "range"}, "window_range is missing"),
        ({"window_range": (0.0, 1.0)}, "window_range is for"),
        ({"window": "range", "window_range": (1.0, 1.0)}, "lower one first"),
        ({"window": "percentiles", "window_range": (-1.0, 99.0)}, "0 to 100"),
    ],
)
def test_that_an_impossible_window_is_refused(constants, why):
    with pytest.raises(ValueError, match=why):
        plain(**constants)


def test_that_the_digest_of_a_card_without_a_window_is_what_it_was():
    assert plain().digest == "c8593199f2752141ab54f053fa792e52106e05317e8f578b60bec3bcacbac8c5"


def test_that_inverted_polarity_swaps_black_and_white():
    grey = np.random.default_rng(0).random((40, 50), dtype=np.float32)
    shown, inverted = (present_to_tensor(grey, plain(polarity=polarity)) for polarity in ("as shown", "inverted"))
    torch.testing.assert_close(inverted, 1 - shown)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_that_squash_then_centre_crop_is_what_torchvision_computes(interpolation):
    grey = np.random.default_rng(0).random((200, 150), dtype=np.float32)

    ours = present_to_tensor(grey, plain(crop_fraction=0.8, interpolation=interpolation))

    resized = functional.resize(torch.from_numpy(grey)[None], [40, 60], interpolation, antialias=True).clamp(0, 1)
    torch.testing.assert_close(ours, functional.center_crop(resized, [32, 48]))


@settings(deadline=None, max_examples=40)
@given(st.integers(8, 200), st.integers(8, 200), st.sampled_from(["squash", "shorter"]), st.floats(0.5, 1.0))
def test_that_any_image_gives_the_size_asked_for_and_a_flat_one_stays_flat(rows, columns, resize, crop_fraction):
    flat = np.full((rows, columns), 0.25, dtype=np.float32)
    tensor = present_to_tensor(flat, plain(resize=resize, crop_fraction=crop_fraction))
    assert tuple(tensor.shape) == (1, 32, 48)
    torch.testing.assert_close(tensor, torch.full_like(tensor, 0.25))


def test_that_a_film_stored_inverted_and_declared_monochrome1_is_the_same_tensor(tmp_path, cohort):
    dataset = pydicom.dcmread(next(cohort.rglob("*.dcm")))
    dataset.decompress()
    dataset.pop("PresentationLUTShape", None)
    highest = 2**dataset.BitsStored - 1
    tensors = []
    for photometric, stored in (("MONOCHROME2", dataset.pixel_array), ("MONOCHROME1", highest - dataset.pixel_array)):
        dataset.PhotometricInterpretation = photometric
        dataset.PixelData = stored.tobytes()
        centre = 0.45 * highest if photometric == "MONOCHROME2" else 0.55 * highest
        dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = centre, 0.5 * highest, "LINEAR_EXACT"
        dataset.save_as(tmp_path / "film.dcm")
        with_voi = to_tensor(read_image(tmp_path / "film.dcm"), plain())
        del dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction
        dataset.save_as(tmp_path / "film.dcm")
        tensors.append((with_voi, to_tensor(read_image(tmp_path / "film.dcm"), plain())))

    for one, other in zip(*tensors, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(*tensors[0])


def test_that_opposite_polarities_of_the_same_values_are_negative_tensors():
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "dicom" / "torchxrayvision"
    if not folder.exists():
        pytest.skip("the shared data are not beside this checkout")
    film = read_image(folder / "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm")
    negative = read_image(folder / "Fake_MONOHR1.dcm")
    rows, columns = film.pixels.shape
    whole = plain(size=(rows, columns))  # not resized: exact

    assert torch.equal(to_tensor(negative, whole), 1 - to_tensor(film, whole))
    assert torch.equal(to_tensor(film, replace(whole, polarity="inverted")), to_tensor(negative, whole))
