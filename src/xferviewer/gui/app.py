"""Puts the application together: every object is made here, by hand, and given what it needs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication

from xferviewer import protocol
from xferviewer.checkpoints import (
    find_checkpoints,
)
from xferviewer.checkpoints.vocabulary import Vocabulary, own_equalities
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.predictions import PredictionStore
from xferviewer.evaluation.run_progress import RunProgress
from xferviewer.gui import device_words, dialogs, theme
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.catalogues import Catalogues
from xferviewer.gui.decisions import Decisions
from xferviewer.gui.describing import Describing
from xferviewer.gui.display import Display
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.evaluating import Evaluating
from xferviewer.gui.films import READERS, FilmShelf
from xferviewer.gui.import_choices import is_weights
from xferviewer.gui.importing import Importing
from xferviewer.gui.job_watch import JobWatch
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.library import IndexResult, Library
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.main_window import MainWindow
from xferviewer.gui.map_measuring import MapMeasuring
from xferviewer.gui.measuring import Measuring
from xferviewer.gui.network_inputs import NetworkInputs
from xferviewer.gui.open_checkpoints import OpenCheckpoints
from xferviewer.gui.predicting import Predicting
from xferviewer.gui.session import Session
from xferviewer.gui.tables import TABLE_SUFFIXES, Tables
from xferviewer.gui.thumbnails import Thumbnails
from xferviewer.gui.training import Training
from xferviewer.gui.views.compare import AsNetworksSee
from xferviewer.gui.views.first_start import FirstStart
from xferviewer.log import anonymous
from xferviewer.resources import resource
from xferviewer.settings import Settings
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.cohort_folder import has_regions
from xferviewer.studies.film_reading import FilmReading
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

    devices_changed = Signal(object)  # tuple[protocol.DeviceOffer, ...]: what this computer has
    in_use_changed = Signal(
        object
    )  # list[tuple[str, protocol.CheckpointOpened]]: what each open checkpoint computes on

    def __init__(self, folders: Folders, chosen: Settings, *, demo: bool) -> None:
        super().__init__()
        self.folders = folders
        self.settings = KeptSettings(chosen, self)
        self._demo = demo
        self._devices: tuple[protocol.DeviceOffer, ...] = ()
        self.theme = theme.read_theme(chosen.theme)
        display = Display(overlay_opacity=chosen.overlay_opacity, colour_map=chosen.colour_map)
        self.session = Session(display, self)
        self.session.maps.choice = self.settings.map_choice
        self.store = PredictionStore(folders.predictions)
        self.library = Library(Catalogue(folders.catalogue), self.session, self)
        self.numbers = LiveNumbers(self.session, self)
        self.calculator = Calculator(self)
        self.tables = Tables(self.session, self.library, self.numbers, self)
        self.reading = FilmReading(READERS + 1)
        self.films = FilmShelf(self.reading, self, memory_mib=chosen.film_memory_mib)
        self.thumbnails = Thumbnails(folders.thumbnails, self.reading, self)
        self.engine = EngineClient(self)
        self.checkpoints = OpenCheckpoints(self.session, self.engine, self.settings, self)
        self.predicting = Predicting(
            self.session, self.library, self.engine, self.store, chosen.device, chosen.precision, self
        )
        self.measuring = Measuring(self.session, self.engine, self.store, self)
        self.session.inputs.set_acknowledged(chosen.acknowledged_inputs)
        self.evaluating = Evaluating(self.session, self.predicting, self)
        self.map_measuring = MapMeasuring(self.session, self.library, self.engine, self)
        self.jobs = JobWatch(folders.jobs, folders.layout, self)
        self.decisions = Decisions(folders.home / "film_notes.sqlite", self.session, self)
        self.window = MainWindow(
            self.session, self.library, self.numbers, self.calculator, self.films, self.thumbnails, self.map_measuring,
            self.theme, folders.layout, self.jobs, self.settings, self.decisions,
        )  # fmt: skip
        self.inputs = NetworkInputs(self.session, self)
        self.as_networks_see = AsNetworksSee(self.session, self.window.compare, self.inputs, self)
        self.engine.network_input.connect(self.inputs.take_in)
        self.inputs.asked.connect(self.predicting.explain)
        self.window.top.device.choose(chosen.device, chosen.precision)
        self.catalogues = Catalogues(self.library, self.settings, folders.catalogue, self.window, self)
        self.importing = Importing(self.session, self.settings, folders.home / "checkpoints", self.window, self)
        self.describing = Describing(self)
        self.notifier = self.window.notifier
        self.training = Training(folders.home, self.jobs, self.window, self.calculator, self)
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
        self.checkpoints.told.connect(self._tell)
        self.checkpoints.failed.connect(self._tell_error)
        self.settings.failed.connect(self._tell_error)
        self.decisions.failed.connect(self._tell_error)
        self.map_measuring.told.connect(self._tell)
        self.map_measuring.failed.connect(self._tell_error)
        window.demo_asked.connect(self.open_demo)
        window.recent_asked.connect(self.catalogues.show_recent)
        window.catalogue_asked.connect(self.catalogues.ask)
        self.catalogues.failed.connect(self._tell_error)
        self.catalogues.paths_asked.connect(self.open_paths)
        self.catalogues.changed.connect(self._open_first_study)
        window.worklist.take_kept(self.settings.now.worklist_columns, self.settings.now.saved_searches)
        window.worklist.menu.columns_changed.connect(self._keep_columns)
        window.worklist.menu.searches_changed.connect(self._keep_searches)
        window.import_asked.connect(self.importing.ask)
        window.published_asked.connect(self.importing.ask_published)
        self.importing.imported.connect(self.checkpoints.add_imported)
        self.importing.refused.connect(self._tell_error)
        window.cancel_asked.connect(self._cancel_work)
        window.pause_asked.connect(predicting.pause)
        window.resume_asked.connect(predicting.resume)
        window.failed_images_asked.connect(self._show_failed_images)
        self.session.maps.choice_changed.connect(self._keep_map_choice)
        window.checkpoints.add_asked.connect(window.add_checkpoint)
        window.checkpoints.remove_asked.connect(self.checkpoints.remove)
        window.columns_asked.connect(self.checkpoints.add_columns)
        window.calibration_asked.connect(self.checkpoints.calibrate)
        window.command_asked.connect(self._copy_command)
        window.export_asked.connect(self._export)
        self.evaluating.finished.connect(self._tell_export)
        self.evaluating.failed.connect(self._tell_export_failed)
        self.training.compare_asked.connect(self._compare)
        self.training.failed.connect(self._tell_error)
        self.session.checkpoints_changed.connect(self._offer_starts)
        self._offer_starts()
        window.figures.failed.connect(self._tell_error)
        for part in (window.film_commands.pictures, window.agreement, window.exporting_notes):
            part.failed.connect(self._tell_error)
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
        if not self._demo:
            self.catalogues.open_kept()
        self._open_first_study()
        self.checkpoints.open_kept()
        self.engine.start()
        if self._demo:
            self.open_demo()
        self.library.resume()
        self.training.start_left_alone()
        if not self.settings.now.notice_seen:
            self.welcome()

    def welcome(self) -> FirstStart:
        """The notice, what computes here and the demo cohort, until the notice is acknowledged."""
        dialog = FirstStart(len(self.session.classifiers.checkpoints), self.window)
        dialog.acknowledged.connect(self._keep_notice)
        dialog.demo_asked.connect(self.open_demo)
        self.engine.state_changed.connect(dialog.show_state)
        self.devices_changed.connect(dialog.show_computer)
        self.in_use_changed.connect(dialog.show_in_use)
        dialog.open()
        return dialog

    def close(self) -> None:
        """End the children and write what is not written."""
        self.importing.stop()
        self.training.stop()
        self.evaluating.stop()
        self.describing.stop()
        self.window.exporting_notes.stop()
        self.measuring.put_away()
        self.predicting.put_away()
        self.engine.stop()
        self.library.close()
        self.calculator.close()
        self.reading.interrupt()  # so that nobody waits for a film that holds its decoder
        self.films.close()
        self.thumbnails.close()
        self.reading.close()
        self.store.close()
        self.decisions.close()

    # --- opening

    @Slot(object)
    def open_paths(self, paths: list[Path]) -> None:
        """Open whatever it is: a folder or images are indexed, a table is joined, a checkpoint is compared."""
        for path in paths:
            self.catalogues.note(path)
            try:
                if path.is_dir() and (found := find_checkpoints(path)):
                    self.checkpoints.add(found)
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
            text = self.tr("1 image indexed") if result.images == 1 else self.tr("{0} images indexed")
            text = text.format(result.images)
            if result.refused:
                text += self.tr(", {0} files passed over").format(result.refused)
            self.notifier.tell(text + ".", self.tr("Menu, File, “Files that were refused” names each with its reason."))
            if has_regions(Path(result.folder)):
                self.open_regions(Path(result.folder))
        if self.session.shown is None:
            self._open_first_study()

    @Slot(object)
    def _keep_columns(self, names: tuple[str, ...]) -> None:
        self.settings.keep(worklist_columns=names)

    @Slot(object)
    def _keep_searches(self, searches: tuple[str, ...]) -> None:
        self.settings.keep(saved_searches=searches)

    @Slot()
    def _open_first_study(self) -> None:
        if self.session.studies:
            self.library.show_study(0)

    @Slot(str, str)
    def _use_device(self, device: str, precision: str) -> None:
        """Compute everything there from now on; what was stored for it is shown again, the rest is computed."""
        self.settings.keep(device=device, precision=precision)
        self.predicting.use(device, precision)
        self.checkpoints.open_again()

    @Slot(object)
    def _keep_devices(self, message: protocol.DevicesListed) -> None:
        self._devices = message.devices
        self.devices_changed.emit(message.devices)

    def _in_use(self) -> list[tuple[str, protocol.CheckpointOpened]]:
        """What each open checkpoint computes on, with its name."""
        known = self.session.classifiers.checkpoint
        checkpoints = ((known(digest), opened) for digest, opened in self.engine.in_use.items())
        return [(checkpoint.name, opened) for checkpoint, opened in checkpoints if checkpoint is not None]

    @Slot(object)
    def _show_in_use(self, _message: protocol.CheckpointOpened) -> None:
        in_use = self._in_use()
        self.window.top.device.setToolTip(device_words.tool_tip(in_use))
        self.in_use_changed.emit(in_use)

    @Slot()
    def _show_devices(self) -> None:
        dialogs.show_devices(self.window, device_words.details(self._devices, self._in_use()))

    @Slot(object)
    def _describe(self, images: Path) -> None:
        """Measure the training images of the active checkpoint, for its card."""
        checkpoint = self.session.classifiers.checkpoint(self.session.active)
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
        self.checkpoints.open_again()
        self.notifier.tell(self.tr("{0} training images were measured; the card describes them.").format(images))

    @Slot(str)
    def _compare(self, folder: str) -> None:
        self.checkpoints.add([Path(folder)])
        self.window.show_perspective("evaluate")

    @Slot()
    def _offer_starts(self) -> None:
        self.training.offer_checkpoints(self.session.classifiers.checkpoints)

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

    # --- what is remembered

    @Slot()
    def _keep_acknowledged(self) -> None:
        self.settings.keep(acknowledged_inputs=self.session.inputs.acknowledged)

    @Slot()
    def _keep_map_choice(self) -> None:
        self.settings.keep_map_choice(self.session.maps.choice)

    @Slot()
    def _keep_notice(self) -> None:
        self.settings.keep(notice_seen=True)

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
