"""The work line: what runs in the background, how far it is, how long it will take, and a way to stop it."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from xferviewer.gui.library import IndexProgress, IndexResult
from xferviewer.gui.predicting import PredictionProgress
from xferviewer.gui.theme import GRID


class WorkLine(QWidget):
    """Hidden while nothing runs."""

    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setFixedWidth(40 * GRID)
        self.bar.setTextVisible(False)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.cancel.clicked.connect(self.cancel_asked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(GRID, 0, GRID, 0)
        layout.addStretch(1)
        layout.addWidget(self.text)
        layout.addWidget(self.bar)
        layout.addWidget(self.cancel)
        self.hide()

    @Slot(object)
    def show_index(self, progress: IndexProgress) -> None:
        """How many files have been seen; nobody knows how many there are."""
        self.bar.setRange(0, 0)
        self.text.setText(
            self.tr("indexing: {0} files, {1} images, {2} refused, {3} files/s").format(
                progress.files, progress.images, progress.refused, round(progress.rate)
            )
        )
        self.show()

    @Slot(object)
    def show_index_end(self, result: IndexResult) -> None:
        """Nothing is indexed any more."""
        self.hide()

    def show_writing(self, *, running: bool) -> None:
        """An evaluation is being written; nobody knows how long that takes."""
        self.bar.setRange(0, 0)
        self.text.setText(self.tr("writing the evaluation …"))
        self.setVisible(running)

    @Slot(object)
    def show_prediction(self, progress: PredictionProgress) -> None:
        """Images done, rate and time to go."""
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        text = self.tr("predicting: {0} of {1}").format(progress.done, progress.total)
        if not math.isnan(progress.remaining_seconds):
            text += self.tr(", {0} images/s, {1} left").format(
                f"{progress.rate:.1f}", _duration(progress.remaining_seconds)
            )
        self.text.setText(text)
        self.setVisible(progress.done < progress.total)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
