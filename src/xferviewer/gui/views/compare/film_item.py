"""The film in a pane, drawn at the size of the screen from what `FilmRaster` makes of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.turn import Turn
from xferviewer.studies.voi import Window


class FilmItem(QGraphicsItem):
    """Lies in the pixels of the film as shown: turned, its upper left corner at the origin."""

    def __init__(self) -> None:
        super().__init__()
        self._raster: FilmRaster | None = None
        self._window: Window | None = None
        self._inverted = False
        self._turn = Turn()

    def show_film(self, raster: FilmRaster | None, window: Window | None, turn: Turn, *, inverted: bool) -> None:
        """Draw this film in this window, or nothing."""
        new = (raster, window, inverted, turn)
        if new != (self._raster, self._window, self._inverted, self._turn):
            if raster is not self._raster or turn != self._turn:
                self.prepareGeometryChange()
            self._raster, self._window, self._inverted, self._turn = new
            self.update()

    @property
    def image(self) -> NDArray[np.uint8] | None:
        """The whole film as it would be drawn pixel for pixel, as stored: uint8 (rows, columns) or with 3 colours."""
        if self._raster is None:
            return None
        rows, columns = self._raster.image.pixels.shape[:2]
        place = (0.0, 0.0, float(columns), float(rows))
        return self._raster.on_screen(place, rows, columns, self._window, inverted=self._inverted)

    def boundingRect(self) -> QRectF:
        """The film as shown, in its pixels."""
        if self._raster is None:
            return QRectF()
        rows, columns = self._turn.size(*self._raster.image.pixels.shape[:2])
        return QRectF(0, 0, columns, rows)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the part in view, a pixel of the screen at a time: nothing is scaled by the painter."""
        if self._raster is None:
            return
        to_screen = painter.worldTransform()
        on_screen = to_screen.mapRect(self.boundingRect())
        limit = QRectF(widget.rect() if widget is not None else painter.viewport())
        ratio = painter.device().devicePixelRatio()
        drawn = on_screen.intersected(limit)
        left, top = math.floor(drawn.left() * ratio), math.floor(drawn.top() * ratio)
        columns, rows = math.ceil(drawn.right() * ratio) - left, math.ceil(drawn.bottom() * ratio) - top
        if columns < 1 or rows < 1:
            return
        back, _ = to_screen.inverted()
        part = back.mapRect(QRectF(left / ratio, top / ratio, columns / ratio, rows / ratio))
        pixels = self._pixels(self._raster, part, rows, columns)
        picture = _picture(pixels)
        picture.setDevicePixelRatio(ratio)
        painter.save()
        painter.resetTransform()
        painter.setClipRect(on_screen)
        painter.drawImage(QPointF(left / ratio, top / ratio), picture)
        painter.restore()

    def paint_part(self, painter: QPainter, part: QRectF, target: QRect) -> None:
        """Draw a part of the film as shown, in its pixels, on these pixels of a widget; nothing beyond its edges."""
        inside = part.intersected(self.boundingRect())
        if self._raster is None or inside.isEmpty():
            return
        across, down = target.width() / part.width(), target.height() / part.height()  # pixels need not be square
        drawn = QRectF(
            target.left() + (inside.left() - part.left()) * across,
            target.top() + (inside.top() - part.top()) * down,
            inside.width() * across,
            inside.height() * down,
        ).toRect()
        if not drawn.isEmpty():
            painter.drawImage(drawn, _picture(self._pixels(self._raster, inside, drawn.height(), drawn.width())))

    def _pixels(self, raster: FilmRaster, part: QRectF, rows: int, columns: int) -> NDArray[np.uint8]:
        """What is drawn of a part of the film as shown on so many pixels."""
        height, width = raster.image.pixels.shape[:2]
        to_stored, _ = self._turn.transform(height, width).inverted()
        stored = to_stored.mapRect(part)
        stored_rows, stored_columns = self._turn.size(rows, columns)
        place = (stored.left(), stored.top(), stored.right(), stored.bottom())
        drawn = raster.on_screen(place, stored_rows, stored_columns, self._window, inverted=self._inverted)
        return self._turn.of(drawn)


def _picture(pixels: NDArray[np.uint8]) -> QImage:
    """Qt's view of these pixels; it holds the array for as long as it lives."""
    rows, columns = pixels.shape[:2]
    pixels = np.ascontiguousarray(pixels)
    kind = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    return QImage(pixels.data, columns, rows, pixels.strides[0], kind)
