"""The compare view: checkpoints over films in panes, linked as far as a person wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from xferviewer.gui.display import ShownImage
from xferviewer.gui.films import Film
from xferviewer.gui.live_maps import LiveMaps
from xferviewer.gui.own_windows import OwnWindow
from xferviewer.gui.pane_layouts import Grid
from xferviewer.gui.session import Session
from xferviewer.gui.throttle import Throttle
from xferviewer.gui.turn import Turn
from xferviewer.gui.views.compare.contents import Content, ahead, contents
from xferviewer.gui.views.compare.corner_writing import CornerWriting
from xferviewer.gui.views.compare.film_bar import FilmBar
from xferviewer.gui.views.compare.gestures import Gestures
from xferviewer.gui.views.compare.looks import Looks
from xferviewer.gui.views.compare.map_drawing import MapDrawing
from xferviewer.gui.views.compare.marked import draw_marked
from xferviewer.gui.views.compare.overlay_bar import OverlayBar
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.gui.views.compare.pane_grid import PaneGrid
from xferviewer.gui.views.compare.standing import Standing, series_of
from xferviewer.gui.windowing import Preset, presets
from xferviewer.studies.images import Image, Window


class CompareView(QWidget):
    """Panes in a grid with the overlay bar below them.

    What is done in one pane the others do, too, as far as they are linked in it (see `looks`). Another study keeps the
    links and starts fitted, in its own window.

    looks      how each pane shows its film
    standing   what stands in each pane
    gestures   what the mouse does in them
    pane_grid  where they lie
    """

    panes_rebuilt = Signal()
    standing_changed = Signal()  # what stands in the panes: other films, or a film that was read
    image_replaced = Signal()  # another image was chosen
    focus_changed = Signal()  # another pane, another film in it, or another look of it
    said_changed = Signal()  # how much text the panes show
    films_wanted = Signal(object)  # list[tuple[Path, int]]: what the panes show, the chosen image first

    def __init__(
        self,
        session: Session,
        maps: LiveMaps,
        drag_up: str = "brighter",
        unlinked: Iterable[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._drawing = MapDrawing(session, maps)
        self.own_windows: tuple[OwnWindow, ...] = ()
        self.looks = Looks(unlinked, self)
        self.standing = Standing(session, self.looks)
        self.gestures = Gestures(self.looks, self.standing, drag_up, self)
        self.corners = CornerWriting(session, self._drawing, self.standing, self.looks)
        self._look_words = Throttle(self._write_looks, self)
        self._series: object = None
        self._settling = False
        self._focus = 0
        self.said = "all"
        self.panes: list[Pane] = []
        self._mapped: list[ShownImage | None] = []  # what the maps lie over
        self.films = QWidget()
        self.films.setObjectName("films")
        self.films.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.films.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.films.setAccessibleName(self.tr("Films of the compared checkpoints"))
        self.pane_grid = PaneGrid(self.films)
        self.film_bar = FilmBar(self)
        self.overlay_bar = OverlayBar(session, lambda: self._drawing.strongest(pane.digest for pane in self.panes))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.film_bar)
        layout.addWidget(self.films, 1)
        layout.addWidget(self.overlay_bar)
        session.panes_changed.connect(self._arrange)
        session.image_changed.connect(self._new_image)
        session.display_changed.connect(self._draw_maps)
        session.display_changed.connect(self._draw_marked)
        session.finding_changed.connect(self._draw_maps)
        session.maps.changed.connect(self._draw_maps)
        session.finding_changed.connect(self._draw_marked)
        session.marked_changed.connect(self._draw_marked)
        maps.changed.connect(self._draw_differences)
        for signal in (session.predictions_changed, session.operating_points.changed, session.inputs.changed):
            signal.connect(self._write_corners)
        self.looks.changed.connect(self._show_looks)
        self._arrange()

    # --- what the rest of the window tells this view

    @Slot(object)
    def show_film(self, film: Film) -> None:
        """A film was read: show it in the panes that are to show it."""
        showing = self.standing.take_in(film)
        for pane in showing:
            self.standing.tell_looks(pane)
        if showing and not self._settling:
            for pane in showing:
                self._draw_film(pane)
            self._draw_maps()
            self._draw_marked()
            self.focus_changed.emit()

    @Slot()
    def paint_again(self) -> None:
        """Finer pixels of a slide are there."""
        for pane in self.panes:
            pane.paint_again()

    @Slot()
    def fit(self) -> None:
        """Show the whole film in the pane in focus, and in those that are linked to it."""
        self.looks.move(self.focus, None)

    @Slot()
    def reset(self) -> None:
        """Whole film, upright, the file's own window and polarity: in the pane in focus and in those linked to it."""
        self.looks.reset(self.focus)

    def zoom(self, factor: float) -> None:
        """Magnify about the centre."""
        if self.image is not None:
            box = self.panes[self.focus].box
            box.zoom(factor, box.viewRect().center())

    def set_window(self, window: Window | None) -> None:
        """Show this window in the pane in focus, and in those that are linked to it."""
        self.looks.set_window(self.focus, window)

    def invert(self) -> None:
        """Exchange bright and dark."""
        self.looks.set_inverted(self.focus, inverted=not self.looks[self.focus].inverted)

    def turn(self, how: Callable[[Turn], Turn]) -> None:
        """Turn or mirror what the pane in focus shows."""
        if self.image is not None:
            self.looks.turn(self.focus, how)

    def set_hide_identity(self, hidden: bool) -> None:
        """Leave the patient out of the corner text."""
        self.corners.hide_identity = hidden
        self._draw()

    def set_said(self, said: str) -> None:
        """How much text the panes show: "all", "minimal" or "none" of it."""
        self.said = said
        for pane in self.panes:
            pane.set_said(said)
        self.said_changed.emit()

    def set_peeking(self, peeking: bool) -> None:
        """Take the maps away for as long as a key is held."""
        if peeking != self._drawing.peeking:
            self._drawing.peeking = peeking
            self._draw_maps()

    # --- what is shown

    @property
    def focus(self) -> int:
        """The pane that keys and menus speak to."""
        alone = self.pane_grid.alone
        return alone if alone is not None else min(self._focus, len(self.panes) - 1)

    @property
    def image(self) -> Image | None:
        """The image in the pane in focus, once it is read."""
        return self.standing.image(self.focus)

    def presets(self) -> list[Preset]:
        """The windows that are offered for the film in focus; none until it is read, none for colour."""
        raster = self.standing.raster(self.focus)
        return presets(raster, self.own_windows) if raster is not None else []

    # --- panes

    def set_grid(self, grid: Grid | None) -> None:
        """So many rows and columns of panes; None: a pane for each checkpoint."""
        if grid != self.pane_grid.grid:
            self.pane_grid.grid = grid
            self._arrange()
            self.pane_grid.fill()

    def choose_ahead(self, by: int) -> None:
        """Let the frame so many after the chosen one be the one that everything speaks of."""
        shown = self._session.shown
        reached = ahead(shown, by) if shown is not None and by else None
        if reached is not None:
            self._session.show(reached)

    def name_of(self, number: int) -> str:
        """What stands in a pane, in a few words: the checkpoint, else the image."""
        checkpoint = self._session.classifiers.checkpoint(self.panes[number].digest)
        shown = self.standing.shown(number)
        if checkpoint is not None:
            return checkpoint.name
        return self.tr("image {0}, frame {1}").format(shown.index + 1, shown.frame + 1) if shown is not None else ""

    def step_focus(self, by: int = 1) -> None:
        """The next pane, round and round."""
        self._press((self.focus + by) % len(self.panes))

    def maximise(self) -> None:
        """The pane in focus alone, or all again."""
        self.pane_grid.show_alone(self.focus if self.pane_grid.alone is None else None)

    @Slot()
    def _arrange(self) -> None:
        grid = self.pane_grid.grid
        wanted = contents(self._session.in_panes, grid[0] * grid[1] if grid is not None else None)
        if wanted != self.standing.contents:
            self._rebuild(wanted)
        active = self._session.active
        if wanted[self._focus].digest != active:
            self._focus = next((p for p, content in enumerate(wanted) if content.digest == active), 0)
        self._show_focus()
        self._draw()

    def _rebuild(self, wanted: list[Content]) -> None:
        self.standing.contents = wanted
        self._focus = min(self._focus, len(wanted) - 1)
        self.looks.lay_out(len(wanted))
        self.panes = [self._new_pane(number, content.digest) for number, content in enumerate(wanted)]
        self.gestures.listen(self.panes)
        self.pane_grid.replace_panes(self.panes)
        self._want_films()
        for number in range(len(wanted)):
            self.standing.tell_looks(number)
        self.panes_rebuilt.emit()

    def _new_pane(self, number: int, digest: str) -> Pane:
        pane = Pane(digest, self)
        pane.set_said(self.said)
        pane.box.pressed.connect(partial(self._press, number))
        pane.box.hovered.connect(partial(self._hover, number))
        pane.box.left.connect(self._forget_cursor)
        pane.resized.connect(partial(self._look_at, number))
        return pane

    def _press(self, number: int) -> None:
        self._focus = number
        if self.pane_grid.alone is not None and self.pane_grid.alone != number:
            self.pane_grid.show_alone(number)
        self._session.set_active(self.standing.contents[number].digest)
        self._show_focus()

    def _show_focus(self) -> None:
        for number, pane in enumerate(self.panes):
            pane.set_active(len(self.panes) > 1 and number == self._focus)
        self.focus_changed.emit()

    def _hover(self, number: int, position: QPointF) -> None:
        self.corners.cursor = number, position
        self._write_corners()

    @Slot()
    def _forget_cursor(self) -> None:
        self.corners.cursor = None
        self._write_corners()

    # --- looks

    @Slot(object)
    def _show_looks(self, changed: Iterable[int]) -> None:
        """What a step of the window costs: the films, and the words about it; maps stay where they are."""
        for number in changed:
            self.standing.tell_looks(number)
        if self._settling:
            return
        for number in sorted(changed):
            self._draw_film(number)
        if self.focus in changed:
            self.focus_changed.emit()
        if self.standing.all_shown() != self._mapped:
            self._want_films()
            self._draw_maps()
            self._draw_marked()

    def _draw_film(self, number: int) -> None:
        """One pane's film as it looks, at its place."""
        pane, raster, look = self.panes[number], self.standing.raster(number), self.looks[number]
        pane.set_film(raster, look)
        pane.set_message(self._message(number))
        pane.set_orientation(*look.turn.edges(raster.image.orientation if raster is not None else None))
        pane.set_warning(self.tr("⚠ mirrored: what is written on the film, too") if look.turn.mirrored else "")
        self._look_at(number)

    def _look_at(self, number: int) -> None:
        image = self.standing.image(number)
        if image is not None:
            self.panes[number].look_at(self.looks.part(number), image, turned=self.looks[number].turn.quarters % 2 == 1)
            self._look_words.ask()

    def _write_looks(self) -> None:
        self.corners.write_looks(self.panes)

    # --- drawing

    @Slot()
    def _new_image(self) -> None:
        """Within a series films stay as they are looked at; another one begins anew."""
        shown = self._session.shown
        series = series_of(shown) if shown is not None else None
        self.image_replaced.emit()
        self._settling = True  # a film that was read ahead comes while it is asked for: all is drawn once, at the end
        try:
            if series != self._series:
                self._series = series
                self.corners.cursor = None  # within a series the same place of the next slice is looked at
                self.looks.begin_anew()
            self._want_films()
        finally:
            self._settling = False
        self._draw()
        self.focus_changed.emit()

    def _want_films(self) -> None:
        films = self.standing.wanted()
        if films:
            self.films_wanted.emit(films)

    @Slot()
    def _draw(self) -> None:
        for number in range(len(self.panes)):
            self._draw_film(number)
        self._draw_maps()
        self._draw_marked()

    def _message(self, number: int) -> str:
        if self._session.shown is None:
            return self.tr("Choose a study, or drop a folder of films here.")
        if self.standing.shown(number) is None:
            return self.tr("The study has no further image.")
        film = self.standing.film(number)
        if film is None:
            return self.tr("Reading …")
        if film.error is not None and self.corners.hide_identity:  # files are often named after patients
            return self.tr("This image cannot be shown.")
        return str(film.error) if film.error is not None else ""

    @Slot()
    def _draw_maps(self) -> None:
        self._mapped = self.standing.all_shown()
        self._drawing.draw([(pane, self.standing.chosen(number)) for number, pane in enumerate(self.panes)])
        self._write_corners()

    @Slot()
    def _draw_differences(self) -> None:
        if self._session.display.difference:
            self._draw_maps()

    @Slot()
    def _draw_marked(self) -> None:
        for number, pane in enumerate(self.panes):
            chosen = self.standing.chosen(number) is not None
            draw_marked(self._session, pane, self.standing.image(number), chosen=chosen)
        self.standing_changed.emit()

    @Slot()
    def _write_corners(self) -> None:
        self.corners.write(self.panes)
