"""Puts the application together: every object is made here, by hand, and given what it needs."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QLockFile, QObject, Qt, QTimer, QtMsgType, Slot, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from xferviewer import protocol, settings
from xferviewer.checkpoints import (
    Checkpoint,
    SeenImages,
    find_checkpoints,
    read_calibration,
    read_checkpoint,
    read_seen_images,
)
from xferviewer.checkpoints.vocabulary import Vocabulary, own_equalities
from xferviewer.errors import CannotStart, XferviewerError
from xferviewer.evaluation.predictions import PredictionStore
from xferviewer.evaluation.recalibration import RecalibrationMethod, Recalibrator, recalibrators_of
from xferviewer.evaluation.run_progress import RunProgress
from xferviewer.gui import device_words, dialogs, theme
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.calibrating import calibrate_on
from xferviewer.gui.columns import Column, column_words, columns_of_words
from xferviewer.gui.describing import Describing
from xferviewer.gui.display import Display
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.evaluating import Evaluating
from xferviewer.gui.films import FilmShelf
from xferviewer.gui.import_choices import is_weights
from xferviewer.gui.importing import Importing
from xferviewer.gui.library import IndexResult, Library
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.main_window import MainWindow
from xferviewer.gui.map_measuring import MapMeasuring
from xferviewer.gui.measuring import Measuring
from xferviewer.gui.predicting import Predicting
from xferviewer.gui.session import Session
from xferviewer.gui.tables import TABLE_SUFFIXES, Tables
from xferviewer.gui.thumbnails import Thumbnails
from xferviewer.log import anonymous, start_logging
from xferviewer.resources import bundled_checkpoints, resource
from xferviewer.saliency_methods import MapChoice, Method, Smoothing
from xferviewer.settings import Settings
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.region_files import is_region_table

log = logging.getLogger(__name__)

_RUN_WORTH_TELLING = 20
"""Images; a shorter run is over before anybody has looked away from it."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where one run of the application keeps what it makes.

    catalogue    SQLite file of the studies
    predictions  SQLite file of the logits
    """

    home: Path
    catalogue: Path
    predictions: Path
    thumbnails: Path
    jobs: Path
    layout: Path

    @classmethod
    def under(cls, home: Path, *, demo: bool) -> Folders:
        """The demo has a catalogue of its own, so that trying it leaves a user's worklist alone."""
        catalogue = home / ("demo.sqlite" if demo else "catalogue.sqlite")
        return cls(
            home, catalogue, home / "predictions.sqlite", home / "thumbnails", home / "jobs", home / "layout.ini"
        )


