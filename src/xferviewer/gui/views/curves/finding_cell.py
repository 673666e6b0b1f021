"""One of many small plots: the ROC curves of one finding, painted with next to no cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QWidget

from xferviewer.evaluation.roc import RocCurve
from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.gui.number_text import rate_text
from xferviewer.gui.rate_plot import PEN_STYLES
from xferviewer.gui.theme import GRID, Theme, small_font


@dataclass(frozen=True, slots=True, eq=False)
class CellCurve:
    """A checkpoint's curve, thinned, and its area over all points."""

    name: str
    style: CheckpointStyle
    curve: RocCurve
    auc: float


class FindingCell(QAbstractButton):
    """The finding, how many cases have it and have not, the curves, their areas. A click chooses the finding."""

    def __init__(self, finding: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.finding = finding
        self.counts = ""
        self.why = ""
        self.curves: tuple[CellCurve, ...] = ()
        self._theme = theme
        self._polygons: list[QPolygonF] = []
        self.setCheckable(True)
        self.setAutoExclusive(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.show_curves("", self.tr("…"), ())

    def show_curves(self, counts: str, why: str, curves: Sequence[CellCurve]) -> None:
        """Show these; without any, why there are none."""
        self.counts, self.why, self.curves = counts, why, tuple(curves)
        self._polygons = [
            QPolygonF(
                [
                    QPointF(x, 1 - y)
                    for x, y in zip(
                        each.curve.false_positive_rate.tolist(), each.curve.true_positive_rate.tolist(), strict=True
                    )
                ]
            )
            for each in self.curves
        ]
        areas = ", ".join(f"{each.name} {rate_text(each.auc)}" for each in self.curves)
        said = ". ".join(part for part in (f"{self.finding}: {counts}", f"AUC {areas}" if areas else why) if part)
        self.setAccessibleName(said)
        self.setToolTip(said)
        self.update()

    def height_of(self, width: int) -> int:
        """The height that leaves the plot square."""
        return width + self._title_height() + GRID

    def _title_height(self) -> int:
        return 2 * self.fontMetrics().height() + GRID

    def sizeHint(self) -> QSize:
        """As small as the curves can still be told apart."""
        return QSize(25 * GRID, self.height_of(25 * GRID))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Title, frame, chance, curves, areas."""
        painter, theme = QPainter(self), self._theme
        whole = self.rect().adjusted(0, 0, -1, -1)
        painter.fillRect(whole, QColor(theme.raised if self.isChecked() or self.underMouse() else theme.panel))
        if self.isChecked() or self.hasFocus():
            painter.setPen(QPen(QColor(theme.accent), 2 if self.hasFocus() else 1))
            painter.drawRect(whole)
        inner = whole.adjusted(GRID, GRID // 2, -GRID, -GRID)
        self._paint_title(painter, inner)
        side = min(inner.width(), inner.height() - self._title_height())
        square = QRect(inner.left() + (inner.width() - side) // 2, inner.bottom() - side, side, side)
        painter.setPen(QColor(theme.line))
        painter.drawRect(square)
        if self.curves:
            painter.drawLine(square.bottomLeft(), square.topRight())
            self._paint_curves(painter, square)
            self._paint_areas(painter, square)
        else:
            painter.setPen(QColor(theme.faint))
            painter.setFont(small_font())
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(square.adjusted(GRID, GRID, -GRID, -GRID), flags, self.why)

    def _paint_title(self, painter: QPainter, inner: QRect) -> None:
        line = self.fontMetrics().height()
        bold = QFont(small_font())
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(QColor(self._theme.text))
        title = painter.fontMetrics().elidedText(self.finding, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(QRect(inner.left(), inner.top(), inner.width(), line), Qt.AlignmentFlag.AlignHCenter, title)
        painter.setFont(small_font())
        painter.setPen(QColor(self._theme.faint))
        below = QRect(inner.left(), inner.top() + line, inner.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, self.counts)

    def _paint_curves(self, painter: QPainter, square: QRect) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(square.topLeft())
        painter.scale(square.width(), square.height())
        for each, polygon in zip(self.curves, self._polygons, strict=True):
            pen = QPen(QColor(each.style.colour), 1.5, PEN_STYLES[each.style.dash])
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawPolyline(polygon)
        painter.restore()

    def _paint_areas(self, painter: QPainter, square: QRect) -> None:
        """Below the diagonal, where a curve is worse than chance; as many as there is room for."""
        painter.setFont(small_font())
        line = painter.fontMetrics().height()
        room = max(int(0.6 * square.height()) // line, 1)
        shown = self.curves if len(self.curves) <= room else self.curves[: room - 1]
        texts = [(rate_text(each.auc), each.style.colour) for each in shown]
        if len(shown) < len(self.curves):
            texts.append(("…", ""))
        top = square.bottom() - GRID // 2 - line * len(texts)
        painter.setPen(QColor(self._theme.text))
        for place, (text, colour) in enumerate(texts):
            at = QRectF(square.left(), top + place * line, square.width() - GRID, line)
            painter.drawText(at, Qt.AlignmentFlag.AlignRight, text)
            if colour:
                written = painter.fontMetrics().horizontalAdvance(text)
                right, middle = round(at.right()) - written - GRID, round(at.center().y())
                painter.fillRect(QRect(right - 2 * GRID, middle - GRID, 2 * GRID, 2 * GRID), QColor(colour))
