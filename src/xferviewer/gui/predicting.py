"""Keeps predictions complete: asks the engine for what is missing, takes in what comes, and puts it away for good."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from xferviewer import protocol
from xferviewer.checkpoints import Checkpoint, split_digest
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.predictions import PredictionKey, PredictionStore
from xferviewer.gui.columns import PassColumn
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.explaining import Explaining
from xferviewer.gui.library import Library
from xferviewer.gui.prediction_run import PredictionRun, rows_of_failures
from xferviewer.gui.session import Session
from xferviewer.studies.catalogue import RefusedRow

_SHOW_EVERY_MS = 250
"""Predictions come by the dozen a second; whoever looks needs them a few times a second."""

_STORE_EVERY_MS = 500


class Predicting(QObject):
    """Between session, engine and prediction store."""

    progressed = Signal(object)  # RunProgress
    paused_changed = Signal(object)  # RunProgress of the run that stands still; None when it goes on
    finished = Signal(object)  # RunProgress
    failed = Signal(object)  # protocol.Failed

    def __init__(
        self,
        session: Session,
        library: Library,
        engine: EngineClient,
        store: PredictionStore,
        explaining: Explaining,
        device: str,
        precision: str,
        parent: QObject | None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._library = library
        self._engine = engine
        self._store = store
        self._explaining = explaining
        self._asked = _most_likely(device, precision)
        self._in_use: dict[str, tuple[str, str]] = {}  # device and precision of each checkpoint, once it is opened
        self._reopening: set[str] = set()  # what these say was computed on the device before
        self._run = PredictionRun()
        self._arrived: dict[str, dict[str, NDArray[np.float32]]] = {}  # not yet shown
        self._new: dict[str, dict[str, NDArray[np.float32]]] = {}  # not yet stored
        self._unusable: set[tuple[str, str]] = set()
        self._failures: dict[str, protocol.Failed] = {}  # by image, of the background runs
        self.paused = False
        self._showing = QTimer(self, singleShot=True, interval=_SHOW_EVERY_MS)
        self._showing.timeout.connect(self._show_arrived)
        self._putting = QTimer(self, singleShot=True, interval=_STORE_EVERY_MS)
        self._putting.timeout.connect(self.put_away)
        engine.checkpoint_opened.connect(self._note_opened)
        engine.predicted.connect(self._take_in)
        engine.explained.connect(self._take_in_explanation)
        engine.failed.connect(self._note_failure)
        engine.finished.connect(self._note_end)
        session.checkpoints_changed.connect(self._new_checkpoints)
        session.asked_changed.connect(self.predict_missing)
        session.cohort_changed.connect(self.predict_missing)

    @property
    def running(self) -> bool:
        """A background run is under way."""
        return bool(self._run.requests)

    @Slot()
    def predict_missing(self) -> None:
        """Ask for every prediction of the catalogue's images that is neither known nor stored nor known to fail."""
        if self.paused or not self._session.classifiers.checkpoints:
            return
        images = self._library.images_to_predict()
        self._show_arrived()
        missing: dict[str, set[str]] = {}
        for asked in self._session.classifiers.asked:
            self._fetch_stored(asked, [image.identity for image in images])
            digest = asked.digest
            known = self._session.scores.identities(digest)
            for image in images:
                if image.identity not in known and (image.identity, digest) not in self._unusable:
                    missing.setdefault(image.identity, set()).add(digest)
        under_way = self.running
        self._forget_requests()
        self._run = PredictionRun(missing, len(images) - len(missing))
        for wanted, lacking in self._run.groups(images):
            digests = [asked.digest for asked in self._session.classifiers.asked if asked.digest in lacking]
            self._run.requests.add(self._engine.predict(wanted, digests))
        if missing or under_way:
            self.progressed.emit(self._run.progress)

    def pause(self) -> None:
        """Let the background run stand still until `resume`; what was computed is kept."""
        self.paused = True
        if self._run.requests:
            self._forget_requests()
            self._show_arrived()
            self.put_away()
            self.paused_changed.emit(self._run.progress)

    def resume(self) -> None:
        """Go on with what is missing; images that failed are tried again."""
        self.paused = False
        self._unusable.clear()
        self._failures.clear()
        self.paused_changed.emit(None)
        self.predict_missing()

    def failed_images(self) -> list[RefusedRow]:
        """The images without a prediction, each with its reason."""
        return rows_of_failures(self._failures, self._library.images_to_predict())

    def _forget_requests(self) -> None:
        for request in self._run.requests:
            self._engine.cancel(request)
        self._run.requests.clear()

    def use(self, device: str, precision: str) -> None:
        """Every checkpoint is about to be opened on another device or at another precision."""
        self._forget_requests()
        self._show_arrived()
        self.put_away()
        self._run, self._asked, self._in_use = PredictionRun(), _most_likely(device, precision), {}
        self._reopening = {checkpoint.digest for checkpoint in self._session.classifiers.checkpoints}
        for digest in self._reopening:
            self._session.forget_predictions(digest)

    @Slot(object)
    def _note_opened(self, message: protocol.CheckpointOpened) -> None:
        """Numbers of another device or precision than the one in use are not its numbers: they make room for those."""
        digest, used = message.checkpoint, (message.kind, message.precision)
        before = self._in_use.get(digest, self._asked)
        if used != before:
            self._show_arrived()
            self.put_away()
            self._session.forget_predictions(digest)
        self._in_use[digest] = used
        self._reopening.discard(digest)
        if used != before:
            self._new_checkpoints()

    def in_use(self, asked: Checkpoint | PassColumn) -> tuple[str, str]:
        """The device and the precision that really compute."""
        return self._in_use.get(split_digest(asked.digest)[0], self._asked)

    def key(self, asked: Checkpoint | PassColumn) -> PredictionKey:
        """Of the device and precision really in use; those of several passes are other logits, too."""
        checkpoint = asked.checkpoint if isinstance(asked, PassColumn) else asked
        plain = PredictionKey.of(checkpoint, *self.in_use(asked))
        if isinstance(asked, Checkpoint):
            return plain
        passes = asked.passes
        return PredictionKey(plain.weights, plain.preprocessing + passes.key, passes.count * plain.n_findings)

    @Slot()
    def put_away(self) -> None:
        """Write new predictions to the store; a kill loses at most the last half second."""
        self._putting.stop()
        new, self._new = self._new, {}
        for digest, logits in new.items():
            asked = self._session.classifiers.asked_as(digest)
            if asked is not None:
                try:
                    rows = np.stack(list(logits.values())).reshape(len(logits), -1)  # the passes one after the other
                    self._store.put_many(self.key(asked), list(logits), rows)
                except XferviewerError as error:
                    self.failed.emit(protocol.Failed(0, "", digest, error.what, error.why, error.todo))

    def _fetch_stored(self, asked: Checkpoint | PassColumn, identities: Iterable[str]) -> None:
        digest = asked.digest
        known = self._session.scores.identities(digest)
        wanted = [identity for identity in identities if identity not in known]
        stored = self._store.get(self.key(asked), wanted)
        shape = (-1,) if isinstance(asked, Checkpoint) else (asked.passes.count, -1)
        found = {
            identity: row.reshape(shape)
            for identity, row in zip(wanted, stored, strict=True)
            if not np.isnan(row).any()
        }
        self._session.add_predictions({digest: found})

    @Slot()
    def _new_checkpoints(self) -> None:
        self._explaining.explain()
        self.predict_missing()

    @Slot(object)
    def _take_in(self, message: protocol.Predicted) -> None:
        self._add(message.checkpoint, message.identity, message.logits)

    @Slot(object)
    def _take_in_explanation(self, message: protocol.Explained) -> None:
        self._add(message.checkpoint, message.identity, message.logits)
        self._show_arrived()
        if message.checkpoint not in self._reopening:
            self._explaining.take_in(message)

    def _add(self, digest: str, identity: str, logits: NDArray[np.float32]) -> None:
        if split_digest(digest)[0] in self._reopening:
            return
        if identity not in self._session.scores.identities(digest):
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
        new = [digest for digest in digests if not self._session.scores.failure(digest, "")]
        for digest in digests:
            self._session.add_failure(digest, message.identity, message.why)
            if message.identity and message.request in self._run.requests:
                self._unusable.add((message.identity, digest))
                self._failures[message.identity] = message
                self._count_answer(message.identity, digest, failed=True)
        if message.identity and message.request in self._run.requests:
            return  # a cohort may have hundreds: they are counted, and listed on demand
        if new or not digests:
            self.failed.emit(message)

    def _concerned(self, message: protocol.Failed) -> list[str]:
        """The checkpoints that a failure concerns; one that could not be opened is named by its folder."""
        checkpoints = self._session.classifiers.checkpoints
        if not message.identity:
            return [c.weights_sha256 for c in checkpoints if str(c.folder) == message.checkpoint]
        if message.checkpoint:
            return [message.checkpoint]
        return [asked.digest for asked in self._session.classifiers.asked]

    def _count_answer(self, identity: str, digest: str, *, failed: bool = False) -> None:
        if self._run.answer(identity, digest, failed=failed) and not self.paused:
            self.progressed.emit(self._run.progress)

    @Slot(object)
    def _note_end(self, message: protocol.Finished) -> None:
        if message.request not in self._run.requests:
            return
        self._run.requests.discard(message.request)
        if not self._run.requests:
            self._show_arrived()
            self.put_away()
            self.finished.emit(self._run.progress)


def _most_likely(device: str, precision: str) -> tuple[str, str]:
    """What is in use as far as it is known before the engine says so; stored predictions are looked up by it."""
    return ("cpu" if device == "auto" else device), precision
