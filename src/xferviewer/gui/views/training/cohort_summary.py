"""What a cohort is: images, patients and findings by part of the split, and that no patient is in two parts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from xferviewer.gui.field import said
from xferviewer.gui.theme import GRID
from xferviewer.gui.training_cohort import TrainingCohort


class CohortSummary(QWidget):
    """A table, and sentences above it: the receipt of the split, what the source demands, what was met at import."""

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.words = said()
        self.receipt = said()
        self.table = QTableWidget(0, 0)
        self.table.setAccessibleName(self.tr("The cohort in numbers"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * GRID)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        for widget in (self.title, self.receipt, self.words):
            layout.addWidget(widget)
        layout.addWidget(self.table, 1)
        self.show_cohort(None)

    def show_cohort(self, cohort: TrainingCohort | None) -> None:
        """Show what was counted when the cohort was looked at."""
        self.receipt.setVisible(cohort is not None and bool(cohort.receipt))
        self.words.setVisible(cohort is not None and bool(cohort.notes))
        if cohort is None:
            self.title.setText(self.tr("Choose the images that the job learns from."))
            self.show_rows((), ())
            return
        if cohort.images is None:
            self.title.setText(
                self.tr("Synthetic films, rendered when the job starts; their labels are known exactly.")
            )
        else:
            self.title.setText(
                self.tr("{0}: {1} images, {2} × {3}").format(
                    cohort.name, f"{cohort.images:,}", f"{cohort.patients or 0:,}", cohort.group
                )
            )
        leaks = self.tr("This split leaks, and was chosen by its name. ") if cohort.leaks else ""
        self.receipt.setText(self.tr("Leakage receipt: {0}{1}").format(leaks, cohort.receipt))
        self.receipt.setObjectName("notice" if cohort.leaks else "")
        self.receipt.style().polish(self.receipt)
        self.words.setText("\n".join(cohort.notes))
        self.show_rows(cohort.titles, cohort.numbers)

    def show_rows(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Fill the table; the first column is text, the others numbers."""
        self.table.setColumnCount(len(titles))
        self.table.setHorizontalHeaderLabels(list(titles))
        self.table.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)
