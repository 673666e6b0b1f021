"""A line around what has the keyboard: the style draws next to nothing there that could be seen on dark or on light."""

from __future__ import annotations

from collections.abc import Iterator

import shiboken6
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QApplication, QWidget

_WIDTH = 2
_MOVES = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide)


class _Line(QWidget):
    """The line itself, above everything else in its window; the mouse does not feel it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoChildEventsForParent)  # no splitter takes it for a part
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        """In the accent colour."""
        painter = QPainter(self)
        pen = QPen(self.palette().color(QPalette.ColorRole.Highlight), _WIDTH)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        half = _WIDTH // 2
        painter.drawRect(self.rect().adjusted(half, half, -half, -half))
        painter.end()


class FocusOutline(QObject):
    """Follows the focus through all windows of the application."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._line: _Line | None = None
        self._watched: list[QWidget] = []
        QApplication.instance().focusChanged.connect(self._follow)  # type: ignore[union-attr]

    @Slot(QWidget, QWidget)
    def _follow(self, _before: QWidget | None, now: QWidget | None) -> None:
        for widget in self._watched:
            if shiboken6.isValid(widget):
                widget.removeEventFilter(self)
        self._watched = []
        line, self._line = self._line, None
        if line is not None and shiboken6.isValid(line):
            line.hide()
            line.deleteLater()
        if now is None or now.isWindow() or now.window().windowType() == Qt.WindowType.Popup:
            return
        self._watched = [now, *_ancestors(now)]  # where one of them is moved or scrolled, it is elsewhere
        for widget in self._watched:
            widget.installEventFilter(self)
        self._line = _Line(now.window())
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Go where it goes."""
        if event.type() in _MOVES:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        line = self._line
        if line is None or not shiboken6.isValid(line) or not all(map(shiboken6.isValid, self._watched)):
            return
        now, window = self._watched[0], self._watched[-1]
        area = QRect(now.mapTo(window, QPoint()), now.size()).adjusted(-1, -1, 1, 1)
        for up in self._watched[1:]:
            area &= QRect(up.mapTo(window, QPoint()), up.size())
        if area != line.geometry():
            line.setGeometry(area)
        if now.isVisible() and not area.isEmpty():
            line.show()
            line.raise_()
        else:
            line.hide()


def _ancestors(widget: QWidget) -> Iterator[QWidget]:
    """Up to its window, which comes last."""
    while not widget.isWindow() and (parent := widget.parentWidget()) is not None:
        yield parent
        widget = parent
