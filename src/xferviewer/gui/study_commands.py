"""What menus and keys do among studies, findings and checkpoints: the menu Study, and the steps of the referral."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal

from xferviewer.gui.library import Library
from xferviewer.gui.session import Session
from xferviewer.gui.views.disagreement import DisagreementLine

_REFERRAL_STEP = 0.01
_NUMBERED = 4  # checkpoints that have a key of their own


class StudyCommands(QObject):
    """Handlers by the names of their actions."""

    told = Signal(str)

    def __init__(
        self, session: Session, library: Library, disagreement: DisagreementLine, parent: QObject | None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._library = library
        self._disagreement = disagreement

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for each action."""
        session, library = self._session, self._library
        return {
            "next_study": partial(library.step_study, 1),
            "previous_study": partial(library.step_study, -1),
            "first_study": partial(library.show_study, 0),
            "last_study": lambda: library.show_study(len(session.studies) - 1),
            "next_image": partial(library.step, 1),
            "previous_image": partial(library.step, -1),
            "next_finding": partial(session.step_finding, 1),
            "previous_finding": partial(session.step_finding, -1),
            "next_checkpoint": session.step_active,
            **{f"checkpoint_{place + 1}": partial(self._activate, place) for place in range(_NUMBERED)},
            "disagreements": self._read_disagreements,
            "more_referral": partial(self._refer, _REFERRAL_STEP),
            "less_referral": partial(self._refer, -_REFERRAL_STEP),
        }

    def _activate(self, place: int) -> None:
        if place < len(self._session.in_panes):
            self._session.set_active(self._session.in_panes[place])

    def _read_disagreements(self) -> None:
        why = self._disagreement.read_cases()
        if why:
            self.told.emit(why)

    def _refer(self, more: float) -> None:
        self._session.set_referral_rate(self._session.referral_rate + more)
