"""A drag with Shift along a ROC curve: the cases of that piece of it go to the worklist."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Qt, Signal, Slot

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.compared_cases import Compared
from xferviewer.gui.views.curves.plot import Drag, ZoomPlot, pen_of
from xferviewer.gui.views.curves.tab import Context
from xferviewer.gui.views.curves.words import threshold_text

_DRAWN_POINTS = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a checkpoint's exact curve, by the indices of the points where it was begun and where it is now."""

    compared: Compared
    digest: str
    first: int
    second: int


class SegmentDrag(QObject):
    """Follows the mouse along the curve that it was pressed on; what is in between is drawn and counted."""

    moved = Signal()

    def __init__(self, context: Context, plot: ZoomPlot) -> None:
        super().__init__(plot)
        self._session, self._numbers, self._live = context.session, context.numbers, context.live
        self._plot = plot
        self._piece: Piece | None = None
        plot.dragged.connect(self._drag)

    @property
    def piece(self) -> Piece | None:
        """What is being dragged over; None once its curve is there no more."""
        if self._piece is not None and self._piece.compared is not self._numbers.compared(self._session.finding):
            self._piece = None
        return self._piece

    @Slot(object)
    def _drag(self, drag: Drag) -> None:
        finding, pixel, piece = self._session.finding, self._plot.pixel_size(), self.piece
        if piece is None:
            begun = self._live.nearest_curve(finding, (drag.start.x(), drag.start.y()), pixel)
            if begun is None:
                return
            piece = Piece(self._numbers.compared(finding), *begun, begun[1])
        now, _ = self._live.nearest_point(finding, piece.digest, (drag.now.x(), drag.now.y()), pixel)
        self._piece = replace(piece, second=now)
        if drag.finished:
            rows = self._live.cases_between(finding, piece.digest, piece.first, now)
            title = self._title()
            self._piece = None
            if rows.size:
                self._numbers.show_cases(title, rows.tolist())
        self.moved.emit()

    def draw(self) -> None:
        """The piece as a thick line over its curve."""
        piece = self.piece
        if piece is None:
            return
        curve = self._numbers.curve(self._session.finding, piece.digest)
        first, second = sorted((piece.first, piece.second))
        step = max((second - first) // _DRAWN_POINTS, 1)
        places = [*range(first, second, step), second]
        pen = pen_of(style_of(self._session.classifiers.place_of(piece.digest)), 5)
        pen.setStyle(Qt.PenStyle.SolidLine)
        self._plot.line("segment", curve.false_positive_rate[places], curve.true_positive_rate[places], pen, z=3)

    def words(self) -> str:
        """How many cases of either class are in it."""
        piece = self.piece
        if piece is None:
            return ""
        curve = self._numbers.curve(self._session.finding, piece.digest)
        present, absent = (
            abs(int(counts[piece.first] - counts[piece.second]))
            for counts in (curve.true_positives, curve.false_positives)
        )
        return self.tr("{0} present, {1} absent").format(f"{present:,}", f"{absent:,}")

    def _title(self) -> str:
        piece, finding = self.piece, self._session.finding
        scored = self._session.classifiers.find(piece.digest) if piece is not None else None
        if piece is None or scored is None:
            return ""
        limits = sorted(self._live.threshold_of(finding, piece.digest, point) for point in (piece.first, piece.second))
        low, high = map(threshold_text, limits)
        return self.tr("{0}: {1} from {2} to {3} ({4})").format(finding, scored.name, low, high, self.words())
