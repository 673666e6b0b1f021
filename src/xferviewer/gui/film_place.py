"""Where the films stand: in the window, or in one of their own, for a second monitor."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent
from PySide6.QtWidgets import QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from xferviewer.gui.theme import GRID

_SIZE = QSize(1200, 900)


class FilmPlace(QStackedWidget):
    """Holds the films, or says that they are elsewhere and brings them back."""

    def __init__(self, films: QWidget) -> None:
        super().__init__()
        self._films = films
        self._elsewhere = QWidget()
        layout = QVBoxLayout(self._elsewhere)
        layout.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.setSpacing(2 * GRID)
        layout.addWidget(QLabel(self.tr("The films are in a window of their own.")))
        self.back = QPushButton(self.tr("Bring them back"))
        self.back.setAccessibleName(self.tr("Bring the films back into this window"))
        self.back.clicked.connect(self.bring_back)
        layout.addWidget(self.back)
        self.addWidget(films)
        self.addWidget(self._elsewhere)
        self.window_of_films: _FilmWindow | None = None

    def toggle(self, actions: list[QAction]) -> None:
        """Move the films into a window of their own, in which these actions have their keys; or back."""
        if self.window_of_films is not None:
            self.bring_back()
            return
        self.removeWidget(self._films)
        self.window_of_films = _FilmWindow(self._films)
        self.window_of_films.closed.connect(self.bring_back)
        self.window_of_films.addActions(actions)
        self.window_of_films.show()

    @Slot()
    def bring_back(self) -> None:
        """Films stand in this window again."""
        window, self.window_of_films = self.window_of_films, None
        if window is not None:
            self.insertWidget(0, self._films)
            self.setCurrentIndex(0)
            self._films.show()
            window.closed.disconnect(self.bring_back)
            window.close()
            window.deleteLater()


class _FilmWindow(QWidget):
    """A window that holds the films until it is closed."""

    closed = Signal()

    def __init__(self, films: QWidget) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Films"))
        self.resize(_SIZE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(films)
        films.show()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The films go back to where they came from."""
        super().closeEvent(event)
        self.closed.emit()
