"""Which catalogue is open, and what was opened of late."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from xferviewer.errors import XferviewerError
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.library import Library
from xferviewer.studies.catalogue import Catalogue

_MOST_RECENT = 10
SUFFIX = ".sqlite"


class Catalogues(QObject):
    """Opens one catalogue in place of another. Predictions stay: they belong to images, not to a catalogue."""

    failed = Signal(object)  # XferviewerError
    changed = Signal()
    paths_asked = Signal(object)  # list[Path]: what was opened of late

    def __init__(self, library: Library, settings: KeptSettings, own: Path, window: QWidget, parent: QObject) -> None:
        super().__init__(parent)
        self._library = library
        self._settings = settings
        self._own = own
        self._window = window

    @Slot()
    def show_recent(self) -> None:
        """A menu of what was opened of late."""
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill(menu)
        menu.popup(self._window.mapToGlobal(QPoint(0, 0)))

    def fill(self, menu: QMenu) -> None:
        """The folders, files and catalogues that were opened of late, and the way back to one's own catalogue."""
        menu.clear()
        for place, text in enumerate(self._settings.now.recent):
            # folders are often named after patients
            name = self.tr("hidden {0}").format(place + 1) if self._settings.now.hide_identity else text
            menu.addAction(name).triggered.connect(partial(self._open_again, Path(text)))
        if not self._settings.now.recent:
            menu.addAction(self.tr("nothing yet")).setEnabled(False)
        menu.addSeparator()
        own = menu.addAction(self.tr("Own catalogue"))
        own.setEnabled(self._library.catalogue.path != self._own)
        own.triggered.connect(partial(self._open_again, self._own))
        forget = menu.addAction(self.tr("Forget these"))
        forget.setEnabled(bool(self._settings.now.recent))
        forget.triggered.connect(self._forget)

    def note(self, path: Path) -> None:
        """It was opened: put it first among those of late."""
        rest = [text for text in self._settings.now.recent if text != str(path)]
        self._settings.keep(recent=(str(path), *rest)[:_MOST_RECENT])

    @Slot()
    def ask(self) -> None:
        """Ask for a catalogue, one that is there or a new one."""
        chosen, _ = QFileDialog.getSaveFileName(
            self._window,
            self.tr("Open or make a catalogue"),
            str(self._library.catalogue.path.parent),
            self.tr("Catalogues (*{0})").format(SUFFIX),
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if chosen:
            path = Path(chosen)
            self.open(path if path.suffix else path.with_suffix(SUFFIX))

    def open(self, path: Path) -> None:
        """Show the studies of this catalogue. One that cannot be opened leaves the present one."""
        if path == self._library.catalogue.path:
            return
        try:
            catalogue = Catalogue(path)
        except XferviewerError as error:
            self.failed.emit(error)
            return
        self._library.use(catalogue)
        self._settings.keep(catalogue="" if path == self._own else str(path))
        if path != self._own:
            self.note(path)
        self.changed.emit()

    def open_kept(self) -> None:
        """The catalogue of the last time."""
        if self._settings.now.catalogue:
            self.open(Path(self._settings.now.catalogue))

    def _open_again(self, path: Path, *_checked: bool) -> None:
        if path == self._own or path.suffix == SUFFIX:
            self.open(path)
        else:
            self.paths_asked.emit([path])

    @Slot()
    def _forget(self) -> None:
        self._settings.keep(recent=())
