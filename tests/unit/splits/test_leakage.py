"""The receipt finds groups, repeated pictures and pictures that are nearly the same on two sides of a split."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.studies.fingerprints import fingerprints_of
from xferviewer.studies.leakage import joined_by_twins, leakage_receipt, receipt_as_toml, receipt_from_toml
from xferviewer.studies.near_duplicates import NEAR, distances, near_pairs, perceptual_hash


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def picture(seed: int, side: int = 96) -> np.ndarray:
    """A random field in [0, 1] whose amplitude falls with frequency, as that of photographs and films does."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1
    field = np.fft.irfft2(np.fft.rfft2(np.random.default_rng(seed).normal(size=(side, side))) / frequency)
    field -= field.min()
    return (field / field.max()).astype(np.float32)


def save(path: Path, brightness: np.ndarray) -> Path:
    PIL.Image.fromarray(np.rint(brightness * 255).astype(np.uint8)).save(path)
    return path


def bits(brightness: np.ndarray) -> np.ndarray:
    found = perceptual_hash(brightness)
    assert found is not None
    return found[None]


def test_that_a_picture_keeps_its_hash_when_it_is_compressed_scaled_or_shown_otherwise():
    for seed in range(5):
        made = picture(seed, 128)
        file = io.BytesIO()
        whole = PIL.Image.fromarray(np.rint(made * 255).astype(np.uint8))
        whole.save(file, "JPEG", quality=60)
        others = {
            "compressed": np.asarray(PIL.Image.open(file)) / np.float32(255),
            "scaled": np.asarray(whole.resize((70, 90))) / np.float32(255),
            "gamma": made**0.8,
            "window": np.clip((made - 0.05) / 0.9, 0, 1),
            "colour": np.repeat(made[..., None], 3, axis=2),
        }
        for name, other in others.items():
            assert distances(bits(made), bits(other))[0] <= NEAR, name
        assert distances(bits(made), bits(picture(seed + 100, 128)))[0] > 2 * NEAR


def test_that_a_picture_of_one_colour_has_no_hash():
    assert perceptual_hash(np.full((64, 64), 0.5, np.float32)) is None


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(0, 40))
def test_that_every_pair_within_the_distance_is_found_and_no_other(seed, most):
    """Against the comparison of all with all; some hashes are a few flipped bits away from others."""
    random = np.random.default_rng(seed)
    base = random.integers(0, 2, (12, 256), dtype=np.uint8)
    flipped = base[random.integers(0, 12, 40)] ^ (random.random((40, 256)) < random.random((40, 1)) * 0.2)
    hashes = np.unique(np.packbits(np.concatenate([base, flipped.astype(np.uint8)]), axis=1).view(np.uint64), axis=0)
    first, second, distance = near_pairs(hashes, most)
    expected = {
        (a, b): int(distances(hashes[a : a + 1], hashes[b : b + 1])[0])
        for a in range(len(hashes))
        for b in range(a + 1, len(hashes))
    }
    assert dict(zip(zip(first.tolist(), second.tolist(), strict=True), distance.tolist(), strict=True)) == {
        pair: found for pair, found in expected.items() if found <= most
    }


def test_that_few_hashes_have_few_pairs():
    for count in (0, 1):
        assert [len(part) for part in near_pairs(np.zeros((count, 4), np.uint64))] == [0, 0, 0]


@pytest.fixture
def films(tmp_path):
    """Six pictures; the fifth repeats the first under another name and format, the sixth the second with a window."""
    made = [picture(seed) for seed in range(4)]
    files = [save(tmp_path / f"{number}.png", one) for number, one in enumerate(made)]
    files.append(save(tmp_path / "again.tif", made[0]))
    files.append(save(tmp_path / "brighter.png", np.clip(made[1] * 0.8 + 0.1, 0, 1)))
    return [(path, 0) for path in files]


