"""What the mouse does in the panes, as a person chose it: it changes looks, steps through frames, asks for actions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, QRectF, Signal, Slot

from xferviewer.gui.mouse_bindings import STANDARD_MOUSE, Mouse
from xferviewer.gui.views.compare.contents import ahead
from xferviewer.gui.views.compare.looks import Looks
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.gui.views.compare.standing import Standing
from xferviewer.gui.windowing import dragged


class Gestures(QObject):
    """`mouse`: which gesture does what; `up_is_brighter`: what dragging upwards does to a film."""

    stepped = Signal(int)  # the next (+1) or previous (-1) frame, image or study is asked for
    action_asked = Signal(str)  # the action of this name
    told = Signal(str)

    def __init__(self, looks: Looks, standing: Standing, drag_up: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._looks = looks
        self._standing = standing
        self._panes: Sequence[Pane] = ()
        self.mouse = STANDARD_MOUSE
        self.up_is_brighter = drag_up == "brighter"

    def listen(self, panes: Sequence[Pane]) -> None:
        """Let the mouse work in these panes."""
        self._panes = panes
        for number, pane in enumerate(panes):
            pane.box.mouse = self.mouse
            pane.box.windowed.connect(partial(self._drag_window, number))
            pane.box.moved.connect(partial(self._move, number))
            pane.box.stepped.connect(partial(self._step, number))
            pane.box.double_clicked.connect(self._double_click)
            pane.box.menu_asked.connect(partial(self.action_asked.emit, "film_menu"))

    def set_mouse(self, mouse: Mouse) -> None:
        """Let the mouse do this."""
        self.mouse = mouse
        for pane in self._panes:
            pane.box.mouse = mouse

    def _drag_window(self, number: int, right: float, up: float) -> None:
        raster, look = self._standing.raster(number), self._looks[number]
        if raster is not None and raster.image.is_colour:
            self.told.emit(self.tr("A film in colour is shown as it is stored: there is no window to set."))
        elif raster is not None:
            window = dragged(raster, look.window, right, up, inverted=look.inverted, up_is_brighter=self.up_is_brighter)
            self._looks.set_window(number, window)

    def _move(self, number: int, part: QRectF) -> None:
        if self._standing.raster(number) is not None:
            self._looks.move(number, part)

    def _step(self, number: int, by: int) -> None:
        """Through frames, images and studies; a pane that is not linked goes through those of its study alone."""
        if "frame" in self._looks.linked:
            self.stepped.emit(by)
            return
        shown = self._standing.shown(number)
        if shown is not None and ahead(shown, by) is not None:
            self._looks.step(number, by)

    @Slot()
    def _double_click(self) -> None:
        if self.mouse.double_click != "nothing":
            self.action_asked.emit(self.mouse.double_click)
