"""How often films of different patients count as near duplicates, how far copies are, and how fast the search is.

    python benchmarks/duplicates.py FOLDER …

FOLDER holds images, each of another patient. docs/splits.md has what came out.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from xferviewer.errors import UnreadableImage
from xferviewer.studies.images import present, read_image
from xferviewer.studies.near_duplicates import NEAR, distances, near_pairs, perceptual_hash

_MANY = 112_120  # images of ChestX-ray14
_ALTERED = 60  # images of a folder that copies are made of


def main() -> None:
    for folder in sys.argv[1:]:
        pictures = [picture for path in sorted(Path(folder).rglob("*")) if (picture := _read(path)) is not None]
        hashes = np.array([perceptual_hash(picture) for picture in pictures])
        rows, columns = np.triu_indices(len(hashes), 1)
        apart = distances(hashes[rows], hashes[columns])
        print(f"{folder}: {len(hashes)} images, {len(apart)} pairs")
        nearest, thousandth, median = np.quantile(apart, [0, 1e-3, 0.5])
        print(f"  nearest pair {nearest:.0f} bits, one in a thousand {thousandth:.0f}, median {median:.0f}")
        print(f"  within {NEAR} bits: {(apart <= NEAR).sum()}")
        for name, bits in _altered(pictures[:_ALTERED], hashes).items():
            print(f"  {name:<20} median {np.median(bits):3.0f}, 95 % {np.quantile(bits, 0.95):3.0f}, most {max(bits)}")
        _time_search(hashes)


def _read(path: Path) -> NDArray[np.float32] | None:
    try:
        return present(read_image(path)) if path.is_file() else None
    except UnreadableImage:
        return None


def _altered(pictures: list[NDArray[np.float32]], hashes: NDArray[np.uint64]) -> dict[str, list[int]]:
    """Bits between each picture and copies of it."""
    found: dict[str, list[int]] = {}
    for picture, known in zip(pictures, hashes, strict=False):
        whole = PIL.Image.fromarray(np.rint(picture * 255).astype(np.uint8))
        width, height = whole.size
        file = io.BytesIO()
        whole.convert("RGB").save(file, "JPEG", quality=50)
        copies = {
            "JPEG, quality 50": np.asarray(PIL.Image.open(file)) / np.float32(255),
            "a quarter the side": np.asarray(whole.resize((width // 4, height // 4))) / np.float32(255),
            "gamma 0.8": picture**0.8,
            "narrower window": np.clip((picture - 0.1) / 0.8, 0, 1),
            "1 % cut off a side": picture[height // 100 : -height // 100, width // 100 : -width // 100],
            "2 % cut off a side": picture[height // 50 : -height // 50, width // 50 : -width // 50],
            "5 % cut off a side": picture[height // 20 : -height // 20, width // 20 : -width // 20],
            "mirrored": picture[:, ::-1],
        }
        for name, copy in copies.items():
            bits = perceptual_hash(np.ascontiguousarray(copy))
            if bits is not None:
                found.setdefault(name, []).append(int(distances(bits[None], known[None])[0]))
    return found


def _time_search(hashes: NDArray[np.uint64]) -> None:
    """As many hashes as ChestX-ray14 has images, whose bits hang together as those of these images do."""
    random = np.random.default_rng(0)
    bits = np.unpackbits(hashes.view(np.uint8), axis=1) * 2.0 - 1
    mixed = random.normal(size=(_MANY, len(bits))) @ bits / np.sqrt(len(bits)) + bits.mean(axis=0)
    many = np.unique(np.packbits(mixed > 0, axis=1).view(np.uint64), axis=0)
    started = time.perf_counter()
    first, _, _ = near_pairs(many)
    print(f"  {len(many)} hashes like these searched in {time.perf_counter() - started:.1f} s: {len(first)} pairs")


if __name__ == "__main__":
    main()
