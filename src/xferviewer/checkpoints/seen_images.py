"""`seen_images.txt` in a checkpoint's folder: which images it learned from, as marks that name nobody.

A mark is the beginning of a SHA-256 of the image's identity: with it one can tell whether an image at hand was among
them, and nothing else. Whoever looks at numbers on images that the checkpoint has seen must be told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableCheckpoint

if TYPE_CHECKING:
    from xferviewer.checkpoints.folder import Checkpoint

SEEN_IMAGES = "seen_images.txt"
_HEADER = "xferviewer seen images 1"
_MARK_LETTERS = 16  # of the hexadecimal digest: one false alarm in 2**64 / n images


@dataclass(frozen=True, slots=True)
class SeenImages:
    """The marks (`image_mark`) of the images of a split.

    split_digest  of the split, as the card states it.
    training      images whose labels the weights were fitted to.
    validation    images that only chose the best epoch.
    """

    split_digest: str
    training: frozenset[str]
    validation: frozenset[str]


def image_mark(identity: str) -> str:
    """What stands for an image: 16 hexadecimal letters of the SHA-256 of its identity."""
    return hashlib.sha256(identity.encode()).hexdigest()[:_MARK_LETTERS]


def seen_images(split_digest: str, training: Iterable[str], validation: Iterable[str]) -> SeenImages:
    """From identities of images."""
    return SeenImages(split_digest, frozenset(map(image_mark, training)), frozenset(map(image_mark, validation)))


def write_seen_images(checkpoint: Checkpoint, seen: SeenImages) -> None:
    """Put the marks into the checkpoint's folder. Raises UnusableFolder."""
    lines = [_HEADER, f"split {seen.split_digest}"]
    lines += [f"training {mark}" for mark in sorted(seen.training)]
    lines += [f"validation {mark}" for mark in sorted(seen.validation)]
    write_atomically(checkpoint.folder / SEEN_IMAGES, "".join(f"{line}\n" for line in lines).encode())


def read_seen_images(checkpoint: Checkpoint) -> SeenImages | None:
    """The marks in a checkpoint's folder; None where it has none.

    Raises UnusableCheckpoint for a file that is damaged, of a newer version, or of another split than the card's.
    """
    try:
        lines = (checkpoint.folder / SEEN_IMAGES).read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(checkpoint, f"It could not be read: {error}.") from error
    if not lines or lines[0] != _HEADER:
        raise _unusable(checkpoint, "It is of a newer version, or no list of seen images.")
    marks: dict[str, set[str]] = {"split": set(), "training": set(), "validation": set()}
    for number, line in enumerate(lines[1:], start=2):
        kind, _, mark = line.partition(" ")
        if kind not in marks or not mark:
            raise _unusable(checkpoint, f"Its line {number} says nothing.")
        marks[kind].add(mark)
    digest = next(iter(marks["split"]), "")
    data = checkpoint.card.data
    if data is None or digest != data.split_digest:
        raise _unusable(checkpoint, "It is of another split than the card states.")
    return SeenImages(digest, frozenset(marks["training"]), frozenset(marks["validation"]))


def _unusable(checkpoint: Checkpoint, why: str) -> UnusableCheckpoint:
    return UnusableCheckpoint(
        f"Nobody can tell which images {checkpoint.name} has seen.",
        f"{SEEN_IMAGES}: {why}",
        "Copy the folder again from where it came; its numbers may rest on images that it learned from.",
    )
