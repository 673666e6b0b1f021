"""Damaged files by the thousand: every one is indexed and opened as the window does it, and accounted for.

`python -m tests.integration.mutations` makes 10,000 of them (a fixed seed) and prints what came of them; a part of them
is in the tests. A crash, a hang or an exception other than a refusal ends it with the number of the file, which
`mutated(number)` makes again.
"""

from __future__ import annotations

import faulthandler
import io
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
from tests.integration.conformance import files
from tests.unit.studies.test_slides import write_pyramid

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.film_reading import FilmReading
from xferviewer.studies.images import present
from xferviewer.studies.indexing import index

COUNT = 10_000
SEED = 20261122
BATCH = 500
_LARGEST_ORIGINAL = 200_000  # bytes: larger ones only cost time
_HEADER_BYTES = 2048
_LENGTHS = (0, 1, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_SECONDS_A_BATCH = 600.0
_LONG_SECONDS = 5.0


@cache
def originals() -> list[tuple[str, bytes]]:
    """Real DICOM files, whatever lies here of them, and small files of every other format."""
    found = [(path.name, path.read_bytes()) for path in files() if path.stat().st_size <= _LARGEST_ORIGINAL]
    return found + _pictures()


def _pictures() -> list[tuple[str, bytes]]:
    random = np.random.default_rng(SEED)
    grey, colour = random.integers(0, 256, (40, 50)).astype(np.uint8), random.integers(0, 256, (40, 50, 3))
    made = []
    for name in ("png", "jpeg", "tiff", "bmp", "gif", "webp", "jpeg2000", "ppm"):
        for number, pixels in enumerate((grey, colour.astype(np.uint8))):
            file = io.BytesIO()
            PIL.Image.fromarray(pixels).save(file, name)
            made.append((f"picture {number}.{name}", file.getvalue()))
    array = io.BytesIO()
    np.save(array, random.integers(0, 9999, (3, 20, 20)).astype(np.int16))
    archive = io.BytesIO()
    np.savez_compressed(archive, images=grey[None], labels=np.zeros(1))
    with tempfile.TemporaryDirectory() as folder:
        fine = random.integers(0, 256, (90, 120, 3)).astype(np.uint8)
        slide = write_pyramid(Path(folder) / "slide.tif", [fine, fine[::2, ::2]]).read_bytes()
    made += [(f"slide {number}.tif", slide) for number in range(8)]  # as likely as all the pictures of another kind
    volume = nibabel.Nifti1Image(random.integers(0, 99, (9, 8, 7)).astype(np.int16), np.eye(4)).to_bytes()
    return [*made, ("stack.npy", array.getvalue()), ("stack.npz", archive.getvalue()), ("volume.nii", volume)]


def mutated(number: int) -> tuple[str, bytes]:
    """File `number` of all: its name and its bytes; the same today and tomorrow."""
    random = np.random.default_rng([SEED, number])
    name, original = originals()[int(random.integers(len(originals())))]
    data = bytearray(original)
    for _ in range(int(random.integers(1, 3))):
        kind = random.choice(("flip", "length", "cut", "remove", "repeat"), p=(0.45, 0.3, 0.1, 0.08, 0.07))
        # half of the damage goes to the header, which is what parsers believe
        reach = min(len(data), _HEADER_BYTES) if random.random() < 0.5 else len(data)
        place = int(random.integers(max(reach, 1)))
        if kind == "flip":
            for _ in range(int(random.integers(1, 12))):
                where = int(random.integers(max(reach, 1)))
                data[where : where + 1] = bytes([int(random.integers(256))])
        elif kind == "length":
            width, order = int(random.choice((2, 4))), random.choice(("<", ">"))
            value = int(random.choice(_LENGTHS)) if random.random() < 0.7 else int(random.integers(1 << 32))
            data[place : place + width] = struct.pack(f"{order}I", value)[:width]
        elif kind == "cut":
            del data[place:]
        elif kind == "remove":
            del data[place : place + int(random.integers(1, 64))]
        else:
            data[place:place] = data[place : place + int(random.integers(1, 512))]
    return f"{number:05d} {name}", bytes(data)


def account(numbers: Iterable[int], folder: Path, reading: FilmReading) -> Counter[str]:
    """Write these files, index the folder and open each: how many came out as what. Raises AssertionError otherwise."""
    outcomes: Counter[str] = Counter()
    paths = []
    for number in numbers:
        name, data = mutated(number)
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    with Catalogue(folder.parent / f"{folder.name}.sqlite") as catalogue:
        counts = index(folder, catalogue)
    assert counts.files == counts.images + counts.refused == len(paths), counts
    outcomes["indexed as images"] += counts.images
    faulthandler.dump_traceback_later(_SECONDS_A_BATCH, exit=True)  # where this process itself hangs
    with ThreadPoolExecutor(2) as threads:
        for outcome in threads.map(lambda path: _open(path, reading), paths):
            outcomes[outcome] += 1
    faulthandler.cancel_dump_traceback_later()
    return outcomes


def _open(path: Path, reading: FilmReading) -> str:
    """Read and present a file as the window does; nothing but a refusal may be raised."""
    begun = time.monotonic()
    try:
        image = reading.read(path)
    except UnreadableImage as refusal:
        words = refusal.as_dict().values()
        outcome = "refused: its decoder crashed or hung" if _was_isolated(refusal) else "refused with a reason"
    else:
        words, outcome = (), "shown"
        brightness = present(image)
        image.overlaid()
        assert 0 <= brightness.min() <= brightness.max() <= 1, path.name
    assert all(part.endswith(".") for part in words), path.name
    if time.monotonic() - begun > _LONG_SECONDS or "crashed" in outcome:
        sys.stderr.write(f"{path.name}: {time.monotonic() - begun:.0f} s, {outcome}\n")
    return outcome


def _was_isolated(refusal: UnreadableImage) -> bool:
    return "crashed" in refusal.why or "still at work" in refusal.why


def main() -> None:
    """All of them."""
    begun, total = time.monotonic(), Counter[str]()
    reading = FilmReading(2)
    for first in range(0, COUNT, BATCH):
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work) / "damaged"
            folder.mkdir()
            total += account(range(first, min(first + BATCH, COUNT)), folder, reading)
        sys.stderr.write(f"{first + BATCH}: {dict(total)}\n")
    reading.close()
    sys.stdout.write(f"{COUNT} damaged files in {time.monotonic() - begun:.0f} s: {dict(sorted(total.items()))}\n")


if __name__ == "__main__":
    main()
