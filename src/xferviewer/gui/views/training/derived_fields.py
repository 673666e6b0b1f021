"""Fields made from a dataclass of the specification: a field that is added there appears here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field, stack
from xferviewer.gui.spec_fields import FieldFacts, fields_of
from xferviewer.gui.theme import GRID

NAME_WIDTH = 44 * GRID
_LEFT_OUT = "–"


class DerivedFields(QWidget):
    """The fields of a dataclass by name, those of nested ones with them (`augmentation.shift`).

    `mapping` gives them as a file would hold them; what cannot be read as its kind stays text, and the specification's
    own check says what it should be.
    """

    changed = Signal()

    def __init__(self, cls: type, where: str, *, only: Iterable[str] | None = None, leave: Iterable[str] = ()) -> None:
        """`where` is the path of the dataclass in the specification; `only` these fields, or all but `leave`."""
        super().__init__()
        wanted = None if only is None else set(only)
        left = set(leave)
        self.fields: dict[str, Field] = {}
        self.controls: dict[str, QWidget] = {}
        self._facts: dict[str, FieldFacts] = {}
        self._groups: dict[str, tuple[QCheckBox, QWidget]] = {}  # what may be left out as a whole
        layout = QVBoxLayout(self)
        stack(layout)
        for facts in fields_of(cls):
            if facts.name not in left and (wanted is None or facts.name in wanted):
                self._add(layout, facts, f"{where}.{facts.name}" if where else facts.name, facts.label)

    def _add(self, layout: QVBoxLayout, facts: FieldFacts, path: str, label: str) -> None:
        if facts.kind == "group" and facts.of is not None:
            inside = self._optional_group(layout, facts, path, label) if facts.optional else layout
            for inner in fields_of(facts.of):
                self._add(inside, inner, f"{path}.{inner.name}", f"{label}: {inner.label.lower()}")
            return
        if facts.kind == "other":
            return
        control = self._control(facts, label)
        self.controls[path], self._facts[path] = control, facts
        field = Field(label, facts.words or label, control, name_width=NAME_WIDTH)
        self.fields[path] = field
        layout.addWidget(field)

    def _optional_group(self, layout: QVBoxLayout, facts: FieldFacts, path: str, label: str) -> QVBoxLayout:
        """A tick for the whole group, and the layout of its fields, which are seen where it is ticked."""
        tick, content = QCheckBox(), QWidget()
        tick.setAccessibleName(label)
        tick.toggled.connect(content.setVisible)
        tick.clicked.connect(self.changed)
        self._groups[path] = tick, content
        self.fields[path] = Field(label, facts.words or _first_line(facts.of) or label, tick, name_width=NAME_WIDTH)
        layout.addWidget(self.fields[path])
        layout.addWidget(content)
        content.hide()
        inside = QVBoxLayout(content)
        stack(inside)
        return inside

    def _left_out(self, path: str) -> bool:
        """It stands in a group without a tick."""
        return any(path.startswith(f"{group}.") and not tick.isChecked() for group, (tick, _) in self._groups.items())

    def _control(self, facts: FieldFacts, label: str) -> QWidget:
        if facts.kind == "yes or no":
            tick = QCheckBox()
            tick.setAccessibleName(label)
            tick.setChecked(bool(facts.default))
            tick.clicked.connect(self.changed)
            return tick
        if facts.kind == "choice":
            box: ChoiceBox[Any] = ChoiceBox(label, stretches=True)
            choices = [(str(choice), choice) for choice in facts.choices]
            box.offer([(_LEFT_OUT, None), *choices] if facts.optional else choices, facts.default)
            box.activated.connect(self.changed)
            return box
        line = QLineEdit(written(facts.default))
        if facts.optional:
            line.setPlaceholderText(_LEFT_OUT)
        line.textEdited.connect(self.changed)
        return line

    def mapping(self) -> dict[str, Any]:
        """All fields by path, as a file would hold them; what is left out is not there."""
        found = {}
        for path, facts in self._facts.items():
            value = None if self._left_out(path) else self._value(path, facts)
            if value is not None:
                found[path] = value
        return found

    def _value(self, path: str, facts: FieldFacts) -> Any:
        control = self.controls[path]
        if isinstance(control, QCheckBox):
            return control.isChecked()
        if isinstance(control, ChoiceBox):
            return control.value
        text = control.text().strip() if isinstance(control, QLineEdit) else ""
        return read(text, facts)

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show these by path; what is not among them gets its default, an optional group of which nothing is, none."""
        for group, (tick, content) in self._groups.items():
            there = any(path.startswith(f"{group}.") for path in values)
            tick.setChecked(there)
            content.setVisible(there)
        for path, facts in self._facts.items():
            control, value = self.controls[path], values.get(path, facts.default)
            if isinstance(control, QCheckBox):
                control.setChecked(bool(value))
            elif isinstance(control, ChoiceBox):
                control.choose(value)
            elif isinstance(control, QLineEdit):
                control.setText(written(value))

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there."""
        for path, field in self.fields.items():
            field.fault.show_fault(faults.get(path, ""))


def _first_line(cls: type | None) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0] if cls is not None else ""


def written(value: Any) -> str:
    """A value as it stands in a field: every digit of a number, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(written(each) for each in value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def read(text: str, facts: FieldFacts) -> Any:
    """What a text stands for: None where it is left out, the text itself where it is not of its kind."""
    if not text:
        return [] if facts.kind in ("numbers", "names") and not facts.optional else None if facts.optional else ""
    try:
        if facts.kind == "whole":
            return int(text)
        if facts.kind == "number":
            return float(text)
        if facts.kind == "numbers":
            return [_number(part) for part in text.replace(";", ",").split(",") if part.strip()]
    except ValueError:
        return text
    if facts.kind == "names":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if text.strip().lstrip("+-").isdecimal() else value


def nested(flat: Mapping[str, Any], where: str) -> dict[str, Any]:
    """`{"recipe.augmentation.shift": 0.1}` below `recipe` as `{"augmentation": {"shift": 0.1}}`."""
    found: dict[str, Any] = {}
    for path, value in flat.items():
        inside = found
        *outer, last = path.removeprefix(f"{where}.").split(".")
        for name in outer:
            inside = inside.setdefault(name, {})
        inside[last] = value
    return found


def flattened(mapping: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The reverse of `nested`; lists stay whole."""
    found: dict[str, Any] = {}
    for name, value in mapping.items():
        path = f"{where}.{name}"
        found |= flattened(value, path) if isinstance(value, Mapping) else {path: value}
    return found
