"""The settings of this run: changed one by one, each change written at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from PySide6.QtCore import QObject, Signal

from xferviewer import settings
from xferviewer.errors import XferviewerError
from xferviewer.saliency_methods import MapChoice, Method, Smoothing
from xferviewer.settings import Settings


class KeptSettings(QObject):
    """`now` are the settings in force; a change that cannot be written holds until the window is closed."""

    failed = Signal(object)  # XferviewerError: it could not be written, or the policy locks it

    def __init__(self, chosen: Settings, parent: QObject | None) -> None:
        super().__init__(parent)
        self.now = chosen
        self.policy = settings.policy_in_force()

    def lock_of(self, key: str) -> str:
        """Why a setting cannot be changed, in a sentence; empty where it can."""
        return self.policy.lock_of(key)

    def keep(self, **changes: Any) -> None:
        """Change settings by their names, and write them. One that the policy locks is as the policy says, from now on.

        The policy is read each time: an administrator may have locked something since the window was opened.
        """
        file = settings.settings_file()
        new = {key: value for key, value in changes.items() if value != getattr(self.now, key)}
        if not new:
            return
        try:
            in_force = settings.settings_in_force(file)
        except XferviewerError as error:  # it is not known what is allowed
            self.failed.emit(error)
            return
        self.policy = in_force.policy
        locked = {key: value for key, value in new.items() if self.lock_of(key)}
        free = {key: value for key, value in new.items() if key not in locked}
        self.now = replace(self.now, **free, **{key: getattr(in_force.settings, key) for key in locked})
        for part in filter(None, (free, locked)):
            try:
                settings.change_settings(file, part)
            except XferviewerError as error:
                self.failed.emit(error)

    @property
    def map_choice(self) -> MapChoice:
        """The maps of the last time; a smoothing that does not go with the method is left out."""
        method, smoothing = cast("Method", self.now.map_method), cast("Smoothing", self.now.map_smoothing)
        try:
            return MapChoice(method, self.now.map_layers, smoothing)
        except ValueError:
            return MapChoice(method, self.now.map_layers)

    def keep_map_choice(self, choice: MapChoice) -> None:
        """Ask for these maps at the next start, too."""
        self.keep(map_method=choice.method, map_layers=choice.layers, map_smoothing=choice.smoothing)
