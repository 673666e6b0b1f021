"""One thing about an image that a checkpoint does not expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FlagKind = Literal[
    "constants", "not finite", "empty", "range", "clipped", "polarity", "layout", "brightness", "size", "aspect",
    "colour", "modality", "body part",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flag:
    """One thing that is not as the checkpoint expects it: what, why it is thought so, what to do."""

    kind: FlagKind
    what: str
    why: str
    todo: str

    def __str__(self) -> str:
        return f"{self.what} {self.why} {self.todo}"
