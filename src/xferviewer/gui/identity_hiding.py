"""Whether patients are named on the screen: as a person has it, or as the policy of the computer has it for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.views.compare import CompareView
from xferviewer.gui.views.worklist import Worklist


class IdentityHiding(QObject):
    """Films and worklist name the patient, or neither does."""

    def __init__(self, compare: CompareView, worklist: Worklist, kept: KeptSettings, parent: QObject | None) -> None:
        super().__init__(parent)
        self._compare = compare
        self._worklist = worklist
        self._kept = kept
        self._action: QAction | None = None

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for its action."""
        return {"hide_identity": self._toggle}

    def show_tick(self, actions: Mapping[str, QAction]) -> None:
        """Tick the action as the last time."""
        self._action = actions["hide_identity"]
        self.follow_setting()

    def follow_setting(self) -> None:
        """As the settings have it now; where the policy locks it, nobody can show them."""
        hidden, locked = self._kept.now.hide_identity, self._kept.lock_of("hide_identity")
        if self._action is not None:
            self._action.setChecked(hidden)
            self._action.setEnabled(not locked)
            self._action.setToolTip(locked or self._action.text())
        self._show(hidden)

    def _toggle(self) -> None:
        self._kept.keep(hide_identity=self._action is not None and self._action.isChecked())
        self.follow_setting()  # it may have been locked meanwhile

    def _show(self, hidden: bool) -> None:
        self._compare.set_hide_identity(hidden)
        self._worklist.model.set_hide_identity(hidden)
