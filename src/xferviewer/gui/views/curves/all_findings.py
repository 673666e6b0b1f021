"""The tab of all findings: a small plot of ROC curves for each, filled one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from time import perf_counter

import numpy as np
from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.exchange.curve_plot import Curve, CurvePlot, Guide
from xferviewer.gui.theme import GRID
from xferviewer.gui.views.curves.captions import caption_of, names_of
from xferviewer.gui.views.curves.finding_cell import CellCurve, FindingCell
from xferviewer.gui.views.curves.tab import FIGURE_POINTS, Context, SeenTab
from xferviewer.gui.views.curves.words import lack_text

_CELL_POINTS = 200  # a cell is hardly wider in pixels
_TURN_SECONDS = 0.012  # of each turn of the event loop: the window stays answering while a large cohort is counted
_LEAST_WIDTH = 25 * GRID


class AllFindingsTab(SeenTab):
    """Small multiples: every finding at once, the chosen one marked."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, self.tr("Findings"), self.tr("A click chooses the finding everywhere."))
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.cells: dict[str, FindingCell] = {}
        self._grid = _Grid()
        self._grid.setAccessibleName(self.tr("ROC curves of all findings"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, GRID, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.legend)
        layout.addWidget(self._grid, 1)
        self._shown: dict[str, object] = {}
        self._filling: Iterator[None] | None = None
        self._turn = QTimer(self, singleShot=True, interval=0)
        self._turn.timeout.connect(self._fill)

    @property
    def busy(self) -> bool:
        """Cells are still to be filled."""
        return self._filling is not None

    def draw_now(self) -> None:
        """Cells for the findings there are; those whose numbers may have changed are filled in the next turns."""
        findings = self._session.classifiers.findings
        if tuple(self.cells) != findings:
            self._make_cells(findings)
        for finding, cell in self.cells.items():
            cell.setChecked(finding == self._session.finding)
        self.legend.setText(self._legend())
        self._filling = self._fill_cells()
        self._turn.start()

    def _make_cells(self, findings: Iterable[str]) -> None:
        self._shown.clear()
        self.cells = {finding: FindingCell(finding, self._theme) for finding in findings}
        for cell in self.cells.values():
            cell.clicked.connect(self._choose)
        self._grid.put(list(self.cells.values()))

    def _legend(self) -> str:
        if not self.cells:
            return self.tr("Open a checkpoint to see its ROC curves.")
        names = [
            f'<span style="color: {style_of(place).colour}">▬</span> {escape(each.name)}'
            for place, each in enumerate(self._session.classifiers.all)
        ]
        return " &nbsp; ".join(names) + " · " + self.tr("present / absent; AUC on all cases")

    @Slot()
    def _choose(self) -> None:
        cell = self.sender()
        if isinstance(cell, FindingCell):
            self._session.set_finding(cell.finding)
            cell.setChecked(cell.finding == self._session.finding)  # a second click would take the mark away

    @property
    def has_figure(self) -> bool:
        """Some finding has curves."""
        return any(cell.curves for cell in self.cells.values())

    def figure(self) -> tuple[CurvePlot, ...]:
        """A plot for each finding that has curves; those of findings that are still waiting are computed now."""
        session, names = self._session, names_of(self._session)
        chance = Guide("chance", np.array([0.0, 1.0]), np.array([0.0, 1.0]))
        plots = []
        for finding in self.cells:
            drawn = [each.digest for each in session.classifiers.all if self._live.lack(finding, each.digest) is None]
            curves = []
            for digest in drawn:
                curve = self._live.roc(finding, digest, FIGURE_POINTS)
                style = style_of(session.classifiers.place_of(digest))
                curves.append(Curve(names[digest], style, curve.false_positive_rate, curve.true_positive_rate))
            if curves:
                caption = caption_of(session, self._numbers, finding, drawn, "Thin line: chance.")
                x_name, y_name = "1 - specificity", "sensitivity"
                plots.append(CurvePlot("roc", f"{finding}: ROC", x_name, y_name, tuple(curves), caption, (chance,)))
        return tuple(plots)

    # --- filling

    @Slot()
    def _fill(self) -> None:
        """Fill cells as long as nobody notices."""
        if not self.isVisible():
            self._filling, self._stale = None, True
        start = perf_counter()
        for _ in self._filling or ():
            if perf_counter() - start > _TURN_SECONDS:
                self._turn.start()
                return
        self._filling = None

    def _fill_cells(self) -> Iterator[None]:
        """Bring all cells up to date, one checkpoint at a time."""
        for finding, cell in self.cells.items():
            compared = self._numbers.compared(finding)
            if self._shown.get(finding) is compared:
                continue
            self._shown[finding] = compared
            yield
            curves, lacks = [], []
            for place, each in enumerate(self._session.classifiers.all):
                lack = self._live.lack(finding, each.digest)
                interval = self._numbers.auc(finding, each.digest)
                if lack is not None or interval is None:
                    lacks += [lack_text(lack)] if lack is not None else []
                    continue
                thinned = self._live.roc(finding, each.digest, _CELL_POINTS)
                curves.append(CellCurve(each.name, style_of(place), thinned, interval.auc))
                yield
            why = ", ".join(dict.fromkeys(lacks))
            if finding not in self._session.cohort.findings:
                why = self.tr("no labels")
            cell.show_curves(f"{compared.n_positive:,} / {compared.n_negative:,}", why, curves)


class _Grid(QScrollArea):
    """Cells as large as all of them fit; where they would be too small, there is more to scroll to."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._cells: list[FindingCell] = []
        self._inside = QWidget()

    def put(self, cells: list[FindingCell]) -> None:
        """Show these in place of those before."""
        self._cells = cells
        self._inside = QWidget()
        for cell in cells:
            cell.setParent(self._inside)
        self.setWidget(self._inside)  # deletes the one before, with its cells
        self._lay_out()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the cells out anew."""
        super().resizeEvent(event)
        self._lay_out()

    def _lay_out(self) -> None:
        if not self._cells:
            return
        n, height_of = len(self._cells), self._cells[0].height_of
        width = self.width()
        for columns in range(1, min(max(width // (_LEAST_WIDTH + GRID), 1), n) + 1):
            side = width // columns - GRID
            if -(-n // columns) * (height_of(side) + GRID) <= self.height():
                break
        else:
            width -= self.verticalScrollBar().sizeHint().width()
            columns = min(max(width // (_LEAST_WIDTH + GRID), 1), n)
            side = min(width // columns - GRID, 2 * _LEAST_WIDTH)
        for place, cell in enumerate(self._cells):
            row, column = divmod(place, columns)
            cell.setGeometry(column * (side + GRID), row * (height_of(side) + GRID), side, height_of(side))
        self._inside.resize(columns * (side + GRID), -(-n // columns) * (height_of(side) + GRID))
