"""One pane: the film, one checkpoint's map over it, and the corner text that says what is what."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import wrap

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QGraphicsItem, QLabel, QSizePolicy, QWidget

from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.theme import GRID, small_font
from xferviewer.gui.views.compare.colour_bar import BarScale, ColourBar
from xferviewer.gui.views.compare.film_box import FilmBox
from xferviewer.gui.views.compare.film_item import FilmItem
from xferviewer.gui.views.compare.input_mark import InputMark
from xferviewer.gui.views.compare.looks import Look
from xferviewer.gui.views.compare.measurement_items import MeasurementItem
from xferviewer.gui.views.compare.scale_bar import ScaleBar
from xferviewer.studies.film_lengths import Calibration
from xferviewer.studies.film_notes import Measurement
from xferviewer.studies.image import Image

_SMALLEST_WITH_TEXT = 240
_SMALLEST_WITH_ALL_TEXT = 380
_LONGEST_NOTE_LINE = 40
"""Panes narrower than this many pixels show no corner text, or only half of it: it would hide the film."""

_OUTLINE_PENS = (pg.mkPen("#000000", width=4), pg.mkPen("#7fffd4", width=2))
"""A light line on a dark one: to be seen on white, on black and on every colour map."""

_CONTOUR_PEN = pg.mkPen("#ffd75f", width=1.5)
_PLANES_TABLE = np.array([[0, 0, 0, 0], [0x7F, 0xFF, 0xD4, 0xFF]], np.uint8)

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")
_BESIDE = {
    "top_left": "top_right",
    "top_right": "top_left",
    "bottom_left": "bottom_right",
    "bottom_right": "bottom_left",
}
EDGES = ("left", "top")
_ALWAYS = ("top_right", "bottom_left")  # what the checkpoint says, and how the film is shown
_ROOM_OF_BAR = 8 * GRID  # at the right edge, where the colours of the bar stand
_UNDER_THE_MOUSE = "bottom_right"  # asked for by the mouse, so it is there in small panes, too
_ALIGNMENT = {
    "top_left": Qt.AlignmentFlag.AlignLeft,
    "top_right": Qt.AlignmentFlag.AlignRight,
    "bottom_left": Qt.AlignmentFlag.AlignLeft,
    "bottom_right": Qt.AlignmentFlag.AlignRight,
}


class Pane(QFrame):
    """Shows what it is told to; knows neither the session nor the other panes."""

    resized = Signal()  # the film has more or less room

    def __init__(self, digest: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.digest = digest
        self.setObjectName("pane")
        self.setProperty("active", False)
        self.box = FilmBox()
        # Of the box and not of the widget around it, which is told first: lengths measured then were those of before.
        self.box.sigResized.connect(self._tell_resized)
        self._graphics = pg.GraphicsView(self)
        self._graphics.setCentralItem(self.box)
        self._graphics.setBackground("k")
        # Panes take what room there is: their wishes must not push the panels beside them together.
        self._graphics.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._graphics.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._graphics.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys are those of all panes together
        self._graphics.setAccessibleName(self.tr("Film"))
        self._graphics.viewport().setAccessibleName(self.tr("Film"))
        self._film = FilmItem()
        self.box.addItem(self._film, ignoreBounds=True)
        # What lies on the film lies in the pixels of the film as stored, and is turned with it.
        self.on_film = pg.ItemGroup()
        self.on_film.setZValue(1)
        self.box.addItem(self.on_film, ignoreBounds=True)
        self._overlay = pg.ImageItem(axisOrder="row-major")
        self._overlay.setCacheMode(
            QGraphicsItem.CacheMode.DeviceCoordinateCache
        )  # a step of the window leaves it alone
        self._outline_ground, self._outline = (pg.PlotCurveItem(pen=pen) for pen in _OUTLINE_PENS)
        self._contour = pg.PlotCurveItem(pen=_CONTOUR_PEN)
        self._planes = pg.ImageItem(axisOrder="row-major", levels=(0, 1), lut=_PLANES_TABLE)
        for item in (self._planes, self._overlay, self._contour, self._outline_ground, self._outline):
            item.setParentItem(self.on_film)
        self._split = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._split.setContentsMargins(1, 1, 1, 1)
        self._split.setSpacing(1)
        self._split.addWidget(self._graphics, 1)
        self.beside: QWidget | None = None
        self._corners = {corner: self._corner_label(corner) for corner in CORNERS}
        self._fitted: dict[str, tuple[str, int]] = {}  # the words of a corner, and the width that they were laid out in
        self._letters = {edge: self._corner_label("top_left") for edge in EDGES}
        self._centre = QLabel(self._graphics)
        self._centre.setObjectName("corner")
        self._centre.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._centre.setWordWrap(True)
        self._centre.hide()
        self.mark = InputMark(self._graphics)
        self.scale_bar = ScaleBar(self._graphics)
        self._warning = QLabel(self._graphics)
        self._warning.setObjectName("notice")
        self._warning.setFont(small_font())
        self._warning.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._warning.hide()
        self._said = "all"
        self._measurements: list[MeasurementItem] = []
        self._notes = self._corner_label("top_left")
        self._notes.hide()
        self._bar = ColourBar(self._graphics)
        self._bar.hide()
        self._graphics.installEventFilter(self)

    def _corner_label(self, corner: str) -> QLabel:
        label = QLabel(self._graphics)
        label.setObjectName("corner")
        label.setFont(small_font())
        label.setAlignment(_ALIGNMENT[corner])
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        label.setTextFormat(Qt.TextFormat.RichText)
        return label

    def set_active(self, active: bool) -> None:
        """Mark this pane as the active one by its border."""
        self.setProperty("active", active)
        self.style().unpolish(self)
        self.style().polish(self)

    def set_film(self, raster: FilmRaster | None, look: Look) -> None:
        """Show this film in the look's window, turned as it says; None shows an empty pane."""
        self._film.show_film(raster, look.window, look.turn, inverted=look.inverted)
        if raster is not None:
            self.on_film.setTransform(look.turn.transform(*raster.image.pixels.shape[:2]))
        self.on_film.setVisible(raster is not None)

    def paint_again(self) -> None:
        """Draw the film again: there is more to see of it."""
        self._film.update()

    def set_map(self, levels: NDArray[np.uint8] | None, placed: QRectF, table: NDArray[np.uint8] | None) -> None:
        """Draw rows (rows, columns) of a table of colours over the part `placed` of the film, in pixels of the film."""
        self._overlay.setVisible(levels is not None)
        if levels is not None and table is not None:
            self._overlay.setImage(levels, autoLevels=False, levels=(0, 255), lut=table)
            self._overlay.setRect(placed)

    def set_contour(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Draw the contour of a map as `set_outline` draws what people marked."""
        self._contour.setData(x, y, connect="pairs")

    def set_outline(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Draw lines from each even to the next odd point, in pixels of the film; none where there are no points."""
        for line in (self._outline_ground, self._outline):
            line.setData(x, y, connect="pairs")

    def set_planes(self, drawn: NDArray[np.bool_] | None) -> None:
        """Draw these pixels of the film, (rows, columns) bool, in one light colour; None draws nothing."""
        self._planes.setVisible(drawn is not None)
        if drawn is not None:
            self._planes.setImage(drawn.view(np.uint8), autoLevels=False)

    def set_scale(self, scale: BarScale | None) -> None:
        """Show the colour bar, or hide it with the map."""
        self._bar.setVisible(scale is not None and self._has_room())
        if scale is not None:
            self._bar.set_scale(scale)
        self._place()
        self._place_measurements()

    def set_corner(self, corner: str, text: str) -> None:
        """Text (rich) of one of the four corners."""
        self._write(self._corners[corner], text)

    def set_mark(self, mark: str, words: str, *, quiet: bool) -> None:
        """What the checkpoint does not expect of the image, below what it says of it; nothing for an empty mark."""
        self.mark.show_words(mark, words, quiet=quiet)
        self._place()

    def set_orientation(self, left: str, top: str) -> None:
        """The letters at the left and the upper edge; empty where they are not known."""
        for edge, letter in (("left", left), ("top", top)):
            self._write(self._letters[edge], f"<b>{letter}</b>" if letter else "")

    @property
    def film(self) -> FilmItem:
        """The film that is drawn."""
        return self._film

    @property
    def surface(self) -> QWidget:
        """What lies below everything that stands over the film."""
        surface: QWidget = self._graphics
        return surface

    def on_surface(self, place: QPointF) -> QPointF:
        """A place of the film as shown, in its pixels, in pixels of the surface."""
        return QPointF(self._graphics.mapFromScene(self.box.mapViewToScene(place)))

    def set_beside(self, widget: QWidget | None) -> None:
        """Share the pane's room between the film and this; None: the film has all of it."""
        if widget is self.beside:
            return
        if self.beside is not None:
            self.beside.hide()
            self.beside.deleteLater()
        self.beside = widget
        if widget is not None:
            self._split.addWidget(widget, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What stands beside the film stands below it in a pane that is higher than wide."""
        super().resizeEvent(event)
        wide = self.width() > self.height()
        self._split.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)

    def set_draws(self, *, draws: bool, grips: bool = False) -> None:
        """Whether the left button draws, or takes hold of what is drawn, which the cursor says."""
        self.box.draws = draws
        shape = Qt.CursorShape
        cursor = shape.SizeAllCursor if grips else shape.CrossCursor if draws else shape.ArrowCursor
        self._graphics.viewport().setCursor(cursor)

    def set_measurements(self, measurements: Sequence[tuple[Measurement, str]]) -> None:
        """Draw these on the film, each with its words."""
        for item in self._measurements:
            self.box.scene().removeItem(item)
        self._measurements = [MeasurementItem(each, words, self.on_film) for each, words in measurements]
        self._place_measurements()

    def _place_measurements(self) -> None:
        room = QRectF(self._graphics.rect()).adjusted(0, 0, -_ROOM_OF_BAR if self._bar.isVisible() else 0, 0)
        for item in self._measurements:
            item.keep_words_in(room, self.on_surface(self.on_film.mapToParent(item.end)))

    def set_notes(self, *, is_key: bool, note: str, verdict: str = "") -> None:
        """That the image is a key image, whether the reader agrees with the checkpoint, and the note on it."""
        lines = [f"<b>★ {self.tr('key image')}</b>"] if is_key else []
        lines += [escape(line) for line in wrap(verdict, _LONGEST_NOTE_LINE)]
        lines += [escape(line) for given in note.splitlines() for line in wrap(given, _LONGEST_NOTE_LINE)]
        self._write(self._notes, "<br>".join(lines))

    def set_warning(self, text: str) -> None:
        """What must not be overlooked of how the film is shown; it stays when all other text is hidden."""
        if text != self._warning.text():
            self._warning.setText(text)
            self._warning.adjustSize()
            self._warning.setVisible(bool(text))
            self._place()

    def set_said(self, said: str) -> None:
        """Show "all" text, the "minimal" one, or "none" of it."""
        self._said = said
        self._place()

    def set_message(self, text: str) -> None:
        """A sentence over the film: why there is none, or what is being waited for."""
        if text != self._centre.text():
            self._centre.setText(text)
            self._centre.setVisible(bool(text))
            self._place()

    def look_at(self, part: QRectF, image: Image, *, turned: bool) -> None:
        """Bring this part of the film as shown, in its pixels, into view. `turned`: by a quarter."""
        self.box.set_pixel_height(1 / image.pixel_height if turned else image.pixel_height)
        self.box.setRange(part, padding=0)
        self._place_measurements()
        words, line = self.scale_bar.words, self.scale_bar.line
        self.scale_bar.measure(Calibration.of(image), self.box.viewPixelSize()[0], turned=turned)
        if (words, line) != (self.scale_bar.words, self.scale_bar.line):
            self._place()

    @Slot(object)
    def _tell_resized(self, _box: object) -> None:
        self.resized.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Place the text again when the film's area changes."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _write(self, label: QLabel, text: str) -> None:
        if label.text() != text:
            label.setText(text)
            label.adjustSize()
            self._place()

    def _fit(self, corner: str, label: QLabel, room: int) -> None:
        """Words that are too long for the pane, or for their half of it, are broken into lines."""
        beside = self._corners[_BESIDE[corner]]
        widest = (room - 2 * GRID) // 2 if beside.isVisible() else room
        if self._fitted.get(corner) == (label.text(), widest):
            return
        self._fitted[corner] = label.text(), widest
        label.setWordWrap(False)
        label.adjustSize()
        if label.width() > widest:
            label.setWordWrap(True)
            label.resize(widest, label.heightForWidth(widest))

    @property
    def is_small(self) -> bool:
        """There is room for few words only."""
        return bool(self._graphics.width() < _SMALLEST_WITH_ALL_TEXT)

    def _has_room(self) -> bool:
        return self._graphics.width() >= _SMALLEST_WITH_TEXT and self._said != "none"

    def _place(self) -> None:
        area = self._graphics.rect().adjusted(2 * GRID, GRID, -2 * GRID, -GRID)
        for corner, label in self._corners.items():
            asked = self._said == "all" and (corner == _UNDER_THE_MOUSE or not self.is_small)
            wide = corner in _ALWAYS or asked
            label.setVisible(self._has_room() and wide and bool(label.text()))  # its ground would cover the film
        for corner, label in self._corners.items():
            self._fit(corner, label, area.width())
            x = area.left() if corner.endswith("left") else area.right() - label.width()
            y = area.top() if corner.startswith("top") else area.bottom() - label.height()
            label.move(x, y)
        self._notes.setVisible(self._has_room() and bool(self._notes.text()))
        under = self._corners["top_left"]
        self._notes.move(area.left(), under.geometry().bottom() + GRID if under.isVisible() else area.top())
        # it is there also where there is no room for any other text
        beneath = self._corners["top_right"]
        below = beneath.geometry().bottom() + GRID if beneath.text() and self._has_room() else area.top()
        self.mark.move(area.right() - self.mark.width(), below)
        for label in self._letters.values():
            label.setVisible(self._has_room() and bool(label.text()))
        self._letters["left"].move(area.left(), area.center().y())
        top = self._letters["top"]
        top.move(area.center().x(), area.top())
        for other in (under, beneath, self._notes, self.mark):
            if other.isVisible() and top.geometry().intersects(other.geometry()):
                top.move(area.center().x(), other.geometry().bottom() + GRID)
        self._warning.move(area.center().x() - self._warning.width() // 2, area.bottom() - self._warning.height())
        self.scale_bar.setVisible(self._has_room() and self.scale_bar.is_needed())
        self._place_scale_bar(area)
        self._centre.setGeometry(
            area.adjusted(area.width() // 8, area.height() // 3, -area.width() // 8, -area.height() // 3)
        )
        height = min(160, area.height() // 3)
        self._bar.setGeometry(area.right() - 120, area.center().y() - height // 2, 120, height)

    def _place_scale_bar(self, area: QRect) -> None:
        """Below the film in the middle, beside what stands in the corners; above that where there is no room."""
        bar, warned = self.scale_bar, self._warning.height() + GRID if self._warning.isVisible() else 0
        corners = [self._corners[corner] for corner in ("bottom_left", "bottom_right")]
        taken = [label.geometry() for label in corners if label.isVisible()]
        left = max([area.center().x() - bar.width() // 2, *(at.right() + GRID for at in taken[:1])])
        place = QRect(QPoint(left, area.bottom() - bar.height() - warned), bar.size())
        if not area.contains(place) or any(place.intersects(at) for at in taken):
            top = min([area.bottom() - warned, *(at.top() for at in taken)])
            place.moveTopLeft(QPoint(area.center().x() - bar.width() // 2, top - GRID - bar.height()))
        bar.move(place.topLeft())
