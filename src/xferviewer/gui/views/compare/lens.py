"""A magnifying glass over the films: what lies under the cursor, larger, in every pane that shows the same."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from xferviewer.gui.views.compare.pane import Pane
from xferviewer.gui.views.compare.view import CompareView

_SIDE = 200
_TIMES = 3.0


class Lenses(QObject):
    """One glass in each pane while it is switched on."""

    def __init__(self, compare: CompareView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._compare = compare
        self.is_on = False
        self.glasses: list[_Glass] = []
        compare.panes_rebuilt.connect(self._listen)
        compare.standing_changed.connect(self._look_again)
        compare.looks.changed.connect(self._look_again)
        self._listen()

    def toggle(self) -> None:
        """On or off."""
        self.is_on = not self.is_on
        self._put_away()

    @Slot()
    def _listen(self) -> None:
        self.glasses = [_Glass(pane) for pane in self._compare.panes]
        for number, pane in enumerate(self._compare.panes):
            pane.box.hovered.connect(partial(self._move, number))
            pane.box.left.connect(self._put_away)

    @Slot()
    def _put_away(self) -> None:
        for glass in self.glasses:
            glass.hide()

    @Slot()
    def _look_again(self) -> None:
        """Below the glass there is another film, or the same in another window."""
        for glass in self.glasses:
            glass.update()

    def _move(self, number: int, position: QPointF) -> None:
        if not self.is_on:
            return
        place = self._compare.standing.stored(number, position)
        for other, glass in enumerate(self.glasses):
            if place is not None and self._compare.standing.shown(other) == self._compare.standing.shown(number):
                glass.look_at(self._compare.standing.as_shown(other, place))


class _Glass(QWidget):
    """Lies over the cursor's place, and takes no mouse."""

    def __init__(self, pane: Pane) -> None:
        super().__init__(pane.surface)
        self._pane = pane
        self._place = QPointF()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(self.tr("Magnifying glass"))
        self.setFixedSize(_SIDE, _SIDE)
        self.hide()

    def look_at(self, place: QPointF) -> None:
        """Magnify what is at this place of the film as shown."""
        self._place = place
        at = self._pane.on_surface(place)
        self.move(round(at.x()) - _SIDE // 2, round(at.y()) - _SIDE // 2)
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The film alone, three times as large as around it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        wide, high = (_SIDE * pixel / _TIMES for pixel in self._pane.box.viewPixelSize())
        part = QRectF(self._place.x() - wide / 2, self._place.y() - high / 2, wide, high)
        self._pane.film.paint_part(painter, part, self.rect())
        painter.setPen(QPen(QColor("#9aa3ac"), 2))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()