class Application(QObject):
    """All parts of the running application, and what happens between them."""

    def __init__(self, folders: Folders, chosen: Settings, *, demo: bool) -> None:
        super().__init__()
        self.folders = folders
        self.settings = chosen
        self._demo = demo
        self._devices: tuple[protocol.DeviceOffer, ...] = ()
        self.theme = theme.read_theme(chosen.theme)
        display = Display(overlay_opacity=chosen.overlay_opacity, colour_map=chosen.colour_map)
        self.session = Session(display, self)
        self.session.map_choice = _map_choice(chosen)
        self.store = PredictionStore(folders.predictions)
        self.library = Library(Catalogue(folders.catalogue), self.session, self)
        self.numbers = LiveNumbers(self.session, self)
        self.calculator = Calculator(self)
        self.tables = Tables(self.session, self.library, self.numbers, self)
        self.films = FilmShelf(self)
        self.thumbnails = Thumbnails(folders.thumbnails, self)
        self.engine = EngineClient(self)
        self.predicting = Predicting(
            self.session, self.library, self.engine, self.store, chosen.device, chosen.precision, self
        )
        self.measuring = Measuring(self.session, self.engine, self.store, self)
        self.session.inputs.set_acknowledged(chosen.acknowledged_inputs)
        self.evaluating = Evaluating(self.session, self.predicting, self)
        self.map_measuring = MapMeasuring(self.session, self.library, self.engine, self)
        self.window = MainWindow(
            self.session, self.library, self.numbers, self.calculator, self.films, self.thumbnails, self.map_measuring,
            self.theme, folders.layout, folders.jobs, drag_up=chosen.drag_up,
        )  # fmt: skip
        self.window.top.device.choose(chosen.device, chosen.precision)
        self.importing = Importing(self.session, folders.home / "checkpoints", self.window, self)
        self.describing = Describing(self)
        self.notifier = self.window.notifier
        self._connect()
        try:
            self.session.set_vocabulary(Vocabulary(own_equalities(chosen.same_findings)))
        except XferviewerError as error:
            self._tell_error(error)

    def _connect(self) -> None:
        window, engine, predicting = self.window, self.engine, self.predicting
        window.paths_dropped.connect(self.open_paths)
        window.predictions_chosen.connect(self.open_predictions)
        window.regions_chosen.connect(self.open_regions)
        self.tables.told.connect(self._tell)
        self.map_measuring.told.connect(self._tell)
        self.map_measuring.failed.connect(self._tell_error)
        window.demo_asked.connect(self.open_demo)
        window.import_asked.connect(self.importing.ask)
        self.importing.imported.connect(self._compare_imported)
        self.importing.refused.connect(self._tell_error)
        window.cancel_asked.connect(self._cancel_work)
        window.pause_asked.connect(predicting.pause)
        window.resume_asked.connect(predicting.resume)
        window.failed_images_asked.connect(self._show_failed_images)
        window.notice_acknowledged.connect(self._keep_notice)
        self.session.map_choice_changed.connect(self._keep_map_choice)
        window.checkpoints.add_asked.connect(window.add_checkpoint)
        window.checkpoints.remove_asked.connect(self._remove_checkpoint)
        window.columns_asked.connect(self._add_columns)
        window.calibration_asked.connect(self._calibrate)
        window.command_asked.connect(self._copy_command)
        window.export_asked.connect(self._export)
        self.evaluating.finished.connect(self._tell_export)
        self.evaluating.failed.connect(self._tell_export_failed)
        window.jobs.compare_asked.connect(self._compare)
        window.jobs.failed.connect(self._tell_error)
        window.figures.failed.connect(self._tell_error)
        self.library.index_finished.connect(self._index_ended)
        engine.state_changed.connect(window.top.device.show_state)
        engine.checkpoint_opened.connect(self._show_in_use)
        engine.devices_listed.connect(window.top.device.show_devices)
        engine.devices_listed.connect(self._keep_devices)
        engine.warned.connect(self._tell_warning)
        window.top.device.chosen.connect(self._use_device)
        window.device_asked.connect(self._show_devices)
        engine.checkpoint_opened.connect(self._note_opened)
        engine.interrupted.connect(self._tell_interruption)
        predicting.failed.connect(self._tell_failure)
        self.measuring.failed.connect(self._tell_error)
        window.describe_asked.connect(self._describe)
        self.describing.finished.connect(self._described)
        self.describing.failed.connect(self._tell_error)
        self.session.inputs.acknowledged_changed.connect(self._keep_acknowledged)
        predicting.progressed.connect(window.work.show_prediction)
        predicting.paused_changed.connect(window.work.show_pause)
        predicting.finished.connect(self._prediction_ended)

    def start(self) -> None:
        """Once the window is painted: catalogue, checkpoints, engine, and what was interrupted the last time."""
        self.library.refresh()
        self._open_first_study()
        self.set_checkpoints([Path(folder) for folder in self.settings.checkpoints] or self._bundled())
        self.session.set_columns(columns_of_words(self.settings.columns, self.session.checkpoints))
        self.engine.start()
        if self._demo:
            self.open_demo()
        self.library.resume()
        if not self.settings.notice_seen:
            self.window.show_notice()

    def close(self) -> None:
        """End the children and write what is not written."""
        self.importing.stop()
        self.evaluating.stop()
        self.describing.stop()
        self.measuring.put_away()
        self.predicting.put_away()
        self.engine.stop()
        self.library.close()
        self.calculator.close()
        self.films.close()
        self.thumbnails.close()
        self.store.close()

    # --- opening

    @Slot(object)
    def open_paths(self, paths: list[Path]) -> None:
        """Open whatever it is: a folder or images are indexed, a table is joined, a checkpoint is compared."""
        for path in paths:
            try:
                if path.is_dir() and (found := find_checkpoints(path)):
                    self.add_checkpoints(found)
                elif path.is_file() and is_region_table(path):
                    self.map_measuring.open_regions(path)
                elif path.is_file() and is_weights(path):
                    self.importing.open(path)
                elif path.is_file() and path.suffix.lower() in TABLE_SUFFIXES:
                    self.tables.open(path)
                else:
                    self.library.index(path)
            except XferviewerError as error:
                self._tell_error(error)

    @Slot()
    def open_demo(self) -> None:
        """The bundled cohort, which needs no patient."""
        try:
            self.library.index(resource("demo"))
        except XferviewerError as error:
            self._tell_error(error)

    @Slot(object)
    def open_regions(self, path: Path) -> None:
        """Boxes or masks that maps are measured against."""
        try:
            self.map_measuring.open_regions(path)
        except XferviewerError as error:
            self._tell_error(error)

    @Slot(object)
    def open_predictions(self, paths: list[Path]) -> None:
        """Compare what these tables hold, whatever else they could be taken for."""
        for path in paths:
            try:
                self.tables.import_predictions(path)
            except XferviewerError as error:
                self._tell_error(error)

    @Slot(object)
    def _index_ended(self, result: IndexResult) -> None:
        if result.why:
            self.notifier.tell(self.tr("The folder could not be indexed to the end."), result.why, lasting=True)
        elif result.cancelled:
            self.notifier.tell(self.tr("Indexing was cancelled; what was found stays in the worklist."))
        else:
            text = self.tr("{0} images indexed").format(result.images)
            if result.refused:
                text += self.tr(", {0} files passed over").format(result.refused)
            self.notifier.tell(text + ".", self.tr("Menu, File, “Files that were refused” names each with its reason."))
        if self.session.shown is None:
            self._open_first_study()

    def _open_first_study(self) -> None:
        if self.session.studies:
            self.library.show_study(0)

    # --- checkpoints

    def set_checkpoints(self, folders: list[Path]) -> None:
        """Compare the checkpoints in these folders; one that cannot be used is named and left out."""
        checkpoints: dict[str, Checkpoint] = {}
        for folder in folders:
            try:
                checkpoint = read_checkpoint(folder)
            except XferviewerError as error:
                self._tell_error(error)
                continue
            checkpoints.setdefault(checkpoint.weights_sha256, checkpoint)
        chosen = [str(checkpoint.folder) for checkpoint in checkpoints.values()]
        self.engine.open_checkpoints(chosen, self.settings.device, self.settings.precision)
        self.session.set_recalibrators(self._recalibrators(checkpoints.values()))
        self.session.set_seen_images(self._seen_images(checkpoints.values()))
        self.session.set_checkpoints(checkpoints.values())

    @Slot(str, str)
    def _use_device(self, device: str, precision: str) -> None:
        """Compute everything there from now on; what was stored for it is shown again, the rest is computed."""
        self._keep(replace(self.settings, device=device, precision=precision))
        self.predicting.use(device, precision)
        self.set_checkpoints([checkpoint.folder for checkpoint in self.session.checkpoints])

    @Slot(object)
    def _keep_devices(self, message: protocol.DevicesListed) -> None:
        self._devices = message.devices

    def _in_use(self) -> list[tuple[str, protocol.CheckpointOpened]]:
        """What each open checkpoint computes on, with its name."""
        checkpoints = ((self.session.checkpoint(digest), opened) for digest, opened in self.engine.in_use.items())
        return [(checkpoint.name, opened) for checkpoint, opened in checkpoints if checkpoint is not None]

    @Slot(object)
    def _show_in_use(self, _message: protocol.CheckpointOpened) -> None:
        self.window.top.device.setToolTip(device_words.tool_tip(self._in_use()))

    @Slot()
    def _show_devices(self) -> None:
        dialogs.show_devices(self.window, device_words.details(self._devices, self._in_use()))

    def _recalibrators(self, checkpoints: Iterable[Checkpoint]) -> dict[str, tuple[Recalibrator | None, ...]]:
        """Of the checkpoints that have a calibration; one that cannot be used is named, and its checkpoint stays."""
        found = {}
        for checkpoint in checkpoints:
            try:
                calibration = read_calibration(checkpoint)
                if calibration is not None:
                    found[checkpoint.digest] = recalibrators_of(checkpoint, calibration)
            except XferviewerError as error:
                self._tell_error(error)
        return found

    def _seen_images(self, checkpoints: Iterable[Checkpoint]) -> dict[str, SeenImages]:
        """What checkpoints say of the images that they learned from."""
        found = {}
        for checkpoint in checkpoints:
            try:
                seen = read_seen_images(checkpoint)
            except XferviewerError as error:
                self._tell_error(error)
            else:
                found.update({checkpoint.digest: seen} if seen is not None else {})
        return found

    @Slot(str, str, str)
    def _calibrate(self, digest: str, method: RecalibrationMethod, split: str) -> None:
        """Fit calibrated probabilities of a checkpoint to the cases that are shown, and keep them with it."""
        checkpoint = self.session.checkpoint(digest)
        if checkpoint is None:
            return
        try:
            told = calibrate_on(self.session, checkpoint, method, split)
            self.session.set_recalibrators(self._recalibrators(self.session.checkpoints))
            self.session.set_comparison(replace(self.session.comparison, calibrated=True))
            self.session.scored_changed.emit()
        except XferviewerError as error:
            self._tell_error(error)
        else:
            headline = self.tr("{0} has calibrated probabilities now, fitted on {1}.").format(checkpoint.name, split)
            self.notifier.tell(headline, told)

    @Slot(object)
    def _describe(self, images: Path) -> None:
        """Measure the training images of the active checkpoint, for its card."""
        checkpoint = self.session.checkpoint(self.session.active)
        if checkpoint is None:
            return
        try:
            self.describing.start(checkpoint.folder, images)
        except XferviewerError as error:
            self._tell_error(error)
        else:
            self.notifier.tell(self.tr("Measuring the training images of {0} …").format(checkpoint.name))

    @Slot(int)
    def _described(self, images: int) -> None:
        self.set_checkpoints([checkpoint.folder for checkpoint in self.session.checkpoints])
        self.notifier.tell(self.tr("{0} training images were measured; the card describes them.").format(images))

    def add_checkpoints(self, folders: list[Path]) -> None:
        """Compare these too, and remember them."""
        self.set_checkpoints([checkpoint.folder for checkpoint in self.session.checkpoints] + folders)
        self._keep_checkpoints()

    @Slot(str)
    def _remove_checkpoint(self, digest: str) -> None:
        columns = [each for each in self.session.columns if each.digest != digest]
        if len(columns) < len(self.session.columns):
            self.session.set_columns(columns)
            self._keep_checkpoints()
            return
        kept = [each for each in self.session.imported if each.digest != digest]
        if len(kept) < len(self.session.imported):
            self.session.set_imported(kept)
            return
        self.set_checkpoints([c.folder for c in self.session.checkpoints if c.weights_sha256 != digest])
        self._keep_checkpoints()

    @Slot(object)
    def _compare_imported(self, result: dict[str, Any]) -> None:
        """Compare a checkpoint that was just imported, unless its weights are compared already."""
        same = self.session.checkpoint(result["weights_sha256"])
        if same is not None:
            self.notifier.tell(
                self.tr("{0} is imported and not compared yet.").format(result["name"]),
                self.tr("Its weights are those of {0}: remove that one, then add the folder {1}.").format(
                    same.name, result["checkpoint"]
                ),
                lasting=True,
            )
            return
        self.add_checkpoints([Path(result["checkpoint"])])
        self.notifier.tell(self.tr("{0} is imported.").format(result["name"]), " ".join(result["decisions"]))

    @Slot(str)
    def _compare(self, folder: str) -> None:
        self.add_checkpoints([Path(folder)])
        self.window.show_perspective("evaluate")

    @Slot(object)
    def _add_columns(self, columns: tuple[Column, ...]) -> None:
        self.session.set_columns((*self.session.columns, *columns))
        self._keep_checkpoints()

    @Slot(object)
    def _note_opened(self, message: protocol.CheckpointOpened) -> None:
        self.session.note_dropout(message.checkpoint, message.dropout)

    # --- what leaves the window

    @Slot()
    def _copy_command(self) -> None:
        """The command goes to the clipboard, the tables that it reads to the data folder."""
        try:
            snapshot = self.evaluating.snapshot(self.folders.home / "evaluations")
        except XferviewerError as error:
            self._tell_error(error)
            return
        QGuiApplication.clipboard().setText(snapshot.text)
        self.notifier.tell(
            self.tr("The command is on the clipboard."),
            self.tr("It reads the labels and predictions in {0}; copy that folder to run it elsewhere.").format(
                snapshot.folder
            ),
        )

    @Slot(object)
    def _export(self, folder: Path) -> None:
        try:
            self.evaluating.export(folder)
        except XferviewerError as error:
            self._tell_error(error)
        else:
            self.window.work.show_writing(running=True)

    @Slot(object)
    def _tell_export(self, folder: Path) -> None:
        self.window.work.show_writing(running=False)
        self.notifier.tell(self.tr("The evaluation is written."), str(folder))

    @Slot(object)
    def _tell_export_failed(self, error: XferviewerError) -> None:
        self.window.work.show_writing(running=False)
        self._tell_error(error)

    def _bundled(self) -> list[Path]:
        """The checkpoints that came with the application; an installation without them works with others."""
        try:
            return bundled_checkpoints()
        except CannotStart as error:
            log.warning("%s", error.what)
            return []

    def _keep_checkpoints(self) -> None:
        bundled = set(self._bundled())
        folders = [checkpoint.folder for checkpoint in self.session.checkpoints]
        same = set(folders) == bundled
        columns = tuple(words for column in self.session.columns if (words := column_words(column)))
        self._keep(replace(self.settings, checkpoints=() if same else tuple(map(str, folders)), columns=columns))

    @Slot()
    def _keep_acknowledged(self) -> None:
        self._keep(replace(self.settings, acknowledged_inputs=self.session.inputs.acknowledged))

    @Slot()
    def _keep_map_choice(self) -> None:
        choice = self.session.map_choice
        self._keep(
            replace(self.settings, map_method=choice.method, map_layers=choice.layers, map_smoothing=choice.smoothing)
        )

    @Slot()
    def _keep_notice(self) -> None:
        self._keep(replace(self.settings, notice_seen=True))

    def _keep(self, changed: Settings) -> None:
        self.settings = changed
        try:
            settings.write_settings(settings.settings_file(), changed)
        except XferviewerError as error:
            self._tell_error(error)

    # --- telling

    @Slot()
    def _cancel_work(self) -> None:
        if self.evaluating.running:
            self.evaluating.stop()
            self.window.work.show_writing(running=False)
        elif self.library.indexing:
            self.library.cancel_index()
        elif self.map_measuring.running:
            self.map_measuring.cancel()
        else:
            self.predicting.cancel_maps()
            self._cancel_predicting()

    def _cancel_predicting(self) -> None:
        under_way = self.predicting.running or not self.window.work.isHidden()
        self.predicting.pause()
        self.window.work.hide()
        if under_way:
            self.notifier.tell(self.tr("Predicting was cancelled; menu, Work, “Go on predicting” continues it."))

    @Slot(object)
    def _prediction_ended(self, progress: RunProgress) -> None:
        self.window.work.hide()
        text = self.tr("{0} images are predicted").format(progress.done - progress.failed)
        if progress.failed:
            self.notifier.tell(
                text + self.tr(", {0} could not be.").format(progress.failed),
                self.tr("Menu, Work, “Images that could not be predicted” names each with its reason."),
            )
        elif progress.total >= _RUN_WORTH_TELLING:
            self.notifier.tell(f"{text}.")

    @Slot()
    def _show_failed_images(self) -> None:
        dialogs.show_failed_images(self.window, self.predicting.failed_images())

    @Slot(str)
    def _tell_interruption(self, sentence: str) -> None:
        self.notifier.tell(sentence)

    @Slot(object)
    def _tell_failure(self, message: protocol.Failed) -> None:
        self.notifier.tell(message.what, f"{message.why} {message.todo}", lasting=not message.identity)

    @Slot(object)
    def _tell_warning(self, message: protocol.Warned) -> None:
        self.notifier.tell(message.what, f"{message.why} {message.todo}")

    @Slot(str, str, bool)
    def _tell(self, what: str, details: str, lasting: bool) -> None:
        self.notifier.tell(what, details, lasting=lasting)

    @Slot(object)
    def _tell_error(self, error: XferviewerError) -> None:
        log.warning("told the user of %s %s", type(error).__name__, anonymous(error.what))
        self.notifier.tell(error.what, f"{error.why} {error.todo}", lasting=True)


