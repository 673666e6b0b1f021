"""What is opened, whatever it is: each file and folder goes to the part of the window that reads its kind."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.checkpoints import find_checkpoints
from xferviewer.errors import XferviewerError
from xferviewer.gui.catalogues import Catalogues
from xferviewer.gui.import_choices import is_weights
from xferviewer.gui.importing import Importing
from xferviewer.gui.library import IndexResult, Library
from xferviewer.gui.map_measuring import MapMeasuring
from xferviewer.gui.open_checkpoints import OpenCheckpoints
from xferviewer.gui.session import Session
from xferviewer.gui.tables import TABLE_SUFFIXES, Tables
from xferviewer.resources import resource
from xferviewer.studies.cohort_folder import has_regions
from xferviewer.studies.region_files import is_region_table


class Opening(QObject):
    """Tells images, tables, regions, checkpoints and weights from one another."""

    told = Signal(str, str, bool)  # what, details, whether it stays until it is closed
    failed = Signal(object)  # XferviewerError

    def __init__(
        self,
        session: Session,
        library: Library,
        catalogues: Catalogues,
        checkpoints: OpenCheckpoints,
        importing: Importing,
        tables: Tables,
        measuring: MapMeasuring,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._library = library
        self._catalogues = catalogues
        self._checkpoints = checkpoints
        self._importing = importing
        self._tables = tables
        self._measuring = measuring
        catalogues.paths_asked.connect(self.open)
        catalogues.changed.connect(self.show_first_study)
        library.index_finished.connect(self._index_ended)

    @Slot(object)
    def open(self, paths: list[Path]) -> None:
        """A folder or images are indexed, a table is joined, a checkpoint is compared, weights are imported."""
        for path in paths:
            self._catalogues.note(path)
            try:
                if path.is_dir() and (found := find_checkpoints(path)):
                    self._checkpoints.add(found)
                elif path.is_file() and is_region_table(path):
                    self._measuring.open_regions(path)
                elif path.is_file() and is_weights(path):
                    self._importing.open(path)
                elif path.is_file() and path.suffix.lower() in TABLE_SUFFIXES:
                    self._tables.open(path)
                else:
                    self._library.index(path)
            except XferviewerError as error:
                self.failed.emit(error)

    @Slot()
    def open_demo(self) -> None:
        """The bundled cohort, which needs no patient."""
        try:
            self._library.index(resource("demo"))
        except XferviewerError as error:
            self.failed.emit(error)

    @Slot(object)
    def open_regions(self, path: Path) -> None:
        """Boxes or masks that maps are measured against."""
        try:
            self._measuring.open_regions(path)
        except XferviewerError as error:
            self.failed.emit(error)

    @Slot(object)
    def open_predictions(self, paths: list[Path]) -> None:
        """Compare what these tables hold, whatever else they could be taken for."""
        for path in paths:
            try:
                self._tables.import_predictions(path)
            except XferviewerError as error:
                self.failed.emit(error)

    @Slot()
    def show_first_study(self) -> None:
        """Of the worklist, if it has any."""
        if self._session.studies:
            self._library.show_study(0)

    @Slot(object)
    def _index_ended(self, result: IndexResult) -> None:
        if result.why:
            self.told.emit(self.tr("The folder could not be indexed to the end."), result.why, True)
        elif result.cancelled:
            self.told.emit(self.tr("Indexing was cancelled; what was found stays in the worklist."), "", False)
        else:
            text = self.tr("1 image indexed") if result.images == 1 else self.tr("{0} images indexed")
            text = text.format(result.images)
            if result.refused:
                text += self.tr(", {0} files passed over").format(result.refused)
            details = self.tr("Menu, File, “Files that were refused” names each with its reason.")
            self.told.emit(f"{text}.", details, False)
            if has_regions(Path(result.folder)):
                self.open_regions(Path(result.folder))
        if self._session.shown is None:
            self.show_first_study()
