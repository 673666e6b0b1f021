"""Messages to the user that do not stop the work: toasts in a corner, with details and a copy button on demand."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from xferviewer.errors import XferviewerError
from xferviewer.gui.theme import GRID
from xferviewer.log import anonymous

log = logging.getLogger(__name__)

_SECONDS = 8
_MOST_SHOWN = 4
_WIDTH = 100 * GRID


@dataclass(frozen=True, slots=True)
class Offer:
    """What a message offers to do next: the words of its button, and what pressing it does."""

    text: str
    accepted: Callable[[], object]


class Toast(QFrame):
    """One message: what happened; why and what to do under Details."""

    closed = Signal()
    grown = Signal()  # details were opened or closed

    def __init__(self, what: str, details: str, lasting: bool, parent: QWidget, offer: Offer | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setFixedWidth(_WIDTH)
        self.what = what
        self.details = details
        self.lasting = lasting
        headline = QLabel(what)
        headline.setWordWrap(True)
        headline.setTextFormat(Qt.TextFormat.PlainText)
        self._details = QLabel(details)
        self._details.setObjectName("faint")
        self._details.setWordWrap(True)
        self._details.setTextFormat(Qt.TextFormat.PlainText)
        self._details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details.setVisible(lasting and bool(details))
        close = QToolButton()
        close.setText("×")
        close.setAutoRaise(True)
        close.setAccessibleName(self.tr("Close the message"))
        close.clicked.connect(self.close_now)
        top = QHBoxLayout()
        top.addWidget(headline, 1)
        top.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(3 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.addLayout(top)
        layout.addWidget(self._details)
        if offer is not None:
            layout.addWidget(self._offer_button(offer), 0, Qt.AlignmentFlag.AlignRight)
        if details:
            copy = QPushButton(self.tr("Copy details"), flat=True)
            copy.clicked.connect(self._copy)
            more = QPushButton(self.tr("Details"), flat=True)
            more.clicked.connect(self._toggle_details)
            buttons = QHBoxLayout()
            buttons.addStretch(1)
            buttons.addWidget(more)
            buttons.addWidget(copy)
            layout.addLayout(buttons)
        self._timer = QTimer(self, singleShot=True, interval=1000 * _SECONDS)
        self._timer.timeout.connect(self.close_now)
        if not lasting:
            self._timer.start()

    def _offer_button(self, offer: Offer) -> QPushButton:
        button = QPushButton(offer.text)
        button.setObjectName("offer")
        button.clicked.connect(offer.accepted)
        button.clicked.connect(self.close_now)
        return button

    @Slot()
    def close_now(self) -> None:
        """Take the message away."""
        self._timer.stop()
        self.hide()
        self.closed.emit()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(f"{self.what}\n{self.details}")

    @Slot()
    def _toggle_details(self) -> None:
        self._timer.stop()
        self._details.setVisible(not self._details.isVisible())
        self.grown.emit()


class Notifier(QObject):
    """Shows messages over a window, newest at the bottom, and keeps them all for the message list."""

    noted = Signal(str, str)  # what, details

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._toasts: list[Toast] = []
        window.installEventFilter(self)

    @Slot(object)
    def tell_error(self, error: XferviewerError) -> None:
        """Show what happened until it is closed; why and what to do are its details."""
        log.warning("told the user of %s %s", type(error).__name__, anonymous(error.what))
        self.tell(error.what, f"{error.why} {error.todo}", lasting=True)

    def tell(self, what: str, details: str = "", lasting: bool = False, *, offer: Offer | None = None) -> None:
        """Show a message. A lasting one stays until it is closed: use it for what needs an answer or lost something."""
        if self._toasts and (self._toasts[-1].what, self._toasts[-1].details) == (what, details):
            return  # the same again says nothing new
        toast = Toast(what, details, lasting, self._window, offer)
        toast.closed.connect(self._forget_closed)
        toast.grown.connect(self.layout_toasts)
        self._toasts.append(toast)
        toast.show()  # a toast that is hidden counts as closed
        if len(self._toasts) > _MOST_SHOWN:  # what passes by itself goes first
            next((old for old in self._toasts[:-1] if not old.lasting), self._toasts[0]).close_now()
        self.layout_toasts()
        self.noted.emit(what, details)

    @Slot()
    def _forget_closed(self) -> None:
        for toast in [t for t in self._toasts if t.isHidden()]:
            self._toasts.remove(toast)
            toast.deleteLater()
        self.layout_toasts()

    @Slot()
    def layout_toasts(self) -> None:
        """Stack the messages in the lower right corner."""
        bottom = self._window.height() - 20 * GRID
        for toast in reversed(self._toasts):
            toast.adjustSize()
            bottom -= toast.height() + 2 * GRID
            toast.move(self._window.width() - toast.width() - 4 * GRID, bottom)
            toast.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the messages in their corner when the window changes its size."""
        if event.type() == QEvent.Type.Resize:
            self.layout_toasts()
        return super().eventFilter(watched, event)
