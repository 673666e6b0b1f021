"""Which patients a job learns from, and which it is validated on: a frozen split, a new one, or a share and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from xferviewer.errors import XferviewerError
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field, Fold, heading, said, stack
from xferviewer.gui.spec_fields import faults_in
from xferviewer.gui.training_cohort import TrainingCohort
from xferviewer.gui.views.training.derived_fields import NAME_WIDTH, DerivedFields, GroupList, nested
from xferviewer.jobs.data_spec import CohortData, DataSpec
from xferviewer.jobs.spec import TrainingSpec
from xferviewer.studies.split_making import SplitPlan

_NEW = ""
_FIRST_HELD_OUT = {"site": "B", "count": 400, "seed": 2}
_PARTS = ("training", "validation", "test")
_OPTIONS = {"validation": "--validation", "test": "--test", "folds": "--folds", "fraction": "--fraction",
            "shared": "--shared", "seed": "--seed", "method": "--method"}  # fmt: skip


class SplitSection(QWidget):
    """Of an imported cohort a split is frozen to a file; of other images patients are put aside by share and seed."""

    changed = Signal()
    split_chosen = Signal(str)  # name of a frozen split, to be counted
    make_asked = Signal(str, object)  # name of the new split, words after `xferviewer split COHORT`

    def __init__(self) -> None:
        super().__init__()
        self._cohort: TrainingCohort | None = None
        self._wanted = ""
        self._refused: dict[str, str] = {}  # splits of this cohort that cannot be used, and why
        self._making = False
        self.own = DerivedFields(DataSpec, "data", only=("validation_fraction", "split_seed"))
        self.frozen: ChoiceBox[str] = ChoiceBox(self.tr("Split"), stretches=True)
        self.name = QLineEdit("split-1")
        self.plan = DerivedFields(SplitPlan, "split", leave=("lists",))
        self.lists = {part: QLineEdit() for part in (*_PARTS, "folder")}
        self.browse: dict[str, QPushButton] = {}
        self.make = QPushButton(self.tr("Make the split"))
        self.make.setToolTip(self.tr("It is frozen to a file with a receipt of what its parts have in common"))
        self.words = said()
        self.of_cohort = DerivedFields(CohortData, "data.cohort", leave=("folder", "split"))
        self.held_out = DerivedFields(TrainingSpec, "", only=("held_out",))
        films = self.held_out.controls["held_out"]
        if isinstance(films, GroupList):
            films.begins_with = _FIRST_HELD_OUT
            films.add.setText(self.tr("Add phantom films"))
        self.fields = self._fields()
        self.frozen.offer([(self.tr("a new one …"), _NEW)], _NEW)
        self._lay_out()
        self._connect()
        self.show_cohort(None)

    def _fields(self) -> dict[str, Field]:
        fields = {
            "data.cohort.split": Field(
                self.tr("Split"), self.tr("Frozen to a file of the cohort: jobs that share it can be compared"),
                self.frozen, name_width=NAME_WIDTH,
            ),
            "split.name": Field(
                self.tr("Name of the split"), self.tr("Its file below the cohort's folder is called so"), self.name,
                name_width=NAME_WIDTH,
            ),
        }  # fmt: skip
        for part, line in self.lists.items():
            name = self.tr("Fold tables") if part == "folder" else self.tr("List: {0}").format(part)
            tip = (
                self.tr("The folder dataframe of the study's repository")
                if part == "folder"
                else self.tr("A file with the images of this part, a name to a line")
            )
            button = QPushButton(self.tr("Choose …"))
            button.setObjectName(part)
            button.setAccessibleName(self.tr("Choose {0}").format(name))
            button.clicked.connect(self._browse)
            self.browse[part] = button
            fields[f"split.lists.{part}"] = Field(name, tip, line, button, name_width=NAME_WIDTH)
        return fields

    def _lay_out(self) -> None:
        self.new = QWidget()
        inside = QVBoxLayout(self.new)
        lists = [self.fields[f"split.lists.{part}"] for part in self.lists]
        stack(inside, self.fields["split.name"], self.plan, *lists)
        row = QHBoxLayout()
        row.addSpacing(NAME_WIDTH)
        row.addWidget(self.make)
        row.addWidget(self.words, 1)
        inside.addLayout(row)
        self.folder_part = QWidget()
        self.of_cohort_fold = Fold(self.tr("What is learned of it"), self.of_cohort)
        stack(QVBoxLayout(self.folder_part), self.fields["data.cohort.split"], self.new, self.of_cohort_fold)
        stack(QVBoxLayout(self), heading(self.tr("Split by patient")), self.own, self.folder_part, self.held_out)

    def _connect(self) -> None:
        self.own.changed.connect(self.changed)
        self.of_cohort.changed.connect(self.changed)
        self.held_out.changed.connect(self.changed)
        self.frozen.activated.connect(self._choose)
        self.plan.changed.connect(self._plan_changed)
        for line in (self.name, *self.lists.values()):
            line.textEdited.connect(self._plan_changed)
        self.make.clicked.connect(self._make)

    # --- which split

    def show_cohort(self, cohort: TrainingCohort | None) -> None:
        """Offer the splits of a cohort; the first one, or the one that was asked for, is taken."""
        before = self._cohort
        self._cohort = cohort
        if cohort is None or before is None or before.folder != cohort.folder:
            self._refused.clear()
        elif cohort.split:
            self._refused.pop(cohort.split, None)
        imported = cohort is not None and cohort.kind == "cohort"
        self.own.setVisible(not imported)
        self.folder_part.setVisible(imported)
        if cohort is None or not imported:
            return
        known = list(cohort.splits)
        self.frozen.offer(
            [*((name, name) for name in known), (self.tr("a new one …"), _NEW)], known[0] if known else _NEW
        )
        if self._wanted in known:
            self.frozen.choose(self._wanted)
            self._wanted = ""
        elif before is None or before.folder != cohort.folder:
            self.frozen.choose(known[0] if known else _NEW)
        self._show_new()
        if self.chosen and cohort.split != self.chosen and self.chosen not in self._refused:
            self.split_chosen.emit(self.chosen)

    def show_refusal(self, split: str, error: XferviewerError) -> None:
        """Say why a frozen split cannot be used; another one may be, or a new one."""
        self._refused[split] = str(error)
        self.changed.emit()

    @property
    def chosen(self) -> str:
        """The frozen split; "" while a new one is to be made."""
        return self.frozen.value or _NEW

    @Slot()
    def _choose(self) -> None:
        self._show_new()
        self.split_chosen.emit(self.chosen)
        self.changed.emit()

    def _show_new(self) -> None:
        self.new.setVisible(self.chosen == _NEW)
        if self._cohort is not None and self.name.text() in self._cohort.splits:
            number = next(n for n in range(1, 10_000) if f"split-{n}" not in self._cohort.splits)
            self.name.setText(f"split-{number}")
        self._show_lists()

    def _show_lists(self) -> None:
        method = self.plan.mapping().get("split.method")
        for part in self.lists:
            seen = method == ("p1-image-level" if part == "folder" else "lists")
            self.fields[f"split.lists.{part}"].setVisible(seen)

    # --- a new one

    @Slot()
    def _plan_changed(self) -> None:
        self._show_lists()
        self.words.setText("")
        self.changed.emit()

    def _plan_faults(self) -> dict[str, str]:
        faults = faults_in(SplitPlan, nested(self.plan.mapping(), "split"), "split")
        name = self.name.text().strip()
        if not name or name.startswith(".") or Path(name).name != name:
            faults["split.name"] = self.tr("A name that a file can have.")
        elif self._cohort is not None and name in self._cohort.splits:
            faults["split.name"] = self.tr("There is a split of this name.")
        return faults

    @Slot()
    def _make(self) -> None:
        if self._cohort is not None and not self._plan_faults():
            self.make_asked.emit(self.name.text().strip(), self.plan_words())

    def plan_words(self) -> list[str]:
        """The words after `xferviewer split COHORT` that make the split; what has its default is left out."""
        plan, words = nested(self.plan.mapping(), "split"), ["--out", self.name.text().strip()]
        default = SplitPlan()
        for name, option in _OPTIONS.items():
            if name in plan and plan[name] != getattr(default, name):
                words += [option, str(plan[name])]
        words += ["--together"] if plan.get("together") else []
        for part in _PARTS:
            if plan.get("method") == "lists" and self.lists[part].text().strip():
                words += ["--list", f"{part}={self.lists[part].text().strip()}"]
        if plan.get("method") == "p1-image-level" and self.lists["folder"].text().strip():
            words += ["--fold-tables", self.lists["folder"].text().strip()]
        return words

    def show_making(self, words: str, *, making: bool) -> None:
        """How far the new split is, or why there is none."""
        self._making = making
        self.words.setText(words)
        self.make.setEnabled(not making)

    def take_made(self, name: str) -> None:
        """A new split is there: it is taken as soon as it is counted."""
        self._wanted = name
        self.show_making("", making=False)
        self.split_chosen.emit(name)

    @Slot()
    def _browse(self) -> None:
        part = self.sender().objectName()
        if part == "folder":
            chosen = QFileDialog.getExistingDirectory(self, self.tr("Choose the fold tables"))
        else:
            chosen, _ = QFileDialog.getOpenFileName(self, self.tr("Choose the list of a part"))
        if chosen:
            self.lists[part].setText(chosen)
            self._plan_changed()

    # --- as a whole

    def mapping(self) -> dict[str, Any]:
        """What the section `data` of a specification says of the split."""
        if self._cohort is not None and self._cohort.kind == "cohort":
            of_cohort = nested(self.of_cohort.mapping(), "data.cohort")
            return {"cohort": {"folder": str(self._cohort.folder), "split": self.chosen, **of_cohort}}
        return nested(self.own.mapping(), "data")

    def missing(self) -> dict[str, str]:
        """What is still to be chosen."""
        if self._cohort is not None and self._cohort.kind == "cohort" and not self.chosen:
            return {**self._plan_faults(), "data.cohort.split": self.tr("Make the split, or choose one that there is.")}
        if self.chosen in self._refused:
            return {"data.cohort.split": self._refused[self.chosen]}
        return {}

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there."""
        for path, field in self.fields.items():
            field.fault.show_fault(faults.get(path, ""))
        self.own.show_faults(faults)
        self.plan.show_faults(faults)
        self.of_cohort.show_faults(faults)
        self.held_out.show_faults(faults)
        if any(path in faults for path in self.of_cohort.fields):
            self.of_cohort_fold.open()
        plan_is_right = not any(path.startswith("split.") for path in faults)
        self.make.setEnabled(plan_is_right and not self._making)

    def show_data(self, data: Mapping[str, Any]) -> None:
        """Show what a specification says of its split; one of a cohort is taken once that is counted."""
        self.own.show_values({f"data.{key}": value for key, value in data.items()})
        of_cohort = data.get("cohort", {})
        self.of_cohort.show_values({f"data.cohort.{key}": value for key, value in of_cohort.items()})
        self._wanted = of_cohort.get("split", "")
