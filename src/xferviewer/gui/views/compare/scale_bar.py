"""How long a centimetre is on the screen, for films whose file says it."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from xferviewer.gui.theme import GRID, small_font
from xferviewer.studies.film_lengths import Calibration, round_length

_WIDEST = 160
_NARROWEST = 30
_GROUND = QColor(0, 0, 0, 170)
_LINE = QColor("#d8dce0")


class ScaleBar(QWidget):
    """A line with its length and where that holds; nothing where the file does not say how large its pixels are."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(self.tr("Scale bar"))
        self.setFont(small_font())
        self.words = ""
        self.line = 0.0
        self.hide()

    def measure(self, calibration: Calibration, film_pixels: float, *, turned: bool) -> None:
        """Let the line be round; a pixel of the screen is so many pixels of the film. `turned`: rows run across."""
        millimetres = film_pixels * (calibration.row if turned else calibration.column)
        if calibration.unit != "mm" or millimetres <= 0:
            self.words, self.line = "", 0.0
        else:
            length, words = round_length(_WIDEST * millimetres)
            self.words, self.line = f"{words} {calibration.source}".strip(), length / millimetres
        self.setAccessibleDescription(self.words)
        text = self.fontMetrics()
        width = max(text.horizontalAdvance(self.words), round(self.line)) + 2 * GRID
        self.setFixedSize(width, text.height() + 3 * GRID)
        self.update()

    def is_needed(self) -> bool:
        """There is something to show."""
        return self.line >= _NARROWEST

    def paintEvent(self, event: QPaintEvent) -> None:
        """The line with its ends, its words above it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), _GROUND)
        painter.setPen(_LINE)
        text = painter.fontMetrics()
        painter.drawText(QRect(GRID, 0, self.width(), text.height()), Qt.AlignmentFlag.AlignLeft, self.words)
        y = self.height() - GRID
        right = GRID + round(self.line)
        painter.drawLine(GRID, y, right, y)
        for x in (GRID, right):
            painter.drawLine(x, y - GRID, x, y + 2)
        painter.end()
