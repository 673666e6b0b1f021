"""The form of a new job: what it learns from, the network, how it learns; and beside it what will come of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from xferviewer.checkpoints.fields import to_mapping
from xferviewer.errors import XferviewerError
from xferviewer.gui.field import FaultLine, tool_tip
from xferviewer.gui.theme import GRID, heading_font
from xferviewer.gui.training_choices import spec_of, suggested_name
from xferviewer.gui.training_cohort import TrainingCohort
from xferviewer.gui.views.training.batch_picture import BatchPicture
from xferviewer.gui.views.training.cohort_section import CohortSection
from xferviewer.gui.views.training.cohort_summary import CohortSummary
from xferviewer.gui.views.training.naming_section import NamingSection
from xferviewer.gui.views.training.network_section import NetworkSection
from xferviewer.gui.views.training.recipe_section import RecipeSection
from xferviewer.gui.views.training.split_section import SplitSection
from xferviewer.jobs.spec import TrainingSpec, render_spec

_SETTLES_MS = 800
"""What a job will take is estimated when nobody has typed for so long."""


class NewJobForm(QWidget):
    """Every change makes the specification anew; what is wrong stands by its field and beside the button."""

    start_asked = Signal(object)  # TrainingSpec
    estimate_asked = Signal(object)  # TrainingSpec, once the choices have settled
    batch_asked = Signal(object)  # TrainingSpec
    command_asked = Signal(object)  # TrainingSpec
    changed = Signal()  # what was estimated is of another job
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.spec: TrainingSpec | None = None
        self._taken: set[str] = set()
        self._starting = False
        self.images = CohortSection()
        self.split = SplitSection()
        self.network = NetworkSection()
        self.recipe = RecipeSection()
        self.naming = NamingSection()
        self.sections = (self.images, self.split, self.network, self.recipe, self.naming)
        self.summary = CohortSummary()
        self.batch = BatchPicture()
        self.text = QPlainTextEdit(readOnly=True)
        self.estimate = QLabel()
        self.refusal = FaultLine()
        self._settle = QTimer(self, singleShot=True, interval=_SETTLES_MS)
        self._build()
        self._connect()
        self._check()

    def _build(self) -> None:
        title = QLabel(self.tr("New job"))
        title.setFont(heading_font())
        self.close_ = self._button(self.tr("Close"), self.tr("Close the form; its values stay"))
        top = QHBoxLayout()
        top.addWidget(title, 1)
        top.addWidget(self.close_)
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self._scrolled())
        halves.addWidget(self._beside())
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        self.start = self._button(self.tr("Start"), self.tr("Start the job"))
        self.estimate.setWordWrap(True)
        self.estimate.setTextFormat(Qt.TextFormat.PlainText)
        said = QVBoxLayout()
        said.setSpacing(0)
        said.addWidget(self.estimate)
        said.addWidget(self.refusal)
        below = QHBoxLayout()
        below.addLayout(said, 1)
        below.addWidget(self.start, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.addLayout(top)
        layout.addWidget(halves, 1)
        layout.addLayout(below)

    def _scrolled(self) -> QScrollArea:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 3 * GRID, 0)
        column.setSpacing(4 * GRID)
        for section in self.sections:
            column.addWidget(section)
        column.addStretch(1)
        self.scrolled = QScrollArea()
        self.scrolled.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the focus of what is in it
        self.scrolled.setWidgetResizable(True)
        self.scrolled.setFrameShape(QFrame.Shape.NoFrame)
        self.scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scrolled.setAccessibleName(self.tr("What the job is told"))
        self.scrolled.setWidget(inside)
        self.scrolled.setMinimumWidth(inside.minimumSizeHint().width() + 5 * GRID)
        return self.scrolled

    def _beside(self) -> QTabWidget:
        self.text.setAccessibleName(self.tr("The specification as a file"))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.copy_spec = self._button(self.tr("Copy"), self.tr("Copy the specification"))
        self.copy_command = self._button(
            self.tr("Copy as a command"), self.tr("Write the specification to a file and copy the command that runs it")
        )
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.copy_spec)
        buttons.addWidget(self.copy_command)
        written = QWidget()
        column = QVBoxLayout(written)
        column.setContentsMargins(0, GRID, 0, 0)
        column.addWidget(self.text, 1)
        column.addLayout(buttons)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName(self.tr("What will come of it"))
        self.tabs.addTab(self.summary, self.tr("Cohort"))
        self.tabs.addTab(self.batch, self.tr("Batch"))
        self.tabs.addTab(written, self.tr("File"))
        return self.tabs

    def _button(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(name)
        button.setToolTip(tool_tip(name))
        return button

    def _connect(self) -> None:
        for section in self.sections:
            section.changed.connect(self._check)
        self.images.cohort_shown.connect(self._take_cohort)
        self.recipe.card_chosen.connect(self._take_card)
        self.close_.clicked.connect(self.closed)
        self.start.clicked.connect(self._start)
        self.copy_spec.clicked.connect(self._copy_spec)
        self.copy_command.clicked.connect(self._copy_command)
        self.batch.asked.connect(self._ask_batch)
        self._settle.timeout.connect(self._ask_estimate)
        QShortcut(
            QKeySequence("Ctrl+Shift+Return"), self, self._start, context=Qt.ShortcutContext.WidgetWithChildrenShortcut
        )

    # --- the specification

    def content(self) -> dict[str, Any]:
        """What a file with these choices would hold."""
        return {
            **self.naming.mapping(),
            "findings": list(self.images.chosen_findings),
            **self.images.task.mapping(),
            "network": self.network.mapping(),
            "data": {**self.images.mapping(), **self.split.mapping()},
            "recipe": self.recipe.mapping(),
            **self.split.held_out.mapping(),
        }

    @Slot()
    def _check(self) -> None:
        """Make the specification; say by each field what is wrong there."""
        self._suggest()
        spec, faults = spec_of(self.content())
        missing = {**self.images.missing(), **self.split.missing(), **self.network.missing(), **self._taken_name()}
        faults = {**missing, **{path: text for path, text in faults.items() if path not in missing}}
        self.spec = None if faults else spec
        for section in self.sections:
            section.show_faults(faults)
        self.recipe.show_deviations(self.spec)
        self.text.setPlainText(render_spec(self.spec) if self.spec is not None else next(iter(faults.values()), ""))
        for button in (self.copy_spec, self.copy_command, self.batch.draw):
            button.setEnabled(self.spec is not None)
        self.refusal.show_fault(next(iter(faults.values()), ""))
        self.estimate.setText("")
        self._offer_start()
        self.changed.emit()
        self._settle.start()

    def _offer_start(self) -> None:
        self.start.setEnabled(self.spec is not None and not self._starting)
        self.start.setToolTip(tool_tip(self.refusal.text() if self.spec is None else "Ctrl+Shift+Return"))

    def _taken_name(self) -> dict[str, str]:
        taken = self.naming.lines["name"].text().strip() in self._taken
        return {"name": self.tr("There is a job of this name.")} if taken else {}

    def _suggest(self) -> None:
        cohort = self.images.cohort
        name = suggested_name(
            cohort.name if cohort is not None else "", self.network.architecture.currentText(),
            self.network.setting.value or "", self._taken,
        )  # fmt: skip
        title = self.tr("{0}, {1}, on {2}").format(
            self.network.architecture.currentText(), self.network.setting.value, cohort.name if cohort else "…"
        )
        self.naming.suggest(name, title)

    @Slot(object)
    def _take_card(self, content: Mapping[str, Any]) -> None:
        """A published recipe speaks of the network too, and of what is learned."""
        self.network.take_card(content.get("network", {}))
        if "task" in content:
            self.images.show_task(content["task"])

    def show_spec(self, spec: TrainingSpec) -> None:
        """Show the values of a job, to be changed and started as another one."""
        content: Mapping[str, Any] = to_mapping(spec)
        self.split.show_data(content["data"])
        self.split.held_out.show_values({"held_out": content.get("held_out", [])})
        self.images.show_data(content["data"], content["findings"])
        self.images.show_task(content.get("task", "multi-label"))
        self.network.show_network(content["network"])
        self.recipe.show_recipe(content["recipe"])
        self.naming.show_spec(content)
        self._check()

    @Slot(object)
    def _take_cohort(self, cohort: TrainingCohort | None) -> None:
        """What is in the chosen cohort, with the parts of its split."""
        self.summary.show_cohort(cohort)
        self.split.show_cohort(cohort)

    def set_taken(self, names: Sequence[str]) -> None:
        """Names of jobs that there are."""
        if set(names) != self._taken:
            self._taken = set(names)
            self._suggest()
            self._check()

    # --- what comes back

    def show_estimating(self) -> None:
        """An estimate is on its way."""
        self.estimate.setText(self.tr("estimating memory and time …"))

    def show_estimate(self, words: str) -> None:
        """What the job will take."""
        self.estimate.setText(words)

    def show_refusal(self, error: XferviewerError) -> None:
        """Why the job would not start; it may be tried all the same, and is then refused by the job itself."""
        self.estimate.setText("")
        self.refusal.show_fault(str(error))

    def set_starting(self, starting: bool) -> None:
        """The job is being started: not twice."""
        self._starting = starting
        self._offer_start()

    # --- asking

    @Slot()
    def _start(self) -> None:
        if self.start.isEnabled() and self.spec is not None:
            self.start_asked.emit(self.spec)

    @Slot()
    def _ask_estimate(self) -> None:
        if self.spec is not None and self.isVisible():
            self.estimate_asked.emit(self.spec)

    @Slot()
    def _ask_batch(self) -> None:
        if self.spec is not None:
            self.batch_asked.emit(self.spec)

    @Slot()
    def _copy_spec(self) -> None:
        if self.spec is not None:
            QGuiApplication.clipboard().setText(render_spec(self.spec))

    @Slot()
    def _copy_command(self) -> None:
        if self.spec is not None:
            self.command_asked.emit(self.spec)
