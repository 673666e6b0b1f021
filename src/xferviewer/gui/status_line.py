"""What stands beside the referral: the work that is under way or the last message, and how many jobs run."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtWidgets import QLabel

from xferviewer.gui.job_watch import JobWatch
from xferviewer.gui.notify import Notifier
from xferviewer.gui.theme import GRID
from xferviewer.gui.views.referral_bar import ReferralBar
from xferviewer.gui.views.work import WorkLine

_MESSAGE_WIDTH = 75 * GRID


class StatusLine(QObject):
    """Work takes the message's place: both would squeeze the referral's numbers."""

    def __init__(self, referral: ReferralBar, notifier: Notifier, watch: JobWatch) -> None:
        super().__init__(referral)
        self.work = WorkLine()
        self.last_message = QLabel()
        self.last_message.setObjectName("faint")
        self.running_jobs = QLabel()
        for widget in (self.last_message, self.work, self.running_jobs):
            referral.add_beside_summary(widget)
        self.work.installEventFilter(self)
        notifier.noted.connect(self._show_last_message)
        watch.running_changed.connect(self._show_running_jobs)

    @Slot(str, str)
    def _show_last_message(self, what: str, details: str) -> None:
        """Its beginning, for the room beside the referral is small; the whole of it is in the message list."""
        beginning = self.last_message.fontMetrics().elidedText(what, Qt.TextElideMode.ElideRight, _MESSAGE_WIDTH)
        self.last_message.setText(beginning)
        self.last_message.setToolTip(what)

    @Slot(object)
    def _show_running_jobs(self, count: int) -> None:
        self.running_jobs.setText(self.tr("jobs: {0} running").format(count) if count else "")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The message is seen while nothing works."""
        if watched is self.work and event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self.last_message.setVisible(self.work.isHidden())
        return super().eventFilter(watched, event)
