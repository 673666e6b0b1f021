"""What the file is, which architectures it was compared with, and the choice among them."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from xferviewer.checkpoints.import_report import Candidate, FileReport
from xferviewer.errors import XferviewerError
from xferviewer.gui.field import FaultLine, Field, heading, said, stack, tool_tip
from xferviewer.gui.theme import GRID

_ROWS = 4


class FileSection(QWidget):
    """`architecture_asked` asks to compare the file with one more; `file_asked` for another file."""

    file_asked = Signal()
    architecture_asked = Signal(str)
    architecture_chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.facts = said()
        self.done = said()
        self.done.setObjectName("faint")
        self.refused = FaultLine()
        self.other_file = QPushButton(self.tr("Another file …"))
        self.other_file.setAccessibleName(self.tr("Choose another file of weights"))
        self.other_file.setAutoDefault(False)
        self.other_file.clicked.connect(self.file_asked)
        top = QHBoxLayout()
        top.addWidget(heading(self.tr("The file")), 1)
        top.addWidget(self.other_file)
        self.table = _CandidateTable()
        self.table.itemSelectionChanged.connect(self.architecture_chosen)
        self.named = QLineEdit()
        self.named.setAccessibleName(self.tr("Another architecture"))
        self.named.setPlaceholderText(self.tr("another, by timm's or torchvision's name"))
        self.named.returnPressed.connect(self._ask)
        self.compare = QPushButton(self.tr("Compare"))
        self.compare.setAutoDefault(False)
        self.compare.setAccessibleName(self.tr("Compare the file with this architecture"))
        self.compare.clicked.connect(self._ask)
        self.field = Field(
            self.tr("Architecture"),
            self.tr(
                "Told from names and shapes. Where several fit they compute different things from the same weights: "
                "the program that trained it knows which it is."
            ),
            self.table,
        )
        more = Field(self.tr("or"), self.tr("An architecture that is not in the list"), self.named, self.compare)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        stack(layout, self.facts, self.refused, self.done, self.field, more)
        self._shown: tuple[Candidate, ...] = ()

    @property
    def candidate(self) -> Candidate | None:
        """The architecture that is chosen."""
        rows = self.table.selectionModel().selectedRows()
        return self._shown[rows[0].row()] if rows and rows[0].row() < len(self._shown) else None

    def show_waiting(self, file: str) -> None:
        """Nothing is known of this file yet."""
        self.facts.setText(file)
        self.done.setText("")
        self.refused.show_fault("")
        self._shown = ()
        self.table.setRowCount(0)

    def show_refusal(self, error: XferviewerError) -> None:
        """Why the file cannot be imported, or not be compared."""
        self.refused.show_fault(str(error))

    def show_report(self, report: FileReport) -> None:
        """Facts, and the candidates; those that an earlier answer spoke of stay. The one that fits alone is chosen."""
        self.refused.show_fault("")
        self.facts.setText(
            self.tr("{0}\n{1}, {2:.1f} MB, {3} tensors with {4:,} numbers\nSHA-256 {5}…").format(
                report.file, report.container, report.size_bytes / 1e6, report.tensors, report.parameters,
                report.sha256[:16],
            )
        )  # fmt: skip
        self.facts.setToolTip(tool_tip(self.tr("SHA-256 {0}").format(report.sha256)))
        beside = self.tr("Read beside it: {0}.").format(", ".join(report.beside)) if report.beside else ""
        self.done.setText(" ".join([*report.decisions, beside]).strip())
        self.done.setVisible(bool(self.done.text()))
        named = {each.architecture for each in report.candidates}
        kept = [each for each in self._shown if each.architecture not in named]
        self._shown = tuple(sorted([*report.candidates, *kept], key=lambda each: each.faults))
        self.table.show_candidates(self._shown)
        fitting = [place for place, each in enumerate(self._shown) if each.fits]
        told = [place for place, each in enumerate(self._shown) if each.architecture == report.said.architecture]
        asked = [
            place
            for place, each in enumerate(self._shown)
            if len(report.candidates) == 1 and each.architecture == report.candidates[0].architecture
        ]
        chosen = asked or told or (fitting if len(fitting) == 1 else [])
        if not fitting and self._shown and not chosen:
            chosen = [0]  # the nearest, so that it is said what does not fit
        if chosen:
            self.table.selectRow(chosen[0])
        else:
            self.table.clearSelection()
        self.architecture_chosen.emit()

    @Slot()
    def _ask(self) -> None:
        if self.named.text().strip():
            self.architecture_asked.emit(self.named.text().strip())


class _CandidateTable(QTableWidget):
    """An architecture a row, the best first."""

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.setHorizontalHeaderLabels([self.tr("architecture"), self.tr("how it fits")])
        self.verticalHeader().hide()
        self.horizontalHeader().setStretchLastSection(True)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)  # what is too long ends in dots, and stands in the tool tip
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * GRID)
        header = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(header + _ROWS * self.verticalHeader().defaultSectionSize() + GRID)

        self.itemSelectionChanged.connect(self._make_bold)

    @Slot()
    def _make_bold(self) -> None:
        """The chosen row, which is seen when the table has no focus, too."""
        chosen = {index.row() for index in self.selectionModel().selectedRows()}
        for row in range(self.rowCount()):
            item = self.item(row, 0)
            if item is not None:
                font = item.font()
                font.setBold(row in chosen)
                item.setFont(font)

    def show_candidates(self, candidates: tuple[Candidate, ...]) -> None:
        self.blockSignals(True)
        self.setRowCount(len(candidates))
        for row, each in enumerate(candidates):
            words = self._words(each)
            for column, text in enumerate((each.architecture, words)):
                item = QTableWidgetItem(text)
                item.setToolTip(tool_tip(words))
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                self.setItem(row, column, item)
        self.clearSelection()
        self.blockSignals(False)

    def _words(self, each: Candidate) -> str:
        if not each.fits:
            return self.tr("{0} tensors do not fit: {1}").format(each.faults, each.first_fault)
        if each.outputs is None:
            return self.tr("fits, without a head")
        return self.tr("fits; {0} head, {1} logits, {2} channels, {3} × {4}").format(
            each.head, each.outputs, each.channels, *each.size
        )
