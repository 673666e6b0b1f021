"""What stands in the panes: the image of each, its film once it is read, and where places on it lie."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPointF

from xferviewer.gui.display import ShownImage
from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.films import Film
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare.contents import Content, ahead, places
from xferviewer.gui.views.compare.looks import Looks, Placed
from xferviewer.studies.images import Image


class Standing:
    """Panes by their numbers, and the films that are theirs.

    contents  which checkpoint each pane has, and how many images it lies after the chosen one
    """

    def __init__(self, session: Session, looks: Looks) -> None:
        self._session = session
        self._looks = looks
        self.contents: list[Content] = []
        self._films: dict[tuple[str, int], Film] = {}

    def shown(self, pane: int) -> ShownImage | None:
        """What stands in a pane; None beyond the images of the study."""
        shown = self._session.shown
        return ahead(shown, self.contents[pane].ahead + self._looks[pane].ahead) if shown is not None else None

    def all_shown(self) -> list[ShownImage | None]:
        """What stands in every pane."""
        return [self.shown(pane) for pane in range(len(self.contents))]

    def film(self, pane: int) -> Film | None:
        """The film of a pane, once it is read."""
        shown = self.shown(pane)
        return self._films.get((str(shown.image.path), shown.frame)) if shown is not None else None

    def raster(self, pane: int) -> FilmRaster | None:
        """The film of a pane as it is drawn."""
        film = self.film(pane)
        return film.raster if film is not None else None

    def image(self, pane: int) -> Image | None:
        """The image of a pane, once it is read."""
        raster = self.raster(pane)
        return raster.image if raster is not None else None

    def chosen(self, pane: int) -> Image | None:
        """The image of a pane, if it is the chosen one, which maps are made of."""
        return self.image(pane) if self.shown(pane) == self._session.shown else None

    # --- films

    def take_in(self, film: Film) -> list[int]:
        """A film was read; the panes that it stands in."""
        self._films[film.path, film.frame] = film
        return [pane for pane in range(len(self.contents)) if self.film(pane) is film]

    def wanted(self) -> list[tuple[Path, int]]:
        """The films of all panes, where one of them is missing; those of no pane are let go."""
        wanted = dict.fromkeys((str(shown.image.path), shown.frame) for shown in self.all_shown() if shown is not None)
        self._films = {key: film for key, film in self._films.items() if key in wanted}
        return [(Path(path), frame) for path, frame in wanted] if len(self._films) < len(wanted) else []

    def tell_looks(self, pane: int) -> None:
        """Tell the looks how large the film of a pane is, and which series it is of."""
        image, shown = self.image(pane), self.shown(pane)
        if image is not None and shown is not None:
            rows, columns = image.pixels.shape[:2]
            self._looks.place(pane, Placed(rows, columns, group_of(shown)))

    # --- frames of the study

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

    def step_round(self, pane: int) -> int:
        """How many frames it is to the next one of a pane, from the last one to the first; 0 where it has none."""
        shown = self.shown(pane)
        if shown is None:
            return 0
        at = places(shown).index((shown.index, shown.frame))
        return (at + 1) % self.frames() - at

    # --- places

    def stored(self, pane: int, cursor: QPointF | None) -> QPointF | None:
        """A place on a pane's film as shown, in the pixels of the film as stored."""
        image = self.image(pane)
        if cursor is None or image is None:
            return None
        to_stored, _ = self._looks[pane].turn.transform(*image.pixels.shape[:2]).inverted()
        return to_stored.map(cursor)

    def as_shown(self, pane: int, stored: QPointF) -> QPointF:
        """A place in the pixels of the film as stored, on a pane's film as shown."""
        image = self.image(pane)
        if image is None:
            return stored
        return self._looks[pane].turn.transform(*image.pixels.shape[:2]).map(stored)


def group_of(shown: ShownImage) -> tuple[object, ...]:
    """What films that are linked have in common: the series, else the file."""
    return shown.study.id, shown.image.series_uid or shown.image.id


def series_of(shown: ShownImage) -> tuple[object, ...]:
    """What films have in common that are stepped through at one place and zoom: they are equally large, too."""
    return *group_of(shown), shown.image.rows, shown.image.columns
