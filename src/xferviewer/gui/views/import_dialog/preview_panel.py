"""The film on screen as the network would take it, the range of its values, and what the network says of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from xferviewer.checkpoints.import_report import InputPreview
from xferviewer.gui.field import FaultLine, heading, said, tool_tip
from xferviewer.gui.theme import GRID

_SIDE = 64 * GRID


class PreviewPanel(QWidget):
    """Shows the last answer, or in words why there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(_SIDE + 20 * GRID)
        self.shown: InputPreview | None = None
        self.picture = QLabel()
        self.picture.setObjectName("seen")
        self.picture.setAccessibleName(self.tr("The film as the network sees it"))
        self.picture.setFixedHeight(_SIDE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words = said()
        self.fault = FaultLine()
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName(self.tr("What the network says of the film"))
        self.table.setHorizontalHeaderLabels([self.tr("finding"), self.tr("probability"), self.tr("logit")])
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * GRID)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            self.table.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(heading(self.tr("As the network sees it")))
        for widget in (self.picture, self.words, self.fault):
            layout.addWidget(widget)
        layout.addWidget(self.table, 1)
        self.show_words("")

    def show_words(self, words: str, fault: str = "") -> None:
        """Nothing can be shown, and why."""
        self.shown = None
        self.picture.clear()
        self.table.setRowCount(0)
        self.words.setText(words)
        self.fault.show_fault(fault)

    def show_preview(self, preview: InputPreview, names: Sequence[str]) -> None:
        """Picture, range and numbers."""
        self.shown = preview
        picture = QPixmap()
        picture.loadFromData(base64.b64decode(preview.picture), "PNG")
        self.picture.setPixmap(
            picture.scaled(_SIDE, _SIDE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
        )
        self.fault.show_fault("")
        self.words.setText(
            self.tr("{0} × {1}, {2} channels. After normalisation {3:.2f} to {4:.2f}, mean {5:.2f}, deviation {6:.2f}.")
            .format(
                *preview.size, preview.channels, preview.minimum, preview.maximum, preview.mean, preview.deviation
            )
            .replace("-", "−")
        )  # fmt: skip
        self.words.setToolTip(
            tool_tip(self.tr("Most networks learned from values of mean about 0 and deviation about 1, bones bright."))
        )
        self.table.setRowCount(len(preview.logits))
        for row, (logit, probability) in enumerate(zip(preview.logits, preview.probabilities, strict=True)):
            for column, text in enumerate(("", f"{probability:.3f}", f"{logit:.3f}".replace("-", "−"))):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)
        self.name_rows(names)

    def name_rows(self, names: Sequence[str]) -> None:
        """The findings that the logits are taken for."""
        for row in range(self.table.rowCount()):
            name = names[row] if row < len(names) and names[row] else self.tr("logit {0}").format(row + 1)
            item = QTableWidgetItem(name)
            item.setToolTip(tool_tip(name))
            self.table.setItem(row, 0, item)
