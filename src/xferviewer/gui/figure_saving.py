"""Figures that leave the window: to a file that the user names, or to the clipboard."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from PySide6.QtCore import QMimeData, QObject, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog, QWidget

from xferviewer.errors import XferviewerError
from xferviewer.exchange.curve_plot import CurvePlot
from xferviewer.exchange.figure_files import FIGURE_FORMATS, export_figure


class FigureSaving(QObject):
    """Asks where to, writes, and says what came of it. Figures are those of the report: on paper, not on the screen."""

    told = Signal(str, str)  # what, details
    failed = Signal(object)  # XferviewerError

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._folder = Path()

    @Slot(object)
    def save(self, plots: tuple[CurvePlot, ...]) -> None:
        """Ask for a file and write the figure, with its data as CSV beside it."""
        if not plots:
            return
        filters = {f"{ending.removeprefix('.').upper()} (*{ending})": ending for ending in FIGURE_FORMATS}
        suggested = str(self._folder / f"{_file_name(plots)}{FIGURE_FORMATS[0]}")
        chosen, chosen_filter = QFileDialog.getSaveFileName(
            self._window, self.tr("Save the figure"), suggested, ";;".join(filters)
        )
        if not chosen:
            return
        path = Path(chosen)
        if not path.suffix:
            path = path.with_name(path.name + filters.get(chosen_filter, FIGURE_FORMATS[0]))
        self._folder = path.parent
        try:
            written = self._exported(plots, path)
        except XferviewerError as error:
            self.failed.emit(error)
            return
        self.told.emit(self.tr("The figure was saved as {0}.").format(path.name), "\n".join(map(str, written)))

    @Slot(object)
    def copy(self, plots: tuple[CurvePlot, ...]) -> None:
        """Put the figure on the clipboard: as a picture, and its caption as text."""
        if not plots:
            return
        try:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "figure.png"
                self._exported(plots, path)
                picture = QImage(str(path))
        except XferviewerError as error:
            self.failed.emit(error)
            return
        caption = picture.text("Description")  # written there for whoever finds the file
        data = QMimeData()
        data.setImageData(picture)
        data.setText(caption)
        QGuiApplication.clipboard().setMimeData(data)
        self.told.emit(self.tr("The figure is on the clipboard, with its caption."), caption)

    def _exported(self, plots: tuple[CurvePlot, ...], path: Path) -> list[Path]:
        QGuiApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)  # the first one loads matplotlib
        try:
            return export_figure(plots, path)
        finally:
            QGuiApplication.restoreOverrideCursor()


def _file_name(plots: tuple[CurvePlot, ...]) -> str:
    """From the finding and the kind of plot, with nothing in it that a file system refuses."""
    what = f"{plots[0].caption.finding} " if len(plots) == 1 else ""
    return re.sub(r"\W+", "-", f"{what}{plots[0].kind}").strip("-")
