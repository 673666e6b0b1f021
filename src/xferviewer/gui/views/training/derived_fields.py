"""Fields made from a dataclass of the specification: a field that is added there appears here."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

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
        if facts.kind == "groups" and facts.of is not None:
            groups = GroupList(facts.of, label)
            groups.changed.connect(self.changed)
            return groups
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
        if facts.kind == "table":
            line.setPlaceholderText("depth = 4, img_size = [96, 96]")
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
        if isinstance(control, GroupList):
            return control.values()
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
            if facts.kind == "table":  # flattened as other mappings are
                inside = {name: each for name, each in values.items() if name.startswith(f"{path}.")}
                value = nested(inside, path) if inside else value
            if isinstance(control, QCheckBox):
                control.setChecked(bool(value))
            elif isinstance(control, ChoiceBox):
                control.choose(value)
            elif isinstance(control, GroupList):
                control.show_groups(value or ())
            elif isinstance(control, QLineEdit):
                control.setText(written(value))

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there."""
        for path, field in self.fields.items():
            field.fault.show_fault(faults.get(path, ""))
            control = self.controls.get(path)
            if isinstance(control, GroupList):
                control.show_faults(path, faults)


class GroupList(QWidget):
    """Any number of the same dataclass: one is added by a button, and each taken away by its own.

    begins_with  what one that is added says at first
    """

    changed = Signal()

    def __init__(self, cls: type, label: str) -> None:
        super().__init__()
        self._of, self._label = cls, label
        self.begins_with: Mapping[str, Any] = {}
        self._rows: list[tuple[QWidget, DerivedFields]] = []
        self.add = QPushButton(self.tr("Add"))
        self.add.setAccessibleName(self.tr("{0}: add one").format(label))
        self.add.clicked.connect(self._add_one)
        self._inside = QVBoxLayout(self)
        stack(self._inside)
        below = QHBoxLayout()
        below.addWidget(self.add)
        below.addStretch(1)
        self._inside.addLayout(below)

    @property
    def groups(self) -> list[DerivedFields]:
        """The fields of each."""
        return [fields for _, fields in self._rows]

    def values(self) -> list[dict[str, Any]]:
        """Each as a file would hold it."""
        return [fields.mapping() for fields in self.groups]

    def show_groups(self, groups: Sequence[Mapping[str, Any]]) -> None:
        """Show these and no others."""
        while self._rows:
            self._take_away(self._rows[0][0])
        for group in groups:
            self._insert().show_values(group)

    def show_faults(self, path: str, faults: Mapping[str, str]) -> None:
        """Say by each field of each what is wrong there; `path` is that of the list."""
        for place, fields in enumerate(self.groups):
            prefix = f"{path}[{place}]."
            fields.show_faults({at.removeprefix(prefix): text for at, text in faults.items() if at.startswith(prefix)})

    def _insert(self) -> DerivedFields:
        row, fields = QWidget(), DerivedFields(self._of, "")
        remove = QPushButton(self.tr("Remove"))
        remove.clicked.connect(self._remove_one)
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        across.addWidget(fields, 1)
        across.addWidget(remove)
        fields.changed.connect(self.changed)
        self._inside.insertWidget(len(self._rows), row)
        self._rows.append((row, fields))
        self._name_rows()
        return fields

    def _name_rows(self) -> None:
        """What a screen reader says of each, by its number."""
        for number, (row, fields) in enumerate(self._rows, 1):
            for path, control in fields.controls.items():
                control.setAccessibleName(f"{self._label} {number}: {path}")
            for button in row.findChildren(QPushButton):
                button.setAccessibleName(self.tr("{0}: remove number {1}").format(self._label, number))

    def _take_away(self, row: QWidget) -> None:
        self._rows = [known for known in self._rows if known[0] is not row]
        self._inside.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._name_rows()

    @Slot()
    def _add_one(self) -> None:
        self._insert().show_values(self.begins_with)
        self.changed.emit()

    @Slot()
    def _remove_one(self) -> None:
        sender = self.sender()
        row = sender.parentWidget() if isinstance(sender, QPushButton) else None
        if row is not None:
            self._take_away(row)
            self.changed.emit()


def _first_line(cls: type | None) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0] if cls is not None else ""


def written(value: Any) -> str:
    """A value as it stands in a field: every digit of a number, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_as_toml(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(written(each) for each in value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def read(text: str, facts: FieldFacts) -> Any:
    """What a text stands for: None where it is left out, the text itself where it is not of its kind."""
    if facts.kind == "table":
        return _read_table(text)
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


def _as_toml(value: Any) -> str:
    """A value in a line of TOML: its strings and its words for true and false are those of JSON."""
    if isinstance(value, Mapping):
        return f"{{{written(value)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_as_toml, value))}]"
    return json.dumps(value)


def _read_table(text: str) -> Any:
    """`depth = 4, img_size = [96, 96]` as a mapping; the text itself where it is none."""
    try:
        return tomllib.loads(f"table = {{{text}}}")["table"]
    except tomllib.TOMLDecodeError:
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
