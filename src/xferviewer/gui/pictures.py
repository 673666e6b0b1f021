"""The panes as a picture, as they are seen, with the research notice below: to the clipboard or into a file."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtWidgets import QFileDialog, QWidget

from xferviewer import RESEARCH_NOTICE
from xferviewer.errors import UnusableFolder, XferviewerError
from xferviewer.gui.theme import GRID, small_font


class Pictures(QObject):
    """Takes pictures of a widget. Whatever is hidden on the screen is not in them."""

    told = Signal(str)
    failed = Signal(object)  # XferviewerError

    def __init__(self, films: QWidget) -> None:
        super().__init__(films)
        self._films = films

    def copy(self) -> None:
        """To the clipboard."""
        QGuiApplication.clipboard().setImage(self.picture())
        self.told.emit(self.tr("The picture is on the clipboard."))

    def save(self) -> None:
        """Into a file that is asked for."""
        chosen, _ = QFileDialog.getSaveFileName(
            self._films, self.tr("Save the panes as a picture"), "films.png", self.tr("PNG pictures (*.png)")
        )
        if not chosen:
            return
        if self.picture().save(chosen, "PNG"):  # type: ignore[call-overload]  # str is right; the stub wants bytes
            self.told.emit(self.tr("The picture is saved."))
        else:
            error: XferviewerError = UnusableFolder(
                self.tr("The picture could not be saved."),
                self.tr("The file cannot be written there."),
                self.tr("Choose a folder that you may write to."),
            )
            self.failed.emit(error)

    def picture(self) -> QImage:
        """What is seen, and the notice below it."""
        seen = self._films.grab().toImage()
        ratio = seen.devicePixelRatio()
        height = self._films.fontMetrics().height() + 2 * GRID
        picture = QImage(seen.width(), seen.height() + round(height * ratio), QImage.Format.Format_RGB32)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.black)
        painter = QPainter(picture)
        painter.drawImage(0, 0, seen)
        painter.setFont(small_font())
        painter.setPen(QColor("#d8dce0"))
        painter.drawText(2 * GRID, round(picture.height() / ratio) - 2 * GRID, RESEARCH_NOTICE)
        painter.end()
        return picture
