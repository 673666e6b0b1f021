"""The work line: what runs in the background, how far it is, how long it will take, and a way to stop it."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal, SignalInstance, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from xferviewer.evaluation.run_progress import RunProgress
from xferviewer.gui.library import IndexProgress, IndexResult
from xferviewer.gui.theme import GRID


class WorkLine(QWidget):
    """Hidden while nothing runs and nothing stands still."""

    cancel_asked = Signal()
    pause_asked = Signal()
    resume_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setFixedWidth(40 * GRID)
        self.bar.setTextVisible(False)
        self.pause = self._button(
            self.tr("Pause"), self.tr("Stop predicting for now; what is computed is kept"), self.pause_asked
        )
        self.go_on = self._button(self.tr("Continue"), self.tr("Predict the images that are left"), self.resume_asked)
        self.cancel = self._button(
            self.tr("Cancel"), self.tr("Stop this work; what is done is kept"), self.cancel_asked
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(GRID, 0, GRID, 0)
        layout.addStretch(1)
        layout.addWidget(self.text)
        layout.addWidget(self.bar)
        for button in (self.pause, self.go_on, self.cancel):
            layout.addWidget(button)
        self._offer()
        self.hide()

    def _button(self, text: str, tool_tip: str, asked: SignalInstance) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tool_tip)
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        button.clicked.connect(asked)
        return button

    def _offer(self, *, pause: bool = False, go_on: bool = False) -> None:
        self.pause.setVisible(pause)
        self.go_on.setVisible(go_on)

    @Slot(object)
    def show_index(self, progress: IndexProgress) -> None:
        """How many files have been seen; nobody knows how many there are."""
        self._offer()
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
        self._offer()
        self.bar.setRange(0, 0)
        self.text.setText(self.tr("writing the evaluation …"))
        self.setVisible(running)

    @Slot(object)
    def show_prediction(self, progress: RunProgress) -> None:
        """Images done, rate and time to go."""
        self._offer(pause=True)
        text = self._done(self.tr("predicting: {0} of {1}"), progress)
        if not math.isnan(progress.remaining_seconds):
            text += self.tr(", {0} images/s, {1} left").format(
                f"{progress.rate:.1f}", _duration(progress.remaining_seconds)
            )
        self.text.setText(text)
        self.setVisible(progress.done < progress.total)

    @Slot(object)
    def show_pause(self, progress: RunProgress | None) -> None:
        """Images done by the run that stands still; None when it goes on."""
        if progress is None:
            self.hide()
            return
        self._offer(go_on=True)
        self.text.setText(self._done(self.tr("predicting is paused: {0} of {1}"), progress))
        self.show()

    def _done(self, words: str, progress: RunProgress) -> str:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        text = words.format(progress.done, progress.total)
        return text + (self.tr(", {0} failed").format(progress.failed) if progress.failed else "")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
