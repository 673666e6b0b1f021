"""The checkpoint folder and its card, without torch."""

from xferviewer.checkpoints.calibration_file import (
    Calibration,
    FindingCalibration,
    read_calibration,
    write_calibration,
)
from xferviewer.checkpoints.card import (
    CARD_VERSION,
    Card,
    Head,
    HeadKind,
    ImportRecord,
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
    "Calibration",
    "Card",
    "Checkpoint",
    "FindingCalibration",
    "Head",
    "HeadKind",
    "ImportRecord",
    "InitialisationStep",
    "Metric",
    "Preprocessing",
    "TrainingData",
    "find_checkpoints",
    "read_calibration",
    "read_checkpoint",
    "verify_digest",
    "write_calibration",
    "write_card",
    "write_checkpoint",
]
