"""What the training images of a checkpoint look like to its network, for its card: `xferviewer describe-inputs`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xferviewer.checkpoints import Checkpoint, Preprocessing, read_checkpoint, write_card
from xferviewer.checkpoints.card import CARD_VERSION, ExpectedHeader
from xferviewer.checkpoints.input_measures import InputMeasures
from xferviewer.checkpoints.training_inputs import FEWEST_IMAGES, TrainingInputs, summarise_inputs
from xferviewer.errors import UnusableFolder, XferviewerError
from xferviewer.networks.input_measuring import measured_input
from xferviewer.networks.preprocessing import Presentations
from xferviewer.studies.images import read_image
from xferviewer.studies.selection import select_images

MOST_IMAGES = 4000
"""So many are measured, evenly spaced: their distribution is then known to 0.03 (Kolmogorov-Smirnov, 95 %)."""

_DECODERS = 2
_RARE = 0.01  # what fewer headers than this share state is taken for a slip of whoever filed the image


@dataclass(frozen=True, slots=True)
class Described:
    """What goes to the card, and the images that could not be read, with their reasons."""

    inputs: TrainingInputs
    expects: ExpectedHeader
    failed: tuple[tuple[Path, XferviewerError], ...]


def describe_images(
    images: Sequence[tuple[Path, int]],
    preprocessing: Preprocessing,
    source: str,
    progress: Callable[[int, int], None] | None = None,
) -> Described:
    """Measure images, (path, frame) each, as `preprocessing` hands them on; at most MOST_IMAGES of them.

    source    for people: which images these are
    progress  called with images done and images to be measured

    Raises UnusableFolder where fewer than FEWEST_IMAGES can be read.
    """
    chosen = list(images)
    if len(chosen) > MOST_IMAGES:
        chosen = [chosen[place] for place in np.linspace(0, len(chosen) - 1, MOST_IMAGES).astype(int)]
    measured: dict[str, InputMeasures] = {}
    failed: list[tuple[Path, XferviewerError]] = []

    def one(image: tuple[Path, int]) -> tuple[str, InputMeasures] | XferviewerError:
        try:
            read = read_image(*image)
            return read.identity, measured_input(read, Presentations(read).of(preprocessing), preprocessing)[1]
        except XferviewerError as error:
            return error

    with ThreadPoolExecutor(_DECODERS, "decode") as pool:
        for done, ((path, _), found) in enumerate(zip(chosen, pool.map(one, chosen), strict=True), 1):
            if isinstance(found, XferviewerError):
                failed.append((path, found))
            else:
                measured[found[0]] = found[1]
            if progress is not None:
                progress(done, len(chosen))
    if len(measured) < FEWEST_IMAGES:
        raise UnusableFolder(
            f"{source} does not say what training images look like.",
            f"Only {len(measured)} different images of it can be read; {FEWEST_IMAGES} are needed.",
            "Name the images that the checkpoint was trained on.",
        )
    inputs = summarise_inputs(list(measured.values()), measured, source, preprocessing.digest)
    return Described(inputs, _expected(list(measured.values())), tuple(failed))


def describe_inputs(
    folder: Path, images: Path, progress: Callable[[int, int], None] | None = None
) -> tuple[Checkpoint, dict[str, Any]]:
    """Measure the images that a checkpoint was trained on and put that on its card; also what to say of it.

    images  folder, CSV with a path column, or catalogue (`studies.selection`)

    Raises UnusableCheckpoint, UnusableFolder, UnusableTable.
    """
    checkpoint = read_checkpoint(folder)
    selection = select_images(images)
    chosen = [(image.path, image.frame) for image in selection.images]
    found = describe_images(chosen, checkpoint.preprocessing, images.name, progress)
    written = write_described(checkpoint, found)
    return written, {
        "checkpoint": str(folder),
        "images": found.inputs.images,
        "digest": found.inputs.digest,
        "mean": found.inputs.mean,
        "deviation": found.inputs.deviation,
        "modalities": list(found.expects.modalities),
        "body_parts": list(found.expects.body_parts),
        "failed": [{"path": str(path), **error.as_dict()} for path, error in found.failed],
    }


def write_described(checkpoint: Checkpoint, found: Described) -> Checkpoint:
    """The checkpoint with that on its card; neither its weights nor its preprocessing change."""
    card = replace(checkpoint.card, training_inputs=found.inputs, expects=found.expects, card_version=CARD_VERSION)
    return write_card(checkpoint, card)


def _expected(measures: Sequence[InputMeasures]) -> ExpectedHeader:
    """What the headers of training images state; nothing where most state nothing."""

    def stated(values: list[str]) -> tuple[str, ...]:
        counts = Counter(value for value in values if value)
        if 2 * counts.total() < len(values):
            return ()
        return tuple(sorted(value for value, count in counts.items() if count >= _RARE * len(values)))

    return ExpectedHeader(
        stated([one.modality for one in measures]), stated([one.body_part.upper() for one in measures])
    )
