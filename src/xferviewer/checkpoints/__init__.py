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
from xferviewer.checkpoints.passes import (
    FLIP,
    MOST_DROPOUT_PASSES,
    TEN_CROP,
    Passes,
    PassKind,
    passes_of_word,
    split_digest,
)
from xferviewer.checkpoints.seen_images import (
    SeenImages,
    image_mark,
    read_seen_images,
    seen_images,
    write_seen_images,
)

__all__ = [
    "CARD_VERSION",
    "FLIP",
    "MOST_DROPOUT_PASSES",
    "TEN_CROP",
    "Calibration",
    "Card",
    "Checkpoint",
    "FindingCalibration",
    "Head",
    "HeadKind",
    "ImportRecord",
    "InitialisationStep",
    "Metric",
    "PassKind",
    "Passes",
    "Preprocessing",
    "SeenImages",
    "TrainingData",
    "find_checkpoints",
    "image_mark",
    "passes_of_word",
    "read_calibration",
    "read_checkpoint",
    "read_seen_images",
    "seen_images",
    "split_digest",
    "verify_digest",
    "write_calibration",
    "write_card",
    "write_checkpoint",
    "write_seen_images",
]
