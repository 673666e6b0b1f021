"""What menus and keys do with tools over films: every action of the menu Tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction

from xferviewer.gui.decisions import Decisions
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare import TOOLS, Blending, Cine, CineWords, CompareView, FadeControl, Lenses, Tools

_FASTER = 1.25


class ToolCommands(QObject):
    """Handlers by the names of their actions; the ticks of those that can be on or off."""

    told = Signal(str)

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
        self._tool_names = dict(zip(TOOLS, ("", self.tr("ruler"), self.tr("angle"), self.tr("region")), strict=True))
        self.tools = Tools(session, compare, decisions, self)
        self.lenses = Lenses(compare, self)
        self.cine = Cine(compare, kept.now.cine_per_second, self)
        self.blending = Blending(compare, self)
        self.fade = FadeControl(self.blending)
        self.cine_words = CineWords(self.cine)
        for words in (self.cine_words, self.fade):
            compare.film_bar.add(words)
        self._compare = compare
        self._actions: Mapping[str, QAction] = {}

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for each action."""
        return {
            **{f"tool_{kind}": partial(self.tools.choose, kind) for kind in TOOLS},
            "remove_measurement": self.tools.remove,
            "magnifier": self.lenses.toggle,
            "key_image": self.tools.toggle_key,
            "note": self.tools.ask_note,
            "reset": self._let_go_or_reset,
            "cine": self._toggle_cine,
            "cine_faster": partial(self._set_rate, _FASTER),
            "cine_slower": partial(self._set_rate, 1 / _FASTER),
            "blink": partial(self._toggle_blending, "blink"),
            "fade": partial(self._toggle_blending, "fade"),
            "undo": self._undo,
            "redo": self._redo,
        }

    def show_ticks(self, actions: Mapping[str, QAction]) -> None:
        """Tick the actions that are on, now and when they change."""
        self._actions = actions
        for signal in (self.cine.running_changed, self.blending.changed, self.tools.kind_changed):
            signal.connect(self._tick)
        self._decisions.steps.indexChanged.connect(self._tick)
        self._tick()

    @Slot()
    def _tick(self) -> None:
        self._actions["cine"].setChecked(self.cine.is_running)
        for kind in TOOLS:
            self._actions[f"tool_{kind}"].setChecked(self.tools.kind == kind)
        self._compare.film_bar.show_tool(self._tool_names[self.tools.kind])
        for mode in ("blink", "fade"):
            self._actions[mode].setChecked(self.blending.mode == mode)
        steps = self._decisions.steps
        self._actions["undo"].setText(self.tr("Undo {0}").format(steps.undoText()).strip())
        self._actions["redo"].setText(self.tr("Redo {0}").format(steps.redoText()).strip())

    def _let_go_or_reset(self) -> None:
        """An angle that is half drawn goes first: the film stays as it is looked at."""
        if not self.tools.let_go():
            self._compare.reset()

    def _toggle_cine(self) -> None:
        self.cine.toggle()
        if self._compare.standing.frames() == 1:
            self.told.emit(self.tr("The study has one image: there is nothing to play."))

    def _toggle_blending(self, mode: str) -> None:
        self.blending.toggle(mode)
        if len(self._compare.panes) == 1:
            self.told.emit(self.tr("There is one pane: choose a layout of two to compare what is in them."))

    def _undo(self) -> None:
        self._tell_of(self.tr("Undone on an image that is not shown: {0}."), *self._decisions.undo())

    def _redo(self) -> None:
        self._tell_of(self.tr("Made again on an image that is not shown: {0}."), *self._decisions.redo())

    def _tell_of(self, words: str, what: str, identity: str) -> None:
        """What nobody sees happen is told."""
        compare = self._compare
        seen = {shown.reference.identity for shown in compare.standing.all_shown() if shown is not None}
        if identity and identity not in seen:
            self.told.emit(words.format(what))

    def _set_rate(self, factor: float) -> None:
        """At least one frame a second more or less."""
        before = self.cine.rate
        change = max(round(abs(before * factor - before)), 1)
        self.cine.set_rate(round(before + change if factor > 1 else before - change))
        self._kept.keep(cine_per_second=self.cine.per_second)
