"""The colour bar beside a map: what its colours mean, drawn in every pane that shows a map."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from xferviewer.gui.colour_maps import colours
from xferviewer.gui.theme import GRID, small_font

_BAR = 3 * GRID


class ColourBar(QWidget):
    """A vertical bar from 0 to 1 with the cut-off marked; its words say whose maximum 1 is."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(self.tr("Colour bar of the saliency map"))
        self.setFont(small_font())
        self._map = "inferno"
        self._cut_off = 0.0
        self._top = ""

    def set_scale(self, colour_map: str, cut_off: float, top: str) -> None:
        """Draw this colour map; `top` says what the upper end stands for."""
        self._map, self._cut_off, self._top = colour_map, cut_off, top
        self.setAccessibleDescription(top)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar at the right edge, its numbers left of it."""
        painter = QPainter(self)
        text = painter.fontMetrics()
        bar = QRect(self.width() - _BAR, text.height(), _BAR, self.height() - 2 * text.height())
        table = np.ascontiguousarray(colours(self._map)[::-1])
        image = QImage(table.data, 1, 256, 3, QImage.Format.Format_RGB888)
        painter.drawImage(bar, image)
        painter.setPen(QColor("#9aa3ac"))
        painter.drawRect(bar)
        cut = bar.bottom() - round(self._cut_off * bar.height())
        painter.drawLine(bar.left() - GRID, cut, bar.right(), cut)
        painter.setPen(QColor("#d8dce0"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRect(0, 0, self.width(), text.height()), right, self._top)
        painter.drawText(QRect(0, bar.bottom(), self.width(), text.height()), right, "0")
        painter.end()
