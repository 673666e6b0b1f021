"""Images that look the same: a perceptual hash of 256 bits, and the search for hashes that differ in few of them.

The hash is that of pHash with more coefficients: 64 by 64 pixels, the lowest 16 by 16 of their discrete cosine
transform, one bit each for being above the median. It stays nearly the same when a picture is compressed, scaled, or
shown with another window, and changes with its crop. Why 256 bits, and how far apart is near: docs/decisions/0082.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import PIL.Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

HASH_VERSION = 1  # raise it when hashes come out differently, and those that are kept are made anew

NEAR = 20
"""Two hashes that differ in at most so many of their 256 bits are near duplicates."""

_SIDE, _KEPT = 64, 16
_LEAST_CONTRAST = 1 / 255  # standard deviation of the small picture: below it there is nothing to compare


def perceptual_hash(brightness: NDArray[np.float32]) -> NDArray[np.uint64] | None:
    """256 bits as four words, of brightness in [0, 1] as `studies.images.present` gives it; colour counts as its grey.

    None for a picture of one colour, which resembles every other.
    """
    from scipy.fft import dctn

    if brightness.ndim == 3:  # ITU-R BT.601
        brightness = brightness @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    picture = PIL.Image.fromarray(np.ascontiguousarray(brightness, dtype=np.float32))
    small = np.asarray(picture.resize((_SIDE, _SIDE), PIL.Image.Resampling.BILINEAR))
    if small.std() < _LEAST_CONTRAST:
        return None
    lowest = dctn(small, norm="ortho")[:_KEPT, :_KEPT].ravel()
    above = lowest > np.median(lowest[1:])  # the first one is the mean brightness, which says nothing
    above[0] = False
    return np.packbits(above).view(np.uint64)


def distances(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.intp]:
    """In how many bits the hashes (n, 4) of two lists differ, one by one."""
    bits: NDArray[np.intp] = np.bitwise_count(first ^ second).sum(axis=1, dtype=np.intp)
    return bits


def near_pairs(
    hashes: NDArray[np.uint64], most: int = NEAR
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """All pairs of different hashes at most `most` bits apart: rows of the first, of the second, and their distances.

    hashes  (n, 4), each row once

    Multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012): the 256 bits are cut into most + 1 keys; two hashes
    that differ in at most `most` bits have one key in common. So only hashes with a common key are compared.
    """
    pairs = [np.empty(0, dtype=np.int64)]
    for key in _keys(hashes, most + 1):
        order = np.argsort(key, kind="stable")
        pairs += [first * len(hashes) + second for first, second in _close(hashes, key[order], order, most)]
    found = np.unique(np.concatenate(pairs))  # those with several keys in common were found several times
    first, second = np.divmod(found, max(len(hashes), 1))
    return first, second, distances(hashes[first], hashes[second])


def _keys(hashes: NDArray[np.uint64], count: int) -> Iterator[NDArray[np.int64]]:
    """The bits of each hash in `count` keys. Each takes bits from everywhere: neighbours say nearly the same."""
    bits = np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8).reshape(len(hashes), _KEPT * _KEPT // 8), axis=1)
    for first in range(count):
        chosen = bits[:, first::count]
        yield chosen.astype(np.int64) @ (1 << np.arange(chosen.shape[1], dtype=np.int64))


def _close(
    hashes: NDArray[np.uint64], keys: NDArray[np.int64], order: NDArray[np.int64], most: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of rows with the same key and at most `most` bits between them. `keys` ascend, `order` holds their rows.

    Each row is compared with the next one of its key, then with the next but one, until no key goes on so far.
    """
    here = np.arange(len(keys), dtype=np.int64)
    for step in range(1, len(keys)):
        here = here[here + step < len(keys)]
        here = here[keys[here] == keys[here + step]]
        if not len(here):
            return
        first, second = order[here], order[here + step]
        near = distances(hashes[first], hashes[second]) <= most
        if near.any():
            first, second = first[near], second[near]
            yield np.minimum(first, second), np.maximum(first, second)
