"""`calibration.json` in a checkpoint's folder: what turns its logits into calibrated probabilities, as plain data.

The file belongs to the weights and the preprocessing that it was fitted with, and says on which cases that was. Nothing
in it is ever executed; `evaluation.recalibration` makes functions of the numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from xferviewer.atomic_files import write_atomically
from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping
from xferviewer.errors import UnusableCheckpoint

if TYPE_CHECKING:
    from xferviewer.checkpoints.folder import Checkpoint

CALIBRATION = "calibration.json"
CALIBRATION_VERSION = 1


@dataclass(frozen=True, slots=True)
class FindingCalibration:
    """The recalibrator of one finding, by the name of its method and its numbers; what they were fitted to."""

    method: str
    parameters: dict[str, tuple[float, ...]]
    n_positive: int
    n_negative: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `calibration.json` holds.

    findings              by name; a finding that is absent has no calibrated probability.
    split                 the name that its user gave to the calibration cases.
    cases_sha256          of the images and labels that were used: another fit with this digest learned from the same.
    scores                what the fit was given: logits, or probabilities that were turned back into logits.
    weights_sha256, preprocessing_digest  of the checkpoint whose logits these are.
    command, time         how and when (ISO 8601, UTC) it was made.
    """

    findings: dict[str, FindingCalibration]
    split: str
    cases_sha256: str
    scores: Literal["logits", "probabilities"]
    weights_sha256: str
    preprocessing_digest: str
    time: str
    command: str | None = None
    libraries: dict[str, str] = field(default_factory=dict)
    version: int = CALIBRATION_VERSION


def read_calibration(checkpoint: Checkpoint) -> Calibration | None:
    """The calibration of a checkpoint, None where it has none.

    Raises UnusableCheckpoint for a file that is damaged, of a newer version, or of other weights or preprocessing.
    """
    try:
        content = (checkpoint.folder / CALIBRATION).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable_calibration(checkpoint, f"It could not be read: {error.strerror}.") from error
    try:
        values = json.loads(content.decode(), parse_constant=_refuse_constant)
        version = values.get("version") if isinstance(values, dict) else None
        if not isinstance(version, int):
            raise FieldError("It has no version.")
        if version > CALIBRATION_VERSION:
            raise FieldError(f"It has version {version}; this xferviewer reads up to version {CALIBRATION_VERSION}.")
        calibration = from_mapping(Calibration, values)
    except FieldError as error:
        raise unusable_calibration(checkpoint, str(error)) from error
    except ValueError as error:  # also of the decoding of UTF-8 and of JSON
        raise unusable_calibration(checkpoint, f"It is not JSON: {error}.") from error
    if calibration.weights_sha256 != checkpoint.weights_sha256:
        raise unusable_calibration(
            checkpoint,
            f"It was fitted to other weights: SHA-256 {calibration.weights_sha256[:12]}…, "
            f"the card says {checkpoint.weights_sha256[:12]}….",
        )
    if calibration.preprocessing_digest != checkpoint.preprocessing.digest:
        raise unusable_calibration(checkpoint, "It was fitted to logits of another preprocessing than the card states.")
    strangers = sorted(set(calibration.findings) - set(checkpoint.findings))
    if strangers:
        raise unusable_calibration(checkpoint, f"It speaks of {strangers[0]}, which is no finding of this checkpoint.")
    return calibration


def write_calibration(checkpoint: Checkpoint, calibration: Calibration) -> None:
    """Put the calibration into the checkpoint's folder, in place of one that is there. Raises UnusableFolder."""
    text = json.dumps(to_mapping(calibration), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(checkpoint.folder / CALIBRATION, f"{text}\n".encode())


def unusable_calibration(checkpoint: Checkpoint, why: str) -> UnusableCheckpoint:
    """The error that a calibration file cannot be used, for `why` in one sentence."""
    return UnusableCheckpoint(
        f"The calibration of {checkpoint.name} cannot be used.",
        why,
        f"Calibrate the checkpoint anew with `xferviewer calibrate`, or remove {CALIBRATION} from its folder.",
    )


def _refuse_constant(name: str) -> Any:
    raise FieldError(f"It holds {name}, which is no number.")
