"""How a checkpoint is asked several times of one image: what the passes are called, and what they are kept under.

The passes of an image give a column of their own beside the plain checkpoint: the mean of their probabilities, and how
far they differ. What is computed stands in engine/passes.py and evaluation/members.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from xferviewer.checkpoints.card import Preprocessing

PassKind = Literal["flip", "ten-crop", "mc-dropout"]

# Part of the key of kept predictions. Raise it when engine/passes.py computes other numbers from the same image.
PASSES_VERSION = 1

MOST_DROPOUT_PASSES = 1000

# Where a card crops nothing there is nothing to cut corners from: the published evaluation (BenchmarkTransformers, as
# timm's own default) resizes to 256 and crops 224.
_CROP_FRACTION = 0.875

_WORD = re.compile(r"(flip|ten-crop|mc-dropout)(?:-([1-9][0-9]{0,3}))?")


@dataclass(frozen=True, slots=True)
class Passes:
    """A kind of passes and their number: "flip" has 2, "ten-crop" 10, "mc-dropout" as many as asked for, 2 to 1000.

    flip        the image as it is, and mirrored from left to right.
    ten-crop    the four corners and the centre, then the same five mirrored, of an image that is larger than the
                network's input by the card's crop fraction, or by 1 / 0.875 where the card crops nothing.
    mc-dropout  the image as it is, each time with other random numbers in the dropout of the network.
    """

    kind: PassKind
    count: int

    def __post_init__(self) -> None:
        fixed = {"flip": 2, "ten-crop": 10}.get(self.kind)
        if fixed is not None and self.count != fixed:
            raise ValueError(f"{self.kind} has {fixed} passes, not {self.count}")
        if not 2 <= self.count <= MOST_DROPOUT_PASSES:
            raise ValueError(f"Monte-Carlo dropout takes 2 to {MOST_DROPOUT_PASSES} passes, not {self.count}")

    @property
    def word(self) -> str:
        """In names and keys: "flip", "ten-crop", "mc-dropout-20"."""
        return f"{self.kind}-{self.count}" if self.kind == "mc-dropout" else self.kind

    @property
    def key(self) -> str:
        """What is added to the digest of the preprocessing under which the logits are kept."""
        return f"+{self.word}.{PASSES_VERSION}"

    def name(self, checkpoint: str) -> str:
        """What the column is called beside a checkpoint of that name."""
        return f"{checkpoint} + {self.word}"

    def digest(self, weights: str) -> str:
        """What the column is told by from all others, of a checkpoint with these weights."""
        return f"{weights}+{self.word}"

    def preprocessing(self, plain: Preprocessing) -> Preprocessing:
        """How an image is prepared for these passes: as for the plain checkpoint, larger for ten crops."""
        if self.kind != "ten-crop":
            return plain
        fraction = plain.crop_fraction if plain.crop_fraction < 1 else _CROP_FRACTION
        height, width = (round(side / fraction) for side in plain.size)
        return replace(plain, size=(height, width), crop_fraction=1.0)


FLIP = Passes("flip", 2)
TEN_CROP = Passes("ten-crop", 10)


def passes_of_word(word: str) -> Passes:
    """What `Passes.word` stands for. Raises ValueError for another word."""
    found = _WORD.fullmatch(word)
    if found is None or (found[1] == "mc-dropout") != (found[2] is not None):
        raise ValueError(f"{word} is not flip, ten-crop or mc-dropout-N")
    return {"flip": FLIP, "ten-crop": TEN_CROP}.get(found[1]) or Passes("mc-dropout", int(found[2]))


def split_digest(digest: str) -> tuple[str, Passes | None]:
    """The weights and the passes that `Passes.digest` was made of; None for a plain checkpoint."""
    weights, plus, word = digest.partition("+")
    return weights, passes_of_word(word) if plus else None