def make_qt_application() -> QApplication:
    """The one QApplication. Raises CannotStart where there is no display: Qt itself would abort."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if (
        sys.platform.startswith("linux")
        and not platform
        and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    ):
        raise CannotStart(
            "The window cannot be opened.",
            "There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set.",
            "Start it in a desktop session, or use the command line: xferviewer --help.",
        )
    if sys.platform.startswith("linux") and platform in ("", "xcb") and not os.environ.get("WAYLAND_DISPLAY"):
        _look_for_xcb_cursor()
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(["xferviewer"])
    application.setApplicationName("xferviewer")
    application.setAttribute(Qt.ApplicationAttribute.AA_DontShowIconsInMenus)
    return application


def _look_for_xcb_cursor() -> None:
    """Qt aborts the process where its X11 platform lacks this library, which no desktop installs by itself."""
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError as error:
        raise CannotStart(
            "The window cannot be opened.",
            "The system library libxcb-cursor is missing.",
            "Install it: apt-get install libxcb-cursor0 (Debian, Ubuntu), dnf install xcb-util-cursor (Fedora).",
        ) from error


def _only_copy(home: Path) -> QLockFile:
    """The lock that says that this home is in use. Raises CannotStart if another copy holds it."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            "The window cannot be opened.",
            f"Its data folder {home} cannot be made: {error.strerror}.",
            "Make it writable, or set XFERVIEWER_HOME to a folder that is.",
        ) from error
    lock = QLockFile(str(home / "window.lock"))
    lock.setStaleLockTime(0)
    if not lock.tryLock(100):
        other = lock.error() == QLockFile.LockError.LockFailedError
        raise CannotStart(
            "A second window cannot be opened." if other else "The window cannot be opened.",
            "xferviewer runs already with the same data folder." if other else f"{home} cannot be written to.",
            "Use the window that is open, or set XFERVIEWER_HOME to another folder.",
        )
    return lock


