"""What `xferviewer predict` says of inputs: flags by image and column, the cohort against the training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from xferviewer.checkpoints import Card
from xferviewer.checkpoints.input_drift import CohortInputs, cohort_inputs
from xferviewer.checkpoints.input_flag import Flag
from xferviewer.checkpoints.input_guard import flags_of
from xferviewer.engine.cohort_predictions import PredictedImage
from xferviewer.engine.columns import Ensemble, name_of
from xferviewer.engine.inference import LoadedCheckpoint
from xferviewer.engine.passes import RepeatedCheckpoint


@dataclass(frozen=True, slots=True)
class InputReport:
    """By name of the checkpoint: its images as a cohort, and the flags of each image in their order.

    members  of each column, the checkpoints behind it: itself, the one that is asked several times, an ensemble's
    """

    cohorts: Mapping[str, CohortInputs]
    flags: Mapping[str, Sequence[tuple[Flag, ...]]]
    members: Mapping[str, tuple[str, ...]]

    def kinds(self, place: int, column: str) -> str:
        """The kinds of the flags of an image's input to whatever is behind a column, for its cell in the table."""
        flags = (flag.kind for name in self.members[column] for flag in self.flags[name][place])
        return "; ".join(dict.fromkeys(flags))

    def as_dict(self, images: Sequence[PredictedImage]) -> dict[str, Any]:
        """For `--json`: "inputs" by checkpoint, and "flagged" images, each with its flags in three parts."""
        return {
            "inputs": {name: cohort.as_dict() for name, cohort in self.cohorts.items()},
            "flagged": [
                {"path": one.image.name, "checkpoint": name, "flags": [asdict(flag) for flag in flags[place]]}
                for place, one in enumerate(images)
                for name, flags in self.flags.items()
                if flags[place]
            ],
        }


def input_report(
    asked: Sequence[LoadedCheckpoint | RepeatedCheckpoint],
    ensembles: Sequence[Ensemble],
    images: Sequence[PredictedImage],
) -> InputReport:
    """Of predicted images; columns of repeated passes are judged by the input of the plain checkpoint."""
    members: dict[str, tuple[str, ...]] = {}
    cards: dict[str, Card] = {}
    for one in asked:
        checkpoint = one.loaded.checkpoint if isinstance(one, RepeatedCheckpoint) else one.checkpoint
        cards[checkpoint.name] = checkpoint.card
        members[name_of(one)] = (checkpoint.name,)
    for ensemble in ensembles:
        members[ensemble.name] = tuple(name for member in ensemble.members for name in members[member])
    cohorts, flags = {}, {}
    for name, card in cards.items():
        measured = [one.inputs[card.preprocessing.digest] for one in images]
        flags[name] = [flags_of(measures, card) for measures in measured]
        cohorts[name] = cohort_inputs({one.image.identity: m for one, m in zip(images, measured, strict=True)}, card)
    return InputReport(cohorts, flags, members)
