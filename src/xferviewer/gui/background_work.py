"""What works in the background: it is shown while it runs, can be stopped, and is told of when it ends."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from xferviewer import protocol
from xferviewer.evaluation.run_progress import RunProgress
from xferviewer.gui import dialogs
from xferviewer.gui.evaluating import Evaluating
from xferviewer.gui.explaining import Explaining
from xferviewer.gui.library import Library
from xferviewer.gui.main_window import MainWindow
from xferviewer.gui.map_measuring import MapMeasuring
from xferviewer.gui.predicting import Predicting

_RUN_WORTH_TELLING = 20
"""Images; a shorter run is over before anybody has looked away from it."""


class BackgroundWork(QObject):
    """One piece of work is stopped at a time: what is written, then an index, then maps, then predictions."""

    told = Signal(str, str, bool)  # what, details, whether it stays until it is closed

    def __init__(
        self,
        predicting: Predicting,
        explaining: Explaining,
        library: Library,
        measuring: MapMeasuring,
        evaluating: Evaluating,
        window: MainWindow,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._predicting = predicting
        self._explaining = explaining
        self._library = library
        self._measuring = measuring
        self._evaluating = evaluating
        self._window = window
        window.cancel_asked.connect(self._cancel)
        window.pause_asked.connect(predicting.pause)
        window.resume_asked.connect(predicting.resume)
        window.failed_images_asked.connect(self._show_failed_images)
        predicting.progressed.connect(window.status.work.show_prediction)
        predicting.paused_changed.connect(window.status.work.show_pause)
        predicting.finished.connect(self._predicted)
        predicting.failed.connect(self._tell_failure)

    @Slot()
    def _cancel(self) -> None:
        if self._evaluating.running:
            self._evaluating.stop()
            self._window.status.work.show_writing(running=False)
        elif self._library.indexing:
            self._library.cancel_index()
        elif self._measuring.running:
            self._measuring.cancel()
        else:
            self._explaining.cancel()
            self._cancel_predicting()

    def _cancel_predicting(self) -> None:
        under_way = self._predicting.running or not self._window.status.work.isHidden()
        self._predicting.pause()
        self._window.status.work.hide()
        if under_way:
            self.told.emit(self.tr("Predicting was cancelled; menu, Work, “Go on predicting” continues it."), "", False)

    @Slot(object)
    def _predicted(self, progress: RunProgress) -> None:
        self._window.status.work.hide()
        text = self.tr("{0} images are predicted").format(progress.done - progress.failed)
        if progress.failed:
            self.told.emit(
                text + self.tr(", {0} could not be.").format(progress.failed),
                self.tr("Menu, Work, “Images that could not be predicted” names each with its reason."),
                False,
            )
        elif progress.total >= _RUN_WORTH_TELLING:
            self.told.emit(f"{text}.", "", False)

    @Slot()
    def _show_failed_images(self) -> None:
        failed, hidden = self._predicting.failed_images(), self._window.compare.corners.hide_identity
        dialogs.show_failed_images(self._window, failed, hide_names=hidden)

    @Slot(object)
    def _tell_failure(self, message: protocol.Failed) -> None:
        if message.identity and self._window.compare.corners.hide_identity:  # files are often named after patients
            self.told.emit(self.tr("An image could not be computed."), message.todo, False)
        else:
            self.told.emit(message.what, f"{message.why} {message.todo}", not message.identity)
