"""What the new checkpoint is called, under which licence, and the seed of its randomness; where it is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from xferviewer.gui.field import Field, Fold, heading, stack
from xferviewer.gui.views.training.derived_fields import NAME_WIDTH, DerivedFields, flattened, nested
from xferviewer.jobs.spec import TrainingSpec

# Sections of their own, or not to be entered here.
_ELSEWHERE = ("name", "title", "license", "findings", "network", "data", "recipe", "task", "held_out", "version")


class NamingSection(QWidget):
    """Name and title follow what is chosen until somebody writes others."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.lines = {name: QLineEdit() for name in ("name", "title", "license")}
        self._own: set[str] = set()
        words = {
            "name": (self.tr("Short name"), self.tr("For tables and legends; the folder of the checkpoint has it too")),
            "title": (self.tr("Title"), self.tr("One line for people, on the card")),
            "license": (self.tr("Licence"), self.tr("Of the new weights; that of what they begin from goes on")),
        }
        self.fields = {name: Field(*words[name], line, name_width=NAME_WIDTH) for name, line in self.lines.items()}
        self.lines["license"].setText("unknown")
        self.rest = DerivedFields(TrainingSpec, "", leave=_ELSEWHERE)
        for name, line in self.lines.items():
            line.setObjectName(name)
            line.textEdited.connect(self._edited)
        self.rest.changed.connect(self.changed)
        layout = QVBoxLayout(self)
        stack(layout, heading(self.tr("Card")), *self.fields.values())
        layout.addWidget(Fold(self.tr("Seed and machine"), self.rest))

    def suggest(self, name: str, title: str) -> None:
        """What follows from the other choices; what somebody has written stays."""
        for key, text in (("name", name), ("title", title)):
            if key not in self._own:
                self.lines[key].setText(text)
                self.lines[key].setCursorPosition(0)

    @Slot()
    def _edited(self) -> None:
        line = self.sender()
        if line is not None:
            self._own.add(line.objectName())
        self.changed.emit()

    def mapping(self) -> dict[str, Any]:
        """The keys at the top of a specification."""
        named = {name: line.text().strip() for name, line in self.lines.items()}
        return {**named, **nested(self.rest.mapping(), "")}

    def show_spec(self, spec: Mapping[str, Any]) -> None:
        """Show what a specification says; the name is another job's, so that it follows the choices again."""
        self.lines["license"].setText(str(spec.get("license", "unknown")))
        self._own.clear()
        values = {path.removeprefix("."): value for path, value in flattened(spec, "").items()}
        self.rest.show_values(values)

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there."""
        for name, field in self.fields.items():
            field.fault.show_fault(faults.get(name, ""))
        self.rest.show_faults(faults)
