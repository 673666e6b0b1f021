"""What checkpoints receive of the shown image: their very tensors as pictures, with range and polarity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.checkpoints import Preprocessing
from xferviewer.gui.session import Session
from xferviewer.protocol import NetworkInput
from xferviewer.studies.image import Image


class NetworkInputs(QObject):
    """The inputs of the shown image, by digest of the checkpoint, while they are wanted."""

    changed = Signal()
    asked = Signal()  # the inputs of the shown image are wanted and not here

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._inputs: dict[str, NetworkInput] = {}
        session.image_changed.connect(self._forget)
        session.checkpoints_changed.connect(self._forget)
        session.display_changed.connect(self._show_wanted)

    def of(self, digest: str) -> NetworkInput | None:
        """What a checkpoint receives of the shown image; None until it is known."""
        return self._inputs.get(digest)

    @Slot(object)
    def take_in(self, message: NetworkInput) -> None:
        """An engine has told."""
        shown = self._session.shown
        if shown is not None and message.identity == shown.reference.identity:
            self._inputs[message.checkpoint] = message
            self.changed.emit()

    @Slot()
    def _forget(self) -> None:
        self._inputs.clear()
        self.changed.emit()

    @Slot()
    def _show_wanted(self) -> None:
        """Asked for once it is wanted; images that are shown from then on bring theirs with their maps."""
        if self._session.display.inputs_visible and self._session.shown is not None and not self._inputs:
            self.asked.emit()


def picture(tensor: NDArray[np.float32], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The tensor (channels, rows, columns) without its normalisation: uint8 (rows, columns) or (rows, columns, 3).

    Polarity stays as the network gets it, and the first channel is drawn red. Rounded to 256 steps, nothing else.
    """
    mean, std = (np.array(each, np.float32)[:, None, None] for each in (preprocessing.mean, preprocessing.std))
    planes = np.rint(np.clip(tensor * std + mean, 0, 1) * 255).astype(np.uint8)
    return planes[0] if len(planes) == 1 else np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def input_words(tensor: NDArray[np.float32], preprocessing: Preprocessing, image: Image) -> list[str]:
    """Size and order of channels, range of the values, and whose bright is bright, a line each."""
    channels, rows, columns = tensor.shape
    polarity = "bright as on the screen" if preprocessing.polarity == "as shown" else "bright and dark exchanged"
    stored = "; the file stores it inverted, which is undone" if image.inverted else ""
    lines = [
        f"{rows} × {columns} × {channels}, {preprocessing.channel_order}",
        f"values {tensor.min():.3f} to {tensor.max():.3f}, mean {tensor.mean():.3f}",
        f"{polarity}{stored}",
    ]
    if not image.is_colour:
        low, high = preprocessing.window_range or (0.0, 0.0)
        lines.append(
            {
                "default": "in the file's own window, not in yours",
                "full range": "in the file's own window, or from 0 to the highest possible value",
                "range": f"in the window from {low:g} to {high:g}, not in yours",
                "percentiles": f"in the window from percentile {low:g} to {high:g} of its values, not in yours",
            }[preprocessing.window]
        )
    return lines
