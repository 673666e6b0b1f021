"""The compare view: checkpoints over films in panes, linked as far as a person wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from xferviewer.gui.display import ShownImage
from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.films import Film
from xferviewer.gui.live_maps import LiveMaps
from xferviewer.gui.mouse_bindings import STANDARD_MOUSE, Mouse
from xferviewer.gui.own_windows import OwnWindow
from xferviewer.gui.pane_layouts import Grid
from xferviewer.gui.session import Session
from xferviewer.gui.throttle import Throttle
from xferviewer.gui.turn import Turn
from xferviewer.gui.views.compare.contents import Content, ahead, contents, places
from xferviewer.gui.views.compare.corner_writing import CornerWriting
from xferviewer.gui.views.compare.film_bar import FilmBar
from xferviewer.gui.views.compare.looks import Looks, Placed
from xferviewer.gui.views.compare.map_drawing import MapDrawing
from xferviewer.gui.views.compare.marked import draw_marked
from xferviewer.gui.views.compare.overlay_bar import OverlayBar
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.gui.views.compare.pane_grid import PaneGrid
from xferviewer.gui.windowing import Preset, dragged, presets
from xferviewer.studies.film_lengths import Calibration
from xferviewer.studies.images import Image, Window


class CompareView(QWidget):
    """Panes in a grid with the overlay bar below them.

    What is done in one pane the others do, too, as far as they are linked in it (see `looks`). Another study keeps the
    links and starts fitted, in its own window.
    """

    stepped = Signal(int)  # the wheel asks for the next (+1) or previous (-1) frame, image or study
    panes_rebuilt = Signal()
    standing_changed = Signal()  # what stands in the panes: other films, or a film that was read
    image_replaced = Signal()  # another image was chosen
    focus_changed = Signal()  # another pane, another film in it, or another look of it
    action_asked = Signal(str)  # the mouse asks for the action of this name
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
        self.corners = CornerWriting(session, self._drawing)
        self.up_is_brighter = drag_up == "brighter"
        self.mouse = STANDARD_MOUSE
        self.own_windows: tuple[OwnWindow, ...] = ()
        self.looks = Looks(unlinked, self)
        self._look_words = Throttle(self._write_looks, self)
        self._films: dict[tuple[str, int], Film] = {}
        self._series: object = None
        self._maximised: int | None = None
        self.blended: tuple[int, int] | None = None
        self._focus = 0
        self._cursors: dict[int, QPointF] = {}
        self.grid: Grid | None = None
        self.said = "all"
        self.panes: list[Pane] = []
        self._standing: list[ShownImage | None] = []  # what the maps lie over
        self._contents: list[Content] = []
        self.films = QWidget()
        self.films.setObjectName("films")
        self.films.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.films.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.films.setAccessibleName(self.tr("Films of the compared checkpoints"))
        self._grid = PaneGrid(self.films)
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
        self._films[film.path, film.frame] = film
        showing = [pane for pane in range(len(self.panes)) if self.film(pane) is film]
        for pane in showing:
            self._place(pane)
            self._draw_film(pane)
        if showing:
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

    def set_mouse(self, mouse: Mouse) -> None:
        """Let the mouse do this."""
        self.mouse = mouse
        for pane in self.panes:
            pane.box.mouse = mouse

    def set_peeking(self, peeking: bool) -> None:
        """Take the maps away for as long as a key is held."""
        if peeking != self._drawing.peeking:
            self._drawing.peeking = peeking
            self._draw_maps()

    # --- what is shown

    @property
    def focus(self) -> int:
        """The pane that keys and menus speak to."""
        return self._maximised if self._maximised is not None else min(self._focus, len(self.panes) - 1)

    def shown(self, pane: int) -> ShownImage | None:
        """What stands in a pane; None beyond the images of the study."""
        shown = self._session.shown
        return ahead(shown, self._contents[pane].ahead + self.looks[pane].ahead) if shown is not None else None

    def film(self, pane: int) -> Film | None:
        """The film of a pane, once it is read."""
        shown = self.shown(pane)
        return self._films.get((str(shown.image.path), shown.frame)) if shown is not None else None

    def raster(self, pane: int) -> FilmRaster | None:
        """The film of a pane as it is drawn."""
        film = self.film(pane)
        return film.raster if film is not None else None

    @property
    def image(self) -> Image | None:
        """The image in the pane in focus, once it is read."""
        raster = self.raster(self.focus)
        return raster.image if raster is not None else None

    def presets(self) -> list[Preset]:
        """The windows that are offered for the film in focus; none until it is read, none for colour."""
        raster = self.raster(self.focus)
        return presets(raster, self.own_windows) if raster is not None else []

    # --- panes

    def set_grid(self, grid: Grid | None) -> None:
        """So many rows and columns of panes; None: a pane for each checkpoint."""
        if grid != self.grid:
            self.grid = grid
            self._arrange()
            self._fill_grid()

    def set_blended(self, panes: tuple[int, int] | None) -> None:
        """Show two panes in one place, the second over the first; None: all of them."""
        self.blended = panes
        self._fill_grid()

    def choose(self, shown: ShownImage) -> None:
        """Let this frame be the one that everything speaks of."""
        if shown != self._session.shown:
            self._session.show(shown)

    def frames(self) -> int:
        """Frames and images of the shown study."""
        return len(places(self._session.shown)) if self._session.shown is not None else 0

    def wrapped(self, by: int) -> int:
        """So many frames after the chosen one, from the last one on to the first."""
        shown = self._session.shown
        if shown is None:
            return 0
        at = places(shown).index((shown.index, shown.frame))
        return (at + by) % self.frames() - at

    def step_focus(self, by: int = 1) -> None:
        """The next pane, round and round."""
        self._press((self.focus + by) % len(self.panes))

    def maximise(self) -> None:
        """The pane in focus alone, or all again."""
        self._maximise(self.focus)

    @Slot()
    def _arrange(self) -> None:
        wanted = contents(self._session.in_panes, self.grid[0] * self.grid[1] if self.grid is not None else None)
        if wanted != self._contents:
            self._rebuild(wanted)
        active = self._session.active
        if self._contents[self._focus].digest != active:
            self._focus = next((p for p, content in enumerate(self._contents) if content.digest == active), 0)
        self._show_focus()
        self._draw()

    def _rebuild(self, wanted: list[Content]) -> None:
        for pane in self.panes:
            self._grid.removeWidget(pane)
            pane.hide()
            pane.deleteLater()
        self._contents = wanted
        self._focus, self._maximised, self.blended = min(self._focus, len(wanted) - 1), None, None
        self.looks.lay_out(len(wanted))
        self.panes = [self._new_pane(number, content.digest) for number, content in enumerate(wanted)]
        self._fill_grid()
        self._want_films()
        for number in range(len(wanted)):
            self._place(number)
        self.panes_rebuilt.emit()

    def _fill_grid(self) -> None:
        self._grid.fill(self.panes, self.grid, alone=self._maximised, blended=self.blended)

    def _new_pane(self, number: int, digest: str) -> Pane:
        pane = Pane(digest, self)
        pane.set_said(self.said)
        pane.box.windowed.connect(partial(self._drag_window, number))
        pane.box.moved.connect(partial(self._move, number))
        pane.box.stepped.connect(partial(self._step, number))
        pane.box.pressed.connect(partial(self._press, number))
        pane.box.mouse = self.mouse
        pane.box.double_clicked.connect(self._double_click)
        pane.box.menu_asked.connect(partial(self.action_asked.emit, "film_menu"))
        pane.box.hovered.connect(partial(self._hover, number))
        pane.resized.connect(partial(self._look_at, number))
        return pane

    def _press(self, number: int) -> None:
        self._focus = number
        if self._maximised is not None and self._maximised != number:
            self._maximised = number
            self._fill_grid()
        self._session.set_active(self._contents[number].digest)
        self._show_focus()

    def _show_focus(self) -> None:
        for number, pane in enumerate(self.panes):
            pane.set_active(len(self.panes) > 1 and number == self._focus)
        self.focus_changed.emit()

    def _maximise(self, number: int) -> None:
        self._maximised = number if self._maximised is None else None
        self._fill_grid()

    # --- what the mouse does in one pane

    @Slot()
    def _double_click(self) -> None:
        if self.mouse.double_click != "nothing":
            self.action_asked.emit(self.mouse.double_click)

    def _move(self, number: int, part: QRectF) -> None:
        if self.raster(number) is not None:
            self.looks.move(number, part)

    def _drag_window(self, number: int, right: float, up: float) -> None:
        raster, look = self.raster(number), self.looks[number]
        if raster is not None and not raster.image.is_colour:
            window = dragged(raster, look.window, right, up, inverted=look.inverted, up_is_brighter=self.up_is_brighter)
            self.looks.set_window(number, window)

    def _step(self, number: int, by: int) -> None:
        """Through frames, images and studies; a pane that is not linked goes through those of its study alone."""
        if "frame" in self.looks.linked:
            self.stepped.emit(by)
            return
        shown = self.shown(number)
        if shown is not None and ahead(shown, by) is not None:
            self.looks.step(number, by)

    def _hover(self, number: int, position: QPointF) -> None:
        self._cursors = {number: position}
        self._write_corners()

    # --- looks

    @Slot(object)
    def _show_looks(self, changed: Iterable[int]) -> None:
        """What a step of the window costs: the films, and the words about it; maps stay where they are."""
        standing = [self.shown(number) for number in range(len(self.panes))]
        for number in sorted(changed):
            self._place(number)
            self._draw_film(number)
        if self.focus in changed:
            self.focus_changed.emit()
        if standing != self._standing:
            self._want_films()
            self._draw_maps()
            self._draw_marked()

    def _draw_film(self, number: int) -> None:
        """One pane's film as it looks, at its place."""
        pane, raster, look = self.panes[number], self.raster(number), self.looks[number]
        pane.set_film(raster, look)
        pane.set_message(self._message(number))
        pane.set_orientation(*look.turn.edges(raster.image.orientation if raster is not None else None))
        pane.set_warning(self.tr("⚠ mirrored: what is written on the film, too") if look.turn.mirrored else "")
        self._look_at(number)

    def _look_at(self, number: int) -> None:
        raster = self.raster(number)
        if raster is not None:
            self.panes[number].look_at(
                self.looks.part(number),
                Calibration.of(raster.image),
                turned=self.looks[number].turn.quarters % 2 == 1,
            )
            self._look_words.ask()

    def _write_looks(self) -> None:
        for number, pane in enumerate(self.panes):
            raster = self.raster(number)
            if raster is not None:
                self.corners.write_look(pane, self.shown(number), raster.image, self.looks[number])

    def _place(self, number: int) -> None:
        """Tell the looks what stands in a pane."""
        raster, shown = self.raster(number), self.shown(number)
        if raster is not None and shown is not None:
            rows, columns = raster.image.pixels.shape[:2]
            self.looks.place(number, Placed(rows, columns, _series(shown)))

    # --- drawing

    @Slot()
    def _new_image(self) -> None:
        """Within a series films stay as they are looked at; another one begins anew."""
        shown = self._session.shown
        series = _series(shown) if shown is not None else None
        self._cursors.clear()
        self.image_replaced.emit()
        if series != self._series:
            self._series = series
            self.looks.begin_anew()
        self._want_films()
        self._draw()

    def _want_films(self) -> None:
        """Ask for the films of all panes; those of no pane are let go."""
        wanted = dict.fromkeys(
            (str(shown.image.path), shown.frame) for shown in map(self.shown, range(len(self.panes))) if shown
        )
        self._films = {key: film for key, film in self._films.items() if key in wanted}
        missing = [(Path(path), frame) for path, frame in wanted if (path, frame) not in self._films]
        if missing:
            self.films_wanted.emit([(Path(path), frame) for path, frame in wanted])

    @Slot()
    def _draw(self) -> None:
        for number in range(len(self.panes)):
            self._draw_film(number)
        self._draw_maps()
        self._draw_marked()

    def _message(self, number: int) -> str:
        if self._session.shown is None:
            return self.tr("Choose a study, or drop a folder of films here.")
        if self.shown(number) is None:
            return self.tr("The study has no further image.")
        film = self.film(number)
        if film is None:
            return self.tr("Reading …")
        if film.error is not None and self.corners.hide_identity:  # files are often named after patients
            return self.tr("This image cannot be shown.")
        return str(film.error) if film.error is not None else ""

    @Slot()
    def _draw_maps(self) -> None:
        self._standing = [self.shown(number) for number in range(len(self.panes))]
        self._drawing.draw([(pane, self._chosen(number)) for number, pane in enumerate(self.panes)])
        self._write_corners()

    def _chosen(self, number: int) -> Image | None:
        """The image of a pane, if it is the chosen one, which maps are made of."""
        raster = self.raster(number)
        return raster.image if raster is not None and self.shown(number) == self._session.shown else None

    @Slot()
    def _draw_differences(self) -> None:
        if self._session.display.difference:
            self._draw_maps()

    @Slot()
    def _draw_marked(self) -> None:
        for number, pane in enumerate(self.panes):
            raster, chosen = self.raster(number), self._chosen(number) is not None
            draw_marked(self._session, pane, raster.image if raster is not None else None, chosen=chosen)
        self.standing_changed.emit()

    # --- corner text

    @Slot()
    def _write_corners(self) -> None:
        for number in range(len(self.panes)):
            self._write_corner(number)

    def _write_corner(self, number: int) -> None:
        raster = self.raster(number)
        image = raster.image if raster is not None else None
        cursor = self.stored(number, self._cursors.get(number))
        self.corners.write(self.panes[number], self.shown(number), image, self.looks[number], cursor)

    def stored(self, number: int, cursor: QPointF | None) -> QPointF | None:
        """A place on a pane's film as shown, in the pixels of the film as stored."""
        raster = self.raster(number)
        if cursor is None or raster is None:
            return None
        to_stored, _ = self.looks[number].turn.transform(*raster.image.pixels.shape[:2]).inverted()
        return to_stored.map(cursor)

    def as_shown(self, number: int, stored: QPointF) -> QPointF:
        """A place in the pixels of the film as stored, on a pane's film as shown."""
        raster = self.raster(number)
        if raster is None:
            return stored
        return self.looks[number].turn.transform(*raster.image.pixels.shape[:2]).map(stored)


def _series(shown: ShownImage) -> tuple[object, ...]:
    """What films of one kind have in common: the series, else the file."""
    return shown.study.id, shown.image.series_uid or shown.image.id, shown.image.rows, shown.image.columns
