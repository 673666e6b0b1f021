"""Where the films stand: in the window, or in one of their own, for a second monitor."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from xferviewer import RESEARCH_NOTICE
from xferviewer.gui.theme import GRID

_SIZE = QSize(1200, 900)


class FilmPlace(QStackedWidget):
    """Holds the films, or says that they are elsewhere and brings them back.

    `window_geometry` is where their own window stood the last time; at first it fills another monitor, if there is one.
    """

    paths_dropped = Signal(object)  # list[Path]: on the window of the films

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
        self.window_geometry: QByteArray | None = None

    def toggle(self, actions: list[QAction]) -> None:
        """Move the films into a window of their own, in which these actions have their keys; or back."""
        if self.window_of_films is not None:
            self.bring_back()
            return
        self.removeWidget(self._films)
        self.window_of_films = _FilmWindow(self._films)
        self.window_of_films.closed.connect(self.bring_back)
        self.window_of_films.paths_dropped.connect(self.paths_dropped)
        self.window_of_films.addActions(actions)
        other = next((screen for screen in QGuiApplication.screens() if screen is not self.screen()), None)
        if self.window_geometry is not None:
            self.window_of_films.restoreGeometry(self.window_geometry)  # Qt keeps it on a monitor that is there
        elif other is not None:
            self.window_of_films.setGeometry(other.availableGeometry())
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
            self.window_geometry = window.saveGeometry()
            window.close()
            window.deleteLater()


class _FilmWindow(QWidget):
    """A window that holds the films until it is closed."""

    closed = Signal()
    paths_dropped = Signal(object)  # list[Path]

    def __init__(self, films: QWidget) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Films · {0}").format(RESEARCH_NOTICE))
        self.resize(_SIZE)
        self.setAcceptDrops(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(films)
        films.show()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The films go back to where they came from."""
        super().closeEvent(event)
        self.closed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """As in the window itself."""
        if dropped_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """As in the window itself."""
        event.acceptProposedAction()
        self.paths_dropped.emit(dropped_paths(event))


def dropped_paths(event: QDropEvent) -> list[Path]:
    """The files and folders that are dragged over a window, or dropped on it."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
