"""The part of a pane that holds the film and takes the mouse."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal

from xferviewer.gui.mouse_bindings import STANDARD_MOUSE

_CLICK = 120  # eighths of a degree, which is what a click of a usual wheel is
_STEP = 24  # pixels of the screen that a drag goes from one frame to the next


class FilmBox(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """Tells what the mouse asks for: which button and which wheel ask for what stands in `mouse`.

    While it draws, the left button does nothing else. Dragging with Ctrl goes four times as far.
    """

    windowed = Signal(float, float)  # drag right and up, in pixels of the screen
    moved = Signal(object)  # QRectF: the part of the film in view, after the user changed it
    stepped = Signal(int)  # -1 towards the first, +1 towards the last
    pressed = Signal()
    double_clicked = Signal()
    menu_asked = Signal()
    drawn = Signal(
        object, object, bool
    )  # QPointF, QPointF in pixels of the film: from, to; whether the button was let go
    clicked = Signal(object)  # QPointF in pixels of the film
    hovered = Signal(object)  # QPointF in pixels of the film
    left = Signal()  # the mouse is no longer over it

    def __init__(self) -> None:
        super().__init__(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0)
        self.setBackgroundColor("k")
        self.pixel_height = 1.0
        self.draws = False  # the left button draws
        self.mouse = STANDARD_MOUSE
        self._turned = 0  # eighths of a degree that the wheel has turned since the last step
        self._travelled = 0.0  # pixels dragged since the last step to another frame

    def set_pixel_height(self, height: float) -> None:
        """Height of the film's pixels over their width, as shown: those of a volume's slices may not be squares."""
        if height != self.pixel_height:
            self.pixel_height = height
            self.setAspectLocked(True, 1 / height)

    def viewPixelSize(self) -> tuple[float, float]:
        """Width and height of a pixel of the screen in those of the film; 0 while the pane has no size to scale to."""
        if self.rect().isEmpty() or self.viewRect().isEmpty():
            return 0.0, 0.0
        width, height = super().viewPixelSize()
        return width, height

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Draw, or what this button does."""
        event.accept()
        if event.button() == Qt.MouseButton.LeftButton and self.draws:
            begun, now = (self.mapSceneToView(at) for at in (event.buttonDownScenePos(), event.scenePos()))
            self.drawn.emit(begun, now, event.isFinish())
            return
        factor = 4.0 if event.modifiers() & Qt.KeyboardModifier.ControlModifier else 1.0
        step = event.screenPos() - event.lastScreenPos()
        match self._done_by(event.button()):
            case "window":
                self.windowed.emit(factor * step.x(), -factor * step.y())
            case "pan":
                pixel = self.viewPixelSize()
                view = self.viewRect()
                self.moved.emit(view.translated(-factor * step.x() * pixel[0], -factor * step.y() * pixel[1]))
            case "zoom":
                self.zoom(1.01 ** (-factor * step.y()), self.viewRect().center())
            case "step":
                self._travel(0.0 if event.isStart() else factor * step.y())

    def _done_by(self, button: Qt.MouseButton) -> str:
        return {
            Qt.MouseButton.LeftButton: self.mouse.left_drag,
            Qt.MouseButton.MiddleButton: self.mouse.middle_drag,
            Qt.MouseButton.RightButton: self.mouse.right_drag,
        }.get(button, "nothing")

    def _travel(self, down: float) -> None:
        """Dragging down goes towards the last frame."""
        self._travelled = self._travelled + down if down else 0.0
        steps = int(self._travelled / _STEP)
        self._travelled -= steps * _STEP
        for _ in range(abs(steps)):
            self.stepped.emit(1 if steps > 0 else -1)

    def mousePressEvent(self, event: Any) -> None:
        """Make this pane the active one."""
        self.pressed.emit()
        super().mousePressEvent(event)

    def mouseClickEvent(self, event: Any) -> None:
        """A click of the right button asks for the menu, one of the left one is for whoever draws."""
        if event.button() == Qt.MouseButton.RightButton:
            event.accept()
            self.menu_asked.emit()
        elif event.double() and event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self.double_clicked.emit()
        elif event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(self.mapSceneToView(event.scenePos()))

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        """Next or previous, or zoom about the cursor."""
        event.accept()
        with_ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        does = self.mouse.ctrl_wheel if with_ctrl else self.mouse.wheel
        if does == "zoom":
            self.zoom(1.0015 ** event.delta(), self.mapSceneToView(event.scenePos()))
        elif does == "step":
            self._turn_wheel(event.delta())

    def _turn_wheel(self, angle: int) -> None:
        """A click of a wheel is a step; touchpads and fine wheels tell of many small parts of one."""
        self._turned = self._turned + angle if self._turned * angle >= 0 else angle
        steps = int(self._turned / _CLICK)
        self._turned -= steps * _CLICK
        for _ in range(abs(steps)):
            self.stepped.emit(-1 if steps > 0 else 1)

    def hoverEvent(self, event: Any) -> None:
        """Tell where the cursor is."""
        if event.isExit():
            self.left.emit()
        else:
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
