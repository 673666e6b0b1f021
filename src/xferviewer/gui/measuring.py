"""What the engine measures of inputs: taken in, kept with the predictions, and taken from there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from xferviewer import protocol
from xferviewer.checkpoints.input_measures import LENGTH, InputMeasures
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.predictions import PredictionStore
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.session import Session

_STORE_EVERY_MS = 500


class Measuring(QObject):
    """Between engine, prediction store and the session's guard of inputs."""

    failed = Signal(object)  # XferviewerError

    def __init__(
        self, session: Session, engine: EngineClient, store: PredictionStore, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._store = store
        self._new: dict[str, dict[str, InputMeasures]] = {}  # by preprocessing and image, not yet stored
        self._putting = QTimer(self, singleShot=True, interval=_STORE_EVERY_MS)
        self._putting.timeout.connect(self.put_away)
        engine.input_measured.connect(self._take_in)
        session.image_changed.connect(self._fetch_shown)
        for signal in (session.checkpoints_changed, session.cohort_changed, session.worklist_changed):
            signal.connect(self._fetch)

    @Slot()
    def put_away(self) -> None:
        """Write what is new to the store, and hand on what is of use."""
        self._putting.stop()
        new, self._new = self._new, {}
        wanted = self._session.inputs.images_looked_at() if new else set()
        for preprocessing, measures in new.items():
            self._explained(partial(self._store.put_inputs, preprocessing, measures))
            self._session.inputs.add(preprocessing, {i: one for i, one in measures.items() if i in wanted})

    @Slot(object)
    def _take_in(self, message: protocol.InputMeasured) -> None:
        if message.values.shape != (LENGTH,):
            return
        measures = InputMeasures(message.values, message.modality, message.body_part)
        self._new.setdefault(message.preprocessing, {})[message.identity] = measures
        shown = self._session.shown
        if shown is not None and shown.reference.identity == message.identity:  # before its number is shown
            self._session.inputs.add(message.preprocessing, {message.identity: measures})
        if not self._putting.isActive():
            self._putting.start()

    @Slot()
    def _fetch_shown(self) -> None:
        shown = self._session.shown
        if shown is not None:
            self._take_from_store([shown.reference.identity])

    @Slot()
    def _fetch(self) -> None:
        self._take_from_store(self._session.inputs.images_looked_at())

    def _take_from_store(self, identities: Iterable[str]) -> None:
        inputs, wanted = self._session.inputs, list(identities)
        for preprocessing in {each.preprocessing.digest for each in self._session.classifiers.checkpoints}:
            lacking = [identity for identity in wanted if identity not in inputs.known(preprocessing)]
            waiting = self._new.get(preprocessing, {})
            found = {identity: waiting[identity] for identity in lacking if identity in waiting}
            if lacking:
                self._explained(partial(self._update_from_store, found, preprocessing, lacking))
            inputs.add(preprocessing, found)

    def _update_from_store(self, found: dict[str, InputMeasures], preprocessing: str, identities: list[str]) -> None:
        found.update(self._store.inputs(preprocessing, identities))

    def _explained(self, step: Callable[[], object]) -> None:
        try:
            step()
        except XferviewerError as error:
            self.failed.emit(error)
