"""The colour bar beside a map: what its colours mean, drawn in every pane that shows a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from xferviewer.gui.theme import GRID, small_font

_BAR = 3 * GRID
_GROUND = QColor(0, 0, 0, 170)  # as below the words in the corners: a film may be white here


@dataclass(frozen=True, slots=True, eq=False)
class BarScale:
    """What the bar shows: colours (n, 3) uint8 from its lower to its upper end, what the ends stand for, the marks."""

    colours: NDArray[np.uint8]
    top: str
    bottom: str = "0"
    marks: tuple[float, ...] = ()  # heights from 0 to 1: the cut-off


class ColourBar(QWidget):
    """A vertical bar with the cut-off marked; its words say what its ends mean."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(self.tr("Colour bar of the saliency map"))
        self.setFont(small_font())
        self._scale: BarScale | None = None

    def set_scale(self, scale: BarScale) -> None:
        """Draw this scale."""
        self._scale = scale
        self.setAccessibleDescription(f"{scale.bottom} … {scale.top}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar at the right edge, its words above and below it."""
        if self._scale is None:
            return
        painter = QPainter(self)
        text = painter.fontMetrics()
        bar = QRect(self.width() - _BAR, text.height(), _BAR, self.height() - 2 * text.height())
        table = np.ascontiguousarray(self._scale.colours[::-1])
        image = QImage(table.data, 1, len(table), 3, QImage.Format.Format_RGB888)
        painter.drawImage(bar, image)
        painter.setPen(QColor("#9aa3ac"))
        painter.drawRect(bar)
        for mark in self._scale.marks:
            cut = bar.bottom() - round(mark * bar.height())
            painter.drawLine(bar.left() - GRID, cut, bar.right(), cut)
        painter.setPen(QColor("#d8dce0"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for words, top in ((self._scale.top, 0), (self._scale.bottom, bar.bottom() + 1)):
            place = painter.boundingRect(QRect(0, top, self.width(), text.height()), right, words)
            painter.fillRect(place, _GROUND)
            painter.drawText(place, right, words)
        painter.end()
