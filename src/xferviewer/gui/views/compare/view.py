"""The compare view: one pane for each checkpoint over one film, linked in all they do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from xferviewer.errors import XferviewerError
from xferviewer.evaluation.map_geometry import Part
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.colour_maps import (
    colours,
    difference_colours,
    difference_levels,
    difference_table,
    map_levels,
    overlay_table,
)
from xferviewer.gui.films import Film, screen_pixels
from xferviewer.gui.live_maps import LiveMaps
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare.colour_bar import BarScale
from xferviewer.gui.views.compare.corner_text import (
    image_text,
    input_mark,
    orientation_letters,
    patient_text,
    pixel_text,
    result_text,
)
from xferviewer.gui.views.compare.outline import NO_LINES, outline_of
from xferviewer.gui.views.compare.overlay_bar import OverlayBar
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.protocol import Explained
from xferviewer.studies.images import Image, Window

_COLUMNS = {1: 1, 2: 2, 3: 2, 4: 2}  # films are nearly square: two columns give them the most room
_NARROWEST_SHARE = 1e-3
_LONGEST_NAME = 11


class CompareView(QWidget):
    """Panes in a grid with the overlay bar below them.

    Pan, zoom and window are one for all panes; a new study keeps the links and starts fitted, in its own window.
    """

    stepped = Signal(int)  # the wheel asks for the next (+1) or previous (-1) frame, image or study

    def __init__(
        self, session: Session, maps: LiveMaps, drag_up: str = "brighter", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._maps = maps
        self._drag_up = 1.0 if drag_up == "brighter" else -1.0
        self._film: Film | None = None
        self._view: QRectF | None = None
        self._maximised = ""
        self._cursor: QPointF | None = None
        self.hide_identity = False
        self.panes: list[Pane] = []
        self._peeking = False
        self.films = QWidget()
        self.films.setObjectName("films")
        self.films.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.films.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.films.setAccessibleName(self.tr("Films of the compared checkpoints"))
        self._grid = QGridLayout(self.films)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self.overlay_bar = OverlayBar(session)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.films, 1)
        layout.addWidget(self.overlay_bar)
        session.panes_changed.connect(self._arrange)
        session.image_changed.connect(self._new_image)
        session.display_changed.connect(self._draw)
        session.finding_changed.connect(self._draw_maps)
        session.explanations_changed.connect(self._draw_maps)
        session.finding_changed.connect(self._draw_outline)
        session.marked_changed.connect(self._draw_outline)
        maps.changed.connect(self._draw_differences)
        session.predictions_changed.connect(self._write_corners)
        session.thresholds_changed.connect(self._write_corners)
        session.inputs.changed.connect(self._write_corners)
        self._arrange()

    # --- what the rest of the window tells this view

    @Slot(object)
    def show_film(self, film: Film) -> None:
        """A film was read: show it in all panes, if it is the one that is looked at."""
        shown = self._session.shown
        if shown is None or film.path != str(shown.image.path) or film.frame != shown.frame:
            return
        self._film = film
        self._draw()
        self.fit()

    @Slot()
    def fit(self) -> None:
        """Show the whole film in each pane."""
        self._view = None
        self._apply_view()

    @Slot()
    def reset(self) -> None:
        """Whole film, the file's own window, no inversion by the user: in all panes."""
        self._session.set_display(replace(self._session.display, window=None, inverted=False))
        self.fit()

    def zoom(self, factor: float) -> None:
        """Magnify all panes about their centre."""
        if self.panes:
            box = self.panes[0].box
            box.zoom(factor, box.viewRect().center())

    def set_hide_identity(self, hidden: bool) -> None:
        """Leave the patient out of the corner text."""
        self.hide_identity = hidden
        self._write_corners()

    def set_peeking(self, peeking: bool) -> None:
        """Take the maps away for as long as a key is held."""
        if peeking != self._peeking:
            self._peeking = peeking
            self._draw_maps()

    @property
    def image(self) -> Image | None:
        """The image in the panes, once it is read."""
        return self._film.image if self._film is not None else None

    # --- panes

    @Slot()
    def _arrange(self) -> None:
        wanted = list(self._session.in_panes) or [""]
        if self._maximised in wanted:
            wanted = [self._maximised]
        if [pane.digest for pane in self.panes] != wanted:
            self._rebuild(wanted)
        for pane in self.panes:
            pane.set_active(len(self.panes) > 1 and pane.digest == self._session.active)
        self._draw()

    def _rebuild(self, digests: list[str]) -> None:
        for pane in self.panes:
            self._grid.removeWidget(pane)
            pane.hide()
            pane.deleteLater()
        self.panes = [self._new_pane(digest) for digest in digests]
        columns = _COLUMNS.get(len(digests), 2)
        for index, pane in enumerate(self.panes):
            self._grid.addWidget(pane, index // columns, index % columns)
        self._apply_view()

    def _new_pane(self, digest: str) -> Pane:
        pane = Pane(digest, self)
        pane.box.windowed.connect(self._drag_window)
        pane.box.moved.connect(self._move_view)
        pane.box.stepped.connect(self.stepped)
        pane.box.pressed.connect(partial(self._session.set_active, digest))
        pane.box.maximised.connect(partial(self._maximise, digest))
        pane.box.hovered.connect(self._hover)
        pane.resized.connect(self._apply_view)
        return pane

    def _maximise(self, digest: str) -> None:
        self._maximised = "" if self._maximised else digest
        self._arrange()

    # --- linked view and window

    @Slot(object)
    def _move_view(self, view: QRectF) -> None:
        if self.image is not None:
            self._view = view
            self._apply_view()

    @Slot()
    def _apply_view(self) -> None:
        image = self.image
        if image is None:
            return
        rows, columns = image.pixels.shape[:2]
        view = self._view or QRectF(0, 0, columns, rows)
        for pane in self.panes:
            pane.look_at(view)
        self._write_corners()

    @Slot(float, float)
    def _drag_window(self, right: float, up: float) -> None:
        image = self.image
        if image is None or image.is_colour:
            return
        window = self._session.display.window or image.default_window()
        low, high = image.value_range()
        span = max(min(high - low, 4 * image.default_window().width), 1.0)
        narrowest = 1.0 if window.function == "LINEAR" else span * _NARROWEST_SHARE
        brighter = -1.0 if image.inverted == self._session.display.inverted else 1.0  # a lower centre is brighter
        moved = Window(
            window.centre + self._drag_up * brighter * up * span,
            max(window.width + right * span, narrowest),
            window.function,
            "set by hand",
        )
        self._session.set_display(replace(self._session.display, window=moved))

    # --- drawing

    @Slot()
    def _new_image(self) -> None:
        self._film = None
        self._cursor = None
        self._draw()

    @Slot()
    def _draw(self) -> None:
        image, display = self.image, self._session.display
        pixels = screen_pixels(image, display.window, display.inverted) if image is not None else None
        message = self._message()
        for pane in self.panes:
            pane.set_film(pixels)
            pane.set_message(message)
            pane.set_orientation(*orientation_letters(image))
        self._draw_maps()
        self._draw_outline()
        self._draw_planes()

    @Slot()
    def _draw_planes(self) -> None:
        """The overlays of the film's file, for a person: no network sees them."""
        image = self.image
        drawn = image.overlaid() if image is not None and self._session.display.planes_visible else None
        for pane in self.panes:
            pane.set_planes(drawn)

    def _message(self) -> str:
        if self._session.shown is None:
            return self.tr("Choose a study, or drop a folder of films here.")
        if self._film is None:
            return self.tr("Reading …")
        return str(self._film.error) if self._film.error is not None else ""

    @Slot()
    def _draw_maps(self) -> None:
        strongest = max((self._strength(pane.digest) for pane in self.panes), default=0.0)
        for pane in self.panes:
            self._draw_map(pane, strongest)
        self._write_corners()

    def _strength(self, digest: str) -> float:
        explained, index = self._explanation(digest)
        return float(explained.strengths[index]) if explained is not None and index >= 0 else 0.0

    def _explanation(self, digest: str) -> tuple[Explained | None, int]:
        """The maps of the shown image by a checkpoint, and the place of the chosen finding in them or -1."""
        explained, checkpoint = self._session.explanation(digest), self._session.checkpoint(digest)
        own = self._session.own_name(digest, self._session.finding)
        if explained is None or checkpoint is None or own is None:
            return None, -1
        return explained, explained.findings.index(own) if own in explained.findings else -1

    def _draw_map(self, pane: Pane, strongest: float) -> None:
        display, image = self._session.display, self.image
        explained, index = self._explanation(pane.digest)
        if explained is None or index < 0 or image is None or not display.overlay_visible or self._peeking:
            pane.set_map(None, QRectF(), None)
            pane.set_scale(None)
        elif self._shows_difference(pane):
            self._draw_difference(pane, image)
        else:
            values = explained.maps[index]
            if display.scale == "shared" and strongest > 0:
                values = values * (float(explained.strengths[index]) / strongest)
            table = overlay_table(display.colour_map, display.overlay_opacity, display.cut_off)
            pane.set_map(map_levels(values), _placed(explained.crop, image), table)
            top_means = self.tr("own maximum") if display.scale == "own" else self.tr("strongest shown")
            pane.set_scale(BarScale(colours(display.colour_map), top_means, marks=(display.cut_off,)))

    # --- differences and what people marked

    def _shows_difference(self, pane: Pane) -> bool:
        """The active pane keeps its map; the others show how it differs from theirs."""
        session = self._session
        return session.display.difference and pane.digest != session.active and session.active in session.in_panes

    def _draw_difference(self, pane: Pane, image: Image) -> None:
        display = self._session.display
        compared = self._maps.difference_to_active(pane.digest)
        if compared is None:  # it is being computed, or the active checkpoint has no map
            pane.set_map(None, QRectF(), None)
            pane.set_scale(None)
            return
        table = difference_table(display.overlay_opacity, display.cut_off)
        pane.set_map(difference_levels(compared.difference), _placed(compared.part, image), table)
        active, here = (self._session.checkpoint(digest) for digest in (self._session.active, pane.digest))
        names = [_short(checkpoint.name if checkpoint is not None else "") for checkpoint in (active, here)]
        cuts = (0.5 - display.cut_off / 2, 0.5, 0.5 + display.cut_off / 2)
        pane.set_scale(BarScale(difference_colours(), f"+1 {names[0]}", f"−1 {names[1]}", cuts))

    @Slot()
    def _draw_differences(self) -> None:
        if self._session.display.difference:
            self._draw_maps()

    @Slot()
    def _draw_outline(self) -> None:
        """The region of the chosen finding; one that does not fit the film is told of where maps are measured."""
        image, region, lines = self.image, self._session.marked_finding(), NO_LINES
        if image is not None and region is not None and self._session.display.regions_visible:
            try:
                lines = outline_of(region.pixels(*image.pixels.shape[:2]))
            except XferviewerError:
                lines = NO_LINES
        for pane in self.panes:
            pane.set_outline(*lines)

    # --- corner text

    @Slot(object)
    def _hover(self, position: QPointF) -> None:
        self._cursor = position
        self._write_corners()

    @Slot()
    def _write_corners(self) -> None:
        image = self.image
        patient = patient_text(self._session.shown, hide_identity=self.hide_identity)
        for pane in self.panes:
            explained, index = self._explanation(pane.digest)
            checkpoint = self._session.checkpoint(pane.digest)
            zoom = 1 / pane.box.viewPixelSize()[0] if image is not None else 0.0
            pane.set_corner("top_left", patient)
            pane.set_corner("bottom_left", image_text(self._session.shown, image, self._session.display, zoom))
            pane.set_corner("bottom_right", pixel_text(image, self._cursor))
            if checkpoint is None:
                pane.set_corner("top_right", "")
                pane.set_mark("", "", quiet=False)
                continue
            pane.set_mark(
                input_mark(self._session.inputs, pane.digest),
                self._session.inputs.words(pane.digest),
                quiet=self._session.inputs.is_acknowledged(pane.digest),
            )
            pane.set_corner(
                "top_right",
                result_text(self._session, checkpoint, style_of(self._session.place_of(pane.digest)), explained, index),
            )


def _placed(part: Part, image: Image) -> QRectF:
    """A part of the film, given in fractions of it, in its pixels."""
    rows, columns = image.pixels.shape[:2]
    top, left, bottom, right = part
    return QRectF(left * columns, top * rows, (right - left) * columns, (bottom - top) * rows)


def _short(name: str) -> str:
    """A name in the room beside the colour bar; names differ at their ends."""
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"