def _log_qt(kind: QtMsgType, context: object, message: str) -> None:
    log.log(logging.WARNING if kind != QtMsgType.QtDebugMsg else logging.DEBUG, "Qt: %s", message)


def _show_unexpected(application: Application) -> Callable[..., None]:
    """A hook for errors that nobody caught: logged, shown, and the window lives on."""

    def hook(kind: type[BaseException], error: BaseException, trace: object) -> None:
        log.error("unexpected", exc_info=(kind, error, trace))  # type: ignore[arg-type]
        details = f"{kind.__name__}: {error}. Please report it; the log has the details."
        application.notifier.tell("Something went wrong that should not.", details, lasting=True)

    return hook


def run(paths: list[Path], *, demo: bool = False) -> int:
    """Open the window on `paths` (or the demo cohort) and stay until it is closed. Raises CannotStart."""
    home = settings.data_folder()
    start_logging("window", settings.log_folder())
    qt = make_qt_application()
    lock = _only_copy(home)
    chosen, complaints = settings.read_settings(settings.settings_file())
    theme.apply(qt, theme.read_theme(chosen.theme))
    qInstallMessageHandler(_log_qt)
    application = Application(Folders.under(home, demo=demo), chosen, demo=demo)
    sys.excepthook = _show_unexpected(application)
    for complaint in complaints:
        application.notifier.tell(complaint, lasting=True)
    application.window.show()

    def begin() -> None:  # after the first paint: the window is there before anything slow begins
        application.start()
        application.open_paths(paths)

    QTimer.singleShot(0, application, begin)
    try:
        return qt.exec()
    finally:
        application.close()
        lock.unlock()


def _map_choice(chosen: Settings) -> MapChoice:
    """The maps of the last time; a smoothing that does not go with the method is left out."""
    method, smoothing = cast("Method", chosen.map_method), cast("Smoothing", chosen.map_smoothing)
    try:
        return MapChoice(method, chosen.map_layers, smoothing)
    except ValueError:
        return MapChoice(method, chosen.map_layers)
