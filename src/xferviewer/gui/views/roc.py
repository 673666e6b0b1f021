"""The ROC panel: the curves of all checkpoints for the chosen finding, their operating points, and what is retained."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from xferviewer.evaluation.operating_points import confusion_at
from xferviewer.evaluation.roc import RocCurve, thin
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.live_points import origin_here
from xferviewer.gui.number_text import interval_text, rate_text
from xferviewer.gui.rate_plot import RatePlot
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme

PEN_STYLES = {
    "solid": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
    "dashdot": Qt.PenStyle.DashDotLine,
}
_NEAREST_PIXELS = 24


class _Square(QWidget):
    """Keeps a plot square, as large as there is room: a layout would make its size a wish and move the panels."""

    def __init__(self, plot: pg.PlotWidget) -> None:
        super().__init__()
        self._plot = plot
        plot.setParent(self)
        self.setMinimumSize(40 * GRID, 40 * GRID)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Centre the square."""
        side = min(self.width(), self.height())
        self._plot.setGeometry((self.width() - side) // 2, (self.height() - side) // 2, side, side)


class RocPanel(QWidget):
    """Thick: what is retained at the referral rate. Thin: all cases. Dot: the operating point; a click sets it."""

    def __init__(self, session: Session, numbers: LiveNumbers, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        self.heading = QLabel()
        self.heading.setWordWrap(True)
        self.plot = RatePlot(
            theme, self.tr("ROC curves"), self.tr("1 − specificity"), self.tr("sensitivity"), 1.0, (-GRID, -GRID)
        )
        self.plot.plot([0, 1], [0, 1], pen=pg.mkPen(theme.line, style=Qt.PenStyle.DashLine))
        self.readout = QLabel()
        self.readout.setObjectName("faint")
        self.readout.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(self.heading)
        layout.addWidget(_Square(self.plot), 1)
        layout.addWidget(self.readout)
        self.plot.scene().sigMouseClicked.connect(self._click)
        self.plot.scene().sigMouseMoved.connect(self._hover)
        numbers.changed.connect(self._draw)
        session.finding_changed.connect(self._draw)
        self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what changed while nobody looked."""
        super().showEvent(event)
        self._draw()

    @Slot()
    def _draw(self) -> None:
        if not self.isVisible():
            return
        self.plot.clear_drawn()
        finding = self._session.finding
        compared = self._numbers.compared(finding)
        self.heading.setText(self._heading())
        self.readout.setText("")
        if not compared.n_positive or not compared.n_negative:
            return
        for digest in compared.digests:
            self._draw_checkpoint(finding, digest)

    def _heading(self) -> str:
        session, finding = self._session, self._session.finding
        compared = self._numbers.compared(finding)
        if not finding or not compared.digests:
            return self.tr("Open a checkpoint to see its ROC curve.")
        if finding not in session.cohort.findings:
            return self.tr("No label table names {0}: open one (Ctrl+L) to see ROC curves.").format(finding)
        counts = self.tr("{0} present, {1} absent").format(compared.n_positive, compared.n_negative)
        missing = len(self._numbers.cases().cases) - len(compared.rows)
        waiting = self.tr("; {0} images not predicted yet").format(missing) if missing else ""
        if not compared.n_positive or not compared.n_negative:
            waiting += self.tr("; a curve needs both")
        return f"<b>{finding}</b> · {counts}{waiting} · {self.tr('unit: image, score: raw probability')}"

    def _draw_checkpoint(self, finding: str, digest: str) -> None:
        style = style_of(self._session.place_of(digest))
        checkpoint = self._session.scored_as(digest)
        dash = PEN_STYLES[style.dash]
        interval = self._numbers.auc(finding, digest)
        if checkpoint is None or interval is None:
            return
        name = f"{checkpoint.name}  {interval_text(interval.auc, interval.lower, interval.upper, 2)}"
        whole = thin(self._numbers.curve(finding, digest))
        if self._session.referral_rate > 0:
            faint = pg.mkColor(style.colour)
            faint.setAlpha(110)
            self._add(whole, pg.mkPen(faint, width=1, style=dash))
            retained = self._numbers.retained_curve(finding, digest)
            self._add(retained, pg.mkPen(style.colour, width=2, style=dash), name)
        else:
            self._add(whole, pg.mkPen(style.colour, width=2, style=dash), name)
        self._add_operating_point(finding, digest, style.colour)

    def _add(self, curve: RocCurve, pen: object, name: str = "") -> None:
        self.plot.draw(pg.PlotDataItem(curve.false_positive_rate, curve.true_positive_rate, pen=pen), name)

    def _add_operating_point(self, finding: str, digest: str, colour: str) -> None:
        state = self._numbers.state(finding)
        place = self._numbers.compared(finding).digests.index(digest)
        dot = pg.ScatterPlotItem(
            [1 - state.specificity[place]], [state.sensitivity[place]], size=11, brush=colour, pen=pg.mkPen("#000000")
        )
        self.plot.draw(dot)

    def _nearest(self, position: QPointF) -> tuple[str, int] | None:
        """The checkpoint and the place on its curve next to a position of the scene, if one is near."""
        box = self.plot.getPlotItem().vb
        if not box.sceneBoundingRect().contains(position):
            return None
        at, pixel = box.mapSceneToView(position), box.viewPixelSize()
        best: tuple[float, str, int] | None = None
        compared = self._numbers.compared(self._session.finding)
        if not compared.n_positive or not compared.n_negative:
            return None
        for digest in compared.digests:
            curve = self._numbers.curve(self._session.finding, digest)
            away = np.hypot(
                (curve.false_positive_rate - at.x()) / pixel[0], (curve.true_positive_rate - at.y()) / pixel[1]
            )
            point = int(np.argmin(away))
            if away[point] < _NEAREST_PIXELS and (best is None or away[point] < best[0]):
                best = float(away[point]), digest, point
        return (best[1], best[2]) if best else None

    @Slot(object)
    def _hover(self, position: QPointF) -> None:
        found = self._nearest(position)
        if found is None:
            return
        digest, point = found
        finding, checkpoint = self._session.finding, self._session.scored_as(digest)
        compared, curve = self._numbers.compared(finding), self._numbers.curve(finding, digest)
        threshold = float(curve.thresholds[point])
        row = compared.scores[compared.digests.index(digest)]
        counts = confusion_at(compared.labels, row, threshold)
        name = checkpoint.name if checkpoint is not None else ""
        self.readout.setText(
            self.tr("{0} at p > {1}: sensitivity {2}, specificity {3} ({4} true and {5} false positive of {6})").format(
                name,
                f"{threshold:.3f}",
                rate_text(counts.sensitivity.value),
                rate_text(counts.specificity.value),
                counts.true_positive,
                counts.false_positive,
                len(compared.rows),
            )
        )

    @Slot(object)
    def _click(self, event: object) -> None:
        found = self._nearest(event.scenePos())  # type: ignore[attr-defined]
        if found is not None:
            digest, point = found
            threshold = float(self._numbers.curve(self._session.finding, digest).thresholds[point])
            origin = origin_here(self._session, self.tr("point on the curve"))
            self._session.set_thresholds(self._session.finding, {digest: threshold}, origin)
