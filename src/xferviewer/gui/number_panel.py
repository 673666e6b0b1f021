"""A panel of numbers: it computes when somebody looks, and once for all that changed in one turn of the event loop."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, Qt, QTimer, Slot
from PySide6.QtGui import QPaintEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID


class NumberPanel(QWidget):
    """A heading that says what the numbers are of, and below it what a panel adds. `refresh` shows them anew."""

    def __init__(self, session: Session, numbers: LiveNumbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.numbers = numbers
        self.heading = QLabel()
        self.heading.setWordWrap(True)
        self.content = QVBoxLayout(self)
        self.content.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        self.content.setSpacing(2 * GRID)
        self._top = QHBoxLayout()
        self._top.addWidget(self.heading, 1)
        self.content.addLayout(self._top)
        self._stale = True
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._refresh_where_seen)
        for signal in (numbers.changed, session.finding_changed, session.panes_changed):
            signal.connect(self.refresh_soon)

    def add_beside_heading(self, widget: QWidget) -> None:
        """Put a widget into the upper right corner."""
        self._top.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)

    @Slot()
    def refresh_soon(self) -> None:
        """Something that the numbers rest on has changed."""
        self._stale = True
        self._soon.start()

    def refresh(self) -> None:
        """Show the numbers as they are now."""
        raise NotImplementedError

    @property
    def is_seen(self) -> bool:
        """Somebody can look at it. Behind another tab it counts as visible for Qt, and lies outside its window."""
        window = self.window()
        return self.isVisible() and window.rect().intersects(QRect(self.mapTo(window, QPoint()), self.size()))

    @Slot()
    def _refresh_where_seen(self) -> None:
        if self._stale and self.is_seen:
            self._stale = False
            self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Show what changed while nobody looked."""
        super().showEvent(event)
        self._soon.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A tab that comes to the front is painted, and not shown."""
        super().paintEvent(event)
        if self._stale:
            self._soon.start()