def test_that_the_receipt_counts_what_two_parts_repeat_and_names_examples(films):
    parts = ["training", "training", "training", "validation", "validation", "validation"]
    names = [path.name for path, _ in films]
    receipt = leakage_receipt(parts, list("abcdef"), names, fingerprints=fingerprints_of(films))
    overlap = receipt.between("training", "validation")
    assert (overlap.groups, overlap.exact, overlap.near) == (0, 1, 1)
    assert [(one.first, one.second, one.distance) for one in overlap.exact_examples] == [("0.png", "again.tif", 0)]
    (near,) = overlap.near_examples
    assert (near.first, near.second) == ("1.png", "brighter.png")
    assert (receipt.compared, receipt.unreadable) == (6, 0)
    assert str(receipt) == (
        "3 patients (3 images) in training, 3 patients (3 images) in validation. No patient in two of them. Validation "
        "repeats 1 image of training exactly and 1 nearly, such as again.tif of 0.png and brighter.png of 1.png."
    )


def test_that_repeats_within_a_part_or_in_none_are_no_leak(films):
    parts = ["training", "training", "validation", "", "training", "training"]
    receipt = leakage_receipt(parts, list("abcdef"), list("uvwxyz"), fingerprints=fingerprints_of(films))
    overlap = receipt.between("training", "validation")
    assert (overlap.exact, overlap.near, receipt.compared) == (0, 0, 5)
    assert "No exact and no near duplicates between them." in str(receipt)


def test_that_shared_groups_and_unread_files_are_said_of_every_pair_of_parts(films, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    refused = []
    prints = fingerprints_of([*films, (broken, 0)], refused=refused.append)
    parts = ["1", "2", "3", "1", "2", "test", "test"]
    receipt = leakage_receipt(parts, list("pqrstpp"), list("uvwxyz!"), group="exam", fingerprints=prints)
    assert receipt.between("1", "test").groups == 1
    assert receipt.between("1", "test").images == 2
    assert receipt.shared_groups == 1
    assert (receipt.between("1", "2").exact, receipt.between("2", "test").near) == (1, 1)
    assert list(receipt.images) == ["1", "2", "3", "test"]
    assert "Shared exams: 1 in fold 1 and test (2 images of test)." in str(receipt)
    assert "1 image could not be read and compared." in str(receipt)
    assert len(refused) == 1
    assert "broken.png" in refused[0].what


def test_that_a_receipt_says_when_nobody_looked_and_is_read_back(films):
    parts = ["training", "validation"] * 3
    for prints in (None, fingerprints_of(films)):
        receipt = leakage_receipt(parts, list("aabcde"), [path.name for path, _ in films], fingerprints=prints)
        assert receipt_from_toml(receipt_as_toml(receipt)) == receipt
        assert ("Nobody looked" in str(receipt)) is (prints is None)


def test_that_fingerprints_are_made_once_and_anew_for_a_changed_file(films, monkeypatch):
    first = fingerprints_of(films)
    heard = []
    with monkeypatch.context() as patched:
        patched.setattr("xferviewer.studies.fingerprints.ReadingProcesses", None)  # nothing is read
        again = fingerprints_of(films, lambda done, total: heard.append((done, total)))
    np.testing.assert_array_equal(first.hashes, again.hashes)
    np.testing.assert_array_equal(first.digests, again.digests)
    assert heard == [(6, 6)]
    save(films[0][0], picture(50, 97))
    assert (fingerprints_of(films).digests[0] != first.digests[0]).any()


def test_that_stopping_keeps_what_was_done(films, monkeypatch):
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        fingerprints_of(films, stop)
    heard = []
    fingerprints_of(films, lambda done, total: heard.append(done))
    assert heard == [3, 4, 5, 6]


def test_that_frames_of_one_file_are_images_of_their_own(tmp_path):
    np.save(
        tmp_path / "slices.npy", np.stack([np.rint(picture(seed, 64) * 255) for seed in (0, 1, 0)]).astype(np.uint8)
    )
    found = fingerprints_of([(tmp_path / "slices.npy", frame) for frame in range(3)])
    assert (found.digests[0] == found.digests[2]).all()
    assert (found.digests[0] != found.digests[1]).any()


def test_that_groups_with_the_same_or_nearly_the_same_picture_are_joined(films):
    """The first and the fifth picture are one, the second and the sixth nearly so; the fourth goes with the fifth."""
    joined = joined_by_twins(["a", "b", "c", "e", "e", "f"], fingerprints_of(films))
    assert joined == ["a", "b", "c", "a", "a", "b"]
