"""What menus and keys do with tools over films: every action of the menu Tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction

from xferviewer.gui.decisions import Decisions
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare import TOOLS, Blending, Cine, CompareView, FadeControl, Lenses, Tools

_FASTER = 1.25


class ToolCommands(QObject):
    """Handlers by the names of their actions; the ticks of those that can be on or off."""

    def __init__(
        self,
        session: Session,
        compare: CompareView,
        decisions: Decisions,
        kept: KeptSettings,
        parent: QObject | None,
    ) -> None:
        super().__init__(parent)
        self._kept = kept
        self._decisions = decisions
        self.tools = Tools(session, compare, decisions, self)
        self.lenses = Lenses(compare, self)
        self.cine = Cine(compare, kept.now.cine_per_second, self)
        self.blending = Blending(compare, self)
        self.fade = FadeControl(self.blending)
        compare.film_bar.add(self.fade)
        self._actions: Mapping[str, QAction] = {}

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for each action."""
        return {
            **{f"tool_{kind}": partial(self.tools.choose, kind) for kind in TOOLS},
            "remove_measurement": self.tools.remove_last,
            "magnifier": self.lenses.toggle,
            "key_image": self.tools.toggle_key,
            "note": self.tools.ask_note,
            "cine": self.cine.toggle,
            "cine_faster": partial(self._set_rate, _FASTER),
            "cine_slower": partial(self._set_rate, 1 / _FASTER),
            "blink": partial(self.blending.toggle, "blink"),
            "fade": partial(self.blending.toggle, "fade"),
            "undo": self._decisions.steps.undo,
            "redo": self._decisions.steps.redo,
        }

    def show_ticks(self, actions: Mapping[str, QAction]) -> None:
        """Tick the actions that are on, now and when they change."""
        self._actions = actions
        for signal in (self.cine.running_changed, self.blending.changed):
            signal.connect(self._tick)
        self._decisions.steps.indexChanged.connect(self._tick)
        self._tick()

    @Slot()
    def _tick(self) -> None:
        self._actions["cine"].setChecked(self.cine.is_running)
        for mode in ("blink", "fade"):
            self._actions[mode].setChecked(self.blending.mode == mode)
        steps = self._decisions.steps
        self._actions["undo"].setText(self.tr("Undo {0}").format(steps.undoText()).strip())
        self._actions["redo"].setText(self.tr("Redo {0}").format(steps.redoText()).strip())

    def _set_rate(self, factor: float) -> None:
        """At least one frame a second more or less."""
        before = self.cine.per_second
        change = max(round(abs(before * factor - before)), 1)
        self.cine.set_rate(before + change if factor > 1 else before - change)
        self._kept.keep(cine_per_second=self.cine.per_second)
