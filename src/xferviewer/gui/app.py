"""Puts the application together: every object is made here, by hand, and given what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from xferviewer import protocol
from xferviewer.checkpoints.vocabulary import Vocabulary, own_equalities
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.predictions import PredictionStore
from xferviewer.gui import theme
from xferviewer.gui.background_work import BackgroundWork
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.catalogues import Catalogues
from xferviewer.gui.colour_maps import COLOUR_MAPS
from xferviewer.gui.decisions import Decisions
from xferviewer.gui.describing import Describing
from xferviewer.gui.devices import Devices
from xferviewer.gui.display import Display
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.evaluating import Evaluating
from xferviewer.gui.explaining import Explaining
from xferviewer.gui.exporting_evaluation import ExportingEvaluation
from xferviewer.gui.films import READERS, FilmShelf
from xferviewer.gui.importing import Importing
from xferviewer.gui.job_watch import JobWatch
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.library import Library
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.main_window import MainWindow
from xferviewer.gui.map_measuring import MapMeasuring
from xferviewer.gui.measuring import Measuring
from xferviewer.gui.network_inputs import NetworkInputs
from xferviewer.gui.open_checkpoints import OpenCheckpoints
from xferviewer.gui.opening import Opening
from xferviewer.gui.predicting import Predicting
from xferviewer.gui.session import Session
from xferviewer.gui.tables import Tables
from xferviewer.gui.thumbnails import Thumbnails
from xferviewer.gui.training import Training
from xferviewer.gui.views.compare import AsNetworksSee
from xferviewer.gui.views.first_start import FirstStart
from xferviewer.settings import Settings
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.film_reading import FilmReading


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
        self.settings = KeptSettings(chosen, self)
        self._demo = demo
        self.theme = theme.read_theme(chosen.theme)
        display = Display(
            overlay_opacity=min(max(chosen.overlay_opacity, 0.0), 1.0),
            colour_map=chosen.colour_map if chosen.colour_map in COLOUR_MAPS else Settings().colour_map,
        )
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
        self.explaining = Explaining(self.session, self.engine, self)
        self.predicting = Predicting(
            self.session, self.library, self.engine, self.store, self.explaining, chosen.device, chosen.precision, self
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
        self.inputs.asked.connect(self.explaining.explain)
        self.devices = Devices(
            self.session, self.engine, self.predicting, self.checkpoints, self.settings, self.window, self
        )
        self.catalogues = Catalogues(self.library, self.settings, folders.catalogue, self.window, self)
        self.importing = Importing(self.session, self.settings, folders.home / "checkpoints", self.window, self)
        self.opening = Opening(
            self.session, self.library, self.catalogues, self.checkpoints, self.importing, self.tables,
            self.map_measuring, self,
        )  # fmt: skip
        self.background_work = BackgroundWork(
            self.predicting, self.explaining, self.library, self.map_measuring, self.evaluating, self.window, self
        )
        self.exporting_evaluation = ExportingEvaluation(
            self.evaluating, folders.home / "evaluations", self.window, self
        )
        self.describing = Describing(self.session, self)
        self.notifier = self.window.notifier
        self.training = Training(folders.home, self.jobs, self.window, self.calculator, self)
        self._connect()
        try:
            self.session.set_vocabulary(Vocabulary(own_equalities(chosen.same_findings)))
        except XferviewerError as error:
            self.notifier.tell_error(error)

    def _connect(self) -> None:
        window, session, settings = self.window, self.session, self.settings
        window.paths_dropped.connect(self.opening.open)
        window.choosing.paths_chosen.connect(self.opening.open)
        window.choosing.predictions_chosen.connect(self.opening.open_predictions)
        window.choosing.regions_chosen.connect(self.opening.open_regions)
        window.choosing.training_images_chosen.connect(self.describing.start)
        window.demo_asked.connect(self.opening.open_demo)
        window.recent_asked.connect(self.catalogues.show_recent)
        window.catalogue_asked.connect(self.catalogues.ask)
        window.import_asked.connect(self.importing.ask)
        window.published_asked.connect(self.importing.ask_published)
        window.checkpoints.add_asked.connect(window.choosing.ask_checkpoint)
        window.checkpoints.remove_asked.connect(self.checkpoints.remove)
        window.columns_asked.connect(self.checkpoints.add_columns)
        window.calibration_asked.connect(self.checkpoints.calibrate)
        self.importing.imported.connect(self.checkpoints.add_imported)
        self.describing.finished.connect(self.checkpoints.open_again)
        self.training.compare_asked.connect(self._compare)
        session.checkpoints_changed.connect(self._offer_starts)
        self._offer_starts()
        self.engine.checkpoint_opened.connect(self._note_opened)
        window.worklist.take_kept(settings.now.worklist_columns, settings.now.saved_searches)
        window.worklist.menu.columns_changed.connect(self._keep_columns)
        window.worklist.menu.searches_changed.connect(self._keep_searches)
        session.maps.choice_changed.connect(self._keep_map_choice)
        session.inputs.acknowledged_changed.connect(self._keep_acknowledged)
        self._connect_notifier()

    def _connect_notifier(self) -> None:
        window, notifier = self.window, self.notifier
        for teller in (
            self.tables, self.checkpoints, self.map_measuring, self.opening, self.background_work,
            self.exporting_evaluation, self.describing,
        ):  # fmt: skip
            teller.told.connect(notifier.tell)
        for part in (
            self.settings, self.decisions, self.checkpoints, self.map_measuring, self.measuring, self.catalogues,
            self.opening, self.exporting_evaluation, self.training, self.describing, window.figures,
            window.film_commands.pictures, window.agreement, window.exporting_notes,
        ):  # fmt: skip
            part.failed.connect(notifier.tell_error)
        self.library.catalogue_cohort.failed.connect(notifier.tell_error)
        self.library.catalogue_cohort.awaited.connect(self._tell_labels_are_read)
        self.importing.refused.connect(notifier.tell_error)
        self.engine.warned.connect(self._tell_warning)
        self.engine.interrupted.connect(notifier.tell)

    @Slot()
    def _tell_labels_are_read(self) -> None:
        self.notifier.tell(self.tr("The labels of the catalogue are being read; numbers follow."))

    def start(self) -> None:
        """Once the window is painted: catalogue, checkpoints, engine, and what was interrupted the last time."""
        self.library.refresh()
        if not self._demo:
            self.catalogues.open_kept()
        self.opening.show_first_study()
        self.checkpoints.open_kept()
        self.engine.start()
        if self._demo:
            self.opening.open_demo()
        self.library.resume()
        self.training.start_left_alone()
        if not self.settings.now.notice_seen:
            self.welcome()

    def welcome(self) -> FirstStart:
        """The notice, what computes here and the demo cohort, until the notice is acknowledged."""
        dialog = FirstStart(len(self.session.classifiers.checkpoints), self.window)
        dialog.acknowledged.connect(self._keep_notice)
        dialog.demo_asked.connect(self.opening.open_demo)
        self.engine.state_changed.connect(dialog.show_state)
        self.devices.offers_changed.connect(dialog.show_computer)
        self.devices.in_use_changed.connect(dialog.show_in_use)
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

    @Slot(object)
    def _keep_columns(self, names: tuple[str, ...]) -> None:
        self.settings.keep(worklist_columns=names)

    @Slot(object)
    def _keep_searches(self, searches: tuple[str, ...]) -> None:
        self.settings.keep(saved_searches=searches)

    @Slot(object)
    def _tell_warning(self, message: protocol.Warned) -> None:
        self.notifier.tell(message.what, f"{message.why} {message.todo}")
