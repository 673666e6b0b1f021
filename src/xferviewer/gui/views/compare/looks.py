"""How each pane shows its film, and which panes follow when one of them is changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, QPointF, QRectF, Signal
from PySide6.QtGui import QTransform

from xferviewer.gui.turn import UPRIGHT, Turn
from xferviewer.studies.voi import Window

LINKS = ("pan", "zoom", "window", "frame", "turn")
"""What panes can do together; inverting belongs to the window, mirroring to the turn."""


_CLOSEST = 2.0  # pixels of the film across the pane
_FARTHEST = 16.0  # widths of the film across the pane


@dataclass(frozen=True, slots=True)
class Look:
    """How one pane shows its film.

    part      of the film as shown, in its pixels; None: all of it
    window    None: as the file says
    inverted  bright and dark exchanged by the user, on top of the film's own polarity
    ahead     frames or images that this pane is ahead of its place, by its own steps
    """

    part: QRectF | None = None
    window: Window | None = None
    inverted: bool = False
    turn: Turn = UPRIGHT
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """What a pane shows, as far as links ask: rows and columns as stored, and what it is related to.

    group  panes of one group belong together: one series, or one file; None: nothing is shown
    """

    rows: int = 1
    columns: int = 1
    group: Hashable = None


class Looks(QObject):
    """The looks of all panes. A change goes to those panes that are linked in it and show something related."""

    changed = Signal(object)  # frozenset[int]: the panes whose look is another one
    links_changed = Signal()

    def __init__(self, unlinked: Iterable[str] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.linked = frozenset(LINKS).difference(unlinked)
        self._looks: list[Look] = []
        self._placed: list[Placed] = []

    def __getitem__(self, pane: int) -> Look:
        return self._looks[pane]

    def __iter__(self) -> Iterator[Look]:
        return iter(self._looks)

    def lay_out(self, count: int) -> None:
        """There are so many panes now; new ones look as the first."""
        first = replace(self._looks[0], ahead=0) if self._looks else Look()
        self._looks = [*self._looks[:count], *[first] * (count - len(self._looks))]
        self._placed = [*self._placed[:count], *[Placed()] * (count - len(self._placed))]

    def place(self, pane: int, placed: Placed) -> None:
        """A pane shows this now."""
        self._placed[pane] = placed

    def begin_anew(self) -> None:
        """Another study: films are whole, upright and in their own windows again; links and inversion stay."""
        self._looks = [Look(inverted=look.inverted) for look in self._looks]
        self.changed.emit(frozenset(range(len(self._looks))))

    def link(self, what: str, *, linked: bool) -> None:
        """Let the panes do one of LINKS together, or each for itself."""
        self.linked = self.linked | {what} if linked else self.linked - {what}
        self.links_changed.emit()

    # --- changes by a person

    def move(self, pane: int, part: QRectF | None) -> None:
        """Bring this part into view, None for all of the film; others follow in place, in size, or both."""
        before = self.part(pane)
        after = part if part is not None else self._whole(pane)
        whole = self._whole(pane).width()
        if not min(_CLOSEST, whole) <= after.width() <= _FARTHEST * whole:
            return  # nothing of the film could be told any more
        resized = abs(after.width() - before.width()) > 1e-9 * before.width()

        def follow(other: int) -> Look:
            if part is None and {"pan", "zoom"} <= self.linked:
                return replace(self._looks[other], part=None)
            own, there = self.part(other), self._in_pixels_of(other, after, pane)
            size = there.size() if "zoom" in self.linked and resized else own.size()
            centre = there.center() if "pan" in self.linked else own.center()
            moved = QRectF(QPointF(), size)
            moved.moveCenter(centre)
            return replace(self._looks[other], part=moved)

        followers = self._related(pane) if self.linked & {"pan", "zoom"} else []
        self._change({other: follow(other) for other in followers} | {pane: replace(self._looks[pane], part=part)})

    def set_window(self, pane: int, window: Window | None) -> None:
        """Show this window."""
        self._together(pane, "window", lambda look: replace(look, window=window))

    def set_inverted(self, pane: int, *, inverted: bool) -> None:
        """Exchange bright and dark, or show the film in its own polarity."""
        self._together(pane, "window", lambda look: replace(look, inverted=inverted))

    def turn(self, pane: int, how: Callable[[Turn], Turn]) -> None:
        """Turn or mirror what is shown; the part in view stays. What is linked is turned like the pane."""
        changed = {}
        turn = how(self._looks[pane].turn)
        for each in [*(self._related(pane) if "turn" in self.linked else []), pane]:
            look, placed = self._looks[each], self._placed[each]
            part = look.part
            if part is not None:
                to_stored, _ = look.turn.transform(placed.rows, placed.columns).inverted()
                part = (to_stored * turn.transform(placed.rows, placed.columns)).mapRect(part)
            changed[each] = replace(look, turn=turn, part=part)
        self._change(changed)

    def step(self, pane: int, by: int) -> None:
        """Move one pane on by its own frames or images."""
        self._change({pane: replace(self._looks[pane], ahead=self._looks[pane].ahead + by)})

    def run_on(self, by: int) -> None:
        """All panes by so many frames or images, each from where it is."""
        self._change({pane: replace(look, ahead=look.ahead + by) for pane, look in enumerate(self._looks)})

    def reset(self, pane: int) -> None:
        """Whole film, upright, in its own window and polarity and at its place: the pane, and what is linked to it."""
        plain = Look()
        changed = {}
        for other in self._related(pane):
            look = self._looks[other]
            if {"pan", "zoom"} & self.linked:
                look = replace(look, part=None)
            if "window" in self.linked:
                look = replace(look, window=None, inverted=False)
            if "turn" in self.linked:
                look = replace(look, turn=plain.turn, part=None)
            if "frame" in self.linked:
                look = replace(look, ahead=0)
            changed[other] = look
        self._change(changed | {pane: plain})

    # --- what follows from it

    def part(self, pane: int) -> QRectF:
        """The part of the film as shown that the pane is to bring into view, in its pixels."""
        part = self._looks[pane].part
        return part if part is not None else self._whole(pane)

    def _in_pixels_of(self, other: int, part: QRectF, pane: int) -> QRectF:
        """The same part of another pane's film: of the same share of its width and height."""
        there, here = self._whole(other), self._whole(pane)
        return QTransform.fromScale(there.width() / here.width(), there.height() / here.height()).mapRect(part)

    def _whole(self, pane: int) -> QRectF:
        placed = self._placed[pane]
        rows, columns = self._looks[pane].turn.size(placed.rows, placed.columns)
        return QRectF(0, 0, columns, rows)

    def _related(self, pane: int) -> Sequence[int]:
        """The other panes that show something of the same group."""
        group = self._placed[pane].group
        panes = range(len(self._looks))
        return [other for other in panes if other != pane and group is not None and self._placed[other].group == group]

    def _together(self, pane: int, link: str, change: Callable[[Look], Look]) -> None:
        panes = [*(self._related(pane) if link in self.linked else []), pane]
        self._change({each: change(self._looks[each]) for each in panes})

    def _change(self, looks: dict[int, Look]) -> None:
        changed = frozenset(pane for pane, look in looks.items() if look != self._looks[pane])
        for pane in changed:
            self._looks[pane] = looks[pane]
        if changed:
            self.changed.emit(changed)
