"""The dialog as a whole: a file is looked at, questions are asked, a film is previewed, a checkpoint is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from xferviewer.checkpoints.import_answers import Answers
from xferviewer.checkpoints.import_report import Candidate, FileReport, InputPreview
from xferviewer.errors import XferviewerError
from xferviewer.gui.field import Field, tool_tip
from xferviewer.gui.import_choices import (
    ImportChoices,
    command_line,
    faults_of,
    preview_words,
    read_constants,
    words_of,
)
from xferviewer.gui.import_client import ImportClient, ImportProgress
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID
from xferviewer.gui.views.import_dialog.card_section import CardSection
from xferviewer.gui.views.import_dialog.file_section import FileSection
from xferviewer.gui.views.import_dialog.findings_section import FindingsSection
from xferviewer.gui.views.import_dialog.preprocessing_section import PreprocessingSection
from xferviewer.gui.views.import_dialog.preview_panel import PreviewPanel

_PREVIEW_AFTER_MS = 400
"""A film is previewed when nobody has typed for so long."""


class ImportDialog(QDialog):
    """Closing it ends what it does; nothing half-written stays."""

    imported = Signal(object)  # dict, as `xferviewer import-checkpoint --json` prints it
    file_asked = Signal()

    def __init__(self, session: Session, checkpoints_folder: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Import a checkpoint"))
        self.resize(1180, 664)
        self._session = session
        self._file, self._published = Path(), ""
        self._report: FileReport | None = None
        self._shown_candidate: Candidate | None = None
        self._previewed_words: tuple[object, ...] = ()
        self._note = ""
        self._first_fault = ""
        self.client = ImportClient(self)
        self.file = FileSection()
        self.findings = FindingsSection()
        self.preprocessing = PreprocessingSection()
        self.card = CardSection(checkpoints_folder)
        self.preview = PreviewPanel()
        self.fields: dict[str, Field] = {
            "architecture": self.file.field, "findings": self.findings.field, "task": self.findings.task_field,
            **self.preprocessing.fields, **self.card.fields,
        }  # fmt: skip
        self._settle = QTimer(self, singleShot=True, interval=_PREVIEW_AFTER_MS)
        self._build()
        self._connect()

    def _build(self) -> None:
        sections = QWidget()
        column = QVBoxLayout(sections)
        column.setContentsMargins(0, 0, 3 * GRID, 0)
        column.setSpacing(4 * GRID)
        for section in (self.file, self.findings, self.preprocessing, self.card):
            column.addWidget(section)
        column.addStretch(1)
        self.sections = QScrollArea()
        self.sections.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the focus of what is in it
        self.sections.setWidgetResizable(True)
        self.sections.setFrameShape(QFrame.Shape.NoFrame)
        self.sections.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.sections.setAccessibleName(self.tr("What is known of the checkpoint"))
        self.sections.setWidget(sections)
        self.command = QLineEdit()
        self.command.setReadOnly(True)
        self.command.setAccessibleName(self.tr("The same on the command line"))
        self.copy = self._button(self.tr("Copy"), self.tr("Copy the command"))
        self.status = QLabel()
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.status.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setFixedWidth(50 * GRID)
        self.bar.setTextVisible(False)
        self.stop = self._button(self.tr("Stop"), self.tr("Stop reading or writing"))
        self.import_ = self._button(self.tr("Import"), self.tr("Import the checkpoint"))
        self.cancel = self._button(self.tr("Close"), self.tr("Close without importing"))
        above = QHBoxLayout()
        above.setSpacing(4 * GRID)
        above.addWidget(self.sections, 1)
        above.addWidget(self.preview)
        same = QHBoxLayout()
        same.addWidget(QLabel(self.tr("The same on the command line")))
        same.addWidget(self.command, 1)
        same.addWidget(self.copy)
        below = QHBoxLayout()
        below.addWidget(self.status, 1)
        for widget in (self.bar, self.stop, self.import_, self.cancel):
            below.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.addLayout(above, 1)
        layout.addLayout(same)
        layout.addLayout(below)

    def _button(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(name)
        button.setAutoDefault(False)  # Enter in a field would press it
        return button

    def _connect(self) -> None:
        self.file.file_asked.connect(self.file_asked)
        self.file.architecture_asked.connect(self._compare)
        self.file.architecture_chosen.connect(self._take_architecture)
        for section in (self.findings, self.preprocessing, self.card):
            section.changed.connect(self._change)
        self.copy.clicked.connect(self._copy_command)
        self.stop.clicked.connect(self._stop)
        self.import_.clicked.connect(self._import)
        self.cancel.clicked.connect(self.reject)
        QShortcut(QKeySequence("Ctrl+Return"), self, self._import)
        self._settle.timeout.connect(self._ask_preview)
        self._session.image_changed.connect(self._settle.start)
        self.client.progressed.connect(self._show_progress)
        self.client.looked.connect(self._take_report)
        self.client.previewed.connect(self._take_preview)
        self.client.imported.connect(self._take_result)
        self.client.failed.connect(self._take_failure)

    # --- the file

    def show_file(self, file: Path, published: str = "") -> None:
        """Show the dialog on a file, which is looked at; `published`: its name, where it has one at the hub."""
        if self.client.work is not None:
            self.client.stop()  # of another file
        self._file, self._published, self._report, self._note = file, published, None, ""
        self._shown_candidate = None
        self.file.show_waiting(file.name)
        self.preview.show_words(self.tr("The file is being read."))
        self.client.look(file, published=published)
        self._check()
        self.show()
        self.activateWindow()

    @property
    def said(self) -> Answers:
        """What the file beside the weights says."""
        return self._report.said if self._report is not None else Answers()

    @property
    def choices(self) -> ImportChoices:
        """All fields as they stand."""
        candidate, card = self.file.candidate, self.card
        return ImportChoices(
            file=self._file,
            published=self._published,
            out=card.folder,
            architecture=candidate.architecture if candidate is not None else "",
            findings=self.findings.names,
            untrained=self.findings.untrained,
            task=self.findings.task.value or "multi-label",
            preset=self.preprocessing.preset,
            base=self.preprocessing.base,
            constants=self.preprocessing.constants,
            name=card.name.text(),
            title=card.title.text(),
            license=card.license.text(),
            origin=card.origin.text(),
        )

    @Slot(str)
    def _compare(self, architecture: str) -> None:
        if self.client.work != "import":
            self.client.look(self._file, architecture, self._published)

    @Slot(object)
    def _take_report(self, report: FileReport) -> None:
        first = self._report is None
        self._report = report
        if first:
            self.card.show_said(self._file, report.said)
        self.file.show_report(report)
        if first:
            self.findings.show_said(report.said)
        self._check()

    @Slot()
    def _take_architecture(self) -> None:
        candidate = self.file.candidate
        if candidate is not None and candidate.fits and candidate.outputs and candidate != self._shown_candidate:
            self._shown_candidate = candidate
            self.findings.offer(candidate.outputs)
            self.preprocessing.offer(candidate, self.said)
        self._check()

    # --- what is chosen

    @Slot()
    def _change(self) -> None:
        """A person changed something: what was said of the last attempt is of no interest any more."""
        self._note = ""
        self._check()

    @Slot()
    def _check(self) -> None:
        """Say by each field what is wrong there; the rest follows."""
        faults = self._faults()
        for name, field in self.fields.items():
            field.fault.show_fault(faults.get(name, "") if self._report is not None else "")
        self._first_fault = next(iter(faults.values()), "")
        self.import_.setEnabled(not faults and self.client.work not in ("look", "import"))
        self.import_.setToolTip(tool_tip(self._first_fault or "Ctrl+Return"))
        self.command.setText(command_line(words_of(self.choices, self.said)) if self._report is not None else "")
        self.command.setCursorPosition(0)
        self.copy.setEnabled(not faults)
        self.copy.setToolTip(tool_tip(self._first_fault))
        self._show_work()
        self.preview.name_rows(self.findings.names)
        self._settle.start()

    def _faults(self) -> dict[str, str]:
        if self._report is None:
            return {"file": self.file.refused.text() or self.tr("The file is not read yet.")}
        return faults_of(self.choices, self._report, self.file.candidate)

    @Slot()
    def _copy_command(self) -> None:
        QGuiApplication.clipboard().setText(self.command.text())

    # --- preview

    @Slot()
    def _ask_preview(self) -> None:
        candidate, shown = self.file.candidate, self._session.shown
        if self.client.work in ("look", "import") or self._report is None:
            return
        if candidate is None or not candidate.fits or candidate.outputs is None:
            self.preview.show_words(self.tr("A preview needs an architecture that fits, with a head."))
        elif shown is None:
            self.preview.show_words(self.tr("Open a film in the window to see it here as the network would."))
        elif not self.preprocessing.preset:
            self.preview.show_words(self.tr("Choose a preprocessing to see the film on screen as the network would."))
        elif read_constants(self.preprocessing.constants, self.preprocessing.base)[0] is None:
            self.preview.show_words(self.tr("A preview needs constants that can be computed with."))
        else:
            words = preview_words(self.choices, self.said, candidate.outputs)
            asked = (*words, shown.reference.path, shown.frame)
            if asked != self._previewed_words or self.preview.shown is None:
                self._previewed_words = asked
                self.client.preview(words, Path(shown.reference.path), shown.frame)
        self._show_work()

    @Slot(object)
    def _take_preview(self, preview: InputPreview) -> None:
        self.preview.show_preview(preview, self.findings.names)
        self._show_work()

    # --- work

    @Slot()
    def _import(self) -> None:
        if self.import_.isEnabled():
            self.client.run_import(words_of(self.choices, self.said), self.card.folder)
            self._check()

    @Slot(object)
    def _take_result(self, result: dict[str, Any]) -> None:
        self.imported.emit(result)
        self.accept()

    @Slot(str, object)
    def _take_failure(self, work: str, error: XferviewerError) -> None:
        if work == "preview":
            self.preview.show_words("", str(error))
        elif work == "look":
            self.file.show_refusal(error)
            self.preview.show_words("")
        else:
            self._note = str(error)
        self._check()

    @Slot()
    def _stop(self) -> None:
        if self.client.work == "look" and self._report is None:
            self.file.refused.show_fault(self.tr("Reading was stopped. Choose a file to go on."))
        if self.client.work in ("look", "preview"):
            self.preview.show_words("")
        self.client.stop()
        self._note = self.tr("Stopped; nothing was written.")
        self._check()
        self._settle.stop()

    @Slot(object)
    def _show_progress(self, progress: ImportProgress) -> None:
        words = {"look": self.tr("looking at the file"), "preview": self.tr("preview"), "import": self.tr("importing")}
        self.status.setText(f"{words[progress.work]}: {progress.stage}")
        scale = progress.total // 2**30 + 1  # Qt counts to 2 147 483 647
        self.bar.setRange(0, progress.total // scale)
        self.bar.setValue(progress.done // scale)
        self._show_work()

    def _show_work(self) -> None:
        """How far it is; else how the last attempt ended, or what is still to be said."""
        working = self.client.work is not None
        self.bar.setVisible(working)
        self.stop.setVisible(working)
        if not working:
            self.status.setText(self._note or (self._first_fault if self._report is not None else ""))
        for section in (self.file, self.findings, self.preprocessing, self.card):
            section.setEnabled(self.client.work != "import")

    def done(self, result: int) -> None:
        """However it is closed: end the child."""
        self._settle.stop()
        self.client.stop()
        super().done(result)
