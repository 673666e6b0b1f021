"""Measurements drawn on the film: lines that are equally wide at every zoom, words that stay upright."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem, QStyleOptionGraphicsItem, QWidget

from xferviewer.gui.theme import GRID, small_font
from xferviewer.studies.film_notes import Measurement

_LINE, _GROUND = QColor("#ffd75f"), QColor(0, 0, 0, 170)


class MeasurementItem(QGraphicsItem):
    """One measurement, in pixels of the film as stored, with its words at its last point."""

    def __init__(self, measurement: Measurement, words: str, parent: QGraphicsItem) -> None:
        super().__init__(parent)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemHasNoContents)
        self.setZValue(3)
        self.words = words
        path = _path(measurement)
        for colour, width in ((QColor("black"), 3.0), (_LINE, 1.5)):
            line = QGraphicsPathItem(path, self)
            pen = QPen(colour, width)
            pen.setCosmetic(True)
            line.setPen(pen)
        for point in measurement.points:
            _Grip(self).setPos(QPointF(*point))
        self.end = QPointF(*measurement.points[-1])
        self._label = _Words(words, self)
        self._label.setPos(self.end)

    def keep_words_in(self, room: QRectF, end: QPointF) -> None:
        """Let the words stand inside the pane, whose pixels `room` and the last point `end` are given in."""
        self._label.stand_in(room.translated(-end))

    def words_area(self) -> QRectF:
        """Where the words stand, in pixels of the screen from the last point."""
        return self._label.boundingRect()

    def boundingRect(self) -> QRectF:
        """Its parts have their own."""
        return QRectF()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Nothing: its parts are painted."""


class _Grip(QGraphicsItem):
    """A small square where a point can be taken hold of, equally large at every zoom."""

    def __init__(self, parent: QGraphicsItem) -> None:
        super().__init__(parent)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)

    def boundingRect(self) -> QRectF:
        """In pixels of the screen."""
        return QRectF(-3, -3, 6, 6)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Light, with a dark edge."""
        painter.setPen(QColor("black"))
        painter.setBrush(_LINE)
        painter.drawRect(QRectF(-2.5, -2.5, 5, 5))


class _Words(QGraphicsItem):
    """Lines of text at a place of the film, neither turned nor zoomed with it."""

    def __init__(self, words: str, parent: QGraphicsItem) -> None:
        super().__init__(parent)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
        self._words = words
        self._font = small_font()
        text = QFontMetricsF(self._font).boundingRect(QRectF(0, 0, 600, 400), 0, words)
        self._bounds = QRectF(2 * GRID, GRID, text.width() + 2 * GRID, text.height())

    def stand_in(self, room: QRectF) -> None:
        """Right below the point, or as near to that as there is room; a point that is out of view takes them along."""
        bounds = QRectF(QPointF(2 * GRID, GRID), self._bounds.size())
        if room.contains(QPointF(0, 0)):
            bounds.moveLeft(max(min(bounds.left(), room.right() - bounds.width()), room.left()))
            bounds.moveTop(max(min(bounds.top(), room.bottom() - bounds.height()), room.top()))
        if bounds != self._bounds:
            self.prepareGeometryChange()
            self._bounds = bounds

    def boundingRect(self) -> QRectF:
        """In pixels of the screen."""
        return self._bounds

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """The words on a ground on which they can be read."""
        painter.setFont(self._font)
        painter.fillRect(self._bounds, _GROUND)
        painter.setPen(_LINE)
        painter.drawText(self._bounds.adjusted(GRID, 0, 0, 0), Qt.AlignmentFlag.AlignLeft, self._words)


def _path(measurement: Measurement) -> QPainterPath:
    points = [QPointF(x, y) for x, y in measurement.points]
    path = QPainterPath()
    if measurement.kind == "ellipse":
        path.addEllipse(QRectF(points[0], points[1]).normalized())
    else:
        path.moveTo(points[0])
        for point in points[1:]:
            path.lineTo(point)
    return path
