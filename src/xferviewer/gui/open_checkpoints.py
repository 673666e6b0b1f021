"""The checkpoints that are compared: opened in the engine, calibrated, remembered for the next start."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.checkpoints import Checkpoint, SeenImages, read_calibration, read_checkpoint, read_seen_images
from xferviewer.errors import CannotStart, XferviewerError
from xferviewer.evaluation.recalibration import RecalibrationMethod, Recalibrator, recalibrators_of
from xferviewer.gui.calibrating import calibrate_on
from xferviewer.gui.columns import Column, column_words, columns_of_words
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.session import Session
from xferviewer.resources import bundled_checkpoints

log = logging.getLogger(__name__)


class OpenCheckpoints(QObject):
    """What becomes of a folder that is added, removed, calibrated or found again at the next start."""

    told = Signal(str, str, bool)  # what, details, whether it stays until it is closed
    failed = Signal(object)  # XferviewerError

    def __init__(self, session: Session, engine: EngineClient, kept: KeptSettings, parent: QObject | None) -> None:
        super().__init__(parent)
        self._session = session
        self._engine = engine
        self._kept = kept

    def open_kept(self) -> None:
        """Those of the last time with their columns, else those that came with the application."""
        kept = self._kept.now
        self.open([Path(folder) for folder in kept.checkpoints] or self._bundled())
        self._session.set_columns(columns_of_words(kept.columns, self._session.classifiers.checkpoints))

    def open(self, folders: list[Path]) -> None:
        """Compare the checkpoints in these folders; one that cannot be used is named and left out."""
        checkpoints: dict[str, Checkpoint] = {}
        for folder in folders:
            try:
                checkpoint = read_checkpoint(folder)
            except XferviewerError as error:
                self.failed.emit(error)
                continue
            checkpoints.setdefault(checkpoint.weights_sha256, checkpoint)
        chosen = [str(checkpoint.folder) for checkpoint in checkpoints.values()]
        self._engine.open_checkpoints(chosen, self._kept.now.device, self._kept.now.precision)
        self._session.set_recalibrators(self._recalibrators(checkpoints.values()))
        self._session.set_seen_images(self._seen_images(checkpoints.values()))
        self._session.set_checkpoints(checkpoints.values())

    def open_again(self) -> None:
        """The same ones, with what their cards and the settings say now."""
        self.open([checkpoint.folder for checkpoint in self._session.classifiers.checkpoints])

    def add(self, folders: list[Path]) -> None:
        """Compare these too, and remember them."""
        self.open([checkpoint.folder for checkpoint in self._session.classifiers.checkpoints] + folders)
        self._keep()

    @Slot(str)
    def remove(self, digest: str) -> None:
        """Compare a checkpoint, a column or an imported table no more."""
        columns = [each for each in self._session.classifiers.columns if each.digest != digest]
        if len(columns) < len(self._session.classifiers.columns):
            self._session.set_columns(columns)
            self._keep()
            return
        kept = [each for each in self._session.classifiers.imported if each.digest != digest]
        if len(kept) < len(self._session.classifiers.imported):
            self._session.set_imported(kept)
            return
        self.open([c.folder for c in self._session.classifiers.checkpoints if c.weights_sha256 != digest])
        self._keep()

    @Slot(object)
    def add_imported(self, result: dict[str, Any]) -> None:
        """Compare a checkpoint that was just imported, unless its weights are compared already."""
        same = self._session.classifiers.checkpoint(result["weights_sha256"])
        if same is not None:
            self.told.emit(
                self.tr("{0} is imported and not compared yet.").format(result["name"]),
                self.tr("Its weights are those of {0}: remove that one, then add the folder {1}.").format(
                    same.name, result["checkpoint"]
                ),
                True,
            )
            return
        self.add([Path(result["checkpoint"])])
        self.told.emit(self.tr("{0} is imported.").format(result["name"]), " ".join(result["decisions"]), False)

    @Slot(object)
    def add_columns(self, columns: tuple[Column, ...]) -> None:
        """Compare these means too, and remember them."""
        self._session.set_columns((*self._session.classifiers.columns, *columns))
        self._keep()

    @Slot(str, str, str)
    def calibrate(self, digest: str, method: RecalibrationMethod, split: str) -> None:
        """Fit calibrated probabilities of a checkpoint to the cases that are shown, and keep them with it."""
        checkpoint = self._session.classifiers.checkpoint(digest)
        if checkpoint is None:
            return
        try:
            told = calibrate_on(self._session, checkpoint, method, split)
            self._session.set_recalibrators(self._recalibrators(self._session.classifiers.checkpoints))
            self._session.set_comparison(replace(self._session.comparison, calibrated=True))
            self._session.classifiers_changed.emit()
        except XferviewerError as error:
            self.failed.emit(error)
        else:
            headline = self.tr("{0} has calibrated probabilities now, fitted on {1}.").format(checkpoint.name, split)
            self.told.emit(headline, told, False)

    def _recalibrators(self, checkpoints: Iterable[Checkpoint]) -> dict[str, tuple[Recalibrator | None, ...]]:
        """Of the checkpoints that have a calibration; one that cannot be used is named, and its checkpoint stays."""
        found = {}
        for checkpoint in checkpoints:
            try:
                calibration = read_calibration(checkpoint)
                if calibration is not None:
                    found[checkpoint.digest] = recalibrators_of(checkpoint, calibration)
            except XferviewerError as error:
                self.failed.emit(error)
        return found

    def _seen_images(self, checkpoints: Iterable[Checkpoint]) -> dict[str, SeenImages]:
        """What checkpoints say of the images that they learned from."""
        found = {}
        for checkpoint in checkpoints:
            try:
                seen = read_seen_images(checkpoint)
            except XferviewerError as error:
                self.failed.emit(error)
            else:
                found.update({checkpoint.digest: seen} if seen is not None else {})
        return found

    def _bundled(self) -> list[Path]:
        """The checkpoints that came with the application; an installation without them works with others."""
        try:
            return bundled_checkpoints()
        except CannotStart as error:
            log.warning("%s", error.what)
            return []

    def _keep(self) -> None:
        bundled = set(self._bundled())
        folders = [checkpoint.folder for checkpoint in self._session.classifiers.checkpoints]
        same = set(folders) == bundled
        columns = tuple(words for column in self._session.classifiers.columns if (words := column_words(column)))
        self._kept.keep(checkpoints=() if same else tuple(map(str, folders)), columns=columns)
