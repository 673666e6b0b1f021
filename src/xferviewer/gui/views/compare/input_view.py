"""Beside the film in a pane: what the checkpoint receives of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRect, Qt, Slot
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from xferviewer.gui.network_inputs import NetworkInputs, input_words, picture
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, small_font
from xferviewer.gui.views.compare.view import CompareView


class InputView(QWidget):
    """Draws a picture pixel by pixel, as large as there is room, and its words below it."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("The film as the network sees it"))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setFont(small_font())
        self.pixels: NDArray[np.uint8] | None = None
        self.words: list[str] = []

    def show_input(self, pixels: NDArray[np.uint8] | None, words: list[str]) -> None:
        """Show these pixels, or the words alone."""
        self.pixels, self.words = pixels, words
        self.setAccessibleDescription("; ".join(words))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture without smoothing: its pixels are what the network gets."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        line = painter.fontMetrics().height()
        room = self.rect().adjusted(GRID, line, -GRID, -line * (len(self.words) + 2))
        bottom = room.top()
        if self.pixels is not None and room.isValid():
            rows, columns = self.pixels.shape[:2]
            scale = min(room.width() / columns, room.height() / rows)
            size = round(columns * scale), round(rows * scale)
            place = QRect(room.center().x() - size[0] // 2, room.center().y() - size[1] // 2, *size)
            kind = QImage.Format.Format_Grayscale8 if self.pixels.ndim == 2 else QImage.Format.Format_RGB888
            painter.drawImage(place, QImage(self.pixels.data, columns, rows, self.pixels.strides[0], kind))
            bottom = place.bottom()
        painter.setPen(QColor("#d8dce0"))
        text = QRect(GRID, bottom + GRID, self.width() - 2 * GRID, line * (len(self.words) + 2))
        wrapped = Qt.TextFlag.TextWordWrap.value | Qt.AlignmentFlag.AlignHCenter.value
        painter.drawText(text, wrapped, "\n".join(self.words))
        painter.end()


class AsNetworksSee(QObject):
    """Gives every pane of the chosen image its input view while these are wanted."""

    def __init__(
        self, session: Session, compare: CompareView, inputs: NetworkInputs, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._compare = compare
        self._inputs = inputs
        inputs.changed.connect(self._show)
        session.display_changed.connect(self._show)
        compare.panes_rebuilt.connect(self._show)
        compare.standing_changed.connect(self._show)

    @Slot()
    def _show(self) -> None:
        wanted = self._session.display.inputs_visible
        for number, pane in enumerate(self._compare.panes):
            checkpoint, image = self._session.classifiers.checkpoint(pane.digest), self._compare.standing.chosen(number)
            if not wanted or checkpoint is None or image is None:
                pane.set_beside(None)
                continue
            view = pane.beside if isinstance(pane.beside, InputView) else InputView()
            pane.set_beside(view)
            message = self._inputs.of(pane.digest)
            if message is None:
                view.show_input(None, [self.tr("as the network sees it: computing …")])
                continue
            made = checkpoint.preprocessing
            words = [self.tr("as the network sees it"), *input_words(message.tensor, made, image)]
            view.show_input(picture(message.tensor, made), words)
