"""Asks for one more column: a checkpoint asked several times of each image, or an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from xferviewer.checkpoints import FLIP, MOST_DROPOUT_PASSES, TEN_CROP, Checkpoint, Passes
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.columns import Column, EnsembleColumn, Member, PassColumn, why_no_ensemble
from xferviewer.gui.seed_groups import SeedGroup, seed_groups
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID

Kind = str  # "flip", "ten-crop", "mc-dropout", "ensemble"
_USUAL_PASSES = 20


class ColumnDialog(QDialog):
    """Choose a kind, tick what it is made of; what cannot be chosen is greyed and says why when pointed at."""

    asked = Signal(object)  # tuple[Column, ...]

    def __init__(self, session: Session, chosen: str, parent: QWidget) -> None:
        """`chosen` is the digest of the checkpoint that is ticked at first."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Add a column"))
        self._session = session
        self._chosen = chosen
        self._rows: list[Member] = []
        self.kind = ChoiceBox[Kind](self.tr("Kind of column"))
        self.kind.setMaximumWidth(16777215)
        self.kind.offer(
            [
                (self.tr("flipped: the image and its mirror image"), "flip"),
                (self.tr("ten crops: corners and centre, and mirrored"), "ten-crop"),
                (self.tr("Monte-Carlo dropout: random passes"), "mc-dropout"),
                (self.tr("ensemble: the mean of several"), "ensemble"),
            ],
            "flip",
        )
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.passes = QSpinBox(minimum=2, maximum=MOST_DROPOUT_PASSES, value=_USUAL_PASSES)
        self.passes.setAccessibleName(self.tr("Passes with dropout"))
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name of the ensemble"))
        self.name.setPlaceholderText(self.tr("called after its members"))
        self.seeds = ChoiceBox[SeedGroup | None](self.tr("Seeds of one recipe"), stretches=True)
        self.members = QListWidget()
        self.members.setAccessibleName(self.tr("What the column is made of"))
        self.members.setMinimumSize(90 * GRID, 30 * GRID)
        self.why = QLabel()
        self.why.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.form = QFormLayout()
        self.form.addRow(self.tr("Kind"), self.kind)
        self.form.addRow(self.tr("Passes"), self.passes)
        self.form.addRow(self.tr("Called"), self.name)
        self.form.addRow(self.tr("Seeds of"), self.seeds)
        layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        layout.addWidget(self.about)
        layout.addWidget(self.members, 1)
        layout.addWidget(self.why)
        layout.addWidget(self.buttons)
        self.kind.currentIndexChanged.connect(self._show)
        self.seeds.activated.connect(self._tick_seeds)
        self.members.itemChanged.connect(self._judge)
        self.name.textChanged.connect(self._judge)
        self.passes.valueChanged.connect(self._judge)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self._show()

    # --- what can be chosen

    @Slot()
    def _show(self) -> None:
        kind, session = self.kind.value, self._session
        self.about.setText(self._about())
        self.form.setRowVisible(self.passes, kind == "mc-dropout")
        self.form.setRowVisible(self.name, kind == "ensemble")
        groups = seed_groups(self._possible_members()) if kind == "ensemble" else []
        self.form.setRowVisible(self.seeds, bool(groups))
        self.seeds.offer([(self.tr("choose below"), None), *((group.name, group) for group in groups)], None)
        self._rows = self._possible_members() if kind == "ensemble" else list(session.classifiers.checkpoints)
        self.members.blockSignals(True)
        self.members.clear()
        for member in self._rows:
            item = QListWidgetItem(member.name, self.members)
            why = self._why_not(member)
            item.setToolTip(why or member.title)
            able = Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled
            item.setFlags(Qt.ItemFlag.NoItemFlags if why else able)
            if why:
                item.setText(f"{member.name}: {why}")
            ticked = not why and (kind == "ensemble" or member.digest == self._chosen or len(self._rows) == 1)
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
        self.members.blockSignals(False)
        self._judge()

    def _possible_members(self) -> list[Member]:
        session = self._session
        passes = [column for column in session.classifiers.columns if isinstance(column, PassColumn)]
        return [*session.classifiers.checkpoints, *session.classifiers.imported, *passes]

    def _about(self) -> str:
        averaged = self.tr("The probability is the mean of the probabilities; how far these differ stands beside it.")
        more = {
            "flip": self.tr(
                "A mirrored chest film has its heart on the other side: beware where a finding lies left or right, "
                "as in dextrocardia."
            ),
            "ten-crop": self.tr(
                "Half of the crops are mirrored: beware where a finding lies left or right. A crop may miss the edge "
                "of the film."
            ),
            "mc-dropout": self.tr(
                "The same image gives the same numbers each time: what is dropped hangs on image and pass alone."
            ),
            "ensemble": self.tr("Over the findings that all members have. An ensemble has no map of its own."),
        }
        return f"{averaged} {more[self.kind.value or 'flip']}"

    def _why_not(self, member: Member) -> str:
        """Why this one cannot be chosen; empty where it can."""
        if self.kind.value == "ensemble":
            odd = not self._session.classifiers.holds_probabilities(member.digest)
            return self.tr("its scores are no probabilities") if odd else ""
        if self.kind.value == "mc-dropout":
            has = self._session.has_dropout(member.digest)
            if has is None:
                return self.tr("the engine has not opened it yet")
            return "" if has else self.tr("it has no dropout, neither in its head nor in its backbone")
        return ""

    @Slot()
    def _tick_seeds(self) -> None:
        group = self.seeds.value
        for row, member in enumerate(self._rows):
            ticked = group is not None and member.digest in group.digests
            if group is not None and not self._why_not(member):
                state = Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
                self.members.item(row).setCheckState(state)
        if group is not None and not self.name.text():
            self.name.setText(group.name)

    # --- what was chosen

    def columns(self) -> tuple[Column, ...]:
        """The columns that are asked for; an ensemble of too few is among them."""
        ticked = self._ticked()
        if self.kind.value == "ensemble":
            return (EnsembleColumn(self.name.text().strip(), tuple(ticked)),) if ticked else ()
        passes = self._passes()
        return tuple(PassColumn(member, passes) for member in ticked if isinstance(member, Checkpoint))

    def _passes(self) -> Passes:
        made: dict[Kind, Callable[[], Passes]] = {
            "ten-crop": lambda: TEN_CROP,
            "mc-dropout": lambda: Passes("mc-dropout", self.passes.value()),
        }
        return made.get(self.kind.value or "", lambda: FLIP)()

    def _ticked(self) -> Sequence[Member]:
        checked = Qt.CheckState.Checked
        return [member for row, member in enumerate(self._rows) if self.members.item(row).checkState() == checked]

    @Slot()
    def _judge(self) -> None:
        why = self._why_not_now()
        self.why.setText(why)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not why)

    def _why_not_now(self) -> str:
        ticked = self._ticked()
        if self.kind.value == "ensemble":
            why = why_no_ensemble(ticked)
        else:
            able = any(not self._why_not(member) for member in self._rows)
            nothing = self.tr("Tick a checkpoint.") if able else self.tr("No checkpoint that is open can do this.")
            why = "" if ticked else nothing
        there = self._session.classifiers.all
        if not why and all(column.digest in {each.digest for each in there} for column in self.columns()):
            why = self.tr("That is compared already.")
        elif not why and self.kind.value == "ensemble" and self.columns()[0].name in {each.name for each in there}:
            why = self.tr("Another column has that name.")
        return why

    @Slot()
    def _accept(self) -> None:
        self.asked.emit(self.columns())
        self.accept()
