"""Keeps predictions complete: asks the engine for what is missing, takes in what comes, and puts it away for good."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from xferviewer import protocol
from xferviewer.checkpoints import Checkpoint
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.predictions import PredictionKey, PredictionStore
from xferviewer.gui.columns import PassColumn
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.library import Library
from xferviewer.gui.session import Session

_SHOW_EVERY_MS = 250
"""Predictions come by the dozen a second; whoever looks needs them a few times a second."""

_STORE_EVERY_MS = 500
_FEWEST_FOR_A_RATE = 8  # the first images wait for the libraries to load


@dataclass(frozen=True, slots=True)
class PredictionProgress:
    """Images done of those that were missing, images a second (0 while not known), and seconds to go."""

    done: int
    total: int
    rate: float

    @property
    def remaining_seconds(self) -> float:
        """At the present rate; NaN while it is not known."""
        return (self.total - self.done) / self.rate if self.rate > 0 else float("nan")


class Predicting(QObject):
    """Between session, engine and prediction store."""

    progressed = Signal(object)  # PredictionProgress
    finished = Signal(object)  # protocol.Finished
    failed = Signal(object)  # protocol.Failed

    def __init__(
        self,
        session: Session,
        library: Library,
        engine: EngineClient,
        store: PredictionStore,
        precision: str,
        parent: QObject | None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._library = library
        self._engine = engine
        self._store = store
        self._precision = precision
        self._request = 0
        self._generation = 0
        self._explaining = 0  # the newest request for maps
        self._explained_finding = ""
        self._missing: dict[str, set[str]] = {}  # identity: checkpoints that have not answered
        self._total = 0
        self._started = 0.0
        self._arrived: dict[str, dict[str, NDArray[np.float32]]] = {}  # not yet shown
        self._new: dict[str, dict[str, NDArray[np.float32]]] = {}  # not yet stored
        self._unusable: set[tuple[str, str]] = set()
        self.paused = False
        self._showing = QTimer(self, singleShot=True, interval=_SHOW_EVERY_MS)
        self._showing.timeout.connect(self._show_arrived)
        self._putting = QTimer(self, singleShot=True, interval=_STORE_EVERY_MS)
        self._putting.timeout.connect(self.put_away)
        engine.predicted.connect(self._take_in)
        engine.explained.connect(self._take_in_explanation)
        engine.failed.connect(self._note_failure)
        engine.finished.connect(self._note_end)
        engine.explaining.connect(self._note_progress)
        session.image_changed.connect(self.explain)
        session.map_choice_changed.connect(self.explain)
        session.finding_changed.connect(self._explain_finding)
        session.checkpoints_changed.connect(self._new_checkpoints)
        session.asked_changed.connect(self.predict_missing)
        session.cohort_changed.connect(self.predict_missing)

    @property
    def running(self) -> bool:
        """A background run is under way."""
        return self._request != 0

    @Slot()
    def explain(self) -> None:
        """Ask for the maps of the shown image: of all findings, or of the chosen one where each costs its own time."""
        session = self._session
        shown, digests = session.shown, [c.weights_sha256 for c in session.checkpoints]
        if shown is not None and digests:
            self._generation += 1
            findings = (session.finding,) if session.map_choice.facts.each_finding else ()
            self._explained_finding = session.finding
            self._explaining = self._engine.explain(
                shown.reference, self._generation, digests, session.map_choice, findings
            )

    @Slot()
    def _explain_finding(self) -> None:
        """Another finding: its maps are there already, unless each finding has to be asked for."""
        session = self._session
        if session.map_choice.facts.each_finding and session.finding != self._explained_finding:
            session.forget_maps()
            self.explain()

    @Slot(object)
    def _note_progress(self, message: protocol.ExplainProgress) -> None:
        if message.generation == self._generation:
            done = 100 * message.done // max(message.total, 1)
            self._session.note_map(message.checkpoint, self.tr("{0} %").format(done))

    @Slot()
    def predict_missing(self) -> None:
        """Ask for every prediction of the catalogue's images that is neither known nor stored nor known to fail."""
        if self.paused or not self._session.checkpoints:
            return
        images = self._library.images_to_predict()
        self._show_arrived()
        missing: dict[str, set[str]] = {}
        for asked in self._session.asked():
            self._fetch_stored(asked, [image.identity for image in images])
            digest = asked.digest
            known = self._session.predicted_identities(digest)
            for image in images:
                if image.identity not in known and (image.identity, digest) not in self._unusable:
                    missing.setdefault(image.identity, set()).add(digest)
        if self._request:
            self._engine.cancel(self._request)
            self._request = 0
        self._missing, self._total, self._started = missing, len(missing), time.monotonic()
        if missing:
            wanted = [image for image in images if image.identity in missing]
            self._request = self._engine.predict(wanted, [asked.digest for asked in self._session.asked()])
            self.progressed.emit(PredictionProgress(0, self._total, 0.0))

    def cancel(self) -> None:
        """Stop the background run; it goes on with `resume`."""
        self.paused = True
        self._engine.cancel(self._explaining)
        if self._request:
            self._engine.cancel(self._request)

    def resume(self) -> None:
        """Go on with what is missing."""
        self.paused = False
        self.predict_missing()

    @Slot()
    def put_away(self) -> None:
        """Write new predictions to the store; a kill loses at most the last half second."""
        self._putting.stop()
        new, self._new = self._new, {}
        for digest, logits in new.items():
            asked = self._session.asked_as(digest)
            if asked is not None:
                try:
                    rows = np.stack(list(logits.values())).reshape(len(logits), -1)  # the passes one after the other
                    self._store.put_many(_key(asked, self._precision), list(logits), rows)
                except XferviewerError as error:
                    self.failed.emit(protocol.Failed(0, "", digest, error.what, error.why, error.todo))

    def _fetch_stored(self, asked: Checkpoint | PassColumn, identities: Iterable[str]) -> None:
        digest = asked.digest
        known = self._session.predicted_identities(digest)
        wanted = [identity for identity in identities if identity not in known]
        stored = self._store.get(_key(asked, self._precision), wanted)
        shape = (-1,) if isinstance(asked, Checkpoint) else (asked.passes.count, -1)
        found = {
            identity: row.reshape(shape)
            for identity, row in zip(wanted, stored, strict=True)
            if not np.isnan(row).any()
        }
        self._session.add_predictions({digest: found})

    @Slot()
    def _new_checkpoints(self) -> None:
        self.explain()
        self.predict_missing()

    @Slot(object)
    def _take_in(self, message: protocol.Predicted) -> None:
        self._add(message.checkpoint, message.identity, message.logits)

    @Slot(object)
    def _take_in_explanation(self, message: protocol.Explained) -> None:
        self._add(message.checkpoint, message.identity, message.logits)
        self._show_arrived()
        if message.generation == self._generation:
            self._session.add_explanation(message)

    def _add(self, digest: str, identity: str, logits: NDArray[np.float32]) -> None:
        if identity not in self._session.predicted_identities(digest):
            self._arrived.setdefault(digest, {})[identity] = logits
            self._new.setdefault(digest, {})[identity] = logits
            for timer in (self._showing, self._putting):
                if not timer.isActive():
                    timer.start()
        self._count_answer(identity, digest)

    @Slot()
    def _show_arrived(self) -> None:
        arrived, self._arrived = self._arrived, {}
        if arrived:
            self._session.add_predictions(arrived)

    @Slot(object)
    def _note_failure(self, message: protocol.Failed) -> None:
        """A checkpoint that could not be opened is told of once, not again with every image."""
        digests = self._concerned(message)
        new = [digest for digest in digests if not self._session.failure(digest, "")]
        for digest in digests:
            self._session.add_failure(digest, message.identity, message.why)
            if message.identity and message.request == self._request:
                self._unusable.add((message.identity, digest))
                self._count_answer(message.identity, digest)
        if new or not digests:
            self.failed.emit(message)

    def _concerned(self, message: protocol.Failed) -> list[str]:
        """The checkpoints that a failure concerns; one that could not be opened is named by its folder."""
        checkpoints = self._session.checkpoints
        if not message.identity:
            return [c.weights_sha256 for c in checkpoints if str(c.folder) == message.checkpoint]
        return [message.checkpoint] if message.checkpoint else [asked.digest for asked in self._session.asked()]

    def _count_answer(self, identity: str, digest: str) -> None:
        waiting = self._missing.get(identity)
        if waiting is None:
            return
        waiting.discard(digest)
        if not waiting:
            del self._missing[identity]
            done = self._total - len(self._missing)
            rate = done / max(time.monotonic() - self._started, 1e-3) if done >= _FEWEST_FOR_A_RATE else 0.0
            self.progressed.emit(PredictionProgress(done, self._total, rate))

    @Slot(object)
    def _note_end(self, message: protocol.Finished) -> None:
        if message.request == self._explaining and message.cancelled:
            for checkpoint in self._session.checkpoints:
                self._session.note_map(checkpoint.weights_sha256, self.tr("cancelled"))
        if message.request == self._request:
            self._request = 0
            self._show_arrived()
            self.put_away()
            self.finished.emit(message)


def _key(asked: Checkpoint | PassColumn, precision: str) -> PredictionKey:
    """Logits of another precision are other logits, and so are those of several passes: they are kept apart."""
    if isinstance(asked, PassColumn):
        plain, passes = _key(asked.checkpoint, precision), asked.passes
        return PredictionKey(plain.weights, plain.preprocessing + passes.key, passes.count * plain.n_findings)
    checkpoint = asked
    preprocessing = checkpoint.preprocessing.digest + ("" if precision == "fp32" else f"+{precision}")
    return PredictionKey(checkpoint.weights_sha256, preprocessing, len(checkpoint.findings))
