"""The main window: three perspectives over one session, with the referral line below them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from xferviewer.gui import dialogs
from xferviewer.gui.actions import make_actions
from xferviewer.gui.agreement import Agreement
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.calibration_dialog import CalibrationDialog
from xferviewer.gui.column_dialog import ColumnDialog
from xferviewer.gui.decisions import Decisions
from xferviewer.gui.evaluate_perspective import EvaluatePerspective
from xferviewer.gui.exporting_notes import ExportingNotes
from xferviewer.gui.figure_saving import FigureSaving
from xferviewer.gui.file_choosing import FileChoosing
from xferviewer.gui.film_commands import FilmCommands
from xferviewer.gui.film_place import FilmPlace, dropped_paths
from xferviewer.gui.films import FilmShelf
from xferviewer.gui.focus_outline import FocusOutline
from xferviewer.gui.identity_hiding import IdentityHiding
from xferviewer.gui.job_watch import JobWatch
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.library import Library
from xferviewer.gui.live_maps import LiveMaps
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.map_measuring import MapMeasuring
from xferviewer.gui.notify import Notifier
from xferviewer.gui.perspective import Perspective, in_hidden_tab
from xferviewer.gui.preferring import Preferring
from xferviewer.gui.session import Session
from xferviewer.gui.status_line import StatusLine
from xferviewer.gui.study_commands import StudyCommands
from xferviewer.gui.theme import Theme
from xferviewer.gui.thumbnails import Thumbnails
from xferviewer.gui.tool_commands import ToolCommands
from xferviewer.gui.top_bar import PERSPECTIVES, TopBar
from xferviewer.gui.views.checkpoint_list import CheckpointList
from xferviewer.gui.views.compare import CompareView
from xferviewer.gui.views.findings import FindingsPanel
from xferviewer.gui.views.map_quality import MapQualityPanel
from xferviewer.gui.views.messages import MessageList
from xferviewer.gui.views.referral_bar import ReferralBar
from xferviewer.gui.views.training import JobsPanel, TrainingPanel
from xferviewer.gui.views.worklist import Worklist
from xferviewer.gui.window_layout import WindowLayout


class MainWindow(QMainWindow):
    """Builds the panels and connects them to session and library. What it cannot do itself it asks for by signal."""

    paths_dropped = Signal(object)  # list[Path]: whatever can be opened
    published_asked = Signal()
    import_asked = Signal()
    demo_asked = Signal()
    recent_asked = Signal()
    catalogue_asked = Signal()
    command_asked = Signal()
    device_asked = Signal()
    columns_asked = Signal(object)  # tuple[Column, ...]
    calibration_asked = Signal(str, str, str)  # digest of the checkpoint, method, name of the split
    cancel_asked = Signal()
    pause_asked = Signal()
    resume_asked = Signal()
    failed_images_asked = Signal()

    def __init__(
        self,
        session: Session,
        library: Library,
        numbers: LiveNumbers,
        calculator: Calculator,
        films: FilmShelf,
        thumbnails: Thumbnails,
        measuring: MapMeasuring,
        theme: Theme,
        layout_file: Path,
        watch: JobWatch,
        kept: KeptSettings,
        decisions: Decisions,
    ) -> None:
        super().__init__()
        self._session = session
        self._library = library
        self._films = films
        self._measuring = measuring
        self.setWindowTitle("xferviewer")
        self.setAcceptDrops(True)
        self.resize(1440, 900)
        self.notifier = Notifier(self)
        self.worklist = Worklist(session, numbers, thumbnails, theme)
        self.live_maps = LiveMaps(session, calculator, self)
        self.compare = CompareView(session, self.live_maps, kept.now.drag_up, kept.now.unlinked)
        self.film_commands = FilmCommands(session, self.compare, kept, self)
        self.preferring = Preferring(self, self.compare, films, kept, theme)
        self.tool_commands = ToolCommands(session, self.compare, decisions, kept, self)
        self.agreement = Agreement(session, library, decisions, self)
        self.exporting_notes = ExportingNotes(library, decisions, self)
        self.map_quality = MapQualityPanel(session, self.live_maps, measuring, theme)
        self.findings = FindingsPanel(session, theme)
        self.checkpoints = CheckpointList(session)
        self.checkpoints.column_asked.connect(self._ask_column)
        self.evaluate = EvaluatePerspective(session, numbers, calculator, measuring, theme)
        self.study_commands = StudyCommands(session, library, self.evaluate.disagreement, self)
        self.figures = FigureSaving(self)
        self.choosing = FileChoosing(self)
        self.identity_hiding = IdentityHiding(self.compare, self.worklist, kept, self)
        self._watch = watch
        self.jobs = JobsPanel(watch)
        self.training = TrainingPanel(self.jobs, watch, theme)
        self.referral = ReferralBar(session, numbers)
        self.status = StatusLine(self.referral, self.notifier, watch)
        self.messages = MessageList()
        self.perspectives = self._build_perspectives()
        self._layout = WindowLayout(layout_file, self, self.perspectives, self.film_place)
        self.actions_by_name = make_actions(self, [self.worklist, self.compare.films], self._handlers())
        self.preferring.use_with(self.actions_by_name)
        self.film_commands.show_ticks(self.actions_by_name)
        self.tool_commands.show_ticks(self.actions_by_name)
        self.identity_hiding.show_tick(self.actions_by_name)
        self.compare.film_bar.offer(self.actions_by_name)
        self.top = TopBar(session, self.actions_by_name, self)
        self.addToolBar(self.top)
        self._build_centre()
        self._connect()
        self._layout.restore()
        self.show_perspective("read")
        self.focus_outline = FocusOutline(self)

    # --- building

    def _build_perspectives(self) -> dict[str, Perspective]:
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        self.film_place = FilmPlace(self.compare)
        read = Perspective("read", self.film_place)
        read.add_panel("worklist", self.tr("Worklist"), self.worklist, left, (202, 800))
        read.add_panel("findings", self.tr("Findings"), self.findings, right, (200, 480))
        checkpoints = read.add_panel("checkpoints", self.tr("Checkpoints"), self.checkpoints, right, (200, 320))
        read.add_tab("map_quality", self.tr("Map quality"), self.map_quality, checkpoints)
        train = Perspective("train", self.training)
        jobs = train.add_panel("jobs", self.tr("Jobs"), self.jobs, left, (280, 800))
        train.add_tab("messages", self.tr("Messages"), self.messages, jobs)
        return {perspective.name: perspective for perspective in (read, self.evaluate, train)}

    def _build_centre(self) -> None:
        self._stack = QStackedWidget()
        for name in PERSPECTIVES:
            self._stack.addWidget(self.perspectives[name])
        bottom = QHBoxLayout()
        bottom.setContentsMargins(0, 0, 0, 0)
        bottom.addWidget(self.referral, 1)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._stack, 1)
        layout.addLayout(bottom)
        self.setCentralWidget(centre)

    def _connect(self) -> None:
        session, library = self._session, self._library
        self.worklist.search_changed.connect(library.search)
        self.worklist.model.sort_asked.connect(library.sort)
        self.worklist.study_chosen.connect(library.show_study)
        self.compare.gestures.stepped.connect(library.step)
        self.evaluate.bar.predictions_asked.connect(self.choosing.ask_predictions)
        self.evaluate.bar.export_asked.connect(self.choosing.ask_evaluation_folder)
        self.evaluate.bar.command_asked.connect(self.command_asked)
        self.compare.films_wanted.connect(self._want_films)
        session.case_list_changed.connect(self._show_case_list)
        self._films.film_read.connect(self.compare.show_film)
        self._films.detail_read.connect(self.compare.paint_again)
        self.evaluate.curves.save_asked.connect(self.figures.save)
        self.evaluate.curves.copy_asked.connect(self.figures.copy)
        self.figures.told.connect(self.notifier.tell)
        self.film_commands.pictures.told.connect(self.notifier.tell)
        self.film_commands.told.connect(self.notifier.tell)
        self.study_commands.told.connect(self.notifier.tell)
        self.tool_commands.told.connect(self.notifier.tell)
        self.compare.gestures.told.connect(self.notifier.tell)
        self.film_place.paths_dropped.connect(self.paths_dropped)
        self.agreement.told.connect(self.notifier.tell)
        self.exporting_notes.told.connect(self.notifier.tell)
        self.compare.gestures.action_asked.connect(self._do)
        self.status.work.cancel_asked.connect(self.cancel_asked)
        self.map_quality.run_asked.connect(self._measuring.measure_shown)
        self.map_quality.cancel_asked.connect(self._measuring.cancel)
        self.status.work.pause_asked.connect(self.pause_asked)
        self.status.work.resume_asked.connect(self.resume_asked)
        self.checkpoints.import_asked.connect(self.import_asked)
        self.notifier.noted.connect(self.messages.add)
        library.index_progressed.connect(self.status.work.show_index)
        library.index_finished.connect(self.status.work.show_index_end)

    def _handlers(self) -> dict[str, Callable[[], object]]:
        return {
            **self.choosing.handlers(),
            "copy_command": self.command_asked.emit,
            "import_checkpoint": self.import_asked.emit,
            "import_published": self.published_asked.emit,
            "open_demo": self.demo_asked.emit,
            "open_recent": self.recent_asked.emit,
            "open_catalogue": self.catalogue_asked.emit,
            "refused_files": self._show_refused,
            "quit": self.close,
            "perspective_read": lambda: self.show_perspective("read"),
            "perspective_evaluate": lambda: self.show_perspective("evaluate"),
            "perspective_train": lambda: self.show_perspective("train"),
            "full_screen": self._toggle_full_screen,
            "detach_films": lambda: self.film_place.toggle(list(self.actions_by_name.values())),
            **self.identity_hiding.handlers(),
            "reset_layout": self._layout.reset,
            **self.study_commands.handlers(),
            **self.film_commands.handlers(),
            **self.tool_commands.handlers(),
            **self.agreement.handlers(),
            **self.exporting_notes.handlers(),
            "calibrate": self._ask_calibration,
            "measure_curves": lambda: self._measuring.measure_shown("curves"),
            "measure_random_weights": lambda: self._measuring.measure_shown("randomisation"),
            "measure_cohort": self._measuring.measure_cohort,
            "new_job": self.new_job,
            "device": self.device_asked.emit,
            "pause_work": self.pause_asked.emit,
            "resume_work": self.resume_asked.emit,
            "cancel_work": self.cancel_asked.emit,
            "failed_images": self.failed_images_asked.emit,
            **self.preferring.handlers(),
            "about": lambda: dialogs.show_about(self),
        }

    def _show_refused(self) -> None:
        refused = self._library.catalogue.refused()
        dialogs.show_refused(self, refused, hide_names=self.compare.corners.hide_identity)

    @Slot(str)
    def _do(self, name: str) -> None:
        self.actions_by_name[name].trigger()

    # --- perspectives and layout

    def focusNextPrevChild(self, forwards: bool) -> bool:
        """Tab passes over panels in tabs behind others: Qt takes them for visible, and they lie outside the window."""
        first: QWidget | None = None
        while super().focusNextPrevChild(forwards):
            at = QApplication.focusWidget()
            if at is None or at is first or not in_hidden_tab(at):
                return True
            first = first or at
        return False

    def show_perspective(self, name: str) -> None:
        """Show "read", "evaluate" or "train"; the session stays what it is."""
        index = PERSPECTIVES.index(name)
        self._stack.setCurrentIndex(index)
        self.top.show_perspective(name)
        self._watch.set_watching(name == "train")
        if name == "read":
            self.worklist.table.setFocus()

    def new_job(self) -> None:
        """Fill in a fine-tuning job."""
        self.show_perspective("train")
        self.training.show_form()

    @Slot()
    def _show_case_list(self) -> None:
        """The cases behind a number are looked at where films are read."""
        cases = self._session.case_list
        if cases is not None and cases.studies:
            self.show_perspective("read")
        elif cases is not None:
            self.notifier.tell(
                self.tr("None of the {0} cases has a film here.").format(cases.n_cases),
                self.tr("{0}. Open the folder of their films to read them.").format(cases.title),
            )

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the layout."""
        self.preferring.peeking.stop()
        self.film_place.bring_back()
        self._layout.keep()
        self._watch.stop()
        self.evaluate.oracle_curve.stop()
        super().closeEvent(event)

    def _toggle_full_screen(self) -> None:
        """The films, where they have a window of their own and it is worked in; else this window."""
        films = self.film_place.window_of_films
        window = films if films is not None and films.isActiveWindow() else self
        window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)

    # --- film

    @Slot(object)
    def _want_films(self, films: list[tuple[Path, int]]) -> None:
        self._films.want(films, self._library.neighbours())

    # --- opening

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files and folders may be dropped anywhere."""
        if dropped_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        event.acceptProposedAction()
        self.paths_dropped.emit(dropped_paths(event))

    @Slot(str)
    def _ask_column(self, chosen: str) -> None:
        dialog = ColumnDialog(self._session, chosen, self)
        dialog.asked.connect(self.columns_asked)
        dialog.open()

    @Slot()
    def _ask_calibration(self) -> None:
        """Calibrate the active checkpoint on the cases that are shown."""
        checkpoint = self._session.classifiers.checkpoint(self._session.active)
        if checkpoint is not None:
            dialog = CalibrationDialog(self._session, checkpoint, self)
            dialog.asked.connect(self.calibration_asked)
            dialog.open()
