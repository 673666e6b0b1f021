"""The head of the network: its kind and the arguments that this kind has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from xferviewer.checkpoints.card import Head, HeadKind
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field, stack
from xferviewer.gui.spec_fields import docstring_words
from xferviewer.gui.views.training.derived_fields import NAME_WIDTH, written

_PUBLISHED = ("conv as published", "conv-skip as published")


class HeadSection(QWidget):
    """Arguments that a kind does not have are out of sight, and out of the specification."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        words = docstring_words(Head)
        self.kind: ChoiceBox[HeadKind] = ChoiceBox(self.tr("Head"), stretches=True)
        self.kind.offer([(kind, kind) for kind in get_args(HeadKind)], "linear")
        self.lines: dict[str, QLineEdit] = {}
        self.fields = {
            "network.head": Field(
                self.tr("Head"), self.tr("What stands between the pooled features and the logits; it always learns"),
                self.kind, name_width=NAME_WIDTH,
            )
        }  # fmt: skip
        for name, default in Head("conv-skip").arguments.items():
            line = QLineEdit(written(default))
            line.textEdited.connect(self.changed)
            label = self.tr("Head: {0}").format(name.replace("_", " "))
            self.lines[name] = line
            self.fields[f"network.head.{name}"] = Field(label, words[name], line, name_width=NAME_WIDTH)
        self.kind.activated.connect(self._choose)
        stack(QVBoxLayout(self), *self.fields.values())
        self._show_arguments()

    @Slot()
    def _choose(self) -> None:
        self._show_arguments()
        self.changed.emit()

    def _arguments(self) -> tuple[str, ...]:
        """Of the published kinds the filters alone: nothing heeds the others."""
        kind = self.kind.value or "linear"
        return ("filters",) if kind in _PUBLISHED else tuple(Head(kind).arguments)

    def _show_arguments(self) -> None:
        for name in self.lines:
            self.fields[f"network.head.{name}"].setVisible(name in self._arguments())

    def mapping(self) -> dict[str, Any]:
        """As a file holds it; text that is no number stays text."""
        parameters: dict[str, Any] = {}
        for name in self._arguments():
            text = self.lines[name].text().strip()
            try:
                parameters[name] = float(text)
            except ValueError:
                parameters[name] = text
        return {"kind": self.kind.value or "linear", "parameters": parameters}

    def show_head(self, head: Mapping[str, Any]) -> None:
        """Show a head as a file holds it."""
        self.kind.choose(head.get("kind", "linear"))
        arguments = {**Head("conv-skip").arguments, **head.get("parameters", {})}
        for name, line in self.lines.items():
            line.setText(written(arguments[name]))
        self._show_arguments()

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there; the head's own check names an argument in its sentence."""
        sentence = next((text for path, text in faults.items() if path.startswith("network.head")), "")
        named = next((name for name in self.lines if name.replace("_", " ") in sentence.lower()), None)
        for path, field in self.fields.items():
            at = f"network.head.{named}" if named in self._arguments() else "network.head"
            field.fault.show_fault(sentence if path == at else "")
