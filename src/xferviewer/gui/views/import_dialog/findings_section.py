"""Which findings the logits speak of, in their order, and which of them were trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from xferviewer.checkpoints.finding_lists import VOCABULARIES, names_in, read_names
from xferviewer.checkpoints.import_answers import Answers, Task
from xferviewer.errors import XferviewerError
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field, heading, stack, tool_tip
from xferviewer.gui.theme import GRID

_FEWEST_ROWS, _MOST_ROWS = 3, 8


class FindingsSection(QWidget):
    """A row for each logit; more where more are named than there are."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.table = _FindingTable()
        self.table.itemChanged.connect(self.changed)
        self.table.pasted.connect(self.name_from)
        self.vocabulary: ChoiceBox[str] = ChoiceBox(self.tr("Published findings"))
        self.vocabulary.setToolTip(
            tool_tip(self.tr("Lists in the order in which the published code numbers its outputs"))
        )
        self.vocabulary.activated.connect(self._take_vocabulary)
        self.paste = self._button(self.tr("Paste"), self.tr("Paste the findings"), self._paste)
        self.paste.setToolTip(
            tool_tip(self.tr("One to a line, or with commas between them; in the table Ctrl+V does the same"))
        )
        self.read = self._button(self.tr("From file …"), self.tr("Read the findings from a file"), self._read)
        self.read.setToolTip(tool_tip(self.tr("A .txt or .csv file, one to a line, or .json")))
        self.field = Field(
            self.tr("Findings"),
            self.tr(
                "The name of each logit, in the order in which the network gives them. No file carries them; a wrong "
                "order gives numbers that look right. Take the tick away where the head was never trained: such a "
                "finding is not drawn."
            ),
            self.table,
        )
        buttons = QHBoxLayout()
        buttons.setSpacing(2 * GRID)
        buttons.addStretch(1)
        for button in (self.vocabulary, self.read, self.paste):
            buttons.addWidget(button)
        self.task: ChoiceBox[Task] = ChoiceBox(self.tr("Task"), stretches=True)
        self.task.activated.connect(self.changed)
        self.task_field = Field(
            self.tr("Task"),
            self.tr(
                "What makes probabilities of the logits. A sigmoid or softmax inside the file's own network has no "
                "weights: logits are kept, and this is what is computed from them."
            ),
            self.task,
        )
        layout = QVBoxLayout(self)
        stack(layout, heading(self.tr("Findings")), self.field)
        layout.addLayout(buttons)
        layout.addWidget(self.task_field)
        self.offer(1)

    def offer(self, outputs: int) -> None:
        """Make room for so many logits; vocabularies of that length come first."""
        self.table.set_outputs(outputs)
        fitting = sorted(VOCABULARIES, key=lambda name: len(VOCABULARIES[name]) != outputs)
        self.vocabulary.offer([(self.tr("Published list …"), ""), *((name, name) for name in fitting)], "")
        one: list[tuple[str, Task]] = [(self.tr("binary: a sigmoid of one logit"), "binary")]
        several: list[tuple[str, Task]] = [
            (self.tr("multi-label: findings of which several may be there"), "multi-label"),
            (self.tr("multi-class: classes that exclude each other (softmax)"), "multi-class"),
        ]
        self.task.offer([*one, several[0]] if outputs == 1 else several, "binary" if outputs == 1 else "multi-label")

    def show_said(self, said: Answers) -> None:
        """What the file beside the weights says."""
        self.table.set_names(said.findings, said.untrained or ())
        if said.task is not None:
            self.task.choose(said.task)

    @property
    def names(self) -> tuple[str, ...]:
        """As they stand, blank ones among them; those at the end that are blank left out."""
        return self.table.names()

    @property
    def untrained(self) -> tuple[int, ...]:
        """The places without a tick."""
        return self.table.untrained()

    @Slot(str)
    def name_from(self, text: str) -> None:
        """Take the names in a text for all logits."""
        names = names_in(text)
        if names:
            self.table.set_names(names)
            self.changed.emit()

    @Slot(int)
    def _take_vocabulary(self) -> None:
        if self.vocabulary.value:
            self.table.set_names(VOCABULARIES[self.vocabulary.value])
            self.changed.emit()

    @Slot()
    def _paste(self) -> None:
        self.name_from(QGuiApplication.clipboard().text())

    @Slot()
    def _read(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, self.tr("Read the findings"), filter=self.tr("Lists (*.txt *.csv *.json);;All files (*)")
        )
        if chosen:
            self.read_from(Path(chosen))

    def read_from(self, path: Path) -> None:
        """Take the names in a file, or say why there are none."""
        try:
            self.table.set_names(read_names(path))
        except XferviewerError as error:
            self.field.fault.show_fault(str(error))
        else:
            self.changed.emit()

    def _button(self, text: str, name: str, pressed: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(name)
        button.setAutoDefault(False)
        button.clicked.connect(pressed)
        return button


class _FindingTable(QTableWidget):
    """A column of names that can be edited, each with a tick for "trained"; the row numbers are those of the logits."""

    def __init__(self) -> None:
        super().__init__(0, 1)
        self._outputs = 0
        self.setHorizontalHeaderLabels([self.tr("finding, ticked where it was trained")])
        self.horizontalHeader().setStretchLastSection(True)
        self.setTabKeyNavigation(False)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * GRID)

    pasted = Signal(str)

    def set_outputs(self, outputs: int) -> None:
        if outputs != self._outputs:
            self._outputs = outputs
            untrained = self.untrained()
            names = self.names()
            self.set_names(names, [name for place, name in enumerate(names) if place in untrained])

    def set_names(self, names: Sequence[str], untrained: Sequence[str] = ()) -> None:
        """Names from the first logit on, all of them trained but these."""
        self.blockSignals(True)
        self.setRowCount(max(self._outputs, len(names)))
        rows = min(max(self.rowCount(), _FEWEST_ROWS), _MOST_ROWS)
        header = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(header + rows * self.verticalHeader().defaultSectionSize() + GRID)
        for row in range(self.rowCount()):
            name = names[row] if row < len(names) else ""
            item = QTableWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked if name and name in untrained else Qt.CheckState.Checked)
            self.setItem(row, 0, item)
        self.blockSignals(False)

    def names(self) -> tuple[str, ...]:
        names = [item.text().strip() for item in self._items()]
        while names and not names[-1]:
            names.pop()
        return tuple(names)

    def untrained(self) -> tuple[int, ...]:
        unchecked = Qt.CheckState.Unchecked
        return tuple(row for row, item in enumerate(self._items()) if item.checkState() == unchecked)

    def _items(self) -> list[QTableWidgetItem]:
        items = (self.item(row, 0) for row in range(self.rowCount()))
        return [item for item in items if item is not None]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A list that is pasted fills the rows; what else is typed edits one."""
        if event.matches(QKeySequence.StandardKey.Paste):
            self.pasted.emit(QGuiApplication.clipboard().text())
        else:
            super().keyPressEvent(event)
