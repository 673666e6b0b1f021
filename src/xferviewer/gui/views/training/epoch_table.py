"""The epochs of a job as a table: losses, learning rate, AUC of each finding with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from xferviewer.gui.job_history import Area, Epoch
from xferviewer.gui.theme import GRID


class EpochTable(QTableWidget):
    """The newest epoch on top; a star marks those whose weights were the best so far."""

    def __init__(self) -> None:
        super().__init__(0, 0)
        self.setAccessibleName(self.tr("Epochs of the job"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * GRID)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self._shown: Sequence[Epoch] = ()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say so where there is nothing to show."""
        super().paintEvent(event)
        if not self.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, self.tr("No epoch has ended yet."))
            painter.end()

    def show_epochs(self, epochs: Sequence[Epoch]) -> None:
        """Show these; nothing is done where they are shown already."""
        if list(epochs) == list(self._shown):
            return
        self._shown = list(epochs)
        findings = list(epochs[-1].areas) if epochs else []
        titles = [
            self.tr("epoch"), self.tr("training loss"), self.tr("validation loss"), self.tr("learning rate"),
            self.tr("mean AUC"), *findings,
        ]  # fmt: skip
        self.setColumnCount(len(titles))
        self.setHorizontalHeaderLabels(titles)
        self.setRowCount(len(epochs))
        for row, epoch in enumerate(reversed(epochs)):
            marks = "★ " if epoch.best else ""
            if epoch.majority_guess:
                marks += "⚠ "
            texts = [
                f"{marks}{epoch.number}", _number(epoch.training_loss, 4), _number(epoch.validation_loss, 4),
                "–" if math.isnan(epoch.learning_rate) else f"{epoch.learning_rate:.2e}", _number(epoch.mean_auc, 3),
                *(_words(epoch.areas.get(finding)) for finding in findings),
            ]  # fmt: skip
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if epoch.majority_guess:
                    item.setToolTip(self.tr("Every image got the same class: a guess of the majority, nothing learned"))
                self.setItem(row, column, item)


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _words(area: Area | None) -> str:
    if area is None or math.isnan(area.auc):
        return "–"
    interval = "" if math.isnan(area.lower) else f" [{area.lower:.3f}, {area.upper:.3f}]"
    return f"{area.auc:.3f}{interval}"
