"""The saliency maps of the shown image: what kind is wanted, which have come, what is said of the others."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QObject, Signal

from xferviewer.protocol import Explained
from xferviewer.saliency_methods import MapChoice


class SaliencyMaps(QObject):
    """Maps by checkpoint, of one image at a time."""

    changed = Signal()
    choice_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.choice = MapChoice()
        self._identity = ""
        self._explained: dict[str, Explained] = {}
        self._notes: dict[str, str] = {}

    def choose(self, choice: MapChoice) -> None:
        """Show maps of another kind; those that are shown are gone."""
        if choice != self.choice:
            self.choice = choice
            self.forget()
            self.choice_changed.emit()
            self.changed.emit()

    def begin(self, identity: str) -> None:
        """Another image is shown (empty: none); maps of the one before are gone."""
        self._identity = identity
        self.forget()

    def forget(self) -> None:
        """Take away all maps: they are not what is wanted now."""
        self._explained, self._notes = {}, {}

    def forget_of(self, digest: str) -> None:
        """Take away the map of a checkpoint that will compute it anew."""
        self._explained.pop(digest, None)
        self.changed.emit()

    def keep_of(self, digests: Collection[str]) -> None:
        """Take away the maps of all other checkpoints: they are no longer open."""
        self._explained = {digest: of for digest, of in self._explained.items() if digest in digests}

    def add(self, explained: Explained) -> None:
        """Take in the maps of a checkpoint; those of another image are let go."""
        if self._identity and explained.identity == self._identity:
            self._explained[explained.checkpoint] = explained
            self.changed.emit()

    def of(self, digest: str) -> Explained | None:
        """The maps of a checkpoint; None while they are being computed."""
        return self._explained.get(digest)

    def set_note(self, digest: str, note: str) -> None:
        """Say how far the map of a checkpoint is, or why it does not come."""
        self._notes[digest] = note
        self.changed.emit()

    def note(self, digest: str) -> str:
        """What was noted last of the map that a checkpoint owes."""
        return self._notes.get(digest, "")
