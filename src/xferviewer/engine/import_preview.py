"""What a network that is not imported yet sees of a film, and what it says of it."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image as Picture

from xferviewer.checkpoints.import_report import InputPreview
from xferviewer.engine.import_checkpoint import computed_logits
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.networks.preprocessing import Presentations, fit, normalise
from xferviewer.studies.images import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from xferviewer.engine.import_checkpoint import ImportedNetwork


def preview(file: Path, made: ImportedNetwork, image: Path, frame: int = 0) -> InputPreview:
    """The film as the network would take it, computed on the CPU in fp32 as `xferviewer predict` does.

    Raises UnreadableImage for the film, UnusableCheckpoint for a network that does not take images of that size.
    """
    planes = fit(Presentations(read_image(image, frame)).of(made.preprocessing), made.preprocessing)
    inputs = normalise(planes, made.preprocessing)
    logits: NDArray[np.float32] = computed_logits(file, made.network, inputs[None]).numpy()
    probabilities = scores_from_logits(logits, made.task)
    return InputPreview(
        picture=base64.b64encode(_png(planes)).decode("ascii"),
        size=made.preprocessing.size,
        channels=made.preprocessing.channels,
        minimum=float(inputs.min()),
        maximum=float(inputs.max()),
        mean=float(inputs.mean()),
        deviation=float(inputs.std(correction=0)),
        findings=made.findings,
        logits=tuple(map(float, logits[0])),
        probabilities=tuple(map(float, probabilities[0])),
        preprocessing_digest=made.preprocessing.digest,
    )


def _png(planes: Tensor) -> bytes:
    """Planes (1 or 3, rows, columns) in [0, 1] as a picture of 8 bits; the first plane is drawn red."""
    pixels = (planes.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    written = io.BytesIO()
    Picture.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1).copy()).save(written, "PNG")
    return written.getvalue()
