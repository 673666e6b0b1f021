"""What a file of weights was found to be, and what a network would see of a film."""

from __future__ import annotations

from dataclasses import dataclass, field

from xferviewer.checkpoints.card import Preprocessing
from xferviewer.checkpoints.import_answers import Answers


@dataclass(frozen=True, slots=True)
class Candidate:
    """An architecture that a file was compared with.

    faults       tensors whose name or shape does not fit; 0: the file is of this architecture
    first_fault  a sentence about the first of them, empty where all fit
    outputs      logits of the head in the file; None for a backbone without one. Like all below, only where it fits
    head         "linear", "non-linear", …
    channels     1 or 3, of the first layer
    size         (rows, columns) that the weights were made for, as far as they or timm say
    timm         the preprocessing that timm states for the architecture; None where its channels are not the file's
    decisions    what was decided on the way, in sentences
    """

    architecture: str
    faults: int
    first_fault: str = ""
    outputs: int | None = None
    head: str = ""
    channels: int = 3
    size: tuple[int, int] = (224, 224)
    timm: Preprocessing | None = None
    decisions: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Every name and shape is the architecture's."""
        return self.faults == 0


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file of weights, looked at and not yet imported.

    container    in words
    first_name   of its tensors, by which a person may know the network that nobody else knows
    tensors      of the network that was found in the file, without what stands around and beside it
    parameters   numbers in them
    decisions    what was stripped and left out, in sentences
    beside       names of the files beside it that were read; said: what they say
    candidates   architectures that it was compared with, the best first; empty where no family is known by its names
    """

    file: str
    container: str
    size_bytes: int
    sha256: str
    tensors: int
    parameters: int
    first_name: str = ""
    decisions: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    said: Answers = field(default_factory=Answers)
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class InputPreview:
    """A film as a network would take it, and what the network says of it.

    picture        PNG in base64: channels in the network's order, size, crop and polarity, before normalisation
    minimum …      of all values after normalisation; mean and deviation too
    logits         one for each output, float32
    probabilities  of the task, float32
    preprocessing_digest  of what made it
    """

    picture: str
    size: tuple[int, int]
    channels: int
    minimum: float
    maximum: float
    mean: float
    deviation: float
    findings: tuple[str, ...]
    logits: tuple[float, ...]
    probabilities: tuple[float, ...]
    preprocessing_digest: str
