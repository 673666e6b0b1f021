"""Asks the engine for the maps of the shown image, and takes in those that are still wanted when they come."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from xferviewer import protocol
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.session import Session


class Explaining(QObject):
    """Between session and engine: one request at a time, told from those before it by its generation."""

    def __init__(self, session: Session, engine: EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._engine = engine
        self._generation = 0
        self._request = 0  # the newest one
        self._finding = ""  # that it was made for
        engine.finished.connect(self._note_end)
        engine.explaining.connect(self._note_progress)
        session.image_changed.connect(self.explain)
        session.maps.choice_changed.connect(self.explain)
        session.finding_changed.connect(self._explain_finding)

    @Slot()
    def explain(self) -> None:
        """Ask for the maps of the shown image: of all findings, or of the chosen one where each costs its own time."""
        session = self._session
        shown, digests = session.shown, [checkpoint.digest for checkpoint in session.classifiers.checkpoints]
        if shown is not None and digests:
            self._generation += 1
            findings = (session.finding,) if session.maps.choice.facts.each_finding else ()
            self._finding = session.finding
            self._request = self._engine.explain(
                shown.reference, self._generation, digests, session.maps.choice, findings,
                with_input=session.display.inputs_visible,
            )  # fmt: skip

    def cancel(self) -> None:
        """Stop the maps that are being computed; another image, method or finding asks for new ones."""
        self._engine.cancel(self._request)

    def take_in(self, message: protocol.Explained) -> None:
        """Show these maps, unless they answer a request that another one has followed."""
        if message.generation == self._generation:
            self._session.maps.add(message)

    @Slot()
    def _explain_finding(self) -> None:
        """Another finding: its maps are there already, unless each finding has to be asked for."""
        session = self._session
        if session.maps.choice.facts.each_finding and session.finding != self._finding:
            session.maps.forget()
            self.explain()

    @Slot(object)
    def _note_progress(self, message: protocol.ExplainProgress) -> None:
        if message.generation == self._generation:
            done = 100 * message.done // max(message.total, 1)
            self._session.maps.set_note(message.checkpoint, self.tr("{0} %").format(done))

    @Slot(object)
    def _note_end(self, message: protocol.Finished) -> None:
        if message.request == self._request and message.cancelled:
            for checkpoint in self._session.classifiers.checkpoints:
                if self._session.maps.of(checkpoint.digest) is None:
                    self._session.maps.set_note(checkpoint.digest, self.tr("cancelled"))
