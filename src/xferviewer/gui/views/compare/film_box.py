"""The part of a pane that holds the film and takes the mouse."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal


class FilmBox(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """Pan, zoom and window/level by mouse, as reading rooms know it (see `docs/mouse-and-keys.md`).

    Left drag: window/level. Middle drag: pan. Right drag: zoom. Wheel: next or previous. Ctrl+wheel: zoom.
    Double click: this pane alone. Dragging with Ctrl goes four times as far.
    """

    windowed = Signal(float, float)  # drag right and up, in pixels of the screen
    moved = Signal(object)  # QRectF: the part of the film in view, after the user changed it
    stepped = Signal(int)  # wheel: -1 towards the first, +1 towards the last
    pressed = Signal()
    maximised = Signal()
    drawn = Signal(
        object, object, bool
    )  # QPointF, QPointF in pixels of the film: from, to; whether the button was let go
    clicked = Signal(object)  # QPointF in pixels of the film
    hovered = Signal(object)  # QPointF in pixels of the film

    def __init__(self) -> None:
        super().__init__(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0)
        self.setBackgroundColor("k")
        self.draws = False  # the left button draws instead of changing the window

    def viewPixelSize(self) -> tuple[float, float]:
        """Width and height of a pixel of the screen in those of the film; 0 while the pane has no size to scale to."""
        if self.rect().isEmpty() or self.viewRect().isEmpty():
            return 0.0, 0.0
        width, height = super().viewPixelSize()
        return width, height

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Window/level, pan or zoom, by button."""
        event.accept()
        factor = 4.0 if event.modifiers() & Qt.KeyboardModifier.ControlModifier else 1.0
        step = event.screenPos() - event.lastScreenPos()
        if event.button() == Qt.MouseButton.LeftButton and self.draws:
            begun, now = (self.mapSceneToView(at) for at in (event.buttonDownScenePos(), event.scenePos()))
            self.drawn.emit(begun, now, event.isFinish())
        elif event.button() == Qt.MouseButton.LeftButton:
            self.windowed.emit(factor * step.x(), -factor * step.y())
        elif event.button() == Qt.MouseButton.MiddleButton:
            pixel = self.viewPixelSize()
            view = self.viewRect()
            self.moved.emit(view.translated(-factor * step.x() * pixel[0], -factor * step.y() * pixel[1]))
        elif event.button() == Qt.MouseButton.RightButton:
            self.zoom(1.01 ** (-factor * step.y()), self.viewRect().center())

    def mousePressEvent(self, event: Any) -> None:
        """Make this pane the active one."""
        self.pressed.emit()
        super().mousePressEvent(event)

    def mouseClickEvent(self, event: Any) -> None:
        """A double click shows this pane alone, or all again."""
        if event.double() and event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self.maximised.emit()
        elif event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(self.mapSceneToView(event.scenePos()))

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        """Next or previous; with Ctrl zoom about the cursor."""
        event.accept()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1.0015 ** event.delta(), self.mapSceneToView(event.scenePos()))
        else:
            self.stepped.emit(-1 if event.delta() > 0 else 1)

    def hoverEvent(self, event: Any) -> None:
        """Tell where the cursor is."""
        if not event.isExit():
            self.hovered.emit(self.mapSceneToView(event.scenePos()))

    def zoom(self, factor: float, about: QPointF) -> None:
        """Magnify by `factor` and keep the point `about` (in pixels of the film) where it is."""
        view = self.viewRect()
        self.moved.emit(
            QRectF(
                about.x() - (about.x() - view.left()) / factor,
                about.y() - (about.y() - view.top()) / factor,
                view.width() / factor,
                view.height() / factor,
            )
        )
