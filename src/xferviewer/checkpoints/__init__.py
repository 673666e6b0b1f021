"""The checkpoint folder and its card, without torch."""

from xferviewer.checkpoints.card import (
    CARD_VERSION,
    Card,
    Head,
    InitialisationStep,
    Metric,
    Preprocessing,
    TrainingData,
)
from xferviewer.checkpoints.folder import (
    Checkpoint,
    find_checkpoints,
    read_checkpoint,
    verify_digest,
    write_card,
    write_checkpoint,
)

__all__ = [
    "CARD_VERSION",
    "Card",
    "Checkpoint",
    "Head",
    "InitialisationStep",
    "Metric",
    "Preprocessing",
    "TrainingData",
    "find_checkpoints",
    "read_checkpoint",
    "verify_digest",
    "write_card",
    "write_checkpoint",
]
