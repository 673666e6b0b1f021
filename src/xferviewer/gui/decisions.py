"""What a person decided, with undo: measurements, key images, notes, agreement and thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

from xferviewer.errors import XferviewerError
from xferviewer.gui.operating_points import ChosenPoints
from xferviewer.gui.session import Session
from xferviewer.studies.film_notes import NOTHING, FilmNotes, FilmNoteStore, Measurement, Verdict

_MOST_STEPS = 200


class Decisions(QObject):
    """What is kept about frames, and the steps that led there; a step is written when it is made, undone and redone."""

    changed = Signal(str)  # the identity of the frame about which something else is kept now
    failed = Signal(object)  # XferviewerError: it could not be written or read

    def __init__(self, path: Path, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self._store = FilmNoteStore(path)
        self._known: dict[str, FilmNotes] = {}
        self.steps = QUndoStack(self)
        self.steps.setUndoLimit(_MOST_STEPS)
        self._session = session
        self._thresholds = dict(session.operating_points.chosen)
        self._replaying = False
        self._touched = ""
        session.operating_points.changed.connect(self._note_thresholds)

    def of(self, identity: str) -> FilmNotes:
        """What is kept about a frame."""
        if identity not in self._known:
            try:
                self._known[identity] = self._store.read(identity)
            except XferviewerError as error:
                self._known[identity] = NOTHING
                self.failed.emit(error)
        return self._known[identity]

    def add(self, identity: str, measurement: Measurement) -> None:
        """Keep a measurement."""
        notes = self.of(identity)
        self._decide(identity, replace(notes, measurements=(*notes.measurements, measurement)), self.tr("measurement"))

    def set_measurements(self, identity: str, measurements: tuple[Measurement, ...]) -> None:
        """Keep these in place of those before: one is moved, or taken away."""
        notes = self.of(identity)
        what = (
            self.tr("change of a measurement") if len(measurements) == len(notes.measurements) else self.tr("removal")
        )
        self._decide(identity, replace(notes, measurements=measurements), what)

    def set_key(self, identity: str, *, is_key: bool) -> None:
        """Mark a frame as a key image, or no longer."""
        self._decide(identity, replace(self.of(identity), is_key=is_key), self.tr("key image"))

    def set_note(self, identity: str, note: str) -> None:
        """Keep a note."""
        self._decide(identity, replace(self.of(identity), note=note.strip()), self.tr("note"))

    def set_verdict(self, identity: str, verdict: Verdict) -> None:
        """Keep whether a person agrees with a checkpoint; saying the same once more takes it back."""
        notes = self.of(identity)
        given = notes.verdict(verdict.checkpoint, verdict.finding)
        same = given is not None and given.agrees == verdict.agrees
        after = notes.without_verdict(verdict.checkpoint, verdict.finding) if same else notes.with_verdict(verdict)
        self._decide(identity, after, self.tr("agreement"))

    def undo(self) -> tuple[str, str]:
        """Take the newest step back: what it was, and the identity of the frame that it was about; "" for none."""
        return self._go(self.steps.undoText(), self.steps.undo)

    def redo(self) -> tuple[str, str]:
        """Make the step again that was taken back last."""
        return self._go(self.steps.redoText(), self.steps.redo)

    def _go(self, what: str, step: Callable[[], None]) -> tuple[str, str]:
        self._touched = ""
        step()
        return what, self._touched

    def all(self) -> dict[str, FilmNotes]:
        """What is kept, by the identity of the frame; with what could not be written. Raises UnusableFolder."""
        return {identity: notes for identity, notes in {**self._store.all(), **self._known}.items() if notes != NOTHING}

    def close(self) -> None:
        """Let go of the file."""
        self.steps.blockSignals(True)  # Qt clears the stack while it deletes it, and would tell so
        self._store.close()

    def _decide(self, identity: str, after: FilmNotes, what: str) -> None:
        before = self.of(identity)
        if after != before:
            self.steps.push(_Step(what, lambda: self._keep(identity, after), lambda: self._keep(identity, before)))

    def _keep(self, identity: str, notes: FilmNotes) -> None:
        self._known[identity] = notes
        self._touched = identity
        try:
            self._store.write(identity, notes)
        except XferviewerError as error:
            self.failed.emit(error)
        self.changed.emit(identity)

    @Slot()
    def _note_thresholds(self) -> None:
        """A threshold that was moved is a step; moving the same one on makes the step longer, not more of them."""
        before, after = self._thresholds, dict(self._session.operating_points.chosen)
        self._thresholds = after
        if after == before or self._replaying:
            return
        moved = frozenset(key for key in {*before, *after} if before.get(key) != after.get(key))
        step = _Step(self.tr("threshold"), lambda: self._replay(after), lambda: self._replay(before), moved)
        self.steps.push(step)

    def _replay(self, points: ChosenPoints) -> None:
        self._replaying = True
        self._session.operating_points.restore(points)
        self._replaying = False


class _Step(QUndoCommand):
    """Calls `do` when it is made or made again, and `undo` when it is undone."""

    def __init__(
        self, what: str, do: Callable[[], None], undo: Callable[[], None], moved: frozenset[object] = frozenset()
    ) -> None:
        super().__init__(what)
        self.do = do
        self._undo = undo
        self.moved = moved

    def redo(self) -> None:
        """Make it."""
        self.do()

    def undo(self) -> None:
        """Unmake it."""
        self._undo()

    def id(self) -> int:
        """Steps of a slider are merged, others never."""
        return 1 if self.moved else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """The same thresholds moved on."""
        if not isinstance(other, _Step) or other.moved != self.moved:
            return False
        self.do = other.do
        return True
