"""The thresholds that a person chose, or a rule, and where they come from. No widget, no file access."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from xferviewer.gui.comparison import BY_HAND, ThresholdOrigin

if TYPE_CHECKING:
    from xferviewer.gui.session import Session

DEFAULT_THRESHOLD = 0.5
ChosenPoints = dict[tuple[str, str, str], tuple[float, ThresholdOrigin]]
"""By checkpoint, finding and kind of score: the threshold, and how it was chosen."""


class OperatingPoints(QObject):
    """An operating point for each checkpoint, finding and kind of score: a score; positive is strictly above it."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.chosen: ChosenPoints = {}

    def threshold(self, digest: str, finding: str) -> float:
        """Of the scores that are shown. Until one is chosen 0.5 for a probability; 0, its logit, for another scale."""
        chosen = self.chosen.get(self._key(digest, finding))
        if chosen is not None:
            return chosen[0]
        return DEFAULT_THRESHOLD if self._session.classifiers.holds_probabilities(digest) else 0.0

    def origin(self, digest: str, finding: str) -> ThresholdOrigin | None:
        """How the operating point was chosen; None while it is the one that all begin with."""
        chosen = self.chosen.get(self._key(digest, finding))
        return chosen[1] if chosen is not None else None

    def choose(self, finding: str, thresholds: Mapping[str, float], origin: ThresholdOrigin = BY_HAND) -> None:
        """Set the operating points of some checkpoints (by digest) for a finding, and say where they come from."""
        for digest, threshold in thresholds.items():
            probability = self._session.classifiers.holds_probabilities(digest)
            limited = min(max(threshold, 0.0), 1.0) if probability else threshold
            self.chosen[self._key(digest, finding)] = limited, origin
        self.changed.emit()

    def restore(self, points: ChosenPoints) -> None:
        """All of them as they were once chosen."""
        if points != self.chosen:
            self.chosen = dict(points)
            self.changed.emit()

    def _key(self, digest: str, finding: str) -> tuple[str, str, str]:
        """A finding keeps its threshold when it is called by another name because something else is compared."""
        session = self._session
        return digest, session.classifiers.vocabulary.key(finding), session.scores.kind(digest)
