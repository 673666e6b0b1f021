"""The windows that a person keeps: their names and numbers, and how to be rid of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from xferviewer.gui.field import FaultLine
from xferviewer.gui.own_windows import OwnWindow
from xferviewer.studies.voi import Window

_EDITED = {2: "name", 3: "centre", 4: "width"}


class WindowsPage(QWidget):
    """A table; name, centre and width are written in it, modality and unit are those of the film it was kept from."""

    changed = Signal()

    def __init__(self, windows: Sequence[OwnWindow], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._windows = list(windows)
        words = QLabel(
            self.tr(
                "“Keep this window as a preset …” in the menu Window adds one. They stand among the presets of films "
                "of their modality and unit."
            )
        )
        words.setWordWrap(True)
        words.setObjectName("faint")
        self.table = QTableWidget(0, 5)
        self.table.setAccessibleName(self.tr("Windows of your own"))
        titles = (self.tr("modality"), self.tr("unit"), self.tr("name"), self.tr("centre"), self.tr("width"))
        self.table.setHorizontalHeaderLabels(list(titles))
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.remove = QPushButton(self.tr("Remove"))
        self.remove.setAccessibleName(self.tr("Remove the chosen window"))
        self.remove.setAutoDefault(False)
        self.remove.clicked.connect(self._remove)
        self.fault = FaultLine()
        layout = QVBoxLayout(self)
        layout.addWidget(words)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.remove)
        layout.addWidget(self.fault)
        self._fill()
        self.table.itemChanged.connect(self._check)

    @property
    def windows(self) -> tuple[OwnWindow, ...]:
        """As they stand in the table. Raises ValueError where one of them is no window."""
        return tuple(self._written(place) for place in range(len(self._windows)))

    @property
    def is_right(self) -> bool:
        """All of them are windows with names."""
        return not self._fault()

    def _written(self, place: int) -> OwnWindow:
        own = self._windows[place]
        name, centre, width = (self._text(place, column) for column in _EDITED)
        if not name or "|" in name:
            raise ValueError(self.tr("it needs a name without |"))
        window = own.window
        written = Window(_number(centre, window.centre), _number(width, window.width), window.function, name)
        return replace(own, window=written)

    def _text(self, place: int, column: int) -> str:
        item = self.table.item(place, column)
        return item.text().strip() if item is not None else ""

    def _fault(self) -> str:
        for place in range(len(self._windows)):
            try:
                self._written(place)
            except ValueError as error:
                return self.tr("Row {0} cannot be kept: {1}.").format(place + 1, error)
        return ""

    def _fill(self) -> None:
        self.table.blockSignals(True)
        self.table.setRowCount(len(self._windows))
        for place, own in enumerate(self._windows):
            window = own.window
            texts = (own.modality or "–", own.unit or "–", own.name, f"{window.centre:g}", f"{window.width:g}")
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column not in _EDITED:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(place, column, item)
        self.table.blockSignals(False)
        if self._windows:
            self.table.selectRow(0)
        self.remove.setEnabled(bool(self._windows))
        self._check()

    @Slot()
    def _check(self) -> None:
        self.fault.show_fault(self._fault())
        self.changed.emit()

    @Slot()
    def _remove(self) -> None:
        place = self.table.currentRow()
        if place >= 0:
            kept = [self._as_written_or_before(other) for other in range(len(self._windows)) if other != place]
            self._windows = kept
            self._fill()

    def _as_written_or_before(self, place: int) -> OwnWindow:
        try:
            return self._written(place)
        except ValueError:
            return self._windows[place]


def _number(text: str, before: float) -> float:
    """What was not touched keeps the digits that the table does not show. Raises ValueError for what is no number."""
    return before if text == f"{before:g}" else float(text)
