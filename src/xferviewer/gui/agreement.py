"""What a reader notes with one key is listed with one: agreement with a checkpoint or none, key images, notes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal

from xferviewer.errors import XferviewerError
from xferviewer.gui.comparison import CaseList
from xferviewer.gui.decisions import Decisions
from xferviewer.gui.library import Library
from xferviewer.gui.session import Session
from xferviewer.studies.film_notes import FilmNotes, Verdict
from xferviewer.studies.images import frame_identity


class Agreement(QObject):
    """Speaks of the finding that is looked at, and of the checkpoint of the pane in focus."""

    told = Signal(str)
    failed = Signal(object)  # XferviewerError

    def __init__(self, session: Session, library: Library, decisions: Decisions, parent: QObject | None) -> None:
        super().__init__(parent)
        self._session = session
        self._library = library
        self._decisions = decisions

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for each action."""
        return {
            "agree": partial(self._note, agrees=True),
            "disagree": partial(self._note, agrees=False),
            "own_disagreements": self._list_disagreements,
            "key_cases": self._list_key_cases,
        }

    def _note(self, *, agrees: bool) -> None:
        """Said once more it is taken back. Without a prediction there is nothing to agree with."""
        session = self._session
        digest, finding = session.active, session.finding
        compared = session.classifiers.find(digest)
        identity = session.shown.reference.identity if session.shown is not None else ""
        score = session.scores.score(digest, identity, finding) if identity else None
        if compared is None or score is None:
            self.told.emit(
                self.tr("There is nothing to agree with: no checkpoint has said anything of this image yet.")
            )
            return
        called = score > session.operating_points.threshold(digest, finding)
        self._decisions.set_verdict(identity, Verdict(digest, compared.name, finding, called, agrees))

    def _list_disagreements(self) -> None:
        """The studies in which a person disagreed with a checkpoint that is compared, about this finding."""
        compared, finding = {each.digest for each in self._session.classifiers.all}, self._session.finding

        def disagreed(notes: FilmNotes) -> bool:
            said = notes.verdicts
            return any(e.checkpoint in compared and e.finding == finding and not e.agrees for e in said)

        self._list(
            disagreed,
            self.tr("{0}: cases where you disagreed").format(finding),
            self.tr("You have disagreed with no checkpoint about {0}.").format(finding),
        )

    def _list_key_cases(self) -> None:
        """The studies with an image that a person flagged or wrote about."""
        self._list(
            lambda notes: notes.is_key or bool(notes.note),
            self.tr("Key images and images with a note"),
            self.tr("No image is a key image yet, and none has a note."),
        )

    def _list(self, wanted: Callable[[FilmNotes], bool], title: str, nothing: str) -> None:
        """Narrow the worklist to the studies with such an image."""
        try:
            kept = self._decisions.all()
        except XferviewerError as error:
            self.failed.emit(error)
            return
        frames = [identity for identity, notes in kept.items() if wanted(notes)]
        if not frames:
            self.told.emit(nothing)
            return
        studies = self._library.catalogue.studies_with([frame_identity(identity, 0) for identity in frames])
        self._session.set_case_list(CaseList(title, tuple(studies), len(frames)))
