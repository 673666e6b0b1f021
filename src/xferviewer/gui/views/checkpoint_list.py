"""The checkpoint list: which checkpoints are compared, which have a pane, and what their cards say."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from xferviewer.checkpoints import Checkpoint
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.columns import Classifier, EnsembleColumn, PassColumn
from xferviewer.gui.input_words import inputs_text
from xferviewer.gui.pane_layouts import MOST_PANES
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, small_font, swatch


class CheckpointList(QWidget):
    """Tick a checkpoint to give it a pane; choose one to read its card."""

    add_asked = Signal()
    import_asked = Signal()
    column_asked = Signal(str)  # digest of the one that is chosen
    remove_asked = Signal(str)  # digest

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._showing = False
        self._rows: tuple[Classifier, ...] = ()  # those that are listed; the session may already have others
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Checkpoints; ticked ones have a pane"))
        self.card = QPlainTextEdit()
        self.card.setReadOnly(True)
        self.card.setFont(small_font())
        self.card.setAccessibleName(self.tr("Card of the chosen checkpoint"))
        self.acknowledge = QPushButton(self.tr("Acknowledge the marks of inputs"))
        self.acknowledge.setToolTip(
            self.tr("You have seen that this cohort is not as the checkpoints expect it: ⚠ becomes △ and stays")
        )
        self.acknowledge.hide()
        self.add = QPushButton(self.tr("Add …"))
        self.add.setAccessibleName(self.tr("Add a checkpoint folder"))
        self.add.setToolTip(self.tr("Compare a checkpoint: choose its folder"))
        self.import_ = QPushButton(self.tr("Import …"))
        self.import_.setToolTip(self.tr("A file of weights that another program made"))
        self.column = QPushButton(self.tr("Column …"))
        self.column.setAccessibleName(self.tr("Add a column"))
        self.column.setToolTip(
            self.tr("Compare also a mean: of mirrored images, of ten crops, of passes with dropout, or an ensemble")
        )
        self.remove = QPushButton(self.tr("Remove"))
        self.remove.setToolTip(self.tr("Take it out of the comparison; its folder stays"))
        buttons = QVBoxLayout()  # in one row, or in two equal columns, they would take room from the films
        buttons.setSpacing(GRID)
        for pair in ((self.add, self.import_), (self.column, self.remove)):
            row = QHBoxLayout()
            row.setSpacing(GRID)
            for button in pair:
                row.addWidget(button)
            buttons.addLayout(row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.card, 1)
        layout.addWidget(self.acknowledge)
        layout.addLayout(buttons)
        self.add.clicked.connect(self.add_asked)
        self.import_.clicked.connect(self.import_asked)
        self.column.clicked.connect(self._ask_column)
        self.remove.clicked.connect(self._remove)
        self.list.itemChanged.connect(self._ticked)
        self.list.currentRowChanged.connect(self._chosen)
        session.classifiers_changed.connect(self._show)
        session.panes_changed.connect(self._show_panes)
        self.acknowledge.clicked.connect(session.inputs.acknowledge)
        session.inputs.changed.connect(self._show_inputs)
        self._show()

    @Slot()
    def _show(self) -> None:
        self._showing = True
        chosen = max(self.list.currentRow(), 0)
        self.list.clear()
        self._rows = self._session.classifiers.all
        for place, checkpoint in enumerate(self._rows):
            item = QListWidgetItem(QIcon(swatch(style_of(place).colour)), checkpoint.name, self.list)
            item.setToolTip(checkpoint.title)
            if isinstance(checkpoint, Checkpoint):  # only these have maps to show in a pane
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        self._showing = False
        self._show_panes()
        self._show_inputs()
        self.list.setCurrentRow(min(chosen, self.list.count() - 1))
        self._chosen(self.list.currentRow())  # the row may be the same and the checkpoint another

    @Slot()
    def _show_panes(self) -> None:
        self._showing = True
        for row, checkpoint in enumerate(self._rows):
            if isinstance(checkpoint, Checkpoint):
                ticked = checkpoint.digest in self._session.in_panes
                self.list.item(row).setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            font = self.list.item(row).font()
            font.setBold(checkpoint.digest == self._session.active)
            self.list.item(row).setFont(font)
        self._showing = False

    @Slot(QListWidgetItem)
    def _ticked(self, item: QListWidgetItem) -> None:
        if not self._showing:
            checkpoint = self._rows[self.list.row(item)]
            self._session.set_in_pane(checkpoint.digest, item.checkState() == Qt.CheckState.Checked)

    @Slot(int)
    def _chosen(self, row: int) -> None:
        if self._showing:  # the list is being filled: its rows are not those of the session yet
            return
        self._write_card(row)
        if 0 <= row < len(self._rows):
            self._session.set_active(self._rows[row].digest)

    def _write_card(self, row: int) -> None:
        if 0 <= row < len(self._rows):
            compared = self._rows[row]
            inputs = inputs_text(self._session, compared.digest)
            self.card.setPlainText("\n".join(filter(None, [_text(compared), inputs])))
        else:
            self.card.setPlainText(
                self.tr("No checkpoint yet. Add the folder of one; up to {0} are shown side by side.").format(
                    MOST_PANES
                )
            )

    @Slot()
    def _ask_column(self) -> None:
        row = self.list.currentRow()
        self.column_asked.emit(self._rows[row].digest if 0 <= row < len(self._rows) else "")

    @Slot()
    def _show_inputs(self) -> None:
        """Marks beside the names, and what is said of the inputs below the card."""
        marks = [self._session.inputs.mark(each.digest) for each in self._rows]
        self._showing = True
        for row, (compared, mark) in enumerate(zip(self._rows, marks, strict=True)):
            self.list.item(row).setText(f"{mark} {compared.name}" if mark else compared.name)
        self._showing = False
        self.acknowledge.setVisible("⚠" in marks)
        self._write_card(self.list.currentRow())

    @Slot()
    def _remove(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._rows):
            self.remove_asked.emit(self._rows[row].digest)


def _text(compared: Classifier) -> str:
    if isinstance(compared, Checkpoint):
        return _card_text(compared)
    lines = [compared.title, f"findings: {', '.join(compared.trained_findings)}"]
    if isinstance(compared, EnsembleColumn):
        lines.append("An ensemble has no map of its own: the panes show those of its checkpoints.")
    elif isinstance(compared, PassColumn):
        lines.append(f"The panes show the map of {compared.checkpoint.name} as it is.")
    return "\n".join(lines)


def _card_text(checkpoint: Checkpoint) -> str:
    """Title, network, start, training cohort, and the mean AUC that the card states for each held-out cohort."""
    card = checkpoint.card
    lines = [checkpoint.title, checkpoint.architecture]
    if card.data is not None:
        lines.append(f"trained on {card.data.training} images of {card.data.cohort}")
    by_site: dict[str, list[float]] = {}
    for metric in card.metrics:
        if metric.auc is not None:
            by_site.setdefault(metric.site or metric.cohort, []).append(metric.auc)
    for site, aucs in by_site.items():
        lines.append(f"held out, site {site}: mean AUC {sum(aucs) / len(aucs):.3f} over {len(aucs)} findings")
    return "\n".join(lines)
