"""Asks which files and folders: one dialog for each kind of thing that can be opened or written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget


class FileChoosing(QObject):
    """Says what was chosen; a dialog that is closed says nothing."""

    paths_chosen = Signal(object)  # list[Path]: folders, images, label tables or checkpoint folders
    predictions_chosen = Signal(object)  # list[Path]: tables
    regions_chosen = Signal(object)  # Path: a table of boxes
    evaluation_chosen = Signal(object)  # Path: the folder to write an evaluation into
    training_images_chosen = Signal(object)  # Path: a folder with those of the active checkpoint

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for each action."""
        return {
            "open_folder": self._ask_folder,
            "open_files": self._ask_images,
            "open_labels": self._ask_labels,
            "open_predictions": self.ask_predictions,
            "open_regions": self._ask_regions,
            "add_checkpoint": self.ask_checkpoint,
            "describe_inputs": self.ask_training_images,
            "export_evaluation": self.ask_evaluation_folder,
        }

    @Slot()
    def ask_predictions(self) -> None:
        """Ask for tables of predictions made elsewhere."""
        tables = self.tr("Tables (*.csv *.tsv *.txt *.parquet *.pq);;All files (*)")
        chosen, _ = QFileDialog.getOpenFileNames(self._window, self.tr("Open predictions"), filter=tables)
        if chosen:
            self.predictions_chosen.emit([Path(path) for path in chosen])

    @Slot()
    def ask_checkpoint(self) -> None:
        """Ask for a checkpoint folder."""
        folder = self._folder(self.tr("Add a checkpoint folder"))
        if folder is not None:
            self.paths_chosen.emit([folder])

    @Slot()
    def ask_training_images(self) -> None:
        """Ask for the images that the active checkpoint was trained on."""
        folder = self._folder(self.tr("Images that the active checkpoint was trained on"))
        if folder is not None:
            self.training_images_chosen.emit(folder)

    @Slot()
    def ask_evaluation_folder(self) -> None:
        """Ask for the folder that the evaluation is written into."""
        folder = self._folder(self.tr("Write the evaluation into a folder"))
        if folder is not None:
            self.evaluation_chosen.emit(folder)

    def _ask_folder(self) -> None:
        folder = self._folder(self.tr("Open a folder of images"))
        if folder is not None:
            self.paths_chosen.emit([folder])

    def _ask_images(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self._window, self.tr("Open images"))
        if chosen:
            self.paths_chosen.emit([Path(path) for path in chosen])

    def _ask_labels(self) -> None:
        table = self._file(self.tr("Open a label table"), self.tr("Tables (*.csv *.tsv *.txt);;All files (*)"))
        if table is not None:
            self.paths_chosen.emit([table])

    def _ask_regions(self) -> None:
        table = self._file(self.tr("Open a table of boxes"), self.tr("Tables (*.csv);;All files (*)"))
        if table is not None:
            self.regions_chosen.emit(table)

    def _folder(self, title: str) -> Path | None:
        chosen = QFileDialog.getExistingDirectory(self._window, title)
        return Path(chosen) if chosen else None

    def _file(self, title: str, kinds: str) -> Path | None:
        chosen, _ = QFileDialog.getOpenFileName(self._window, title, filter=kinds)
        return Path(chosen) if chosen else None
