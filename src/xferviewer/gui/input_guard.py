"""What checkpoints do not expect of their inputs: of the shown image, and of the cohort. No widget, no file access."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from xferviewer.checkpoints import Checkpoint
from xferviewer.checkpoints.input_drift import MOST_IMAGES, CohortInputs, cohort_inputs, looked_at
from xferviewer.checkpoints.input_flag import Flag
from xferviewer.checkpoints.input_guard import flags_of
from xferviewer.checkpoints.input_measures import InputMeasures

if TYPE_CHECKING:
    from xferviewer.gui.session import Session

_JUDGE_AFTER_MS = 1000
"""Measures come by the dozen a second; judging a cohort anew takes some 50 ms."""


class InputGuard(QObject):
    """Holds what was measured of the shown image and of those of the cohort that are looked at, and judges it.

    Flags never hide a number. Those of a cohort, and of its images, can be acknowledged: they then stand back.
    """

    changed = Signal()
    acknowledged_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._measures: dict[str, dict[str, InputMeasures]] = {}  # by preprocessing and image
        self._flags: dict[tuple[str, str], tuple[Flag, ...]] = {}  # by checkpoint and image
        self._cohorts: dict[str, CohortInputs] = {}  # by checkpoint
        self._acknowledged: frozenset[str] = frozenset()
        self._judging = QTimer(self, singleShot=True, interval=_JUDGE_AFTER_MS)
        self._judging.timeout.connect(self.judge)
        session.image_changed.connect(self.changed)
        session.cohort_changed.connect(self._judge_later)
        session.checkpoints_changed.connect(self._start_anew)

    def images_looked_at(self) -> set[str]:
        """The identities whose measures are of use: of the cohort, and the shown one."""
        shown = self._session.shown
        return {*looked_at(filter(None, self._cohort())), *([shown.reference.identity] if shown is not None else [])}

    def _cohort(self) -> Iterable[str]:
        """The images of the cohort that have films; where no table names any, all that are in the worklist's files."""
        session = self._session
        known = [identity for identity in session.cohort.identities if identity]
        return known or session.sampled_identities(MOST_IMAGES)

    def add(self, preprocessing: str, measures: Mapping[str, InputMeasures]) -> None:
        """Take in what was measured of images under a preprocessing (its digest)."""
        if not measures:
            return
        self._measures.setdefault(preprocessing, {}).update(measures)
        for key in [key for key in self._flags if key[1] in measures]:
            del self._flags[key]
        shown = self._session.shown
        if shown is not None and shown.reference.identity in measures:
            self.changed.emit()
        self._judge_later()

    def known(self, preprocessing: str) -> Mapping[str, InputMeasures]:
        """What was measured under a preprocessing, by image."""
        return self._measures.get(preprocessing, {})

    def flags(self, digest: str, identity: str) -> tuple[Flag, ...]:
        """The flags of an image as input of what is compared under this digest; of a mean, those of all its members."""
        found = (flag for one in self._checkpoints(digest) for flag in self._flags_of(one, identity))
        return tuple(dict.fromkeys(found))

    def flags_shown(self, digest: str) -> tuple[Flag, ...]:
        """The flags of the shown image."""
        shown = self._session.shown
        return self.flags(digest, shown.reference.identity) if shown is not None else ()

    def cohort(self, digest: str) -> tuple[CohortInputs, ...]:
        """What the cohort is like to each checkpoint behind a digest; empty while nobody knows."""
        found = (self._cohorts.get(one.digest) for one in self._checkpoints(digest))
        return tuple(each for each in found if each is not None)

    def marked(self, digest: str) -> bool:
        """The cohort is unlike what the checkpoint was trained on, or many of its images are flagged."""
        return any(each.marked for each in self.cohort(digest))

    def mark(self, digest: str) -> str:
        """What stands beside its numbers: "⚠", "△" where that was acknowledged, nothing where nothing is to be said."""
        if not self.flags_shown(digest) and not self.marked(digest):
            return ""
        return "△" if self.is_acknowledged(digest) else "⚠"

    def words(self, digest: str) -> str:
        """All that is to be said of the shown image and of the cohort, a line each; empty where nothing is."""
        lines = [str(flag) for flag in self.flags_shown(digest)]
        for each in self.cohort(digest):
            lines += each.sentences() if each.marked else []
        return "\n".join(lines)

    # --- acknowledging

    def set_acknowledged(self, keys: Iterable[str]) -> None:
        """What was acknowledged before, as `acknowledged` gave it."""
        self._acknowledged = frozenset(keys)
        self.changed.emit()

    @property
    def acknowledged(self) -> tuple[str, ...]:
        """What a person has seen and set aside: digests of checkpoint and cohort, which name nobody."""
        return tuple(sorted(self._acknowledged))

    def is_acknowledged(self, digest: str) -> bool:
        """The marks of this checkpoint on this cohort were seen and set aside."""
        checkpoints = self._checkpoints(digest)
        return bool(checkpoints) and all(self._key(one) in self._acknowledged for one in checkpoints)

    def acknowledge(self) -> None:
        """Set aside the marks of all that is compared, on this cohort."""
        new = {self._key(one) for one in self._session.classifiers.checkpoints}
        if not new <= self._acknowledged:
            self._acknowledged |= new
            self.changed.emit()
            self.acknowledged_changed.emit()

    def _key(self, checkpoint: Checkpoint) -> str:
        return hashlib.sha256(f"{checkpoint.digest}\n{self._session.cohort.name}".encode()).hexdigest()[:16]

    # --- judging

    @Slot()
    def judge(self) -> None:
        """Compare the cohort with the training images of every checkpoint."""
        self._judging.stop()
        wanted = looked_at(self._cohort())
        cohorts = {}
        for checkpoint in self._session.classifiers.checkpoints:
            known = self.known(checkpoint.preprocessing.digest)
            measured = {identity: known[identity] for identity in wanted if identity in known}
            if measured:
                cohorts[checkpoint.digest] = cohort_inputs(measured, checkpoint.card)
        if cohorts != self._cohorts:
            self._cohorts = cohorts
            self.changed.emit()

    @Slot()
    def _judge_later(self) -> None:
        if not self._judging.isActive():
            self._judging.start()

    @Slot()
    def _start_anew(self) -> None:
        """A card may be another one now."""
        self._flags.clear()
        self._judge_later()

    def _checkpoints(self, digest: str) -> list[Checkpoint]:
        classifiers = self._session.classifiers
        found = (classifiers.checkpoint(weights) for weights in classifiers.weights_of(digest))
        return [each for each in found if each is not None]

    def _flags_of(self, checkpoint: Checkpoint, identity: str) -> tuple[Flag, ...]:
        key = checkpoint.digest, identity
        if key not in self._flags:
            measures = self.known(checkpoint.preprocessing.digest).get(identity)
            if measures is None:
                return ()
            self._flags[key] = flags_of(measures, checkpoint.card)
        return self._flags[key]
