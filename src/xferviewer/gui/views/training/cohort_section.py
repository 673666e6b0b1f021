"""Which images a job learns from, and which findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from xferviewer.errors import XferviewerError
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field, heading, stack
from xferviewer.gui.theme import GRID
from xferviewer.gui.training_cohort import PHANTOM, TrainingCohort
from xferviewer.gui.views.training.derived_fields import NAME_WIDTH, DerivedFields, nested
from xferviewer.jobs.data_spec import PhantomData
from xferviewer.jobs.spec import TrainingSpec

_MOST_ROWS = 6
_FOLDER, _PHANTOM = "", "phantom"
_FIRST_PHANTOM = {"data.phantom.site": "A", "data.phantom.count": 400, "data.phantom.seed": 1}


class CohortSection(QWidget):
    """A cohort that is known, another folder, or phantom films. Which findings there are is told by `show_cohort`."""

    changed = Signal()
    folder_chosen = Signal(object)  # Path: to be looked at
    import_asked = Signal()
    cohort_shown = Signal(object)  # TrainingCohort, or None while nobody has looked at the chosen one

    def __init__(self) -> None:
        super().__init__()
        self.cohort: TrainingCohort | None = None
        self._wanted: tuple[str, ...] = ()
        self._refused = ""
        self.known: ChoiceBox[str] = ChoiceBox(self.tr("Cohort"), stretches=True)
        self.folder = QLineEdit()
        self.folder.setPlaceholderText(self.tr("a cohort, or a folder with labels.csv"))
        self.browse = QPushButton(self.tr("Choose …"))
        self.browse.setAccessibleName(self.tr("Choose the folder of a cohort"))
        self.import_ = QPushButton(self.tr("Import a data set …"))
        self.import_.setAccessibleName(self.tr("Import a data set"))
        self.phantom = DerivedFields(PhantomData, "data.phantom")
        self.phantom.show_values(_FIRST_PHANTOM)
        self.task = DerivedFields(TrainingSpec, "", only=("task",))
        self.findings = QListWidget()
        self.ticks = QLabel()
        self.ticks.setObjectName("faint")
        self.fields = {
            "data": Field(
                self.tr("Cohort"),
                self.tr("Images with labels: a cohort that was imported, a folder with labels.csv, or synthetic films"),
                self.known, self.import_, name_width=NAME_WIDTH,
            ),
            "data.folder": Field(
                self.tr("Folder"), self.tr("It is read and never written to"), self.folder, self.browse,
                name_width=NAME_WIDTH,
            ),
            "findings": Field(
                self.tr("Findings"),
                self.tr("What the network learns to tell, a logit each. Numbers are images with and without it."),
                self.findings, name_width=NAME_WIDTH,
            ),
        }  # fmt: skip
        self.offer_known([])
        self._lay_out()
        self.known.activated.connect(self._choose_known)
        self.folder.editingFinished.connect(self._folder_written)
        self.browse.clicked.connect(self._browse)
        self.import_.clicked.connect(self.import_asked)
        self.phantom.changed.connect(self.changed)
        self.task.changed.connect(self.changed)
        self.findings.itemChanged.connect(self._ticked)
        self._choose_known()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        stack(layout, heading(self.tr("Images")))
        for widget in (self.fields["data"], self.fields["data.folder"], self.phantom, self.fields["findings"]):
            layout.addWidget(widget)
        below = QHBoxLayout()
        below.addSpacing(NAME_WIDTH + GRID)
        below.addWidget(self.ticks, 1)
        layout.addLayout(below)
        layout.addWidget(self.task)

    # --- which cohort

    def offer_known(self, cohorts: Sequence[tuple[str, Path]]) -> None:
        """Offer cohorts by title and folder, beside phantom films and any other folder."""
        chosen = self.known.value
        offered = [(title, str(folder)) for title, folder in cohorts]
        self.known.offer(
            [*offered, (self.tr("a folder …"), _FOLDER), (self.tr("phantom films"), _PHANTOM)],
            offered[0][1] if offered else _FOLDER,
        )
        if chosen is not None and self.known.value != chosen:
            self._choose_known()

    def choose_folder(self, folder: Path) -> None:
        """Learn from this cohort; what is in it is asked for."""
        if str(folder) in self.known.offered:
            self.known.choose(str(folder))
        else:
            self.known.choose(_FOLDER)
        self.folder.setText(str(folder))
        self._show_fields()
        self._refused = ""
        self._show_findings(None)
        self.folder_chosen.emit(folder)
        self.changed.emit()

    @Slot()
    def _choose_known(self) -> None:
        value = self.known.value or _FOLDER
        if value == _PHANTOM:
            self._show_fields()
            self.show_cohort(PHANTOM)
        elif value != _FOLDER:
            self.choose_folder(Path(value))
        else:
            self.folder.clear()
            self._show_fields()
            self._show_findings(None)
            self.changed.emit()

    @Slot()
    def _folder_written(self) -> None:
        text = self.folder.text().strip()
        if text and (self.cohort is None or Path(text) != self.cohort.folder):
            self.choose_folder(Path(text))

    @Slot()
    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Choose the folder of a cohort"), self.folder.text())
        if chosen:
            self.choose_folder(Path(chosen))

    def _show_fields(self) -> None:
        phantom = self.known.value == _PHANTOM
        self.phantom.setVisible(phantom)
        self.fields["data.folder"].setVisible(not phantom)

    @property
    def is_phantom(self) -> bool:
        """Films are rendered."""
        return self.known.value == _PHANTOM

    @property
    def chosen_folder(self) -> Path | None:
        """The folder of the images' table; None for phantom films and while none is named."""
        text = self.folder.text().strip()
        return None if self.is_phantom or not text else Path(text)

    # --- what is in it

    def show_cohort(self, cohort: TrainingCohort | None) -> None:
        """Offer the findings of a cohort, ticked where there is something to learn of them."""
        same = cohort is not None and self.cohort is not None and cohort.folder == self.cohort.folder
        ticked = self._wanted or (self.chosen_findings if same else ())
        self._show_findings(cohort)
        if cohort is not None:
            if not same:
                self.show_task(cohort.task)
            if ticked:
                self.tick(ticked)
            self._wanted = ()
        self.changed.emit()

    def show_refusal(self, error: XferviewerError) -> None:
        """Say why nothing can be learned from the chosen folder."""
        self._refused = str(error)
        self._show_findings(None)
        self.changed.emit()

    def _show_findings(self, cohort: TrainingCohort | None) -> None:
        self.cohort = cohort
        self.findings.blockSignals(True)
        self.findings.clear()
        for count in cohort.findings if cohort is not None else ():
            known = "" if count.positive is None else f"   {count.positive:,} + {count.negative:,} −"
            item = QListWidgetItem(count.name + known)
            item.setData(Qt.ItemDataRole.UserRole, count.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if count.learnable else Qt.CheckState.Unchecked)
            self.findings.addItem(item)
        self.findings.blockSignals(False)
        row = self.findings.sizeHintForRow(0) if self.findings.count() else self.fontMetrics().height()
        self.findings.setFixedHeight(min(max(2, self.findings.count()), _MOST_ROWS) * row + GRID)
        self._count_ticks()
        self.cohort_shown.emit(cohort)

    @Slot()
    def _ticked(self) -> None:
        self._count_ticks()
        self.changed.emit()

    def _count_ticks(self) -> None:
        self.ticks.setText(self.tr("{0} of {1} findings").format(len(self.chosen_findings), self.findings.count()))
        self.ticks.setVisible(self.findings.count() > 0)

    @property
    def chosen_findings(self) -> tuple[str, ...]:
        """Those with a tick, in the order of the cohort."""
        items = (self.findings.item(row) for row in range(self.findings.count()))
        return tuple(
            item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked
        )

    def show_task(self, task: str) -> None:
        """What becomes of the logits: a sigmoid each, or a softmax."""
        self.task.show_values({"task": task})

    def tick(self, findings: Sequence[str]) -> None:
        """Tick these and no others."""
        self.findings.blockSignals(True)
        for row in range(self.findings.count()):
            item = self.findings.item(row)
            wanted = item.data(Qt.ItemDataRole.UserRole) in findings
            item.setCheckState(Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
        self.findings.blockSignals(False)
        self._ticked()

    def mapping(self) -> dict[str, Any]:
        """What the section `data` of a specification says of the images."""
        if self.is_phantom:
            return nested(self.phantom.mapping(), "data")
        if self.cohort is not None and self.cohort.kind == "cohort":
            return {}  # the split says which cohort it is of
        return {"folder": {"folder": str(self.chosen_folder or "")}}

    def missing(self) -> dict[str, str]:
        """What is still to be chosen."""
        if not self.is_phantom and self.chosen_folder is None:
            return {"data.folder": self.tr("Choose the images to learn from.")}
        return {"data.folder": self._refused} if self._refused and not self.is_phantom else {}

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there."""
        for path, field in self.fields.items():
            field.fault.show_fault(faults.get(path, ""))
        self.phantom.show_faults(faults)
        self.task.show_faults(faults)

    def show_data(self, data: Mapping[str, Any], findings: Sequence[str]) -> None:
        """Show what a specification says of its images; its findings are ticked once they are known."""
        self._wanted = tuple(findings)
        if "phantom" in data:
            self.known.choose(_PHANTOM)
            self.phantom.show_values({f"data.phantom.{key}": value for key, value in data["phantom"].items()})
            self._choose_known()
        else:
            self.choose_folder(Path(data["cohort" if "cohort" in data else "folder"]["folder"]))
